"""Three honest nodes and one that misbehaves, in one process: real models, gates and meshes.

What each honest node was asked about and what it found is written down; nothing is judged here.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import ground
import trio

from node.attacks.adversary import Adversary
from node.attacks.outgoing import Outgoing, WireAdversary, WireAttack, contributions_of
from node.faults import IdentityFault
from node.inline import InlineCompute
from node.ledger import Ledger
from node.mesh import Decision, MeshSettings, Validate
from node.mesh.gossip import GossipMesh, open_gossip_mesh
from node.round import Desk, RoundReport, open_desk, run_round
from node.settings import AdversarySettings, RoundSettings
from node.work import Contributed, Finding, Trained
from protocol.contribution import Completion, Contribution
from protocol.errors import Reason, Refused
from protocol.identity import Keypair, PeerId
from protocol.topics import address_topic, contribution_topic

HONEST = 3
ROUND_S_MAX = 10.0
"""Longer than any honest round takes. Who was cut, or cast out of a swarm that waits for four, is
waited for as long, once."""

MEETING_S = 20.0
REASONS = {reason.value: reason for reason in Reason}


class Sincere:
    """Publishes what was sealed."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return the sealed messages."""
        return outgoing.sealed


class Seat:
    """A node of the four: its desk, its model, its mesh once it has one.

    Args:
        keypair: Its own.
        compute: Its model's side, opened.
        ledger: Its own.
        authors_min: Without whom no round ends.
    """

    def __init__(
        self, keypair: Keypair, compute: InlineCompute, ledger: Ledger, authors_min: int
    ) -> None:
        self.compute = compute
        self.ledger = ledger
        self.mesh: GossipMesh | None = None
        self.desk: Desk = open_desk(
            keypair,
            compute.engine.parameters,
            RoundSettings(round_s_max=ROUND_S_MAX, authors_min=authors_min),
            ledger=ledger,
            tell=self.tell,
            open_round=0,
        )

    @property
    def peer(self) -> PeerId:
        """Who it is."""
        return self.desk.keypair.peer_id

    def tell(self, name: str, fields: Mapping[str, object]) -> None:
        """Be told what happens at the desk."""

    def judge(self) -> Validate:
        """Return what the mesh asks."""
        return self.desk.gate.validate


class Witness(Seat):
    """An honest node that writes down what it meets.

    Attributes:
        heard: Of each message that its gate was asked about: the bytes, who forwarded them, what
            was decided, and why it was refused.
        found: What verification said of each completion.
        said: Its own messages.
        minds: The digest of its weights after each round.
    """

    def __init__(
        self, keypair: Keypair, compute: InlineCompute, ledger: Ledger, authors_min: int
    ) -> None:
        self.heard: list[tuple[bytes, PeerId, Decision, Reason | None]] = []
        self.found: list[Finding] = []
        self.said: set[bytes] = set()
        self.minds: dict[int, str] = {}
        self._why: Reason | None = None
        super().__init__(keypair, compute, ledger, authors_min)

    def tell(self, name: str, fields: Mapping[str, object]) -> None:
        """Note why the gate refuses."""
        if name == "message_refused":
            self._why = REASONS[str(fields["reason"])]

    def judge(self) -> Validate:
        """Return the gate, its decisions written down."""

        def noted(data: bytes, forwarder: PeerId) -> Decision:
            self._why = None
            decision = self.desk.gate.validate(data, forwarder)
            self.heard.append((data, forwarder, decision, self._why))
            return decision

        return noted

    async def take_part(self, rounds: int) -> None:
        """Have its rounds."""
        assert self.mesh is not None
        node = self.desk.joined(self.mesh, Beside(self), self._outgoing)
        for round_index in range(rounds):
            report = await run_round(node, round_index)
            assert isinstance(report, RoundReport)
            self.found += report.trained.found
            self.minds[round_index] = report.trained.policy_digest

    def agrees_with(self, other: "Witness", round_index: int) -> bool:
        """Whether both began a round with the same weights."""
        before = round_index - 1
        return self.minds.get(before) == other.minds.get(before)

    def _outgoing(self, _round_index: int, sealed: Sequence[bytes]) -> Sequence[bytes]:
        self.said |= set(sealed)
        return sealed


