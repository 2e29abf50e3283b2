"""The command line says what is wrong, ends with the documented code and starts fast."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from node.ledger import Ledger
from node.settings import plain
from node.work import Finding

FOUND = Finding(
    author="12D3KooWpeer",
    round_index=4,
    prompt_index=5,
    index=0,
    outcome="refuse",
    stage="replay",
    reason="not_replayed",
    value=2.5,
    threshold=0.0005,
    detail="",
)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"} | environment,
        timeout=60,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["start", "--dry-run"], ["identity", "--help"]])
def test_help_and_dry_run_load_neither_models_nor_networks(arguments: list[str]) -> None:
    """What is imported decides how long a person waits."""
    code = (
        "import sys\n"
        "sys.argv = ['drl-node', *sys.argv[1:]]\n"
        "from node.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'transformers', 'libp2p', 'trio', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def test_dry_run_prints_what_holds_and_where_it_came_from(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    config.write_text("[swarm]\nshares = 2\n")

    ended = run(
        "start", "--dry-run", "-c", str(config), "--mode", "horizontal", DRL_TRAIN__EPOCHS="3"
    )

    assert ended.returncode == 0
    assert f"shares = 2  # {config}" in ended.stdout
    assert 'mode = "horizontal"  # flag' in ended.stdout
    assert "epochs = 3  # environment" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["start", "--set", "swarm.promts=1"], "no key 'promts'"),
        (["start", "--set", "swram.name=x"], "Did you mean 'swarm'"),
        (["start", "--set", "nonsense"], "section.key=value"),
        (["start", "-c", "/no/such.toml"], "/no/such.toml"),
        (["start", "--mode", "diagonal"], "vertical, horizontal"),
    ],
)
def test_a_wrong_setting_ends_with_two_and_the_way_out(arguments: list[str], says: str) -> None:
    ended = run(*arguments)

    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_unknown_command_ends_with_two() -> None:
    assert run("strat").returncode == 2


def test_identity_show_makes_a_key_once(tmp_path: Path) -> None:
    first = run("identity", "show", "--data-dir", str(tmp_path / "a"))
    second = run("identity", "show", "--data-dir", str(tmp_path / "a"))

    assert first.returncode == 0
    assert first.stdout == second.stdout
    assert "12D3KooW" in first.stdout


def test_a_key_open_to_others_ends_with_three(tmp_path: Path) -> None:
    run("identity", "show", "--data-dir", str(tmp_path))
    (tmp_path / "identity.key").chmod(0o644)

    ended = run("identity", "show", "--data-dir", str(tmp_path))

    assert ended.returncode == 3
    assert "chmod 600" in ended.stderr


def test_version_names_the_protocol_and_what_it_stands_on() -> None:
    ended = run("version")

    assert ended.returncode == 0
    assert "protocol 1" in ended.stdout
    assert "libp2p 0.8" in ended.stdout


def test_findings_are_shown_from_the_ledger_for_people_and_machines(tmp_path: Path) -> None:
    place = tmp_path / "swarms" / "x"
    place.mkdir(parents=True)
    ledger = Ledger(place / "ledger.db")
    ledger.record_findings(4, [FOUND, replace(FOUND, index=1, reason="overlong")])

    shown = run("findings", "--data-dir", str(tmp_path))
    lines = run("findings", "--data-dir", str(tmp_path), "--json", "--reason", "overlong")

    ledger.close()
    assert shown.returncode == 0
    assert "2 findings" in shown.stdout
    (line,) = lines.stdout.splitlines()
    assert json.loads(line) == plain(FOUND) | {"index": 1, "reason": "overlong"}


def test_findings_of_a_place_where_no_node_ran_end_with_three(tmp_path: Path) -> None:
    ended = run("findings", "--data-dir", str(tmp_path))

    assert ended.returncode == 3
    assert "No node has run" in ended.stderr
