import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from node.checkpoint import Snapshot, directory, forget_after, latest, load, prepare, save
from node.faults import CheckpointFault, DiskFault

MakeSnapshot = Callable[..., Snapshot]


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_saved_snapshot_is_the_latest_and_loads(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    path = save(tmp_path / "checkpoints", make_snapshot(12))

    found = latest(tmp_path / "checkpoints")

    assert path.name == "round-00000012"
    assert (found.path, found.damaged) == (path, ())
    assert load(path).model["layer.weight"][0, 0].item() == 12.0


def test_a_checkpoint_holds_these_files_and_no_pickle(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    path = save(tmp_path, make_snapshot())

    assert names(path) == [
        "MANIFEST.json",
        "kept.safetensors",
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    ]


def test_only_the_last_few_are_kept(make_snapshot: MakeSnapshot, tmp_path: Path) -> None:
    for round_index in (8, 9, 10, 11):
        save(tmp_path, make_snapshot(round_index), keep_last=2)

    assert names(tmp_path) == ["round-00000010", "round-00000011"]


def test_the_latest_up_to_a_round_is_found(make_snapshot: MakeSnapshot, tmp_path: Path) -> None:
    for round_index in (8, 10, 12):
        save(tmp_path, make_snapshot(round_index))

    found = {up_to: latest(tmp_path, up_to=up_to).path for up_to in (7, 8, 11, 12, 99)}

    assert found[7] is None
    assert [str(found[one])[-2:] for one in (8, 11, 12, 99)] == ["08", "10", "12", "12"]


def test_what_comes_after_a_round_can_be_given_up(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    for round_index in (8, 9, 10, 11):
        save(tmp_path, make_snapshot(round_index), keep_last=9)

    forget_after(tmp_path, 9)

    assert [name[-2:] for name in names(tmp_path)] == ["08", "09"]


def test_order_is_by_number_and_not_by_spelling(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    save(tmp_path, make_snapshot(99_999_999))
    newest = save(tmp_path, make_snapshot(100_000_000))

    assert latest(tmp_path).path == newest


def test_to_keep_none_is_refused(make_snapshot: MakeSnapshot, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep_last"):
        save(tmp_path, make_snapshot(), keep_last=0)


def test_a_round_saved_again_replaces_itself(make_snapshot: MakeSnapshot, tmp_path: Path) -> None:
    save(tmp_path, make_snapshot(3))
    path = save(tmp_path, make_snapshot(3, rows=4))

    assert names(tmp_path) == ["round-00000003"]
    assert load(path).model["layer.weight"].shape == (4, 5)


@pytest.mark.parametrize("root", ["missing", "empty"])
def test_without_checkpoints_there_is_no_latest_even_strictly(tmp_path: Path, root: str) -> None:
    (tmp_path / "empty").mkdir()

    assert latest(tmp_path / root, strict=True).path is None


def test_other_files_beside_checkpoints_are_left_alone(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "round-x").mkdir()

    path = save(tmp_path, make_snapshot())

    assert latest(tmp_path).path == path
    assert {"notes.txt", "round-x"} < set(names(tmp_path))


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "a flipped bit": lambda path: flip_a_byte(path / "model.safetensors"),
    "a file cut short": lambda path: os.truncate(path / "optimizer.safetensors", 9),
    "a file missing": lambda path: (path / "state.json").unlink(),
    "no manifest": lambda path: (path / "MANIFEST.json").unlink(),
    "a broken manifest": lambda path: (path / "MANIFEST.json").write_text("{"),
    "a manifest of brackets": lambda path: (path / "MANIFEST.json").write_text("[" * 100_000),
    "a directory for a file": lambda path: (
        (path / "state.json").unlink(),
        (path / "state.json").mkdir(),
    ),
    "a manifest of another shape": lambda path: (path / "MANIFEST.json").write_text("[1]"),
    "a manifest that names too little": lambda path: (path / "MANIFEST.json").write_text(
        '{"files": {}}'
    ),
    "an empty directory": lambda path: (shutil.rmtree(path), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_reported_and_kept(
    make_snapshot: MakeSnapshot, tmp_path: Path, damage: str
) -> None:
    older = save(tmp_path, make_snapshot(1))
    newer = save(tmp_path, make_snapshot(2))
    DAMAGES[damage](newer)

    found = latest(tmp_path, strict=True)

    assert found.path == older
    assert [one.path for one in found.damaged] == [newer]
    assert found.damaged[0].reason
    assert newer.exists()
    with pytest.raises(CheckpointFault, match="round-00000002 is damaged"):
        load(newer)


@pytest.mark.parametrize("name", ["MANIFEST.json", "model.safetensors"])
def test_what_is_missing_is_named(make_snapshot: MakeSnapshot, tmp_path: Path, name: str) -> None:
    path = save(tmp_path, make_snapshot())
    (path / name).unlink()

    (damaged,) = latest(tmp_path).damaged

    assert damaged.reason == f"{name} is missing"


def test_a_manifest_that_lacks_a_file_says_which(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    """So do those of versions that had fewer files."""
    path = save(tmp_path, make_snapshot())
    manifest = json.loads((path / "MANIFEST.json").read_text())
    del manifest["files"]["kept.safetensors"]
    (path / "MANIFEST.json").write_text(json.dumps(manifest))

    (damaged,) = latest(tmp_path).damaged

    assert damaged.reason == "its manifest names no kept.safetensors"


def test_only_damaged_ones_are_no_latest_and_strictly_a_fault(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    """To start from nothing over somebody's months of training must not happen by itself."""
    path = save(tmp_path, make_snapshot(1))
    flip_a_byte(path / "model.safetensors")

    assert latest(tmp_path).path is None
    with pytest.raises(CheckpointFault, match=r"round-00000001: model\.safetensors has the SHA"):
        latest(tmp_path, strict=True)


def test_falling_back_behind_damaged_ones_does_not_remove_what_was_written(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    """Counting by name alone would keep three damaged ones, and remove the one just saved."""
    for round_index in (1, 7, 8, 9):
        save(tmp_path, make_snapshot(round_index), keep_last=9)
    for round_index in (7, 8, 9):
        flip_a_byte(tmp_path / f"round-0000000{round_index}" / "state.json")

    path = save(tmp_path, make_snapshot(2), keep_last=1)

    assert latest(tmp_path).path == path
    assert "round-00000001" not in names(tmp_path)


def test_preparing_clears_what_interrupted_saves_left(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    saved = save(tmp_path, make_snapshot(4))
    shutil.copytree(saved, tmp_path / ".tmp-round-00000005")
    shutil.copytree(saved, tmp_path / ".old-round-00000004")

    prepare(tmp_path)

    assert names(tmp_path) == ["round-00000004"]


def test_preparing_puts_back_what_was_moved_aside_for_a_successor_that_never_came(
    make_snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    saved = save(tmp_path, make_snapshot(4))
    saved.rename(tmp_path / ".old-round-00000004")

    prepare(tmp_path)

    assert latest(tmp_path).path == saved


CRASH = """
import os, signal, sys
from pathlib import Path
import torch
from node.checkpoint import Snapshot, directory, save

root, point = Path(sys.argv[1]), sys.argv[2]
def snapshot(value):
    return Snapshot(round_index=1, model={"a": torch.full((9,), value)}, optimizer={},
                    torch_rng=torch.get_rng_state(), state={})
def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)

save(root, snapshot(1.0))
if point == "writing":
    def half(path, chunks):
        with path.open("xb") as file:
            file.write(next(iter(chunks)))
            file.flush()
            if path.name == "model.safetensors":
                die()
        return 0, ""
    directory._write_file = half
else:
    rename = Path.rename
    def watched(self, target):
        if self.name.startswith(".tmp-"):
            die()
        return rename(self, target)
    Path.rename = watched
save(root, snapshot(2.0))
"""


@pytest.mark.parametrize("point", ["writing", "renaming"])
def test_a_node_killed_in_the_midst_of_a_save_finds_the_one_before(
    tmp_path: Path, point: str
) -> None:
    killed = subprocess.run(  # our own interpreter and script
        [sys.executable, "-c", CRASH, str(tmp_path), point],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        timeout=60,
    )
    assert killed.returncode == -signal.SIGKILL
    assert any(name.startswith(".tmp-") for name in names(tmp_path))

    prepare(tmp_path)

    assert names(tmp_path) == ["round-00000001"]
    found = latest(tmp_path, strict=True).path
    assert found is not None
    assert load(found).model["a"].tolist() == [1.0] * 9


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where the tests may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount command here")
    command = [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a small file system here")
    yield place
    subprocess.run([umount, str(place)], check=True)


def test_a_full_disk_is_noticed_before_anything_is_written(
    make_snapshot: MakeSnapshot, small_disk: Path
) -> None:
    before = save(small_disk, make_snapshot(1))

    with pytest.raises(DiskFault, match="bytes wanted for a checkpoint") as caught:
        save(small_disk, make_snapshot(2, rows=10_000))

    assert "free some space" in caught.value.fix
    assert names(small_disk) == ["round-00000001"]
    assert latest(small_disk).path == before


def test_a_disk_that_fills_up_while_saving_loses_nothing(
    make_snapshot: MakeSnapshot, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may take the space after it was asked for."""
    before = save(small_disk, make_snapshot(1))
    monkeypatch.setattr(directory, "_require_space", lambda root, needed: None)

    with pytest.raises(DiskFault, match="No space left on device"):
        save(small_disk, make_snapshot(2, rows=10_000))

    assert names(small_disk) == ["round-00000001"]
    assert load(before).round_index == 1
    save(small_disk, make_snapshot(2))  # and the next one is saved again


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("step", ["_write_file", "sync_directory", "_install", "_require_space"])
def test_whatever_the_disk_refuses_is_a_fault_and_loses_nothing(
    make_snapshot: MakeSnapshot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    number: int,
) -> None:
    before = save(tmp_path, make_snapshot(1))

    def refuse(*args: object, **kwargs: object) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(directory, step, refuse)
        with pytest.raises(DiskFault, match=os.strerror(number)):
            save(tmp_path, make_snapshot(1, rows=4))
    prepare(tmp_path)

    found = latest(tmp_path, strict=True)
    assert found.path == before
    assert found.damaged == ()
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def test_a_replacement_that_cannot_be_named_leaves_the_one_before(
    make_snapshot: MakeSnapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = save(tmp_path, make_snapshot(1))
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.startswith(".tmp-"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(DiskFault):
        save(tmp_path, make_snapshot(1, rows=4))

    assert names(tmp_path) == ["round-00000001"]
    assert load(before).model["layer.weight"].shape == (3, 5)


def test_a_root_that_cannot_be_made_is_a_fault(make_snapshot: MakeSnapshot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(DiskFault, match="file"):
        save(tmp_path / "file" / "checkpoints", make_snapshot())


def test_live_tensors_may_be_saved_from_any_device_or_graph(
    tmp_path: Path, make_snapshot: MakeSnapshot
) -> None:
    """A trainer gives its parameters themselves, which require gradients."""
    snapshot = make_snapshot()
    snapshot.model["layer.weight"].requires_grad_()

    path = save(tmp_path, snapshot)

    assert torch.equal(load(path).model["layer.weight"], snapshot.model["layer.weight"])
