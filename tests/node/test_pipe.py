"""What crosses the pipe to the model's process comes out as it went in."""

import io
from collections.abc import Callable

import msgpack
import pytest

from node.pipe import (
    pack,
    pack_contributions,
    pack_result,
    read_frame,
    unpack,
    unpack_contributions,
    unpack_result,
)
from node.work import Contributed, Evaluation
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
