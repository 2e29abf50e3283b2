"""Where a model comes from: the package, a path, or the hub, asked in that order."""

from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from node.faults import ModelFault
from node.policy.source import directory_of

WHOLE = ("config.json", "model.safetensors", "tokenizer.json")


class Hub:
    """Stands for the hub: what is in the cache, and what the network would bring."""

    def __init__(self, cached: Path | None, fetched: Path | OSError) -> None:
        self.cached, self.fetched = cached, fetched
        self.asked: list[dict[str, Any]] = []

    def snapshot_download(self, repository: str, **options: Any) -> str:
        self.asked.append({"repository": repository, **options})
        if options.get("local_files_only"):
            if self.cached is None:
                raise LocalEntryNotFoundError("not in the cache")
            return str(self.cached)
        if isinstance(self.fetched, OSError):
            raise self.fetched
        return str(self.fetched)


def snapshot(path: Path, names: tuple[str, ...] = WHOLE) -> Path:
    path.mkdir()
    for name in names:
        (path / name).touch()
    return path


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def put(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> Hub:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub.snapshot_download)
    return hub


def test_the_embedded_model_is_in_the_package() -> None:
    directory = directory_of("builtin:tiny")

    assert directory.parts[-3:] == ("node", "policy", "builtin")


def test_an_unknown_embedded_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelFault, match="builtin:huge") as fault:
        directory_of("builtin:huge")

    assert "builtin:tiny" in fault.value.fix


def test_a_directory_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = put(monkeypatch, Hub(None, OSError()))
    monkeypatch.chdir(tmp_path.parent)

    assert directory_of(str(tmp_path)) == tmp_path
    assert directory_of(tmp_path.name) == Path(tmp_path.name)
    assert hub.asked == []


@pytest.mark.parametrize("name", ["/not/there", "./not-there", "~/not-there", "a/b/c", "", "a b"])
def test_what_can_be_no_hub_id_is_a_missing_directory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = put(monkeypatch, Hub(None, OSError()))

    with pytest.raises(ModelFault, match="not a directory") as fault:
        directory_of(name)

    assert "builtin:tiny" in fault.value.fix
    assert hub.asked == []


def test_a_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()

    with pytest.raises(ModelFault, match="not a directory"):
        directory_of(str(tmp_path / "model.safetensors"))


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-0.5B", "gpt2"])
def test_a_whole_local_copy_keeps_the_network_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = snapshot(tmp_path / "cached")
    hub = put(monkeypatch, Hub(cached, OSError("the network was asked")))

    assert directory_of(name) == cached
    assert hub.asked == [{"repository": name, "local_files_only": True}]


@pytest.mark.parametrize("absent", WHOLE)
def test_a_partial_local_copy_is_completed(
    absent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program may have fetched the configuration alone."""
    cached = snapshot(tmp_path / "cached", tuple(name for name in WHOLE if name != absent))
    fetched = snapshot(tmp_path / "fetched")
    put(monkeypatch, Hub(cached, fetched))

    assert directory_of("a/b") == fetched


def test_neither_pickles_nor_code_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = put(monkeypatch, Hub(None, snapshot(tmp_path / "fetched")))

    directory_of("a/b")

    patterns = hub.asked[1]["allow_patterns"]
    assert "*.safetensors" in patterns
    assert not [p for p in patterns if p.endswith((".bin", ".pt", ".py", "*"))]


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_offline_the_network_is_never_asked(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = put(monkeypatch, Hub(None, snapshot(tmp_path / "fetched")))
    if how == "environment":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    with pytest.raises(ModelFault, match="not on this machine") as fault:
        directory_of("a/b", offline=how == "argument")

    assert "HF_HUB_OFFLINE" in fault.value.fix
    assert [asked.get("local_files_only") for asked in hub.asked] == [True]


def test_offline_a_local_copy_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = snapshot(tmp_path / "cached")
    put(monkeypatch, Hub(cached, OSError("the network was asked")))

    assert directory_of("a/b", offline=True) == cached


def test_offline_set_to_zero_is_online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = snapshot(tmp_path / "fetched")
    put(monkeypatch, Hub(None, fetched))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")

    assert directory_of("a/b") == fetched


def test_a_hub_that_fails_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, Hub(None, ConnectionError("no route to host")))

    with pytest.raises(ModelFault, match=r"a/b.*no route to host") as fault:
        directory_of("a/b")

    assert "network" in fault.value.fix
