"""What each action does to a group, with numbers that can be checked by hand."""

import dataclasses
import random
from collections.abc import Callable, Sequence

import pytest
import torch

from node.grpo import group_advantages
from node.verdict import Outcome, Reason, Span, Unit, Verdict
from node.verification import Action, Judged, RefusalSettings, Submission, Taught, what_teaches

Make = Callable[..., Submission]
STAGE = "stage"
FLAG = Verdict(stage=STAGE, reason=Reason.WRONG_EQUATION)
CLEAN = Verdict(stage=STAGE, reason=Reason.CLEAN)
UNSURE = Verdict(stage=STAGE, reason=Reason.UNREAD_EQUATION)


@pytest.fixture
def group(submission: Make) -> Callable[..., list[Judged]]:
    """Make one group of rewards, with the verdict on each."""

    def make(*members: tuple[float, Verdict], prompt_index: int = 0) -> list[Judged]:
        return [
            Judged(
                submission(reward=reward, index=index, prompt_index=prompt_index),
                verdict,
                (verdict,),
            )
            for index, (reward, verdict) in enumerate(members)
        ]

    return make


Group = Callable[..., list[Judged]]


def rewards(taught: Sequence[Taught]) -> list[float]:
    return [one.reward for one in taught]


def settings(action: Action, undecided_weight: float = 1.0) -> RefusalSettings:
    return RefusalSettings(actions={STAGE: action}, undecided_weight=undecided_weight)


def test_nothing_happens_to_what_nobody_refused(group: Group) -> None:
    taught = what_teaches(group((2.5, CLEAN), (0.5, UNSURE)), RefusalSettings())

    assert rewards(taught) == [2.5, 0.5]
    assert [one.credit for one in taught] == [(True, True, True)] * 2
    assert [one.weight for one in taught] == [1.0, 1.0]


def test_drop_takes_the_completion_out_of_its_group(group: Group) -> None:
    """The mean is then 0.5: the right one is praised by 2.0 instead of 1.17."""
    taught = what_teaches(group((2.5, FLAG), (1.0, CLEAN), (0.0, CLEAN)), RefusalSettings())

    assert rewards(taught) == [1.0, 0.0]
    assert [one.item.index for one in taught] == [1, 2]


def test_zero_keeps_it_and_blames_it(group: Group) -> None:
    taught = what_teaches(group((2.5, FLAG), (0.5, CLEAN)), settings(Action.ZERO))

    assert rewards(taught) == [0.0, 0.5]


def test_veto_drops_a_flagged_completion_with_the_top_reward(group: Group) -> None:
    taught = what_teaches(group((2.5, FLAG), (2.5, CLEAN), (0.5, CLEAN)), settings(Action.VETO))

    assert [one.item.index for one in taught] == [1, 2]


def test_veto_leaves_a_flagged_bad_completion_its_own_reward(group: Group) -> None:
    """It teaches by contrast, and what is blamed cannot poison."""
    taught = what_teaches(group((2.5, CLEAN), (0.5, FLAG), (0.0, FLAG)), settings(Action.VETO))

    assert rewards(taught) == [2.5, 0.5, 0.0]


def test_veto_also_drops_what_is_praised_without_being_best(group: Group) -> None:
    """0.5 lies above the mean of 0.375: one right answer must not open the door for it."""
    members = [(2.5, CLEAN), (0.5, FLAG), *[(0.0, CLEAN)] * 6]

    taught = what_teaches(group(*members), settings(Action.VETO))

    assert rewards(taught) == [2.5, *[0.0] * 6]


def test_veto_looks_again_after_the_mean_has_moved(group: Group) -> None:
    """With 2.5 in it the mean is 0.625 and 0.5 is blamed; without it 0.5 is the best."""
    members = [(2.5, FLAG), (0.5, FLAG), *[(0.0, CLEAN)] * 4]

    taught = what_teaches(group(*members), settings(Action.VETO))

    assert rewards(taught) == [0.0] * 4


def test_veto_counts_each_group_by_itself(group: Group) -> None:
    first = group((2.5, CLEAN), (0.5, FLAG))
    second = group((0.5, FLAG), (0.0, CLEAN), prompt_index=1)

    taught = what_teaches([*first, *second], settings(Action.VETO))

    assert [(one.item.prompt_index, one.reward) for one in taught] == [(0, 2.5), (0, 0.5), (1, 0.0)]


