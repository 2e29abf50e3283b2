"""From completions of any length to tensors of one shape, and in which portions; knows no loss.

Nodes that hold the same completions must cut them into the same portions, on any build of any
library. So the order of a round is a hash's, not that of a random generator which a release of
torch or Python may change.
"""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise

import torch
from torch import Tensor


def token_mask(lengths: Sequence[int], *, width: int | None = None) -> Tensor:
    """Return which places of a padded batch hold a token.

    Example:
        >>> token_mask([1, 3])
        tensor([[ True, False, False],
                [ True,  True,  True]])

    Args:
        lengths: The B completions' lengths in tokens.
        width: T; the longest length if None.

    Returns:
        (B, T) bool, true where there is a token.
    """
    width = max(lengths, default=0) if width is None else width
    return torch.arange(width) < torch.tensor(lengths, dtype=torch.long).reshape(-1, 1)


def pad_rows(rows: Sequence[Tensor], *, width: int, fill: float = 0.0) -> Tensor:
    """Stack rows of differing lengths, padded on the right.

    Example:
        >>> pad_rows([torch.tensor([1.0]), torch.tensor([2.0, 3.0])], width=2)
        tensor([[1., 0.],
                [2., 3.]])

    Args:
        rows: B tensors of shape (t,), each t at most `width`.
        width: T.
        fill: What stands where a row has ended.

    Returns:
        (B, T) of the rows' type; float32 if there are none.
    """
    if not rows:
        return torch.empty((0, width))
    padded = rows[0].new_full((len(rows), width), fill)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded


def minibatches(count: int, *, portions: int, key: bytes) -> list[tuple[int, ...]]:
    """Deal completions to the optimiser steps of one epoch.

    The order depends on the key and the count alone. Sizes differ by one at most, and no portion
    is empty: fewer completions than portions make fewer portions.

    Example:
        >>> [len(portion) for portion in minibatches(10, portions=4, key=b"round 3")]
        [3, 3, 2, 2]

    Args:
        count: How many completions there are.
        portions: How many optimiser steps are wanted.
        key: What makes this deal differ from another; equal on all nodes of a swarm. At most 64
            bytes.

    Returns:
        The portions; together they hold each of 0..count-1 once.
    """

    def place(index: int) -> bytes:
        return blake2b(index.to_bytes(8, "big"), key=key, digest_size=16).digest()

    order = sorted(range(count), key=place)
    portions = min(portions, count)
    size, larger = divmod(count, portions) if portions else (0, 0)
    starts = [portion * size + min(portion, larger) for portion in range(portions + 1)]
    return [tuple(order[a:b]) for a, b in pairwise(starts)]


def microbatches(indices: Sequence[int], *, size: int) -> list[tuple[int, ...]]:
    """Cut one optimiser step's completions into what goes through the model at once.

    In ascending order, which keeps completions of one prompt together: a policy reads a prompt
    once for all of them.

    Example:
        >>> microbatches([4, 1, 3, 0, 2], size=2)
        [(0, 1), (2, 3), (4,)]

    Args:
        indices: The completions of the step.
        size: How many at once.
    """
    ordered = sorted(indices)
    return [tuple(ordered[start : start + size]) for start in range(0, len(ordered), size)]
