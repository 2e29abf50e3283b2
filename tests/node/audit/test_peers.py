"""`drl-node peers`: what the others' completions came to, and what an operator says of them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from node.cli.program import app
from node.faults import ConfigFault, DataDirFault
from node.roster import FILE_NAME, read_roster
from protocol.identity import Keypair

KEYS = [str(Keypair.from_seed(bytes([index]) * 32).peer_id) for index in range(1, 4)]
Run = Callable[..., Result]


@pytest.fixture
def place(life: Any, tmp_path: Path) -> Path:
    """A copy of what a node left behind, to be changed."""
    copy = tmp_path / "node"
    shutil.copytree(life.data_dir, copy)
    return copy


@pytest.fixture
def run(place: Path) -> Run:
    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["peers", *arguments, "--data-dir", str(place)])

    return invoke


def listed(run: Run) -> dict[str, Any]:
    lines = run("list", "--json").output.splitlines()
    return {one["peer"]: one for one in map(json.loads, lines)}


def test_all_whose_completions_are_kept_are_listed_the_most_refused_first(run: Run) -> None:
    found = listed(run)

    assert set(found) == set(KEYS)
    shares = [one["refused_share"] for one in found.values()]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.0 == shares[-1]
    assert all(one["completions"] > 0 for one in found.values())


def test_why_a_peers_completions_were_refused_is_shown(run: Run) -> None:
    worst = next(iter(listed(run)))
    shown = run("show", worst[-8:])

    assert shown.exit_code == 0
    assert "refuse" in shown.output
    assert "author_adds_up" in shown.output


def test_a_ban_is_kept_with_its_reason_and_can_be_taken_back(run: Run, place: Path) -> None:
    said = run("ban", KEYS[1], "--note", "preaches")
    banned = {str(peer): note for peer, note in read_roster(place / FILE_NAME).banned.items()}
    record = listed(run)[KEYS[1]]
    run("unban", KEYS[1][-6:])

    assert "is banned" in said.output
    assert banned == {KEYS[1]: "preaches"}
    assert (record["said"], record["note"]) == ("banned", "preaches")
    assert not read_roster(place / FILE_NAME).banned


def test_trust_takes_the_place_of_a_ban(run: Run, place: Path) -> None:
    run("ban", KEYS[1])
    run("trust", KEYS[1])
    roster = read_roster(place / FILE_NAME)

    assert [str(peer) for peer in roster.trusted] == [KEYS[1]]
    assert not roster.banned


def test_a_peer_can_be_banned_before_it_was_ever_heard_of(run: Run, place: Path) -> None:
    stranger = str(Keypair.from_seed(bytes([9]) * 32).peer_id)
    run("ban", stranger)

    assert listed(run)[stranger]["last_round"] is None


@pytest.mark.parametrize("wrong", ["somebody", "", KEYS[0][:-1], "12D3KooW"])
def test_what_is_no_peer_is_refused_and_nothing_is_written(
    run: Run, place: Path, wrong: str
) -> None:
    refused = run("ban", wrong)

    assert isinstance(refused.exception, ConfigFault)
    assert not (place / FILE_NAME).exists()


def test_the_ending_of_several_is_refused_and_names_them(run: Run) -> None:
    twins = [str(Keypair.from_seed(number.to_bytes(32, "big")).peer_id) for number in range(99)]
    ending = twins[0][-1]
    alike = [peer for peer in twins if peer.endswith(ending)]
    for peer in alike:
        run("ban", peer)

    assert len(alike) > 1
    with pytest.raises(ConfigFault, match="ending of"):
        raise run("unban", ending).exception or AssertionError


def test_a_broken_roster_is_named(run: Run, place: Path) -> None:
    (place / FILE_NAME).write_text("{")

    assert isinstance(run("list").exception, ConfigFault)
    assert (place / FILE_NAME).read_text() == "{"


@pytest.mark.parametrize("command", [("list",), ("show", KEYS[0])])
def test_a_directory_where_no_node_ran_is_not_one_without_peers(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    asked = CliRunner().invoke(app, ["peers", *command, "--data-dir", str(tmp_path / "typo")])

    assert isinstance(asked.exception, DataDirFault)
    assert "No node has run in" in asked.exception.cause


def test_who_is_banned_before_the_node_first_starts_is_told_where_that_is_written(
    run: Run, place: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    early = CliRunner().invoke(app, ["peers", "ban", KEYS[1], "--data-dir", str(new)])
    late = run("ban", KEYS[1])
    listed_early = CliRunner().invoke(app, ["peers", "list", "--data-dir", str(new)])

    assert f"{new / FILE_NAME}; no node has run there yet" in early.output
    assert late.output.endswith(f"{place / FILE_NAME}\n")
    assert KEYS[1] in listed_early.output