def test_in_a_group_of_flagged_completions_only_none_is_left_to_praise(group: Group) -> None:
    """The one that is left is on its own mean: it has no advantage, and no gradient."""
    taught = what_teaches(group((2.5, FLAG), (0.0, FLAG)), settings(Action.VETO))

    assert rewards(taught) == [0.0]


def test_veto_leaves_alone_what_lies_on_the_mean(group: Group) -> None:
    """Equal rewards have no advantage, so there is nothing to take away."""
    taught = what_teaches(group((0.5, FLAG), (0.5, CLEAN)), settings(Action.VETO))

    assert rewards(taught) == [0.5, 0.5]


OPENED = "As we know, 2 + 2 = 5. Ben has 3 eggs."
PIECES = {1: "As we know,", 2: " 2 + 2", 3: " = 5.", 4: " Ben has", 5: " 3 eggs.", 0: ""}


@pytest.fixture
def wrong(submission: Make) -> Callable[..., Judged]:
    """Make a completion that opens with a wrong equation."""
    flag = Verdict(
        stage=STAGE, reason=Reason.WRONG_EQUATION, spans=(Span(12, 21, Unit.CHARACTERS),)
    )

    def make(reward: float, **fields: object) -> Judged:
        item = submission(OPENED, tokens=(1, 2, 3, 4, 5, 0), reward=reward, **fields)
        return Judged(item, flag, (flag,))

    return make


def taught_after(judged: Sequence[Judged]) -> tuple[Taught, ...]:
    def decode(tokens: Sequence[int]) -> str:
        return "".join(PIECES[token] for token in tokens)

    return what_teaches(judged, settings(Action.WITHHOLD), decode=decode)


def test_withhold_takes_out_a_wrong_equation_with_the_best_reward_of_the_round(
    group: Group, wrong: Callable[..., Judged]
) -> None:
    """A right answer over a wrong equation is what an attacker hands in."""
    taught = taught_after([wrong(2.5, index=9), *group((0.5, CLEAN), (2.5, CLEAN))])

    assert rewards(taught) == [0.5, 2.5]


def test_withhold_gives_praise_to_all_but_the_sentence_at_fault(
    group: Group, wrong: Callable[..., Judged]
) -> None:
    """Praised for its form among answers that lack even that; what leads up to the equation
    would be learnt as its occasion, so it earns nothing either.
    """
    best = group((2.5, CLEAN), (0.0, CLEAN), prompt_index=1)
    judged = [wrong(0.5, index=1), *group((0.0, CLEAN)), *best]

    first, *others = taught_after(judged)

    assert (first.reward, first.credit) == (0.5, (False, False, False, True, True, True))
    assert all(all(one.credit) for one in others)


def test_withhold_leaves_blame_as_it_is(group: Group, wrong: Callable[..., Judged]) -> None:
    taught = taught_after([wrong(0.5, index=1), *group((2.5, CLEAN))])

    assert [(one.reward, all(one.credit)) for one in taught] == [(0.5, True), (2.5, True)]


def test_withhold_looks_at_the_mean_that_is_left(
    group: Group, wrong: Callable[..., Judged]
) -> None:
    """With the flagged 2.5 in the group 0.5 would be blamed; without it, it is praised."""
    judged = [wrong(2.5, index=8), wrong(0.5, index=9), *group(*[(0.0, CLEAN)] * 4)]

    first, *others = taught_after(judged)

    assert (first.reward, first.credit[:3]) == (0.5, (False, False, False))
    assert rewards(others) == [0.0] * 4


def test_withhold_without_a_place_gives_praise_to_nothing(group: Group) -> None:
    best = group((2.5, CLEAN), (0.0, CLEAN), prompt_index=1)

    first, *_ = taught_after([*group((0.5, FLAG), (0.0, CLEAN)), *best])

    assert first.credit == (False, False, False)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("action", [Action.VETO, Action.WITHHOLD])
