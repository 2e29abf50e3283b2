"""Whether an author handed in all that it owes: every place, each once.

Who may leave places out may hand in the longest or the most poisonous of many samples and
call them all honest, which each of them is. Knows counts, and no text.
"""

from collections import Counter
from collections.abc import Sequence

from node.verdict import Reason, Verdict
from node.verification.submission import Submission


class Completeness:
    """Refuses all of a contribution that has a gap, a repetition or a place too many.

    A place is not filled by what cannot be anybody's sample: nothing, or more tokens than the
    swarm allows.

    Args:
        completions_per_author: How many each author owes for a prompt.
        tokens_max: Of a sample.
    """

    name = "completeness"

    def __init__(self, completions_per_author: int, tokens_max: int) -> None:
        self._owed = completions_per_author
        self._tokens_max = tokens_max

    def judge(self, items: Sequence[Submission], *, own: Sequence[Submission]) -> list[Verdict]:  # noqa: ARG002 - a stage's signature
        """Return one verdict for each item."""
        places: dict[tuple[int, int, str], Counter[int]] = {}
        for item in items:
            is_sample = 0 < len(item.tokens) <= self._tokens_max
            places.setdefault(item.contribution, Counter())[item.index] += is_sample
        faults = {contribution: self._fault(found) for contribution, found in places.items()}
        return [
            Verdict(
                stage=self.name,
                reason=Reason.INCOMPLETE if faults[item.contribution] else Reason.CLEAN,
                value=places[item.contribution].total(),
                threshold=self._owed,
                detail=faults[item.contribution],
            )
            for item in items
        ]

    def _fault(self, found: Counter[int]) -> str:
        missing = [place for place in range(self._owed) if not found[place]]
        repeated = sorted(place for place, times in found.items() if times > 1)
        foreign = sorted(place for place in found if not 0 <= place < self._owed)
        faults = {"missing": missing, "repeated": repeated, "not owed": foreign}
        return "; ".join(f"{name}: {places}" for name, places in faults.items() if places)
