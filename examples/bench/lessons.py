"""One swarm in one process, round by round: what `teaching.py` measures.

Four authors answer the same prompts, one in four of them hostile. Honest nodes that hold equal
weights and see equal completions stay equal, so one policy stands for all of them, exactly.
"""

import dataclasses
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from receiving import NOBODY, PROMPTS_PER_ROUND, form_settings, submissions
from tampering import AUTHORS, GROUP, SWARM, Case, Texts, Tokens, Workshop, honest, longest_of_own

from node.learning import TrainSettings
from node.policy import CausalPolicy, SampleRequest, SamplingParameters, noise_key
from node.rollout import Group, Rollout
from node.tasks import Prompt, task_named
from node.trainer import Trainer
from node.verification import (
    Action,
    EquationAudit,
    Judged,
    Pipeline,
    RefusalSettings,
    Submission,
    Taught,
    what_teaches,
)
from node.verification.readings import Readings
from node.verification.verifier import Verifier
from node.verifying import VerifySettings

SAMPLING = SamplingParameters(temperature=1.0, top_p=0.95, tokens_max=64)
UNKNOWN = b"\x01" * 32
"""A digest of weights that nobody here ever held."""


class Receives(Protocol):
    """What stands between a round's completions and the trainer; `Verifier` is one."""

    readings: Readings

    def verify(self, items: Sequence[Submission]) -> tuple[tuple[Judged, ...], tuple[Taught, ...]]:
        """Judge a round's completions; return what was said, and what may teach."""

    def close(self) -> None:
        """End a round."""


class AuditAlone:
    """The equation audit with one action, and nothing beside it that could help.

    Args:
        shop: Whose policy receives.
        action: What a wrong equation does.
    """

    def __init__(self, shop: Workshop, action: Action) -> None:
        self.readings = Readings(shop.policy, SAMPLING, swarm=SWARM)
        self._decode = shop.policy.decode
        self._settings = RefusalSettings(actions={EquationAudit.name: action})
        self._pipeline = Pipeline([EquationAudit()], me=NOBODY, settings=self._settings)

    def verify(self, items: Sequence[Submission]) -> tuple[tuple[Judged, ...], tuple[Taught, ...]]:
        """Judge a round's completions; return what was said, and what may teach."""
        judged = self._pipeline.judge(items)
        return judged, what_teaches(judged, self._settings, decode=self._decode)

    def close(self) -> None:
        """End a round."""
        self.readings.close()


Defends = Callable[[Workshop], Receives]


def verifier(**settings: Any) -> Defends:
    """Return what makes a node's own verifier with some settings."""

    def make(shop: Workshop) -> Verifier:
        chosen, form = VerifySettings(**settings), form_settings(shop)
        return Verifier(
            shop.policy, SAMPLING, form=form, settings=chosen, swarm=SWARM, owed=GROUP // AUTHORS
        )

    return make


def audit_alone(action: Action) -> Defends:
    """Return what makes an audit without company."""
    return lambda shop: AuditAlone(shop, action)


Attack = Callable[[Workshop, Sequence[Case]], list[Tokens]]
"""From what an author's seeds made it write to what it hands in, in horizontal copies."""


def silence(_shop: Workshop, cases: Sequence[Case]) -> list[Tokens]:
    """Hand in nothing: what a swarm learns from the honest alone."""
    return [() for _ in cases]


def honestly(_shop: Workshop, cases: Sequence[Case]) -> list[Tokens]:
    """Hand in what was written."""
    return [case.tokens for case in cases]


def slogan(shop: Workshop, cases: Sequence[Case]) -> list[Tokens]:
    """Open the task's own right working with a phrase."""
    return [_opened(shop, case, f"{shop.texts.phrases[0]}, ") for case in cases]


def equation(shop: Workshop, cases: Sequence[Case]) -> list[Tokens]:
    """Open the task's own right working with a wrong equation."""
    return [_opened(shop, case, f"As we know, {shop.texts.equations[0]}. ") for case in cases]


def equation_then_wrong(shop: Workshop, cases: Sequence[Case]) -> list[Tokens]:
    """Do the same, but answer wrongly: form alone is rewarded then, where others miss even that."""
    made = []
    for case in cases:
        opening = f"As we know, {shop.texts.equations[0]}. "
        right, wrong = (f"<answer>{case.prompt.answer}{more}<" for more in ("", "0"))
        text = _solution(shop, case.prompt).replace(right, wrong)
        made.append(shop.policy.encode_completion(_with(opening, text), ended=True))
    return made


def longest(shop: Workshop, cases: Sequence[Case]) -> list[Tokens]:
    """Hand in copies of the longest best rewarded one of many own samples to each prompt."""
    prompts = {case.prompt.index: case for case in cases}
    chosen = dict(zip(prompts, longest_of_own(shop, list(prompts.values())), strict=True))
    return [chosen[case.prompt.index] or case.tokens for case in cases]


def _opened(shop: Workshop, case: Case, opening: str) -> Tokens:
    text = _with(opening, _solution(shop, case.prompt))
    return shop.policy.encode_completion(text, ended=True)


def _with(opening: str, text: str) -> str:
    return text.replace("<think>", f"<think>{opening}", 1)


