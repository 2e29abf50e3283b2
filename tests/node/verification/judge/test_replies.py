"""Only what is plainly one of two verdicts is a verdict."""

import math
from collections.abc import Callable

import pytest

from node.verdict import Outcome, Reason
from node.verification.judge import (
    JudgeSettings,
    Leaning,
    Reading,
    Said,
    Silence,
    Template,
    template_named,
)
from node.verification.judge.replies import Finding, probability, published_accepts, read

SETTINGS = JudgeSettings(refuse_min=0.6, accept_max=0.4, mass_min=0.5)


@pytest.fixture
def labels(template: Callable[..., Template]) -> Template:
    return template()


@pytest.mark.parametrize(
    ("leaning", "reason", "value"),
    [
        (Leaning(0.9, 0.1), Reason.CLEAN, 0.1),
        (Leaning(0.1, 0.9), Reason.JUDGED_UNSOUND, 0.9),
        (Leaning(0.3, 0.2), Reason.CLEAN, 0.4),
        (Leaning(0.2, 0.3), Reason.JUDGED_UNSOUND, 0.6),
        (Leaning(0.5, 0.5), Reason.JUDGE_UNSURE, 0.5),
    ],
)
def test_a_leaning_is_compared_with_both_thresholds(
    labels: Template, leaning: Leaning, reason: Reason, value: float
) -> None:
    finding = read(leaning, labels, SETTINGS)

    assert finding.reason is reason
    assert finding.value == pytest.approx(value)


@pytest.mark.parametrize(
    "leaning",
    [
        Leaning(math.nan, 0.5),
        Leaning(0.5, math.nan),
        Leaning(math.inf, 0.0),
        Leaning(-0.1, 1.0),
        Leaning(0.9, 0.9),
        Leaning(0.0, 0.0),
        Leaning(0.4, 0.05),
    ],
)
def test_what_is_no_probability_or_too_little_of_it_decides_nothing(
    labels: Template, leaning: Leaning
) -> None:
    assert read(leaning, labels, SETTINGS).reason is Reason.JUDGE_GARBLED


def test_without_any_mass_nothing_is_divided_by_it(labels: Template) -> None:
    settings = JudgeSettings(mass_min=0.0)

    assert read(Leaning(0.0, 0.0), labels, settings).reason is Reason.JUDGE_GARBLED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("yes", Reason.CLEAN),
        (" Yes.\n", Reason.CLEAN),
        ("no", Reason.JUDGED_UNSOUND),
        ("NO.", Reason.JUDGED_UNSOUND),
    ],
)
def test_one_written_label_is_a_verdict(labels: Template, text: str, reason: Reason) -> None:
    assert read(Said(text, whole=True), labels, SETTINGS) == Finding(reason)


@pytest.mark.parametrize(
    "text",
    ["", " ", "yes no", "no, yes", "yes yes", "no no", "yes!", "yesno", "maybe", "y", "not"],
)
def test_missing_repeated_and_contradictory_labels_decide_nothing(
    labels: Template, text: str
) -> None:
    assert read(Said(text, whole=True), labels, SETTINGS).reason is Reason.JUDGE_GARBLED


@pytest.mark.parametrize("text", ["yes", "no"])
def test_a_label_that_was_cut_off_decides_nothing(labels: Template, text: str) -> None:
    """ "no" may be the start of "not at all a problem"."""
    finding = read(Said(text, whole=False), labels, SETTINGS)

    assert finding.reason is Reason.JUDGE_GARBLED
    assert "cut off" in finding.detail


def test_silence_keeps_its_reason(labels: Template) -> None:
    finding = read(Silence(Reason.JUDGE_SILENT, "status 500"), labels, SETTINGS)

    assert finding == Finding(Reason.JUDGE_SILENT, detail="status 500")
    assert finding.reason.outcome is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("text", "accepts"),
    [
        ("<criticism>-</criticism><decision>no</decision>", False),
        ("<decision> NO </decision>", False),
        ("<decision>yes</decision>", True),
        ("", True),
        ("<decision>no", True),
        ("<decision>no</decision><decision>no</decision>", True),
    ],
)
def test_the_published_reading_accepts_whatever_is_not_one_refusal(
    text: str, *, accepts: bool
) -> None:
    """It is kept to be compared with, and this is what it is compared for."""
    assert published_accepts(text) is accepts


def test_the_published_reading_belongs_to_its_template_alone() -> None:
    cut = Said("<decision>no", whole=False)
    published = template_named("published")

    assert published.reading is Reading.PUBLISHED
    assert read(cut, published, SETTINGS).reason is Reason.CLEAN
    assert read(cut, template_named("default"), SETTINGS).reason is Reason.JUDGE_GARBLED


def test_a_logprob_just_above_zero_is_rounding_and_one_far_above_is_none() -> None:
    assert probability(0.0) == 1.0
    assert probability(1e-4) == 1.0
    assert probability(-math.inf) == 0.0
    assert math.isnan(probability(0.5))
    assert math.isnan(probability(math.nan))
