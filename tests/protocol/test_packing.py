import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.packing import is_bytes, is_count, pack, unpack

LIMITS = {"array_max": 4, "bin_max": 8, "str_max": 8}

values = st.recursive(
    st.integers(0, 2**64 - 1) | st.booleans() | st.binary(max_size=8) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=10,
)


@given(value=values)
def test_what_is_packed_is_read_back(value: object) -> None:
    assert unpack(pack(value), **LIMITS) == value


@given(data=st.binary(max_size=64))
def test_any_bytes_are_a_value_or_a_value_error(data: bytes) -> None:
    try:
        unpack(data, **LIMITS)
    except ValueError:
        return


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="the unused byte"),
        pytest.param(b"\x01\x02", id="trailing bytes"),
        pytest.param(pack([1, 2, 3, 4, 5]), id="array too long"),
        pytest.param(pack(bytes(9)), id="bytes too long"),
        pytest.param(pack("nine char"), id="text too long"),
        pytest.param(b"\xa1\xff", id="text that is not UTF-8"),
        pytest.param(b"\xa3\xed\xa0\x80", id="text with a surrogate"),
        pytest.param(msgpack.packb({"a": 1}), id="a map"),
        pytest.param(msgpack.packb({1: 1}), id="a map with a number as its key"),
        pytest.param(b"\xd6\xff\x00\x00\x00\x01", id="a timestamp"),
        pytest.param(msgpack.packb(msgpack.ExtType(5, b"x")), id="an extension"),
        pytest.param(b"\x91" * 100_000, id="a deep nest"),
        pytest.param(b"\xdd\xff\xff\xff\xff", id="four billion elements announced"),
        pytest.param(b"\xc6\xff\xff\xff\xff", id="four gibibytes announced"),
    ],
)
def test_hostile_bytes_are_value_errors(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack(data, **LIMITS)


def test_limits_are_reached_and_not_passed() -> None:
    value = [bytes(8), "8 bytes!", 3, 4]

    assert unpack(pack(value), **LIMITS) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, True), (5, True), (6, False), (-1, False), (True, False), (1.0, False), ("1", False)],
)
def test_a_count_is_an_integer_in_range_and_no_boolean(value: object, *, expected: bool) -> None:
    assert is_count(value, most=5) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(bytes(4), True), (bytes(3), False), (bytearray(4), False), ("four", False), (None, False)],
)
def test_bytes_are_of_the_exact_length(value: object, *, expected: bool) -> None:
    assert is_bytes(value, length=4) is expected
