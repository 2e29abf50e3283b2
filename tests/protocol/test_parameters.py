from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from protocol.parameters import Encoding, Mode, Parameters, PromptChoice

Make = Callable[..., Parameters]

# One other allowed value for every field.
OTHER: dict[str, Any] = {
    "swarm": "other",
    "test_swarm": True,
    "task": "gsm8k",
    "task_digest": "d" * 64,
    "task_prompts": 7473,
    "reward": "binary",
    "model_family": "e" * 64,
    "tokenizer": "f" * 64,
    "vocabulary_size": 1024,
    "eos_token": 2,
    "mode": Mode.HORIZONTAL,
    "prompt_choice": PromptChoice.FREE,
    "encoding": Encoding.TEXT,
    "prompts_per_round": 8,
    "completions_per_prompt": 4,
    "shares": 1,
    "temperature": 0.5,
    "top_k": 50,
    "top_p": 1.0,
    "completion_tokens_max": 7,
    "message_bytes_max": 2048,
    "contribution_bytes_max": 2**20 + 1,
    "text_bytes_max": 2**14 + 1,
    "join_bits": 8,
}

REFUSED: dict[str, list[Any]] = {
    "swarm": ["", "Upper", "a b", "a" * 65, "-a", "a\n", 3],
    "test_swarm": [1, "yes", None],
    "task": ["", "a b", "é", "a" * 513],
    "task_digest": ["", "a" * 63, "A" * 64, "g" * 64],
    "task_prompts": [0, -1, 1, 2**32, 1000.0, True],
    "reward": ["", "Graded", "claimed"],
    "model_family": ["b" * 65],
    "tokenizer": [None],
    "vocabulary_size": [1, 2**32],
    "eos_token": [-1, 512, True],
    "mode": ["diagonal", "", None],
    "prompt_choice": ["mine"],
    "encoding": ["both"],
    "prompts_per_round": [0, 4097, 3, 4.0],
    "completions_per_prompt": [0, 1, 1025],
    "shares": [0, 3, -2],
    "temperature": [0.0, 0, -1.0, float("nan"), float("inf"), "1.0"],
    "top_k": [-1, 513, 1.5],
    "top_p": [0.0, 1.1, float("nan")],
    "completion_tokens_max": [0, 65_537],
    "message_bytes_max": [1023, 48 * 1024 + 1],
    "contribution_bytes_max": [0, 2**24 + 1],
    "text_bytes_max": [0, 2**16 + 1],
    "join_bits": [-1, 41, 8.0],
}


def test_the_tables_of_this_file_know_every_field() -> None:
    names = {field.name for field in fields(Parameters)}

    assert set(OTHER) == names
    assert set(REFUSED) == names


@pytest.mark.parametrize("name", OTHER)
def test_another_number_is_another_swarm(make_parameters: Make, name: str) -> None:
    assert make_parameters(**{name: OTHER[name]}).digest() != make_parameters().digest()


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in REFUSED.items() for v in vs])
def test_an_impossible_value_is_refused_by_name(
    make_parameters: Make, name: str, value: object
) -> None:
    with pytest.raises(ValueError, match=r"allowed: ") as raised:
        make_parameters(**{name: value})

    blamed = {name, "shares", "task_prompts", "contribution_bytes_max"}
    assert str(raised.value).split(" is ")[0] in blamed


def test_equal_numbers_are_one_swarm_however_they_are_written(make_parameters: Make) -> None:
    """Configuration files give strings and whole numbers where enums and floats are meant."""
    written = make_parameters(mode="vertical", encoding="tokens", temperature=1)

    assert written == make_parameters()
    assert written.digest() == make_parameters().digest()
    assert written.mode is Mode.VERTICAL


def test_digests_of_neighbouring_strings_differ(make_parameters: Make) -> None:
    one = make_parameters(swarm="ab", task="c")
    two = make_parameters(swarm="a", task="bc")

    assert one.digest() != two.digest()


def test_vertical_cuts_prompts_and_horizontal_cuts_groups(make_parameters: Make) -> None:
    numbers = {"prompts_per_round": 12, "completions_per_prompt": 8, "shares": 4}
    vertical = make_parameters(mode="vertical", **numbers)
    horizontal = make_parameters(mode="horizontal", **numbers)

    assert (vertical.prompts_per_author, vertical.completions_per_author) == (3, 8)
    assert (horizontal.prompts_per_author, horizontal.completions_per_author) == (12, 2)


def test_work_that_cannot_be_cut_evenly_is_refused(make_parameters: Make) -> None:
    with pytest.raises(ValueError, match="shares is 8; allowed: a divisor of prompts_per_round"):
        make_parameters(prompts_per_round=4, shares=8)
    with pytest.raises(ValueError, match="a divisor of completions_per_prompt"):
        make_parameters(mode="horizontal", prompts_per_round=4, completions_per_prompt=2, shares=4)


def test_a_horizontal_swarm_has_no_free_choice(make_parameters: Make) -> None:
    with pytest.raises(ValueError, match="prompt_choice is 'free'"):
        make_parameters(mode="horizontal", prompt_choice="free")


def test_a_task_must_hold_one_authors_round(make_parameters: Make) -> None:
    assert make_parameters(task_prompts=2).prompts_per_author == 2
    with pytest.raises(ValueError, match="task_prompts is 1"):
        make_parameters(task_prompts=1)
    with pytest.raises(ValueError, match="task_prompts is 3"):
        make_parameters(mode="horizontal", task_prompts=3)


def test_the_longest_honest_contribution_must_fit(make_parameters: Make) -> None:
    wide = {"completions_per_prompt": 128, "completion_tokens_max": 2048}

    with pytest.raises(ValueError, match="contribution_bytes_max is 1048576; allowed: at least"):
        make_parameters(**wide)
    assert make_parameters(**wide, contribution_bytes_max=2**21).parts_max == 27


def test_payload_bounds_are_those_of_the_widest_integers(make_parameters: Make) -> None:
    """1 array + 34 digest + 5 array + 2 completions of (5 + 6 tokens of 5 bytes)."""
    assert make_parameters().payload_bytes_max == 1 + 34 + 5 + 2 * (5 + 6 * 5)
    text = make_parameters(encoding="text", text_bytes_max=100)
    assert text.payload_bytes_max == 1 + 34 + 5 + 2 * (1 + 5 + 100 + 1)


def test_parts_hold_what_a_message_leaves_them(make_parameters: Make) -> None:
    text = make_parameters(encoding="text", message_bytes_max=1024, text_bytes_max=1000)

    assert text.chunk_bytes == 1024 - 193
    assert text.parts_max == 3
