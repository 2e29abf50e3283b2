"""What a refusal does: which completions train, with which reward, tokens and weight.

Setting a refused completion's reward to 0 looks natural and ruins the learner: in a group of
normalised rewards that is blame, and it falls on text that is mostly right. So `drop` is the
default, and `zero` is kept as the form in which the method was first published.

Pure functions. They know verdicts and rewards, and nothing of how either was come by.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from node.verdict import Outcome, Span, Unit, Verdict
from node.verification.submission import Judged, Submission


class Action(StrEnum):
    """What a stage's refusal does to a completion, severest first.

    Attributes:
        takes_out: Whether nothing that later stages say can matter any more.
        meaning: One sentence for people.
    """

    takes_out: bool
    meaning: str

    def __new__(cls, name: str, takes_out: bool, meaning: str) -> Self:  # noqa: FBT001 - a column of the table below
        """Make a member of its value, whether it is final, and its meaning."""
        action = str.__new__(cls, name)
        action._value_ = name
        action.takes_out = takes_out
        action.meaning = meaning
        return action

    DROP = "drop", True, "It is taken out of its group before advantages are computed."
    ZERO = "zero", True, "It stays in its group with reward 0: every token of it is blamed."
    VETO = "veto", False, "It is taken out only if it would be praised; blame may stay."
    MASK = "mask", False, "It keeps its reward, and the tokens at fault get no credit."

    @property
    def rank(self) -> int:
        """0 for the severest."""
        return list(Action).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalSettings:
    """What refusals do, by stage.

    Args:
        actions: By the name of the stage.
        default: For all other stages.
        undecided_weight: What a completion counts of which a stage could not decide, in 0..1.

    Raises:
        ValueError: The weight is not in 0..1.
    """

    actions: Mapping[str, Action] = field(default_factory=dict)
    default: Action = Action.DROP
    undecided_weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.undecided_weight <= 1.0:
            raise ValueError(f"undecided_weight must be in 0..1, not {self.undecided_weight}")

    def action(self, stage: str) -> Action:
        """Return what the refusals of a stage do."""
        return self.actions.get(stage, self.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A completion that stays in its group.

    Args:
        item: The completion.
        reward: What it counts for in its group.
        credit: One for each of its tokens; false where the token is not to be learnt from.
        weight: What its tokens count, in 0..1.
    """

    item: Submission
    reward: float
    credit: tuple[bool, ...]
    weight: float


Decode = Callable[[Sequence[int]], str]


def what_teaches(
    judged: Sequence[Judged],
    settings: RefusalSettings,
    *,
    decode: Decode | None = None,
) -> tuple[Taught, ...]:
    """Return what of a round's completions is trained on, in the order given.

    Args:
        judged: A round's completions, of any number of groups.
        settings: What refusals do.
        decode: Token ids to text, to find the tokens of a span of characters. Without it such
            a span is taken for the whole completion.
    """
    staying = [_Standing.of(one, settings) for one in judged]
    staying = [one for one in staying if Action.DROP not in one.actions]
    groups: dict[tuple[int, int], list[_Standing]] = {}
    for one in staying:
        groups.setdefault(one.item.group, []).append(one)
    vetoed = {id(one) for group in groups.values() for one in _vetoed(group)}
    return tuple(
        Taught(
            item=one.item,
            reward=one.reward,
            credit=_credit(one.item, one.masked, decode),
            weight=settings.undecided_weight if one.undecided else 1.0,
        )
        for one in staying
        if id(one) not in vetoed
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    item: Submission
    actions: frozenset[Action]
    masked: tuple[Verdict, ...]
    undecided: bool

    @classmethod
    def of(cls, judged: Judged, settings: RefusalSettings) -> "_Standing":
        refusals = [verdict for verdict in judged.verdicts if verdict.refuses]
        return cls(
            item=judged.item,
            actions=frozenset(settings.action(verdict.stage) for verdict in refusals),
            masked=tuple(one for one in refusals if settings.action(one.stage) is Action.MASK),
            undecided=judged.verdict.outcome is Outcome.UNDECIDED,
        )

    @property
    def reward(self) -> float:
        return 0.0 if Action.ZERO in self.actions else self.item.reward


def _vetoed(group: Sequence[_Standing]) -> list[_Standing]:
    """Return those flagged for veto whose advantage would not be below 0.

    To take one out moves the mean, so this goes on until no flagged one is praised. The one
    with the top reward always goes; one with less, but still above the mean, is praised too.
    """
    kept = list(group)
    out: list[_Standing] = []
    while True:
        mean = sum(one.reward for one in kept) / len(kept) if kept else 0.0
        praised = [
            one
            for one in kept
            if one.reward >= mean and Action.VETO in one.actions and Action.ZERO not in one.actions
        ]
        if not praised:
            return out
        out += praised
        kept = [one for one in kept if not any(one is other for other in praised)]


def _credit(
    item: Submission, verdicts: Sequence[Verdict], decode: Decode | None
) -> tuple[bool, ...]:
    credit = [True] * len(item.tokens)
    for verdict in verdicts:
        spans = verdict.spans or (Span(0, len(item.tokens), Unit.TOKENS),)
        for span in spans:
            first, last = _token_range(item, span, decode)
            for at in range(first, min(last, len(credit))):
                credit[at] = False
    return tuple(credit)


def _token_range(item: Submission, span: Span, decode: Decode | None) -> tuple[int, int]:
    """Return the tokens (first, one after the last) that a span has a part in."""
    if span.unit is Unit.TOKENS:
        return span.start, span.end
    if decode is None:
        return 0, len(item.tokens)

    def characters(tokens: int) -> int:
        return len(decode(item.tokens[:tokens]))

    # The prefix that first reaches beyond the span's start ends with the span's first token.
    first = _first_prefix(len(item.tokens), lambda count: characters(count) > span.start) - 1
    last = _first_prefix(len(item.tokens), lambda count: characters(count) >= span.end)
    return max(first, 0), last


def _first_prefix(length: int, reached: Callable[[int], bool]) -> int:
    """Return the smallest count in 0..length that has reached something, or the length."""
    low, high = 0, length
    while low < high:
        middle = (low + high) // 2
        if reached(middle):
            high = middle
        else:
            low = middle + 1
    return low
