import json
import os
from pathlib import Path

import pytest

from node.faults import DataDirFault
from node.journal import WAITING_MAX, Journal


def lines(path: Path) -> list[dict[str, int]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_lines_are_on_disk_when_the_call_returns(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with Journal(path) as journal:
        journal.write({"round": 0})
        journal.write({"round": 1})

        assert lines(path) == [{"round": 0}, {"round": 1}]


def test_a_journal_that_is_opened_again_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for number in range(2):
        with Journal(path) as journal:
            journal.write({"round": number})

    assert lines(path) == [{"round": 0}, {"round": 1}]


def test_a_full_disk_delays_lines_and_breaks_none(tmp_path: Path) -> None:
    """`/dev/full` refuses every write, as a full disk does."""
    path = tmp_path / "metrics.jsonl"
    with Journal(path) as journal:
        journal.write({"round": 0})
        good = os.dup(journal._file)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, journal._file)
        journal.write({"round": 1})
        journal.write({"round": 2})
        assert journal.waiting == 2

        os.dup2(good, journal._file)
        journal.write({"round": 3})
        os.close(good)
        os.close(full)

    assert [line["round"] for line in lines(path)] == [0, 1, 2, 3]
    assert journal.waiting == 0


def test_what_waits_is_bounded_and_what_is_lost_is_counted(tmp_path: Path) -> None:
    with Journal(tmp_path / "metrics.jsonl") as journal:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, journal._file)
        os.close(full)
        for number in range(WAITING_MAX + 7):
            journal.write({"round": number})

    assert journal.waiting == WAITING_MAX
    assert journal.lost == 7


def test_a_place_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DataDirFault, match=r"metrics\.jsonl"):
        Journal(tmp_path / "missing" / "metrics.jsonl")