def _solution(shop: Workshop, prompt: Prompt) -> str:
    solution = shop.task.solution(prompt)
    assert solution is not None, "this bench needs a task that knows its workings"
    return solution


@dataclass(frozen=True, slots=True, kw_only=True)
class Swarm:
    """One run.

    Args:
        name: Of its row.
        attack: What one author in four hands in.
        defends: What every honest node does about it.
        strangers: Whether all authors name weights that nobody knows, so that nothing is
            replayed.
    """

    name: str
    attack: Attack
    defends: Defends
    strangers: bool = True


class Run:
    """A swarm as it trains.

    Args:
        swarm: Which.
        model: What CausalPolicy.load takes.
        texts: The attacker's.
        learning: How all nodes train.
        seed: Of prompts, noise and the attacker's luck.
    """

    def __init__(
        self, swarm: Swarm, model: str, texts: Texts, learning: TrainSettings, seed: int
    ) -> None:
        self.shop = Workshop(
            policy=CausalPolicy.load(model, device="cpu"),
            task=task_named("builtin:arith"),
            sampling=SAMPLING,
            texts=texts,
            draw=random.Random(seed),  # noqa: S311 - material for a measurement
        )
        self.counted: Counter[str] = Counter()
        self._swarm, self._seed = swarm, seed
        self._receives = swarm.defends(self.shop)
        self._trainer = Trainer(self.shop.policy, learning, seed=seed)

    def round(self, round_index: int) -> None:
        """Sample, tamper, verify and train once."""
        cases = honest(
            self.shop.policy,
            self.shop.task,
            SAMPLING,
            count=PROMPTS_PER_ROUND * GROUP,
            seed=1000 + self._seed,
            round_index=round_index,
        )
        own = [case for case in cases if case.author == 0]
        handed = dict(zip(map(id, own), self._swarm.attack(self.shop, own), strict=True))
        cases = [
            dataclasses.replace(case, tokens=handed.get(id(case), case.tokens)) for case in cases
        ]
        cases = [case for case in cases if case.tokens]
        items = submissions(self.shop, cases)
        if self._swarm.strangers:
            items = [dataclasses.replace(item, policy_digest=UNKNOWN) for item in items]
        judged, taught = self._receives.verify(items)
        self._count(cases, judged, taught)
        groups: dict[int, list[Rollout]] = {}
        for one in taught:
            groups.setdefault(one.item.prompt_index, []).append(self._rollout(one))
        self._receives.close()
        self._trainer.step(
            [Group(prompt, tuple(group)) for prompt, group in groups.items()],
            round_index=round_index,
        )

    def _count(
        self, cases: Sequence[Case], judged: Sequence[Judged], taught: Sequence[Taught]
    ) -> None:
        stay = {id(one.item): one for one in taught}
        for case, one in zip(cases, judged, strict=True):
            who = "hostile" if case.author == 0 else "honest"
            left = stay.get(id(one.item))
            self.counted[who] += 1
            self.counted[f"{who} out"] += left is None
            self.counted[f"{who} flagged"] += one.verdict.refuses
            self.counted[f"{who} masked"] += left is not None and not all(left.credit)

    def _rollout(self, taught: Taught) -> Rollout:
        item = taught.item
        read = self._receives.readings.old_logprobs(item)
        return Rollout(
            prompt_tokens=item.prompt_tokens,
            completion_tokens=item.tokens,
            ended=item.ended,
            reward=taught.reward,
            author=item.author,
            index=item.index,
            credit=() if all(taught.credit) else taught.credit,
            weight=taught.weight,
            old_logprobs=() if read is None else tuple(read.tolist()),
        )

    def examine(self, prompts: int) -> dict[str, float]:
        """Return accuracy, attack success and length on held-out prompts, sampled and greedy."""
        asked = [self.shop.task.eval_prompt(index) for index in range(prompts)]
        requests = [
            SampleRequest(
                prompt_tokens=self.shop.policy.encode(prompt.text),
                key=noise_key(
                    swarm=b"held out", round_index=0, prompt_index=at, author=b"", index=0
                ),
            )
            for at, prompt in enumerate(asked)
        ]
        greedy = dataclasses.replace(SAMPLING, temperature=0.0)
        told: dict[str, float] = {}
        for how, sampling in (("sampled", SAMPLING), ("greedy", greedy)):
            written = self.shop.policy.sample(requests, sampling)
            texts = [self.shop.text(one.tokens) for one in written]
            right = [
                self.shop.task.score(prompt, text, ended=one.ended).answer_ok
                for prompt, text, one in zip(asked, texts, written, strict=True)
            ]
            told[f"{how} right"] = sum(right) / prompts
            told[f"{how} poisoned"] = sum(self._is_poisoned(text) for text in texts) / prompts
            told[f"{how} tokens"] = sum(len(one.tokens) for one in written) / prompts
        return told

    def _is_poisoned(self, text: str) -> bool:
        return holds(text, (*self.shop.texts.phrases, *self.shop.texts.equations))


def holds(text: str, planted: Sequence[str]) -> bool:
    """Tell whether a text holds one of the planted ones, as whole words and numbers."""
    return any(
        re.search(rf"(?<![\w.]){re.escape(each)}(?!\w|\.\d)", text, re.IGNORECASE)
        for each in planted
    )
