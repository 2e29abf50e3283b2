"""The noise is a function of its names alone, and is Gumbel noise."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from node.policy.noise import _gumbel_of, gumbel, key_tensor, noise_key

VECTORS = Path(__file__).parents[2] / "vectors" / "noise.json"
CPU = torch.device("cpu")
NAMES: dict[str, Any] = {
    "swarm": b"\x01" * 32,
    "round_index": 3,
    "prompt_index": 5,
    "author": b"\x02" * 38,
    "index": 7,
}
U64 = st.integers(0, 2**64 - 1)


def splitmix(state: int, n: int) -> int:
    z = (state + (n + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def reference(key: int, position: int, token: int) -> float:
    """The module's definition, in Python's own integers."""
    bits = splitmix(splitmix(key, position), token)
    return -math.log(-math.log(((bits >> 12) + 0.5) / 2**52))


def noise_of(key: int, positions: list[int], tokens: list[int]) -> np.ndarray:
    """Return (positions, tokens) noise of one completion."""
    keys = key_tensor([key] * len(positions), CPU)
    rows = torch.tensor(tokens).expand(len(positions), -1)
    return gumbel(keys, torch.tensor(positions), rows).numpy()


def test_golden_vectors_hold() -> None:
    """Another implementation can be checked against the same file."""
    vectors = json.loads(VECTORS.read_text())

    for vector in vectors["keys"]:
        key = noise_key(
            swarm=bytes.fromhex(vector["swarm"]),
            round_index=vector["round_index"],
            prompt_index=vector["prompt_index"],
            author=bytes.fromhex(vector["author"]),
            index=vector["index"],
        )
        assert key == int(vector["key"], 16)
        for entry in vector["noise"]:
            bits = splitmix(splitmix(key, entry["position"]), entry["token"])
            assert bits == int(entry["bits"], 16)
            value = noise_of(key, [entry["position"]], [entry["token"]])[0, 0]
            assert value == pytest.approx(entry["gumbel"], rel=2e-7, abs=1e-7)


def test_splitmix_is_the_published_generator() -> None:
    """The first outputs for seed 1234567, as published with the generator."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]

    assert [splitmix(1234567, n) for n in range(3)] == expected


def test_the_key_is_a_hash_of_length_prefixed_fields() -> None:
    numbers = [n.to_bytes(8, "big") for n in (3, 5, 7)]
    fields = [
        b"drl-node/noise/1",
        NAMES["swarm"],
        numbers[0],
        numbers[1],
        NAMES["author"],
        numbers[2],
    ]
    framed = b"".join(len(field).to_bytes(4, "big") + field for field in fields)

    assert noise_key(**NAMES).to_bytes(8, "big") == hashlib.blake2b(framed, digest_size=8).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"swarm": b"\x01" * 31},
        {"swarm": b"\x01" * 31 + b"\x00"},
        {"round_index": 4},
        {"prompt_index": 6},
        {"author": b"\x02" * 37},
        {"index": 8},
        {"round_index": 5, "prompt_index": 3},
        {"swarm": b"\x01" * 33, "author": b"\x02" * 37},
    ],
)
def test_every_name_changes_the_key(change: dict[str, Any]) -> None:
    assert noise_key(**{**NAMES, **change}) != noise_key(**NAMES)


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_that_does_not_fit_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        noise_key(**{**NAMES, "round_index": number})


@settings(max_examples=200, deadline=None)
@given(key=U64, position=st.integers(0, 2**20), token=st.integers(0, 2**18))
def test_the_tensors_follow_the_definition(key: int, position: int, token: int) -> None:
    value = noise_of(key, [position], [token])[0, 0]

    assert value == pytest.approx(reference(key, position, token), rel=2e-7, abs=1e-7)


def test_a_value_does_not_depend_on_what_is_asked_with_it() -> None:
    alone = noise_of(99, [4], [11])[0, 0]
    tokens = list(range(20))

    assert noise_of(99, [4], tokens)[0, 11] == alone
    assert noise_of(99, [4], tokens[::-1])[0, 8] == alone
    assert noise_of(99, [1, 2, 4], tokens)[2, 11] == alone


def test_values_at_the_ends_of_the_range_are_finite() -> None:
    extremes = _gumbel_of(torch.tensor([0, -1, 2**63 - 1, -(2**63)]))

    assert extremes.isfinite().all()
    assert extremes[0] == pytest.approx(-math.log(53 * math.log(2)))
    assert extremes[1] == pytest.approx(53 * math.log(2), rel=1e-6)


def distance_from_gumbel(values: np.ndarray) -> float:
    """Return the Kolmogorov-Smirnov statistic times sqrt(n)."""
    ordered = np.sort(values.astype(np.float64).ravel())
    expected = np.exp(-np.exp(-ordered))
    steps = np.arange(len(ordered) + 1) / len(ordered)
    worst = max(np.abs(steps[1:] - expected).max(), np.abs(steps[:-1] - expected).max())
    return float(worst * math.sqrt(len(ordered)))


@pytest.mark.parametrize("along", ["tokens", "positions", "keys"])
def test_noise_is_gumbel_along_every_axis(along: str) -> None:
    """1.95 is the statistic's 0.1 % point; the seeds are fixed, so this never flickers."""
    count = 20_000
    many = torch.arange(count)
    one = torch.tensor([17])
    if along == "tokens":
        values = gumbel(one, one, many[None])
    elif along == "positions":
        values = gumbel(one.expand(count), many, one.expand(count, 1))
    else:
        values = gumbel(many, one.expand(count), one.expand(count, 1))

    assert distance_from_gumbel(values.numpy()) < 1.95


def test_the_gumbel_test_can_fail() -> None:
    normal = np.random.default_rng(0).normal(0.5772, math.pi / math.sqrt(6), 20_000)

    assert distance_from_gumbel(normal) > 1.95


@pytest.mark.parametrize(("position", "token"), [(0, 1), (1, 0), (1, 1), (1, -1), (2, 0), (0, 64)])
def test_neighbours_are_independent(position: int, token: int) -> None:
    """Ranks are compared, so that the tail's few large values do not decide."""
    grid = np.exp(-np.exp(-noise_of(2**63 + 5, list(range(200)), list(range(300)))))
    shifted = np.roll(grid, (-position, -token), (0, 1))[: 200 - position, 64 : 300 - 64]
    here = grid[: 200 - position, 64 : 300 - 64]

    correlation = np.corrcoef(here.ravel(), shifted.ravel())[0, 1]

    assert abs(correlation) < 4 / math.sqrt(here.size)


def test_neighbouring_keys_are_independent() -> None:
    here, beside = (
        np.exp(-np.exp(-noise_of(key, list(range(100)), list(range(100))))) for key in (8, 9)
    )

    assert abs(np.corrcoef(here.ravel(), beside.ravel())[0, 1]) < 4 / math.sqrt(here.size)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same_noise() -> None:
    keys, positions = key_tensor([1, 2**63], CPU), torch.tensor([0, 9])
    tokens = torch.arange(1000).expand(2, -1)

    given_there = gumbel(keys.cuda(), positions.cuda(), tokens.cuda()).cpu()

    assert torch.allclose(given_there, gumbel(keys, positions, tokens), rtol=3e-7, atol=1e-7)
