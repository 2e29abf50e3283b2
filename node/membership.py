"""How a node becomes a member of its swarm: what it recalls, its mesh, its operator's lists.

What its ledger holds of the open rounds is taken up before the mesh opens, so that nobody can
contradict what was heard before a restart. It trains nothing.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import trio

from node.attacks.outgoing import wire_adversary
from node.config import NodeConfig, swarm_flags
from node.gate import Gate
from node.ledger import Ledger
from node.log import Event
from node.mesh.settings import MESSAGE_BYTES_CEILING
from node.roster import WatchedRoster, watch_roster
from node.round import Participant, as_sealed, open_desk
from node.work import Compute, Opened
from protocol.constants import WINDOW_ROUNDS
from protocol.identity import Keypair
from protocol.topics import address_topic, contribution_topic, question_protocol

ROSTER_S = 2.0
"""How often the operator's lists are looked at."""


@asynccontextmanager
async def join(
    config: NodeConfig,
    keypair: Keypair,
    opened: Opened,
    ledger: Ledger,
    tell: Event,
    compute: Compute,
) -> AsyncIterator[Participant]:
    """Join the swarm that the parameters name."""
    from node.mesh.gossip import open_gossip_mesh

    parameters = opened.parameters
    roster = watch_roster(config.data_dir, config.trust)
    admits = partial(roster.admits, only_trusted=config.trust.only_trusted)
    desk = open_desk(
        keypair,
        parameters,
        config.round,
        ledger=ledger,
        tell=tell,
        open_round=first_open_round(ledger, opened.next_round),
        is_welcome=lambda author: author == keypair.peer_id or admits(author),
        is_trusted=roster.is_trusted,
    )
    for round_index in range(desk.gate.open_round, desk.gate.open_round + WINDOW_ROUNDS + 1):
        desk.gate.recall(round_index)  # before anybody can contradict what was heard
    wire = wire_adversary(config.adversary, keypair, parameters)
    async with (
        open_gossip_mesh(
            config.network,
            keypair,
            contribution_topic(parameters),
            desk.gate.validate if wire is None else wire.overhearing(desk.gate.validate),
            address_topic=address_topic(parameters),
            answer=desk.exchange.answer,
            question_protocol=question_protocol(parameters),
            known_peers_path=Path(opened.run_dir) / "peers.json",
            conduct_path=Path(opened.run_dir) / "conduct.json",
            # Who does not keep the swarm's limit sends what a frame can carry.
            message_bytes_max=parameters.message_bytes_max
            if wire is None
            else MESSAGE_BYTES_CEILING,
            is_allowed=admits,
            on_event=tell,
        ) as mesh,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(follow_roster, roster, desk.gate, tell)
        yield desk.joined(mesh, compute, as_sealed if wire is None else wire.outgoing)
        nursery.cancel_scope.cancel()


def first_open_round(ledger: Ledger, next_round: int) -> int:
    """Return the round to take contributions for: after all that was closed, trained or not."""
    return max((next_round, *(one + 1 for one in ledger.closed_rounds(since=next_round))))


async def follow_roster(roster: WatchedRoster, gate: Gate, tell: Event) -> None:
    """Look at the operator's file now and then, for as long as the node runs."""
    while True:
        await trio.sleep(ROSTER_S)
        wrong = roster.look()
        gate.heed()
        if wrong is not None:
            tell("roster_unusable", {"cause": wrong, "does": "goes on with what it said before"})


def announce(config: NodeConfig, node: Participant, opened: Opened, tell: Event) -> None:
    """Say who and where we are, with a line that another operator can paste."""
    parameters = node.parameters
    paste = f"drl-node start --peers {node.mesh.addresses[0]} {swarm_flags(config)}".rstrip()
    print(  # noqa: T201 - for the person who started it; events go to standard error
        f"peer id    {node.me}\n"
        + "".join(f"listening  {address}\n" for address in node.mesh.addresses)
        + f"swarm      {parameters.swarm} ({parameters.digest().hex()[:16]}): {parameters.task}, "
        f"{parameters.mode}, {parameters.prompts_per_round} prompts x "
        f"{parameters.completions_per_prompt} completions in {parameters.shares} shares\n"
        f"join with  {paste}",
        flush=True,
    )
    for path, reason in opened.damaged_checkpoints:
        tell(
            "checkpoint_skipped",
            {"path": path, "why": reason, "goes_on_with_round": opened.next_round},
        )
    tell(
        "node_started",
        {
            "peer": str(node.me),
            "addresses": list(node.mesh.addresses),
            "swarm": parameters.digest().hex(),
            "round": opened.next_round,
            "policy": opened.policy_digest,
        },
    )
