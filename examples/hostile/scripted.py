"""Misbehaviour on the wire that the built-in adversary has no name for; what each should meet.

Each is what one member with a valid key can do to others' messages or to its own.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from node.attacks.outgoing import Outgoing
from node.attacks.wire import signed
from protocol.beacon import HashChain
from protocol.envelope import open_envelope, open_part, seal
from protocol.schedule import Schedule


class ForeignPrompt:
    """Answers prompts that are another's: `foreign_prompt`."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages, and the same answers to others' prompts."""
        parameters = outgoing.parameters
        own = Schedule(parameters, HashChain(parameters.digest())).prompts(
            outgoing.round_index, outgoing.keypair.peer_id
        )
        foreign = [
            raw
            for one in outgoing.contributions
            for prompt_index in free_prompts(parameters.task_prompts, own, 2)
            for raw in seal(
                replace(one, prompt_index=prompt_index), outgoing.keypair, outgoing.parameters
            )
        ]
        return [*outgoing.sealed, *foreign]


class OverQuota(ForeignPrompt):
    """The same where everybody may choose: more prompts than it may answer, `over_quota`."""


class FalseEnding:
    """Hands in completions as ended that neither end nor reach the limit: `bad_ending`."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages without their last tokens, and none that is whole."""
        false = []
        for own, raw in zip(outgoing.contributions, outgoing.sealed, strict=True):
            cut = [replace(one, tokens=one.tokens[:-1], ended=False) for one in own.completions]
            other = replace(own, completions=tuple(cut))
            part = open_part(raw, outgoing.parameters)
            part = replace(part, payload=other.payload(), digest=other.digest())
            false.append(signed(part, outgoing.keypair))
        return false


class FalseDigest:
    """Names its answers by the digest of others: `bad_digest`."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's messages misnamed, and none that is rightly named.

        Both together would be two answers to one prompt, and be punished as such.
        """
        parts = [open_part(raw, outgoing.parameters) for raw in outgoing.sealed]
        return [
            signed(replace(part, digest=hashlib.sha256(part.digest).digest()), outgoing.keypair)
            for part in parts
        ]


class FalseWeights:
    """Names weights that nobody has for what it wrote honestly: counts nothing."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return this node's answers under that name, and nothing else."""
        unknown = hashlib.sha256(outgoing.keypair.peer_id.to_bytes()).digest()
        return [
            raw
            for one in outgoing.contributions
            for raw in seal(
                replace(one, policy_digest=unknown), outgoing.keypair, outgoing.parameters
            )
        ]


class Plagiarism:
    """Hands in what a peer has said in the same round, under its own name: fails the replay."""

    def messages(self, outgoing: Outgoing) -> Sequence[bytes]:
        """Return, for each of its prompts, the first heard peer's answer as its own."""
        heard = [
            open_envelope([raw], outgoing.parameters)
            for raw in outgoing.heard
            if open_part(raw, outgoing.parameters).round_index == outgoing.round_index
        ]
        messages: list[bytes] = []
        for own in outgoing.contributions:
            others = [one for one in heard if one.prompt_index == own.prompt_index]
            stolen = replace(others[0], author=own.author) if others else own
            messages += seal(stolen, outgoing.keypair, outgoing.parameters)
        return messages


def free_prompts(count: int, taken: Sequence[int], wanted: int) -> list[int]:
    """Return the first prompts of a task that are not among those taken."""
    return [index for index in range(min(count, len(taken) + wanted)) if index not in taken][
        :wanted
    ]
