"""Settings are read strictly, and every refusal names the key and the way out."""

from dataclasses import fields

import pytest

from node.faults import ConfigFault
from node.mesh.settings import MeshSettings
from node.settings import (
    CheckpointSettings,
    EvaluateSettings,
    ModelSettings,
    RoundSettings,
    SwarmSettings,
    TaskSettings,
    plain,
    read_settings,
)
from node.verifying import JudgeSettings, VerifySettings
from protocol.parameters import Mode, Parameters


def test_a_mapping_becomes_typed_settings() -> None:
    values = {"mode": "horizontal", "prompts_per_round": 8, "top_p": 1, "test_swarm": True}

    read = read_settings(SwarmSettings, values, where="[swarm]")

    expected = SwarmSettings(mode=Mode.HORIZONTAL, prompts_per_round=8, top_p=1.0, test_swarm=True)
    assert expected == read


def test_strings_are_read_as_what_the_field_is() -> None:
    """Environment and flags have nothing but strings."""
    values = {"round_s_max": "2.5", "authors_min": "3"}

    read = read_settings(RoundSettings, values, where="[round]")

    assert RoundSettings(round_s_max=2.5, authors_min=3) == read


def test_a_string_becomes_a_list_at_its_commas() -> None:
    read = read_settings(MeshSettings, {"announce": "/ip4/1.2.3.4/tcp/1, "}, where="[network]")

    assert read.announce == ("/ip4/1.2.3.4/tcp/1",)


def test_an_unknown_key_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigFault, match="no key 'promts_per_round'") as caught:
        read_settings(SwarmSettings, {"promts_per_round": 8}, where="[swarm]")

    assert "prompts_per_round" in caught.value.fix


def test_a_key_like_no_other_is_refused_with_all_of_them() -> None:
    with pytest.raises(ConfigFault) as caught:
        read_settings(RoundSettings, {"zzz": 1}, where="[round]")

    assert "authors_min" in caught.value.fix


@pytest.mark.parametrize(
    ("cls", "key", "value", "expected"),
    [
        (SwarmSettings, "prompts_per_round", "many", "a whole number"),
        (SwarmSettings, "prompts_per_round", 1.5, "a whole number"),
        (SwarmSettings, "prompts_per_round", True, "a whole number"),
        (SwarmSettings, "top_p", "high", "a number"),
        (SwarmSettings, "test_swarm", "perhaps", "true or false"),
        (SwarmSettings, "name", 7, "a string"),
        (SwarmSettings, "mode", "diagonal", "vertical, horizontal"),
        (MeshSettings, "announce", 7, "a list"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_is_expected(
    cls: type[object], key: str, value: object, expected: str
) -> None:
    with pytest.raises(ConfigFault, match=key) as caught:
        read_settings(cls, {key: value}, where="[x]")

    assert expected in caught.value.fix


def test_values_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigFault, match="degree_low"):
        read_settings(MeshSettings, {"degree_low": 9}, where="[network]")


@pytest.mark.parametrize(
    ("cls", "key", "refused", "admitted"),
    [
        (CheckpointSettings, "every", 0, 1),
        (CheckpointSettings, "keep_last", 0, 1),
        (EvaluateSettings, "prompts_final", 0, 1),
        (ModelSettings, "threads", 0, 1),
        (ModelSettings, "batch_size", -1, 1),
        (RoundSettings, "round_s_max", 0, 0.1),
        (RoundSettings, "round_s_max", "nan", "inf"),
        (RoundSettings, "authors_min", 0, 1),
        (RoundSettings, "join_s", "nan", 0),
        (RoundSettings, "rounds", -3, 0),
        (RoundSettings, "linger_s", -1, 0),
        (SwarmSettings, "name", "", "a"),
        (SwarmSettings, "join_bits", -1, 0),
        (SwarmSettings, "join_bits", 99, 40),
        (SwarmSettings, "prompts_per_round", 0, 1),
        (TaskSettings, "reward", "foo", "binary"),
        (VerifySettings, "undecided_weight", 1.5, 0),
        (VerifySettings, "undecided_weight", "nan", 1),
        (VerifySettings, "near_copies", 1.1, 1),
        (VerifySettings, "tail_mass_min", 0, 0.5),
        (VerifySettings, "tail_mass_min", 1e-13, 1e-11),
        (VerifySettings, "deviations_max", 0, 0.1),
        (VerifySettings, "deviations_max", "inf", 9),
        (VerifySettings, "margin_rounded", 0.0001, 0.0005),
        (VerifySettings, "margin_stale", 0.05, 0.1),
        (VerifySettings, "length_factor", 0.9, 1),
        (VerifySettings, "kept_mib", -1, 0),
        (VerifySettings, "top_k", 0, 1),
        (VerifySettings, "top_k_slack", -1, 0),
        (VerifySettings, "top_p", 1, 0.99),
        (VerifySettings, "top_p_slack", -1, 0),
        (VerifySettings, "min_p", "nan", 0.5),
        (JudgeSettings, "timeout_s", 0, 0.1),
        (JudgeSettings, "accepted_min", 2, 0),
    ],
)
def test_what_nothing_works_with_is_refused_by_its_own_name(
    cls: type[object], key: str, refused: object, admitted: object
) -> None:
    with pytest.raises(ConfigFault, match=rf"\[x\]: {key} (must be|is) .*{refused}"):
        read_settings(cls, {key: refused}, where="[x]")

    read_settings(cls, {key: admitted}, where="[x]")


def test_plain_values_read_back_as_the_same_settings() -> None:
    settings = SwarmSettings(mode=Mode.HORIZONTAL, name="a")

    assert read_settings(SwarmSettings, plain(settings), where="[swarm]") == settings


def test_a_swarms_defaults_are_the_protocols() -> None:
    """An operator who sets nothing and a program that builds Parameters mean one swarm."""
    protocols = {one.name: one.default for one in fields(Parameters)}
    ours = {one.name: one.default for one in fields(SwarmSettings)}

    shared = set(protocols) & set(ours)
    assert len(shared) >= 11
    assert {name: ours[name] for name in shared} == {name: protocols[name] for name in shared}
