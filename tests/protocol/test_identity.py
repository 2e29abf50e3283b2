import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.identity import Keypair, PeerId, verify

SEED = bytes(range(32))
# RFC 8032, 7.1, test 1: a seed, its public key, and the signature of the empty message.
RFC_SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
RFC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
RFC_SIGNATURE = (
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
    "d25bf5f0595bbe24655141438e7a100b"
)
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def test_keys_and_signatures_are_those_of_the_rfc() -> None:
    keypair = Keypair.from_seed(bytes.fromhex(RFC_SEED))

    assert keypair.peer_id.public_key.hex() == RFC_KEY
    assert keypair.sign(b"").hex() == RFC_SIGNATURE


def test_a_seed_gives_back_itself_and_always_the_same_peer() -> None:
    assert Keypair.from_seed(SEED).seed == SEED
    assert Keypair.from_seed(SEED).peer_id == Keypair.from_seed(SEED).peer_id


def test_generated_keys_differ() -> None:
    assert Keypair.generate().peer_id != Keypair.generate().peer_id


def test_the_seed_does_not_show_when_a_key_is_printed() -> None:
    keypair = Keypair.from_seed(SEED)

    assert repr(keypair) == f"Keypair({keypair.peer_id})"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_seeds_and_keys_of_other_lengths_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keypair.from_seed(bytes(length))
    with pytest.raises(ValueError, match="32 bytes"):
        PeerId(bytes(length))


def test_the_bytes_are_those_of_libp2p() -> None:
    """Multihash identity (00 24) of protobuf {type: Ed25519 (08 01), key (12 20)}."""
    key = bytes(range(32))

    assert PeerId(key).to_bytes().hex() == "002408011220" + key.hex()
    assert PeerId.from_bytes(PeerId(key).to_bytes()) == PeerId(key)


def test_the_text_is_the_one_libp2p_prints() -> None:
    """The pair of the RFC's key above, as go-libp2p and py-libp2p both write it."""
    peer_id = Keypair.from_seed(bytes.fromhex(RFC_SEED)).peer_id

    assert re.fullmatch(r"12D3KooW[1-9A-HJ-NP-Za-km-z]{44}", str(peer_id))
    assert PeerId.parse(str(peer_id)) == peer_id
    assert str(peer_id).endswith(peer_id.short)
    assert len(peer_id.short) == 8


def test_peer_ids_are_ordered_by_their_bytes() -> None:
    low, high = PeerId(bytes(32)), PeerId(bytes(31) + b"\x01")

    assert sorted([high, low]) == [low, high]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12D3KooW",
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",  # an RSA key's hash
        "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTé",
        "12D3KooW0OIl",
        "1" * 1000,
    ],
)
def test_text_that_is_no_ed25519_peer_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        PeerId.parse(text)


@given(raw=st.binary(max_size=64))
def test_bytes_are_a_peer_id_only_if_they_are_given_back(raw: bytes) -> None:
    try:
        peer_id = PeerId.from_bytes(raw)
    except ValueError:
        return
    assert peer_id.to_bytes() == raw


@settings(max_examples=50)
@given(message=st.binary(max_size=200), bit=st.integers(0, 64 * 8 - 1))
def test_a_signature_holds_for_its_message_and_breaks_with_any_bit(
    message: bytes, bit: int
) -> None:
    keypair = Keypair.from_seed(SEED)
    signature = keypair.sign(message)
    broken = bytearray(signature)
    broken[bit // 8] ^= 1 << bit % 8

    assert verify(keypair.peer_id, message, signature)
    assert not verify(keypair.peer_id, message, bytes(broken))
    assert not verify(keypair.peer_id, message + b"x", signature)
    assert not verify(Keypair.from_seed(bytes(32)).peer_id, message, signature)


def test_signatures_of_a_wrong_length_do_not_hold() -> None:
    keypair = Keypair.from_seed(SEED)

    assert not verify(keypair.peer_id, b"m", keypair.sign(b"m")[:-1])
    assert not verify(keypair.peer_id, b"m", keypair.sign(b"m") + b"\0")


def test_a_signature_has_no_second_form() -> None:
    """S plus the group's order satisfies the equation; it would make a message of new bytes."""
    keypair = Keypair.from_seed(SEED)
    signature = keypair.sign(b"m")
    s = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    twin = signature[:32] + s.to_bytes(32, "little")

    assert verify(keypair.peer_id, b"m", signature)
    assert not verify(keypair.peer_id, b"m", twin)


@pytest.mark.parametrize("key", ["00" * 32, "01" + "00" * 31, "ff" * 32])
def test_keys_of_small_order_or_off_the_curve_sign_nothing(key: str) -> None:
    """With such a key one signature would hold for any message."""
    peer_id = PeerId(bytes.fromhex(key))

    assert not verify(peer_id, b"m", bytes(64))
    assert not verify(peer_id, b"m", bytes.fromhex("01" + "00" * 63))
