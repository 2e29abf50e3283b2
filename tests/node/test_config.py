"""One tree of settings: file < environment < flags, and nothing unknown gets in."""

import tomllib
from pathlib import Path

import pytest

from node.config import load_config, read_assignments, render, swarm_flags
from node.faults import ConfigFault


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_flags_beat_the_environment_which_beats_files(tmp_path: Path) -> None:
    first = written(tmp_path / "a.toml", "[round]\nrounds = 1\nauthors_min = 5\nlinger_s = 9")
    second = written(tmp_path / "b.toml", "[round]\nrounds = 2")

    loaded = load_config(
        files=[first, second],
        environment={"DRL_ROUND__AUTHORS_MIN": "6", "PATH": "/bin", "DRL_OTHER": "x"},
        flags={("round", "linger_s"): 0.5},
    )

    found = loaded.config.round
    assert (found.rounds, found.authors_min, found.linger_s) == (2, 6, 0.5)
    assert loaded.origins["round", "rounds"] == str(second)
    assert loaded.origins["round", "authors_min"] == "environment"
    assert loaded.origins["round", "linger_s"] == "flag"


def test_an_unknown_section_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.toml", "[swram]\nname = 'x'")

    with pytest.raises(ConfigFault, match=r"no section \[swram\]") as caught:
        load_config(files=[path])

    assert "swarm" in caught.value.fix


def test_an_unknown_key_from_the_environment_is_refused() -> None:
    with pytest.raises(ConfigFault, match="nam"):
        load_config(environment={"DRL_SWARM__NAM": "x"})


@pytest.mark.parametrize(
    ("text", "says"),
    [("name = 'x'", "outside a section"), ("[swarm", "no valid TOML")],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigFault, match=says):
        load_config(files=[written(tmp_path / "a.toml", text)])


def test_a_missing_file_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match=r"absent\.toml"):
        load_config(files=[tmp_path / "absent.toml"])


def test_assignments_name_section_and_key() -> None:
    assert read_assignments(["swarm.name=a=b"]) == {("swarm", "name"): "a=b"}


@pytest.mark.parametrize("assignment", ["swarm.name", "name=x", "=x", ".name=x", "swarm.=x"])
def test_an_assignment_of_another_form_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigFault, match="does not fit"):
        read_assignments([assignment])


def test_the_rendered_configuration_is_toml_that_reads_back_the_same(tmp_path: Path) -> None:
    text = 'phrase:a "quoted" \\ text\nof two lines\t\x00\x1f\x7f, Gr\u00fc\u00dfe \U0001f600'
    loaded = load_config(flags={("adversary", "payload"): text, ("swarm", "top_k"): 5})

    shown = render(loaded)

    assert tomllib.loads(shown)["swarm"]["top_k"] == 5
    assert "top_k = 5  # flag" in shown
    assert load_config(files=[written(tmp_path / "a.toml", shown)]).config == loaded.config


def test_the_flags_to_join_name_what_the_swarm_shares_and_nothing_local() -> None:
    flags = {("swarm", "shares"): 2, ("model", "threads"): 7, ("task", "source"): "gsm8k:x"}

    joined = swarm_flags(load_config(flags=flags).config)

    assert joined == "--set swarm.shares=2 --set task.source=gsm8k:x"


def test_a_default_swarm_needs_no_flags_to_join() -> None:
    assert swarm_flags(load_config().config) == ""


@pytest.mark.parametrize(
    ("section", "key", "fix"),
    [
        ("verify", "judge", "[judge] is a section: backend, "),
        ("swarm", "learning_rate", "Did you mean train.learning_rate?"),
        ("verify", "device", "Did you mean model.device or judge.device?"),
        ("verify", "defense", "Did you mean 'defence'?"),
        ("verify", "zzzz", "Known here: "),
    ],
)
def test_a_key_that_another_section_has_is_told_by_its_place(
    section: str, key: str, fix: str
) -> None:
    with pytest.raises(ConfigFault) as refused:
        load_config(flags={(section, key): "x"})

    assert refused.value.fix.startswith(fix)
    assert f"[{section}] has no key '{key}'" in refused.value.cause
