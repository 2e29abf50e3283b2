from collections.abc import Callable

import pytest
import torch

from node.checkpoint import Snapshot

MakeSnapshot = Callable[..., Snapshot]


@pytest.fixture
def make_snapshot() -> MakeSnapshot:
    """A small snapshot whose every value tells its round."""

    def make(round_index: int = 0, *, rows: int = 3) -> Snapshot:
        return Snapshot(
            round_index=round_index,
            model={
                "layer.weight": torch.full((rows, 5), float(round_index)),
                "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
                "scalar": torch.tensor(7),
            },
            optimizer={"exp_avg/layer.weight": torch.full((rows, 5), round_index / 8)},
            torch_rng=torch.arange(256, dtype=torch.uint8),
            kept={"0/layer.weight": torch.full((2, 2), -float(round_index))},
            state={"cursor": {"next": round_index}, "name": "håndskrift"},
        )

    return make
