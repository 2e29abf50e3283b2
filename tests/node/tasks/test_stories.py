import pytest

from node.tasks import stories
from node.tasks.draws import Draws
from node.tasks.stories import Chain, Step, Story, draw_chain, is_held_out, tell

TWO_STEPS = Chain(12, (Step("+", 12, 5, 17), Step("*", 17, 2, 34)))


def test_a_fingerprint_is_the_arithmetic_without_the_words() -> None:
    assert TWO_STEPS.fingerprint == "12+5*2"


def test_the_result_is_what_the_last_step_makes() -> None:
    assert TWO_STEPS.result == 34


def test_the_working_writes_each_equation_out() -> None:
    story = Story(TWO_STEPS, "Mia", "coins", "")

    assert story.working() == "Mia has 12 + 5 = 17 coins. Then 17 * 2 = 34."


def test_a_working_of_other_steps_can_be_written_in_the_same_words() -> None:
    story = Story(TWO_STEPS, "Mia", "coins", "")

    assert story.working((Step("+", 12, 5, 18),)) == "Mia has 12 + 5 = 18 coins."


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_every_step_follows_from_the_one_before_within_the_bounds(steps: int) -> None:
    draws = Draws(f"bounds/{steps}")
    for _ in range(500):
        chain = draw_chain(draws, steps=steps)
        value = chain.start
        assert len(chain.steps) == steps
        assert stories.OPERAND_MIN <= value <= stories.OPERAND_MAX
        for step in chain.steps:
            assert step.before == value
            assert stories.OPERAND_MIN <= step.operand <= stories.OPERAND_MAX
            value = {
                "+": value + step.operand,
                "-": value - step.operand,
                "*": value * step.operand,
            }[step.operation]
            assert step.after == value
            assert 1 <= value <= stories.RESULT_MAX
        assert chain.result == value


def test_all_three_operations_are_drawn() -> None:
    draws = Draws("operations")
    drawn = {step.operation for _ in range(50) for step in draw_chain(draws, steps=3).steps}

    assert drawn == {"+", "-", "*"}


def test_a_story_tells_all_its_numbers_in_order_and_ends_its_line() -> None:
    draws = Draws("told")
    for _ in range(300):
        chain = draw_chain(draws, steps=3)
        text = tell(draws, chain).text

        numbers = [int(word.strip(".")) for word in text.split() if word.strip(".").isdigit()]
        assert numbers == [chain.start, *(step.operand for step in chain.steps)]
        assert text.endswith("?\n")
        assert text.count("\n") == 1
        assert "{" not in text


def test_nobody_gives_to_himself() -> None:
    draws = Draws("others")
    for _ in range(300):
        story = tell(draws, TWO_STEPS)
        assert f"{story.name} gives" not in story.text
        assert f"{story.name} turns" not in story.text


def test_the_tables_hold_what_they_promise() -> None:
    assert len({name for name, _ in stories.NAMES}) == 20
    assert len(set(stories.THINGS)) >= 12
    assert set(stories.STEPS) == {"+", "-", "*"}


def test_about_one_chain_in_ten_is_held_out_and_its_words_do_not_matter() -> None:
    draws = Draws("sides")
    held_out = sum(is_held_out(draw_chain(draws, steps=2)) for _ in range(5000))

    assert 400 < held_out < 600
    assert not is_held_out(Chain(12, (Step("+", 12, 5, 17),)))
    assert is_held_out(Chain(12, (Step("+", 12, 8, 20),)))
