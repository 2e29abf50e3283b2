"""A whole swarm with real models in one process replays bit by bit from its seed."""

from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from node.inline import InlineCompute
from node.ledger import Ledger
from node.mesh.memory import open_memory_swarm
from node.round import Participant, RoundReport, open_desk, run_round
from node.settings import RoundSettings, SwarmSettings
from node.work import EngineSettings
from protocol.identity import Keypair

NODES = 3
ROUNDS = 3
SMALL = SwarmSettings(prompts_per_round=6, completions_per_prompt=4, shares=NODES)


async def swarm(directory: Path, seed: int) -> list[list[str]]:
    """Run a swarm; return each node's policy digests, round by round."""
    digests: list[list[str]] = [[] for _ in range(NODES)]
    with ExitStack() as ledgers:
        await run(directory, seed, digests, ledgers)
    return digests


async def run(directory: Path, seed: int, digests: list[list[str]], ledgers: ExitStack) -> None:
    async with (
        open_memory_swarm(seed, delay_s=(0.0, 3.0)) as mesh,
        trio.open_nursery() as nursery,
    ):
        for index in range(NODES):
            place = directory / f"{seed}-{index}"
            place.mkdir(parents=True)
            key = Keypair.from_seed(bytes([index + 1]) * 32)
            compute = InlineCompute(EngineSettings(data_dir=str(place), swarm=SMALL))
            desk = open_desk(
                key,
                (await compute.open()).parameters,
                RoundSettings(round_s_max=60.0, authors_min=NODES),
                ledger=ledgers.enter_context(closing(Ledger(place / "ledger.db"))),
                tell=lambda _name, _fields: None,
                open_round=0,
            )
            node = desk.joined(mesh.join(key.peer_id, desk.gate.validate), compute)
            nursery.start_soon(take_part, node, digests[index])


async def take_part(node: Participant, digests: list[str]) -> None:
    for round_index in range(ROUNDS):
        report = await run_round(node, round_index)
        assert isinstance(report, RoundReport)
        digests.append(report.trained.policy_digest)


@pytest.mark.parametrize("seed", [0, 1])
async def test_every_node_holds_the_same_bits_after_every_round_and_again_on_replay(
    tmp_path: Path, seed: int, autojump_clock: MockClock
) -> None:
    """Whatever the order in which contributions arrived."""
    first = await swarm(tmp_path / "first", seed)
    again = await swarm(tmp_path / "again", seed)

    assert first[0] == first[1] == first[2]
    assert len(set(first[0])) == ROUNDS
    assert again == first
