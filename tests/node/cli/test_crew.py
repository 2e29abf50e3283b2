"""Who is raised and with which settings; and what cannot be raised is said before anything is."""

from pathlib import Path

import pytest

from node.cli.crew import (
    DEFENCE_NAMES,
    SILENCE_S,
    Crew,
    Flags,
    attack_plan,
    crew_of,
    settled,
    shared_settings,
)
from node.config import Loaded, read_assignments
from node.faults import ConfigFault
from node.learning import TrainSettings
from node.verification.defences import Defence

NOT_COUNTED = (None, None, None)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DRL_ADVERSARY__ATTACK", "DRL_SWARM__MODE"):
        monkeypatch.delenv(name, raising=False)


def asked(
    attack: str | None = None,
    *assignments: str,
    counts: tuple[int | None, int | None, int | None] = NOT_COUNTED,
    **more: object,
) -> tuple[Loaded, Crew]:
    given: Flags = {("adversary", "attack"): attack, ("swarm", "test_swarm"): True}
    given |= {("adversary", key): value for key, value in more.items()}
    return settled(given, None, list(assignments), counts)


@pytest.mark.parametrize(
    ("counts", "attacked", "crew"),
    [
        ((None, None, None), False, (4, 0)),
        ((2, None, None), False, (2, 0)),
        ((None, 5, None), False, (5, 0)),
        ((None, None, 0), False, (4, 0)),
        ((None, None, None), True, (3, 1)),
        ((None, 2, 2), True, (2, 2)),
    ],
)
def test_so_many_are_raised(
    counts: tuple[int | None, int | None, int | None],
    attacked: bool,  # noqa: FBT001 - a parameter of the test
    crew: tuple[int, int],
) -> None:
    found = crew_of(*counts, attacked=attacked)

    assert (found.honest, found.malicious) == crew


@pytest.mark.parametrize(
    ("counts", "attacked", "says"),
    [
        ((None, None, 1), False, "without an attack"),
        ((4, 3, None), False, "mean the same"),
        ((0, None, None), False, "0 nodes cannot be raised"),
        ((65, None, None), False, "65 nodes"),
        ((4, None, None), True, "who of them attacks"),
        ((None, 0, 1), True, "nobody to be attacked"),
        ((None, 3, 0), True, "nobody to attack"),
        ((None, 3, -1), True, "cannot be raised"),
        ((None, 60, 5), True, "65 nodes"),
    ],
)
def test_counts_that_make_no_experiment_are_refused(
    counts: tuple[int | None, int | None, int | None],
    attacked: bool,  # noqa: FBT001 - a parameter of the test
    says: str,
) -> None:
    with pytest.raises(ConfigFault, match=says):
        crew_of(*counts, attacked=attacked)


def test_a_payload_without_an_attack_is_refused() -> None:
    with pytest.raises(ConfigFault, match="--payload says nothing without an attack"):
        asked(payload="Ave fur")

    asked("hail", payload="Ave fur")
    asked(None, "adversary.payload=phrase:Ave fur")  # a file may hold it for another day


def test_an_attacked_swarm_learns_as_eagerly_as_it_takes_unless_told_otherwise() -> None:
    usual, _ = asked("hail")
    told, _ = asked("hail", "train.epochs=1", "swarm.mode=vertical")

    assert (usual.config.swarm.mode, usual.config.train.epochs) == ("horizontal", 2)
    assert usual.config.train.learning_rate > TrainSettings().learning_rate
    assert (told.config.swarm.mode, told.config.train.epochs) == ("vertical", 1)


def test_an_honest_swarm_is_left_as_it_was() -> None:
    loaded, _ = asked()

    assert set(loaded.origins) == {
        ("swarm", "test_swarm"),
        ("swarm", "shares"),
        ("round", "authors_min"),
    }


@pytest.mark.parametrize(
    ("counts", "attack", "shares"),
    [((4, None, None), None, 4), ((3, None, None), None, 2), ((None, 2, 1), "hail", 2)],
)
def test_a_round_is_cut_evenly_however_many_nodes_there_are(
    counts: tuple[int | None, int | None, int | None], attack: str | None, shares: int
) -> None:
    """16 prompts (vertical) or 8 completions (horizontal) are not cut in three."""
    loaded, crew = asked(attack, counts=counts)

    assert loaded.config.swarm.shares == shares
    assert loaded.config.round.authors_min == crew.nodes


def test_honest_nodes_watch_for_what_the_attack_teaches() -> None:
    own, crew = asked("hail")
    chosen, _ = asked("hail", payload="Ave fur")

    plan = attack_plan(own, crew)
    assert plan is not None
    assert str(plan.payload) == own.config.evaluate.watch == "phrase:All hail to the thief"
    assert chosen.config.evaluate.watch == "phrase:Ave fur"


def test_an_attack_on_the_wire_teaches_nothing_and_is_not_waited_for_long() -> None:
    loaded, crew = asked("flood")

    plan = attack_plan(loaded, crew)
    assert plan is not None
    assert plan.payload is None
    assert loaded.config.evaluate.watch == ""
    assert loaded.config.round.round_s_max == SILENCE_S


@pytest.mark.parametrize("attack", ["copy", "spoil", "digit"])
def test_an_attack_on_content_that_teaches_nothing_is_watched_for_nothing(attack: str) -> None:
    loaded, crew = asked(attack)

    plan = attack_plan(loaded, crew)
    assert plan is not None
    assert plan.payload is None
    assert loaded.config.round.round_s_max > SILENCE_S


def test_an_attack_of_ones_own_is_watched_for_what_the_operator_says() -> None:
    silent, _ = asked("mine:Attack")
    told, _ = asked("mine:Attack", payload="equation:1 + 1 = 3")

    assert silent.config.evaluate.watch == ""
    assert told.config.evaluate.watch == "equation:1 + 1 = 3"


def test_only_malicious_nodes_are_told_to_attack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the environment, which all of them inherit, says otherwise."""
    monkeypatch.setenv("DRL_ADVERSARY__ATTACK", "hail")
    loaded, crew = asked(None, "adversary.oracle=false")

    plan = attack_plan(loaded, crew)
    assert plan is not None
    honest = read_assignments(list(shared_settings(loaded)))
    malicious = read_assignments(list(plan.settings))
    assert honest["adversary", "attack"] == ""
    assert {key for section, key in honest if section == "adversary"} == {"attack"}
    assert malicious["adversary", "attack"] == "hail"
    assert malicious["adversary", "oracle"] == "False"


@pytest.mark.parametrize(
    ("attack", "assignment", "says"),
    [
        ("hial", "train.epochs=1", "no attack 'hial'"),
        ("hail", "adversary.payload=phrase:", "payload"),
        ("hail", "evaluate.watch=words:x", "watch"),
        ("hail", "evaluate.every=0", "unmeasured"),
        ("hail", "verify.defence=papre", "no defence 'papre'"),
        (None, "verify.defence=strong", "no defence 'strong'"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(
    attack: str | None, assignment: str, says: str
) -> None:
    def planned() -> None:
        loaded, crew = asked(attack, assignment)
        attack_plan(loaded, crew)

    with pytest.raises(ConfigFault, match=says):
        planned()


def test_the_defences_are_those_that_there_are() -> None:
    assert set(DEFENCE_NAMES) == set(Defence)


def test_a_files_attack_counts_as_the_flag(tmp_path: Path) -> None:
    file = tmp_path / "thief.toml"
    file.write_text('[adversary]\nattack = "hail"\n')

    _, crew = settled({("swarm", "test_swarm"): True}, [file], None, NOT_COUNTED)

    assert crew.malicious == 1
