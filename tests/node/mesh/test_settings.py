from typing import Any

import pytest

from node.mesh.settings import MESSAGE_BYTES_CEILING, MESSAGE_BYTES_MAX, MeshSettings
from node.mesh.wire import FRAME_BYTES_MAX


def test_the_defaults_listen_on_loopback_only() -> None:
    assert MeshSettings().listen == ("/ip4/127.0.0.1/tcp/0",)


def test_the_longest_message_fits_a_frame_with_its_envelope() -> None:
    envelope = 38 + 8 + 64 + 100

    assert MESSAGE_BYTES_CEILING + envelope < FRAME_BYTES_MAX
    assert MESSAGE_BYTES_MAX <= MESSAGE_BYTES_CEILING == 61_440


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"degree_low": 7}, "degree_low <= degree <= degree_high"),
        ({"degree": 13}, "degree_low <= degree <= degree_high"),
        ({"redial_s_min": 0.0}, "0 < redial_s_min <= redial_s_max"),
        ({"redial_s_max": 0.1}, "0 < redial_s_min <= redial_s_max"),
        ({"connections_wanted": 0}, "connections_wanted is 0; it must be at least 1"),
        ({"outbox_messages_max": 0}, "outbox_messages_max is 0"),
        ({"dial_timeout_s": 0.0}, "dial_timeout_s is 0.0; it must be above 0"),
        ({"announce_s": -1.0}, "announce_s is -1.0"),
        ({"linger_s": -0.1}, "linger_s is -0.1; it must not be negative"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        MeshSettings(**settings)
