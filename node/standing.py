"""How far an author is trusted here whose completions cannot be replayed.

Where weights are known, every completion proves itself and nobody needs trust. Elsewhere only a
record can speak for an author: what verification found of it, round by round, older findings
fading. It is this node's own and is told to nobody: shared records can be lied into.

It knows counts by author. It knows no completions, no networks and no files; what to keep of it
over a restart is `Standings.plain`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

AUTHORS_MAX = 4096
"""Records kept; beyond that the ones heard of longest ago are forgotten.

Changing breaks: nothing; forgotten authors are newcomers again."""

FULL_MEAN = 0.9
"""From this share of clean completions an author counts in full: honest authors with other
weights were refused 2 % or less, so nine in ten leaves them room."""

NIL_MEAN = 0.5
"""Up to this share an author counts nothing: chance alone would do better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSettings:
    """How far authors are trusted whose completions cannot be replayed."""

    half_life_rounds: float = 20.0
    """After so many rounds a finding counts half."""
    clean_rounds_min: int = 3
    """A newcomer counts nothing before it has been clean for so many rounds."""
    closed_share: float = 0.5
    """Where this share of a round's places can be replayed, nothing is learnt from authors that
    cannot be: a swarm of one mind needs no strangers. Above 1: never closed."""
    trusted: tuple[str, ...] = ()
    """Peer ids that count from their first round on, while they stay clean, and without a bound
    on their share; `drl-node peers trust` adds to them while the node runs."""
    only_trusted: bool = False
    """Take nothing from anybody else, and connect to nobody else: a private swarm."""

    def __post_init__(self) -> None:
        """Refuse numbers that no record can be kept by."""
        if not self.half_life_rounds > 0.0:
            raise ValueError(f"half_life_rounds must be above 0, not {self.half_life_rounds}")
        if not self.closed_share > 0.0:
            raise ValueError(f"closed_share must be above 0, not {self.closed_share}")
        if self.clean_rounds_min < 0:
            raise ValueError(f"clean_rounds_min must be at least 0, not {self.clean_rounds_min}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One author's record.

    Args:
        clean: Completions that nothing was found against, faded.
        refused: Completions that were refused, faded.
        clean_rounds: Rounds in a row without a majority of refusals.
        round_index: The last round that counted; fading is reckoned from it.
    """

    clean: float = 0.0
    refused: float = 0.0
    clean_rounds: int = 0
    round_index: int = 0

    @property
    def mean(self) -> float:
        """Mean of the Beta distribution after this record, from a uniform one before it."""
        return (self.clean + 1.0) / (self.clean + self.refused + 2.0)


class Standings:
    """The records of all authors, in the order in which they were last heard of."""

    def __init__(self, settings: TrustSettings) -> None:
        self._settings = settings
        self._of: dict[str, Standing] = {}

    def settle(self, round_index: int, found: Mapping[str, tuple[int, int]]) -> None:
        """Enter what verification found in a round.

        Args:
            round_index: 0-based round; entered once, in order.
            found: By author: completions that were clean, and that were refused. Those that no
                stage could decide are in neither: they speak for nobody and against nobody.
        """
        for author, (clean, refused) in sorted(found.items()):
            before = self._of.pop(author, Standing(round_index=round_index))
            if clean + refused:
                kept = 0.5 ** ((round_index - before.round_index) / self._settings.half_life_rounds)
                before = Standing(
                    clean=before.clean * kept + clean,
                    refused=before.refused * kept + refused,
                    clean_rounds=before.clean_rounds + 1 if clean > refused else 0,
                    round_index=round_index,
                )
            self._of[author] = replace(before, round_index=round_index)
        while len(self._of) > AUTHORS_MAX:
            del self._of[next(iter(self._of))]

    def weight(self, author: str, *, is_trusted: bool = False) -> float:
        """Return what an author's completions count, 0 to 1.

        Args:
            author: Whose.
            is_trusted: Whether it is no newcomer even in its first round, on its operator's word.
        """
        standing = self._of.get(author, Standing())
        if not is_trusted and standing.clean_rounds < self._settings.clean_rounds_min:
            return 0.0
        return min(1.0, max(0.0, (standing.mean - NIL_MEAN) / (FULL_MEAN - NIL_MEAN)))

    def of(self, author: str) -> Standing:
        """Return an author's record; an empty one of an unknown author."""
        return self._of.get(author, Standing())

    def plain(self) -> list[list[object]]:
        """Return all records as values that JSON can carry, for a checkpoint."""
        return [
            [author, one.clean, one.refused, one.clean_rounds, one.round_index]
            for author, one in self._of.items()
        ]

    def restore(self, rows: list[list[object]]) -> None:
        """Take up the records that `plain` gave."""
        self._of = {
            str(author): Standing(
                clean=float(str(clean)),
                refused=float(str(refused)),
                clean_rounds=int(str(clean_rounds)),
                round_index=int(str(round_index)),
            )
            for author, clean, refused, clean_rounds, round_index in rows
        }
