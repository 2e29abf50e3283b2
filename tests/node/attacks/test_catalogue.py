"""The table of attacks, and what a name makes."""

import json
import subprocess
import sys
from typing import Any

import pytest

from node.attacks.attack import Attack
from node.attacks.catalogue import (
    CATALOGUE,
    CHANGES,
    Seam,
    check_adversary,
    entry_named,
    make_attack,
    payload_of,
    watched,
)
from node.attacks.outgoing import WireAttack
from node.faults import ConfigFault
from node.payload import Payload
from node.settings import AdversarySettings

NAMES = [entry.name for entry in CATALOGUE]


class Own:
    """A user's own attack: honest, as it happens."""

    def craft(self, bench: Any, honest: Any) -> Any:
        return honest


class NoAttack:
    """Has no method that would make it one."""


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_makes_what_it_says(name: str) -> None:
    entry = entry_named(name)
    assert entry is not None

    made = make_attack(AdversarySettings(attack=name))

    assert isinstance(made, Attack if entry.seam is Seam.CONTENT else WireAttack)
    assert entry.does.endswith(".")
    assert entry.source


def test_names_are_unique_and_tell_what_they_teach() -> None:
    assert len({*NAMES, *(one.name for one in CHANGES)}) == len(NAMES) + len(CHANGES)
    for entry in CATALOGUE:
        if entry.payload:
            assert str(Payload.parse(entry.payload)) == entry.payload


@pytest.mark.parametrize("change", [one.name for one in CHANGES])
def test_every_change_changes_an_attack(change: str) -> None:
    made = make_attack(AdversarySettings(attack=f"{change}+hail"))

    assert isinstance(made, Attack)
    assert entry_named(f"{change}+hail") == entry_named("hail")


def test_changes_stand_in_each_others_hands() -> None:
    made = make_attack(AdversarySettings(attack="sleeper+stranger+equation"))

    assert type(made).__name__ == "Sleeper"
    assert type(made._attack).__name__ == "Stranger"


def test_two_makings_do_not_share_a_memory() -> None:
    settings = AdversarySettings(attack="copy")

    assert make_attack(settings) is not make_attack(settings)


