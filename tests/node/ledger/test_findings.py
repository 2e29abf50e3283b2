"""What was found comes back as it was, and is asked for by whatever is known of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.ledger import Ledger, Wanted
from node.work import Finding, Said

ACCEPTED = Said(stage="replay", outcome="accept", reason="clean", value=0.0, threshold=0.0005)
UNSURE = Said(stage="length", outcome="undecided", reason="no_lengths", value=31.0)
Found = Callable[..., Finding]


@pytest.fixture
def filled(ledger: Ledger, found: Found) -> Ledger:
    """Two rounds: ann is refused in both, bob accepted in one and undecided in the other."""
    bob = found(1, "12D3KooWbob", contribution="ab" * 32, prompt_index=6)
    accepted = replace(bob, deciding=ACCEPTED, verdicts=(ACCEPTED,), weight=1.0, credited=3)
    ledger.record_findings(1, [found(1), found(1, index=1), replace(accepted, trained_reward=2.5)])
    ledger.record_findings(
        2, [found(2), replace(bob, round_index=2, deciding=UNSURE, verdicts=(UNSURE,))]
    )
    return ledger


def test_a_finding_comes_back_with_all_its_evidence(ledger: Ledger, found: Found) -> None:
    """Infinite margins, hidden characters and token ids of a large vocabulary among it."""
    before = found(3, weight=0.5, credited=2, trained_reward=0.0)

    ledger.record_findings(3, [before])

    assert list(ledger.findings()) == [before]


def test_what_no_stage_was_asked_about_comes_back_too(ledger: Ledger, found: Found) -> None:
    nobody = Said(stage="", outcome="accept", reason="clean")
    before = found(3, deciding=nobody, verdicts=(), reward=None)

    ledger.record_findings(3, [before])

    assert list(ledger.findings()) == [before]


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        (Wanted(), [(2, "ann", 0), (2, "bob", 0), (1, "ann", 0), (1, "ann", 1), (1, "bob", 0)]),
        (Wanted(author="12D3KooWbob"), [(2, "bob", 0), (1, "bob", 0)]),
        (Wanted(author="bob", newest_first=False), [(1, "bob", 0), (2, "bob", 0)]),
        (Wanted(round_index=2), [(2, "ann", 0), (2, "bob", 0)]),
        (Wanted(prompt_index=6), [(2, "bob", 0), (1, "bob", 0)]),
        (Wanted(outcomes=("accept",)), [(1, "bob", 0)]),
        (Wanted(outcomes=("accept", "undecided")), [(2, "bob", 0), (1, "bob", 0)]),
        (Wanted(stage="length"), [(2, "bob", 0)]),
        (Wanted(reason="not_replayed", round_index=1), [(1, "ann", 0), (1, "ann", 1)]),
        (Wanted(contribution="ABAB"), [(2, "bob", 0), (1, "bob", 0)]),
        (Wanted(contribution="01010101"), [(1, "ann", 0), (1, "ann", 1)]),
        (Wanted(count_max=1), [(2, "ann", 0)]),
        (Wanted(author="'; DROP TABLE completions; --"), []),
    ],
)
def test_findings_are_asked_by_whatever_is_known_of_them(
    filled: Ledger, wanted: Wanted, places: list[tuple[int, str, int]]
) -> None:
    found = [(one.round_index, one.author[-3:], one.index) for one in filled.findings(wanted)]

    assert found == places
    assert filled.count_findings(replace(wanted, count_max=None)) >= len(places)


def test_a_round_that_is_trained_again_is_found_anew(ledger: Ledger, found: Found) -> None:
    ledger.record_findings(1, [found(1), found(1, index=1)])

    ledger.record_findings(1, [found(1, reward=0.0)])

    assert list(ledger.findings()) == [found(1, reward=0.0)]


def test_contributions_are_found_by_how_their_names_begin(filled: Ledger) -> None:
    assert filled.contributions("0101") == ("01" * 32,)
    assert filled.contributions("abab") == ("ab" * 32, "ab" * 32)
    assert filled.contributions("ff") == ()
