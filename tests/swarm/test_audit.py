"""What a node keeps of its rounds: it is asked for, judged again, and trained on again."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MakeNode = Callable[..., Any]
ROUNDS_KEPT = 4


def ask(node: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node", *arguments, "--data-dir", str(node.directory)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def test_a_running_node_is_asked_and_what_it_kept_is_judged_again(
    make_node: MakeNode, tmp_path: Path
) -> None:
    """It keeps as many rounds as it was told, and recovers from none but its checkpoint."""
    more = (f"ledger.rounds_kept={ROUNDS_KEPT}", "checkpoint.every=2")
    node = make_node("asked", more=more).start()
    node.await_rounds(8)

    meanwhile = ask(node, "rollouts", "export", str(tmp_path / "all.jsonl"))
    accepted = ask(node, "findings", "--all", "--json", "--count", "3")
    node.await_rounds(len(node.rounds()) + 2)
    node.end()
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    kept = {line["round_index"] for line in lines}
    newest = json.loads(ask(node, "rollouts", "show", "--json", "--count", "1").stdout)
    judged = ask(node, "verify", newest["contribution"][:12], "--json")
    node.start()
    again = node.await_event("node_started", count=2)

    assert (meanwhile.returncode, accepted.returncode) == (0, 0), meanwhile.stderr
    # What follows the oldest of three checkpoints, two rounds apart, is kept in any case.
    assert ROUNDS_KEPT <= len(kept) <= 3 * 2 + 2
    assert {line["outcome"] for line in lines} == {"accept"}
    assert all(line["trained"] and line["text"] for line in lines)
    assert len(accepted.stdout.splitlines()) == 3
    assert judged.returncode == 0, judged.stderr
    found = json.loads(judged.stdout)
    assert found["refused"] == 0
    assert found["weights"]["named"]
    assert {one["then"]["outcome"] for one in found["completions"]} == {"accept"}
    assert again["round"] == node.events("node_stopped")[0]["saved"]
    assert node.events("round_trained_again") == []


def test_a_damaged_checkpoint_costs_no_round_of_those_that_are_kept(make_node: MakeNode) -> None:
    """The one before it is older, and the ledger still holds what it lacks."""
    unbroken = make_node("unbroken").start("--rounds", "7")
    assert unbroken.wait() == 0, unbroken.log
    broken = make_node("broken")
    broken.directory.mkdir(mode=0o700)
    shutil.copy2(unbroken.directory / "identity.key", broken.directory)
    assert broken.start("--rounds", "5").wait() == 0, broken.log
    (newest,) = broken.directory.glob("swarms/*/checkpoints/round-00000005/model.safetensors")
    newest.write_bytes(newest.read_bytes()[:-8])

    assert broken.start("--rounds", "7").wait() == 0, broken.log

    (skipped,) = broken.events("checkpoint_skipped")
    assert skipped["path"].endswith("round-00000005")
    assert "bytes instead of" in skipped["why"]
    assert skipped["goes_on_with_round"] == 4
    assert [one["round"] for one in broken.events("round_trained_again")] == [4]
    ends = [node.rounds()[-1] for node in (unbroken, broken)]
    assert [one["round"] for one in ends] == [6, 6]
    assert ends[0]["policy_digest"] == ends[1]["policy_digest"]
