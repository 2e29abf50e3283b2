"""Health is whether figures were written of late; anything else is said and ends with one."""

import json
import os
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node.cli.health import TAIL_BYTES
from node.cli.program import app
from node.faults import DataDirFault

ROUND = {"kind": "round", "round": 7, "peers": 3}


def asked(directory: Path, *arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["health", "--data-dir", str(directory), *arguments])
    return ended.exit_code, ended.output


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    path = tmp_path / "swarms" / "x" / "metrics.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"kind": "evaluation"}) + "\n" + json.dumps(ROUND) + "\n")
    return path


def test_a_round_of_late_is_health(metrics: Path, tmp_path: Path) -> None:
    code, said = asked(tmp_path)

    assert code == 0
    assert said.startswith("healthy: round 7 with 3 peers, 0 s ago")


def test_a_long_silence_is_not(metrics: Path, tmp_path: Path) -> None:
    then = time.time() - 400
    os.utime(metrics, (then, then))

    code, said = asked(tmp_path)

    assert code == 1
    assert said.startswith("unhealthy: round 7")
    assert asked(tmp_path, "--age-s-max", "500")[0] == 0


def test_a_place_where_no_node_ran_is_not(tmp_path: Path) -> None:
    code, said = asked(tmp_path)

    assert code == 1
    assert "no node has measured anything" in said


def test_a_node_that_has_only_been_measured_is_well(metrics: Path, tmp_path: Path) -> None:
    metrics.write_text('{"kind": "evaluation"}\n')

    assert asked(tmp_path)[0] == 0


def test_a_line_that_is_being_written_is_left_out(metrics: Path, tmp_path: Path) -> None:
    with metrics.open("a") as file:
        file.write('{"kind": "round", "round": 8, "pe')

    assert "round 7" in asked(tmp_path)[1]


@pytest.mark.parametrize("line", ["[]", "7", "{}", '{"kind": "round"}', "[" * 99_999])
def test_a_line_that_no_node_wrote_is_left_out(metrics: Path, tmp_path: Path, line: str) -> None:
    with metrics.open("a") as file:
        file.write(f"{line}\n")

    assert "round 7" in asked(tmp_path)[1]


@pytest.mark.usefixtures("bound_by_modes")
def test_figures_that_may_not_be_read_are_no_sign_of_health_or_illness(
    metrics: Path, tmp_path: Path
) -> None:
    metrics.chmod(0o000)

    with pytest.raises(DataDirFault, match="Permission denied"):
        raise (
            CliRunner().invoke(app, ["health", "--data-dir", str(tmp_path)]).exception
            or AssertionError
        )


def test_of_a_long_file_only_the_end_is_read(metrics: Path, tmp_path: Path) -> None:
    padding = json.dumps({"kind": "round", "round": 1, "peers": 0, "x": "y" * TAIL_BYTES})
    metrics.write_text(f"{padding}\n{json.dumps(ROUND)}\n")

    assert "round 7" in asked(tmp_path)[1]


def test_the_newest_of_several_swarms_counts(metrics: Path, tmp_path: Path) -> None:
    old = tmp_path / "swarms" / "old" / "metrics.jsonl"
    old.parent.mkdir()
    old.write_text(json.dumps(ROUND | {"round": 99}) + "\n")
    os.utime(old, (1, 1))

    assert "round 7" in asked(tmp_path)[1]
