import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from node.grpo import microbatches, minibatches, pad_rows, token_mask


def test_a_mask_is_true_where_a_token_stands() -> None:
    assert token_mask([2, 0, 3]).tolist() == [
        [True, True, False],
        [False, False, False],
        [True, True, True],
    ]


def test_a_mask_may_be_wider_than_its_longest_row() -> None:
    assert token_mask([1], width=3).tolist() == [[True, False, False]]


def test_a_mask_of_nothing_has_no_rows() -> None:
    assert token_mask([]).shape == (0, 0)


def test_rows_are_padded_on_the_right_and_keep_their_type() -> None:
    padded = pad_rows([torch.tensor([5, 6]), torch.tensor([7])], width=3, fill=-1)

    assert padded.tolist() == [[5, 6, -1], [7, -1, -1]]
    assert padded.dtype == torch.long


def test_no_rows_pad_to_an_empty_tensor_of_the_asked_width() -> None:
    assert pad_rows([], width=4).shape == (0, 4)


@given(st.integers(0, 200), st.integers(1, 9), st.binary(min_size=1, max_size=64))
def test_each_completion_is_dealt_once_into_portions_of_like_size(
    count: int, portions: int, key: bytes
) -> None:
    dealt = minibatches(count, portions=portions, key=key)

    sizes = [len(portion) for portion in dealt]
    assert sorted(index for portion in dealt for index in portion) == list(range(count))
    assert len(dealt) == min(portions, count)
    assert max(sizes, default=0) - min(sizes, default=0) <= 1


def test_the_deal_is_one_for_all_builds() -> None:
    """Nodes of one swarm must agree on it, whatever release of torch or Python they run."""
    assert minibatches(8, portions=2, key=b"seed 0, round 0") == [(0, 1, 6, 7), (3, 2, 4, 5)]


def test_another_key_is_another_deal() -> None:
    first = minibatches(64, portions=4, key=b"round 1")
    second = minibatches(64, portions=4, key=b"round 2")

    assert first != second


def test_a_key_of_more_than_64_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        minibatches(2, portions=1, key=bytes(65))


def test_microbatches_keep_neighbours_together() -> None:
    """Completions of one prompt are neighbours in the canonical order, and share its reading."""
    assert microbatches([9, 1, 8, 0, 2], size=2) == [(0, 1), (2, 8), (9,)]


def test_microbatches_do_not_depend_on_the_order_they_are_given_in() -> None:
    assert microbatches([3, 0, 1, 2], size=3) == microbatches([2, 1, 0, 3], size=3)


def test_microbatches_of_nothing_are_none() -> None:
    assert microbatches([], size=4) == []
