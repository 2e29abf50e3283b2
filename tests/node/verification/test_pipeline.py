"""Who is shown what, and which verdict decides."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from node.verdict import Reason, Span, Unit, Verdict
from node.verification import Action, Pipeline, RefusalSettings, Stage, Submission

Make = Callable[..., Submission]
DROP_ALL = RefusalSettings()


class Scripted:
    """A stage that gives each text the reason it is told to, and records whom it saw."""

    def __init__(self, name: str, reasons: dict[str, Reason] | None = None) -> None:
        self.name = name
        self.reasons = reasons or {}
        self.seen: list[str] = []
        self.own: list[str] = []

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
        self.seen += [item.text for item in items]
        self.own += [item.text for item in own]
        return [
            Verdict(stage=self.name, reason=self.reasons.get(item.text, Reason.CLEAN))
            for item in items
        ]


def pipeline(*stages: Stage, settings: RefusalSettings = DROP_ALL) -> Pipeline:
    return Pipeline(stages, me="me", settings=settings)


def test_stages_run_in_order_and_all_evidence_is_kept(submission: Make) -> None:
    (judged,) = pipeline(Scripted("cheap"), Scripted("dear")).judge([submission("a")])

    assert [verdict.stage for verdict in judged.verdicts] == ["cheap", "dear"]
    assert judged.verdict is judged.verdicts[-1]


def test_a_dropped_completion_is_not_shown_to_dearer_stages(submission: Make) -> None:
    cheap, dear = Scripted("cheap", {"bad": Reason.OVERLONG}), Scripted("dear")

    bad, good = pipeline(cheap, dear).judge([submission("bad"), submission("good", index=1)])

    assert dear.seen == ["good"]
    assert bad.verdict.reason is Reason.OVERLONG
    assert len(bad.verdicts) == 1
    assert good.verdict.reason is Reason.CLEAN


@pytest.mark.parametrize("action", [Action.VETO, Action.MASK])
def test_a_completion_that_stays_in_its_group_is_still_looked_at(
    submission: Make, action: Action
) -> None:
    """Else a wrong equation, put there on purpose, would hide a slogan from later stages."""
    cheap = Scripted("cheap", {"both": Reason.WRONG_EQUATION})
    dear = Scripted("dear", {"both": Reason.COPY_OF_OWN})
    settings = RefusalSettings(actions={"cheap": action})

    (judged,) = pipeline(cheap, dear, settings=settings).judge([submission("both")])

    assert [verdict.reason for verdict in judged.verdicts] == [
        Reason.WRONG_EQUATION,
        Reason.COPY_OF_OWN,
    ]
    assert judged.verdict.stage == "dear", "the severest action decides"


def test_own_completions_are_compared_with_and_not_judged(submission: Make) -> None:
    stage = Scripted("stage", {"mine": Reason.OVERLONG})

    mine, theirs = pipeline(stage).judge([submission("mine", author="me"), submission("theirs")])

    assert stage.seen == ["theirs"]
    assert stage.own == ["mine"]
    assert mine.verdict.reason is Reason.OWN
    assert mine.verdicts == ()
    assert theirs.verdict.reason is Reason.CLEAN


def test_undecided_is_neither_lost_nor_a_refusal(submission: Make) -> None:
    unsure = Scripted("unsure", {"a": Reason.UNREAD_EQUATION})
    later = Scripted("later")

    (judged,) = pipeline(unsure, later).judge([submission("a")])

    assert later.seen == ["a"]
    assert judged.verdict.reason is Reason.UNREAD_EQUATION


def test_a_later_refusal_outweighs_an_earlier_doubt(submission: Make) -> None:
    unsure = Scripted("unsure", {"a": Reason.NO_LENGTHS})
    sure = Scripted("sure", {"a": Reason.EMPTY})

    (judged,) = pipeline(unsure, sure).judge([submission("a")])

    assert judged.verdict.reason is Reason.EMPTY


def test_without_stages_everything_is_accepted(submission: Make) -> None:
    (judged,) = pipeline().judge([submission()])

    assert judged.verdict.reason is Reason.CLEAN
    assert pipeline().judge([]) == ()


def test_a_bug_in_a_stage_is_no_verdict(submission: Make) -> None:
    class Broken(Scripted):
        def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pipeline(Broken("broken")).judge([submission()])


def test_a_stage_that_forgets_an_item_is_found_out(submission: Make) -> None:
    class Forgetful(Scripted):
        def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
            return []

    with pytest.raises(ValueError, match="zip"):
        pipeline(Forgetful("forgetful")).judge([submission()])


def test_stages_and_settings_must_fit_each_other() -> None:
    with pytest.raises(ValueError, match="two stages share a name"):
        pipeline(Scripted("same"), Scripted("same"))
    with pytest.raises(ValueError, match="lenght, which is no stage here; there are length"):
        pipeline(Scripted("length"), settings=RefusalSettings(actions={"lenght": Action.ZERO}))


def test_stages_of_one_step_see_the_same_and_the_one_that_names_a_place_decides(
    submission: Make,
) -> None:
    class Naming(Scripted):
        def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:
            span = Span(0, 1, Unit.TOKENS)
            said = super().judge(items, own=own)
            return [replace(one, spans=(span,)) if one.refuses else one for one in said]

    reasons = {"both": Reason.NOT_REPLAYED}
    whole = Scripted("whole", {"both": Reason.AUTHOR_ADDS_UP, "one": Reason.AUTHOR_ADDS_UP})
    naming, later = Naming("naming", reasons), Scripted("later")
    both, one, none = Pipeline([(whole, naming), later], me="me", settings=DROP_ALL).judge(
        [submission(text, index=at) for at, text in enumerate(["both", "one", "none"])]
    )

    assert naming.seen == whole.seen == ["both", "one", "none"]
    assert later.seen == ["none"]
    assert [judged.verdict.stage for judged in (both, one, none)] == ["naming", "whole", "later"]
    assert len(both.verdicts) == 2


def test_a_pipeline_without_a_stage_has_the_others_and_their_actions(submission: Make) -> None:
    settings = RefusalSettings(actions={"cheap": Action.MASK, "dear": Action.ZERO})
    cheap, dear = Scripted("cheap", {"a": Reason.OVERLONG}), Scripted("dear")
    whole = Pipeline([(cheap, dear)], me="me", settings=settings)

    (judged,) = whole.without("cheap").judge([submission("a")])

    assert whole.stages == ("cheap", "dear")
    assert whole.without("cheap").stages == whole.without("absent").without("cheap").stages
    assert [one.stage for one in judged.verdicts] == ["dear"]
