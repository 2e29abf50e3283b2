"""Hidden states of completions, in buckets of like length."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from node.policy import reading as room
from node.policy.reading import Read, buckets, read_behind_prompts, read_whole
from node.policy.transformer import transformer_of

Make = Callable[..., Any]
PROMPTS = [(5, 9, 200), (7,), (5, 9, 200), (1, 2, 3, 4, 5, 6, 7, 8), (7,)]
COMPLETIONS = [(3, 1, 4, 1, 5, 9), (2,), (6, 5), (3, 5, 8, 9, 7, 9, 3, 2, 3), (8, 4, 6)]


def by_token(reads: Iterator[Read]) -> dict[tuple[int, int], Any]:
    found: dict[tuple[int, int], Any] = {}
    for read in reads:
        names = zip(read.rows.tolist(), read.positions.tolist(), strict=True)
        for name, state in zip(names, read.hidden, strict=True):
            assert name not in found
            found[name] = state
    return found


def expected(model: Any) -> dict[tuple[int, int], Any]:
    """Read each text alone."""
    found = {}
    for row, (prompt, completion) in enumerate(zip(PROMPTS, COMPLETIONS, strict=True)):
        states = model.base_model(torch.tensor([prompt + completion])).last_hidden_state[0]
        for position in range(len(completion)):
            found[row, position] = states[len(prompt) - 1 + position]
    return found


def assert_equal(given: dict[tuple[int, int], Any], wanted: dict[tuple[int, int], Any]) -> None:
    assert given.keys() == wanted.keys()
    for name, state in given.items():
        assert torch.allclose(state, wanted[name], atol=1e-4), name


@pytest.mark.parametrize("smallest", [1, 8, 10_000])
def test_completions_behind_shared_prompts_read_as_if_alone(
    qwen2: Make, monkeypatch: pytest.MonkeyPatch, smallest: int
) -> None:
    monkeypatch.setattr(room, "_BUCKET_TOKENS_MIN", smallest)
    model = qwen2()

    reads = read_behind_prompts(transformer_of(model), PROMPTS, COMPLETIONS)

    assert_equal(by_token(reads), expected(model))


@pytest.mark.parametrize("smallest", [1, 10_000])
def test_whole_texts_read_as_if_alone(
    any_model: Any, monkeypatch: pytest.MonkeyPatch, smallest: int
) -> None:
    monkeypatch.setattr(room, "_BUCKET_TOKENS_MIN", smallest)

    assert_equal(by_token(read_whole(any_model, PROMPTS, COMPLETIONS)), expected(any_model))


def test_completions_of_one_token_need_only_their_prompts(qwen2: Make) -> None:
    transformer = transformer_of(qwen2())

    reads = list(read_behind_prompts(transformer, [(1, 2), (3,)], [(4,), (5,)]))

    assert [read.positions.tolist() for read in reads] == [[0, 0]]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=200))
def test_every_row_is_in_one_bucket_longest_first(lengths: list[int]) -> None:
    made = buckets(lengths)

    order = [row for bucket in made for row in bucket]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[row] for row in order] == sorted(lengths, reverse=True)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=200))
def test_buckets_are_filled_without_much_padding(lengths: list[int]) -> None:
    """A bucket pads more than its bound only while it is still small."""
    for bucket in buckets(lengths):
        sizes = [lengths[row] for row in bucket]
        padded = len(sizes) * sizes[0]
        small = sum(sizes[:-1]) < room._BUCKET_TOKENS_MIN
        assert small or padded - sum(sizes) <= room._PADDING_MAX * padded


def test_a_bucket_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_BUCKET_TOKENS_MAX", 10)

    assert buckets([4, 30, 5, 4]) == [[1], [2, 0], [3]]


def test_equal_lengths_share_a_bucket() -> None:
    assert buckets([7] * 50) == [list(range(50))]
