"""Nodes that meet over libp2p train as one: everything arrives, and all end with the same bits."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def swarm_up(*arguments: str) -> tuple[int, dict[str, Any]]:
    settings = ("evaluate.prompts_final=20", "round.linger_s=1")
    command = [sys.executable, "-m", "node", "swarm", "up", "--json", *arguments]
    command += [part for setting in settings for part in ("--set", setting)]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.stdout, ended.stderr[-3000:]
    return ended.returncode, json.loads(ended.stdout)


@pytest.mark.parametrize(
    ("mode", "encoding", "published", "policies"),
    [("vertical", "tokens", 3 * 12, 1), ("horizontal", "text", 3 * 3 * 12, 3)],
)
def test_a_swarm_delivers_everything_and_ends_with_one_policy_where_tokens_can_be_replayed(
    mode: str, encoding: str, published: int, policies: int
) -> None:
    """Text proves nothing about who wrote it: there each trusts itself more than the others."""
    code, board = swarm_up(
        *("--nodes", "3", "--rounds", "3", "--mode", mode),
        *("--set", f"swarm.encoding={encoding}"),
        *("--set", "swarm.prompts_per_round=12"),
        *("--set", "swarm.completions_per_prompt=9"),
    )

    assert code == 0
    assert board["delivered_share"] == 1.0
    assert board["policies"] == policies
    assert [node["rounds"] for node in board["nodes"]] == [3, 3, 3]
    assert board["published"] == published
    assert board["refused"] == {}


def test_a_swarm_of_one_seed_replays_bit_by_bit() -> None:
    """Real processes over a real network, and still the same weights."""
    small = ("--set", "swarm.prompts_per_round=4", "--set", "swarm.completions_per_prompt=4")
    boards = [
        swarm_up("--nodes", "2", "--rounds", "3", "--seed", seed, *small)[1]
        for seed in ("7", "7", "8")
    ]

    policies = [board["nodes"][0]["policy"] for board in boards]
    assert policies[0] == policies[1] != policies[2]


def test_a_swarm_whose_nodes_cannot_start_says_why_and_ends_with_one(tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "node", "swarm", "up", "--nodes", "1", "--rounds", "1"),
            *("--model", "/no/such/model", "--dir", str(tmp_path / "swarm")),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ended.returncode == 1
    assert "node-0 ended with exit code 4" in ended.stderr
    assert "/no/such/model" in ended.stderr


def test_the_line_that_a_node_prints_lets_another_join_and_follow(
    make_node: Callable[..., Any],
) -> None:
    """The second comes late, is led to the first one's round, and then both train on both."""
    first = make_node("first")
    address = first.start().join_line()
    first.await_rounds(8)

    second = make_node("second").start("--peers", address)
    met = second.await_rounds(3)[-1]

    assert met["authors"] == 2
    assert met["round"] >= 8
    assert second.events("round_jumped") or second.rounds()[0]["round"] >= 6
    for node in (first, second):
        assert node.end() < 10
        assert node.process.returncode == 0, node.log


def test_nodes_of_other_numbers_do_not_meet(make_node: Callable[..., Any]) -> None:
    """Other parameters are another swarm: another topic, another digest in every signature."""
    first = make_node("first")
    address = first.start().join_line()

    stranger = make_node("stranger", more=("swarm.top_k=7", "round.join_s=2"))
    stranger.start("--peers", address).await_rounds(2)

    assert {line["authors"] for line in stranger.rounds()} == {1}
    assert {line["delivered"] for line in stranger.rounds()} == {0}
