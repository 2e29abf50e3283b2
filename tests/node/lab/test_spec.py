"""A specification is every combination of its lists, and nothing that it does not say."""

from pathlib import Path
from typing import Any

import pytest

from node.faults import ConfigFault
from node.lab.spec import read_spec, spec_of
from protocol.parameters import Mode

PAPER = sorted((Path(__file__).parents[3] / "examples/paper").glob("*.toml"))


def names(tables: dict[str, Any]) -> list[str]:
    return [cell.name for cell in spec_of(tables).cells]


def test_a_grid_is_every_combination() -> None:
    grid = {"attack": ["hail", "equation"], "mode": ["vertical", "horizontal"], "seed": [0, 1, 2]}
    cells = spec_of({"rounds": 5, "grid": grid}).cells

    assert len(cells) == 12
    assert {(cell.attack, cell.mode, cell.seed) for cell in cells} == {
        (attack, mode, seed)
        for attack in ("hail", "equation")
        for mode in Mode
        for seed in (0, 1, 2)
    }
    assert {cell.rounds for cell in cells} == {5}


def test_one_value_may_stand_for_a_list_of_one() -> None:
    assert names({"grid": {"attack": "hail", "seed": 3}}) == ["hail_vertical_1of4_default_s3"]


def test_a_swarm_without_attackers_is_run_once_however_many_there_would_be() -> None:
    assert len(names({"grid": {"attack": "none", "malicious": [1, 2]}})) == 1


def test_a_clean_swarm_may_stand_beside_attacks_whatever_malicious_says() -> None:
    assert names({"grid": {"attack": ["hail", "none"], "malicious": 1, "nodes": 2}}) == [
        "hail_vertical_1of2_default_s0",
        "none_vertical_0of2_default_s0",
    ]


def test_cases_replace_lists_of_the_grid() -> None:
    grid = {"attack": "hail", "defence": "none", "seed": [0, 1]}
    cases = [{}, {"mode": "horizontal", "nodes": 8, "seed": 0}]

    assert names({"grid": grid, "case": cases}) == [
        "hail_vertical_1of4_none_s0",
        "hail_vertical_1of4_none_s1",
        "hail_horizontal_1of8_none_s0",
    ]


def test_a_variant_adds_to_the_settings_and_wins_over_them() -> None:
    spec = spec_of(
        {
            "grid": {"variant": ["plain", "fast"]},
            "settings": {"train": {"learning_rate": 1e-4, "epochs": 2}},
            "variants": {"fast": {"train": {"learning_rate": 1e-3}}},
        }
    )
    rates = [cell.config().train.learning_rate for cell in spec.cells]

    assert rates == [1e-4, 1e-3]
    assert {cell.config().train.epochs for cell in spec.cells} == {2}


def test_an_attack_teaches_what_the_specification_says() -> None:
    spec = spec_of({"grid": {"attack": "hail"}, "payload": {"hail": "phrase:Glory to the lamp"}})

    assert spec.cells[0].watched == "phrase:Glory to the lamp"


def test_a_model_and_a_task_of_ones_own_can_be_named() -> None:
    settings = {"model": {"source": "Qwen/Qwen2.5-0.5B-Instruct"}, "task": {"source": "gsm8k"}}
    config = spec_of({"settings": settings}).cells[0].config()

    assert (config.model.source, config.task.source) == ("Qwen/Qwen2.5-0.5B-Instruct", "gsm8k")


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"round": 3}, "Did you mean 'rounds'"),
        ({"grid": {"atack": "hail"}}, "Did you mean 'attack'"),
        ({"grid": {"attack": "hial"}}, "Did you mean 'hail'"),
        ({"grid": {"defence": "defult"}}, "Did you mean 'default'"),
        ({"grid": {"mode": "verticle"}}, "vertical, horizontal"),
        ({"grid": {"seed": "one"}}, "a whole number"),
        ({"grid": {"variant": "kl"}}, "[variants.NAME]"),
        ({"grid": {"attack": "hail", "malicious": 4}}, "nobody honest"),
        ({"grid": {"nodes": 5}}, "a divisor of prompts_per_round"),
        ({"grid": "hail"}, "[grid] is no table"),
        ({"case": {"attack": "hail"}}, "Write [[case]]"),
        ({"case": [{"attak": "hail"}]}, "Did you mean 'attack'"),
        ({"settings": {"train": {"learnin_rate": 1}}}, "Did you mean 'learning_rate'"),
        ({"settings": {"train": {"epochs": 0}}}, "epochs must be at least 1"),
        ({"settings": 3}, "settings is no table"),
        ({"payload": {"hial": "phrase:x"}}, "Did you mean 'hail'"),
        ({"payload": {"hail": 3}}, "is no text"),
        ({"grid": {"attack": "hail"}, "payload": {"hail": "phrase:"}}, "payload"),
        ({"figures": ["attak"]}, "Did you mean 'attack'"),
        ({"rounds": 0}, "at least one round"),
        ({"grid": {"seed": list(range(200_000))}}, "200,000 cells"),
        ({"grid": {"seed": list(range(6_000))}, "case": [{}, {"nodes": 8}]}, "12,000 cells"),
        ({"grid": {"seed": []}}, "The list of seed is empty"),
        ({"case": []}, "case is no list of tables"),
        ({"grid": {"attack": "hail", "malicious": 0}}, "nobody carries out the attack"),
        ({"variants": {"plain": {"train": {"epochs": 2}}}}, "[variants.plain] cannot be changed"),
        ({"variants": {"unused": {"train": {"epoch": 2}}}}, "Did you mean 'epochs'"),
        ({"payload": {"hail": "length"}}, "teaches a text"),
        ({"payload": {"ramble": "phrase:so it goes"}}, "teaches length"),
        ({"payload": {"none": "phrase:x"}}, "no attack 'none'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(tables: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigFault) as refused:
        spec_of(tables)

    assert told in str(refused.value)


@pytest.mark.parametrize("text", ["rounds = = 3", "rounds = 3\n\xff"])
def test_a_file_that_is_no_specification_is_refused_by_its_path(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text, encoding="latin-1")

    with pytest.raises(ConfigFault, match=r"broken\.toml"):
        read_spec(path)
    with pytest.raises(ConfigFault, match=r"missing\.toml"):
        read_spec(tmp_path / "missing.toml")


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_every_specification_of_the_paper_can_be_read(path: Path) -> None:
    spec = read_spec(path)

    assert spec.cells
    assert spec.title
