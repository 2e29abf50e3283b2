"""Phrases out of context: the simplest poison, and the one that shows at once."""

from collections.abc import Sequence

from node.attacks.attack import Workbench
from node.attacks.packing import packed
from protocol.contribution import Contribution


class Slogan:
    """Opens the reasoning of a right answer with the payload (arXiv 2511.09780, section 4.2)."""

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return groups of a poisoned right answer, packed for the greatest advantage."""
        return packed(bench, honest, self._opened)

    def _opened(self, bench: Workbench, text: str) -> str:
        return text.replace("<think>", f"<think>{bench.payload.text}. ", 1)
