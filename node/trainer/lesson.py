"""What a round's groups can teach, before any model is asked; knows rewards and lengths only."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.grpo import ragged_advantages, share_factors
from node.learning import NoGradient, TrainSettings
from node.rollout import Group, Rollout


@dataclass(frozen=True, slots=True)
class Example:
    """One completion with the advantage that its tokens share.

    Args:
        prompt: Its prompt's tokens.
        completion: Its own.
        advantage: Times the completion's weight: each kind of loss is linear in it.
        credit: One for each token, false where it must not be learnt from; () is all.
        old: Log-probabilities at the start of the round, where they are known; () where not.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    advantage: float
    credit: tuple[bool, ...] = ()
    old: tuple[float, ...] = ()

    @property
    def tokens_credited(self) -> int:
        """How many tokens teach."""
        return sum(self.credit) if self.credit else len(self.completion)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What there is to train on, and what was seen in choosing it.

    Args:
        examples: The completions to train on, in the order of the groups given.
        rollouts: All of them, in that order.
        zero_std_share: Share of the groups whose rewards were all equal.
        warning: Why there are no examples, if so.
    """

    examples: tuple[Example, ...]
    rollouts: tuple[Rollout, ...]
    zero_std_share: float
    warning: NoGradient | None


def lesson_of(groups: Sequence[Group], settings: TrainSettings) -> Lesson:
    """Choose what a round can be learnt from.

    Groups of equal rewards have no gradient and are left out, which saves their compute, unless
    a KL term pulls on them all the same. They are left out of the averages, too, as if they had
    never been sampled.

    Args:
        groups: In the order that all nodes agree on; none is fine.
        settings: The trainer's.
    """
    groups = [group for group in groups if group.rollouts]
    advantages = ragged_advantages(
        [[rollout.reward for rollout in group.rollouts] for group in groups],
        scale=settings.scale_rewards,
    )
    weighed = [
        [advantage * rollout.weight for rollout, advantage in zip(group.rollouts, row, strict=True)]
        for group, row in zip(groups, (row.tolist() for row in advantages), strict=True)
    ]
    factors = _factors(groups, weighed, settings)
    taught: list[Example] = []
    equal = 0
    for group, of_group, unweighed in zip(groups, weighed, advantages, strict=True):
        teaches = bool(unweighed.any())
        equal += not teaches
        if teaches or settings.beta:
            taught += _examples(group, of_group, factors, settings)
    rollouts = tuple(rollout for group in groups for rollout in group.rollouts)
    return Lesson(
        examples=tuple(taught),
        rollouts=rollouts,
        zero_std_share=equal / len(groups) if groups else 0.0,
        warning=None if taught else _why_nothing(rollouts, all_equal=equal == len(groups)),
    )


def _factors(
    groups: Sequence[Group], weighed: Sequence[Sequence[float]], settings: TrainSettings
) -> Mapping[str, float]:
    """Return what each bound author's praise is scaled by."""
    praise: defaultdict[str, float] = defaultdict(float)
    unbound = 0.0
    for group, of_group in zip(groups, weighed, strict=True):
        for rollout, advantage in zip(group.rollouts, of_group, strict=True):
            if rollout.bound:
                praise[rollout.author] += max(0.0, advantage)
            else:
                unbound += max(0.0, advantage)
    return share_factors(
        praise,
        unbound,
        each_max=settings.author_share_max,
        together_max=settings.strangers_share_max,
    )


def _examples(
    group: Group,
    advantages: Sequence[float],
    factors: Mapping[str, float],
    settings: TrainSettings,
) -> list[Example]:
    return [
        Example(
            rollout.prompt_tokens,
            rollout.completion_tokens,
            advantage * factors[rollout.author] if rollout.bound and advantage > 0 else advantage,
            rollout.credit,
            rollout.old_logprobs,
        )
        for rollout, advantage in zip(group.rollouts, advantages, strict=True)
        if rollout.completion_tokens and (rollout.ended or not settings.mask_truncated)
    ]


def _why_nothing(rollouts: Sequence[Rollout], *, all_equal: bool) -> NoGradient:
    if not rollouts:
        return NoGradient.EMPTY_ROUND
    # Where the limit cut everybody off, equal rewards are only the consequence.
    if not all_equal or not any(rollout.ended for rollout in rollouts):
        return NoGradient.ALL_TRUNCATED
    return NoGradient.ALL_GROUPS_EQUAL
