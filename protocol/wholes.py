"""Messages of a closed round, put together again into the contributions that they were.

What was admitted once is not asked about again: neither windows nor seats nor bans apply, only
what makes a message its author's answer. It does not know which of them are wanted.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.admission import Admission
from protocol.contribution import Contribution
from protocol.envelope import open_part
from protocol.errors import Refused
from protocol.identity import PeerId
from protocol.parameters import Parameters
from protocol.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Whole:
    """A contribution and the messages that it came in."""

    contribution: Contribution
    messages: tuple[bytes, ...]


def wholes(
    raws: Iterable[bytes], parameters: Parameters, schedule: Schedule, round_index: int
) -> dict[bytes, Whole]:
    """Return the valid contributions among messages, by their digests.

    Each is read by an admission of its own, so that one author's two answers can both be read.
    What is not valid, of another round, or not whole is left out.
    """
    parts: dict[tuple[PeerId, bytes], list[bytes]] = {}
    for raw in raws:
        try:
            part = open_part(raw, parameters)
        except Refused:
            continue
        if part.round_index == round_index:
            parts.setdefault((part.author, part.digest), []).append(raw)
    read = {key[1]: _whole(one, parameters, schedule, round_index) for key, one in parts.items()}
    return {digest: one for digest, one in read.items() if one is not None}


def _whole(
    raws: Iterable[bytes], parameters: Parameters, schedule: Schedule, round_index: int
) -> Whole | None:
    """Put one contribution's messages together; None where one is missing or not valid."""
    admission = Admission(parameters, schedule)
    admitted: list[bytes] = []
    for raw in raws:
        try:
            contribution = admission.admit(raw, round_index=round_index).contribution
        except Refused:
            continue
        admitted.append(raw)
        if contribution is not None:
            return Whole(contribution, tuple(admitted))
    return None
