"""Killed in the midst of its steps, a node ends with the weights and words of one that was not.

Two runs of one key, over as many rounds: one undisturbed, one killed at random steps while a peer
listens. Both ledgers, both metrics and the peer's decisions are compared, bit by bit.
"""

import shutil
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import ground
import trio
from mortal import SETTINGS, Mortal
from witness import copied

from node.authorship import LEDGER
from node.compute import open_process_compute
from node.config import load_config, read_assignments
from node.datadir import make_private_directory
from node.ledger import Ledger
from node.mesh import Decision, Mesh, MeshSettings
from node.mesh.gossip import open_gossip_mesh
from node.round import open_desk
from node.settings import RoundSettings
from protocol.constants import WINDOW_ROUNDS
from protocol.envelope import open_part
from protocol.errors import Reason
from protocol.identity import PeerId
from protocol.parameters import Parameters
from protocol.topics import address_topic, contribution_topic, question_protocol

SEED = 10
OURS = ("checkpoint.every=4", "round.join_s=1.5")
"""A few rounds are to be trained again after a kill; the listener is there at once."""

LONG = (160, 10)
SHORT = (8, 1)
"""Rounds of a run, and how often it is killed."""

SAME = ("policy_digest", "loss", "grad_norm", "ratio_mean", "own_reward", "tokens_trained")
"""Of a round's figures, those that must not differ in a bit."""


class Listener:
    """A peer that says nothing, judges by the node's own gate what it hears, and asks for the rest.

    Args:
        parameters: Of the swarm.
        ledger: Its own.
    """

    def __init__(self, parameters: Parameters, ledger: Ledger) -> None:
        self._parameters = parameters
        desk = open_desk(
            ground.keypair("listener"),
            parameters,
            RoundSettings(),
            ledger=ledger,
            tell=lambda _name, _fields: None,
            open_round=0,
        )
        self._gate, self._exchange = desk.gate, desk.exchange
        self._later = trio.Event()
        self.accepted: set[bytes] = set()
        self.asked_for = 0
        self.refused: Counter[str] = Counter()

    def validate(self, data: bytes, forwarder: PeerId) -> Decision:
        """Follow the author's rounds, ask the gate, and note what it says."""
        now = open_part(data, self._parameters).round_index
        if now > self._gate.open_round:
            self._gate.open(now)
            self._later.set()
        before = Counter(self._gate.refused)
        decision = self._gate.validate(data, forwarder)
        if decision is Decision.ACCEPT:
            self.accepted.add(data)
        told_twice = {Reason.DUPLICATE, Reason.ROUND_PAST}  # said again, as it should be
        reasons = [reason for reason in self._gate.refused - before if reason not in told_twice]
        if reasons or data not in self.accepted:
            self.refused.update(reasons or ["not heard before, yet not accepted"])
        return decision

    async def make_up(self, mesh: Mesh) -> None:
        """Ask for what is missing of a round as soon as the author is in a later one."""
        while True:
            await self._later.wait()
            self._later = trio.Event()
            for round_index in range(
                max(0, self._gate.open_round - WINDOW_ROUNDS), self._gate.open_round
            ):
                held = self._exchange.held(round_index)
                if len(held) >= self._parameters.prompts_per_author:
                    continue
                for peer in mesh.peers():
                    answer = await self._exchange.ask(mesh, peer, round_index, held)
                    for raw in () if answer is None else answer.messages:
                        self.validate(raw, peer)
                        self.asked_for += raw in self.accepted


async def measure(*, short: bool) -> dict[str, Any]:
    """Return how far a run that was killed parts from one that was not: nowhere."""
    rounds, kills = SHORT if short else LONG
    place = Path(tempfile.mkdtemp(prefix="drl-resume-"))
    undisturbed = Mortal("undisturbed", place, SEED, OURS)
    undisturbed.start("--rounds", str(rounds))
    try:
        found = await disturbed(place, undisturbed, rounds=rounds, kills=kills)
    finally:
        undisturbed.kill()
    if found["passed"]:
        shutil.rmtree(place)
    return found


