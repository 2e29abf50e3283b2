"""An exported file holds what the ledger holds, and is there whole or not at all."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from node.audit.contributions import saved_contribution
from node.audit.export import Format, export, format_named
from node.audit.reading import findings_of
from node.audit.rollouts import fields_of
from node.faults import ConfigFault, DataDirFault, DiskFault
from node.ledger import Wanted

LAST, ROWS = 3, 4 * 2 * 9
OLDEST_FIRST = Wanted(newest_first=False)


def rows(life: Any, wanted: Wanted = OLDEST_FIRST) -> list[dict[str, object]]:
    return [fields_of(one) for one in findings_of(life.data_dir, wanted)]


def test_json_lines_hold_every_field_of_every_rollout(life: Any, tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"

    count = export(life.data_dir, path, OLDEST_FIRST, form=Format.JSONL, force=False)

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert count == len(lines) == ROWS
    assert lines == rows(life)
    assert [line["round_index"] for line in lines] == sorted(line["round_index"] for line in lines)


def test_a_rollout_says_what_it_was_and_what_became_of_it(life: Any) -> None:
    spoilt = life.by(2, LAST)
    named = life.named(spoilt)

    first, *_ = rows(life, Wanted(contribution=named))
    honest, *_ = rows(life, Wanted(contribution=life.named(life.by(1, 0))))

    assert first["outcome"] == "refuse"
    assert first["trained"] is False
    assert first["trained_tokens"] == 0
    assert "hail to the thief" in str(first["text"])
    assert first["policy_digest"] == spoilt.policy_digest.hex()
    assert honest["trained"] is True
    assert honest["trained_tokens"] == len(honest["tokens"])  # type: ignore[arg-type]  # a list
    assert honest["trained_reward"] == honest["reward"]
    assert honest["prompt"]


def test_parquet_holds_the_same(life: Any, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet`")
    path = tmp_path / "all.parquet"

    count = export(life.data_dir, path, OLDEST_FIRST, form=Format.PARQUET, force=False)

    table = parquet.read_table(path)
    assert count == table.num_rows == ROWS
    assert table.to_pylist() == rows(life)
    assert str(table.schema.field("tokens").type) == "list<element: int32>"


def test_an_empty_choice_is_an_empty_file(life: Any, tmp_path: Path) -> None:
    nothing = Wanted(round_index=99)
    for form in (Format.JSONL, Format.PARQUET):
        path = tmp_path / form

        assert export(life.data_dir, path, nothing, form=form, force=False) == 0
        assert path.exists()


def test_without_pyarrow_it_is_said_how_to_get_it(
    life: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where it is not installed

    with pytest.raises(ConfigFault) as fault:
        export(life.data_dir, tmp_path / "x", OLDEST_FIRST, form=Format.PARQUET, force=False)

    assert "pip install 'drl-node[parquet]'" in fault.value.fix
    assert list(tmp_path.iterdir()) == []


def test_the_signed_bytes_are_those_that_were_published(life: Any, tmp_path: Path) -> None:
    one = life.by(1, LAST)
    path = tmp_path / "one.contribution"

    export(
        life.data_dir,
        path,
        Wanted(contribution=life.named(one)[:10]),
        form=Format.SIGNED,
        force=False,
    )

    assert path.read_bytes() == b"".join(life.sealed(one))
    assert saved_contribution(str(path), life.data_dir).messages == life.sealed(one)


def test_signed_bytes_are_of_one_contribution(life: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match="of one contribution"):
        export(life.data_dir, tmp_path / "x", OLDEST_FIRST, form=Format.SIGNED, force=False)


@pytest.mark.parametrize("form", list(Format))
def test_a_file_that_is_there_is_replaced_only_when_asked(
    life: Any, tmp_path: Path, form: Format
) -> None:
    path = tmp_path / "mine"
    path.write_text("precious")
    wanted = Wanted(contribution=life.named(life.by(1, LAST)))

    with pytest.raises(ConfigFault, match="there already"):
        export(life.data_dir, path, wanted, form=form, force=False)
    assert path.read_text() == "precious"

    export(life.data_dir, path, wanted, form=form, force=True)
    assert path.read_bytes() != b"precious"
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no/such/place.jsonl", "No such file"),
        ("file/x.jsonl", "Not a directory"),
        ("a" * 250, "too long"),
        ("a" * 300, "too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_named(
    life: Any, tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(DiskFault, match=f"{name} cannot be written: .*{says}"):
        export(life.data_dir, tmp_path / name, OLDEST_FIRST, form=Format.JSONL, force=False)

    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_ledger_that_breaks_in_the_midst_leaves_no_file(own_life: Any, tmp_path: Path) -> None:
    path = own_life.run_dir / "ledger.db"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = b"\xff" * 20_000
    path.write_bytes(content)
    out = tmp_path / "out"
    out.mkdir()

    with pytest.raises((DataDirFault, DiskFault)):
        export(own_life.data_dir, out / "x", OLDEST_FIRST, form=Format.JSONL, force=False)

    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "path", "form"),
    [
        (None, "x.jsonl", Format.JSONL),
        (None, "x.parquet", Format.PARQUET),
        (None, "x.contribution", Format.SIGNED),
        (None, "x", Format.JSONL),
        ("parquet", "x.jsonl", Format.PARQUET),
    ],
)
def test_a_format_is_named_or_read_off_the_files_name(
    name: str | None, path: str, form: Format
) -> None:
    assert format_named(name, Path(path)) is form


def test_a_format_that_nobody_writes_is_refused() -> None:
    with pytest.raises(ConfigFault, match="'parket'") as fault:
        format_named("parket", Path("x"))

    assert "'parquet'" in fault.value.fix
