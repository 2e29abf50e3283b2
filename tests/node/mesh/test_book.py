import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from node.mesh.addresses import Address, encode_announcement
from node.mesh.book import HEAR_S, PEERS_MAX, STRANGERS_BURST, STRANGERS_RATE, AddressBook
from node.mesh.mesh import Decision
from protocol.identity import PeerId

OWN = PeerId(bytes(32))


class Desk:
    """A book, its clock, and what it told."""

    def __init__(self, path: Path | None) -> None:
        self.now_s = 0.0
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.book = AddressBook(
            OWN,
            path,
            clock=lambda: self.now_s,
            on_event=lambda name, fields: self.events.append((name, fields)),
        )

    def hear(self, number: int, *, of: int | None = None) -> Decision:
        """Let peer `number` announce an address, its own or another's."""
        said = encode_announcement([address(number if of is None else of)])
        return self.book.hear(said, OWN, peer(number))


def peer(number: int) -> PeerId:
    return PeerId(number.to_bytes(32, "big"))


def address(number: int) -> Address:
    return Address("ip4", "10.0.0.1", 4000 + number, peer(number))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "node" / "known_peers.json"


@pytest.fixture
def desk(path: Path) -> Desk:
    return Desk(path)


def test_what_a_peer_announces_is_known_and_passed_on(desk: Desk) -> None:
    assert desk.hear(1) is Decision.ACCEPT

    assert desk.book.peers() == [peer(1)]
    assert desk.book.addresses(peer(1)) == (address(1),)
    assert desk.book.addresses(peer(2)) == ()


def test_a_peer_speaks_for_itself_only(desk: Desk) -> None:
    """Else one peer could send all others to a victim of its choice, or away from an honest one."""
    assert desk.hear(1, of=2) is Decision.REJECT

    assert desk.book.peers() == []
    assert [name for name, _ in desk.events] == ["address_refused"]


def test_the_latest_announcement_counts(desk: Desk) -> None:
    desk.hear(1)
    desk.now_s = HEAR_S
    moved = Address("ip4", "10.0.0.9", 1, peer(1))

    assert desk.book.hear(encode_announcement([moved]), OWN, peer(1)) is Decision.ACCEPT
    assert desk.book.addresses(peer(1)) == (moved,)


def test_a_peer_that_announces_too_often_is_not_passed_on(desk: Desk) -> None:
    """Nor blamed: whoever forwards them may not have heard the one before."""
    desk.hear(1)
    desk.now_s = HEAR_S / 2

    assert desk.hear(1) is Decision.IGNORE
    assert desk.hear(2) is Decision.ACCEPT


def test_the_last_heard_is_first(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.hear(number)
    desk.now_s = HEAR_S
    desk.hear(1)

    assert desk.book.peers() == [peer(1), peer(3), peer(2)]


def test_invented_peers_push_out_each_other_before_those_we_met(desk: Desk) -> None:
    """Keys cost nothing: a stranger could else make a node forget everyone else."""
    desk.hear(1)
    desk.book.meet(peer(1))
    for number in range(2, PEERS_MAX + 10):
        desk.now_s += 1 / STRANGERS_RATE
        desk.hear(number)

    assert len(desk.book.peers()) == PEERS_MAX
    assert peer(1) in desk.book.peers()
    assert peer(2) not in desk.book.peers()
    assert peer(PEERS_MAX + 9) in desk.book.peers()


def test_a_flood_of_strangers_is_not_told_to_the_swarm(desk: Desk) -> None:
    """Each announcement is signed by a key of its own, which cost its inventor nothing."""
    decisions = [desk.hear(number) for number in range(1, 1001)]

    assert decisions.count(Decision.ACCEPT) == STRANGERS_BURST
    assert set(decisions) == {Decision.ACCEPT, Decision.IGNORE}


def test_the_flood_leaves_room_for_those_we_know(desk: Desk) -> None:
    desk.book.meet(peer(7))
    desk.hear(8)
    for number in range(100, 300):
        desk.hear(number)
    desk.now_s = HEAR_S

    assert [desk.hear(7), desk.hear(8)] == [Decision.ACCEPT] * 2


def test_we_are_not_in_our_own_book(desk: Desk) -> None:
    own = encode_announcement([Address("ip4", "10.0.0.1", 1, OWN)])

    assert desk.book.hear(own, OWN, OWN) is Decision.ACCEPT
    assert desk.book.peers() == []


# --- the file -----------------------------------------------------------------------------


def test_known_peers_survive_a_restart_in_their_order(desk: Desk, path: Path) -> None:
    for number in (1, 2, 3):
        desk.hear(number)
    desk.book.meet(peer(2))
    desk.book.save()

    restarted = Desk(path)
    restarted.book.load()

    assert restarted.book.peers() == [peer(2), peer(3), peer(1)]
    assert restarted.book.addresses(peer(3)) == (address(3),)
    assert restarted.events == []


def test_a_peer_heard_before_a_restart_may_announce_itself_at_once(desk: Desk, path: Path) -> None:
    desk.hear(1)
    desk.book.save()
    restarted = Desk(path)
    restarted.book.load()

    assert restarted.hear(1) is Decision.ACCEPT


def test_without_a_file_there_is_nothing_to_load_and_nothing_to_say(desk: Desk) -> None:
    desk.book.load()

    assert desk.book.peers() == []
    assert desk.events == []


def test_without_a_path_nothing_is_kept(tmp_path: Path) -> None:
    desk = Desk(None)
    desk.hear(1)

    desk.book.load()
    desk.book.save()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[" * 100_000,
        "[]",
        '{"version": 2, "peers": []}',
        '{"version": 1}',
        '{"version": 1, "peers": {}}',
        '{"version": 1, "peers": [1]}',
        '{"version": 1, "peers": [{"peer": "x", "addresses": [], "met": true}]}',
        json.dumps(
            {"version": 1, "peers": [{"peer": str(peer(1)), "addresses": [1], "met": True}]}
        ),
        '{"version": 1, "peers": [' + " " * (1 << 20) + "]}",
    ],
)
def test_a_broken_file_is_told_and_set_aside(desk: Desk, path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)

    desk.book.load()

    assert [name for name, _ in desk.events] == ["known_peers_unreadable"]
    assert path.with_suffix(".bad").read_text() == text
    assert desk.book.peers() == []


def test_a_disk_that_refuses_costs_the_memory_of_peers_only(desk: Desk, path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    desk.hear(1)

    desk.book.save()

    assert [name for name, _ in desk.events] == ["known_peers_unwritable"]
    assert desk.book.peers() == [peer(1)]


def test_an_unchanged_book_is_not_written_again(desk: Desk, path: Path) -> None:
    desk.hear(1)
    desk.book.save()
    path.unlink()

    desk.book.save()
    assert not path.exists()

    desk.hear(2)
    desk.book.save()
    assert path.exists()
