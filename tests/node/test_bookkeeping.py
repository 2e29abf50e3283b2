"""Every round leaves one line; a round without signal is told of, and not too often."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.bookkeeping import ADVICE, Books
from node.journal import Journal
from node.learning import NoGradient, StepReport
from node.round import RoundReport, Spent
from node.work import Evaluation, Finding, Said, Trained

GATE: Any = SimpleNamespace(delivered=3, admitted=2, counts=lambda: {"duplicate": 1})
Told = list[tuple[str, dict[str, object]]]


def report(index: int, *, warning: NoGradient | None = None, right: float = 0.5) -> RoundReport:
    return RoundReport(
        round_index=index,
        ended="complete",
        authors=2,
        published=4,
        contributions=8,
        trained=Trained(
            step=StepReport(reward_mean=1.0, warning=warning),
            policy_digest="ab",
            completions=64,
            found=(),
            unusable=0,
            unheard=0,
            right=right,
            same_policy=8,
            own_reward=1.0,
            peers_reward=1.0,
            cpu_s=0.5,
        ),
        spent=Spent(seconds={"train": 1.2345}, model_cpu_s=0.75, tokens=900),
    )


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def books(told: Told, tmp_path: Path) -> Iterator[Books]:
    with Journal(tmp_path / "metrics.jsonl") as journal:
        yield Books(journal, lambda name, fields: told.append((name, dict(fields))))


def lines(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]


def enter(books: Books, one: RoundReport) -> None:
    books.enter_round(one, GATE, peers=3, node_cpu_s=0.1)


def test_a_round_is_one_line_with_all_its_figures(books: Books, tmp_path: Path, told: Told) -> None:
    enter(books, report(0))
    enter(books, report(1))

    first, second = lines(tmp_path)
    assert (first["round"], first["published"], second["published"]) == (0, 4, 8)
    assert first["seconds"] == {"train": 1.234}
    assert first["refused"] == {"duplicate": 1}
    assert (first["cpu_model_s"], first["cpu_node_s"]) == (0.75, 0.1)
    assert first["reward_mean"] == 1.0
    assert [name for name, _ in told] == ["round_done", "round_done"]


def test_rounds_without_signal_are_told_at_the_first_tenth_and_hundredth(
    books: Books, told: Told
) -> None:
    for index in range(120):
        enter(books, report(index, warning=NoGradient.ALL_GROUPS_EQUAL))

    times = [fields["times"] for name, fields in told if name == "no_signal"]
    assert times == [1, 10, 100]


def test_a_round_in_which_nothing_is_right_is_told_too(books: Books, told: Told) -> None:
    """Form alone is rewarded then, and the loss looks healthy."""
    enter(books, report(0, right=0.0))

    (fields,) = [fields for name, fields in told if name == "no_signal"]
    assert fields["why"] == "nothing_right"


def test_what_verification_found_is_counted_by_outcome_and_told_by_author(
    books: Books, tmp_path: Path, told: Told
) -> None:
    one = Finding(
        author="peer",
        round_index=0,
        prompt_index=1,
        index=2,
        contribution="ab" * 32,
        policy_digest="cd" * 32,
        prompt="How many?",
        text="Five.",
        tokens=(5, 1),
        ended=True,
        reward=1.0,
        deciding=Said(stage="replay", outcome="refuse", reason="not_replayed"),
    )
    accepted = replace(one, deciding=Said(stage="replay", outcome="accept", reason="clean"))
    found = replace(report(0).trained, found=(one, accepted, replace(one, index=3)))

    enter(books, replace(report(0), trained=found))

    (line,) = lines(tmp_path)
    assert line["verified"] == {"refuse": {"not_replayed": 2}, "undecided": {}}
    assert "found" not in line
    assert line["judged"] == {
        "peer": {"completions": 3, "refuse": {"not_replayed": 2}, "undecided": {}}
    }
    (fields,) = [fields for name, fields in told if name == "completions_questioned"]
    assert (fields["author"], fields["completions"]) == ("peer", 2)


def test_there_is_advice_for_every_cause() -> None:
    assert set(ADVICE) == {cause.value for cause in NoGradient} | {"nothing_right"}


def test_an_evaluation_is_one_line(books: Books, tmp_path: Path, told: Told) -> None:
    found = Evaluation(
        prompts=3,
        sampled=1 / 3,
        greedy=1.0,
        form=1.0,
        length=9.0,
        shown_sampled=0.0,
        shown_greedy=0.0,
        cpu_s=0.1,
    )

    books.enter_evaluation(found, round_index=5, when="running", seconds=0.5)

    (line,) = lines(tmp_path)
    assert (line["kind"], line["round"], line["when"]) == ("evaluation", 5, "running")
    assert told[0][1]["sampled"] == 0.3333
