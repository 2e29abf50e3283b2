"""What is slowed down: those who send what is of no use, whoever they say they are."""

from libp2p.peer.id import ID

from node.mesh.fares import ADDRESS_RATE, PEER_BURST, PEER_RATE, USELESS, Fares
from node.mesh.gate import Fate


def identity(number: int) -> ID:
    return ID(number.to_bytes(4, "big"))


class Till:
    """Fares and their clock, which goes on as readers wait."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.fares = Fares(lambda: self.now_s)

    def read(
        self, fate: Fate, count: int, *, peers: int = 1, host: str | None = "10.0.0.1"
    ) -> float:
        """Read messages one by one, waiting as told; return how long that took."""
        for number in range(count):
            self.now_s += self.fares.pay((identity(number % peers), host), [fate], ids=0)
        return self.now_s


def test_the_busiest_round_is_not_slowed_down() -> None:
    till = Till()
    for _ in range(60):
        till.now_s += 1
        for _ in range(500):
            copies = [Fate.ACCEPTED, *[Fate.DUPLICATE] * 3]
            assert till.fares.pay((identity(1), "10.0.0.1"), copies[:1], ids=0) == 0
            assert till.fares.pay((identity(2), "10.0.0.1"), copies[1:2], ids=0) == 0


def test_what_is_of_no_use_is_read_twenty_times_a_second() -> None:
    for fate in (Fate.IGNORED, Fate.FORGED, Fate.REJECTED):
        seconds = Till().read(fate, 1100)

        assert 1000 / 20 <= seconds <= 1000 / 19


def test_a_new_identity_does_not_come_with_a_new_share() -> None:
    """Of one address, a hundred identities are read no faster than four."""
    many, few = (Till().read(Fate.IGNORED, 4000, peers=peers) for peers in (100, 4))

    assert abs(many - few) < 0.1 * few
    assert many > 4000 * USELESS / ADDRESS_RATE * 0.8


def test_identities_of_other_addresses_are_not_slowed_down_with_it() -> None:
    till = Till()
    till.fares.pay((identity(1), "10.0.0.1"), [Fate.IGNORED] * 10_000, ids=0)

    assert till.fares.pay((identity(2), "10.0.0.2"), [Fate.ACCEPTED], ids=0) == 0
    assert till.fares.pay((identity(3), None), [Fate.ACCEPTED], ids=0) == 0


def test_ids_are_paid_for_too() -> None:
    fares = Till().fares
    frames = 20

    waits = [fares.pay((identity(1), None), [], ids=512) for _ in range(frames)]

    assert waits[0] == 0
    assert waits[-1] == (frames * 513 - PEER_BURST) / PEER_RATE
