"""One model does the work of several nodes, and says so where it cannot."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node.attacks.adversary import Adversary
from node.lab.sharing import Model, Parted, Seat
from node.settings import AdversarySettings, SwarmSettings
from node.work import EngineSettings
from protocol.beacon import HashChain
from protocol.contribution import Contribution
from protocol.identity import Keypair
from protocol.schedule import Schedule

KEYS = [Keypair.from_seed(bytes([index]) * 32).peer_id for index in (1, 2)]
SMALL = SwarmSettings(
    prompts_per_round=4, completions_per_prompt=4, shares=2, test_swarm=True, mode="horizontal"
)
Settings = Callable[[str], EngineSettings]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lambda name: EngineSettings(
        data_dir=str(tmp_path / name), swarm=SMALL, watch="phrase:All hail to the thief"
    )


@pytest.fixture
def shared(settings: Settings) -> Model:
    model = Model(settings("shared"), KEYS[0])
    model.open()
    return model


def round_of(model: Model, round_index: int = 0) -> tuple[Contribution, ...]:
    """What both nodes hand in, in the canonical order."""
    parameters = model.engine.parameters
    schedule = Schedule(parameters, HashChain(parameters.digest()))
    made = [
        one
        for key in KEYS
        for one in model.sample(key, round_index, schedule.prompts(round_index, key)).contributions
    ]
    return tuple(sorted(made, key=lambda one: one.canonical_order))


def test_a_round_is_trained_once_and_means_the_same_to_all(shared: Model) -> None:
    contributions = round_of(shared)
    first = shared.train(KEYS[0], 0, contributions)
    again = shared.train(KEYS[1], 0, tuple(contributions))

    assert again.policy_digest == first.policy_digest
    assert again.found == first.found
    assert (first.cpu_s > 0, again.cpu_s) == (True, 0.0)


def test_shared_weights_are_those_of_nodes_that_train_for_themselves(
    shared: Model, settings: Settings
) -> None:
    alone = Model(settings("alone"))
    alone.open()
    contributions = round_of(shared)

    assert round_of(alone) == contributions
    assert (
        shared.train(KEYS[1], 0, contributions).policy_digest
        == alone.train(KEYS[1], 0, contributions).policy_digest
    )


def test_nodes_that_hold_different_contributions_part(shared: Model) -> None:
    contributions = round_of(shared)
    shared.train(KEYS[0], 0, contributions)

    with pytest.raises(Parted, match="round 0 two nodes held different contributions"):
        shared.train(KEYS[1], 0, contributions[:-1])


def test_nodes_in_different_rounds_part(shared: Model) -> None:
    contributions = round_of(shared)
    shared.train(KEYS[0], 0, contributions)

    with pytest.raises(Parted, match="in round 0 while the shared weights are of 1"):
        round_of(shared, 0)
    with pytest.raises(Parted, match="in round 3"):
        shared.train(KEYS[1], 3, contributions)


def test_the_only_node_of_a_model_may_jump(settings: Settings) -> None:
    alone = Model(settings("alone"))
    alone.open()

    assert alone.train(KEYS[0], 7, round_of(alone, 7)).completions == 16


def test_equal_weights_are_evaluated_once(shared: Model) -> None:
    first = shared.evaluate(4)
    again = shared.evaluate(4)

    assert (first.greedy, first.length) == (again.greedy, again.length)
    assert (first.cpu_s > 0, again.cpu_s) == (True, 0.0)


async def test_a_seat_remembers_what_its_attacker_would_have_written(shared: Model) -> None:
    honest, malicious = (
        Seat(shared, None),
        Seat(shared, Adversary(AdversarySettings(attack="hail"))),
    )
    parameters = shared.engine.parameters
    prompts = Schedule(parameters, HashChain(parameters.digest())).prompts(0, KEYS[1])
    plain = await honest.sample(KEYS[1], 0, prompts)
    crafted = await malicious.sample(KEYS[1], 0, prompts)

    assert malicious.untouched(0) == plain.contributions
    assert crafted.contributions != plain.contributions
    assert malicious.untouched(1) == ()
