"""What others closed rounds with, asked of neighbours: sets of contributions to train on.

A neighbour may name what it likes. What comes back from here are contributions that their authors
have signed, one for a place, of authors that are known to whoever asks, and no more of them than a
round has; whether they are what the others trained on only training shows. It trains nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from random import Random

import trio

from node.exchange import Exchange
from node.faults import Fault
from node.gate import Gate
from node.ledger import Closing
from node.mailbox import canonical
from node.mesh import Mesh
from protocol.contribution import Contribution
from protocol.envelope import Part, open_part
from protocol.errors import Refused
from protocol.exchange import Answer
from protocol.identity import PeerId
from protocol.parameters import Parameters
from protocol.wholes import Whole

ASKED_MAX = 3
"""How many neighbours are asked for their sets, at the same time."""

PAGES_MAX = 8
"""How many answers of one neighbour make up a round; one holds half a megabyte."""

AT_ONCE, PAGE_S = 2, 1.0
"""So many rounds are asked about at once, further ones and further pages at such a distance: a
neighbour answers nobody more often for long."""

AGAIN_MAX = 6
"""How often a neighbour that gives no answer is asked again about a round. Several that are parted
ask the same ones at the same time, perhaps from one address: some find a neighbour's limit reached,
and come at another moment then, each at one of its own."""

TOLD_S = 25.0
"""How long neighbours may take to tell their ways, in all. An honest one mostly needs ten seconds
for eight rounds; one that answers slowly must not hold up the round of whoever asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Where ways have parted.

    Args:
        since: The first round that others may have closed with another set: before it, this node
            and they had one mind.
        last: The last that they may have begun with one mind.
        until: The round that is open: its contributions show it.
        weights: What most hold now, 32 bytes.
        friends: Who does, and was of one mind with this node before.
        witnesses: Those of them with whom it was last of one mind in round `last`.
        authors: Whose contributions they may have trained on: all that are known here.
    """

    since: int
    last: int
    until: int
    weights: bytes
    friends: frozenset[PeerId]
    witnesses: frozenset[PeerId]
    authors: frozenset[PeerId]

    @property
    def rounds(self) -> range:
        """The rounds that are to be closed anew."""
        return range(self.since, self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What others closed a round with.

    Args:
        read: The contributions, in the canonical order.
        closing: The same for the ledger.
    """

    read: tuple[Contribution, ...]
    closing: Closing


