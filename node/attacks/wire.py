"""Attacks on the wire: right answers go out, and beside them bytes that nobody should take.

Each is what one member with a valid key can send to all; none knows a model. What each should
be refused for stands in its docstring, as `protocol.errors.Reason` names it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice

from node.attacks.outgoing import Outgoing
from protocol.beacon import HashChain
from protocol.constants import WINDOW_ROUNDS
from protocol.contribution import Contribution
from protocol.envelope import Part, open_part, seal
from protocol.identity import Keypair
from protocol.schedule import Schedule


class ForgedAuthor:
    """Answers others' prompts in their names before they do: `bad_signature`.

    A gate that noted the slot before it checked the signature would turn the victim away.
    """

    VICTIMS_MAX = 16

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return claims of the others' ids under this node's signature, then its own messages."""
        parameters = outgoing.parameters
        schedule = Schedule(parameters, HashChain(parameters.digest()))
        parts = [open_part(raw, parameters) for raw in outgoing.heard]
        victims = sorted({part.author for part in parts})[: self.VICTIMS_MAX]
        forged = [
            raw
            for victim in victims
            for own, prompt_index in zip(
                outgoing.contributions, schedule.prompts(outgoing.round_index, victim), strict=True
            )
            for raw in self._claims(
                outgoing, own, replace(own, author=victim, prompt_index=prompt_index)
            )
        ]
        return [*forged, *outgoing.sealed]

    def _claims(
        self, outgoing: Outgoing, own: Contribution, claimed: Contribution
    ) -> Iterator[bytes]:
        """Give one contribution's messages under another's name, signed by the wrong key."""
        for raw in outgoing.sealed:
            part = open_part(raw, outgoing.parameters)
            if part.prompt_index == own.prompt_index:
                claim = replace(
                    part,
                    author=claimed.author,
                    prompt_index=claimed.prompt_index,
                    digest=claimed.digest(),
                )
                yield signed(claim, outgoing.keypair)


class Replay:
    """Says again what others said before: `duplicate` or `round_past`.

    Under the running round's number, with the old signature, the same is `bad_signature` or,
    where prompts are each author's own, `foreign_prompt`.
    """

    MESSAGES_MAX = 64
    """Of each of the two kinds."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages, the oldest heard as they were, the newest renumbered."""
        old = outgoing.heard[: self.MESSAGES_MAX]
        renumbered = [
            replace(part, round_index=outgoing.round_index).to_bytes()
            for raw in outgoing.heard[-self.MESSAGES_MAX :]
            if (part := open_part(raw, outgoing.parameters)).round_index != outgoing.round_index
        ]
        return [*outgoing.sealed, *old, *renumbered]


class OtherSwarm:
    """Brings in what was rightly signed in another swarm: `other_swarm`.

    Relabelled as this swarm's, it is `bad_signature`.
    """

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages, and the same of another swarm, as they are and relabelled.

        The relabelled come first: what is admitted afterwards shows that they left no trace.
        """
        name = f"{outgoing.parameters.swarm[:58]}-other"
        other = replace(outgoing.parameters, swarm=name)
        foreign = [
            raw
            for contribution in outgoing.contributions
            for raw in seal(contribution, outgoing.keypair, other)
        ]
        here = outgoing.parameters.digest()
        relabelled = [replace(open_part(raw, other), swarm=here).to_bytes() for raw in foreign]
        return [*foreign, *relabelled, *outgoing.sealed]


class Equivocation:
    """Signs two different answers to each prompt: `equivocation`, and then `outcast`.

    Which of the two arrives first differs among peers, as luck and the ways between them have
    it: they then train on different sets, and are no longer of one mind.
    """

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return two validly signed contributions for each slot, in any order."""
        messages = [*outgoing.sealed]
        for contribution in outgoing.contributions:
            messages += seal(another(contribution), outgoing.keypair, outgoing.parameters)
        outgoing.draw.shuffle(messages)
        return messages


class Malformed:
    """Sends what is no envelope, or not the one form of it: `malformed`, `not_canonical`."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages, each broken in one of several ways, and then whole."""
        ways: tuple[Callable[[bytes], bytes], ...] = (
            lambda raw: raw[: len(raw) // 2],
            lambda raw: raw + b"\x00",
            lambda raw: raw[:1] + b"\xcc" + raw[1:],  # the version in two bytes
            lambda raw: b"\x91" * len(raw),  # arrays in arrays
            lambda raw: raw[:36] + b"\xdd\xff\xff\xff\xff",  # an array of four billion
            lambda raw: raw[:36] + b"\x81\xa1a" + raw[36:],  # a map
            lambda raw: outgoing.draw.randbytes(len(raw)),
        )
        broken = [way(raw) for way, raw in zip(ways, cycle(outgoing.sealed), strict=False)]
        return [*broken, *outgoing.sealed]


class Oversized:
    """Signs a message one byte longer than the swarm allows: `bad_size`.

    An honest node's mesh would not send it; an adversary's takes what a frame can carry.
    """

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages and, last, one that is padded beyond the limit."""
        most = outgoing.parameters.message_bytes_max
        part = open_part(outgoing.sealed[0], outgoing.parameters)
        long = replace(part, payload=bytes(most + 1))
        excess = len(long.to_bytes()) - (most + 1)
        padded = replace(part, payload=bytes(most + 1 - excess))
        return [*outgoing.sealed, signed(padded, outgoing.keypair)]


class Flood:
    """Claims to be in a thousand rounds to come, one after the other: `round_ahead`.

    Each claim is new and validly signed, so it costs every peer the check of a signature, and
    it is one that an honest author could make: no rule punishes it. It begins when others have
    been heard as well: a peer that knows nobody else would rather follow than be flooded.
    """

    MESSAGES = 1000
    """A round: twice what is held for one slow peer."""
    OTHERS_MIN = 2

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages, then the flood."""
        others = {open_part(raw, outgoing.parameters).author for raw in outgoing.heard}
        if len(others) < self.OTHERS_MIN:
            return outgoing.sealed
        own = outgoing.contributions[0]
        first = outgoing.round_index + WINDOW_ROUNDS + 1
        flood = (
            raw
            for round_index in range(first, first + self.MESSAGES)
            for raw in seal(
                replace(own, round_index=round_index), outgoing.keypair, outgoing.parameters
            )
        )
        return [*outgoing.sealed, *islice(flood, self.MESSAGES)]


class BitFlips:
    """Passes on others' messages with one bit turned: as a rule `bad_signature` or `malformed`."""

    MESSAGES_MAX = 64

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages, then the newest heard, each with a bit turned."""
        turned = []
        for raw in outgoing.heard[-self.MESSAGES_MAX :]:
            bit = outgoing.draw.randrange(8 * len(raw))
            changed = bytearray(raw)
            changed[bit // 8] ^= 1 << bit % 8
            turned.append(bytes(changed))
        return [*outgoing.sealed, *turned]


def signed(part: Part, keypair: Keypair) -> bytes:
    """Return a part as a message that a key signed, whoever it names as its author."""
    return replace(part, signature=keypair.sign(part.signing_bytes())).to_bytes()


def another(contribution: Contribution) -> Contribution:
    """Return another valid answer to the same prompt: turned round, of weights nobody holds."""
    weights = hashlib.sha256(contribution.policy_digest).digest()
    turned = contribution.completions[::-1]
    return replace(contribution, policy_digest=weights, completions=turned)
