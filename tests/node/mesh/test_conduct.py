"""What is held against peers: how much, how long, and across a restart."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from node.mesh.conduct import (
    BAR_S,
    BAR_S_MAX,
    HALF_LIFE_S,
    NAMES_MAX,
    Conduct,
    block_of,
)
from protocol.identity import PeerId


def peer(number: int) -> PeerId:
    return PeerId(number.to_bytes(32, "big"))


class Desk:
    """A conduct, its two clocks, and what it told."""

    def __init__(self, path: Path | None = None, *spared: PeerId) -> None:
        self.now_s = 0.0
        self.wall_s = 1_000_000.0
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.conduct = Conduct(
            path,
            clock=lambda: self.now_s,
            wall=lambda: self.wall_s,
            on_event=lambda name, fields: self.events.append((name, fields)),
            spared=frozenset(spared),
        )
        self.conduct.load()

    def told(self, name: str) -> list[Mapping[str, object]]:
        return [fields for told, fields in self.events if told == name]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node" / "conduct.json"


def test_the_tenth_invalid_message_is_one_too_many() -> None:
    desk = Desk()
    cut = []
    for _ in range(10):
        desk.now_s += 6.0
        cut.append(desk.conduct.note_invalid(peer(1)))

    assert cut == [False] * 9 + [True]


def test_a_rare_invalid_message_never_adds_up() -> None:
    desk = Desk()
    cut = []
    for _ in range(200):
        desk.now_s += HALF_LIFE_S / 5
        cut.append(desk.conduct.note_invalid(peer(1)))

    assert not any(cut)


def test_a_peer_that_was_cut_is_barred_for_a_while_and_longer_each_time() -> None:
    desk = Desk()
    lasted = []
    for _ in range(9):
        desk.conduct.cut(peer(1), None, "malformed frame")
        assert desk.conduct.bars_peer(peer(1))
        until_s = desk.conduct.bars()[str(peer(1))].until_s
        lasted.append(until_s - desk.wall_s)
        desk.wall_s = until_s
        assert not desk.conduct.bars_peer(peer(1))

    assert lasted[:3] == [BAR_S, 4 * BAR_S, 16 * BAR_S]
    assert lasted[-1] == BAR_S_MAX


def test_a_fault_of_one_peer_is_not_another_ones() -> None:
    desk = Desk()
    desk.conduct.cut(peer(1), "10.0.0.1", "malformed frame")

    assert not desk.conduct.bars_peer(peer(2))
    assert not desk.conduct.bars_host("10.0.0.1")


def test_the_fourth_identity_of_an_address_shuts_the_address_out() -> None:
    """Renewed identities are treated as one, and other addresses as before."""
    desk = Desk()
    for number in range(4):
        assert not desk.conduct.bars_host("10.0.0.1")
        desk.conduct.cut(peer(number), "10.0.0.1", "too many invalid messages")

    assert desk.conduct.bars_host("10.0.0.1")
    assert not desk.conduct.bars_host("10.0.0.2")


def test_an_ipv6_subscriber_is_one_address() -> None:
    assert block_of("2001:db8::1") == block_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert block_of("2001:db8:0:1::1") != block_of("2001:db8::1")
    assert block_of("::ffff:10.0.0.1") == block_of("10.0.0.1") == "10.0.0.1"
    assert block_of("fe80::1%eth0") == "fe80::/64"


def test_a_peer_that_the_operator_named_is_never_barred() -> None:
    desk = Desk(None, peer(1))
    for _ in range(10):
        desk.conduct.cut(peer(1), "10.0.0.1", "malformed frame")

    assert not desk.conduct.bars_peer(peer(1))
    assert not desk.conduct.bars_host("10.0.0.1")
    assert desk.events == []


def test_what_is_held_against_a_peer_can_be_forgiven() -> None:
    desk = Desk()
    for _ in range(9):
        desk.conduct.note_invalid(peer(1))
    desk.conduct.cut(peer(1), None, "malformed frame")

    desk.conduct.pardon(peer(1))

    assert not desk.conduct.bars_peer(peer(1))
    assert not desk.conduct.note_invalid(peer(1))


def test_a_bar_survives_a_restart_and_ends_when_it_was_to_end(path: Path) -> None:
    desk = Desk(path)
    desk.conduct.cut(peer(1), None, "malformed frame")
    desk.conduct.save()

    second = Desk(path)
    assert second.conduct.bars_peer(peer(1))
    assert second.conduct.bars()[str(peer(1))].why == "malformed frame"
    second.wall_s += BAR_S
    assert not second.conduct.bars_peer(peer(1))


def test_a_restart_does_not_make_the_next_bar_a_first_one(path: Path) -> None:
    desk = Desk(path)
    desk.conduct.cut(peer(1), None, "malformed frame")
    desk.conduct.save()

    second = Desk(path)
    second.conduct.cut(peer(1), None, "malformed frame")

    assert second.told("barred")[0]["seconds"] == 4 * BAR_S


def test_a_clock_that_was_set_back_does_not_bar_for_years(path: Path) -> None:
    desk = Desk(path)
    desk.conduct.cut(peer(1), None, "malformed frame")
    desk.wall_s -= 400 * 24 * 3600

    assert not desk.conduct.bars_peer(peer(1))


def test_what_ended_long_ago_is_not_written_any_more(path: Path) -> None:
    desk = Desk(path)
    desk.conduct.cut(peer(1), None, "malformed frame")
    desk.wall_s += BAR_S + BAR_S_MAX
    desk.conduct.cut(peer(2), None, "malformed frame")
    desk.conduct.save()

    assert [one["who"] for one in json.loads(path.read_text())["bars"]] == [str(peer(2))]


def test_offenders_without_end_take_bounded_memory(path: Path) -> None:
    desk = Desk(path)
    for number in range(2 * NAMES_MAX):
        desk.conduct.note_invalid(peer(number))
        desk.conduct.cut(peer(number), f"10.{number >> 8}.{number & 255}.1", "malformed frame")

    assert len(desk.conduct.bars()) == NAMES_MAX
    assert len(desk.conduct._invalid._points) == len(desk.conduct._cut._points) == NAMES_MAX


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 1, "bars": [{}]}', "\x00" * 10, "[" * 9999]
)
def test_a_file_that_cannot_be_read_is_told_and_set_aside(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)

    desk = Desk(path)
    desk.conduct.save()

    assert len(desk.told("bars_unreadable")) == 1
    assert path.with_suffix(".bad").read_text() == text
    assert json.loads(path.read_text())["bars"] == []


def test_a_place_that_cannot_be_written_is_told_and_lived_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    desk = Desk(tmp_path / "file" / "conduct.json")
    desk.conduct.cut(peer(1), None, "malformed frame")

    desk.conduct.save()

    assert len(desk.told("bars_unwritable")) == 1
    assert desk.conduct.bars_peer(peer(1))
