from dataclasses import FrozenInstanceError, replace
from typing import TYPE_CHECKING

import pytest

from protocol.contribution import Completion, Contribution, contribution_digest
from protocol.identity import PeerId
from protocol.packing import pack

if TYPE_CHECKING:
    from conftest import SmallSwarm


def contribution(**changes: object) -> Contribution:
    plain = Contribution(
        author=PeerId(bytes(32)),
        round_index=3,
        prompt_index=7,
        policy_digest=b"p" * 32,
        completions=(Completion(tokens=(5, 1), ended=True),),
    )
    return replace(plain, **changes)


def test_token_completions_travel_as_their_ids() -> None:
    """92: two fields; c4 20: 32 bytes; 91: one completion; 92 05 01: its two tokens."""
    assert contribution().payload() == b"\x92\xc4\x20" + b"p" * 32 + bytes.fromhex("91920501")


def test_text_completions_travel_with_their_ending() -> None:
    text = contribution(completions=(Completion(text="hé", ended=False),))

    assert text.payload() == pack([b"p" * 32, [["hé", False]]])


@pytest.mark.parametrize(
    "change",
    [
        {"author": PeerId(b"\x01" * 32)},
        {"round_index": 4},
        {"prompt_index": 8},
        {"policy_digest": b"q" * 32},
        {"completions": (Completion(tokens=(6, 1), ended=True),)},
        {"completions": ()},
    ],
)
def test_the_digest_names_all_of_it(change: dict[str, object]) -> None:
    assert contribution(**change).digest() != contribution().digest()


def test_the_digest_can_be_had_before_the_payload_is_opened(swarm: "SmallSwarm") -> None:
    plain = swarm.contribution()

    expected = contribution_digest(
        plain.author, plain.round_index, plain.prompt_index, plain.payload()
    )

    assert plain.digest() == expected


def test_everyone_trains_in_the_order_of_prompts_then_authors() -> None:
    first = contribution(prompt_index=1, author=PeerId(b"\x09" * 32))
    second = contribution(prompt_index=2, author=PeerId(b"\x01" * 32))
    third = contribution(prompt_index=2, author=PeerId(b"\x02" * 32))

    assert sorted([third, first, second], key=lambda c: c.canonical_order) == [first, second, third]


def test_contributions_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        contribution().round_index = 4  # type: ignore[misc]  # the point of the test
