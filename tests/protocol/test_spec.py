"""The specification and the code name the same rules, reasons, limits and bytes."""

import importlib
import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

import protocol
from protocol import constants
from protocol.admission import Admission
from protocol.errors import Reason
from protocol.parameters import _PATTERNS, _RANGES, Parameters

README = (Path(protocol.__file__).parent / "README.md").read_text("utf-8")
VECTORS = Path(__file__).parent.parent / "vectors"


def table(header: str) -> list[list[str]]:
    """The rows of the README's table that begins with a header cell."""
    lines = README.split(f"\n| {header} |")[1].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def section(number: int) -> str:
    return README.split(f"\n## {number}. ")[1].split("\n## ")[0]


RULES = table("rule | verdict")
EVIDENCE_RULES = table("evidence rule | verdict")
EXCHANGE_RULES = table("exchange rule | verdict")
PACE_RULES = table("rule | what")
TAG = r"# (\[REJECT\]|\[IGNORE\]) "


def resolve(dotted: str) -> object:
    module, *names = dotted.strip("`").split(".")
    found: object = importlib.import_module(f"protocol.{module}")
    for name in names:
        found = getattr(found, name)
    return found


def test_rules_are_numbered_without_gaps() -> None:
    assert [row[0] for row in RULES] == [str(number) for number in range(1, len(RULES) + 1)]
    assert [row[0] for row in EVIDENCE_RULES] == [
        f"E{number}" for number in range(1, len(EVIDENCE_RULES) + 1)
    ]
    assert [row[0] for row in EXCHANGE_RULES] == [
        f"X{number}" for number in range(1, len(EXCHANGE_RULES) + 1)
    ]
    assert [row[0] for row in PACE_RULES] == [f"P{n}" for n in range(1, len(PACE_RULES) + 1)]


@pytest.mark.parametrize("row", [*RULES, *EVIDENCE_RULES, *EXCHANGE_RULES], ids=lambda row: row[0])
def test_each_rule_has_a_reason_with_its_verdict_and_a_function(row: list[str]) -> None:
    _, verdict, reason, _, kept_by = row

    assert verdict == ("[REJECT]" if Reason(reason.strip("`")).rejects else "[IGNORE]")
    assert callable(resolve(kept_by))


@pytest.mark.parametrize("row", PACE_RULES, ids=lambda row: row[0])
def test_each_rule_of_the_pace_has_a_function(row: list[str]) -> None:
    assert callable(resolve(row[-1]))


def test_every_reason_is_in_the_table_in_the_order_of_asking() -> None:
    first_named = list(dict.fromkeys(row[2].strip("`") for row in RULES))

    assert first_named == [str(reason) for reason in Reason]


def test_every_check_in_the_code_stands_under_its_verdict() -> None:
    """Admission reads as the table does: so many comments, in the same order."""
    source = (Path(protocol.__file__).parent / "admission.py").read_text("utf-8")
    evidence = inspect.getsource(Admission.convict)
    verdicts = re.findall(TAG, source.replace(evidence, ""))

    flat = ["[REJECT]", "[IGNORE]", "[REJECT]", "[REJECT]", *["[IGNORE]"] * 5, "[REJECT]"]
    flat += ["[IGNORE]", "[REJECT]", "[REJECT]"]
    assert verdicts[: len(flat)] == flat
    assert verdicts[len(flat) :] == [*["[IGNORE]"] * 4, "[REJECT]", "[IGNORE]"]
    assert re.findall(TAG, evidence) == [row[1] for row in EVIDENCE_RULES]
    exchange = (Path(protocol.__file__).parent / "exchange.py").read_text("utf-8")
    assert re.findall(TAG, exchange) == [row[1] for row in EXCHANGE_RULES]


def test_every_parameter_is_in_the_table_in_the_order_of_hashing() -> None:
    letters = {str: "s", bool: "b", int: "i", float: "f"}

    rows = table("# | field | type | allowed")

    names = [row[1].strip("`") for row in rows]
    assert names == [field.name for field in fields(Parameters)]
    for _, name, letter, *_ in rows:
        kind = Parameters.__annotations__[name.strip("`")]
        assert letter == letters[kind if kind in letters else str]


def test_every_parameter_is_checked_by_range_pattern_or_kind() -> None:
    kinds = {"test_swarm", "mode", "prompt_choice", "encoding"}

    assert {*_RANGES, *_PATTERNS} | kinds == {field.name for field in fields(Parameters)}


@pytest.mark.parametrize("row", table("limit | value"), ids=lambda row: row[0])
def test_limits_are_those_of_the_code(row: list[str]) -> None:
    assert getattr(constants, row[0].strip("`")) == int(row[1])


def test_the_worked_example_is_the_first_vector() -> None:
    block = section(4).split("```")[1]
    digits = "".join(
        re.split(r"\s{3,}", line.strip())[0].replace(" ", "") for line in block.strip().splitlines()
    )
    first = json.loads((VECTORS / "envelopes.json").read_text("utf-8"))[0]

    assert digits == first["messages"][0]


def test_every_module_is_in_the_map() -> None:
    source = Path(protocol.__file__).parent
    named = set(re.findall(r"`(\w+)`", README.split("\n## 1. ")[0]))

    assert {path.stem for path in source.glob("*.py")} - {"__init__"} <= named
