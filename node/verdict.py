"""What was concluded about a completion, and why; knows no stage, model or peer.

Three outcomes and not two: a stage that lacks what it needs says so, and that never counts
against the author. A stage in which something of ours breaks says nothing at all: it raises.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Outcome(StrEnum):
    """What a stage says of one completion."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    UNDECIDED = "undecided"


class Unit(StrEnum):
    """What a span counts."""

    TOKENS = "tokens"
    CHARACTERS = "characters"


class Reason(StrEnum):
    """Why, from the cheapest stage to the dearest; a reason has one outcome.

    Attributes:
        outcome: What it means for the completion.
        meaning: One sentence for people.
    """

    outcome: Outcome
    meaning: str

    def __new__(cls, name: str, outcome: Outcome, meaning: str) -> Self:
        """Make a member of its value, its outcome and its meaning."""
        reason = str.__new__(cls, name)
        reason._value_ = name
        reason.outcome = outcome
        reason.meaning = meaning
        return reason

    CLEAN = "clean", Outcome.ACCEPT, "The stage looked and found nothing against it."
    OWN = "own", Outcome.ACCEPT, "This node wrote it itself; no stage is asked."

    INCOMPLETE = (
        "incomplete",
        Outcome.REFUSE,
        "Its author left out or repeated a place, so the rest may be a selection.",
    )
    EMPTY = "empty", Outcome.REFUSE, "There is no token in it."
    OVERSIZED = "oversized", Outcome.REFUSE, "It has more tokens or bytes than the swarm allows."
    BAD_ENDING = (
        "bad_ending",
        Outcome.REFUSE,
        "It neither ends with EOS, once, nor at the token limit.",
    )
    HIDDEN_CHARACTERS = (
        "hidden_characters",
        Outcome.REFUSE,
        "It holds characters that show nothing or reorder what is shown.",
    )
    NOT_ROUND_TRIP = (
        "not_round_trip",
        Outcome.REFUSE,
        "Its tokens do not spell its text: not what was judged would be trained on.",
    )
    OUT_OF_FORM = (
        "out_of_form",
        Outcome.REFUSE,
        "It earned a reward although it is not exactly in the task's form.",
    )
    COPY_OF_OWN = (
        "copy_of_own",
        Outcome.REFUSE,
        "Its author hands in one text twice that chance does not write twice.",
    )
    COPY_OF_PAST = (
        "copy_of_past",
        Outcome.REFUSE,
        "The same improbable text answered this prompt in an earlier round.",
    )
    NEAR_COPY = (
        "near_copy",
        Outcome.REFUSE,
        "It shares nearly all its phrases with an earlier one of its author's.",
    )
    COPY_UNJUDGED = (
        "copy_unjudged",
        Outcome.UNDECIDED,
        "It is a copy, and nobody here can say whether chance explains it.",
    )
    WRONG_EQUATION = "wrong_equation", Outcome.REFUSE, "An equation in it does not hold."
    ANSWER_FROM_NOWHERE = (
        "answer_from_nowhere",
        Outcome.REFUSE,
        "Its answer is a number that its working never comes to.",
    )
    UNREAD_EQUATION = (
        "unread_equation",
        Outcome.UNDECIDED,
        "An equation in it could not be read; those that could hold.",
    )
    UNREAD_TEXT = "unread_text", Outcome.UNDECIDED, "The text is too long to look for equations."
    OVERLONG = (
        "overlong",
        Outcome.REFUSE,
        "It is much longer than what others wrote to the same prompt.",
    )
    NO_LENGTHS = (
        "no_lengths",
        Outcome.UNDECIDED,
        "Too few others wrote to the same prompt to know how long answers are.",
    )
    UNREAD_TOKENS = "unread_tokens", Outcome.UNDECIDED, "The model here could not read it."
    NOT_ASKED = "not_asked", Outcome.ACCEPT, "The stage does not apply to its author's weights."
    UNKNOWN_WEIGHTS = (
        "unknown_weights",
        Outcome.UNDECIDED,
        "Its author names weights that this node never held, so it cannot be replayed.",
    )
    OUTSIDE_SUPPORT = (
        "outside_support",
        Outcome.REFUSE,
        "A token is not among those that the policy could have chosen.",
    )
    NOT_REPLAYED = (
        "not_replayed",
        Outcome.REFUSE,
        "A token is not the one that its public noise chooses.",
    )
    SURPRISING_TOKEN = (
        "surprising_token",
        Outcome.REFUSE,
        "A token is less likely here than any honest policy would choose.",
    )
    SURPRISING_WHOLE = (
        "surprising_whole",
        Outcome.REFUSE,
        "Its tokens together are less likely than chance explains.",
    )
    AUTHOR_ADDS_UP = (
        "author_adds_up",
        Outcome.REFUSE,
        "What its author sent over the rounds is together less likely than chance explains.",
    )

    JUDGED_UNSOUND = (
        "judged_unsound",
        Outcome.REFUSE,
        "The judge finds in it what does not belong to a sound answer.",
    )
    JUDGE_UNSURE = "judge_unsure", Outcome.UNDECIDED, "The judge leans to neither verdict enough."
    JUDGE_GARBLED = (
        "judge_garbled",
        Outcome.UNDECIDED,
        "What the judge gave back is not exactly one of its two verdicts.",
    )
    JUDGE_SILENT = (
        "judge_silent",
        Outcome.UNDECIDED,
        "The judge could not be asked, failed, or did not answer in time.",
    )
    JUDGE_UNASKED = (
        "judge_unasked",
        Outcome.UNDECIDED,
        "The round's budget for the judge was used up by others.",
    )
    JUDGE_SAW_PART = (
        "judge_saw_part",
        Outcome.UNDECIDED,
        "It is too long, or holds what shows nothing, so that the judge saw a part; that is sound.",
    )


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a completion.

    Args:
        start: Its first token or character, 0-based.
        end: The one after its last.
        unit: What is counted.
    """

    start: int
    end: int
    unit: Unit

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span from {self.start} to {self.end} does not exist")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one stage concluded about one completion.

    Args:
        stage: The stage's name.
        reason: Why; it decides the outcome.
        spans: Where in the completion, if somewhere in particular.
        value: The number that was compared, if there was one.
        threshold: What it was compared with.
        detail: What exactly, for people.
    """

    stage: str
    reason: Reason
    spans: tuple[Span, ...] = ()
    value: float | None = None
    threshold: float | None = None
    detail: str = ""

    @property
    def outcome(self) -> Outcome:
        """Accepted, refused or undecided."""
        return self.reason.outcome

    @property
    def refuses(self) -> bool:
        """Whether it speaks against the completion."""
        return self.outcome is Outcome.REFUSE