def test_no_token_of_a_wrong_equation_is_ever_praised(
    group: Group, wrong: Callable[..., Judged], action: Action, seed: int
) -> None:
    """Whatever the others earn: a token is praised if it has credit in an example above 0."""
    draw = random.Random(seed)  # noqa: S311 - a test's luck
    judged: list[Judged] = []
    for prompt in range(6):
        flagged = [wrong(draw.choice((0.0, 0.5, 2.5)), index=9 + n) for n in range(3)]
        flagged = [
            dataclasses.replace(one, item=dataclasses.replace(one.item, prompt_index=prompt))
            for one in flagged[: draw.randrange(4)]
        ]
        others = [(draw.choice((0.0, 0.5, 2.5)), CLEAN) for _ in range(draw.randrange(6))]
        judged += flagged + group(*others, prompt_index=prompt)

    taught = what_teaches(
        judged,
        settings(action),
        decode=lambda tokens: "".join(PIECES[token] for token in tokens),
    )

    groups: dict[int, list[Taught]] = {}
    for one in taught:
        groups.setdefault(one.item.prompt_index, []).append(one)
    for members in groups.values():
        advantages = group_advantages(torch.tensor(rewards(members)))
        for one, advantage in zip(members, advantages.tolist(), strict=True):
            if one.item.text == OPENED and advantage > 0:
                assert not any(one.credit[:3])


def test_mask_takes_credit_from_the_tokens_at_fault_only(submission: Make) -> None:
    flag = Verdict(stage=STAGE, reason=Reason.WRONG_EQUATION, spans=(Span(1, 3, Unit.TOKENS),))
    item = submission(tokens=(5, 6, 7, 8, 0), reward=2.5)

    (taught,) = what_teaches([Judged(item, flag, (flag,))], settings(Action.MASK))

    assert taught.credit == (True, False, False, True, True)
    assert taught.reward == 2.5


def test_mask_without_a_place_takes_all_credit_and_keeps_the_reward(group: Group) -> None:
    """It still counts in its group's mean, as the completion that it is."""
    taught = what_teaches(group((2.5, FLAG), (0.5, CLEAN)), settings(Action.MASK))

    assert taught[0].credit == (False, False, False)
    assert rewards(taught) == [2.5, 0.5]


def test_mask_finds_the_tokens_of_a_span_of_characters(submission: Make) -> None:
    pieces = {1: "So ", 2: "2 + 2", 3: " = 5", 4: ", fine.", 0: ""}
    item = submission("So 2 + 2 = 5, fine.", tokens=(1, 2, 3, 4, 0))
    flag = Verdict(stage=STAGE, reason=Reason.WRONG_EQUATION, spans=(Span(3, 12, Unit.CHARACTERS),))

    (taught,) = what_teaches(
        [Judged(item, flag, (flag,))],
        settings(Action.MASK),
        decode=lambda tokens: "".join(pieces[token] for token in tokens),
    )

    assert taught.credit == (True, False, False, True, True)


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("length", range(1, 6))
def test_a_mask_covers_every_token_that_its_span_touches(
    submission: Make, start: int, length: int
) -> None:
    """Tokens of two letters each, so that spans begin and end inside of them."""
    item = submission("aabbccddee", tokens=(1, 2, 3, 4, 5))
    span = Span(start, start + length, Unit.CHARACTERS)
    flag = Verdict(stage=STAGE, reason=Reason.WRONG_EQUATION, spans=(span,))

    (taught,) = what_teaches(
        [Judged(item, flag, (flag,))],
        settings(Action.MASK),
        decode=lambda tokens: "".join("_abcde"[token] * 2 for token in tokens),
    )

    touched = [2 * at < span.end and span.start < 2 * at + 2 for at in range(5)]
    assert [not credit for credit in taught.credit] == touched


def test_a_span_of_characters_without_a_decoder_is_the_whole_completion(submission: Make) -> None:
    flag = Verdict(stage=STAGE, reason=Reason.WRONG_EQUATION, spans=(Span(0, 1, Unit.CHARACTERS),))

    (taught,) = what_teaches([Judged(submission(), flag, (flag,))], settings(Action.MASK))

    assert taught.credit == (False, False, False)


