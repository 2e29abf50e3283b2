"""A cell says all that its result depends on, and refuses what could only fail."""

from collections.abc import Callable

import pytest

from node.faults import ConfigFault
from node.lab.cell import Cell, flattened
from protocol.parameters import Mode

Make = Callable[..., Cell]


def test_cells_that_differ_in_anything_have_other_files(small_cell: Make) -> None:
    cells = [
        small_cell(),
        small_cell(seed=1),
        small_cell(rounds=3),
        small_cell(attack="hail"),
        small_cell(attack="hail", payload="phrase:Glory"),
        small_cell(mode=Mode.HORIZONTAL),
        small_cell(more={"train.epochs": 2}),
        small_cell(heterogeneous=True),
    ]

    assert len({cell.stem for cell in cells}) == len(cells)
    assert small_cell().stem == small_cell().stem


def test_a_name_can_be_a_file_whatever_the_attack_is_called() -> None:
    cell = Cell(rounds=1, attack="my.attacks:Mine/../../x", variant="a b")

    assert "/" not in cell.stem
    assert cell.name == "my.attacks-Mine-..-..-x_vertical_1of4_default_s0_a-b"


def test_without_an_attack_nobody_is_malicious() -> None:
    assert Cell(rounds=1, attack="none", malicious=3).honest == 4


def test_a_swarm_without_anybody_honest_is_refused() -> None:
    with pytest.raises(ConfigFault, match=r"4 of 4 nodes are malicious.*nobody honest"):
        Cell(rounds=1, attack="hail", malicious=4)

    assert Cell(rounds=1, attack="hail", malicious=3).honest == 1


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"nodes": 0}, {"malicious": -1}])
def test_numbers_without_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigFault, match="at least one round"):
        Cell(**({"rounds": 1, "attack": "hail"} | wrong))


def test_only_malicious_nodes_are_told_of_the_attack(small_cell: Make) -> None:
    cell = small_cell(attack="hail", payload="Glory")

    assert cell.config(index=0).adversary.attack == ""
    assert cell.config(index=1, attacks=True).adversary.attack == "hail"
    assert cell.watched == "phrase:Glory"
    assert cell.config(index=0).evaluate.watch == "phrase:Glory"


def test_every_node_of_a_heterogeneous_swarm_learns_at_a_rate_of_its_own(small_cell: Make) -> None:
    cell = small_cell(nodes=4, heterogeneous=True, more={"train.learning_rate": 1e-3})
    rates = [cell.config(index=index).train.learning_rate for index in range(4)]

    assert rates == pytest.approx([0.8e-3, 0.9333e-3, 1.0667e-3, 1.2e-3], rel=1e-3)


@pytest.mark.parametrize(
    ("axes", "why"),
    [
        ({}, ""),
        ({"attack": "hail"}, ""),
        ({"attack": "stranger+hail"}, ""),
        ({"heterogeneous": True}, "weights of its own"),
        ({"attack": "equivocation"}, "works on messages"),
        ({"attack": "some.module:Attack"}, "user's own attack"),
        ({"more": {"swarm.encoding": "text"}}, "trusts its own texts"),
    ],
)
def test_nodes_share_a_model_only_where_they_would_stay_equal(
    small_cell: Make, axes: dict[str, object], why: str
) -> None:
    told = small_cell(**axes).unshared_because()

    assert (why in told) if why else told == ""


@pytest.mark.parametrize(
    ("attack", "payload", "watched"),
    [
        ("none", "", ""),
        ("hail", "", "phrase:All hail to the thief"),
        ("equation", "1 + 1 = 3", "equation:1 + 1 = 3"),
        ("ramble", "", "length"),
        ("copy", "", ""),
        ("equivocation", "", ""),
        ("some.module:Attack", "", ""),
    ],
)
def test_nothing_is_watched_where_nothing_is_taught(
    attack: str, payload: str, watched: str
) -> None:
    cell = Cell(rounds=1, attack=attack, payload=payload)

    assert cell.watched == cell.config().evaluate.watch == watched


def test_settings_are_named_by_section_and_key_however_they_are_nested() -> None:
    nested = flattened({"train": {"epochs": 2}, "swarm.top_p": 1.0}, "[settings]")

    assert nested == ("swarm.top_p=1.0", "train.epochs=2")
    assert flattened({"train": {"betas": [0.9, 0.99]}}, "[settings]") == ("train.betas=0.9,0.99",)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"epochs": 2}, "Write section.key"),
        ({"trian": {"epochs": 2}}, "Did you mean 'train'"),
        ({"network": {"listen": []}}, "no meaning here"),
        ({"swarm": {"mode": "vertical"}}, "Set `mode` of the specification"),
        ({"verify": {"defence": "none"}}, "Set `defence` of the specification"),
    ],
)
def test_settings_that_the_grid_decides_or_nobody_knows_are_refused(
    table: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigFault) as refused:
        flattened(table, "[settings]")

    assert told in str(refused.value)
