import json
from pathlib import Path

import pytest

from node.faults import TaskFault
from node.tasks import task_named
from node.tasks.arith import ArithTask

OWN_TASK = """
from node.tasks import Prompt, Score

class OwnTask:
    name = "own"
    digest = "ab" * 32
    train_prompts = 2
    eval_prompts = 1
    def prompt(self, index): return Prompt("own", index, "?\\n", "1")
    def eval_prompt(self, index): return Prompt("own", index, "?\\n", "1")
    def score(self, prompt, completion, *, ended): return Score(True, True)
    def solution(self, prompt): return None

def changed(**fields):
    task = OwnTask()
    for name, value in fields.items():
        setattr(task, name, value)
    return task

made = OwnTask()
def make(): return OwnTask()
short_digest = changed(digest="abc")
loud_digest = changed(digest="AB" * 32)
no_prompts = changed(train_prompts=0)
no_exam = changed(eval_prompts=0)
number = 7
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_task_module.py").write_text(OWN_TASK)
    (tmp_path / "own_broken_module.py").write_text("def (:\n")
    (tmp_path / "own_needy_module.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize(
    "spec",
    ["builtin:arith", "builtin:arith:easy", "builtin:arith:medium", "builtin:arith:hard"],
)
def test_a_built_in_task_is_found_by_its_name(spec: str) -> None:
    assert task_named(spec).name == spec


def test_the_default_difficulty_can_be_named_too() -> None:
    assert task_named("builtin:arith:mix").digest == ArithTask().digest


def test_a_file_of_problems_is_found_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a:b.jsonl"
    rows = [{"question": f"What is {n} + 1?", "answer": f"#### {n + 1}"} for n in range(20)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    task = task_named(f"gsm8k:{path}")

    assert (task.name, task.train_prompts, task.eval_prompts) == ("gsm8k", 18, 2)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("attribute", ["made", "make", "OwnTask"])
def test_a_task_of_the_users_own_is_found_by_its_dotted_path(attribute: str) -> None:
    """An instance, a function that makes one, and a class are all fine."""
    task = task_named(f"own_task_module:{attribute}")

    assert task.name == "own"
    assert task.prompt(1).answer == "1"


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "arith",
        "builtin",
        "builtin:",
        "builtin:chess",
        "builtin:arith:impossible",
        "builtin:arith:easy:easier",
        "own_task_module",
        "own_task_module:",
        ":made",
        "own-task:made",
        "/etc/passwd:made",
        "own_task_module:made()",
    ],
)
def test_an_unknown_task_is_refused_with_the_forms_there_are(spec: str) -> None:
    with pytest.raises(TaskFault, match="there is no task") as caught:
        task_named(spec)
    assert "builtin:arith" in caught.value.fix
    assert "package.module:attribute" in caught.value.fix


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ("own_absent_module:made", "cannot be imported: No module named 'own_absent_module'"),
        ("own_needy_module:made", "cannot be imported: No module named 'a_package_that_is"),
        ("own_broken_module:made", "cannot be imported: "),
        ("own_task_module:absent", "has no 'absent'"),
        ("own_task_module:number", "is not a task, but a int"),
        ("own_task_module:short_digest", "is not 64 hexadecimal digits"),
        ("own_task_module:loud_digest", "is not 64 hexadecimal digits"),
        ("own_task_module:no_prompts", "has 0 training and 1 held-out"),
        ("own_task_module:no_exam", "has 2 training and 0 held-out"),
    ],
)
def test_a_dotted_path_that_leads_to_no_task_says_why(spec: str, cause: str) -> None:
    with pytest.raises(TaskFault, match=cause):
        task_named(spec)
