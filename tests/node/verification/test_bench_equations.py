"""The benchmark of the audit runs by path, and ends with one line of JSON."""

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[3] / "examples/bench/equations.py"
ANSWERS = [
    "Natalia sold 48/2 = <<48/2=24>>24 clips.\nShe sold 48+24 = <<48+24=72>>72 in all.\n#### 72",
    "That is 2 x $2 = $<<2*2=4>>5.\n#### 5",
    "Let x = 3.\n#### 3",
    "That is 4 + 4 = <<4+4=8>>8.\n#### 9",
]


def test_the_benchmark_counts_reads_flags_and_catches(tmp_path: Path) -> None:
    file = tmp_path / "solutions.jsonl"
    file.write_text("".join(json.dumps({"answer": answer}) + "\n" for answer in ANSWERS))

    run = subprocess.run(
        [sys.executable, str(BENCH), str(file), "--show", "flagged", "--show", "nowhere"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    figures = json.loads(run.stdout.splitlines()[-1])
    assert figures["marks"]["right"] == 4
    assert (figures["text"]["right"], figures["text"]["wrong"]) == (3, 1)
    assert figures["text"]["naming"] == 1
    assert figures["corrupted"]["changed"] == figures["corrupted"]["caught"] == 3
    assert "[2 x $2 = $5]" in run.stdout
    assert (figures["results"]["flagged"], figures["results"]["caught"]) == (1, 1)
    assert "nowhere: 9 after" in run.stdout
