"""Outcomes follow from reasons, and every reason can be explained."""

import dataclasses

import pytest

from node.verdict import Outcome, Reason, Span, Unit, Verdict


def test_a_verdict_has_the_outcome_of_its_reason() -> None:
    assert Verdict(stage="s", reason=Reason.CLEAN).outcome is Outcome.ACCEPT
    assert Verdict(stage="s", reason=Reason.OVERLONG).outcome is Outcome.REFUSE
    assert Verdict(stage="s", reason=Reason.NO_LENGTHS).outcome is Outcome.UNDECIDED


def test_only_a_refusal_speaks_against_a_completion() -> None:
    against = {reason for reason in Reason if Verdict(stage="s", reason=reason).refuses}

    assert against == {reason for reason in Reason if reason.outcome is Outcome.REFUSE}
    assert Reason.COPY_UNJUDGED not in against


@pytest.mark.parametrize("reason", Reason)
def test_a_table_of_reasons_can_be_made_at_run_time(reason: Reason) -> None:
    assert reason == reason.value == str(reason)
    assert Reason[reason.name] is reason
    assert reason.meaning[0].isupper()
    assert reason.meaning.endswith(".")
    assert isinstance(reason.outcome, Outcome)


def test_reasons_are_distinct_and_explained_in_words_of_their_own() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason)
    assert len({reason.meaning for reason in Reason}) == len(Reason)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
def test_a_span_runs_forward_from_inside_the_text(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Span(start, end, Unit.TOKENS)


def test_an_empty_span_is_a_place() -> None:
    assert Span(2, 2, Unit.CHARACTERS).start == 2


def test_a_verdict_cannot_be_changed_after_it_was_given() -> None:
    verdict = Verdict(stage="s", reason=Reason.CLEAN)

    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.reason = Reason.OVERLONG  # type: ignore[misc]  # what is tested
