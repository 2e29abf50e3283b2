import pytest

from node.tasks import Prompt, Task
from node.tasks.arith import DIFFICULTIES, ArithTask
from node.tasks.stories import is_held_out

TASK = ArithTask()


@pytest.mark.parametrize(
    ("difficulty", "digest"),
    [
        ("mix", "f9055e711edb510762d249770c36503d66f41c90f31d5ae53ff4863586b4eaef"),
        ("easy", "9c4aaea2689f6a3db191f013df7a6e070d7596b38d1a14a0107562efa367b34d"),
        ("medium", "55dddf667ac03aa1c7b8635ffd65bbe240552acdb5fef0320d5beae8e155d521"),
        ("hard", "7648d9cace1134d22659e54b412a9cb027a4df6dea8f90c2bca680f2b66bac3c"),
    ],
)
def test_the_digest_of_each_difficulty_is_the_recorded_one(difficulty: str, digest: str) -> None:
    """A change here parts every running swarm from the new release: raise EDITION, say so."""
    assert ArithTask(difficulty).digest == digest


def test_an_index_gives_its_prompt_on_every_machine() -> None:
    assert TASK.prompt(0) == Prompt(
        task="builtin:arith",
        index=0,
        text="Leo has 2 stickers. Then 6 more are added. Lucy turns each into 9. "
        "Lucy turns each into 2. How many stickers does Leo have?\n",
        answer="144",
    )
    assert TASK.prompt(TASK.train_prompts - 1).answer == "149"


def test_it_is_a_task() -> None:
    assert isinstance(TASK, Task)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_no_chain_of_numbers_is_on_both_sides(difficulty: str) -> None:
    """Whatever the words: memory of a training story cannot answer a held-out one."""
    task = ArithTask(difficulty)
    trained = {task.story(index).chain.fingerprint for index in range(4000)}
    examined = {task.eval_story(index).chain.fingerprint for index in range(1000)}

    assert trained & examined == set()


def test_each_split_keeps_to_its_side_of_the_partition() -> None:
    """The side is a function of the chain, so that the overlap is none at any index."""
    stride = TASK.train_prompts // 2000
    assert not any(is_held_out(TASK.story(index * stride).chain) for index in range(2000))
    assert all(is_held_out(TASK.eval_story(index).chain) for index in range(500))


def test_the_splits_of_one_difficulty_are_disjoint_from_those_of_another() -> None:
    """Easy problems to be examined on are not steps towards training on the mix."""
    trained = {TASK.story(index).chain.fingerprint for index in range(4000)}
    easy = ArithTask("easy")
    examined = {easy.eval_story(index).chain.fingerprint for index in range(500)}

    assert trained & examined == set()


@pytest.mark.parametrize(("difficulty", "steps"), DIFFICULTIES.items())
def test_a_difficulty_is_a_number_of_steps(difficulty: str, steps: tuple[int, ...]) -> None:
    task = ArithTask(difficulty)

    assert {len(task.story(index).chain.steps) for index in range(100)} == set(steps)


def test_names_say_the_difficulty() -> None:
    assert [ArithTask(each).name for each in DIFFICULTIES] == [
        "builtin:arith",
        "builtin:arith:easy",
        "builtin:arith:medium",
        "builtin:arith:hard",
    ]


def test_prompts_seldom_repeat() -> None:
    texts = [TASK.prompt(index).text for index in range(2000)]

    assert len(set(texts)) > 1980


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_every_solution_earns_the_full_score(difficulty: str) -> None:
    task = ArithTask(difficulty)
    for index in range(200):
        for prompt in (task.prompt(index), task.eval_prompt(index)):
            solution = task.solution(prompt)
            assert solution is not None
            assert task.score(prompt, solution, ended=True).answer_ok


def test_a_solution_shows_its_working() -> None:
    assert TASK.solution(TASK.prompt(0)) == (
        "<think>Leo has 2 + 6 = 8 stickers. Then 8 * 9 = 72. Then 72 * 2 = 144.</think> "
        "<answer>144</answer>"
    )


def test_a_strange_prompt_has_no_solution() -> None:
    assert TASK.solution(Prompt("builtin:arith", 0, "What is 3 + 4?\n", "7")) is None
    assert TASK.solution(Prompt("builtin:arith", -1, "What is 3 + 4?\n", "7")) is None


@pytest.mark.parametrize("index", [-1, TASK.train_prompts])
def test_an_index_beyond_the_training_prompts_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match=r"is not in 0\.\.1048575"):
        TASK.prompt(index)


@pytest.mark.parametrize("index", [-1, TASK.eval_prompts])
def test_an_index_beyond_the_held_out_prompts_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match=r"is not in 0\.\.4095"):
        TASK.eval_prompt(index)
