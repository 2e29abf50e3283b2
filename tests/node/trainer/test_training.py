import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from node import checkpoint
from node.faults import CheckpointFault
from node.learning import LossKind, NoGradient, TrainSettings
from node.rollout import Group
from node.trainer import Trainer

SETTINGS = TrainSettings(learning_rate=0.05, minibatches=3)
MakeGroups = Callable[..., list[Group]]
MakePolicy = Callable[..., Any]


def weights(trainer: Trainer) -> Tensor:
    table: Any = trainer._policy.model.table
    return table.detach().clone()


def run(trainer: Trainer, make_groups: MakeGroups, rounds: range) -> Tensor:
    for round_index in rounds:
        trainer.step(make_groups(round_index), round_index=round_index)
    return weights(trainer)


def test_praised_completions_grow_likelier_and_blamed_ones_less_likely(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    (group,) = make_groups(5, count=1, size=2)
    good = replace(group.rollouts[0], completion_tokens=(1, 2, 3), reward=1.0)
    bad = replace(group.rollouts[1], completion_tokens=(4, 5, 6), reward=0.0)
    policy = make_bigram()
    prompt = group.rollouts[0].prompt_tokens

    def likelihood(completion: tuple[int, ...]) -> float:
        return policy.logprobs([prompt], [completion]).sum().item()

    before = likelihood((1, 2, 3)), likelihood((4, 5, 6))
    report = Trainer(policy, SETTINGS, seed=0).step([Group(0, (good, bad))], round_index=0)

    assert likelihood((1, 2, 3)) > before[0]
    assert likelihood((4, 5, 6)) < before[1]
    assert report.optimiser_steps == 2  # two completions make no three portions


def test_the_first_step_is_the_plain_policy_gradient(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    """By hand: with ratio 1 the gradient is that of -mean(advantage * mean log-probability)."""
    groups = make_groups(1, count=3)
    policy = make_bigram()
    settings = replace(SETTINGS, minibatches=1, grad_clip_norm=math.inf, scale_rewards="none")
    expected = torch.zeros(())
    completions = 0
    for group in groups:
        mean = sum(one.reward for one in group.rollouts) / len(group.rollouts)
        if len({one.reward for one in group.rollouts}) == 1:
            continue
        for one in group.rollouts:
            logprobs = policy.logprobs([one.prompt_tokens], [one.completion_tokens])
            expected = expected - (one.reward - mean) * logprobs.mean()
            completions += 1
    (slope,) = torch.autograd.grad(expected / completions, policy.model.table)

    report = Trainer(policy, settings, seed=0).step(groups, round_index=0)

    assert report.grad_norm == pytest.approx(slope.norm().item(), rel=1e-5)
    assert report.ratio_mean == pytest.approx(1.0)
    assert report.clip_share == 0.0


def test_two_trainers_of_one_seed_end_with_the_same_bits(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    first = run(Trainer(make_bigram(), SETTINGS, seed=7), make_groups, range(5))
    second = run(Trainer(make_bigram(), SETTINGS, seed=7), make_groups, range(5))

    assert torch.equal(first, second)


@pytest.mark.parametrize("change", ["seed", "round", "order"])
def test_another_seed_round_or_order_of_groups_is_another_update(
    make_bigram: MakePolicy, make_groups: MakeGroups, change: str
) -> None:
    """So peers must agree on all three; that the test sees a difference makes the one above one."""
    ours, theirs = (
        Trainer(make_bigram(), SETTINGS, seed=7),
        Trainer(make_bigram(), SETTINGS, seed=7),
    )
    groups = make_groups()
    ours.step(groups, round_index=0)
    if change == "seed":
        theirs = Trainer(make_bigram(), SETTINGS, seed=8)
    theirs.step(groups[::-1] if change == "order" else groups, round_index=int(change == "round"))

    assert not torch.equal(weights(ours), weights(theirs))


@pytest.mark.parametrize("kind", list(LossKind))
def test_memory_does_not_decide_what_is_learnt(
    make_bigram: MakePolicy, make_groups: MakeGroups, kind: LossKind
) -> None:
    settings = replace(SETTINGS, loss=kind, epochs=2)
    whole = Trainer(make_bigram(), replace(settings, microbatch_size=1000), seed=0)
    pieces = Trainer(make_bigram(), replace(settings, microbatch_size=2), seed=0)

    together = run(whole, make_groups, range(2))

    assert torch.allclose(run(pieces, make_groups, range(2)), together, atol=1e-4)


def test_one_step_a_round_needs_no_pass_without_gradients(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    """The weights of the round's start are then the weights being trained."""
    policy = make_bigram()

    Trainer(policy, replace(SETTINGS, minibatches=1), seed=0).step(make_groups(), round_index=0)

    assert [grads for _, grads in policy.asked] == [True]


def test_old_logprobs_are_of_the_rounds_start_for_every_step(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    """One pass without gradients, over all but the first step's completions, before any step."""
    policy = make_bigram()

    report = Trainer(policy, replace(SETTINGS, epochs=2), seed=0).step(make_groups(), round_index=0)

    grads = [grads for _, grads in policy.asked]
    assert grads == [False] + [True] * 6
    first_pass, first_step = policy.asked[0][0], policy.asked[1][0]
    assert first_pass + first_step == report.completions_trained
    assert report.optimiser_steps == 6


def test_later_epochs_leave_the_range_and_are_clipped(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    settings = replace(SETTINGS, epochs=8, minibatches=1)

    report = Trainer(make_bigram(), settings, seed=0).step(make_groups(), round_index=0)

    assert report.clip_share > 0.0


def test_equal_groups_cost_no_compute(make_bigram: MakePolicy, make_groups: MakeGroups) -> None:
    groups = make_groups()
    equal = [
        Group(9, tuple(replace(rollout, reward=1.0) for rollout in group.rollouts))
        for group in groups
    ]
    alone, among = make_bigram(), make_bigram()

    Trainer(alone, SETTINGS, seed=0).step(groups, round_index=0)
    Trainer(among, SETTINGS, seed=0).step(groups + equal, round_index=0)

    assert among.asked == alone.asked
    assert torch.equal(among.model.table, alone.model.table)


@pytest.mark.parametrize("groups", [[], [Group(0, ())]])
def test_an_empty_round_is_normal_and_changes_nothing(
    make_bigram: MakePolicy, groups: list[Group]
) -> None:
    trainer = Trainer(make_bigram(), SETTINGS, seed=0)
    before = weights(trainer)

    report = trainer.step(groups, round_index=0)

    assert report.warning is NoGradient.EMPTY_ROUND
    assert torch.equal(weights(trainer), before)


def poisoned(policy: Any, *, calls: range) -> Any:
    """The policy, whose n-th answer to a call with gradients is not a number."""
    logprobs, asked = policy.logprobs, iter(range(1000))

    def broken(*args: Any, **kwargs: Any) -> Tensor:
        answer: Tensor = logprobs(*args, **kwargs)
        if torch.is_grad_enabled() and next(asked) in calls:
            return answer * math.nan
        return answer

    policy.logprobs = broken
    return policy


def test_a_step_that_is_not_finite_is_skipped_and_the_rest_is_learnt(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    trainer = Trainer(poisoned(make_bigram(), calls=range(1)), SETTINGS, seed=0)

    report = trainer.step(make_groups(), round_index=0)

    assert (report.steps_skipped, report.optimiser_steps) == (1, 2)
    assert torch.isfinite(weights(trainer)).all()
    assert math.isfinite(report.loss)
    assert report.warning is None


def test_a_round_of_nothing_finite_leaves_the_weights_and_says_so(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    trainer = Trainer(poisoned(make_bigram(), calls=range(99)), SETTINGS, seed=0)
    before = weights(trainer)

    report = trainer.step(make_groups(), round_index=0)

    assert report.warning is NoGradient.NOT_FINITE
    assert report.steps_skipped == 3
    assert torch.equal(weights(trainer), before)


def test_an_infinite_gradient_of_a_finite_loss_is_skipped_too(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    policy = make_bigram()
    policy.model.table.register_hook(lambda slope: slope * math.inf)
    trainer = Trainer(policy, SETTINGS, seed=0)
    before = weights(trainer)

    assert trainer.step(make_groups(), round_index=0).warning is NoGradient.NOT_FINITE
    assert torch.equal(weights(trainer), before)


def test_frozen_parameters_stay(make_bigram: MakePolicy, make_groups: MakeGroups) -> None:
    policy = make_bigram()

    Trainer(policy, replace(SETTINGS, weight_decay=0.5), seed=0).step(make_groups(), round_index=0)

    assert policy.model.idle.tolist() == [1.0, 1.0]


def test_a_divergence_pulls_back_towards_the_initial_weights(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    free = Trainer(make_bigram(), SETTINGS, seed=0)
    bound = Trainer(make_bigram(), replace(SETTINGS, beta=5.0), seed=0)
    start = weights(free)

    far = (run(free, make_groups, range(8)) - start).norm()
    near = (run(bound, make_groups, range(8)) - start).norm()
    report = bound.step(make_groups(8), round_index=8)

    assert near < 0.75 * far
    assert report.kl > 0.0


# Checkpoints ---------------------------------------------------------------------------------


@pytest.fixture(params=[0.0, 0.5], ids=["free", "bound"])
def settings(request: pytest.FixtureRequest) -> Iterator[TrainSettings]:
    return replace(SETTINGS, beta=request.param)


def test_an_interrupted_run_ends_with_the_bits_of_an_uninterrupted_one(
    make_bigram: MakePolicy, make_groups: MakeGroups, settings: TrainSettings, tmp_path: Path
) -> None:
    whole = run(Trainer(make_bigram(), settings, seed=7), make_groups, range(6))
    stopped = Trainer(make_bigram(), settings, seed=7)
    run(stopped, make_groups, range(3))
    checkpoint.save(tmp_path, stopped.snapshot(3, {"cursor": 48}))

    resumed = Trainer(make_bigram(), settings, seed=7)
    found = checkpoint.latest(tmp_path).path
    assert found is not None
    snapshot = checkpoint.load(found)
    changed = resumed.restore(snapshot)

    assert changed == ()
    assert snapshot.state["cursor"] == 48
    assert torch.equal(run(resumed, make_groups, range(snapshot.round_index, 6)), whole)


def test_a_run_stopped_before_its_first_step_resumes_too(
    make_bigram: MakePolicy, make_groups: MakeGroups, tmp_path: Path
) -> None:
    whole = run(Trainer(make_bigram(), SETTINGS, seed=7), make_groups, range(2))
    path = checkpoint.save(tmp_path, Trainer(make_bigram(), SETTINGS, seed=7).snapshot(0))

    resumed = Trainer(make_bigram(), SETTINGS, seed=7)
    run(resumed, make_groups, range(5, 6))  # to be forgotten
    resumed.restore(checkpoint.load(path))

    assert torch.equal(run(resumed, make_groups, range(2)), whole)


def test_what_differs_from_the_runs_settings_is_told_and_the_new_ones_hold(
    make_bigram: MakePolicy, make_groups: MakeGroups, tmp_path: Path
) -> None:
    path = checkpoint.save(tmp_path, Trainer(make_bigram(), SETTINGS, seed=7).snapshot(0))
    still = Trainer(make_bigram(), replace(SETTINGS, learning_rate=1e-12), seed=8)

    changed = still.restore(checkpoint.load(path))

    before = weights(still)
    assert changed == ("learning_rate", "seed")
    assert torch.allclose(run(still, make_groups, range(1)), before, atol=1e-9)


def test_the_checkpoint_of_another_model_is_refused_and_nothing_is_changed(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    other = Trainer(make_bigram(), SETTINGS, seed=7)
    run(other, make_groups, range(1))
    snapshot = other.snapshot(1)
    wider = {**snapshot.model, "table": torch.zeros(13, 12)}
    trainer = Trainer(make_bigram(), SETTINGS, seed=7)
    before = weights(trainer)

    with pytest.raises(CheckpointFault, match="'table'"):
        trainer.restore(replace(snapshot, model=wider))

    assert torch.equal(weights(trainer), before)
    assert trainer.snapshot(0).optimizer == {}


def test_the_optimiser_of_another_model_is_refused(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    trainer = Trainer(make_bigram(), SETTINGS, seed=7)
    run(trainer, make_groups, range(1))
    snapshot = trainer.snapshot(1)

    with pytest.raises(CheckpointFault, match="optimiser"):
        trainer.restore(
            replace(snapshot, optimizer={**snapshot.optimizer, "step/other": torch.zeros(())})
        )


def test_another_reference_policy_than_the_runs_is_refused(make_bigram: MakePolicy) -> None:
    """Else a restart from other weights would silently pull towards them."""
    settings = replace(SETTINGS, beta=0.1)
    snapshot = Trainer(make_bigram(0), settings, seed=7).snapshot(0)

    with pytest.raises(CheckpointFault, match="reference"):
        Trainer(make_bigram(1), settings, seed=7).restore(snapshot)


def test_the_trainers_own_key_is_refused_to_callers(make_bigram: MakePolicy) -> None:
    with pytest.raises(ValueError, match="trainer"):
        Trainer(make_bigram(), SETTINGS, seed=7).snapshot(0, {"trainer": {}})


def test_tokens_without_credit_are_not_learnt(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    """What is masked stays as likely as it was, however much its completion is praised."""
    (group,) = make_groups(5, count=1, size=2)
    good = replace(group.rollouts[0], completion_tokens=(1, 2, 3), reward=1.0)
    bad = replace(group.rollouts[1], completion_tokens=(4, 5, 6), reward=0.0)
    masked = replace(good, credit=(True, False, True))
    before = weights(Trainer(make_bigram(), SETTINGS, seed=0))

    trainer = Trainer(make_bigram(), SETTINGS, seed=0)
    report = trainer.step([Group(0, (masked, bad))], round_index=0)

    moved = weights(trainer) != before
    assert not moved[1].any()  # the row that predicts token 2 after token 1
    assert moved[2].any()
    assert report.tokens_trained == 5


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_weight_scales_what_a_completion_teaches(
    make_bigram: MakePolicy, make_groups: MakeGroups, weight: float
) -> None:
    settings = replace(SETTINGS, minibatches=1, grad_clip_norm=math.inf)
    (group,) = make_groups(5, count=1, size=4)
    lighter = Group(0, tuple(replace(one, weight=weight) for one in group.rollouts))

    whole = Trainer(make_bigram(), settings, seed=0).step([group], round_index=0)
    part = Trainer(make_bigram(), settings, seed=0).step([lighter], round_index=0)

    assert part.grad_norm == pytest.approx(weight * whole.grad_norm)


def test_log_probabilities_that_are_known_already_are_not_read_again(
    make_bigram: MakePolicy, make_groups: MakeGroups
) -> None:
    """Verification has read them; the step is the same, and saves a pass."""
    groups = make_groups(5, count=3)
    known, read = make_bigram(), make_bigram()
    told = [
        Group(
            group.prompt_index,
            tuple(
                replace(
                    one,
                    old_logprobs=tuple(
                        known.logprobs([one.prompt_tokens], [one.completion_tokens])[0].tolist()
                    ),
                )
                for one in group.rollouts
            ),
        )
        for group in groups
    ]

    first, second = (Trainer(policy, SETTINGS, seed=0) for policy in (known, read))
    report = first.step(told, round_index=0)

    assert report.loss == pytest.approx(second.step(groups, round_index=0).loss, abs=1e-6)
    assert torch.allclose(weights(first), weights(second), atol=1e-6)
