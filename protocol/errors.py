"""Whose fault: the two ways in which a peer's bytes are refused.

`Rejected` is objectively invalid: any peer sees the same, so whoever forwarded it may be
blamed. `Ignored` is unwanted here or now, and honest peers cause it daily; it costs nobody.
Any other exception out of this package is a bug of ours.
"""

from enum import StrEnum
from typing import ClassVar, Self

from protocol.identity import PeerId


class Reason(StrEnum):
    """Why a message was refused, in the order in which admission asks.

    Attributes:
        rejects: True where the rule is `[REJECT]`, false where it is `[IGNORE]`.
        meaning: One sentence for people.
    """

    rejects: bool
    meaning: str

    def __new__(cls, name: str, tag: str, meaning: str) -> Self:
        """Make a member of its value, its rule's tag and its meaning."""
        reason = str.__new__(cls, name)
        reason._value_ = name
        reason.rejects = tag == "REJECT"
        reason.meaning = meaning
        return reason

    BAD_SIZE = "bad_size", "REJECT", "The message is empty or larger than the swarm allows."
    OTHER_VERSION = "other_version", "IGNORE", "It speaks another version of the protocol."
    OTHER_SWARM = "other_swarm", "IGNORE", "It belongs to a swarm with other parameters."
    MALFORMED = "malformed", "REJECT", "It does not decode to an envelope's fields."
    NOT_CANONICAL = "not_canonical", "REJECT", "The same fields have a shorter or truer encoding."
    BAD_PART = "bad_part", "REJECT", "Its place among parts or its size is not where cuts fall."
    ROUND_PAST = "round_past", "IGNORE", "Its round is over for longer than two rounds."
    DUPLICATE = "duplicate", "IGNORE", "It was admitted before."
    AHEAD_KNOWN = "ahead_known", "IGNORE", "Its author is already known to be that far ahead."
    OUTCAST = "outcast", "IGNORE", "Its author has signed two answers to one prompt, and is out."
    BANNED = "banned", "IGNORE", "The operator here takes nothing of its author's."
    UNSOLVED = "unsolved", "REJECT", "Its author's key does not solve the swarm's puzzle."
    CROWDED = "crowded", "IGNORE", "No room is left to remember another author."
    FOREIGN_PROMPT = "foreign_prompt", "REJECT", "The prompt is not its author's in this round."
    BAD_SIGNATURE = "bad_signature", "REJECT", "The named author did not sign it."
    ROUND_AHEAD = "round_ahead", "IGNORE", "Its author, proven, is more than two rounds ahead."
    EQUIVOCATION = "equivocation", "IGNORE", "Its author signed another answer to this prompt."
    OVER_QUOTA = "over_quota", "IGNORE", "Its author answered all the prompts it may this round."
    PARTS_FULL = "parts_full", "IGNORE", "No room is left for parts that wait for their siblings."
    BAD_DIGEST = "bad_digest", "REJECT", "The payload is not the one that its digest names."
    BAD_PAYLOAD = "bad_payload", "REJECT", "The payload is malformed, oversized or not canonical."
    INCOMPLETE = "incomplete", "REJECT", "It holds fewer or more completions than its author owes."
    BAD_TOKEN = "bad_token", "REJECT", "A token is outside the vocabulary, or too many or none."
    BAD_ENDING = "bad_ending", "REJECT", "A completion neither ends with EOS nor at the limit."
    BROKEN_WHOLE = "broken_whole", "IGNORE", "Its parts, each valid, make no valid contribution."


class Refused(Exception):  # noqa: N818 - a verdict on a peer's bytes, not an error of ours
    """A peer's bytes were refused.

    Args:
        reason: Which rule.
        detail: What exactly, for the log.
        author: Who wrote it; None until the signature has proven it.
        round_index: The round it was for; None until the signature has proven it.
        evidence: The proof that its author equivocated, to be told to the swarm; None if there
            is none, or if it was told before.
    """

    rejects: ClassVar[bool]

    def __init__(
        self,
        reason: Reason,
        detail: str = "",
        *,
        author: PeerId | None = None,
        round_index: int | None = None,
        evidence: bytes | None = None,
    ) -> None:
        if reason.rejects is not self.rejects:
            raise ValueError(f"{reason} is not a reason for {type(self).__name__}")
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.author = author
        self.round_index = round_index
        self.evidence = evidence

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


class Rejected(Refused):
    """Objectively invalid: not forwarded, and may cost its forwarder."""

    rejects = True


class Ignored(Refused):
    """Not wanted here or now: not forwarded, and costs nobody."""

    rejects = False
