import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from node.checkpoint.snapshot import STATE, Snapshot, read_snapshot
from node.faults import CheckpointFault

MakeSnapshot = Callable[..., Snapshot]


def write_files(snapshot: Snapshot, directory: Path) -> Path:
    for name, chunks in snapshot.files().items():
        (directory / name).write_bytes(b"".join(chunks))
    return directory


def rewrite_state(directory: Path, **changes: object) -> None:
    content = json.loads((directory / STATE).read_bytes())
    (directory / STATE).write_text(json.dumps({**content, **changes}))


def test_a_snapshot_is_read_back_as_it_was_written(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    written = make_snapshot(12)

    read = read_snapshot(write_files(written, tmp_path))

    assert read.round_index == 12
    assert read.state == written.state
    assert torch.equal(read.torch_rng, written.torch_rng)
    for kind in ("model", "optimizer", "kept"):
        before, after = getattr(written, kind), getattr(read, kind)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_random_generator_goes_on_where_it_was(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    torch.manual_seed(3)
    snapshot = make_snapshot()
    snapshot = Snapshot(
        round_index=0,
        model=snapshot.model,
        optimizer={},
        torch_rng=torch.get_rng_state(),
        state={},
    )
    expected = torch.rand(4)

    torch.set_rng_state(read_snapshot(write_files(snapshot, tmp_path)).torch_rng)

    assert torch.equal(torch.rand(4), expected)


def test_its_size_is_known_before_it_is_written(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    snapshot = make_snapshot(rows=1000)

    write_files(snapshot, tmp_path)

    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size == pytest.approx(snapshot.size_bytes(), rel=0.05)


def test_a_newer_format_is_refused_in_words(make_snapshot: MakeSnapshot, tmp_path: Path) -> None:
    write_files(make_snapshot(), tmp_path)
    rewrite_state(tmp_path, format=99)

    with pytest.raises(CheckpointFault, match="format 99") as caught:
        read_snapshot(tmp_path)
    assert "newer release" in caught.value.fix


@pytest.mark.parametrize(
    "changes",
    [
        {"round_index": "twelve"},
        {"torch_rng": "not base64!"},
        {"torch_rng": 5},
        {"state": 5},
        {"format": None},
    ],
)
def test_a_malformed_state_is_refused(
    make_snapshot: MakeSnapshot, tmp_path: Path, changes: dict[str, object]
) -> None:
    write_files(make_snapshot(), tmp_path)
    rewrite_state(tmp_path, **changes)

    with pytest.raises(CheckpointFault, match=STATE):
        read_snapshot(tmp_path)


def test_a_state_that_json_cannot_hold_is_refused_when_saving(make_snapshot: MakeSnapshot) -> None:
    """Not a number would be written as NaN, which other readers of JSON refuse."""
    snapshot = make_snapshot()
    broken = Snapshot(
        round_index=0,
        model=snapshot.model,
        optimizer={},
        torch_rng=snapshot.torch_rng,
        state={"loss": float("nan")},
    )

    with pytest.raises(ValueError, match="JSON"):
        broken.files()
