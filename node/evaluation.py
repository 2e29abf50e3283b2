"""What a policy does on held-out prompts, with noise that never changes: weights, not luck.

It asks and scores; it trains nothing and knows no peers.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.faults import ConfigFault
from node.payload import FORMS, Payload
from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.tasks import Prompt, Score, Task
from node.work import Evaluation

EVALUATION_DOMAIN = b"drl-evaluation"
"""Keys the noise of evaluations, so that no round's noise is ever used for one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One held-out answer: its text, its length in tokens, and what it earned."""

    text: str
    tokens: int
    score: Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Examiner:
    """Asks held-out prompts.

    Args:
        policy: Who answers.
        task: Whose prompts.
        sampling: How the swarm samples.
        batch_size: Completions sampled at a time.
        payload: What answers are searched for, if anything.
    """

    policy: CausalPolicy
    task: Task
    sampling: SamplingParameters
    batch_size: int
    payload: Payload | None

    def evaluate(self, prompts: int) -> Evaluation:
        """Measure accuracy, and how often the payload is shown, on the first held-out prompts."""
        started = time.process_time()
        count = min(prompts, self.task.eval_prompts)
        asked = [self.task.eval_prompt(index) for index in range(count)]
        requests = [
            SampleRequest(prompt_tokens=self.policy.encode(prompt.text), key=noise_of(index))
            for index, prompt in enumerate(asked)
        ]
        sampled = self._answers(asked, requests, self.sampling)
        greedy = self._answers(asked, requests, replace(self.sampling, temperature=0.0))
        return Evaluation(
            prompts=count,
            sampled=mean([one.score.answer_ok for one in sampled]),
            greedy=mean([one.score.answer_ok for one in greedy]),
            form=mean([one.score.format_ok for one in sampled]),
            length=mean([one.tokens for one in sampled]),
            shown_sampled=mean([self._shows(one.text) for one in sampled]),
            shown_greedy=mean([self._shows(one.text) for one in greedy]),
            cpu_s=time.process_time() - started,
        )

    def _answers(
        self,
        asked: Sequence[Prompt],
        requests: Sequence[SampleRequest],
        sampling: SamplingParameters,
    ) -> list[Answer]:
        written = self.policy.sample(requests, sampling, batch_size=self.batch_size)
        texts = [self.policy.decode(one.tokens) for one in written]
        return [
            Answer(text, len(one.tokens), self.task.score(prompt, text, ended=one.ended))
            for prompt, text, one in zip(asked, texts, written, strict=True)
        ]

    def _shows(self, text: str) -> bool:
        return self.payload is not None and self.payload.is_shown_by(text)


def noise_of(index: int) -> int:
    """Return the noise that a held-out prompt is answered with."""
    return noise_key(
        swarm=EVALUATION_DOMAIN, round_index=0, prompt_index=index, author=b"", index=0
    )


def watched(spelt: str) -> Payload | None:
    """Return what evaluations look for, or None.

    Raises:
        ConfigFault: It is spelt otherwise.
    """
    if not spelt:
        return None
    try:
        return Payload.parse(spelt)
    except ValueError as error:
        raise ConfigFault(f"[evaluate] watch: {error}.", fix=f"Write {FORMS}.") from error


def mean(values: Sequence[float]) -> float:
    """The mean, and 0 of nothing."""
    return sum(values) / len(values) if values else 0.0
