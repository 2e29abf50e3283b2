"""A node that is told to end leaves weights under the name of their own round, or none."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from node.config import NodeConfig, load_config
from node.daemon import open_life
from node.life import Life, holds_what_it_trained, leave, one_round, revive
from protocol.identity import Keypair

KEY = Keypair.from_seed(b"\7" * 32)


@pytest.fixture
def config(tmp_path: Path) -> NodeConfig:
    """Of a node that saves nothing before it ends."""
    flags: dict[tuple[str, str], object] = {
        ("node", "data_dir"): str(tmp_path),
        ("network", "listen"): "/ip4/127.0.0.1/tcp/0",
        ("swarm", "prompts_per_round"): 8,
        ("swarm", "shares"): 2,
        ("checkpoint", "every"): 1000,
        ("evaluate", "every"): 0,
    }
    return load_config(flags=flags).config


def tell(_name: str, _fields: Mapping[str, object]) -> None:
    """What is told of stands elsewhere, too."""


def saved(place: Path) -> list[str]:
    return [one.name for one in place.glob("swarms/*/checkpoints/round-*")]


async def until_training(life: Life, round_index: int) -> None:
    """Wait until a round's contributions are with the model's process."""
    while not (life.compute.is_busy and round_index in life.ledger.closed_rounds()):  # noqa: ASYNC110 - told by nobody
        await trio.sleep(0.001)
    await wait_all_tasks_blocked()


async def test_who_is_ended_in_the_midst_of_a_training_goes_on_with_the_weights_before_it(
    config: NodeConfig, tmp_path: Path
) -> None:
    """The process trains on while nobody waits for it: a save asked of it would get the outcome."""
    async with open_life(config, KEY, tell) as life:
        assert await one_round(life, 0) == 1
        before = life.reunion._weights[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one_round, life, 1)
            await until_training(life, 1)
            nursery.cancel_scope.cancel()
        await leave(life)
        assert (life.trained_round, life.saved_round) == (1, 0)
    assert saved(tmp_path) == []

    async with open_life(config, KEY, tell) as again:
        contributions = again.node.gate.recorded(0)
        trained = await again.compute.train(KEY.peer_id, 0, contributions)
        assert trained.policy_digest == before.hex()


async def test_who_is_ended_while_its_models_process_is_replaced_saves_nothing_of_the_new_one(
    config: NodeConfig, tmp_path: Path
) -> None:
    async with open_life(config, KEY, tell) as life:
        await one_round(life, 0)
        assert holds_what_it_trained(life)
        life.node.gate.close_round(1)
        assert not holds_what_it_trained(life)
        first = life.compute.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(revive, life, "killed", 1)
            while life.compute.pid in (first, None):  # noqa: ASYNC110 - told by nobody
                await trio.sleep(0.001)
            assert life.trained_round == 0
            nursery.cancel_scope.cancel()
        await leave(life)

    assert saved(tmp_path) == []