Way = tuple[Held, ...]
"""What others closed one round after another with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """Asks neighbours for their ways.

    Args:
        me: This node.
        parameters: What the swarm agreed on.
        gate: Reads contributions, and knows whom the operator takes nothing of.
        exchange: Asks.
        mesh: Knows the neighbours.
    """

    me: PeerId
    parameters: Parameters
    gate: Gate
    exchange: Exchange
    mesh: Mesh

    async def told(self, parting: Parting) -> list[Way]:
        """Return what neighbours closed the rounds with: different ways, the most named first.

        Once most of those that are asked have told the same, the others are not waited for.
        """
        near = self._asked(parting)
        named: Counter[tuple[tuple[bytes, ...], ...]] = Counter()
        different: dict[tuple[tuple[bytes, ...], ...], Way] = {}

        async def ask(peer: PeerId) -> None:
            with suppress(Fault):  # of the ledger: whoever closes the round meets it, too
                way = await self._way(parting, peer)
                if way is not None:
                    different[digests_of(way)] = way
                    named[digests_of(way)] += 1
                    if 2 * named[digests_of(way)] > len(near):
                        nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + TOLD_S
            for peer in near:
                nursery.start_soon(ask, peer)
        return [different[one] for one in sorted(different, key=lambda one: (-named[one], one))]

    def _asked(self, parting: Parting) -> list[PeerId]:
        """Return which neighbours are asked: witnesses first, of equals others by each asker."""
        near = [peer for peer in self.mesh.peers() if peer in parting.friends]
        mine = self.me.to_bytes()
        drawn = {peer: sha256(mine + peer.to_bytes()).digest() for peer in near}
        return sorted(near, key=lambda one: (one not in parting.witnesses, drawn[one]))[:ASKED_MAX]

    async def _way(self, parting: Parting, peer: PeerId) -> Way | None:
        """Return what a neighbour closed the rounds with; None where it does not tell all."""
        way = []
        moments = Random(self.me.to_bytes() + peer.to_bytes())  # noqa: S311 - spreads, hides nothing
        for number, round_index in enumerate(parting.rounds):
            await trio.sleep(PAGE_S if number >= AT_ONCE else 0)
            held = await self._set(parting, round_index, peer, moments)
            if held is None:
                return None
            way.append(held)
        return tuple(way)

    async def _set(
        self, parting: Parting, round_index: int, peer: PeerId, moments: Random
    ) -> Held | None:
        """Return what a neighbour closed a round with; None where it does not tell all of it."""
        parts = self._parts(round_index, self.exchange.held(round_index))
        for _ in range(PAGES_MAX):
            raws = [raw for one in parts.values() for raw in one.values()]
            answer = await self._page(round_index, peer, raws, moments)
            if answer is None or answer.frozen is None:
                return None
            wanted = frozenset(answer.frozen)
            news = self._parts(round_index, answer.messages)
            if not self._may_be(parting, wanted, news):
                return None
            for digest, new in news.items():
                parts.setdefault(digest, {}).update(new)
            if all(is_complete(parts.get(digest, {}), self.parameters) for digest in wanted):
                return await self._read(parting, round_index, [parts[one] for one in wanted])
            if not news:
                return None
            await trio.sleep(PAGE_S)
        return None

    async def _page(
        self, round_index: int, peer: PeerId, held: Sequence[bytes], moments: Random
    ) -> Answer | None:
        """Return a neighbour's answer; None where it gives none, however often it is asked."""
        for number in range(1 + AGAIN_MAX):
            await trio.sleep(moments.uniform(PAGE_S, 2 * PAGE_S) if number else 0)
            answer = await self.exchange.ask(self.mesh, peer, round_index, held)
            if answer is not None:
                return answer
        return None

    def _parts(self, round_index: int, raws: Iterable[bytes]) -> dict[bytes, dict[int, bytes]]:
        """Return a round's messages by the digest of their contribution and their place in it.

        What cannot be read, or is of another round, stands under no contribution's digest.
        """
        parts: dict[bytes, dict[int, bytes]] = {}
        for raw in raws:
            part = opened(raw, self.parameters)
            digest = b"" if part is None or part.round_index != round_index else part.digest
            at = -1 if part is None else part.part_index
            parts.setdefault(digest, {})[at] = raw
        return parts

    def _may_be(
        self, parting: Parting, wanted: frozenset[bytes], news: Mapping[bytes, Mapping[int, bytes]]
    ) -> bool:
        """Whether an answer has no more than a round can have, and nothing beside it."""
        places = len(parting.authors) * self.parameters.prompts_per_author
        return len(wanted) <= places and wanted.issuperset(news)

    async def _read(
        self, parting: Parting, round_index: int, parts: Sequence[Mapping[int, bytes]]
    ) -> Held | None:
        """Read a set; None where it is none that a node can have closed a round with."""
        wholes: list[Whole] = []
        for one in parts:
            wholes += self.gate.read(one.values(), round_index).values()
            await trio.lowlevel.checkpoint()  # each costs a signature or more
        read = canonical(one.contribution for one in wholes)
        slots = Counter((one.author, one.prompt_index) for one in read)
        answered = Counter(one.author for one in read)
        is_sound = (
            len(read) == len(parts)
            and max(slots.values(), default=0) <= 1
            and max(answered.values(), default=0) <= self.parameters.prompts_per_author
            and all(one in parting.authors and self.gate.takes(one) for one in answered)
        )
        if not is_sound:
            return None
        raws = (raw for one in wholes if one.contribution.author != self.me for raw in one.messages)
        digests = tuple(one.digest() for one in read)
        closing = Closing(round_index=round_index, digests=digests, raws=tuple(raws))
        return Held(read=read, closing=closing)


def digests_of(way: Way) -> tuple[tuple[bytes, ...], ...]:
    """Return what tells one way from another."""
    return tuple(one.closing.digests for one in way)


def opened(raw: bytes, parameters: Parameters) -> Part | None:
    """Return what a message says, its signature unseen; None where it says nothing."""
    try:
        return open_part(raw, parameters)
    except Refused:
        return None


def is_complete(parts: Mapping[int, bytes], parameters: Parameters) -> bool:
    """Whether all messages of one contribution are there."""
    return any(len(parts) == open_part(raw, parameters).part_count for raw in parts.values())
