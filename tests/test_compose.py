"""docker-compose.yml: its command lines are ones that the program takes, and it locks doors."""

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from node.attacks.catalogue import CATALOGUE, entry_named, watched
from node.cli.crew import attack_flags
from node.cli.program import app
from node.config import load_config
from node.settings import AdversarySettings

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "examples" / "Dockerfile"
PEER = "12D3KooWD2pDt8HFzXUpf8XkGpsS8fB4HNLuiCjMY3wimfJzRBgU"


def filled(text: str, **chosen: str) -> str:
    """What Compose makes of a text: defaults for what the environment does not choose."""
    text = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda one: chosen.get(one[1], one[2]), text)
    assert "$" not in text.replace("$$", "")
    return text.replace("$$", "$")


def services() -> dict[str, Any]:
    parsed = yaml.safe_load(COMPOSE.read_text())
    found: dict[str, Any] = parsed["services"]
    return found


def environment(service: dict[str, Any], **chosen: str) -> dict[str, str]:
    return {key: filled(value, **chosen) for key, value in service["environment"].items()}


def command_lines(service: dict[str, Any]) -> list[list[str]]:
    """The program's own command lines in a service's script, as the shell would read them."""
    script = "\n".join(filled(line) for line in service["command"])
    script = script.replace("$(cat /meeting/peer)", PEER)
    for name, value in environment(service).items():
        script = script.replace(f"${name}", value)
    assert "$" not in script
    whole = script.replace("\\\n", " ")
    lines = [line for line in whole.splitlines() if "drl-node" in line]
    commands = [shlex.split(line.partition("|")[0].removeprefix("exec ")) for line in lines]
    assert all(command[0] == "drl-node" for command in commands)
    return [command[1:] for command in commands]


NAMES = sorted(services())


def test_it_raises_a_bootstrap_honest_nodes_and_an_attacker_on_request() -> None:
    found = services()

    assert NAMES == ["bootstrap", "honest", "malicious"]
    assert found["honest"]["deploy"]["replicas"] == 2
    assert found["malicious"]["profiles"] == ["malicious"]
    assert not any("profiles" in found[name] for name in ("bootstrap", "honest"))


@pytest.mark.parametrize("name", NAMES)
def test_every_command_line_is_one_that_the_program_takes(name: str, tmp_path: Path) -> None:
    """So a flag or a key that goes away is noticed here, not by who starts the containers."""
    service = services()[name]
    set_here = {"DRL_NODE__DATA_DIR": str(tmp_path)} | environment(service)

    for command in command_lines(service):
        tried = [*command, "--dry-run"] if command[0] == "start" else command
        ended = CliRunner().invoke(app, tried, env=set_here, catch_exceptions=False)

        assert ended.exit_code == 0, ended.output


@pytest.mark.parametrize("name", NAMES)
def test_only_the_malicious_service_attacks(name: str) -> None:
    attacks = any("--attack" in command for command in command_lines(services()[name]))

    assert attacks == (name == "malicious")


@pytest.mark.parametrize(
    "chosen", [{}, {"ATTACK": "equation", "PAYLOAD": "equation:2 + 2 = 5"}, {"PAYLOAD": "phrase:x"}]
)
def test_the_honest_look_for_what_the_attacker_teaches(chosen: dict[str, str]) -> None:
    attacker = environment(services()["malicious"], **chosen)
    honest = environment(services()["honest"], **chosen)
    adversary = AdversarySettings(attack=attacker["ATTACK"], payload=attacker["PAYLOAD"])

    assert watched(adversary) == honest["DRL_EVALUATE__WATCH"]


@pytest.mark.parametrize("attack", [one.name for one in CATALOGUE])
def test_an_attack_alone_teaches_what_is_its_own(attack: str) -> None:
    attacker = environment(services()["malicious"], ATTACK=attack)
    entry = entry_named(attack)

    adversary = AdversarySettings(attack=attacker["ATTACK"], payload=attacker["PAYLOAD"])
    assert entry is not None
    assert watched(adversary) == entry.payload


def test_all_services_are_of_one_swarm() -> None:
    found = services()
    set_in_all = [
        {key: value for key, value in environment(found[name]).items() if key.startswith("DRL_")}
        for name in NAMES
    ]

    assert set_in_all[0] == set_in_all[1] == set_in_all[2]
    swarm = load_config(environment=set_in_all[0]).config.swarm
    assert swarm.test_swarm


def test_it_learns_as_a_swarm_of_processes_that_is_attacked_does() -> None:
    """At the defaults' gentler rate an undefended swarm is poisoned later, and looks safe."""
    config = load_config(environment=environment(services()["malicious"])).config
    attacked = replace(config, adversary=AdversarySettings(attack="hail"))

    for (section, key), value in attack_flags(attacked).items():
        assert getattr(getattr(config, section), key) == value, (section, key)


@pytest.mark.parametrize("name", NAMES)
def test_the_health_check_is_one_that_the_program_has(name: str, tmp_path: Path) -> None:
    kind, program, *arguments = services()[name]["healthcheck"]["test"]
    ended = CliRunner().invoke(app, arguments, env={"DRL_NODE__DATA_DIR": str(tmp_path)})

    assert (kind, program) == ("CMD", "drl-node")
    assert ended.exit_code == 1
    assert "unhealthy" in ended.output


@pytest.mark.parametrize("name", NAMES)
def test_a_container_may_do_no_more_than_it_must(name: str) -> None:
    service = services()[name]

    assert service["user"] not in ("root", "0", "0:0")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit"} <= set(service)
    assert "ports" not in service
    assert "privileged" not in service


def test_the_network_has_no_way_out() -> None:
    parsed = yaml.safe_load(COMPOSE.read_text())

    assert parsed["networks"]["swarm"]["internal"] is True
    assert all(service["networks"] == ["swarm"] for service in parsed["services"].values())


def test_the_image_does_not_run_as_root_and_keeps_its_data_in_a_volume() -> None:
    last_stage = DOCKERFILE.read_text().rpartition("\nFROM ")[2]

    assert "USER 10001:10001" in last_stage
    assert "VOLUME /data" in last_stage
    assert all(service["user"] == "10001:10001" for service in services().values())
