from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.contribution import Contribution, contribution_digest
from protocol.errors import Reason, Rejected
from protocol.identity import PeerId
from protocol.packing import pack
from protocol.parameters import Parameters
from protocol.payload import open_payload

if TYPE_CHECKING:
    from conftest import SmallSwarm

AUTHOR = PeerId(bytes(32))
POLICY = bytes(range(32))
FULL = [300] * 6
ENDED = [5, 4, 1]


def opened(payload: bytes, parameters: Parameters, **changes: Any) -> Contribution:
    named = {"author": AUTHOR, "round_index": 0, "prompt_index": 3} | changes
    digest = named.pop("digest", contribution_digest(AUTHOR, 0, 3, payload))
    return open_payload(payload, digest=digest, parameters=parameters, **named)


def refusal(payload: bytes, parameters: Parameters, **changes: Any) -> Reason:
    with pytest.raises(Rejected) as raised:
        opened(payload, parameters, **changes)
    return raised.value.reason


def test_an_honest_payload_is_read_back(swarm: "SmallSwarm") -> None:
    completions = opened(pack([POLICY, [ENDED, FULL]]), swarm.parameters).completions

    assert [(c.tokens, c.ended, c.text) for c in completions] == [
        ((5, 4, 1), True, ""),
        ((300,) * 6, False, ""),
    ]


def test_an_honest_text_payload_is_read_back(text_swarm: "SmallSwarm") -> None:
    payload = pack([POLICY, [["né", True], ["", False]]])

    completions = opened(payload, text_swarm.parameters).completions

    assert [(c.tokens, c.ended, c.text) for c in completions] == [
        ((), True, "né"),
        ((), False, ""),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"author": PeerId(b"\x01" * 32)},
        {"round_index": 1},
        {"prompt_index": 4},
        {"digest": bytes(32)},
    ],
)
def test_a_payload_belongs_to_one_author_round_and_prompt(
    swarm: "SmallSwarm", change: dict[str, Any]
) -> None:
    """Nobody can send another's answer as their own: the digest would be another."""
    payload = pack([POLICY, [ENDED, FULL]])

    assert refusal(payload, swarm.parameters, **change) is Reason.BAD_DIGEST


@pytest.mark.parametrize(
    "fields",
    [
        None,
        7,
        [],
        [POLICY],
        [POLICY, [ENDED, FULL], 0],
        [POLICY[:31], [ENDED, FULL]],
        ["p" * 32, [ENDED, FULL]],
        [POLICY, POLICY],
        [POLICY, 2],
        [POLICY, [ENDED, 5]],
        [POLICY, [ENDED, b"\x05\x01"]],
        [POLICY, [ENDED, None]],
    ],
)
def test_other_shapes_are_rejected(swarm: "SmallSwarm", fields: object) -> None:
    assert refusal(pack(fields), swarm.parameters) is Reason.BAD_PAYLOAD


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\xc1", id="no MessagePack"),
        pytest.param(pack([POLICY, [ENDED, FULL]]) + b"\0", id="trailing byte"),
        pytest.param(pack([POLICY, [ENDED, FULL]])[:-1], id="cut short"),
        pytest.param(
            b"\x92" + pack(POLICY) + b"\xdc\x00\x02" + pack(ENDED) + pack(FULL), id="wide"
        ),
        pytest.param(b"\x92" + pack(POLICY) + b"\x92\x93\xcc\x05\x04\x01" + pack(FULL), id="int"),
        pytest.param(bytes(1000), id="too large"),
        pytest.param(msgpack.packb([POLICY, [{}, {}]]), id="maps"),
    ],
)
def test_other_encodings_are_rejected(swarm: "SmallSwarm", payload: bytes) -> None:
    assert refusal(payload, swarm.parameters) is Reason.BAD_PAYLOAD


@pytest.mark.parametrize("completions", [[], [ENDED], [ENDED, FULL, FULL]])
def test_every_completion_owed_and_no_other_must_be_there(
    swarm: "SmallSwarm", completions: list[list[int]]
) -> None:
    """Else an author could sample many and send its best."""
    assert refusal(pack([POLICY, completions]), swarm.parameters) is Reason.INCOMPLETE


