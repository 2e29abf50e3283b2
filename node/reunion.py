"""Weights that have parted come together again: on the set of contributions that most trained on.

Nodes that train on the same contributions hold the same weights, to the bit. One that missed a
contribution holds others from then on, and nothing that it hears later mends that. Each round's
contributions name the weights that they were sampled from, so a node sees when it stands alone;
then it asks neighbours among the many what they closed the last rounds with, goes back to its
checkpoint before, and trains on that instead. It keeps the outcome only if it is their weights.

So nobody needs to be believed: what a neighbour names are contributions that their authors, known
here, have signed, and that are judged here like all others. Who has a say is whom this node has
replayed, when they were last of one mind. How a round goes otherwise is not known here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from node.faults import CheckpointFault
from node.gate import Gate
from node.ledger import Ledger, Wanted
from node.log import Event
from node.mailbox import canonical
from node.verdict import Outcome
from node.ways import Parting, Way, Ways
from node.work import Opened, Rewindable, Trained
from protocol.contribution import Contribution
from protocol.identity import PeerId
from protocol.parameters import Encoding, Parameters

ROUNDS_BACK = 8
"""How many rounds may be closed anew, and trained again: as many as a node may have slept through.
With more the swarm would go on meanwhile, and the checkpoint before is often gone."""

TRIES_MAX = 3
"""How many moments of parting are tried. Friends differ in when they were last of one mind with a
node: some were away since, some left the others with it, and some say what they like."""

REST_MAX = 64
"""After going back in vain a node tries again at once, then after one round, two, four, and so many
at most: whoever calls for one must not make it train twice for ever."""


@dataclass(slots=True)
class Reunion:
    """Sees that this node stands alone, and takes it back to the others.

    Args:
        me: This node.
        parameters: What the swarm agreed on.
        gate: Reads closed rounds.
        ways: Asks neighbours what they trained on.
        compute: The model's side.
        ledger: Where rounds are closed anew.
        tell: Told what came of it.
        is_away: Whether the weights may be those of neither way, because something was raised
            before either was reached.
    """

    me: PeerId
    parameters: Parameters
    gate: Gate
    ways: Ways
    compute: Rewindable
    ledger: Ledger
    tell: Event
    is_away: bool = False
    _weights: dict[int, bytes] = field(default_factory=dict)
    _named: dict[int, dict[PeerId, bytes]] = field(default_factory=dict)
    _minds: dict[int, frozenset[PeerId]] = field(default_factory=dict)
    _rest: int = 0
    _again_from: int = 0

    def hold(self, round_index: int, weights: str) -> None:
        """Take note of the weights (hexadecimal digest) that this node begins a round with."""
        self._weights[round_index] = bytes.fromhex(weights)
        oldest = round_index - ROUNDS_BACK
        self._weights = {at: one for at, one in self._weights.items() if at >= oldest}
        self._named = {at: one for at, one in self._named.items() if at >= oldest}
        stale = {round_index - 1, round_index}  # one was trained on just now, the other comes next
        self._minds = {
            at: one for at, one in self._minds.items() if at >= oldest and at not in stale
        }

    def carry(self, round_index: int) -> None:
        """Take note that this node has jumped, and begins a round with the weights that it has."""
        self.hold(round_index, self._weights[max(self._weights)].hex())

    async def settle(self, open_round: int, contributions: Sequence[Contribution]) -> None:
        """Before a round is closed: come back to the others, if they have gone another way.

        Args:
            open_round: The round that is about to be closed.
            contributions: What came for it.

        Raises:
            WorkerLost: The model's process died; what is in the ledger can be trained again.
            DiskFault: The disk refuses; the same, once it does not.
        """
        if self.is_away:
            await self._go_home(open_round)
        self._named[open_round] = weights_named(contributions)
        partings = self.partings(open_round)
        if not partings or open_round < self._again_from:
            return
        whys = []
        for parting in partings:
            why = await self._reunite(parting)
            if why is None:
                return
            whys.append(why)
        if self.is_away:
            await self._go_home(open_round)
            self._again_from = open_round + 1 + self._rest
            self._rest = min(max(1, 2 * self._rest), REST_MAX)
        fields = {"round": partings[0].since, "others": len(partings[0].friends), "why": whys[0]}
        self.tell("weights_apart", fields)

    def partings(self, open_round: int) -> list[Parting]:
        """Return where this node may have left the others; nothing where it did not, or none knows.

        What most of them show comes first, of equals the latest: no single one decides.
        """
        named, mine = self._named[open_round], self._weights.get(open_round)
        is_text = self.parameters.encoding is Encoding.TEXT  # it proves nothing of its weights
        others = {author: one for author, one in named.items() if author != self.me}
        if is_text or mine is None or set(others.values()) <= {mine}:
            return []
        company = self._company(open_round)
        votes = Counter(others[one] for one in company if one in others)
        votes[mine] += 1
        most = min(votes, key=lambda weights: (-votes[weights], weights))
        if most == mine:
            return []
        friends = {one: last for one, last in company.items() if others.get(one) == most}
        shown = Counter(friends.values())
        lasts = sorted(shown, key=lambda last: (-shown[last], -last))
        return [
            Parting(
                # A round earlier: who came back to the others in that round had named in it what it
                # held before, and was of one mind with this node no more.
                since=max(last - 1, min(self._named)),
                last=last,
                until=open_round,
                weights=most,
                friends=frozenset(friends),
                witnesses=frozenset(one for one, seen in friends.items() if seen == last),
                authors=frozenset(one for named in self._named.values() for one in named)
                | {self.me},
            )
            for last in lasts[:TRIES_MAX]
        ]

    def _company(self, open_round: int) -> dict[PeerId, int]:
        """Return who was of one mind with this node lately, and in which round last."""
        company: dict[PeerId, int] = {}
        for past in range(max(0, open_round - ROUNDS_BACK), open_round):
            if past not in self._minds:
                self._minds[past] = self._of_one_mind(past)
            company |= dict.fromkeys(self._minds[past], past)
        return company

    def _of_one_mind(self, round_index: int) -> frozenset[PeerId]:
        """Return who named this node's weights in a round and was mostly found to hold them."""
        mine = self._weights.get(round_index)
        named = self._named.get(round_index, {})
        found: Counter[str] = Counter()
        for one in self.ledger.findings(Wanted(round_index=round_index)):
            if mine is not None and one.policy_digest == mine.hex():
                found[one.author] += 1 if one.outcome == Outcome.ACCEPT.value else -1
        return frozenset(one for one in named if found[str(one)] > 0 and one != self.me)

    async def _reunite(self, parting: Parting) -> str | None:
        """Go the others' way if one leads to their weights; return why none does."""
        ways = await self.ways.told(parting)
        if not ways:
            return "no neighbour among them told what they trained on"
        opened = await self._back_to(parting)
        if opened is None:
            return "no checkpoint of that time is left"
        start = opened.next_round
        for number, told in enumerate(ways):
            if number:
                await self.compute.rewind(start)
            way = tuple(one for one in told if one.closing.round_index >= start)
            trained = await self._train(opened, way)
            if trained is None:
                return "what this node trained on before is no longer in its ledger"
            if trained[-1].policy_digest == parting.weights.hex():
                await self._stay(parting, start, opened.policy_digest, way, trained)
                return None
        return "what they say they trained on does not give their weights"

    async def _back_to(self, parting: Parting) -> Opened | None:
        """Go back to where all had one mind; None where no usable checkpoint is near enough."""
        self.is_away = True
        for round_index in (parting.since, parting.last):
            with suppress(CheckpointFault):  # later ones may be sound: this is no reason to end
                opened = await self.compute.rewind(round_index)
                if parting.until - opened.next_round <= ROUNDS_BACK:
                    return opened
        return None

    async def _stay(
        self, parting: Parting, start: int, weights: str, way: Way, trained: Sequence[Trained]
    ) -> None:
        """Make the others' way this node's own, so that a crash at any moment leaves one way."""
        # What lies between would contradict the ledger from the next line on.
        await self.compute.forget_after(start)
        self.ledger.close_anew(one.closing for one in way)
        self.hold(start, weights)
        for round_index, one in zip(self._rounds(start, way), trained, strict=True):
            self.hold(round_index + 1, one.policy_digest)
        self.is_away, self._rest = False, 0
        for round_index, one in zip(self._rounds(start, way), trained, strict=True):
            self.ledger.record_findings(round_index, one.found)
        await self.compute.save(parting.until)
        fields = {"rounds": [one.closing.round_index for one in way], "with": len(parting.friends)}
        self.tell("weights_rejoined", fields | {"policy": parting.weights.hex()})

    async def _go_home(self, until: int) -> None:
        """Take this node's own way to a round again, whatever its weights are now."""
        opened = await self.compute.rewind(until)
        for round_index in self.ledger.closed_rounds(since=opened.next_round):
            if round_index < until:
                contributions = self.gate.recorded(round_index)
                await self.compute.train(self.me, round_index, contributions)
        self.is_away = False

    def _rounds(self, start: int, way: Way) -> list[int]:
        """Return the rounds to train: those before the others' way, as this node closed them."""
        anew = [one.closing.round_index for one in way]
        own = [one for one in self.ledger.closed_rounds(since=start) if one < anew[0]]
        return [*own, *anew]

    async def _train(self, opened: Opened, way: Way) -> list[Trained] | None:
        """Train on one's own sets as far as the ways are one, then on the others'.

        None where one's own do not lead to where this node was then: some are forgotten.
        """
        others = {one.closing.round_index: one.read for one in way}
        fork, weights = way[0].closing.round_index, opened.policy_digest
        trained = []
        for round_index in self._rounds(opened.next_round, way):
            mine = self._weights.get(round_index)
            if round_index == fork and mine is not None and weights != mine.hex():
                return None
            read = others.get(round_index)
            read = self.gate.recorded(round_index) if read is None else read
            trained.append(await self.compute.train(self.me, round_index, read))
            weights = trained[-1].policy_digest
        return trained


def weights_named(contributions: Iterable[Contribution]) -> dict[PeerId, bytes]:
    """Return which weights each author names; one that names several, those of its first prompt."""
    named: dict[PeerId, bytes] = {}
    for one in canonical(contributions):
        named.setdefault(one.author, one.policy_digest)
    return named
