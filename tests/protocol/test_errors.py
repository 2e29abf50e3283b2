import pickle

import pytest

from protocol.errors import Ignored, Reason, Refused, Rejected
from protocol.identity import PeerId


def test_every_reason_says_what_it_means_and_whom_it_blames() -> None:
    for reason in Reason:
        assert reason.meaning.endswith(".")
        assert isinstance(reason.rejects, bool)


def test_reasons_are_plain_strings_for_logs_and_counters() -> None:
    assert f"{Reason.BAD_SIGNATURE}" == "bad_signature"
    assert Reason("bad_signature") is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_belongs_to_one_verdict_only(reason: Reason) -> None:
    """What costs honest forwarders nothing can never be raised as if it did."""
    right, wrong = (Rejected, Ignored) if reason.rejects else (Ignored, Rejected)

    assert right(reason).reason is reason
    with pytest.raises(ValueError, match="is not a reason for"):
        wrong(reason)


def test_a_refusal_reads_as_reason_and_detail() -> None:
    assert str(Rejected(Reason.BAD_SIZE, "0 bytes")) == "bad_size: 0 bytes"
    assert str(Ignored(Reason.DUPLICATE)) == "duplicate"


def test_a_refusal_survives_the_way_between_processes() -> None:
    refused = Ignored(Reason.ROUND_AHEAD, "7 in 2", author=PeerId(bytes(32)), round_index=7)

    copy = pickle.loads(pickle.dumps(refused))  # noqa: S301 - our own bytes

    assert isinstance(copy, Refused)
    assert (copy.reason, copy.author, copy.round_index) == (
        refused.reason,
        refused.author,
        refused.round_index,
    )
