"""How alike two texts are."""

from hypothesis import given
from hypothesis import strategies as st

from node.verification.shingles import WORDS_MAX, likeness, shingles

LONG = "one two three four five six seven eight nine ten"


def test_likeness_counts_shared_runs() -> None:
    """Six runs of five words in ten words, seven in eleven, six of them shared."""
    assert likeness(shingles(LONG), shingles(LONG + " eleven")) == 6 / 7


def test_equal_texts_are_wholly_alike_whatever_their_case() -> None:
    assert likeness(shingles(LONG), shingles(LONG)) == 1.0
    assert likeness(shingles(LONG), shingles(LONG.upper())) == 1.0
    assert likeness(shingles(""), shingles("")) == 1.0


def test_texts_without_a_shared_run_are_not_alike() -> None:
    assert likeness(shingles(LONG), shingles("nothing of it")) == 0.0
    assert likeness(shingles(LONG), shingles(" ".join(reversed(LONG.split())))) == 0.0


def test_one_changed_number_costs_the_runs_that_it_is_in() -> None:
    """So a template with other numbers is no near copy, while a padded one is."""
    template = "Tom has {} apples and buys {} more so he has {} apples now"

    alike = likeness(shingles(template.format(2, 3, 5)), shingles(template.format(4, 5, 9)))

    assert alike == 0.0


def test_a_huge_text_is_cut_before_it_is_compared() -> None:
    assert len(shingles(" ".join(map(str, range(50_000))))) <= WORDS_MAX


@given(one=st.text(max_size=60), other=st.text(max_size=60))
def test_likeness_is_a_share_and_has_no_order(one: str, other: str) -> None:
    alike = likeness(shingles(one), shingles(other))

    assert 0.0 <= alike <= 1.0
    assert alike == likeness(shingles(other), shingles(one))
