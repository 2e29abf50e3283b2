"""A judge in this process: any local causal model, asked for its next token's probabilities.

It knows models and questions, and no completion. One forward pass answers a batch.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jinja2
import torch

from node.faults import ModelFault
from node.policy import CausalPolicy, SampleRequest, SamplingParameters
from node.verdict import Reason
from node.verification.judge.replies import Leaning, Question, Reply, Said, Silence

BATCH_TOKENS_MAX = 16_384
"""Of a batch, padding included; bounds its memory, and how far past its time one can run."""


class LocalJudge:
    """A model that judges.

    Args:
        policy: The model with its tokenizer.
        name: What settings call it.
        template: The template that suits it.
        clock: Seconds, as `time.monotonic`.

    Raises:
        ModelFault: It cannot say a label in one token; when it is first asked.
    """

    def __init__(
        self,
        policy: CausalPolicy,
        *,
        name: str,
        template: str = "default",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.template = template
        self.reserved: tuple[str, ...] = tuple(
            sorted(token for token in policy.tokenizer.get_added_vocab() if token.strip())
        )
        self._policy = policy
        self._clock = clock
        self._labels: dict[str, list[int]] = {}

    def ask(self, questions: list[Question], *, until: float) -> list[Reply]:
        """Return a reply to each question, in their order."""
        asked = [prompt_tokens(self._policy, q.system, q.user) for q in questions]
        replies: list[Reply] = [
            Silence(Reason.JUDGE_UNASKED, "the round's time for judging was up")
        ] * len(questions)
        fitting = []
        for at, (tokens, question) in enumerate(zip(asked, questions, strict=True)):
            if self._fits(len(tokens) + question.tokens_max):
                fitting.append(at)
            else:
                detail = f"{len(tokens)} tokens exceed the judge's positions"
                replies[at] = Silence(Reason.JUDGE_SILENT, detail)
        for batch in _batches(fitting, [len(tokens) for tokens in asked]):
            if self._clock() >= until:
                break
            answered = self._answer([questions[at] for at in batch], [asked[at] for at in batch])
            for at, reply in zip(batch, answered, strict=True):
                replies[at] = reply
        return replies

    def _fits(self, count: int) -> bool:
        positions = getattr(self._policy.model.config, "max_position_embeddings", None)
        return positions is None or count <= positions

    @torch.inference_mode()
    def _answer(
        self, questions: Sequence[Question], asked: Sequence[tuple[int, ...]]
    ) -> list[Reply]:
        if questions[0].in_words:
            return self._write(questions, asked)
        replies: dict[int, Reply] = {}
        # What is asked for is the place of the first token; which one stands there is no matter.
        for part in self._policy.completion_logits(asked, [(0,)] * len(asked)):
            probabilities = part.logits.softmax(-1)
            for row, given in zip(part.rows.tolist(), probabilities, strict=True):
                accept = given[self._tokens_of(questions[row].accept)].sum().item()
                refuse = given[self._tokens_of(questions[row].refuse)].sum().item()
                replies[row] = Leaning(accept, refuse)
        return [replies[row] for row in range(len(asked))]

    def _write(
        self, questions: Sequence[Question], asked: Sequence[tuple[int, ...]]
    ) -> list[Reply]:
        requests = [SampleRequest(prompt_tokens=tokens, key=0) for tokens in asked]
        longest = max(question.tokens_max for question in questions)
        greedy = SamplingParameters(temperature=0.0, tokens_max=longest)
        return [
            Said(self._policy.decode(written.tokens), written.ended)
            for written in self._policy.sample(requests, greedy)
        ]

    def _tokens_of(self, label: str) -> list[int]:
        """Return the tokens that say a label by themselves, however they are written."""
        if label not in self._labels:
            self._labels[label] = sorted(set(label_tokens(self._policy, label)))
            if not self._labels[label]:
                raise ModelFault(
                    f"the judge {self.name} has no token for its verdict {label!r}",
                    fix="give the judge a template whose labels are single tokens of the model",
                )
        return self._labels[label]


def label_tokens(policy: CausalPolicy, label: str) -> Iterator[int]:
    """Yield the tokens that spell a label wholly, in the ways that a model may begin with it."""
    for word in (label, label.lower(), label.capitalize(), label.upper()):
        for written in (word, f" {word}"):
            tokens = policy.encode_completion(written, ended=False)
            if len(tokens) == 1:
                yield tokens[0]


def prompt_tokens(policy: CausalPolicy, system: str, user: str) -> tuple[int, ...]:
    """Return the tokens of a question, up to where the answer begins.

    In the model's own chat form, if its tokenizer has one; else the parts, one after the other.
    """
    tokenizer: Any = policy.tokenizer
    whole = "\n\n".join(filter(None, (system, user)))
    if not getattr(tokenizer, "chat_template", None):
        return policy.encode(whole)
    turns = [{"role": "system", "content": system}] if system else []
    form = {"add_generation_prompt": True, "tokenize": False, "enable_thinking": False}
    try:
        text = tokenizer.apply_chat_template([*turns, {"role": "user", "content": user}], **form)
    except jinja2.TemplateError:  # some models know no system's turn
        text = tokenizer.apply_chat_template([{"role": "user", "content": whole}], **form)
    return tuple(tokenizer(text, add_special_tokens=False).input_ids)


def _batches(rows: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield rows of like length together, short ones first."""
    batch: list[int] = []
    for row in sorted(rows, key=lambda at: (lengths[at], at)):
        if batch and (len(batch) + 1) * lengths[row] > BATCH_TOKENS_MAX:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
