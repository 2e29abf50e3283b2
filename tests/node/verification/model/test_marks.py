import numpy as np
import pytest

from node.verdict import Reason, Span, Unit
from node.verification.marks import over, spans


def tokens(start: int, end: int) -> Span:
    return Span(start, end, Unit.TOKENS)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([0, 0, 0], []),
        ([1, 0, 0], [(0, 1)]),
        ([0, 1, 1], [(1, 3)]),
        ([1, 0, 1, 1, 0, 1], [(0, 1), (2, 4), (5, 6)]),
        ([1], [(0, 1)]),
        ([], []),
    ],
)
def test_neighbours_at_fault_are_one_span(
    flags: list[int], expected: list[tuple[int, int]]
) -> None:
    assert spans(np.array(flags, dtype=np.bool_)) == tuple(tokens(*each) for each in expected)


def test_from_the_sixteenth_on_spans_are_one_that_leaves_nothing_out() -> None:
    found = spans(np.tile([True, False], 100))

    assert len(found) == 16
    assert found[-1] == tokens(30, 199)


def test_the_threshold_itself_is_admitted() -> None:
    values = np.array([0.5, 2.0, 1.0], dtype=np.float32)

    kept = over("s", Reason.NOT_REPLAYED, values, 2.0)
    refused = over("s", Reason.NOT_REPLAYED, values, 1.0)

    assert (kept.reason, kept.spans, kept.value) == (Reason.CLEAN, (), 2.0)
    assert (refused.reason, refused.spans) == (Reason.NOT_REPLAYED, (tokens(1, 2),))
    assert (refused.value, refused.threshold) == (2.0, 1.0)
