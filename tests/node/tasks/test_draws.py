import pytest

from node.tasks.draws import BOUND_MAX, Draws


def test_the_numbers_of_a_key_are_the_same_on_every_machine_and_python() -> None:
    """Peers derive prompts from these; another number would be another swarm."""
    draws = Draws("golden")

    assert [draws.below(1000) for _ in range(8)] == [135, 250, 309, 64, 638, 259, 51, 115]


def test_two_streams_of_one_key_agree_beyond_the_first_block() -> None:
    one, other = Draws("key"), Draws("key")

    assert [one.below(7) for _ in range(100)] == [other.below(7) for _ in range(100)]


def test_another_key_gives_another_stream() -> None:
    one, other = Draws("train/1"), Draws("train/11")

    assert [one.below(100) for _ in range(20)] != [other.below(100) for _ in range(20)]


def test_the_counter_and_the_key_cannot_be_mistaken_for_each_other() -> None:
    """The second block of one key is not the first of a longer one."""
    long_way = Draws("a")
    second_block = [long_way.below(BOUND_MAX) for _ in range(32)][16:]
    first_block = [Draws("a\x00").below(BOUND_MAX) for _ in range(16)]

    assert second_block != first_block


def test_every_value_below_the_bound_comes_about_equally_often() -> None:
    draws = Draws("uniform")
    counts = [0] * 10
    for _ in range(10_000):
        counts[draws.below(10)] += 1

    # Six standard deviations of a binomial of 10 000 at one in ten.
    assert all(820 < count < 1180 for count in counts)


def test_between_reaches_both_of_its_ends_and_nothing_else() -> None:
    draws = Draws("ends")

    assert {draws.between(3, 5) for _ in range(100)} == {3, 4, 5}


def test_one_of_reaches_each_choice() -> None:
    draws = Draws("choices")

    assert {draws.one_of("abc") for _ in range(100)} == {"a", "b", "c"}


@pytest.mark.parametrize("bound", [0, -1, BOUND_MAX + 1])
def test_a_bound_that_no_draw_could_keep_is_refused(bound: int) -> None:
    with pytest.raises(ValueError, match=f"bound {bound} is not in"):
        Draws("key").below(bound)
