from dataclasses import dataclass, field

from node.mesh.allowance import Allowances


@dataclass
class Clock:
    now_s: float = 0.0
    names_max: int = 100
    allowances: Allowances = field(init=False)

    def __post_init__(self) -> None:
        self.allowances = Allowances(
            rate=10.0, burst=20.0, clock=lambda: self.now_s, names_max=self.names_max
        )


def test_a_burst_is_free_and_what_follows_is_waited_for() -> None:
    allowances = Clock().allowances

    assert [allowances.charge("a", 10) for _ in range(4)] == [0.0, 0.0, 1.0, 2.0]


def test_waiting_as_told_ends_the_debt() -> None:
    clock = Clock()
    clock.now_s += clock.allowances.charge("a", 50)

    assert clock.now_s == 3.0
    assert clock.allowances.charge("a", 0) == 0.0
    assert not clock.allowances.has("a", 1)


def test_a_bucket_fills_up_to_its_burst_and_no_further() -> None:
    clock = Clock()
    clock.allowances.charge("a", 20)
    clock.now_s = 1.0

    assert clock.allowances.has("a", 10)
    assert not clock.allowances.has("a", 10.1)
    clock.now_s = 1000.0
    assert not clock.allowances.has("a", 20.1)


def test_each_name_has_a_bucket_of_its_own() -> None:
    allowances = Clock().allowances
    allowances.charge("a", 1000)

    assert allowances.charge("b", 1) == 0.0


def test_taking_what_is_not_there_takes_nothing() -> None:
    allowances = Clock().allowances

    assert [allowances.take("a", 15), allowances.take("a", 15), allowances.take("a", 5)] == [
        True,
        False,
        True,
    ]


def test_names_without_end_take_bounded_memory() -> None:
    """The one that was touched last stays, with what it owes."""
    allowances = Clock(names_max=3).allowances
    allowances.charge("early", 100)
    for number in range(1000):
        allowances.charge(number, 1)
    allowances.charge("late", 100)

    assert len(allowances) == 3
    assert allowances.charge("late", 0) == 8.0
    assert allowances.charge("early", 0) == 0.0
