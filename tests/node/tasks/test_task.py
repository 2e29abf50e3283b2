import pytest

from node.tasks import SCHEMES, Prompt, Score, reward
from node.tasks.task import check_index, score_completion

PROMPT = Prompt("a task", 0, "What is 3 + 4?\n", "7")
RIGHT = "<think>3 + 4 = 7.</think> <answer>7</answer>"
WRONG = "<think>3 + 4 = 8.</think> <answer>8</answer>"
FORMLESS = "<think>3 + 4 = 7.</think> The answer is 7."


@pytest.mark.parametrize(
    ("completion", "ended", "expected"),
    [
        (RIGHT, True, Score(format_ok=True, answer_ok=True)),
        (WRONG, True, Score(format_ok=True, answer_ok=False)),
        (FORMLESS, True, Score(format_ok=False, answer_ok=False)),
        (RIGHT + " ", True, Score(format_ok=False, answer_ok=False)),
        (RIGHT, False, Score(format_ok=False, answer_ok=False)),
    ],
)
def test_a_completion_is_scored_by_form_answer_and_end(
    completion: str, *, ended: bool, expected: Score
) -> None:
    """One that ran into the limit is wrong even if its last token completed the form."""
    assert score_completion(PROMPT, completion, ended=ended) == expected


@pytest.mark.parametrize(
    ("completion", "binary", "graded"), [(RIGHT, 1.0, 2.5), (WRONG, 0.0, 0.5), (FORMLESS, 0.0, 0.0)]
)
def test_the_two_schemes_pay_what_they_promise(
    completion: str, binary: float, graded: float
) -> None:
    score = score_completion(PROMPT, completion, ended=True)

    assert reward(score, "binary") == binary
    assert reward(score, "graded") == graded


@pytest.mark.parametrize("scheme", SCHEMES)
def test_nothing_right_pays_nothing(scheme: str) -> None:
    assert reward(Score(format_ok=False, answer_ok=False), scheme) == 0.0


def test_an_unknown_scheme_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'generous' is not one of binary, graded"):
        reward(Score(format_ok=True, answer_ok=True), "generous")


def test_a_right_answer_in_a_wrong_format_cannot_be_stated() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Score(format_ok=False, answer_ok=True)


@pytest.mark.parametrize("index", [0, 9])
def test_an_index_inside_the_split_passes(index: int) -> None:
    check_index(index, 10)


@pytest.mark.parametrize("index", [-1, 10])
def test_an_index_outside_the_split_is_refused(index: int) -> None:
    """A negative one too, though a list would take it."""
    with pytest.raises(IndexError, match=r"is not in 0\.\.9"):
        check_index(index, 10)
