"""The equation audit as a stage: what does not hold, or does not follow, is refused.

An equation holds or not; an answer that its working never comes to does not follow from it.
Exact, and without a model; so it stands also where a peer's policy is unknown. Honest policies
do miscalculate, mostly on the way to a wrong answer. So its action is best `withhold`: a wrong
equation is blamed with the answer that it led to, and never praised.
"""

from collections.abc import Sequence
from fractions import Fraction

from node.tasks import grammar
from node.verdict import Reason, Span, Unit, Verdict
from node.verification.arithmetic import Equation, Truth, equations, from_nowhere
from node.verification.marks import joined
from node.verification.submission import Submission

TEXT_CHARACTERS_MAX = 16_384
"""A text swarm's longest completion by default. Made to be slow, it takes about a second."""


class EquationAudit:
    """Reads every written equation; refuses wrong ones, and answers that none leads to."""

    name = "equations"

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item; equal texts are read once."""
        read: dict[str, Verdict] = {}
        for item in items:
            if item.text not in read:
                read[item.text] = self._verdict(item.text)
        return [read[item.text] for item in items]

    def _verdict(self, text: str) -> Verdict:
        if len(text) > TEXT_CHARACTERS_MAX:
            return Verdict(
                stage=self.name,
                reason=Reason.UNREAD_TEXT,
                value=len(text),
                threshold=TEXT_CHARACTERS_MAX,
            )
        found = equations(text)
        return (
            self._of_equations(text, found, Truth.WRONG, Reason.WRONG_EQUATION)
            or self._of_answer(text, found)
            or self._of_equations(text, found, Truth.UNREAD, Reason.UNREAD_EQUATION)
            or Verdict(stage=self.name, reason=Reason.CLEAN)
        )

    def _of_equations(
        self, text: str, found: Sequence[Equation], truth: Truth, reason: Reason
    ) -> Verdict | None:
        at_fault = [one for one in found if one.truth is truth]
        if not at_fault:
            return None
        return Verdict(
            stage=self.name,
            reason=reason,
            spans=joined([Span(one.start, one.end, Unit.CHARACTERS) for one in at_fault]),
            value=_number(at_fault[0].written),
            threshold=_number(at_fault[0].expected),
            detail=_told(text, at_fault[0]),
        )

    def _of_answer(self, text: str, found: Sequence[Equation]) -> Verdict | None:
        answer = grammar.answer_in(text)
        if answer is None:
            return None
        start = text.rindex(grammar.ANSWER_OPEN) + len(grammar.ANSWER_OPEN)
        leading = [one for one in found if one.end <= start]
        number = from_nowhere(text[:start], leading, answer)
        if number is None:
            return None
        return Verdict(
            stage=self.name,
            reason=Reason.ANSWER_FROM_NOWHERE,
            spans=(Span(start, start + len(answer), Unit.CHARACTERS),),
            value=_number(number),
            detail=f"{_quoted(answer)} stands nowhere in the working",
        )


_QUOTED_MAX = 80


def _told(text: str, equation: Equation) -> str:
    """Quote an equation, with what it comes to where that is known."""
    quoted = _quoted(text[equation.start : equation.end])
    if equation.truth is Truth.WRONG:
        return f"{quoted}, but the left side is {equation.expected}"
    return quoted


def _quoted(text: str) -> str:
    return text[:_QUOTED_MAX].encode("unicode_escape").decode()


def _number(value: Fraction | None) -> float | None:
    """Return a float for a report; numbers beyond its range, and unknown ones, are left out."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return None
