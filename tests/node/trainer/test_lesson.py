from dataclasses import replace

import pytest

from node.learning import NoGradient, TrainSettings
from node.rollout import Group, Rollout
from node.trainer import Example, lesson_of

SETTINGS = TrainSettings(scale_rewards="none")


def rollout(reward: float, *, ended: bool = True, tokens: tuple[int, ...] = (1, 2)) -> Rollout:
    return Rollout(
        prompt_tokens=(9,),
        completion_tokens=tokens,
        ended=ended,
        reward=reward,
        author="author",
        index=0,
    )


def group(*rollouts: Rollout) -> Group:
    return Group(0, rollouts)


def test_completions_are_compared_within_their_group_and_kept_in_order() -> None:
    groups = [group(rollout(1.0, tokens=(1,)), rollout(0.0, tokens=(2,)))]

    lesson = lesson_of(groups, SETTINGS)

    assert lesson.examples == (Example((9,), (1,), 0.5), Example((9,), (2,), -0.5))
    assert lesson.warning is None


def test_an_equal_group_is_left_out_but_counted() -> None:
    groups = [group(rollout(1.0), rollout(0.0)), group(rollout(2.0), rollout(2.0))]

    lesson = lesson_of(groups, SETTINGS)

    assert len(lesson.examples) == 2
    assert len(lesson.rollouts) == 4
    assert lesson.zero_std_share == 0.5


def test_an_equal_group_stays_where_a_divergence_pulls_on_it() -> None:
    groups = [group(rollout(2.0), rollout(2.0))]

    lesson = lesson_of(groups, TrainSettings(beta=0.1))

    assert [example.advantage for example in lesson.examples] == [0.0, 0.0]
    assert lesson.warning is None


def test_a_truncated_completion_is_masked_on_demand_but_stays_in_the_mean() -> None:
    groups = [group(rollout(1.0), rollout(0.0, ended=False))]

    kept = lesson_of(groups, SETTINGS)
    masked = lesson_of(groups, TrainSettings(scale_rewards="none", mask_truncated=True))

    assert [example.advantage for example in kept.examples] == [0.5, -0.5]
    assert [example.advantage for example in masked.examples] == [0.5]


def test_a_completion_without_tokens_is_compared_but_not_trained_on() -> None:
    """Text that decodes to nothing has a reward, and no token to praise or blame."""
    lesson = lesson_of([group(rollout(1.0), rollout(0.0, tokens=()))], SETTINGS)

    assert [example.advantage for example in lesson.examples] == [0.5]


CUT = rollout(0.0, ended=False)
MASKED = TrainSettings(mask_truncated=True)


@pytest.mark.parametrize(
    ("groups", "settings", "warning"),
    [
        ([], SETTINGS, NoGradient.EMPTY_ROUND),
        ([group()], SETTINGS, NoGradient.EMPTY_ROUND),
        ([group(rollout(0.0), rollout(0.0))], SETTINGS, NoGradient.ALL_GROUPS_EQUAL),
        ([group(rollout(1.0))], SETTINGS, NoGradient.ALL_GROUPS_EQUAL),
        ([group(rollout(0.0), CUT)], SETTINGS, NoGradient.ALL_GROUPS_EQUAL),
        ([group(CUT, CUT)], SETTINGS, NoGradient.ALL_TRUNCATED),
        ([group(CUT, rollout(1.0, ended=False))], MASKED, NoGradient.ALL_TRUNCATED),
        ([group(CUT, rollout(1.0))], MASKED, None),
    ],
)
def test_a_round_without_a_gradient_is_named(
    groups: list[Group], settings: TrainSettings, warning: NoGradient | None
) -> None:
    assert lesson_of(groups, settings).warning is warning


def authored(reward: float, author: str, *, bound: bool = True) -> Rollout:
    return replace(rollout(reward), author=author, bound=bound)


def test_a_bound_author_has_no_more_than_its_share_of_the_praise() -> None:
    """However often it is right while the others hardly ever are."""
    thief = group(
        *(authored(2.0, "thief") for _ in range(4)),
        *(authored(0.0, "me", bound=False) for _ in range(4)),
    )
    own = group(authored(2.0, "me", bound=False), authored(0.0, "me", bound=False))
    lesson = lesson_of([thief, own], TrainSettings(author_share_max=0.25))
    praise = [one.advantage for one in lesson.examples if one.advantage > 0]

    assert sum(praise[:4]) == pytest.approx(sum(praise) * 0.25)


def test_blame_is_not_bound() -> None:
    """Else a bad answer of a stranger's would be less of a lesson than one of our own."""
    groups = [group(authored(0.0, "thief"), authored(2.0, "me", bound=False))]
    bound = lesson_of(groups, TrainSettings(author_share_max=0.0, strangers_share_max=0.0))

    assert [one.advantage for one in bound.examples] == pytest.approx([-0.7071, 0.7071], abs=1e-3)


def test_proven_authors_are_not_bound() -> None:
    groups = [group(authored(2.0, "peer", bound=False), authored(0.0, "me", bound=False))]
    lesson = lesson_of(groups, TrainSettings(author_share_max=0.0, strangers_share_max=0.0))

    assert lesson.examples[0].advantage > 0