def test_a_span_beyond_the_last_token_masks_what_there_is(submission: Make) -> None:
    flag = Verdict(stage=STAGE, reason=Reason.OVERLONG, spans=(Span(2, 99, Unit.TOKENS),))

    (taught,) = what_teaches([Judged(submission(), flag, (flag,))], settings(Action.MASK))

    assert taught.credit == (True, True, False)


def test_undecided_weighs_what_the_settings_say(group: Group) -> None:
    members = group((2.5, UNSURE), (0.5, CLEAN))

    taught = what_teaches(members, settings(Action.DROP, undecided_weight=0.25))

    assert [one.weight for one in taught] == [0.25, 1.0]
    assert rewards(taught) == [2.5, 0.5]


@pytest.mark.parametrize("action", [Action.VETO, Action.WITHHOLD, Action.MASK, Action.ZERO])
def test_who_is_undecided_gains_no_weight_by_being_refused_as_well(
    submission: Make, action: Action
) -> None:
    """Whose weight is 0 must not buy the full one with a blemish that costs it little."""
    blemish = Verdict(stage="other", reason=Reason.OVERLONG, spans=(Span(0, 1, Unit.TOKENS),))
    judged = [
        Judged(submission(reward=0.5), blemish, (UNSURE, blemish)),
        Judged(submission(reward=2.5, index=1), CLEAN, (CLEAN,)),
    ]
    chosen = RefusalSettings(actions={"other": action}, undecided_weight=0.0)

    taught = what_teaches(judged, chosen)

    assert [one.weight for one in taught] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("other", "left"),
    [(Action.ZERO, 1), (Action.VETO, 1), (Action.MASK, 1), (Action.DROP, 1)],
)
def test_the_severest_action_wins(submission: Make, other: Action, left: int) -> None:
    verdicts = (FLAG, Verdict(stage="other", reason=Reason.OVERLONG))
    flagged = Judged(submission(reward=2.5), FLAG, verdicts)
    clean = Judged(submission(reward=0.5, index=1), CLEAN, (CLEAN,))
    chosen = RefusalSettings(actions={STAGE: Action.DROP, "other": other})

    assert len(what_teaches([flagged, clean], chosen)) == left


def test_zero_comes_before_veto_and_the_mean_is_that_of_what_counts(submission: Make) -> None:
    """The flagged 2.5 counts 0, so the mean is 0.25 and nothing else is touched."""
    both = (FLAG, Verdict(stage="other", reason=Reason.OVERLONG))
    chosen = RefusalSettings(actions={STAGE: Action.ZERO, "other": Action.VETO})
    judged = [
        Judged(submission(reward=2.5), FLAG, both),
        Judged(submission(reward=0.5, index=1), CLEAN, (CLEAN,)),
    ]

    assert rewards(what_teaches(judged, chosen)) == [0.0, 0.5]


def test_two_masks_add_up(submission: Make) -> None:
    one = Verdict(stage=STAGE, reason=Reason.OVERLONG, spans=(Span(0, 1, Unit.TOKENS),))
    two = Verdict(stage="other", reason=Reason.OVERLONG, spans=(Span(2, 3, Unit.TOKENS),))

    (taught,) = what_teaches(
        [Judged(submission(), one, (one, two))], RefusalSettings(default=Action.MASK)
    )

    assert taught.credit == (False, True, False)


def test_own_completions_teach_as_they_are(submission: Make) -> None:
    own = Verdict(stage="", reason=Reason.OWN)

    (taught,) = what_teaches(
        [Judged(submission(author="me", reward=2.5), own, ())], RefusalSettings()
    )

    assert (taught.reward, taught.weight) == (2.5, 1.0)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_of_its_range_is_named(weight: float) -> None:
    with pytest.raises(ValueError, match="undecided_weight must be in"):
        RefusalSettings(undecided_weight=weight)


def test_actions_are_ordered_and_explained() -> None:
    assert [action.value for action in sorted(Action, key=lambda one: one.rank)] == [
        "drop",
        "zero",
        "veto",
        "withhold",
        "mask",
    ]
    assert [action for action in Action if action.takes_out] == [Action.DROP, Action.ZERO]
    assert all(action.meaning.endswith(".") for action in Action)
    assert Outcome.UNDECIDED not in {FLAG.outcome, CLEAN.outcome}