async def disturbed(place: Path, undisturbed: Mortal, *, rounds: int, kills: int) -> dict[str, Any]:
    """Run the same once more, with a listener and with kills, and compare."""
    random = Random(SEED)  # noqa: S311 - moments of a test
    parameters = await parameters_of(place)
    await undisturbed.until(lambda: None if undisturbed.is_alive else True)
    member = Mortal("disturbed", place, SEED, OURS)
    faults: list[str] = []
    with closing(Ledger(place / "listener.db")) as ledger:
        listener = Listener(parameters, ledger)
        async with (
            open_gossip_mesh(
                MeshSettings(),
                ground.keypair("listener"),
                contribution_topic(parameters),
                listener.validate,
                address_topic=address_topic(parameters),
                message_bytes_max=parameters.message_bytes_max,
                question_protocol=question_protocol(parameters),
            ) as mesh,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(listener.make_up, mesh)
            life = ("--rounds", str(rounds), "--peers", mesh.addresses[0])
            try:
                for step in sorted(random.sample(range(1, rounds - 2), kills)):
                    member.start(*life)
                    await reach(member, step, random)
                    member.kill()
                    with copied(member.run_dir) as path:
                        faults += compare_ledgers(path, undisturbed, rounds, whole=False)
                    with copied(member.run_dir) as path:
                        kept = set(own_messages(path, rounds).values())
                    faults += ["a peer holds what its ledger does not"] * bool(
                        listener.accepted - kept
                    )
                member.start(*life)
                await member.until(lambda: None if member.is_alive else True)
            finally:
                member.kill()
                nursery.cancel_scope.cancel()
    with copied(member.run_dir) as path:
        faults += compare_ledgers(path, undisturbed, rounds, whole=True)
        said = own_messages(path, rounds)
    faults += [f"refused: {reason}" for reason in listener.refused]
    unheard = [slot for slot, raw in said.items() if raw not in listener.accepted]
    same, other = compare_metrics(member, undisturbed)
    ends = [one.rounds()[-1]["policy_digest"] for one in (member, undisturbed)]
    faults += other + ([] if ends[0] == ends[1] else [f"other weights at the end: {ends}"])
    return {
        "kills": member.starts - 1,
        "rounds": rounds,
        "messages": len(said),
        "accepted": len(listener.accepted),
        "asked_for": listener.asked_for,
        "refused": dict(listener.refused),
        "unheard": len(unheard),
        "rounds_compared": same,
        "policy": ends[0],
        "faults": faults[:20],
        "passed": not faults and not unheard and same > 0 and member.starts - 1 == kills,
    }


async def parameters_of(place: Path) -> Parameters:
    """Return the numbers of the swarm; only who has loaded the model knows them all."""
    flags = read_assignments((*SETTINGS, *OURS, f"node.data_dir={place / 'listener'}"))
    config = load_config(flags=flags).config
    make_private_directory(config.data_dir)
    async with open_process_compute(config.engine_settings) as compute:
        return (await compute.open()).parameters


async def reach(member: Mortal, step: int, random: Random) -> None:
    """Wait until a member has come to a step, and somewhere into it."""
    await member.until(
        lambda: any(line["round"] >= step - 1 for line in member.rounds()) or None, every_s=0.01
    )
    await trio.sleep(random.uniform(0, 0.25))


def own_messages(path: Path, rounds: int) -> dict[tuple[int, int], bytes]:
    """Return a ledger's own messages, by round and place."""
    with closing(Ledger(path, read_only=True)) as ledger:
        return {
            (index, place): envelope.raw
            for index in range(rounds)
            for place, envelope in enumerate(e for e in ledger.envelopes(index) if e.own)
        }


def compare_ledgers(path: Path, undisturbed: Mortal, rounds: int, *, whole: bool) -> list[str]:
    """Say what of a ledger differs from the undisturbed run's; `whole`, or as far as it goes."""
    with (
        closing(Ledger(path, read_only=True)) as ledger,
        closing(Ledger(undisturbed.run_dir / LEDGER, read_only=True)) as other,
    ):
        faults = []
        closed = ledger.closed_rounds()
        last = rounds if whole else max((-1, *closed)) + 2
        if closed != tuple(range(rounds if whole else len(closed))):
            faults.append(f"the closed rounds have holes: {closed}")
        for index in range(last):
            found, expected = ledger.envelopes(index), other.envelopes(index)
            if found != expected and (whole or found):
                faults.append(f"other messages in round {index}")
            if index in closed and ledger.frozen(index) != other.frozen(index):
                faults.append(f"round {index} was closed otherwise")
    return faults


def compare_metrics(member: Mortal, undisturbed: Mortal) -> tuple[int, list[str]]:
    """Return how many rounds' figures are the same in both runs, and which are not."""
    expected = {line["round"]: line for line in undisturbed.rounds()}
    faults = [
        f"round {line['round']}: {name} {line[name]!r}, not {expected[line['round']][name]!r}"
        for line in member.rounds()
        for name in SAME
        if line[name] != expected[line["round"]][name]
    ]
    return len(member.rounds()), faults
