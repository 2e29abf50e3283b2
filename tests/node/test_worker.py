"""The model's process takes no more of a machine than it needs between two steps."""

from pathlib import Path

from node.worker import give_back

MIB = 1 << 20


def held_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_what_is_freed_between_two_that_stay_is_given_back() -> None:
    """The C library itself gives back only what is freed at the end of all."""
    pieces = [bytes(100_000) for _ in range(1_000)]
    stay = pieces[::10]
    del pieces
    before = held_bytes()

    give_back()

    assert before - held_bytes() > 50 * MIB
    assert len(stay) == 100