def test_a_users_own_attack_goes_by_its_dotted_path(tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "mine.py").write_text(
        "class Own:\n    def craft(self, bench, honest):\n        return honest\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    assert isinstance(make_attack(AdversarySettings(attack="mine:Own")), Attack)
    assert isinstance(make_attack(AdversarySettings(attack="sparse+mine:Own")), Attack)


@pytest.mark.parametrize(
    ("attack", "says"),
    [
        ("hial", "'hail'"),
        ("strange+hail", "'stranger'"),
        ("hail+stranger", "hail"),
        ("stranger+flood", "does not change"),
        ("stranger+", "no attack ''"),
        ("no.such.module:Attack", "cannot be imported"),
        ("node.payload:NoSuch", "cannot be imported"),
        (":", "cannot be imported"),
        ("node.payload:Payload", "cannot be made"),
        ("math:pi", "is no attack"),
    ],
)
def test_a_name_that_makes_nothing_is_refused(attack: str, says: str) -> None:
    with pytest.raises(ConfigFault, match=says):
        make_attack(AdversarySettings(attack=attack))


@pytest.mark.parametrize(
    ("attack", "payload", "read"),
    [
        ("hail", "", "phrase:All hail to the thief"),
        ("hail", "Long live the queen", "phrase:Long live the queen"),
        ("equation", "", "equation:2 + 2 = 5"),
        ("equation", "3 * 3 = 10", "equation:3 * 3 = 10"),
        ("stranger+equation", "", "equation:2 + 2 = 5"),
        ("hail", "equation:1 + 1 = 3", "equation:1 + 1 = 3"),
        ("ramble", "", "length"),
        ("ramble", "length", "length"),
        ("a.b:C", "so it goes", "phrase:so it goes"),
        ("stranger+a.b:C", "equation:1 + 1 = 3", "equation:1 + 1 = 3"),
        ("a.b:C", "length", "length"),
    ],
)
def test_the_payload_is_the_operators_or_the_attacks_own_and_watched_for(
    attack: str, payload: str, read: str
) -> None:
    settings = AdversarySettings(attack=attack, payload=payload)

    assert str(payload_of(settings)) == watched(settings) == read


@pytest.mark.parametrize("attack", [*(one.name for one in CATALOGUE if not one.payload), "a.b:C"])
def test_where_nothing_is_taught_nothing_is_watched_for(attack: str) -> None:
    settings = AdversarySettings(attack=attack)

    assert payload_of(settings) is None
    assert watched(settings) == ""


def test_attacks_on_the_wire_and_those_that_only_blame_or_copy_teach_nothing() -> None:
    teaching = {one.name for one in CATALOGUE if one.payload}

    assert not teaching & {one.name for one in CATALOGUE if one.seam is Seam.WIRE}
    assert not teaching & {"digit", "spoil", "copy"}
    assert {"hail", "equation", "ramble", "longest", "withhold"} <= teaching


@pytest.mark.parametrize(
    ("attack", "payload", "says"),
    [
        ("ramble", "so it goes", "teaches length"),
        ("longest", "phrase:so it goes", "teaches length"),
        ("stranger+withhold", "equation:1 + 1 = 3", "teaches length"),
        ("hail", "length", "teaches a text"),
        ("sparse+equation", "length", "teaches a text"),
        ("pad", "length", "teaches a text"),
        ("spoil", "length", "teaches nothing"),
        ("copy", "so it goes", "teaches nothing"),
        ("flood", "phrase:so it goes", "teaches nothing"),
    ],
)
def test_a_payload_that_the_attack_would_not_teach_is_refused(
    attack: str, payload: str, says: str
) -> None:
    settings = AdversarySettings(attack=attack, payload=payload)

    for asked in (payload_of, watched):
        with pytest.raises(ConfigFault, match=says):
            asked(settings)
    with pytest.raises(ConfigFault, match=says):
        check_adversary(settings, test_swarm=True)


def test_a_payload_that_cannot_be_looked_for_is_refused() -> None:
    with pytest.raises(ConfigFault, match="payload"):
        payload_of(AdversarySettings(attack="hail", payload="?!"))


def test_only_a_swarm_that_is_marked_for_tests_is_attacked_unless_told_twice() -> None:
    hail = AdversarySettings(attack="hail")

    with pytest.raises(ConfigFault, match="not marked for tests"):
        check_adversary(hail, test_swarm=False)
    check_adversary(hail, test_swarm=True)
    check_adversary(AdversarySettings(attack="hail", insist=True), test_swarm=False)
    check_adversary(AdversarySettings(), test_swarm=False)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        timeout=60,
    )


def test_the_list_names_every_attack_with_its_source() -> None:
    shown, lines = run("attack", "list"), run("attack", "list", "--json")

    for entry in (*CATALOGUE, *CHANGES):
        assert entry.name in shown.stdout
    read = [json.loads(line) for line in lines.stdout.splitlines()]
    assert [one["name"] for one in read] == [*NAMES, *(one.name for one in CHANGES)]
    assert all(one["does"] and one["source"] for one in read)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--role", "adversary"], "--attack"),
        (["--attack", "hail"], "--role adversary"),
        (["--payload", "x"], "--role adversary"),
        (["--role", "adversary", "--attack", "hial"], "'hail'"),
        (["--role", "adversary", "--attack", "hail"], "swarm.test_swarm"),
    ],
)
def test_a_role_and_an_attack_must_go_together(
    tmp_path: Any, arguments: list[str], says: str
) -> None:
    ended = run("start", "--data-dir", str(tmp_path / "node"), *arguments)

    assert ended.returncode == 2
    assert says in ended.stderr


def test_an_adversary_says_what_it_is_before_it_starts() -> None:
    ended = run(
        *("start", "--dry-run", "--role", "adversary"),
        *("--attack", "equation", "--payload", "3 * 3 = 10"),
    )

    assert ended.returncode == 0
    assert 'attack = "equation"  # flag' in ended.stdout
    assert 'payload = "3 * 3 = 10"  # flag' in ended.stdout