class Culprit(Seat):
    """The node that misbehaves, and what it was honest about and what not.

    Args:
        keypair: Its own.
        compute: Its model's side, opened.
        ledger: Its own.
        authors_min: Without whom no round ends.
        on_wire: What it does to messages.
        in_words: The content attack that rewrites what it says; empty for none.

    Attributes:
        published: Every message.
        sealed: Those that an honest node would have published in its place.
    """

    def __init__(
        self,
        keypair: Keypair,
        compute: InlineCompute,
        ledger: Ledger,
        authors_min: int,
        *,
        on_wire: WireAttack,
        in_words: str,
    ) -> None:
        super().__init__(keypair, compute, ledger, authors_min)
        self.published: list[bytes] = []
        self.sealed: set[bytes] = set()
        self._wire = WireAdversary(on_wire, keypair, self.desk.parameters)
        self._words = Adversary(AdversarySettings(attack=in_words)) if in_words else None
        self._honest: dict[tuple[int, int], Sequence[Completion]] = {}

    def judge(self) -> Validate:
        """Return the gate, overheard by the attack."""
        return self._wire.overhearing(self.desk.gate.validate)

    async def take_part(self, rounds: int, *, waits: bool) -> None:
        """Have its rounds until it hears what is held against it.

        Args:
            rounds: How many.
            waits: Whether it speaks after all others have spoken.
        """
        assert self.mesh is not None
        node = self.desk.joined(self.mesh, Rewritten(self), self._outgoing)
        quota = node.parameters.prompts_per_author
        with suppress(IdentityFault):
            for round_index in range(rounds):
                while waits and len(node.mailbox.take(round_index)) < HONEST * quota:
                    await node.mailbox.changed()
                await run_round(node, round_index)

    def rewritten(self, round_index: int, honest: Contributed) -> Contributed:
        """Note what is honest; return what is handed in."""
        for one in honest.contributions:
            self._honest[round_index, one.prompt_index] = one.completions
        if self._words is None:
            return honest
        return self._words.crafted(self.compute.engine, self.peer, round_index, honest)

    def _outgoing(self, round_index: int, sealed: Sequence[bytes]) -> Sequence[bytes]:
        messages = self._wire.outgoing(round_index, sealed)
        self.published += messages
        self.sealed |= set(sealed)
        return messages

    def changed(self) -> set[tuple[int, int, int]]:
        """Return round, prompt and place of what it handed in and had not honestly sampled."""
        own: list[Contribution] = []
        for raw in self.published:
            with suppress(Refused):  # not all of it is a contribution
                own += contributions_of([raw], self.desk.parameters)
        return {
            (one.round_index, one.prompt_index, place)
            for one in own
            if one.author == self.peer
            for place, each in enumerate(one.completions)
            if each != self._honest[one.round_index, one.prompt_index][place]
        }


class Beside(InlineCompute):
    """A model's side that leaves the meshes their event loop, as a process of its own would.

    Args:
        seat: Whose.
    """

    def __init__(self, seat: Seat) -> None:
        self.engine = seat.compute.engine

    async def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer an author's prompts of a round."""
        return await trio.to_thread.run_sync(self.engine.sample, author, round_index, prompts)

    async def train(
        self, author: PeerId, round_index: int, contributions: Sequence[Contribution]
    ) -> Trained:
        """Reward, compare and take a round's step."""
        return await trio.to_thread.run_sync(self.engine.train, author, round_index, contributions)


class Rewritten(Beside):
    """A culprit's model's side."""

    def __init__(self, culprit: Culprit) -> None:
        super().__init__(culprit)
        self._culprit = culprit

    async def sample(self, author: PeerId, round_index: int, prompts: Sequence[int]) -> Contributed:
        """Answer honestly, and hand in what the attack makes of it."""
        honest = await super().sample(author, round_index, prompts)
        return await trio.to_thread.run_sync(self._culprit.rewritten, round_index, honest)


async def sit(
    witnesses: Sequence[Witness],
    culprit: Culprit,
    rounds: int,
    *,
    waits: bool,
    look: Callable[[], Any],
) -> Any:
    """Let all meet and have their rounds; return what a look shows before they part."""
    seats: list[Seat] = [*witnesses, culprit]
    async with AsyncExitStack() as stack:
        for seat in seats:
            peers = tuple(one.mesh.addresses[0] for one in seats if one.mesh is not None)
            parameters = seat.desk.parameters
            seat.mesh = await stack.enter_async_context(
                open_gossip_mesh(
                    MeshSettings(peers=peers),
                    seat.desk.keypair,
                    contribution_topic(parameters),
                    seat.judge(),
                    address_topic=address_topic(parameters),
                    message_bytes_max=parameters.message_bytes_max,
                )
            )
        with trio.fail_after(MEETING_S):
            while any(len(one.mesh.peers()) < HONEST for one in seats if one.mesh):  # noqa: ASYNC110 - told by nobody
                await trio.sleep(0.05)
        async with trio.open_nursery() as everybody:

            async def misbehave() -> None:
                await culprit.take_part(rounds, waits=waits)

            everybody.start_soon(misbehave)
            async with trio.open_nursery() as honest:
                for one in witnesses:
                    honest.start_soon(one.take_part, rounds)
            await trio.sleep(0.3)  # evidence that is under way
            everybody.cancel_scope.cancel()
        return look()


def keypair(seed: int, number: int) -> Keypair:
    """Return a node's key, the same for the same seed."""
    return ground.keypair(f"court {seed} {number}")
