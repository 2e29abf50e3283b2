from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from protocol.constants import ENVELOPE_OVERHEAD_BYTES, ROUND_INDEX_MAX
from protocol.envelope import (
    PARTS_MAX,
    PROMPT_INDEX_MAX,
    Part,
    check_cut,
    check_kinship,
    check_signature,
    check_size,
    open_envelope,
    open_part,
    seal,
)
from protocol.errors import Ignored, Reason, Refused, Rejected
from protocol.identity import PeerId

if TYPE_CHECKING:
    from conftest import SmallSwarm

FIELDS = (
    "version",
    "swarm",
    "author",
    "round",
    "prompt",
    "part",
    "parts",
    "digest",
    "payload",
    "signature",
)


def raw_fields(message: bytes) -> dict[str, Any]:
    return dict(zip(FIELDS, msgpack.unpackb(message), strict=True))


def packed(fields: dict[str, Any]) -> bytes:
    return bytes(msgpack.packb(list(fields.values())))


def refusal(swarm: "SmallSwarm", data: bytes) -> Reason:
    with pytest.raises(Refused) as raised:
        open_envelope([data], swarm.parameters)
    return raised.value.reason


def test_what_is_sealed_is_read_back(swarm: "SmallSwarm") -> None:
    for number in range(5):
        contribution = swarm.contribution(number, round_index=number, salt=number)
        messages = seal(contribution, swarm.keypair(number), swarm.parameters)

        assert open_envelope(messages, swarm.parameters) == contribution


def test_text_is_read_back(text_swarm: "SmallSwarm") -> None:
    assert open_envelope(text_swarm.messages(), text_swarm.parameters) == text_swarm.contribution()


def test_the_fields_stand_in_their_documented_order(swarm: "SmallSwarm") -> None:
    contribution = swarm.contribution(round_index=2)

    fields = raw_fields(swarm.messages(round_index=2)[0])

    signature = fields.pop("signature")
    assert len(signature) == 64
    assert fields == {
        "version": 1,
        "swarm": swarm.parameters.digest(),
        "author": contribution.author.public_key,
        "round": 2,
        "prompt": contribution.prompt_index,
        "part": 0,
        "parts": 1,
        "digest": contribution.digest(),
        "payload": contribution.payload(),
    }


def test_version_and_swarm_stand_at_fixed_places(swarm: "SmallSwarm") -> None:
    message = swarm.messages()[0]

    assert message[:4] == bytes.fromhex("9a01c420")
    assert message[4:36] == swarm.parameters.digest()


def test_the_overhead_is_that_of_the_widest_header() -> None:
    widest = Part(
        swarm=bytes(32),
        author=PeerId(bytes(32)),
        round_index=ROUND_INDEX_MAX,
        prompt_index=PROMPT_INDEX_MAX,
        part_index=PARTS_MAX,
        part_count=PARTS_MAX,
        digest=bytes(32),
        payload=bytes(48 * 1024),
        signature=bytes(64),
    )

    assert len(widest.to_bytes()) - len(widest.payload) == ENVELOPE_OVERHEAD_BYTES


@pytest.mark.parametrize("size", [0, 48 * 1024 + 1])
def test_sizes_beyond_the_limits_are_rejected(swarm: "SmallSwarm", size: int) -> None:
    with pytest.raises(Rejected) as raised:
        check_size(bytes(size), swarm.parameters)

    assert raised.value.reason is Reason.BAD_SIZE


@pytest.mark.parametrize("size", [1, 48 * 1024])
def test_sizes_at_the_limits_are_not(swarm: "SmallSwarm", size: int) -> None:
    check_size(bytes(size), swarm.parameters)


def test_another_swarms_message_is_ignored_undecoded(swarm: "SmallSwarm") -> None:
    other = swarm.with_(swarm="other").messages()[0]

    with pytest.raises(Ignored) as raised:
        check_kinship(other, swarm.parameters.digest())
    assert raised.value.reason is Reason.OTHER_SWARM
    assert refusal(swarm, other[:36]) is Reason.OTHER_SWARM


@pytest.mark.parametrize("data", [b"\x90\x02", b"\x9f\x00rest", b"\x9a\x7f", b"\x93\x02\xc1"])
def test_another_versions_message_is_ignored_whatever_follows(
    swarm: "SmallSwarm", data: bytes
) -> None:
    assert refusal(swarm, data) is Reason.OTHER_VERSION


@pytest.mark.parametrize(
    "data",
    [b"\x9a", b"\x01", b"\x9a\x01", b"\x80\x02", b"\x9a\xcc\x01", b"\x9a\xff", b"{}", bytes(100)],
)
def test_what_no_version_begins_with_is_malformed(swarm: "SmallSwarm", data: bytes) -> None:
    assert refusal(swarm, data) is Reason.MALFORMED


