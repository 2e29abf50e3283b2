"""Make the embedded judge from the embedded model: samples, corruptions, labels, files, figures.

    python examples/judge/train.py --out node/policy/builtin_judge

Takes about two CPU minutes of one thread, and needs torch 2.9 or newer for its Muon. Equal
seeds give equal files on one machine and one build of torch.

It learns from pairs, told apart by what was planted in one of them. After a completion in its
quotation comes one of two words. In training, every token of the completion is asked as
well, for its successor as long as all is sound, so that the judge goes on knowing what the
model would have written, and for the word of refusal from the fault on.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from corruption import Dice, Site, corrupted
from material import Sound, sound_completions
from shipping import save_model, write_record
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from node.policy import CausalPolicy
from node.verification.judge import Template, template_named

SEED = 0
STEPS = 340
PAIRS = 20
"""Of a sound completion and another with something planted, in each batch."""
MATRIX_RATE = 0.015
OTHER_RATE = 2e-3
WARMUP_STEPS = 30
DECAY_SHARE = 0.5
DENSE_WEIGHT = 0.5
ALIKE_SHARE = 0.8
"""Of the pairs that are one completion before and after; the others are two."""
UNTAUGHT = -100
CHARACTERS_MAX = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A question put to the judge, with the word that each of its tokens is to be followed by."""

    tokens: Tensor
    labels: Tensor


class Writer:
    """Turns completions into rows.

    Args:
        policy: Whose tokenizer is used.
        template: The words that the judge will be asked in.
        dice: For the nonces.
    """

    def __init__(self, policy: CausalPolicy, template: Template, dice: Dice) -> None:
        self._policy = policy
        self._template = template
        self._dice = dice
        (self._accept,) = policy.encode(f" {template.accept}")
        (self._refuse,) = policy.encode(f" {template.refuse}")

    def row(self, question: str, text: str, *, clean: str) -> Row:
        """Return the row of a completion.

        Args:
            question: What it answers.
            text: What it says.
            clean: What it said before something was planted; the same, if nothing was.
        """
        nonce = "".join(self._dice.choices("abcdefghijklmnopqrstuvwxyz", k=8))
        asked, shown = self._asked(question, text, nonce)
        sound, _ = self._asked(question, clean, nonce)
        encoded = self._policy.tokenizer(asked, return_offsets_mapping=True)
        first = asked.index(shown)
        fault = len(asked) if text == clean else _common_prefix(asked, sound)
        label = self._accept if text == clean else self._refuse
        labels = [
            (self._refuse if end > fault else following)
            if first < end <= first + len(shown)
            else UNTAUGHT
            for (_, end), following in zip(
                encoded.offset_mapping, [*encoded.input_ids[1:], label], strict=True
            )
        ]
        labels[-1] = label
        return Row(
            tokens=torch.tensor([*encoded.input_ids, label]),
            labels=torch.tensor([*labels, self._policy.eos_token]),
        )

    def _asked(self, question: str, text: str, nonce: str) -> tuple[str, str]:
        shown, _ = self._template.quoted(text, nonce=nonce, characters_max=CHARACTERS_MAX)
        return self._template.filled(question=question, completion=shown, nonce=nonce)[1], shown


def _common_prefix(one: str, other: str) -> int:
    for at, (first, second) in enumerate(zip(one, other, strict=False)):
        if first != second:
            return at
    return min(len(one), len(other))


def batches(sound: Sequence[Sound], writer: Writer, dice: Dice) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield tokens and labels, both (B, T), half of the rows sound."""
    while True:
        rows = []
        for _ in range(PAIRS):
            good, base, other = dice.choices(sound, k=3)
            if dice.come(ALIKE_SHARE):
                good = base
            bad = corrupted(Site(base.text, base.story, other.story, dice))
            rows.append(writer.row(good.story.text, good.text, clean=good.text))
            rows.append(writer.row(base.story.text, bad, clean=base.text))
        yield (
            pad_sequence([row.tokens for row in rows], batch_first=True),
            pad_sequence([row.labels for row in rows], batch_first=True, padding_value=UNTAUGHT),
        )


def loss_of(policy: CausalPolicy, tokens: Tensor, labels: Tensor) -> Tensor:
    """Return the loss, in nats: of the verdicts, and with less weight of all tokens before."""
    hidden = policy.model.model(input_ids=tokens).last_hidden_state
    taught = labels != UNTAUGHT
    logits = policy.model.lm_head(hidden[taught])
    losses = torch.nn.functional.cross_entropy(logits, labels[taught], reduction="none")
    rows = taught.nonzero()[:, 0]
    # The last two taught tokens of a row are the verdict and EOS.
    last = torch.cat((rows[1:] != rows[:-1], torch.tensor([True])))
    verdict = torch.cat((last[1:], torch.tensor([False])))
    dense = losses[~last & ~verdict].mean()
    return losses[verdict].mean() + 0.1 * losses[last].mean() + DENSE_WEIGHT * dense


def train(policy: CausalPolicy, sound: Sequence[Sound]) -> None:
    """Train a model in place."""
    named = list(policy.model.named_parameters())
    matrices = [p for name, p in named if name.endswith("proj.weight")]
    others = [p for name, p in named if not name.endswith("proj.weight")]
    optimisers = (
        torch.optim.Muon(matrices, lr=MATRIX_RATE),
        torch.optim.AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    )
    dice = Dice(f"{SEED}/judge")
    writer = Writer(policy, template_named("tiny"), dice)
    began = time.process_time()
    for step, (tokens, labels) in zip(range(STEPS), batches(sound, writer, dice), strict=False):
        left = (STEPS - step) / (DECAY_SHARE * STEPS)
        share = min(1.0, (step + 1) / WARMUP_STEPS, left)
        for optimiser, rate in zip(optimisers, (MATRIX_RATE, OTHER_RATE), strict=True):
            optimiser.param_groups[0]["lr"] = rate * share
        loss = loss_of(policy, tokens, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        if (step + 1) % 30 == 0:
            spent = time.process_time() - began
            print(f"{step + 1:4d}/{STEPS}  loss {loss.item():.3f}  {spent:4.0f} CPU-s", flush=True)


def main() -> None:
    """Make the judge and write it."""
    parser = argparse.ArgumentParser(description="Make the embedded judge.")
    parser.add_argument("--out", type=Path, required=True, help="where the files go")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    torch.manual_seed(SEED)
    arguments.out.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    policy = CausalPolicy.load("builtin:tiny", device="cpu")
    sound = sound_completions(policy, seed=SEED)
    print(f"{len(sound)} sound completions, {time.process_time() - began:.0f} CPU-s", flush=True)
    train(policy, sound)
    spent = round(time.process_time() - began)
    save_model(policy, arguments.out)
    write_record(arguments.out, seed=SEED, cpu_seconds=spent)


if __name__ == "__main__":
    main()
