"""From the word in the settings to the task itself."""

import importlib
import re

from node.faults import TaskFault
from node.settings import home_resolved
from node.tasks.arith import DIFFICULTIES, ArithTask
from node.tasks.gsm8k import Gsm8kTask
from node.tasks.task import Task

FORMS = "builtin:arith[:easy|:medium|:hard], gsm8k, gsm8k:PATH, package.module:attribute"

_DOTTED = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_]\w*)", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")


def task_named(spec: str) -> Task:
    """Return the task that a setting names.

    Args:
        spec: `builtin:arith`, with a difficulty if wanted; `gsm8k` for the data set through
            the package `datasets`, `gsm8k:PATH` for a JSONL file; `package.module:attribute`
            for a task of the user's own, or for something that makes one when called.

    Raises:
        TaskFault: There is no such task, or it cannot be loaded.
    """
    kind, _, rest = spec.partition(":")
    if kind == "builtin":
        return _built_in(spec, rest)
    if kind == "gsm8k":
        return Gsm8kTask.from_file(home_resolved(rest)) if rest else Gsm8kTask.from_datasets()
    dotted = _DOTTED.fullmatch(spec)
    if dotted is None:
        raise _unknown(spec)
    return _imported(spec, dotted["module"], dotted["attribute"])


def _built_in(spec: str, rest: str) -> Task:
    name, _, difficulty = rest.partition(":")
    difficulty = difficulty or "mix"
    if name != "arith" or difficulty not in DIFFICULTIES:
        raise _unknown(spec)
    return ArithTask(difficulty)


def _imported(spec: str, module_name: str, attribute: str) -> Task:
    try:
        made = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, SyntaxError) as error:
        raise TaskFault(
            f"the module of task {spec!r} cannot be imported: {error}",
            fix="install the package, or put the folder that holds it on PYTHONPATH",
        ) from error
    except AttributeError as error:
        raise TaskFault(
            f"the module {module_name} has no {attribute!r}, which task {spec!r} names",
            fix="name a task, or a function without arguments that returns one",
        ) from error
    # A class has the attributes of its instances too, and is yet no task before it is called.
    if callable(made) and (isinstance(made, type) or not isinstance(made, Task)):
        made = made()
    return _checked(spec, made)


def _checked(spec: str, made: object) -> Task:
    if not isinstance(made, Task):
        raise TaskFault(
            f"{spec!r} is not a task, but a {type(made).__name__}",
            fix="give it the attributes and methods of node.tasks.Task",
        )
    if not _DIGEST.fullmatch(made.digest):
        raise TaskFault(
            f"the digest of task {spec!r} is not 64 hexadecimal digits",
            fix="make it the SHA-256, in hex, of all that determines prompts and answers",
        )
    if made.train_prompts < 1 or made.eval_prompts < 1:
        raise TaskFault(
            f"task {spec!r} has {made.train_prompts} training and {made.eval_prompts} "
            "held-out prompts",
            fix="give it at least one of each",
        )
    return made


def _unknown(spec: str) -> TaskFault:
    return TaskFault(f"there is no task {spec!r}", fix=f"name one of: {FORMS}")
