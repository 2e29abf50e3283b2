"""What holds for every round, whatever is in it."""

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from node.verdict import Reason, Verdict
from node.verification import (
    Action,
    Completeness,
    Copies,
    EquationAudit,
    Judged,
    Length,
    LengthSettings,
    Pipeline,
    RefusalSettings,
    Stage,
    Submission,
    Taught,
    what_teaches,
)

TEXTS = ["2 + 2 = 4", "2 + 2 = 5", "at 3:30 + 1 = 4", "", "nom nom"]
FLAG = Verdict(stage="stage", reason=Reason.WRONG_EQUATION)
CLEAN = Verdict(stage="stage", reason=Reason.CLEAN)


@st.composite
def rounds(draw: st.DrawFn) -> list[Submission]:
    """Draw a small round of several authors, with gaps, copies and long texts in it."""
    places = st.tuples(st.sampled_from("abcm"), st.integers(0, 2), st.integers(0, 3))
    return [
        Submission(
            author=author,
            round_index=1,
            prompt_index=prompt,
            index=index,
            prompt="?",
            text=draw(st.sampled_from(TEXTS)),
            tokens=(1,) * draw(st.integers(1, 40)),
            ended=True,
            reward=draw(st.sampled_from([0.0, 0.5, 2.5])),
        )
        for author, prompt, index in draw(st.lists(places, unique=True, max_size=16))
    ]


def stages() -> list[Stage]:
    lengths = LengthSettings(references_min=2)
    return [Completeness(4, 64), Copies(explains=lambda _: False), EquationAudit(), Length(lengths)]


def flagged(items: Sequence[Submission], seed: int) -> list[Judged]:
    rng = random.Random(seed)  # noqa: S311 - a draw for a test
    return [
        Judged(item, verdict, (verdict,))
        for item in items
        for verdict in [rng.choice([FLAG, CLEAN])]
    ]


def mean(group: Sequence[Taught]) -> float:
    return sum(one.reward for one in group) / len(group)


@given(items=rounds())
@settings(deadline=None)
def test_every_completion_gets_one_verdict_and_own_ones_no_stage(items: list[Submission]) -> None:
    judged = Pipeline(stages(), me="m", settings=RefusalSettings()).judge(items)

    assert [one.item for one in judged] == items
    for one in judged:
        assert (one.verdict.reason is Reason.OWN) == (one.item.author == "m")
        assert bool(one.verdicts) == (one.item.author != "m")
        assert not any(verdict.refuses for verdict in one.verdicts[:-1]), "a refused one went on"


@given(items=rounds())
@settings(deadline=None)
def test_a_stage_s_verdicts_do_not_depend_on_the_order_of_the_round(
    items: list[Submission],
) -> None:
    backwards = items[::-1]

    for one, other in zip(stages(), stages(), strict=True):
        forth = [verdict.reason for verdict in one.judge(items, own=[])]
        back = [verdict.reason for verdict in other.judge(backwards, own=[])]
        assert forth == back[::-1]


@given(items=rounds(), seed=st.integers(0, 99))
def test_veto_lets_no_flagged_completion_be_praised(items: list[Submission], seed: int) -> None:
    judged = flagged(items, seed)
    flags = {id(one.item) for one in judged if one.verdict.refuses}

    taught = what_teaches(judged, RefusalSettings(default=Action.VETO))

    groups: dict[tuple[int, int], list[Taught]] = {}
    for one in taught:
        groups.setdefault(one.item.group, []).append(one)
    for group in groups.values():
        assert all(one.reward <= mean(group) for one in group if id(one.item) in flags)


@given(items=rounds(), seed=st.integers(0, 99), action=st.sampled_from(Action))
def test_no_action_touches_what_was_not_refused(
    items: list[Submission], seed: int, action: Action
) -> None:
    judged = flagged(items, seed)
    clean = [one.item for one in judged if not one.verdict.refuses]

    taught = what_teaches(judged, RefusalSettings(default=action))

    untouched = [one for one in taught if any(one.item is item for item in clean)]
    assert [one.item for one in untouched] == clean
    assert all(one.reward == one.item.reward for one in untouched)
    assert all(all(one.credit) and one.weight == 1.0 for one in untouched)


@given(items=rounds(), seed=st.integers(0, 99))
def test_drop_leaves_nothing_that_was_refused_and_zero_and_mask_leave_everything(
    items: list[Submission], seed: int
) -> None:
    judged = flagged(items, seed)
    refused = sum(one.verdict.refuses for one in judged)
    kept = {action: len(what_teaches(judged, RefusalSettings(default=action))) for action in Action}

    assert kept[Action.DROP] == len(items) - refused
    assert kept[Action.ZERO] == kept[Action.MASK] == len(items)
    assert kept[Action.DROP] <= kept[Action.VETO] <= len(items)
