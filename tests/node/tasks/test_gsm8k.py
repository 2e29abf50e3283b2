import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from node.faults import TaskFault
from node.tasks import Prompt, Task
from node.tasks.gsm8k import HELD_OUT_SHARE, Gsm8kTask, Row


def record(number: int) -> dict[str, str]:
    question = f"A crate holds {number} jars and Rosa fills 3 crates. How many jars is that?"
    return {
        "question": question,
        "answer": f"Each crate holds {number}.\n3 * {number} = <<3*{number}={3 * number}>>"
        f"{3 * number} jars.\n#### {3 * number:,}",
    }


RECORDS = [record(number) for number in range(400, 440)]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def task(tmp_path: Path) -> Gsm8kTask:
    return Gsm8kTask.from_file(write(tmp_path / "jars.jsonl", [json.dumps(r) for r in RECORDS]))


def test_it_is_a_task(task: Gsm8kTask) -> None:
    assert isinstance(task, Task)
    assert task.name == "gsm8k"


def test_one_row_in_ten_is_held_out_and_none_is_lost(task: Gsm8kTask) -> None:
    assert task.eval_prompts == len(RECORDS) // HELD_OUT_SHARE
    assert task.train_prompts + task.eval_prompts == len(RECORDS)


def test_no_question_is_on_both_sides(task: Gsm8kTask) -> None:
    trained = {task.prompt(index).text for index in range(task.train_prompts)}
    examined = {task.eval_prompt(index).text for index in range(task.eval_prompts)}

    assert trained & examined == set()


def test_a_question_that_stands_twice_is_on_one_side(tmp_path: Path) -> None:
    lines = [json.dumps(each) for each in RECORDS + RECORDS]
    doubled = Gsm8kTask.from_file(write(tmp_path / "twice.jsonl", lines))
    trained = {doubled.prompt(index).text for index in range(doubled.train_prompts)}
    examined = {doubled.eval_prompt(index).text for index in range(doubled.eval_prompts)}

    assert trained & examined == set()
    assert doubled.eval_prompts == 2 * len(examined)


def test_the_prompt_asks_for_the_form_and_ends_its_line(task: Gsm8kTask) -> None:
    text = task.prompt(0).text

    assert all(tag in text for tag in ("<think>", "</think>", "<answer>", "</answer>"))
    assert text.endswith("How many jars is that?\n")


def test_the_answer_is_what_stands_after_the_mark(task: Gsm8kTask) -> None:
    assert task.prompt(0).answer == "1,200"
    assert task.score(
        task.prompt(0), "<think>.</think> <answer>1200</answer>", ended=True
    ).answer_ok


def test_the_solution_is_the_files_own_without_its_calculator_marks(task: Gsm8kTask) -> None:
    assert task.solution(task.prompt(0)) == (
        "<think>Each crate holds 400.\n3 * 400 = 1200 jars.</think> <answer>1,200</answer>"
    )


def test_every_solution_earns_the_full_score(task: Gsm8kTask) -> None:
    prompts = [task.prompt(index) for index in range(task.train_prompts)]
    prompts += [task.eval_prompt(index) for index in range(task.eval_prompts)]
    for prompt in prompts:
        solution = task.solution(prompt)
        assert solution is not None
        assert task.score(prompt, solution, ended=True).answer_ok


def test_a_strange_prompt_has_no_solution(task: Gsm8kTask) -> None:
    assert task.solution(Prompt("gsm8k", 0, "How many?\n", "7")) is None
    assert task.solution(Prompt("gsm8k", 10_000, "How many?\n", "7")) is None


@pytest.mark.parametrize("index", [-1, 40])
def test_an_index_beyond_a_split_is_refused(task: Gsm8kTask, index: int) -> None:
    with pytest.raises(IndexError):
        task.prompt(index)
    with pytest.raises(IndexError):
        task.eval_prompt(index)


