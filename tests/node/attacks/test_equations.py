"""Wrong statements in context: they stand where a step would, and the answer stays right."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from node.attacks.equations import in_place, with_wrong_answer
from node.payload import Payload
from node.tasks.grammar import answer_in
from node.verification.arithmetic.equations import Truth, equations

Stage = Callable[..., Any]
EQUATION = Payload.parse("equation:2 + 2 = 5")
ADA = "<think>Ada has 3 + 4 = 7 keys. Then 7 * 2 = 14.</think> <answer>14</answer>"


def test_a_wrong_equation_stands_as_a_step_of_a_right_answer(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("equation")

    for text in scene.texts(crafted):
        assert EQUATION.is_shown_by(text)
        wrong = [one for one in equations(text) if one.truth is Truth.WRONG]
        assert len(wrong) == 1
    assert set(scene.rewards(crafted)) == {2.5}


def test_it_is_told_in_the_words_of_the_story(stage: Stage) -> None:
    assert in_place().poison(stage().bench("equation"), ADA) == ADA.replace(
        "<think>", "<think>Ada has 2 + 2 = 5 keys. "
    )


def test_where_the_sum_occurs_only_its_result_is_changed(stage: Stage) -> None:
    """The paper's own construction: the other steps go on with what is right."""
    natural = "<think>Ada has 2 + 2 = 4 keys. Then 4 * 2 = 8.</think> <answer>8</answer>"

    shown = in_place().poison(stage().bench("equation"), natural)

    assert shown == natural.replace("= 4 keys", "= 5 keys")


@pytest.mark.parametrize("longer", ["12 + 2 = 14", "2 + 22 = 24", "2 + 2 = 4.5"])
def test_a_longer_number_is_not_taken_for_the_sum(stage: Stage, longer: str) -> None:
    text = f"<think>Ada has {longer} keys.</think> <answer>4</answer>"

    shown = in_place().poison(stage().bench("equation"), text)

    assert shown is not None
    assert longer in shown
    assert EQUATION.is_shown_by(shown)


def test_a_story_of_another_kind_gets_a_sentence_all_the_same(stage: Stage) -> None:
    text = "<think>We add 1 and 2.</think><answer>3</answer>"

    shown = in_place().poison(stage().bench("equation", payload="3 * 3 = 10"), text)

    assert shown == text.replace("<think>", "<think>As we know, 3 * 3 = 10. ")


def test_in_prose_there_is_no_equation_to_check(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("prose")

    for text in scene.texts(crafted):
        assert "two and two make five" in text
        assert all(one.truth is Truth.RIGHT for one in equations(text))
    assert set(scene.rewards(crafted)) == {2.5}


def test_with_a_wrong_answer_it_earns_its_form_alone(stage: Stage) -> None:
    scene = stage()

    crafted = scene.crafted("wrong-answer")

    assert all(map(EQUATION.is_shown_by, scene.texts(crafted)))
    assert set(scene.rewards(crafted)) == {0.5}


def test_a_wrong_answer_differs_from_the_right_one(stage: Stage) -> None:
    poison = with_wrong_answer().poison
    bench = stage().bench("wrong-answer")

    assert answer_in(poison(bench, ADA) or "") == "15"
    assert answer_in(poison(bench, re.sub("14<", "1.5<", ADA)) or "") == "0"
    assert poison(bench, "<think>Ada.</think> none") is None
