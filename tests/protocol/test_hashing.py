from hashlib import sha256

import pytest

from protocol.hashing import digest, length_prefixed, u64


def test_numbers_are_eight_bytes_big_endian() -> None:
    assert u64(258) == bytes([0, 0, 0, 0, 0, 0, 1, 2])


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_that_does_not_fit_is_our_own_bug(number: int) -> None:
    with pytest.raises(OverflowError):
        u64(number)


def test_fields_stand_behind_their_lengths() -> None:
    assert length_prefixed("d", b"", b"xy").hex() == "0000000164" + "00000000" + "000000027879"


def test_moving_a_byte_between_fields_changes_the_bytes() -> None:
    assert length_prefixed("d", b"ab", b"c") != length_prefixed("d", b"a", b"bc")


def test_a_field_is_not_a_domain() -> None:
    assert length_prefixed("da", b"b") != length_prefixed("d", b"ab")


def test_the_digest_is_sha256_of_the_prefixed_bytes() -> None:
    assert digest("d", b"xy") == sha256(bytes.fromhex("0000000164000000027879")).digest()
