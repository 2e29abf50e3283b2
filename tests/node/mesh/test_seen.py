import pytest

from node.mesh.seen import SeenIds


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_an_id_is_new_once(clock: Clock) -> None:
    seen = SeenIds(clock)

    assert [seen.add(b"a"), seen.add(b"a"), seen.add(b"b")] == [True, False, True]
    assert seen.has(b"a")
    assert not seen.has(b"c")


def test_an_id_is_forgotten_after_its_time_though_asked_for(clock: Clock) -> None:
    """Renewed at each copy, as the library does it, a replayed id would be kept for ever."""
    seen = SeenIds(clock, seen_s=10)
    seen.add(b"a")
    clock.now_s = 9.0
    assert seen.has(b"a")
    clock.now_s = 10.5

    seen.add(b"b")

    assert not seen.has(b"a")
    assert len(seen) == 1


def test_the_oldest_goes_when_there_are_too_many(clock: Clock) -> None:
    seen = SeenIds(clock, ids_max=2)

    for one in (b"a", b"b", b"c"):
        seen.add(one)

    assert [seen.has(one) for one in (b"a", b"b", b"c")] == [False, True, True]
