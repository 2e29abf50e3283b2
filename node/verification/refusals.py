"""What a refusal does: which completions train, with which reward, tokens and weight.

Setting a refused completion's reward to 0 looks natural and ruins the learner: in a group of
normalised rewards that is blame, and it falls on text that is mostly right. So `drop` is the
default, and `zero` is kept as the form in which the method was first published.

Pure functions. They know verdicts and rewards, and nothing of how either was come by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from node.verdict import Outcome, Span, Verdict
from node.verification.credit import Decode, credit_of, sentences_of
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
    WITHHOLD = (
        "withhold",
        False,
        "Where it would be praised, the sentences at fault get no credit; if best, it is out.",
    )
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
    best = max((one.reward for one in staying), default=0.0)
    groups: dict[tuple[int, int], list[_Standing]] = {}
    for one in staying:
        groups.setdefault(one.item.group, []).append(one)
    kept: dict[int, bool] = {}
    for group in groups.values():
        kept |= _kept(group, best)
    return tuple(
        Taught(
            item=one.item,
            reward=one.reward,
            credit=one.credit(decode, praised=kept[id(one)]),
            weight=settings.undecided_weight if one.undecided else 1.0,
        )
        for one in staying
        if id(one) in kept
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """A completion that no refusal has dropped, with what its refusals ask for."""

    item: Submission
    refusals: tuple[tuple[Action, Verdict], ...]
    undecided: bool

    @classmethod
    def of(cls, judged: Judged, settings: RefusalSettings) -> "_Standing":
        return cls(
            item=judged.item,
            refusals=tuple(
                (settings.action(verdict.stage), verdict)
                for verdict in judged.verdicts
                if verdict.refuses
            ),
            # Whatever else was held against it: who is doubted gains nothing by being blamed.
            undecided=any(one.outcome is Outcome.UNDECIDED for one in judged.verdicts),
        )

    @property
    def actions(self) -> frozenset[Action]:
        return frozenset(action for action, _ in self.refusals)

    @property
    def reward(self) -> float:
        return 0.0 if Action.ZERO in self.actions else self.item.reward

    def leaves(self, best: float) -> bool:
        """Whether it is taken out if it would be praised."""
        if Action.ZERO in self.actions:
            return False
        if Action.VETO in self.actions:
            return True
        return Action.WITHHOLD in self.actions and self.reward >= best

    def credit(self, decode: Decode | None, *, praised: bool) -> tuple[bool, ...]:
        """Return one for each token; blame falls on all that is not masked."""
        without: list[Span | None] = []
        for action, verdict in self.refusals:
            if action is Action.MASK:
                without += verdict.spans or (None,)
            elif action is Action.WITHHOLD and praised:
                without += sentences_of(self.item.text, verdict.spans) or (None,)
        return credit_of(self.item.tokens, without, decode)


def _kept(group: Sequence[_Standing], best: float) -> dict[int, bool]:
    """Return who stays in a group, by identity, and whether it would be praised there.

    Praised is what lies above the mean: what lies on it has no advantage. To take one out moves
    the mean down, so this goes on until none is praised that must not be.
    """
    kept = list(group)
    while kept:
        mean = sum(one.reward for one in kept) / len(kept)
        staying = [one for one in kept if one.reward <= mean or not one.leaves(best)]
        if len(staying) == len(kept):
            return {id(one): one.reward > mean for one in kept}
        kept = staying
    return {}
