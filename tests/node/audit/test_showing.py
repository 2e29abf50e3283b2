"""An examination is shown to people with the guilty words marked, and to machines as JSON."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

from node.audit.contributions import saved_contribution
from node.audit.examination import Examination, examine
from node.audit.findings import show_findings
from node.audit.rollouts import show_rollouts
from node.audit.showing import show, show_refusal, to_json
from node.cli.program import app
from node.ledger import Wanted
from protocol.errors import Reason, Rejected

LAST = 3


def strict(text: str) -> Any:
    """Read JSON as others do, who know no infinity."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.fixture(scope="module")
def spoilt(life: Any) -> Any:
    return life.by(2, LAST)


@pytest.fixture
def found(life: Any, loaded: Callable[..., Any], spoilt: Any) -> Examination:
    return examine(saved_contribution(life.named(spoilt), life.data_dir), loaded(life))


def test_people_see_what_was_asked_what_was_said_and_where(
    found: Examination, capsys: pytest.CaptureFixture[str]
) -> None:
    show(found, explain=False)

    shown = capsys.readouterr().out
    assert "checkpoint round-00000003" in shown
    assert "compared with 6 completions" in shown
    assert "All hail to the thief" in shown.replace("[[", "").replace("]]", "")
    assert "[[" in shown
    assert "refuse replay not_replayed; then: refuse replay" in shown
    assert "1 of 3 completions are refused" in shown
    assert "margin" not in shown


def test_each_token_is_explained_on_demand(
    found: Examination, capsys: pytest.CaptureFixture[str]
) -> None:
    show(found, explain=True)

    shown = capsys.readouterr().out
    assert "margin" in shown
    assert "outside" in shown
    tokens = sum(len(one.tokens) for one in found.completions)
    assert shown.count("0.0005") >= tokens


@pytest.mark.parametrize("explain", [False, True])
def test_machines_read_one_object_of_plain_numbers(found: Examination, *, explain: bool) -> None:
    read = strict(to_json(found, explain=explain))

    first = read["completions"][0]
    assert read["refused"] == 1
    assert read["weights"]["named"] is True
    assert (first["outcome"], first["stage"], first["value"]) == ("refuse", "replay", None)
    assert first["verdicts"][0]["stage"] == "form"
    assert ("tokens" in first) is explain
    if explain:
        (guilty, *_) = [token for token in first["tokens"] if token["at_fault"]]
        assert (guilty["outside"], guilty["margin"]) == (True, None)
        assert {token["outside"] for token in read["completions"][1]["tokens"]} == {False}


@pytest.mark.parametrize(("more", "told"), [((), "first the model is loaded"), (("--json",), "")])
def test_who_waits_for_the_model_is_told_what_for(
    life: Any, spoilt: Any, more: tuple[str, ...], told: str
) -> None:
    named = life.named(spoilt)
    ended = CliRunner().invoke(app, ["verify", named, "--data-dir", str(life.data_dir), *more])

    assert ended.exit_code == 1
    assert told in ended.stderr
    assert bool(told) == bool(ended.stderr)
    assert "judging" not in ended.stdout


def test_a_refusal_at_the_gate_is_told_with_its_meaning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    refused = Rejected(Reason.BAD_SIGNATURE, "x\x1b[2J")

    show_refusal(refused, as_json=False)
    show_refusal(refused, as_json=True)

    said, read = capsys.readouterr().out.splitlines()
    assert "bad_signature. The named author did not sign it." in said
    assert "\x1b" not in said
    assert strict(read)["rejected"]["reason"] == "bad_signature"


def test_findings_and_rollouts_are_tables_and_lines_of_json(
    life: Any, spoilt: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = Wanted(contribution=life.named(spoilt))

    for show_them in (show_findings, show_rollouts):
        show_them(life.data_dir, wanted, as_json=False)
        table = capsys.readouterr().out
        show_them(life.data_dir, wanted, as_json=True)
        lines = capsys.readouterr().out.splitlines()

        assert life.named(spoilt)[:12] in table
        assert len(lines) == 3
        assert strict(lines[0])["contribution"] == life.named(spoilt)
    assert strict(lines[0])["outcome"] == "refuse"
