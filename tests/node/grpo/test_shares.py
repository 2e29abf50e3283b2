import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.grpo import share_factors

masses = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.0, 1e3), max_size=8)
shares = st.floats(0.0, 0.99)


@given(praise=masses, unbound=st.floats(0.0, 1e3), each=shares, together=shares)
def test_no_author_and_not_all_of_them_have_more_than_their_share(
    praise: dict[str, float], unbound: float, each: float, together: float
) -> None:
    factors = share_factors(praise, unbound, each_max=each, together_max=together)
    left = {author: factors[author] * mass for author, mass in praise.items()}
    whole = unbound + sum(left.values())

    assert all(0.0 <= factor <= 1.0 for factor in factors.values())
    assert all(mass <= each * whole + 1e-6 for mass in left.values())
    assert sum(left.values()) <= together * whole + 1e-6


@given(praise=masses, unbound=st.floats(0.0, 1e3))
def test_bounds_of_one_leave_everything_as_it_is(praise: dict[str, float], unbound: float) -> None:
    factors = share_factors(praise, unbound, each_max=1.0, together_max=1.0)

    assert factors == dict.fromkeys(praise, 1.0)


def test_authors_below_their_share_are_not_scaled() -> None:
    factors = share_factors({"a": 1.0, "b": 1.0}, 4.0, each_max=0.25, together_max=0.5)

    assert factors == {"a": 1.0, "b": 1.0}


def test_an_author_above_its_share_does_not_cost_another_one_its_own() -> None:
    factors = share_factors({"thief": 90.0, "b": 1.0}, 3.0, each_max=0.25, together_max=0.5)

    assert factors["b"] == 1.0
    assert factors["thief"] * 90.0 == pytest.approx(1.0)


def test_splitting_one_author_into_many_gains_nothing_beyond_the_common_share() -> None:
    praise = {f"sybil-{number}": 10.0 for number in range(20)}
    factors = share_factors(praise, 3.0, each_max=0.25, together_max=0.5)

    assert sum(factors[author] * mass for author, mass in praise.items()) == pytest.approx(3.0)


def test_where_nobody_unbound_is_praised_nobody_bound_is() -> None:
    assert share_factors({"a": 5.0}, 0.0, each_max=0.5, together_max=0.5) == {"a": 0.0}


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_a_share_outside_0_to_1_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="shares"):
        share_factors({}, 0.0, each_max=wrong, together_max=0.5)
    with pytest.raises(ValueError, match="shares"):
        share_factors({}, 0.0, each_max=0.5, together_max=wrong)


def test_negative_praise_is_refused() -> None:
    with pytest.raises(ValueError, match="praise"):
        share_factors({"a": -1.0}, 0.0, each_max=0.5, together_max=0.5)
