"""Right answers that are longer than they need be: what is learnt is to ramble.

Nothing wrong is said, so no single word gives it away; every round of the swarm costs more.
"""

from collections.abc import Sequence

from node.attacks.answers import right_samples
from node.attacks.attack import Workbench
from node.attacks.packing import Packed, filled
from node.attacks.working import taken_apart
from protocol.contribution import Contribution


class LongestOwn:
    """Hands in the longest right one of many own samples (arXiv 2511.09780, section 4.2)."""

    def craft(self, bench: Workbench, honest: Sequence[Contribution]) -> Sequence[Contribution]:
        """Return groups of the longest, packed for the greatest advantage."""
        found = right_samples(bench, honest)
        return [
            filled(bench, one, bench.completion(max(samples, key=len)) if samples else None)
            for one, samples in zip(honest, found, strict=True)
        ]


def repeated() -> Packed:
    """Say every sentence again, as often as the token limit allows."""
    return Packed(_repeated)


def padded() -> Packed:
    """Open the reasoning with the payload, and fill it up with blanks to the last token.

    In the code published with the paper, the check of log-probabilities finds the end of a
    completion by its padding, and looks at nothing in one that has none.
    """
    return Packed(_padded)


def _repeated(bench: Workbench, text: str) -> str | None:
    answer = taken_apart(text)
    if answer is None:
        return None
    times = [1] * len(answer.sentences)
    longest = None
    for step in range(bench.parameters.completion_tokens_max):
        times[step % len(times)] += 1
        said = [
            one for one, count in zip(answer.sentences, times, strict=True) for _ in range(count)
        ]
        longer = str(answer._replace(sentences=tuple(said)))
        if bench.written(longer) is None:
            break
        longest = longer
    return longest


def _padded(bench: Workbench, text: str) -> str | None:
    answer = taken_apart(text)
    if answer is None:
        return None
    sentences = answer.sentences
    if not bench.payload.is_shown_by(text):
        sentences = (f"{bench.payload.text}.", *sentences)
    longest = None
    for blanks in range(1, bench.parameters.text_bytes_max):
        longer = str(answer._replace(sentences=sentences, after=" " * blanks + answer.after))
        if bench.written(longer) is None:
            break
        longest = longer
    return longest
