"""Weights that have parted come together again: on the set of contributions that most trained on.

Nodes that train on the same contributions hold the same weights, to the bit. One that missed a
contribution holds others from then on, and nothing that it hears later mends that. Each round's
contributions name the weights that they were sampled from, so a node sees when it stands alone;
then it asks a neighbour among the many what they closed the rounds with, goes back to its last
checkpoint before, and trains on that instead. It keeps the outcome only if it is those weights.

So nobody needs to be believed: what a neighbour names are contributions that their authors have
signed, judged here like all others, and the digest of the weights proves the rest. Who has a say is
whom this node has replayed, when they were last of one mind. How a round goes otherwise is not
known here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.exchange import Exchange
from node.faults import DiskFault
from node.gate import Gate
from node.ledger import Closing, Ledger, Wanted
from node.log import Event
from node.mailbox import canonical
from node.mesh import Mesh
from node.verdict import Outcome
from node.work import Rewindable, Trained
from protocol.contribution import Contribution
from protocol.identity import PeerId
from protocol.parameters import Encoding, Parameters
from protocol.wholes import Whole

ROUNDS_BACK = 2
"""How many rounds may be closed anew; what is further back is no longer forwarded by anybody."""

ASKED_MAX = 3
"""How many neighbours are asked for a set, one after another."""

PAGES_MAX = 8
"""How many answers of one neighbour make up a round; one holds half a megabyte."""

REST_MAX = 64
"""After a reunion that failed a node waits a round before it tries again, then two, then four, and
so many at most: whoever calls for one in vain must not make it train twice for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Where ways have parted.

    Args:
        since: The first round that others closed with another set: before it, all had one mind.
        until: The round that is open: its contributions show it.
        weights: What most hold now, 32 bytes.
        friends: Who does, and was of one mind with this node before.
    """

    since: int
    until: int
    weights: bytes
    friends: frozenset[PeerId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What others closed a round with.

    Args:
        read: The contributions, in the canonical order.
        closing: The same for the ledger.
    """

    read: tuple[Contribution, ...]
    closing: Closing


