"""The scoreboard is computed from the nodes' own lines, by hand here."""

import json
from typing import Any

import pytest

from node.scoreboard import Progress, progress_line, questioned, scoreboard, show_scoreboard


def round_line(index: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "round",
        "round": index,
        "peers": 1,
        "published": 4 * (index + 1),
        "delivered": 4 * (index + 1),
        "admitted": 4 * (index + 1),
        "refused": {"duplicate": index},
        "seconds": {"sample": 0.5, "train": 1.0},
        "cpu_model_s": 0.9,
        "cpu_node_s": 0.1,
        "tokens_sampled": 100,
        "policy_digest": "aa",
        "reward_mean": 1.25,
        "warning": None,
        "completions": 32,
        "verified": {"refuse": {"not_replayed": index}, "undecided": {}},
        "right": 0.5,
    } | more


def evaluation(sampled: float) -> dict[str, Any]:
    return {"kind": "evaluation", "sampled": sampled, "greedy": 0.8, "prompts": 300}


@pytest.fixture
def members() -> list[list[dict[str, Any]]]:
    one = [evaluation(0.25), round_line(0), round_line(1), evaluation(0.5)]
    return [one, list(one)]


def test_a_scoreboard_sums_up_every_node(members: list[list[dict[str, Any]]]) -> None:
    board = scoreboard(members, seconds=12.34)

    node = board["nodes"][0]
    assert node["before"] == {"prompts": 300, "sampled": 0.25, "greedy": 0.8}
    assert node["after"]["sampled"] == 0.5
    assert node["tokens_per_s"] == 200.0
    assert node["round_s"] == {"sample": 0.5, "train": 1.0}
    assert node["model_cpu_share"] == 0.9
    assert (board["published"], board["delivered"], board["delivered_share"]) == (16, 16, 1.0)
    assert board["refused"] == {"duplicate": 2}
    assert node["completions_refused"] == {"not_replayed": 1}
    assert questioned(board) == "not_replayed 2 of 128"
    assert board["policies"] == 1
    assert board["seconds"] == 12.3


def test_a_lost_contribution_shows(members: list[list[dict[str, Any]]]) -> None:
    members[1][2] = round_line(1, delivered=7)

    assert scoreboard(members, seconds=1.0)["delivered_share"] == 15 / 16


def test_nodes_that_drifted_apart_show(members: list[list[dict[str, Any]]]) -> None:
    members[1][2] = round_line(1, policy_digest="bb")

    assert scoreboard(members, seconds=1.0)["policies"] == 2


def test_rounds_without_signal_show(
    members: list[list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    members[0][1] = round_line(0, right=0.0)
    members[0][2] = round_line(1, right=0.0, warning="all_groups_equal")

    show_scoreboard(scoreboard(members, seconds=1.0), as_json=False)

    assert "no gradient in 1, no right answer in 2 of 2 rounds" in capsys.readouterr().out


def test_a_node_that_did_nothing_has_a_score_too(capsys: pytest.CaptureFixture[str]) -> None:
    board = scoreboard([[], []], seconds=1.0)

    show_scoreboard(board, as_json=False)

    assert board["nodes"][0]["rounds"] == 0
    assert "0 contributions" in capsys.readouterr().out


def test_machines_get_one_line_of_json(
    members: list[list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    board = scoreboard(members, seconds=1.0)

    show_scoreboard(board, as_json=True)

    assert json.loads(capsys.readouterr().out) == board


def test_a_line_of_progress_names_round_messages_reward_and_accuracy(
    members: list[list[dict[str, Any]]],
) -> None:
    line = progress_line(members, 1, 20)

    assert line == "round 2/20  peers 1  out 16  in 16  reward 1.25  held-out 50% 50%"


def test_away_from_a_terminal_each_round_is_told_once(
    members: list[list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(2, 20, silent=False) as progress:
        progress.show(members)
        progress.show(members)

    assert capsys.readouterr().err.count("round 2/20") == 1
