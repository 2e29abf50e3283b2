from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.mesh.addresses import (
    ADDRESS_BYTES_MAX,
    ADDRESSES_MAX,
    Address,
    decode_announcement,
    encode_announcement,
)
from protocol.identity import Keypair
from protocol.packing import pack

PEER, OTHER = (Keypair.from_seed(bytes([one]) * 32).peer_id for one in (1, 2))


@pytest.mark.parametrize(
    "text",
    [
        "/ip4/127.0.0.1/tcp/4001",
        "/ip4/0.0.0.0/tcp/0",
        "/ip6/::1/tcp/65535",
        "/dns4/trainer-1.example.org/tcp/4001",
        "/dns/node_2/tcp/1",
        f"/ip4/10.0.0.7/tcp/4001/p2p/{PEER}",
        f"/dns6/a.b/tcp/4001/p2p/{PEER}",
    ],
)
def test_what_can_be_dialled_is_read_and_written_alike(text: str) -> None:
    address = Address.parse(text)

    assert str(address) == text
    assert address.peer == (PEER if "/p2p/" in text else None)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not of the form"),
        ("127.0.0.1:4001", "not of the form"),
        ("/ip4/127.0.0.1/udp/4001/quic-v1", "not of the form"),
        ("/ip4/127.0.0.1/tcp/4001/ws", "not of the form"),
        (f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}/p2p-circuit", "not of the form"),
        ("/ip4/127.0.0.1/tcp/4001 ", "not of the form"),
        ("/ip4/127.0.0.1/tcp/٤٠٠١", "not of the form"),
        ("/dns4/" + "a" * ADDRESS_BYTES_MAX + "/tcp/1", "not of the form"),
        ("/ip4/127.0.0.1/tcp/65536", "port 65536 is above 65535"),
        ("/ip4/::1/tcp/1", "not an ip4 address"),
        ("/ip6/127.0.0.1/tcp/1", "not an ip6 address"),
        ("/ip4/256.0.0.1/tcp/1", "does not appear to be an IPv4 or IPv6 address"),
        ("/dns4/-dash/tcp/1", "is not a host name"),
        ("/dns4/a b/tcp/1", "is not a host name"),
        ("/ip4/127.0.0.1/tcp/1/p2p/12D3KooW", "not an Ed25519 peer id"),
    ],
)
def test_what_cannot_be_dialled_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Address.parse(text)


@given(st.text(max_size=200))
def test_no_text_raises_anything_but_a_value_error(text: str) -> None:
    with suppress(ValueError):
        Address.parse(text)


async def test_a_host_name_is_resolved_by_the_system() -> None:
    """The library's own resolver knows neither /etc/hosts nor a container network's names."""
    places = await Address.parse(f"/dns4/localhost/tcp/4001/p2p/{PEER}").resolve()

    assert Address.parse(f"/ip4/127.0.0.1/tcp/4001/p2p/{PEER}") in places


async def test_an_ip_address_is_its_own_resolution() -> None:
    address = Address.parse("/ip6/::1/tcp/4001")

    assert await address.resolve() == [address]


async def test_an_unknown_host_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError):  # noqa: PT011 - its text is the system's
        await Address.parse("/dns4/no-such-host.invalid/tcp/1").resolve()


# --- announcements ------------------------------------------------------------------------


def addresses(count: int, host: str = "10.0.0.1") -> list[Address]:
    return [Address("ip4", host, 4000 + one, PEER) for one in range(count)]


@pytest.mark.parametrize("count", [0, 1, ADDRESSES_MAX])
def test_an_announcement_is_read_as_it_was_written(count: int) -> None:
    payload = encode_announcement(addresses(count))

    assert decode_announcement(payload, PEER) == tuple(addresses(count))


def test_more_addresses_than_fit_are_left_out() -> None:
    payload = encode_announcement(addresses(ADDRESSES_MAX + 2))

    assert decode_announcement(payload, PEER) == tuple(addresses(ADDRESSES_MAX))


def test_an_address_too_long_to_announce_is_left_out() -> None:
    long = Address("dns4", "a" * 100, 1, PEER)

    assert decode_announcement(encode_announcement([long, *addresses(1)]), PEER) == tuple(
        addresses(1)
    )


@pytest.mark.parametrize(
    ("payload", "complaint"),
    [
        (b"", "ValueError"),
        (b"\xc1", "FormatError"),
        (pack("/ip4/1.2.3.4/tcp/1"), "not a list of texts"),
        (pack([1]), "not a list of texts"),
        (pack([[f"/ip4/1.2.3.4/tcp/1/p2p/{PEER}"]]), "not a list of texts"),
        (pack([f"/ip4/1.2.3.4/tcp/1/p2p/{PEER}"]) + b"\x00", "ExtraData"),
        (pack([str(one) for one in addresses(ADDRESSES_MAX + 1)]), "exceeds max_array_len"),
        (pack(["/dns4/" + "a" * ADDRESS_BYTES_MAX + "/tcp/1"]), "exceeds max_str_len"),
        (bytes(1000), "longer than"),
        (pack(["/ip4/1.2.3.4/tcp/1"]), "an address does not name its author"),
        (pack([f"/ip4/1.2.3.4/tcp/1/p2p/{OTHER}"]), "an address does not name its author"),
        (pack(["not an address"]), "not of the form"),
    ],
)
def test_a_malformed_announcement_is_refused(payload: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        decode_announcement(payload, PEER)


@given(st.binary(max_size=600))
def test_no_payload_raises_anything_but_a_value_error(payload: bytes) -> None:
    with suppress(ValueError):
        decode_announcement(payload, PEER)