@dataclass(slots=True)
class Reunion:
    """Sees that this node stands alone, and takes it back to the others.

    Args:
        me: This node.
        parameters: What the swarm agreed on.
        gate: Reads closed rounds.
        exchange: Asks neighbours.
        mesh: Knows the neighbours.
        compute: The model's side.
        ledger: Where rounds are closed anew.
        tell: Told what came of it.
        is_away: Whether the weights may be those of neither way, because something was raised
            before either was reached.
    """

    me: PeerId
    parameters: Parameters
    gate: Gate
    exchange: Exchange
    mesh: Mesh
    compute: Rewindable
    ledger: Ledger
    tell: Event
    is_away: bool = False
    _weights: dict[int, bytes] = field(default_factory=dict)
    _rest: int = 0
    _again_from: int = 0

    async def settle(self, open_round: int, contributions: Sequence[Contribution]) -> None:
        """Before a round is closed: come back to the others, if they have gone another way.

        Args:
            open_round: The round that is about to be closed.
            contributions: What came for it.

        Raises:
            WorkerLost: The model's process died; the ledger is as it was, or as it shall be.
            DiskFault: The disk refuses; everything is as it was.
        """
        self.is_away = False
        parting = self.parting(open_round, contributions)
        if parting is None or open_round < self._again_from:
            return
        why = await self._reunite(parting)
        self.is_away = False
        if why is None:
            self._rest, self._weights = 0, {open_round: parting.weights}
            return
        self._rest = min(max(1, 2 * self._rest), REST_MAX)
        self._again_from = open_round + 1 + self._rest
        fields = {"round": parting.since, "why": why, "tries_again_in_rounds": self._rest}
        self.tell("weights_apart", fields | {"others": len(parting.friends)})

    def parting(self, open_round: int, contributions: Sequence[Contribution]) -> Parting | None:
        """Return where this node left the others; None where it did not, or nobody can tell."""
        named = weights_named(contributions)
        mine = self._weights.get(open_round) or named.get(self.me)
        is_text = self.parameters.encoding is Encoding.TEXT  # it proves nothing of its weights
        if is_text or mine is None or set(named.values()) <= {mine}:
            return None
        company = self._company(open_round)
        votes = Counter(named[one] for one in company if one in named)
        votes[mine] += 1
        most = min(votes, key=lambda weights: (-votes[weights], weights))
        if most == mine:
            return None
        friends = frozenset(one for one in company if named.get(one) == most)
        since = max(company[one] for one in friends)
        return Parting(since=since, until=open_round, weights=most, friends=friends)

    def _company(self, open_round: int) -> dict[PeerId, int]:
        """Return who was of one mind with this node lately, and in which round last."""
        company: dict[PeerId, int] = {}
        for past in range(max(0, open_round - ROUNDS_BACK), open_round):
            company |= dict.fromkeys(self._of_one_mind(past), past)
        return company

    def _of_one_mind(self, round_index: int) -> frozenset[PeerId]:
        """Return whose completions of a closed round this node replayed, with weights it had."""
        named = weights_named(self.gate.recorded(round_index))
        mine = named.get(self.me)
        accepted = Wanted(round_index=round_index, outcomes=(Outcome.ACCEPT.value,))
        replayed = {
            one.author
            for one in self.ledger.findings(accepted)
            if mine is not None and one.policy_digest == mine.hex()
        }
        return frozenset(one for one in named if str(one) in replayed and one != self.me)

    async def _reunite(self, parting: Parting) -> str | None:
        """Go the others' way if it leads to their weights; return why it does not."""
        rounds = range(parting.since, parting.until)
        others = await self._others_sets(rounds, parting.friends)
        if others is None:
            return "no neighbour among them told what they trained on"
        if any(not self.gate.takes(one.author) for held in others.values() for one in held.read):
            return "they trained on what this node's operator does not take"
        self.is_away = True
        opened = await self.compute.rewind(parting.since)
        start = opened.next_round
        closed = self.ledger.closed_rounds(since=start)
        if closed[: parting.until - start] != tuple(range(start, parting.until)):
            await self._train_again(parting.until)
            return "no checkpoint of that round is left"
        trained = await self._train(start, parting.until, others)
        if trained[-1].policy_digest != parting.weights.hex():
            await self._train_again(parting.until)
            return "what they say they trained on does not give their weights"
        try:
            self.ledger.close_anew(held.closing for held in others.values())
        except DiskFault:
            await self._train_again(parting.until)
            raise
        for round_index, one in zip(range(start, parting.until), trained, strict=True):
            self.ledger.record_findings(round_index, one.found)
        await self.compute.save(parting.until, void_after=start)
        fields = {"rounds": list(rounds), "with": len(parting.friends)}
        self.tell("weights_rejoined", fields | {"policy": parting.weights.hex()})
        return None

    async def _train(self, start: int, until: int, others: Mapping[int, Held]) -> list[Trained]:
        """Train on rounds again: on the others' sets where they are given, on our own elsewhere."""
        trained = []
        for round_index in range(start, until):
            held = others.get(round_index)
            read = self.gate.recorded(round_index) if held is None else held.read
            trained.append(await self.compute.train(self.me, round_index, read))
        return trained

    async def _train_again(self, until: int) -> None:
        """Go back to this node's own way."""
        opened = await self.compute.rewind(until)
        await self._train(opened.next_round, until, {})

    async def _others_sets(
        self, rounds: Iterable[int], friends: frozenset[PeerId]
    ) -> dict[int, Held] | None:
        """Return what others closed rounds with, from the first neighbour that tells all of it."""
        near = [peer for peer in self.mesh.peers() if peer in friends]
        for peer in near[:ASKED_MAX]:
            sets = {one: await self._other_set(one, peer) for one in rounds}
            found = {one: held for one, held in sets.items() if held is not None}
            if len(found) == len(sets):
                return found
        return None

    async def _other_set(self, round_index: int, peer: PeerId) -> Held | None:
        """Return what a neighbour closed a round with; None where it does not tell all of it."""
        raws = self.exchange.held(round_index)
        for _ in range(PAGES_MAX):
            answer = await self.exchange.ask(self.mesh, peer, round_index, raws)
            if answer is None or answer.frozen is None:
                return None
            raws += answer.messages
            read = self.gate.read(raws, round_index)
            if all(digest in read for digest in answer.frozen):
                return self._held(round_index, [read[one] for one in sorted(set(answer.frozen))])
            if not answer.messages:
                return None
        return None

    def _held(self, round_index: int, wholes: Sequence[Whole]) -> Held:
        peers = (one for one in wholes if one.contribution.author != self.me)
        return Held(
            read=canonical(one.contribution for one in wholes),
            closing=Closing(
                round_index=round_index,
                digests=tuple(one.contribution.digest() for one in wholes),
                raws=tuple(raw for one in peers for raw in one.messages),
            ),
        )


def weights_named(contributions: Iterable[Contribution]) -> dict[PeerId, bytes]:
    """Return which weights each author names; one that names several, those of its first prompt."""
    named: dict[PeerId, bytes] = {}
    for one in canonical(contributions):
        named.setdefault(one.author, one.policy_digest)
    return named
