"""The evidence on a round's submissions, gathered once for all who ask.

Model stages, copies and the trainer ask about the same completions; each is read in one
forward pass. It knows whose weights a completion came from, and judges nothing.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from node.policy import SamplingParameters, noise_key
from node.verification.evidence import (
    Claim,
    Evidence,
    EvidenceSettings,
    Floats,
    Reader,
    Unread,
    gather,
)
from node.verification.kinship import Kin, Kinship, KinshipSettings, Weights
from node.verification.submission import Submission
from protocol.identity import PeerId


class Readable(Reader, Weights, Protocol):
    """A policy that can be asked, and whose weights can be told apart."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one submission.

    Args:
        item: What was read.
        evidence: Token by token.
        kinship: Of the weights that its author names to those that were asked.
        is_current: Whether the weights of now were asked, rather than kept ones.
    """

    item: Submission
    evidence: Evidence
    kinship: Kinship
    is_current: bool


class Readings:
    """Reads submissions, each once a round; the same one, not an equal one.

    Args:
        policy: This node's.
        sampling: The swarm's.
        swarm: The digest of the swarm's parameters, from which noise is derived.
        kinship: What to remember of past rounds.
        settings: Bounds of a pass.
    """

    def __init__(
        self,
        policy: Readable,
        sampling: SamplingParameters,
        *,
        swarm: bytes,
        kinship: KinshipSettings | None = None,
        settings: EvidenceSettings | None = None,
    ) -> None:
        self._policy = policy
        self._sampling = sampling
        self._swarm = swarm
        self._settings = settings
        # By identity, since a submission's hash goes through all its tokens; the reading's
        # hold on the submission keeps that identity from being given away.
        self._read: dict[int, Reading] = {}
        self.kin = Kin(policy, kinship)

    def close(self) -> None:
        """End a round: keep its weights, which are about to change, and forget its readings."""
        self.kin.remember()
        self._read.clear()

    def open(self) -> None:
        """Begin a round with the weights as they are now."""
        self.kin.now()
        self._read.clear()

    def of(self, items: Sequence[Submission]) -> list[Reading]:
        """Return the reading of each submission, in their order.

        What is not read yet is read in one pass. Sums depend in their last bits on what is read
        together: who needs equal bits on all nodes (the trainer does) asks for a whole round at
        once, in the canonical order, before anybody asks for a part of it.
        """
        asked = {id(item): item for item in items if id(item) not in self._read}
        then: dict[bytes, list[Submission]] = {}
        for item in asked.values():
            past = self.kin.is_past(item.policy_digest)
            then.setdefault(item.policy_digest if past else b"", []).append(item)
        for digest, of_digest in then.items():
            if digest:
                with self.kin.as_then(digest):
                    self._gather(of_digest, is_current=False)
            else:
                self._gather(of_digest, is_current=True)
        return [self._read[id(item)] for item in items]

    def old_logprobs(self, item: Submission) -> Floats | None:
        """Return the log-probabilities of a submission's tokens under the weights of now.

        None where they were not read, or under other weights: the trainer then reads them.
        """
        reading = self._read.get(id(item))
        if reading is None or not reading.is_current or reading.evidence.unread is not None:
            return None
        return reading.evidence.logprobs

    def why_unread(self, item: Submission) -> Unread | None:
        """Return why a submission could not be read, if somebody tried and it could not."""
        reading = self._read.get(id(item))
        return None if reading is None else reading.evidence.unread

    def logprob(self, item: Submission) -> float | None:
        """Return how likely the whole completion is, in nats; None where nobody can tell."""
        evidence = self.of([item])[0].evidence
        return None if evidence.unread is not None else float(evidence.logprobs.sum())

    def _gather(self, items: Sequence[Submission], *, is_current: bool) -> None:
        claims = [
            Claim(
                prompt_tokens=item.prompt_tokens,
                completion_tokens=item.tokens,
                key=noise_key(
                    swarm=self._swarm,
                    round_index=item.round_index,
                    prompt_index=item.prompt_index,
                    author=_public_key(item.author),
                    index=item.index,
                ),
            )
            for item in items
        ]
        found = gather(self._policy, claims, self._sampling, self._settings)
        for item, evidence in zip(items, found, strict=True):
            kinship = self.kin.of(item.policy_digest)
            self._read[id(item)] = Reading(item, evidence, kinship, is_current)


@functools.lru_cache(maxsize=1024)
def _public_key(author: str) -> bytes:
    return PeerId.parse(author).public_key
