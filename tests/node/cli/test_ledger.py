"""A ledger is proven from the command line; what does not fit is named, and ends with one."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node.cli.program import app
from node.faults import ConfigFault, DataDirFault
from node.ledger import Ledger
from protocol.identity import Keypair

SWARM = "0123456789abcdef"


def asked(directory: Path, *arguments: str) -> tuple[int, str]:
    given = ["ledger", "verify", "--data-dir", str(directory), *arguments]
    ended = CliRunner().invoke(app, given)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended.exit_code, ended.output


@pytest.fixture
def place(tmp_path: Path) -> Path:
    place = tmp_path / "swarms" / SWARM
    place.mkdir(parents=True)
    return place


@pytest.fixture
def kept(place: Path, sealed: Callable[..., bytes], keys: list[Keypair]) -> Path:
    """The ledger of a node that has ended."""
    with closing(Ledger(place / "ledger.db")) as ledger:
        for round_index in range(3):
            ledger.record_own(round_index, [sealed(keys[0], round_index)])
            ledger.record(round_index, sealed(keys[1], round_index))
            ledger.close_round(round_index)
    return place / "ledger.db"


def change(ledger: Path, statement: str) -> None:
    with closing(sqlite3.connect(ledger)) as file:
        file.execute(statement)
        file.commit()


def test_a_ledger_that_fits_ends_with_zero_and_prints_its_head(kept: Path, tmp_path: Path) -> None:
    code, said = asked(tmp_path)

    assert code == 0
    assert f"{kept}: fits" in said
    assert "6 links, 3 closed rounds, 3 messages of its own, 3 of peers" in said
    assert f"head      {SWARM}:6:" in said


def test_a_head_that_was_printed_is_found_again_when_the_node_has_gone_on(
    kept: Path, tmp_path: Path
) -> None:
    head = json.loads(asked(tmp_path, "--json")[1])["head"]
    with closing(Ledger(kept)) as ledger:
        assert ledger.noted_head() == head  # as a node that ends logs it
        ledger.close_round(3)

    assert asked(tmp_path, "--head", head)[0] == 0
    code, said = asked(tmp_path, "--head", head[:-1] + ("0" if head[-1] != "0" else "1"))
    assert code == 1
    assert "link 6, as it was noted" in said


def test_what_does_not_fit_ends_with_one_and_is_named_for_people_and_machines(
    kept: Path, tmp_path: Path
) -> None:
    change(kept, "UPDATE envelopes SET own = 0 WHERE round = 1")

    code, said = asked(tmp_path)
    line = json.loads(asked(tmp_path, "--json")[1])

    assert code == 1
    assert "DOES NOT FIT" in said
    assert "round 1, what this node signed" in said
    assert "identity.key" in said
    assert line["fits"] is False
    counts = ("head", "links", "dropped", "rounds", "last_round", "signed", "heard")
    assert {line[name] for name in counts} == {None}
    assert line["misfit"]["where"].startswith("round 1")
    assert line["misfit"].keys() == {"where", "expected", "found", "fix"}


def test_a_ledger_without_a_closed_round_has_no_last_one(tmp_path: Path) -> None:
    place = tmp_path / "swarms" / SWARM
    place.mkdir(parents=True)
    Ledger(place / "ledger.db").close()
    line = json.loads(asked(tmp_path, "--json")[1])

    assert (line["fits"], line["rounds"], line["last_round"]) == (True, 0, None)


def test_one_of_several_ledgers_that_does_not_fit_is_enough(kept: Path, tmp_path: Path) -> None:
    shutil.copytree(kept.parent, tmp_path / "swarms" / "fedcba9876543210")
    change(kept, "DELETE FROM closed")

    code, said = asked(tmp_path)

    assert code == 1
    assert said.count(": fits") == said.count("DOES NOT FIT") == 1


def test_a_ledger_that_is_older_than_its_checkpoints_was_put_back(
    kept: Path, tmp_path: Path
) -> None:
    """To sign again what is not in it would be taken for fraud, so it is told before that."""
    checkpoints = kept.parent / "checkpoints"
    (checkpoints / "round-00000003").mkdir(parents=True)
    assert asked(tmp_path)[0] == 0

    (checkpoints / "round-00000009").mkdir()

    code, said = asked(tmp_path)
    assert code == 1
    assert "round 8, which a checkpoint beside it was trained on" in said


def test_a_place_where_no_node_ran_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DataDirFault, match="No node has run") as caught:
        asked(tmp_path)

    assert caught.value.exit_code == 3


def test_a_file_that_cannot_be_read_at_all_is_a_fault(kept: Path, tmp_path: Path) -> None:
    kept.write_bytes(b"no database" * 1000)

    with pytest.raises(DataDirFault, match="damaged") as caught:
        asked(tmp_path)

    assert caught.value.exit_code == 3


@pytest.mark.parametrize("head", ["", "6:ab", f"{SWARM}:x:{'0' * 64}", f"{'f' * 16}:6:{'0' * 64}"])
@pytest.mark.usefixtures("kept")
def test_what_is_no_head_of_a_ledger_here_is_a_wrong_flag(tmp_path: Path, head: str) -> None:
    with pytest.raises(ConfigFault, match="--head") as caught:
        asked(tmp_path, "--head", head)

    assert caught.value.exit_code == 2