def test_a_horizontal_author_owes_its_share_of_the_group(swarm: "SmallSwarm") -> None:
    horizontal = swarm.with_(mode="horizontal").parameters

    assert len(opened(pack([POLICY, [ENDED]]), horizontal).completions) == 1
    assert refusal(pack([POLICY, [ENDED, FULL]]), horizontal) is Reason.INCOMPLETE


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        [512, 1],
        [-1, 1],
        [True, 1],
        [5.0, 1],
        ["5", 1],
        [None, 1],
        [2**64 - 1, 1],
    ],
)
def test_tokens_are_ids_of_the_vocabulary(swarm: "SmallSwarm", tokens: list[Any]) -> None:
    assert refusal(pack([POLICY, [ENDED, tokens]]), swarm.parameters) is Reason.BAD_TOKEN


def test_no_completion_passes_the_limit(swarm: "SmallSwarm") -> None:
    """Whether the decoder or the rule sees it first depends on G; both reject."""
    wide = swarm.with_(completions_per_prompt=8).parameters
    long = [300] * 7

    assert refusal(pack([POLICY, [ENDED, long]]), swarm.parameters) is Reason.BAD_PAYLOAD
    assert refusal(pack([POLICY, [ENDED] * 7 + [long]]), wide) is Reason.BAD_TOKEN


@pytest.mark.parametrize("tokens", [[0, 1], [511, 1], [1], [300] * 5 + [1], [511] * 6])
def test_tokens_at_the_edges_are_admitted(swarm: "SmallSwarm", tokens: list[int]) -> None:
    assert opened(pack([POLICY, [ENDED, tokens]]), swarm.parameters)


@pytest.mark.parametrize("tokens", [[1, 1], [1, 5], [5, 1, 5, 5, 5, 5], [5], [5] * 5])
def test_a_completion_ends_with_eos_or_fills_the_limit(
    swarm: "SmallSwarm", tokens: list[int]
) -> None:
    assert refusal(pack([POLICY, [ENDED, tokens]]), swarm.parameters) is Reason.BAD_ENDING


@pytest.mark.parametrize(
    "completion", [["x"], ["x", 1], ["x", None], [b"x", True], [5, 1], ["x", True, True], []]
)
def test_text_completions_are_a_text_and_a_boolean(
    text_swarm: "SmallSwarm", completion: list[Any]
) -> None:
    payload = pack([POLICY, [["x", True], completion]])

    assert refusal(payload, text_swarm.parameters) is Reason.BAD_PAYLOAD


def test_text_is_bounded_in_bytes_not_in_characters(text_swarm: "SmallSwarm") -> None:
    def payload(text: str) -> bytes:
        return pack([POLICY, [[text, True], ["", True]]])

    assert opened(payload("é" * 50), text_swarm.parameters)
    assert refusal(payload("é" * 50 + "x"), text_swarm.parameters) is Reason.BAD_PAYLOAD


def test_token_and_text_swarms_do_not_take_each_others_payloads(
    swarm: "SmallSwarm", text_swarm: "SmallSwarm"
) -> None:
    tokens, text = pack([POLICY, [ENDED, FULL]]), pack([POLICY, [["x", True], ["y", True]]])

    assert refusal(text, swarm.parameters) is Reason.BAD_TOKEN
    assert refusal(tokens, text_swarm.parameters) is Reason.BAD_PAYLOAD


@given(data=st.binary(max_size=80))
def test_any_bytes_are_a_contribution_or_rejected(data: bytes) -> None:
    parameters = Parameters(
        task="t",
        task_digest="a" * 64,
        task_prompts=9,
        model_family="b" * 64,
        tokenizer="c" * 64,
        vocabulary_size=512,
        eos_token=1,
    )
    try:
        contribution = opened(data, parameters)
    except Rejected:
        return
    assert contribution.payload() == data
