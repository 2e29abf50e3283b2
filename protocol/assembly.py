"""Parts into wholes, for one round: whoever signs first for a slot binds it.

A slot is an author's answer to a prompt. Only parts whose signature holds arrive here;
whether the whole is valid is not known here.
"""

from dataclasses import dataclass, field
from enum import Enum

from protocol.envelope import Part, Statement
from protocol.errors import Ignored, Reason
from protocol.evidence import Evidence
from protocol.identity import PeerId


class _State(Enum):
    OPEN = "open"
    WHOLE = "whole"
    BROKEN = "broken"


@dataclass(slots=True)
class _Slot:
    first: Statement
    chunks: dict[int, bytes] = field(default_factory=dict)  # emptied when no longer open
    statements: dict[int, Statement] = field(default_factory=dict)  # of the chunks
    state: _State = _State.OPEN


class Assembly:
    """The slots of one round; bounded by the caller's seats, quota and byte limit."""

    def __init__(self) -> None:
        self._slots: dict[PeerId, dict[int, _Slot]] = {}
        self.pending_bytes = 0

    def prompts_of(self, author: PeerId) -> frozenset[int]:
        """Return the prompts for which an author has bound a slot."""
        return frozenset(self._slots.get(author, ()))

    def check_first(self, part: Part) -> None:
        """Refuse a part that adds nothing to its slot, or contradicts it.

        Raises:
            Ignored: DUPLICATE, BROKEN_WHOLE or EQUIVOCATION.
        """
        slot = self._slot_of(part)
        if slot is None:
            return
        statement = part.statement()
        for earlier in (slot.first, slot.statements.get(part.part_index)):
            if earlier is not None and statement.contradicts(earlier):
                raise Ignored(
                    Reason.EQUIVOCATION,
                    f"prompt {part.prompt_index}, part {part.part_index}",
                    evidence=Evidence.of(part, earlier).to_bytes(),
                )
        if slot.state is _State.BROKEN:
            raise Ignored(Reason.BROKEN_WHOLE, f"prompt {part.prompt_index}")
        if slot.state is _State.WHOLE or part.part_index in slot.chunks:
            raise Ignored(Reason.DUPLICATE, f"prompt {part.prompt_index}, signed anew")

    def payload_with(self, part: Part) -> bytes | None:
        """Return the whole payload if this part is the last one missing, else None."""
        slot = self._slot_of(part)
        chunks = {part.part_index: part.payload} | (slot.chunks if slot else {})
        if len(chunks) < part.part_count:
            return None
        return b"".join(chunks[index] for index in range(part.part_count))

    def keep(self, part: Part) -> None:
        """Hold a part until its siblings come; the first one binds the slot."""
        slot = self._bound(part)
        slot.chunks[part.part_index] = part.payload
        slot.statements[part.part_index] = part.statement()
        self.pending_bytes += len(part.payload)

    def close(self, part: Part, *, broken: bool) -> None:
        """Bind or end a part's slot, and forget the chunks: its contribution is whole or broken."""
        slot = self._bound(part)
        self.pending_bytes -= sum(len(chunk) for chunk in slot.chunks.values())
        slot.chunks.clear()
        slot.statements.clear()
        slot.state = _State.BROKEN if broken else _State.WHOLE

    def drop(self, author: PeerId) -> None:
        """Forget all slots of an author."""
        for slot in self._slots.pop(author, {}).values():
            self.pending_bytes -= sum(len(chunk) for chunk in slot.chunks.values())

    def _slot_of(self, part: Part) -> _Slot | None:
        return self._slots.get(part.author, {}).get(part.prompt_index)

    def _bound(self, part: Part) -> _Slot:
        slots = self._slots.setdefault(part.author, {})
        return slots.setdefault(part.prompt_index, _Slot(part.statement()))
