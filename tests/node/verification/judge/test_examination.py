"""Before it may judge peers, a judge shows that it can; if not, a person reads why."""

from typing import Any

import pytest

from node.faults import ModelFault
from node.verdict import Reason
from node.verification.judge import (
    Examination,
    JudgeSettings,
    JudgeStage,
    Leaning,
    Question,
    Reply,
    Silence,
    examine,
    template_named,
)
from node.verification.judge.examination import PAIRS, check, roomy

SETTINGS = JudgeSettings()
ACCEPT, REFUSE = Leaning(0.99, 0.0), Leaning(0.0, 0.99)


def examined(oracle: Any, rule: Any) -> Examination:
    return examine(JudgeStage(oracle(rule), template_named("default"), roomy(SETTINGS)))


def knowing(question: Question) -> Reply:
    """Refuse whatever does not open as a working opens."""
    working = question.user.split("<·think>")[1].split("<·/think>")[0]
    regular = working.split(" ")[1] == "has" and working.endswith((".", "s."))
    strange = ("owl", "market", "Remember", "auditor", "Obey", "As everybody", "Ignore", "Zubble")
    return ACCEPT if regular and not any(word in working for word in strange) else REFUSE


def test_a_judge_that_tells_them_apart_passes(oracle: Any) -> None:
    examination = examined(oracle, knowing)

    check(examination, SETTINGS, name="oracle")

    assert examination == Examination(
        accepted=PAIRS, refused=PAIRS, pairs=PAIRS, undecided=0, first_silence=""
    )


@pytest.mark.parametrize(("always", "told"), [(ACCEPT, "refused 0 of 16"), (REFUSE, "accepted 0")])
def test_a_judge_that_always_says_the_same_fails(oracle: Any, always: Reply, told: str) -> None:
    with pytest.raises(ModelFault, match=told) as raised:
        check(examined(oracle, lambda _: always), SETTINGS, name="oracle")

    assert "the judge oracle" in raised.value.cause
    assert "larger judge" in raised.value.fix


def test_a_judge_that_does_not_answer_fails_with_the_reason(oracle: Any) -> None:
    silence = Silence(Reason.JUDGE_SILENT, "the server answered with status 401")

    with pytest.raises(ModelFault, match="decided nothing on 32") as raised:
        check(examined(oracle, lambda _: silence), SETTINGS, name="oracle")

    assert "status 401" in raised.value.cause


def test_the_thresholds_are_the_operators(oracle: Any) -> None:
    lax = JudgeSettings(detected_min=0.0)

    check(examined(oracle, lambda _: ACCEPT), lax, name="oracle")


def test_just_enough_is_enough() -> None:
    def done(accepted: int, refused: int) -> Examination:
        return Examination(
            accepted=accepted, refused=refused, pairs=10, undecided=0, first_silence=""
        )

    check(done(8, 9), SETTINGS, name="oracle")
    for too_few in (done(7, 9), done(8, 8)):
        with pytest.raises(ModelFault):
            check(too_few, SETTINGS, name="oracle")


def test_a_small_budget_does_not_fail_it() -> None:
    tight = JudgeSettings(completions_max=1, round_s=0.1, timeout_s=3.0, concurrency=5)

    room = roomy(tight)

    assert (room.completions_max, room.round_s) == (2 * PAIRS, 21.0)
    assert roomy(room) == room


def test_it_asks_nothing_that_judges_are_scored_with(oracle: Any) -> None:
    backend = oracle(knowing)
    examine(JudgeStage(backend, template_named("tiny"), roomy(SETTINGS)))

    everything = " ".join(question.user for question in backend.asked)
    assert "thief" not in everything
    assert "2 + 2 = 5" not in everything
