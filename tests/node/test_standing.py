import json

import pytest

from node.standing import AUTHORS_MAX, Standings, TrustSettings

ANN, BOB = "ann", "bob"


def standings(**settings: object) -> Standings:
    return Standings(TrustSettings(**settings))  # type: ignore[arg-type]  # the test's own words


def test_a_newcomer_counts_nothing_until_it_was_clean_for_three_rounds() -> None:
    known = standings()
    weights = [known.weight(ANN)]
    for round_index in range(4):
        known.settle(round_index, {ANN: (32, 0)})
        weights.append(known.weight(ANN))

    assert weights == [0.0, 0.0, 0.0, 1.0, 1.0]


def test_a_trusted_author_counts_from_its_first_round() -> None:
    known = standings()
    known.settle(0, {ANN: (32, 0), BOB: (32, 0)})

    assert (known.weight(ANN, is_trusted=True), known.weight(BOB)) == (1.0, 0.0)


def test_a_trusted_author_that_is_refused_counts_no_more() -> None:
    known = standings()
    known.settle(0, {ANN: (0, 32)})

    assert known.weight(ANN, is_trusted=True) == 0.0


def test_two_in_a_hundred_refused_cost_an_author_nothing() -> None:
    known = standings()
    for round_index in range(10):
        known.settle(round_index, {ANN: (98, 2)})

    assert known.weight(ANN) == 1.0


def test_one_poisoned_in_four_costs_weight_and_one_in_two_all() -> None:
    known = standings()
    for round_index in range(10):
        known.settle(round_index, {ANN: (24, 8), BOB: (17, 16)})

    assert known.weight(ANN) == pytest.approx(0.62, abs=0.02)
    assert known.weight(BOB) == pytest.approx(0.04, abs=0.02)


def test_a_round_of_mostly_refusals_makes_a_newcomer_again() -> None:
    """So to be honest for a while and then poison pays for one round, at a price of three."""
    known = standings()
    for round_index in range(50):
        known.settle(round_index, {ANN: (32, 0)})
    before = known.weight(ANN)
    known.settle(50, {ANN: (0, 32)})

    assert before == 1.0
    assert known.weight(ANN) == 0.0
    assert known.of(ANN).clean_rounds == 0


def test_old_findings_fade_by_half_in_twenty_rounds() -> None:
    known = standings()
    known.settle(0, {ANN: (0, 32)})
    known.settle(20, {ANN: (16, 0)})

    assert known.of(ANN).refused == pytest.approx(16.0)
    assert known.of(ANN).mean == pytest.approx(0.5)


def test_what_could_not_be_decided_speaks_neither_for_nor_against() -> None:
    known = standings()
    for round_index in range(5):
        known.settle(round_index, {ANN: (0, 0)})

    assert known.of(ANN).mean == 0.5
    assert known.weight(ANN) == 0.0


def test_records_outlive_a_restart_by_way_of_json() -> None:
    known, again = standings(), standings()
    for round_index in range(5):
        known.settle(round_index, {ANN: (30, 2), BOB: (3, 29)})
    again.restore(json.loads(json.dumps(known.plain())))

    assert again.plain() == known.plain()
    assert again.weight(ANN) == known.weight(ANN) > 0.0


def test_the_records_are_bounded_and_those_heard_of_longest_ago_go_first() -> None:
    known = standings()
    known.settle(0, {ANN: (32, 0), BOB: (32, 0)})
    known.settle(1, {f"author-{number}": (1, 0) for number in range(AUTHORS_MAX - 1)})
    known.settle(2, {BOB: (32, 0)})

    assert len(known.plain()) == AUTHORS_MAX
    assert known.of(ANN).clean == 0.0
    assert known.of(BOB).clean_rounds == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("half_life_rounds", 0.0), ("half_life_rounds", -1.0), ("clean_rounds_min", -1)],
)
def test_numbers_that_no_record_can_be_kept_by_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        standings(**{name: value})
