"""Rows of unequal length as one rectangle; knows only token ids."""

from collections.abc import Sequence

import torch
from torch import Tensor


def right_padded(rows: Sequence[tuple[int, ...]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (B, T) int64 tokens, zero after each row's end, and (B,) int64 lengths."""
    width = max(map(len, rows))
    tokens = torch.tensor([row + (0,) * (width - len(row)) for row in rows], dtype=torch.int64)
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    return tokens.to(device), lengths.to(device)


def left_padded(rows: Sequence[tuple[int, ...]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (B, T) int64 tokens, zero before each row's start, and their (B, T) mask of ones."""
    width = max(map(len, rows))
    tokens = torch.tensor([(0,) * (width - len(row)) + row for row in rows], dtype=torch.int64)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return tokens.to(device), mask.to(device)
