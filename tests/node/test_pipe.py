"""What crosses the pipe to the model's process comes out as it went in."""

import io
from collections.abc import Callable
from dataclasses import replace

import msgpack
import pytest

from node.learning import StepReport
from node.pipe import (
    cut,
    pack,
    pack_contributions,
    pack_result,
    read_frame,
    unpack,
    unpack_contributions,
    unpack_result,
)
from node.work import Contributed, Evaluation, Finding, Said, Trained
from protocol.contribution import Contribution
from protocol.identity import Keypair


def crossed(message: object) -> object:
    return read_frame(io.BytesIO(pack(message)))


def test_contributions_cross_unchanged(
    contribute: Callable[..., Contribution], keys: list[Keypair]
) -> None:
    sent = tuple(contribute(key, 3, at) for key in keys for at in (0, 1))

    received = unpack_contributions(crossed(pack_contributions(sent)))

    assert received == sent


def test_a_result_with_contributions_crosses_unchanged(
    contribute: Callable[..., Contribution], keys: list[Keypair]
) -> None:
    sent = Contributed(contributions=(contribute(keys[0], 1),), tokens=6, cpu_s=0.5)

    received = unpack_result(Contributed, crossed(pack_result(sent)))

    assert received == sent


def test_a_plain_result_crosses_unchanged() -> None:
    sent = Evaluation(
        prompts=3,
        sampled=1 / 3,
        greedy=1.0,
        form=0.0,
        length=7.5,
        shown_sampled=0.0,
        shown_greedy=0.0,
        cpu_s=0.1,
    )

    received = unpack_result(Evaluation, crossed(pack_result(sent)))

    assert received == sent


def test_what_was_found_of_completions_crosses_unchanged() -> None:
    refused = Said(
        stage="replay",
        outcome="refuse",
        reason="not_replayed",
        value=float("inf"),
        threshold=0.5,
        spans=((1, 2, "tokens"),),
        detail="x",
    )
    one = Finding(
        author="12D3KooWann",
        round_index=3,
        prompt_index=4,
        index=0,
        contribution="ab" * 32,
        policy_digest="cd" * 32,
        prompt="How many?",
        text="Five. \u202e",
        tokens=(5, 70_000),
        ended=True,
        reward=0.5,
        deciding=refused,
        verdicts=(Said(stage="form", outcome="accept", reason="clean"), refused),
    )
    sent = Trained(
        step=StepReport(reward_mean=0.25),
        policy_digest="ab",
        completions=2,
        found=(one, replace(one, index=1, reward=None, trained_reward=0.0)),
        unusable=0,
        unheard=0,
        right=0.5,
        same_policy=1,
        own_reward=1.0,
        peers_reward=0.0,
        cpu_s=0.5,
    )

    received = unpack_result(Trained, crossed(pack_result(sent)))

    assert received == sent


def test_values_that_stand_one_after_another_are_cut_apart() -> None:
    values = [msgpack.packb([index, b"x" * index]) for index in (0, 40, 300)]

    assert cut(b"".join(values)) == tuple(values)


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x93\x01", b"\xdf\xff\xff\xff\xff", b"\x91" * 5000]
)
def test_what_has_no_end_is_the_last(data: bytes) -> None:
    """Nothing is lost, nothing is built, and nothing is raised."""
    value = msgpack.packb([1, 2])

    assert b"".join(cut(value + data)) == value + data
    assert cut(value + data)[0] == value


def test_several_frames_are_read_one_by_one() -> None:
    stream = io.BytesIO(pack({"call": 1}) + pack([2]) + pack(None) + pack("end"))

    assert [read_frame(stream) for _ in range(4)] == [{"call": 1}, [2], None, "end"]


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 5])
def test_a_pipe_closed_in_the_midst_of_a_frame_is_an_end(cut: int) -> None:
    """The other end was killed while it wrote."""
    assert read_frame(io.BytesIO(pack({"call": "x"})[:cut])) is None


def test_what_is_no_message_is_a_bug() -> None:
    with pytest.raises(msgpack.FormatError):
        unpack(b"\xc1")
