"""The command line says what is wrong, ends with the documented code and starts fast."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.ledger import Ledger
from node.work import Finding, Said
from protocol.identity import Keypair

PEER = str(Keypair.from_seed(bytes(32)).peer_id)
REFUSED = Said(
    stage="replay",
    outcome="refuse",
    reason="not_replayed",
    value=float("inf"),
    threshold=0.0005,
    spans=((0, 2, "tokens"),),
)
OVERLONG = Said(stage="length", outcome="refuse", reason="overlong", value=40, threshold=30)
CLEAN = Said(stage="form", outcome="accept", reason="clean")


def found(index: int, verdict: Said) -> Finding:
    return Finding(
        author=PEER,
        round_index=4,
        prompt_index=5,
        index=index,
        contribution="ab" * 32,
        policy_digest="cd" * 32,
        prompt="How many?",
        text="Five.",
        tokens=(5, 1),
        ended=True,
        reward=0.5,
        deciding=verdict,
        verdicts=(verdict,),
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


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("swarm up", "is then horizontal, train.epochs 2 and train.learning_rate 3e-4, so that"),
        (
            "ledger verify",
            "thing is named), with 3 where there is no ledger, or one that cannot be",
        ),
        ("findings", "accept, refuse, undecided;"),
    ],
)
def test_help_is_broken_into_lines_by_the_terminal_alone(command: str, line: str) -> None:
    assert line in run(*command.split(), "--help", COLUMNS="80").stdout


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


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose node still runs."""
    place = tmp_path / "swarms" / "x"
    place.mkdir(parents=True)
    with closing(Ledger(place / "ledger.db")) as ledger:
        said = enumerate((REFUSED, OVERLONG, CLEAN))
        ledger.record_findings(4, [found(index, verdict) for index, verdict in said])
        yield tmp_path


def test_findings_are_shown_from_the_ledger_for_people_and_machines(kept: Path) -> None:
    shown = run("findings", "--data-dir", str(kept))
    lines = run("findings", "--data-dir", str(kept), "--json", "--reason", "overlong")

    assert shown.returncode == 0
    assert "2 findings" in shown.stdout
    (line,) = lines.stdout.splitlines()
    read = json.loads(line)
    assert (read["author"], read["round_index"], read["index"]) == (PEER, 4, 1)
    assert (read["reason"], read["value"], read["threshold"]) == ("overlong", 40.0, 30.0)
    assert (read["text"], read["contribution"]) == ("Five.", "ab" * 32)


@pytest.mark.parametrize(
    ("flags", "places"),
    [
        ((), [0, 1]),
        (("--all",), [0, 1, 2]),
        (("--outcome", "accept"), [2]),
        (("--outcome", "accept", "--outcome", "refuse"), [0, 1, 2]),
        (("--stage", "replay"), [0]),
        (("--stage", "form"), [2]),
        (("--reason", "clean"), [2]),
        (("--reason", "clean", "--outcome", "refuse"), []),
        (("--all", "--author", f"...{PEER[-8:]}", "--round", "4", "--prompt", "5"), [0, 1, 2]),
        (("--all", "--prompt", "6"), []),
        (("--contribution", "abab", "--count", "1"), [0]),
    ],
)
def test_what_was_not_accepted_is_shown_and_the_rest_when_asked(
    kept: Path, flags: tuple[str, ...], places: list[int]
) -> None:
    lines = run("findings", "--data-dir", str(kept), "--json", *flags).stdout.splitlines()

    assert [json.loads(line)["index"] for line in lines] == places


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["findings", "--reason", "overlnog"], "'overlong'"),
        (["findings", "--outcome", "maybe"], "maybe"),
        (["rollouts", "export", "x", "--format", "parket"], "'parquet'"),
        (["verify", "abcdefg"], "no file here"),
        (["verify", "0123456789abcdef"], "rollouts show"),
        (["start", "--set", "ledger.rounds_kept=-1"], "rounds_kept"),
    ],
)
def test_what_cannot_be_asked_for_ends_with_two_and_the_way_out(
    kept: Path, arguments: list[str], says: str
) -> None:
    ended = run(*arguments, "--data-dir", str(kept))

    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_rollouts_are_shown_and_written_to_a_file_once(kept: Path) -> None:
    path = kept / "all.jsonl"
    export = ("rollouts", "export", str(path), "--data-dir", str(kept))

    shown = run("rollouts", "show", "--data-dir", str(kept), "--count", "2")
    first, second, forced = run(*export), run(*export), run(*export, "--force")

    assert "2 of 3 rollouts; --count shows more" in shown.stdout
    assert "abababababab" in shown.stdout
    assert (first.returncode, second.returncode, forced.returncode) == (0, 2, 0)
    assert "3 rollouts" in first.stdout
    assert "--force" in second.stderr
    assert len(path.read_text().splitlines()) == 3


def test_findings_of_a_place_where_no_node_ran_end_with_three(tmp_path: Path) -> None:
    ended = run("findings", "--data-dir", str(tmp_path))

    assert ended.returncode == 3
    assert "No node has run" in ended.stderr
