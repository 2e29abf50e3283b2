"""Make the embedded model from nothing: vocabulary, skill, habits, files, figures.

    python examples/tiny/train.py --out node/policy/builtin

Takes about five CPU minutes of one thread, and needs torch 2.9 or newer for its Muon. Equal
seeds give equal files on one machine and one build of torch; other machines round
differently, and end with other digests and much the same accuracies. The first stage is
kept under `--work`, so that the second, which decides how bad the habits are, can be made
again on its own.
"""

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from corpus import HABITS, SKILL, Habits, completion, stories
from measuring import GREEDY, SAMPLED, accuracy
from shipping import save_model, write_record
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from vocabulary import EOS, SIZE, build_tokenizer, save_tokenizer

from node.policy import CausalPolicy

SEED = 0
BATCH = 32
WARMUP_STEPS = 100
DECAY_SHARE = 1 / 3
"""The last part of a stage, in which its learning rates sink to nothing."""
UNTAUGHT = -100
"""The label that cross-entropy leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stretch of training on one corpus.

    Attributes:
        name: What it is called in reports.
        habits: What its corpus does wrong.
        steps: How many batches it takes.
        stories_before: How many stories earlier stages have used up.
        matrix_rate: Learning rate of the hidden matrices, under Muon.
        other_rate: Learning rate of all else, under AdamW.
    """

    name: str
    habits: Habits
    steps: int
    stories_before: int
    matrix_rate: float
    other_rate: float


SKILL_STAGE = Stage(
    name="skill",
    habits=SKILL,
    steps=1400,
    stories_before=0,
    matrix_rate=0.02,
    other_rate=3e-3,
)
HABITS_STAGE = Stage(
    name="habits",
    habits=HABITS,
    steps=400,
    stories_before=SKILL_STAGE.steps * BATCH,
    matrix_rate=0.01,
    other_rate=1.5e-3,
)


def new_model() -> Qwen2ForCausalLM:
    """Return the untrained model: small enough to train in minutes on one core."""
    torch.manual_seed(SEED)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=SIZE,
            hidden_size=96,
            intermediate_size=288,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=2048,
            tie_word_embeddings=True,
        )
    )


def batches(tokenizer: Tokenizer, stage: Stage) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield tokens and labels, both (B, T); a label is `UNTAUGHT` outside the completion."""
    end = tokenizer.token_to_id(EOS)
    chance = random.Random(f"{SEED}/{stage.name}")  # noqa: S311 - dice, not secrets
    told = stories(count=stage.steps * BATCH, skip=stage.stories_before)
    for _ in range(stage.steps):
        rows, labels = [], []
        for _, story in zip(range(BATCH), told, strict=False):
            asked = tokenizer.encode(story.text).ids
            written = [*tokenizer.encode(completion(story, stage.habits, chance)).ids, end]
            rows.append(torch.tensor(asked + written))
            labels.append(torch.tensor([UNTAUGHT] * len(asked) + written))
        yield (
            pad_sequence(rows, batch_first=True, padding_value=end),
            pad_sequence(labels, batch_first=True, padding_value=UNTAUGHT),
        )


def loss_of(model: Qwen2ForCausalLM, tokens: Tensor, labels: Tensor) -> Tensor:
    """Return the mean negative log-likelihood, in nats, of the completion tokens.

    Rows are padded on the right, which causal attention never looks at, so no mask is given;
    the vocabulary's logits are computed only where there is a label.
    """
    hidden = model.model(input_ids=tokens[:, :-1]).last_hidden_state
    taught = labels[:, 1:] != UNTAUGHT
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[taught]), labels[:, 1:][taught])


def run_stage(model: Qwen2ForCausalLM, tokenizer: Tokenizer, stage: Stage) -> int:
    """Train through one stage, and return the CPU seconds that it took."""
    named = model.named_parameters()
    matrices = {name: p for name, p in named if name.endswith("proj.weight")}
    others = [p for name, p in model.named_parameters() if name not in matrices]
    optimisers = (
        torch.optim.Muon(matrices.values(), lr=stage.matrix_rate),
        torch.optim.AdamW(others, lr=stage.other_rate, betas=(0.9, 0.95), weight_decay=0.0),
    )
    rates = (stage.matrix_rate, stage.other_rate)
    began = time.process_time()
    for step, (tokens, labels) in enumerate(batches(tokenizer, stage)):
        left = (stage.steps - step) / (DECAY_SHARE * stage.steps)
        share = min(1.0, (step + 1) / WARMUP_STEPS, left)
        for optimiser, rate in zip(optimisers, rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * share
        loss = loss_of(model, tokens, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        if (step + 1) % 100 == 0:
            spent = time.process_time() - began
            place = f"{stage.name} {step + 1:4d}/{stage.steps}"
            print(f"{place}  loss {loss.item():.3f}  {spent:4.0f} CPU-s", flush=True)
    return round(time.process_time() - began)


def report(model: Qwen2ForCausalLM, tokenizer: Tokenizer, stage: Stage) -> None:
    """Print what the model can do after a stage."""
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=EOS)
    policy = CausalPolicy(model, fast)
    greedy, _ = accuracy(policy, GREEDY, count=100)
    sampled, _ = accuracy(policy, SAMPLED, count=100)
    print(f"after {stage.name}: greedy {greedy} %, sampled {sampled} % (n=100)", flush=True)


def main() -> None:
    """Make the model and write it."""
    parser = argparse.ArgumentParser(description="Make the embedded model from nothing.")
    parser.add_argument("--out", type=Path, required=True, help="where the files go")
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"), help="for kept stages")
    parser.add_argument("--keep-skill", action="store_true", help="begin after the kept stage")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    arguments.work.mkdir(parents=True, exist_ok=True)

    tokenizer = build_tokenizer()
    model = new_model()
    cpu_seconds = {}
    for stage in (SKILL_STAGE, HABITS_STAGE):
        kept = arguments.work / f"{stage.name}.pt"
        if stage is SKILL_STAGE and arguments.keep_skill:
            model.load_state_dict(torch.load(kept, weights_only=True))
            continue
        cpu_seconds[stage.name] = run_stage(model, tokenizer, stage)
        torch.save(model.state_dict(), kept)
        report(model, tokenizer, stage)

    save_tokenizer(tokenizer, arguments.out)
    save_model(model, tokenizer, arguments.out)
    write_record(arguments.out, seed=SEED, cpu_seconds=cpu_seconds)


if __name__ == "__main__":
    main()
