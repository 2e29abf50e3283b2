"""Style is a test: sizes, seams and what may never be imported."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.reference import PATH, document

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "node").rglob("*.py"), *(ROOT / "protocol").rglob("*.py")])
ALL = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "examples").rglob("*.py")])

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
BROAD_EXCEPT = {
    "node/cli/program.py": "the daemon's top: every end becomes an exit code",
    "node/worker.py": "the worker's top: a bug is told to the daemon whole",
}
"""Where an `except Exception` may stand besides hostile decoding, which says so on its line."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    assert node.end_lineno is not None
    docstring = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
    return node.end_lineno - node.lineno + 1 - docstring


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = ast.unparse(handler.type) if handler.type else "BaseException"
    return caught in {"Exception", "BaseException"}


def ends_in_raise(handler: ast.ExceptHandler) -> bool:
    """What is raised again was not swallowed."""
    return isinstance(handler.body[-1], ast.Raise)


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_a_module_and_its_functions_can_be_read_in_one_go(path: Path) -> None:
    long = [one.name for one in functions(path) if code_lines(one) > FUNCTION_LINES_MAX]

    assert long == []
    assert len(path.read_text().splitlines()) <= MODULE_LINES_MAX


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_everything_is_caught_only_where_it_is_said_why(path: Path) -> None:
    lines = path.read_text().splitlines()
    unexplained = [
        lines[node.lineno - 1]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and is_broad(node) and not ends_in_raise(node)
        if "hostile" not in lines[node.lineno - 1]
    ]

    assert not unexplained or named(path) in BROAD_EXCEPT


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_nothing_that_could_run_a_strangers_code_is_used(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [*node.names, ast.alias(getattr(node, "module", None) or "")]
    }
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}

    assert not imported & {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    assert not called & {"torch.load", "torch.save", "eval", "exec"}


@pytest.mark.parametrize("path", ALL, ids=named)
def test_no_work_is_left_lying_in_a_comment(path: Path) -> None:
    if path != Path(__file__):
        assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text())


def test_every_room_is_on_the_map() -> None:
    rooms = {
        f"node.{path.stem}"
        for path in (ROOT / "node").iterdir()
        if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists())
    } - {"node.__init__", "node.__main__"}
    on_the_map = set(
        re.findall(r"^\| `(node\.\w+)`", (ROOT / "node/README.md").read_text(), re.MULTILINE)
    )

    assert rooms == on_the_map


def test_the_reference_says_what_the_code_does() -> None:
    assert PATH.read_text() == document(), "run: make reference"
