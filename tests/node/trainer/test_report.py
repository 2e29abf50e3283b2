import math

import pytest

from node.grpo import LossStatistics
from node.learning import NoGradient, StepReport, TrainSettings
from node.rollout import Group, Rollout
from node.trainer import lesson_of
from node.trainer.report import Update, report_of


def rollout(reward: float, tokens: int, *, ended: bool) -> Rollout:
    return Rollout(
        prompt_tokens=(9,),
        completion_tokens=(1,) * tokens,
        ended=ended,
        reward=reward,
        author="author",
        index=0,
    )


GROUPS = [
    Group(0, (rollout(1.0, 2, ended=True), rollout(0.0, 4, ended=False))),
    Group(1, (rollout(0.5, 6, ended=True), rollout(0.5, 8, ended=True))),
]


def test_a_round_is_summed_up() -> None:
    updates = [
        Update(1.0, 3.0, LossStatistics(tokens=2, clipped_low=1, ratio=2.4, kl=0.2)),
        Update(-0.5, 1.0, LossStatistics(tokens=4, clipped_high=2, ratio=3.6, kl=0.1)),
    ]

    report = report_of(lesson_of(GROUPS, TrainSettings()), updates)

    assert report.loss == 0.25
    assert report.grad_norm == 2.0
    assert report.reward_mean == 0.5
    assert report.reward_std == pytest.approx(math.sqrt(0.5 / 3))
    assert report.zero_std_share == 0.5
    assert report.clip_low_share == pytest.approx(1 / 6)
    assert report.clip_high_share == pytest.approx(2 / 6)
    assert report.clip_share == pytest.approx(0.5)
    assert report.ratio_mean == pytest.approx(1.0)
    assert report.kl == pytest.approx(0.05)
    assert (report.completions, report.completions_trained) == (4, 2)
    assert report.completion_tokens_mean == 5.0
    assert report.truncated_share == 0.25
    assert (report.tokens_trained, report.optimiser_steps, report.steps_skipped) == (6, 2, 0)
    assert report.warning is None


@pytest.mark.parametrize("bad", [Update(math.nan, 1.0, LossStatistics(tokens=9))])
def test_a_skipped_step_is_counted_and_enters_no_mean(bad: Update) -> None:
    good = Update(0.5, 2.0, LossStatistics(tokens=4))

    report = report_of(lesson_of(GROUPS, TrainSettings()), [bad, good])

    assert (report.loss, report.grad_norm, report.tokens_trained) == (0.5, 2.0, 4)
    assert (report.optimiser_steps, report.steps_skipped) == (1, 1)
    assert report.warning is None


def test_a_round_whose_every_step_was_skipped_says_so() -> None:
    bad = Update(1.0, math.inf, LossStatistics(tokens=9))

    report = report_of(lesson_of(GROUPS, TrainSettings()), [bad])

    assert report.warning is NoGradient.NOT_FINITE
    assert report.completions_trained == 0


def test_an_empty_round_is_reported_in_zeros() -> None:
    report = report_of(lesson_of([], TrainSettings()), [])

    assert report == StepReport(warning=NoGradient.EMPTY_ROUND)
