from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from node.checkpoint.tensors import copy_into, read_tensors, tensor_chunks
from node.faults import CheckpointFault

TENSORS = {
    "matrix": torch.arange(6, dtype=torch.float32).reshape(2, 3),
    "transposed": torch.arange(6, dtype=torch.float64).reshape(2, 3).T,
    "half": torch.tensor([1.0, -0.5], dtype=torch.bfloat16),
    "scalar": torch.tensor(3, dtype=torch.int64),
    "flags": torch.tensor([True, False, True]),
    "bytes": torch.arange(7, dtype=torch.uint8),
    "nothing": torch.empty(0, 4),
}


def written(path: Path, tensors: dict[str, Tensor]) -> Path:
    path.write_bytes(b"".join(tensor_chunks(tensors)))
    return path


def test_the_library_reads_what_we_write(tmp_path: Path) -> None:
    read = load_file(written(tmp_path / "a.safetensors", TENSORS))

    assert read.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert read[name].dtype == tensor.dtype
        assert torch.equal(read[name], tensor)


def test_the_file_says_that_it_is_of_pytorch(tmp_path: Path) -> None:
    """Transformers refuses a file without it."""
    path = written(tmp_path / "a.safetensors", TENSORS)

    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_no_tensors_make_a_valid_file(tmp_path: Path) -> None:
    """An optimiser has none before its first step."""
    assert read_tensors(written(tmp_path / "a.safetensors", {})) == {}


def test_we_read_what_the_library_writes(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")

    assert read_tensors(tmp_path / "a.safetensors")["a"].tolist() == [1.0, 1.0]


def test_tensors_larger_than_a_piece_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.checkpoint.tensors._PIECE_BYTES", 10)

    header, *pieces = tensor_chunks({"a": torch.arange(6, dtype=torch.int32)})

    assert [len(piece) for piece in pieces] == [10, 10, 4]
    assert b"".join(pieces) == b"".join(value.to_bytes(4, "little") for value in range(6))
    assert len(header) % 8 == 0


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\xff" * 64])
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)

    with pytest.raises(CheckpointFault, match=r"a\.safetensors"):
        read_tensors(path)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors", TENSORS)
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(CheckpointFault):
        read_tensors(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointFault, match=r"none\.safetensors"):
        read_tensors(tmp_path / "none.safetensors")


def test_saved_values_are_copied_in_place() -> None:
    weight = torch.zeros(2, requires_grad=True)

    copy_into({"a": weight}, {"a": torch.tensor([1.0, 2.0])}, what="model")

    assert weight.tolist() == [1.0, 2.0]
    assert weight.requires_grad


@pytest.mark.parametrize(
    ("saved", "complaint"),
    [
        ({"a": torch.ones(2)}, "lacks tensor 'b'"),
        ({"a": torch.ones(2), "b": torch.ones(1), "c": torch.ones(1)}, "unknown tensor 'c'"),
        ({"a": torch.ones(2), "b": torch.ones(2)}, r"'b' is torch.float32 \(2,\)"),
        ({"a": torch.ones(2), "b": torch.ones(1, dtype=torch.float64)}, "'b' is torch.float64"),
    ],
)
def test_tensors_of_another_model_are_refused_and_nothing_is_changed(
    saved: dict[str, Tensor], complaint: str
) -> None:
    current = {"a": torch.zeros(2), "b": torch.zeros(1)}

    with pytest.raises(CheckpointFault, match=complaint):
        copy_into(current, saved, what="model")

    assert current["a"].tolist() == [0.0, 0.0]