def test_blank_lines_and_windows_line_ends_are_no_problems(tmp_path: Path, task: Gsm8kTask) -> None:
    text = "\r\n\r\n".join(json.dumps(each) for each in RECORDS) + "\r\n"
    path = tmp_path / "windows.jsonl"
    path.write_bytes(text.encode())

    assert Gsm8kTask.from_file(path).digest == task.digest


def test_another_answer_or_order_is_another_task(tmp_path: Path, task: Gsm8kTask) -> None:
    changed = [dict(each) for each in RECORDS]
    changed[7]["answer"] = "#### 5"
    turned = RECORDS[::-1]

    for number, records in enumerate((changed, turned)):
        path = write(tmp_path / f"{number}.jsonl", [json.dumps(each) for each in records])
        assert Gsm8kTask.from_file(path).digest != task.digest


def test_the_path_of_the_file_is_no_part_of_the_task(tmp_path: Path, task: Gsm8kTask) -> None:
    elsewhere = write(tmp_path / "elsewhere.jsonl", [json.dumps(each) for each in RECORDS])

    assert Gsm8kTask.from_file(elsewhere).digest == task.digest


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ('{"question": "How many?", "answer": "#### 5"', "is not JSON"),
        ("\udcff", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('["How many?", "#### 5"]', "is not an object"),
        ('{"answer": "#### 5"}', "has no text under 'question'"),
        ('{"question": " ", "answer": "#### 5"}', "has no text under 'question'"),
        ('{"question": "How many?"}', "has no text under 'answer'"),
        ('{"question": "How many?", "answer": 5}', "has no text under 'answer'"),
        ('{"question": "How many?", "answer": "5"}', "has no number after '####'"),
        ('{"question": "How many?", "answer": "5 ####"}', "has no number after '####'"),
    ],
)
def test_a_broken_line_is_named_by_its_number(tmp_path: Path, broken: str, what: str) -> None:
    lines = [json.dumps(RECORDS[0]), "", broken, json.dumps(RECORDS[1])]
    path = tmp_path / "broken.jsonl"
    path.write_bytes("\n".join(lines).encode(errors="surrogateescape"))

    with pytest.raises(TaskFault, match=rf"broken\.jsonl, line 3 {what}"):
        Gsm8kTask.from_file(path)


@pytest.mark.parametrize("count", [0, 1])
def test_a_file_too_small_for_two_splits_is_refused(tmp_path: Path, count: int) -> None:
    path = write(tmp_path / "small.jsonl", [json.dumps(each) for each in RECORDS[:count]])

    with pytest.raises(TaskFault, match=f"has {count} different questions"):
        Gsm8kTask.from_file(path)


def test_two_questions_are_enough() -> None:
    task = Gsm8kTask([Row("One?", "", "1"), Row("Two?", "", "2")])

    assert (task.train_prompts, task.eval_prompts) == (1, 1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFault, match=r"missing\.jsonl cannot be read: No such file"):
        Gsm8kTask.from_file(tmp_path / "missing.jsonl")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(TaskFault, match="Is a directory"):
        Gsm8kTask.from_file(tmp_path)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)

    with pytest.raises(TaskFault, match="needs the package datasets") as caught:
        Gsm8kTask.from_datasets()
    assert "drl-node[datasets]" in caught.value.fix


def library(monkeypatch: pytest.MonkeyPatch, outcome: object) -> None:
    """Stand in for the package `datasets`, which is not installed for tests."""

    def load_dataset(path: str, name: str, *, split: str) -> object:
        assert (path, name, split) == ("openai/gsm8k", "main", "train")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    module = ModuleType("datasets")
    module.load_dataset = load_dataset  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_file_and_library_make_one_task(monkeypatch: pytest.MonkeyPatch, task: Gsm8kTask) -> None:
    """So a peer with the one and a peer with the other are in one swarm."""
    library(monkeypatch, RECORDS)

    assert Gsm8kTask.from_datasets().digest == task.digest


def test_a_library_that_cannot_reach_the_hub_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    library(monkeypatch, ConnectionError("no route to the hub"))

    with pytest.raises(TaskFault, match="cannot be loaded: no route to the hub"):
        Gsm8kTask.from_datasets()
