"""Bad model directories are told apart, each with its cause and its way out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from node.faults import ConfigFault, ModelFault
from node.policy.loading import device_named, dtype_named, load_model, load_tokenizer

Make = Callable[..., Any]


BOMB = b"cpytest\nfail\n(S'weights ran code'\ntR."
"""Weights in the old format, which is a program: reading these would fail the test."""


@pytest.fixture
def directory(qwen2: Make, tokenizer: Any, save: Callable[..., Path]) -> Path:
    return save(qwen2(), tokenizer)


def load(directory: Path) -> Any:
    return load_model(directory, device="cpu", dtype="float32")


def refusal(directory: Path, match: str) -> str:
    with pytest.raises(ModelFault, match=match) as fault:
        load(directory)
    assert fault.value.fix
    return fault.value.fix


def test_a_good_directory_loads(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = load(directory)

    assert model.dtype == torch.float32
    assert load_tokenizer(directory).eos_token_id == 256
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_pickled_weights_are_refused_unopened(directory: Path, name: str) -> None:
    (directory / "model.safetensors").unlink()
    (directory / name).write_bytes(BOMB)

    fix = refusal(directory, f"only pickled weights.*{name}")

    assert "safe_serialization=True" in fix


def test_pickled_weights_beside_safe_ones_are_ignored(directory: Path) -> None:
    (directory / "pytorch_model.bin").write_bytes(BOMB)

    load(directory)


def test_no_weights_are_refused(directory: Path) -> None:
    (directory / "model.safetensors").unlink()

    refusal(directory, "no weights")


def test_no_configuration_is_refused(directory: Path) -> None:
    (directory / "config.json").unlink()

    refusal(directory, "holds no config.json")


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "longer"])
def test_damaged_weights_are_refused_by_file(directory: Path, damage: str) -> None:
    weights = directory / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "garbage": b"\xff" * 100,
            "empty": b"",
            "longer": whole + b"\x00" * 8,
        }[damage]
    )

    refusal(directory, "model.safetensors is damaged")


def test_a_missing_tensor_is_refused_by_name(directory: Path) -> None:
    """`transformers` would draw it at random and go on."""
    weights = directory / "model.safetensors"
    tensors = load_file(weights)
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, weights, metadata={"format": "pt"})

    refusal(directory, r"lacks 1 .*model\.layers\.1\.mlp\.up_proj\.weight")


def test_a_tensor_of_another_shape_is_refused(directory: Path) -> None:
    weights = directory / "model.safetensors"
    tensors = load_file(weights)
    tensors["model.norm.weight"] = torch.ones(31)
    save_file(tensors, weights, metadata={"format": "pt"})

    refusal(directory, "cannot be loaded")


@pytest.mark.parametrize(
    "text", ["{", '{"model_type": "unheard-of"}', '{"model_type": "t5"}', "{}"]
)
def test_a_configuration_of_no_causal_model_is_refused(directory: Path, text: str) -> None:
    (directory / "config.json").write_text(text)

    refusal(directory, "cannot be loaded")


def test_code_that_comes_with_a_model_is_not_run(directory: Path) -> None:
    settings = json.loads((directory / "config.json").read_text())
    settings["model_type"] = "own"
    settings["auto_map"] = {
        "AutoConfig": "own.OwnConfig",
        "AutoModelForCausalLM": "own.OwnForCausalLM",
    }
    (directory / "config.json").write_text(json.dumps(settings))
    (directory / "own.py").write_text("import pytest\npytest.fail('code was run')\n")

    refusal(directory, "cannot be loaded")


def test_a_missing_tokenizer_is_refused(directory: Path) -> None:
    """`transformers` would make one up from the model's type."""
    (directory / "tokenizer.json").unlink()

    with pytest.raises(ModelFault, match="holds no tokenizer") as fault:
        load_tokenizer(directory)
    assert "save_pretrained" in fault.value.fix


@pytest.mark.parametrize("text", ["{", "{}", '{"model": {"type": "unheard-of"}}'])
def test_a_damaged_tokenizer_is_refused(directory: Path, text: str) -> None:
    (directory / "tokenizer.json").write_text(text)

    with pytest.raises(ModelFault, match=r"tokenizer in .* cannot be loaded"):
        load_tokenizer(directory)


def test_a_tokenizer_without_eos_is_refused(
    qwen2: Make, byte_tokenizer: Make, save: Callable[..., Path]
) -> None:
    directory = save(qwen2(), byte_tokenizer(None))

    with pytest.raises(ModelFault, match="no EOS token") as fault:
        load_tokenizer(directory)
    assert "eos_token" in fault.value.fix


def test_a_tokenizer_is_what_its_file_says(directory: Path) -> None:
    """For a Qwen2 model, transformers 5 would put Qwen2's own way of splitting in its place."""
    written = json.loads((directory / "tokenizer.json").read_text())

    loaded = json.loads(load_tokenizer(directory).backend_tokenizer.to_str())

    for part in ("model", "added_tokens", "normalizer", "pre_tokenizer", "decoder"):
        assert loaded[part] == written[part], part


@pytest.mark.parametrize(
    ("name", "expected"),
    [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)],
)
def test_weights_come_in_the_named_type(directory: Path, name: str, expected: torch.dtype) -> None:
    assert load_model(directory, device="cpu", dtype=name).dtype == expected


@pytest.mark.parametrize("name", ["int8", "fp16", ""])
def test_another_number_type_is_refused(name: str) -> None:
    with pytest.raises(ConfigFault, match="number type") as fault:
        dtype_named(name)
    assert "bfloat16" in fault.value.fix


def test_auto_takes_the_best_device_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device_named("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device_named("auto") == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device_named("auto") == torch.device("cuda")


def test_a_numbered_gpu_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)

    assert device_named("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ConfigFault, match="cuda:2"):
        device_named("cuda:2")


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:x", "cpu:1", "mps:0", ""])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(ConfigFault, match="device"):
        device_named(name)


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    with pytest.raises(ConfigFault, match="no device") as fault:
        device_named(name)
    assert "cpu" in fault.value.fix
