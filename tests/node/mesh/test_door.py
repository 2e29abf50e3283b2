"""Who is let in, from where, and who makes way."""

import pytest

from node.mesh.door import (
    CALLS_BURST,
    CALLS_RATE,
    PENDING_MAX,
    PENDING_PER_ADDRESS_MAX,
    Door,
    DoorLimits,
    network_of,
)

LIMITS = DoorLimits(per_address=8, per_network=24, in_all=64)


class Street:
    """A door, its clock, and who was hung up on."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.barred: set[str] = set()
        self.gone: list[tuple[str, int]] = []
        self.ports = 0
        self.door = Door(LIMITS, is_barred=self.barred.__contains__, clock=lambda: self.now_s)

    def call(self, host: str) -> tuple[str, int] | None:
        """Come to the door; None if turned away."""
        self.ports += 1
        caller = (host, self.ports)
        let_in = self.door.enter(caller, lambda: self.gone.append(caller))
        return caller if let_in else None

    def settle(self, host: str) -> bool:
        caller = self.call(host)
        return caller is not None and self.door.settle(caller)


@pytest.fixture
def street() -> Street:
    return Street()


def host(number: int) -> str:
    """Addresses of networks of their own."""
    return f"10.{number >> 8}.{number & 255}.1"


def test_eight_callers_of_an_address_may_stay(street: Street) -> None:
    assert [street.settle("10.0.0.1") for _ in range(10)] == [True] * 8 + [False] * 2
    assert street.settle("10.0.0.2")
    assert street.door.settled() == {"10.0.0.1": 8, "10.0.0.2": 1}
    assert street.door.refused == {"address_full": 2}


def test_one_that_leaves_makes_room(street: Street) -> None:
    for _ in range(8):
        street.settle("10.0.0.1")

    street.door.leave(("10.0.0.1", 3))

    assert street.settle("10.0.0.1")


def test_a_network_has_more_room_than_an_address_and_less_than_all(street: Street) -> None:
    settled = [street.settle(f"10.0.0.{number}") for number in range(30)]

    assert settled == [True] * 24 + [False] * 6
    assert street.settle("10.0.1.1")
    assert street.door.refused == {"network_full": 6}


def test_all_addresses_together_have_their_limit(street: Street) -> None:
    settled = [street.settle(host(number)) for number in range(70)]

    assert settled == [True] * 64 + [False] * 6
    assert street.door.refused == {"full": 6}


def test_silent_callers_of_an_address_make_way_for_the_next_one(street: Street) -> None:
    """So that an honest one from the same address needs only be quicker than they are many."""
    callers = [street.call("10.0.0.1") for _ in range(PENDING_PER_ADDRESS_MAX + 2)]

    assert all(callers)
    assert street.gone == callers[:2]
    assert callers[-1] is not None
    assert street.door.settle(callers[-1])


def test_silent_callers_of_all_addresses_make_way_where_there_are_most(street: Street) -> None:
    honest = street.call("10.9.9.9")
    for number in range(PENDING_MAX // 2):
        street.call(host(number))
        street.call(host(number))

    assert honest not in street.gone
    assert len(street.gone) == 1
    assert honest is not None
    assert street.door.settle(honest)


def test_one_that_has_made_way_does_not_stay(street: Street) -> None:
    first = street.call("10.0.0.1")
    for _ in range(PENDING_PER_ADDRESS_MAX):
        street.call("10.0.0.1")

    assert street.gone == [first]
    assert first is not None
    assert not street.door.settle(first)


def test_callers_that_prove_themselves_at_once_still_are_eight_at_most(street: Street) -> None:
    for _ in range(6):
        street.settle("10.0.0.1")
    pending = [street.call("10.0.0.1") for _ in range(4)]

    assert [street.door.settle(caller) for caller in pending if caller] == [True] * 2 + [False] * 2


def test_a_barred_address_is_turned_away(street: Street) -> None:
    street.barred.add("10.0.0.1")

    assert street.call("10.0.0.1") is None
    assert street.call("10.0.0.2") is not None
    assert street.door.refused == {"barred": 1}


def test_an_address_that_calls_too_often_must_wait(street: Street) -> None:
    for _ in range(int(CALLS_BURST)):
        street.call("10.0.0.1")

    assert street.call("10.0.0.1") is None
    assert street.call("10.0.0.2") is not None
    street.now_s += 1 / CALLS_RATE
    assert street.call("10.0.0.1") is not None


def test_an_ipv6_subscriber_is_one_address(street: Street) -> None:
    assert [street.settle(f"2001:db8::{number}") for number in range(9)] == [True] * 8 + [False]
    assert network_of("2001:db8:0:1::1") == network_of("2001:db8::1") == "2001:db8::/48"
    assert network_of("10.0.0.7") == "10.0.0.0/24"