WRONG: list[tuple[str, Any]] = [
    ("swarm", b"short"),
    ("swarm", 0),
    ("author", bytes(31)),
    ("author", "a" * 32),
    ("round", -1),
    ("round", ROUND_INDEX_MAX + 1),
    ("round", True),
    ("round", 1.0),
    ("round", None),
    ("prompt", -1),
    ("prompt", 2**32),
    ("prompt", False),
    ("part", False),
    ("part", 2**16),
    ("parts", True),
    ("parts", 2**16),
    ("digest", bytes(33)),
    ("digest", []),
    ("payload", "text"),
    ("payload", None),
    ("payload", [1]),
    ("payload", {}),
    ("signature", bytes(63)),
    ("signature", bytes(65)),
    ("signature", None),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_field_of_another_type_or_range_is_malformed(
    swarm: "SmallSwarm", name: str, value: object
) -> None:
    fields = raw_fields(swarm.messages()[0]) | {name: value}

    assert refusal(swarm, packed(fields)) is Reason.MALFORMED


def test_one_field_more_or_less_is_malformed(swarm: "SmallSwarm") -> None:
    fields = raw_fields(swarm.messages()[0])
    less = {name: value for name, value in fields.items() if name != "signature"}

    assert refusal(swarm, packed(less)) is Reason.MALFORMED
    assert refusal(swarm, packed(fields | {"more": 0})) is Reason.MALFORMED


def test_trailing_bytes_are_malformed(swarm: "SmallSwarm") -> None:
    assert refusal(swarm, swarm.messages()[0] + b"\0") is Reason.MALFORMED


def test_no_prefix_of_a_message_is_a_message(swarm: "SmallSwarm") -> None:
    message = swarm.messages()[0]

    assert {refusal(swarm, message[:end]) for end in range(1, len(message))} == {Reason.MALFORMED}


def test_wider_encodings_of_the_same_fields_are_not_canonical(swarm: "SmallSwarm") -> None:
    """Else anybody could make new bytes of a signed message, and have it gossiped again."""
    message = swarm.messages()[0]
    round_at = 4 + 32 + 34
    assert message[round_at] == 0

    wide_round = message[:round_at] + b"\xcc\x00" + message[round_at + 1 :]
    wide_swarm = message[:2] + b"\xc5\x00\x20" + message[4:]
    wide_array = b"\xdc\x00\x0a" + message[1:]

    assert refusal(swarm, wide_round) is Reason.NOT_CANONICAL
    assert refusal(swarm, wide_swarm) is Reason.NOT_CANONICAL
    assert refusal(swarm, wide_array) is Reason.NOT_CANONICAL


CHANGES = [
    {"round_index": 1},
    {"prompt_index": 3},
    {"author": PeerId(bytes(32))},
    {"part_count": 2},
    {"part_index": 1},
    {"digest": bytes(32)},
    {"payload": b"x"},
    {"swarm": bytes(32)},
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_field_is_signed(swarm: "SmallSwarm", change: dict[str, Any]) -> None:
    part = open_part(swarm.messages()[0], swarm.parameters)
    check_signature(part)

    with pytest.raises(Rejected) as raised:
        check_signature(replace(part, **change))

    assert raised.value.reason is Reason.BAD_SIGNATURE


def test_large_contributions_are_cut_into_full_parts(parts_swarm: "SmallSwarm") -> None:
    messages = parts_swarm.messages()
    parts = [open_part(message, parts_swarm.parameters) for message in messages]

    assert [(part.part_index, part.part_count) for part in parts] == [(0, 3), (1, 3), (2, 3)]
    assert [len(part.payload) for part in parts[:2]] == [831, 831]
    assert max(len(message) for message in messages) <= 1024
    assert {part.digest for part in parts} == {parts_swarm.contribution().digest()}
    assert open_envelope(messages, parts_swarm.parameters) == parts_swarm.contribution()


@pytest.mark.parametrize(
    ("index", "count", "size"),
    [
        (0, 0, 10),
        (1, 1, 10),
        (0, 4, 831),
        (2, 2, 831),
        (0, 1, 0),
        (0, 1, 832),
        (0, 2, 830),
        (0, 2, 832),
        (1, 2, 0),
        (1, 2, 832),
    ],
)
def test_parts_that_no_honest_cut_makes_are_rejected(
    parts_swarm: "SmallSwarm", index: int, count: int, size: int
) -> None:
    part = open_part(parts_swarm.messages()[0], parts_swarm.parameters)
    other = replace(part, part_index=index, part_count=count, payload=bytes(size))

    with pytest.raises(Rejected) as raised:
        check_cut(other, parts_swarm.parameters)

    assert raised.value.reason is Reason.BAD_PART


@pytest.mark.parametrize(
    ("index", "count", "size"), [(0, 1, 1), (0, 1, 831), (0, 2, 831), (1, 2, 1), (2, 3, 831)]
)
def test_parts_of_an_honest_cut_are_not(
    parts_swarm: "SmallSwarm", index: int, count: int, size: int
) -> None:
    part = open_part(parts_swarm.messages()[0], parts_swarm.parameters)

    check_cut(
        replace(part, part_index=index, part_count=count, payload=bytes(size)),
        parts_swarm.parameters,
    )


def test_parts_in_another_order_or_number_are_no_contribution(parts_swarm: "SmallSwarm") -> None:
    one, two, three = parts_swarm.messages()
    other = parts_swarm.messages(salt=5)[2]

    for messages in ([], [one, two], [two, one, three], [one, two, two], [one, two, three, three]):
        with pytest.raises(Rejected) as raised:
            open_envelope(messages, parts_swarm.parameters)
        assert raised.value.reason is Reason.BAD_PART
    with pytest.raises(Rejected) as raised:
        open_envelope([one, two, other], parts_swarm.parameters)
    assert raised.value.reason is Reason.BAD_DIGEST


def test_nobody_seals_for_another(swarm: "SmallSwarm") -> None:
    with pytest.raises(ValueError, match="cannot sign for"):
        seal(swarm.contribution(0), swarm.keypair(1), swarm.parameters)


def test_what_others_would_reject_is_not_sealed(swarm: "SmallSwarm") -> None:
    """A sampler's bug shows where it is made, not as blame from the whole swarm."""
    plain = swarm.contribution()
    first, second = plain.completions
    broken = [
        (),
        (first,),
        (first, replace(second, tokens=(600,) * 6)),
        (first, replace(second, tokens=(5,))),
        (first, replace(second, ended=True)),
        (first, replace(second, text="both")),
    ]

    for completions in broken:
        with pytest.raises(ValueError, match=r".+"):
            seal(replace(plain, completions=completions), swarm.keypair(), swarm.parameters)
