"""What a judge may be asked and give back, and which verdict that is.

Whatever is not plainly one of the two verdicts is neither: a judge that is confused, cut off or
talked over neither accepts nor refuses. It knows no judge and no completion.
"""

import math
import re
from dataclasses import dataclass
from typing import Protocol

from node.verdict import Reason
from node.verification.judge.templates import Reading, Template
from node.verifying import JudgeSettings

ROUNDING = 1e-3
"""By how much probabilities may miss their bounds: servers compute in half precision."""
_DECISION = re.compile(r"<decision>(.*?)</decision>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request to a judge.

    Args:
        system: The instructions; may be "".
        user: The question, with the quoted completion.
        accept: The label of a sound completion.
        refuse: The label of any other.
        tokens_max: How much may be written.
        in_words: Whether the written text is wanted even where label probabilities are at hand.
    """

    system: str
    user: str
    accept: str
    refuse: str
    tokens_max: int
    in_words: bool


@dataclass(frozen=True, slots=True)
class Leaning:
    """The probabilities of the two labels as the next token."""

    accept: float
    refuse: float


@dataclass(frozen=True, slots=True)
class Said:
    """What a judge wrote.

    Args:
        text: All of it.
        whole: Whether it ended by itself.
    """

    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer that could be read, and why."""

    reason: Reason
    detail: str


Reply = Leaning | Said | Silence


class Backend(Protocol):
    """Something that answers.

    Attributes:
        name: What settings call it.
        template: The template that suits it.
        reserved: Words that mean something to it, which no completion may contain.
    """

    name: str
    template: str
    reserved: tuple[str, ...]

    def ask(self, questions: list[Question], *, until: float) -> list[Reply]:
        """Return a reply to each question, in their order, failures included.

        Args:
            questions: What is asked.
            until: When, on the clock of `time.monotonic`, it has to be done.
        """
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on a text, before it belongs to anybody's completion.

    Args:
        reason: Why; it decides the outcome.
        value: The share of "refuse" in the two labels' probabilities, if they are known.
        detail: What exactly, for people.
    """

    reason: Reason
    value: float | None = None
    detail: str = ""


def read(reply: Reply, template: Template, settings: JudgeSettings) -> Finding:
    """Return the verdict that a reply is."""
    match reply:
        case Silence(reason, detail):
            return Finding(reason, detail=detail)
        case Leaning():
            return _leaning(reply, settings)
        case Said(text, whole) if template.reading is Reading.LABELS:
            return _said(text, template, whole=whole)
        case Said(text):
            reason = Reason.CLEAN if published_accepts(text) else Reason.JUDGED_UNSOUND
            return Finding(reason, detail=_shortened(text))


def _leaning(given: Leaning, settings: JudgeSettings) -> Finding:
    mass = given.accept + given.refuse
    # A comparison with what is not a number is false, so this catches it.
    if not (min(given.accept, given.refuse) >= 0 and mass <= 1 + ROUNDING):
        return Finding(
            Reason.JUDGE_GARBLED, detail=f"no probabilities: {given.accept}, {given.refuse}"
        )
    if mass < settings.mass_min or mass == 0:
        return Finding(Reason.JUDGE_GARBLED, detail=f"both labels together have only {mass:.3f}")
    share = given.refuse / mass
    if share >= settings.refuse_min:
        return Finding(Reason.JUDGED_UNSOUND, share)
    if share <= settings.accept_max:
        return Finding(Reason.CLEAN, share)
    return Finding(Reason.JUDGE_UNSURE, share)


def _said(text: str, template: Template, *, whole: bool) -> Finding:
    """Read the one label that a judge wrote: a cut one may be the start of another word."""
    word = text.strip().removesuffix(".").lower()
    if not whole:
        return Finding(Reason.JUDGE_GARBLED, detail=f"cut off: {_shortened(text)}")
    if word == template.accept.lower():
        return Finding(Reason.CLEAN)
    if word == template.refuse.lower():
        return Finding(Reason.JUDGED_UNSOUND)
    return Finding(Reason.JUDGE_GARBLED, detail=f"neither label: {_shortened(text)}")


def published_accepts(text: str) -> bool:
    """Read a decision as first published: whoever gives none, or several, accepts.

    For comparison alone. Two decisions, one cut off, or none at all are what a text that
    confuses the judge brings about.
    """
    decisions = _DECISION.findall(text)
    return len(decisions) != 1 or decisions[0].strip().lower() != "no"


def probability(logprob: float) -> float:
    """Return a probability, with rounding above 1 forgiven and all else kept."""
    return min(1.0, math.exp(logprob)) if logprob < ROUNDING else math.nan


def _shortened(text: str) -> str:
    return ascii(text if len(text) <= 60 else f"{text[:60]}...")  # noqa: PLR2004 - a line of a log
