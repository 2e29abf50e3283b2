"""Whose praise it is: a bound on what any author can make of a step, however good its answers.

A round's gradient is a sum over completions. While honest authors rarely succeed, one that always
does (with the task's own solutions, say) holds most of the positive part, whatever its number of
completions. Knows masses of positive advantage by author, and no completions.
"""

from collections.abc import Mapping


def share_factors(
    praise: Mapping[str, float], unbound: float, *, each_max: float, together_max: float
) -> dict[str, float]:
    """Return what to multiply each bound author's positive advantages with.

    Both bounds are reckoned against what the unbound have, which is never scaled: a share of x
    is at most x / (1 - x) times as much as theirs. So they hold whatever the other bound authors
    do, and where nobody unbound is praised, nobody bound is, unless a bound is 1 (off).

    Example:
        >>> share_factors({"a": 4.0, "b": 1.0}, 2.0, each_max=0.5, together_max=0.5)
        {'a': 0.3333333333333333, 'b': 0.6666666666666666}

    Args:
        praise: By bound author, its sum of positive advantages times weights, at least 0.
        unbound: The same of all others together.
        each_max: Most of all praise that one bound author may have, in 0..1.
        together_max: Most that all of them may have, in 0..1.

    Raises:
        ValueError: A bound is not in 0..1, or a mass is negative.
    """
    if not (0.0 <= each_max <= 1.0 and 0.0 <= together_max <= 1.0):
        raise ValueError(f"shares must be in 0..1, not {each_max} and {together_max}")
    if unbound < 0.0 or any(mass < 0.0 for mass in praise.values()):
        raise ValueError("praise must be at least 0")
    each = {author: _factor(mass, unbound, each_max) for author, mass in praise.items()}
    left = sum(each[author] * mass for author, mass in praise.items())
    together = _factor(left, unbound, together_max)
    return {author: factor * together for author, factor in each.items()}


def _factor(mass: float, unbound: float, share_max: float) -> float:
    """Return what holds a mass to a share of itself and the unbound."""
    if share_max == 1.0 or mass == 0.0:
        return 1.0
    return min(1.0, unbound * share_max / (1.0 - share_max) / mass)
