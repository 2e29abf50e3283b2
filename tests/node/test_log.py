"""Events reach standard error as their reader needs them, and only those asked for."""

import json

import pytest

from node.faults import ConfigFault
from node.log import configure_log, event_sink
from node.settings import LogSettings


def test_machines_get_one_line_of_json_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    tell = event_sink(configure_log(LogSettings(format="json")))

    tell("round_done", {"round": 3})

    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["round"], line["level"]) == ("round_done", 3, "info")


def test_people_get_words(capsys: pytest.CaptureFixture[str]) -> None:
    tell = event_sink(configure_log(LogSettings(format="console")))

    tell("round_done", {"round": 3})

    assert "round_done" in capsys.readouterr().err


def test_away_from_a_terminal_events_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    event_sink(configure_log(LogSettings()))("round_done", {})

    assert json.loads(capsys.readouterr().err)["event"] == "round_done"


def test_quiet_events_are_told_only_to_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    for level in ("info", "debug"):
        tell = event_sink(configure_log(LogSettings(format="json", level=level)), frozenset({"x"}))
        tell("x", {"at": level})

    assert json.loads(capsys.readouterr().err)["at"] == "debug"


def test_what_an_operator_should_see_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    tell = event_sink(configure_log(LogSettings(format="json", level="warning")))

    tell("round_done", {})
    tell("no_signal", {})

    assert json.loads(capsys.readouterr().err)["level"] == "warning"


@pytest.mark.parametrize("wrong", [{"level": "inf"}, {"format": "jsn"}])
def test_an_unknown_level_or_format_is_refused_with_the_nearest(wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigFault) as caught:
        configure_log(LogSettings(**wrong))

    assert {"level": "info", "format": "json"}[next(iter(wrong))] in caught.value.fix
