"""`swarm up` with an attacker: real processes over libp2p, and what the scoreboard says of it."""

import json
import subprocess
import sys
from pathlib import Path

SMALL = (
    "swarm.prompts_per_round=4",
    "swarm.completions_per_prompt=6",
    "evaluate.prompts_final=20",
    "evaluate.prompts=10",
    "round.linger_s=0.2",
)


def swarm_up(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = [part for setting in SMALL for part in ("--set", setting)]
    command = [sys.executable, "-m", "node", "swarm", "up", "--json", "--dir", str(directory)]
    return subprocess.run(
        [*command, *arguments, *settings],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def test_a_live_swarm_refuses_what_its_attacker_writes_and_stays_clean(tmp_path: Path) -> None:
    ended = swarm_up(
        tmp_path, *("--honest", "2", "--malicious", "1", "--attack", "hail", "--rounds", "3")
    )

    assert ended.returncode == 0, ended.stderr
    board = json.loads(ended.stdout)
    attack = board["attack"]
    malicious, honest = attack["judged"]["malicious"], attack["judged"]["honest"]
    # 3 rounds x 4 prompts x 2 completions, judged by two.
    assert malicious["completions"] == malicious["refused"] == 48
    assert (honest["completions"], honest["refused"]) == (96, 0)
    assert attack["arrived_share"] == 1.0
    assert attack["clean"]
    assert [node["role"] for node in board["nodes"]] == ["honest", "honest", "malicious"]
    assert all(node["after"]["shown_greedy"] == 0.0 for node in board["nodes"][:2])


def test_a_swarm_whose_attacker_cannot_attack_proves_nothing(tmp_path: Path) -> None:
    ended = swarm_up(
        tmp_path, *("--honest", "1", "--malicious", "1", "--attack", "nowhere:Nothing")
    )

    assert ended.returncode == 1
    assert "node-1 ended with exit code 2" in ended.stderr
    assert "'nowhere:Nothing' cannot be imported" in ended.stderr
    assert json.loads(ended.stdout)["attack"]["verdict"].startswith("no verdict")
