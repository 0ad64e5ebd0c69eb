"""The shape of the code: who may import whom, how long things may be, what may not be in it."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import MODULES, PACKAGE, ROOT, name_of, nodes_of, text_of, tree_of

MODULE_LINES, FUNCTION_LINES = 300, 50

_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_the_floors_hold() -> None:
    """import-linter's contracts, as `pyproject.toml` has them."""
    script = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "0 broken" in done.stdout


def test_no_module_is_longer_than_it_can_be_read() -> None:
    lengths = {name_of(p): len(text_of(p).splitlines()) for p in MODULES}
    assert {name: n for name, n in lengths.items() if n > MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{name_of(path)}:{name}": lines
        for path in MODULES
        for name, lines in _functions(path)
        if lines > FUNCTION_LINES
    }
    assert long == {}


def test_nothing_is_left_for_later() -> None:
    """Neither in a comment (TODO is also a word on screen) nor as a hole that raises."""
    found = []
    for path in MODULES:
        text = text_of(path)
        is_named = _UNFINISHED.search(text) is not None  # tokens are slow, and few modules have one
        for token in tokenize.generate_tokens(io.StringIO(text if is_named else "").readline):
            if token.type == tokenize.COMMENT and _UNFINISHED.search(token.string):
                found.append(f"{name_of(path)}:{token.start[0]}: {token.string}")
        found += [
            f"{name_of(path)}:{node.lineno}: raises NotImplementedError"
            for node in nodes_of(path)
            if isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node)
        ]
    assert found == []


def test_packages_hold_no_code_in_their_init() -> None:
    full = [
        name_of(path)
        for path in MODULES
        if path.name == "__init__.py" and path.parent != PACKAGE and path.read_text().strip()
    ]
    assert full == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name_of(path)
        for path in MODULES
        if path.name != "__init__.py" and ast.get_docstring(tree_of(path)) is None
    ]
    assert silent == []


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "misc", "manager"])
def test_no_module_has_a_name_that_says_nothing(word: str) -> None:
    assert [name_of(path) for path in MODULES if word in path.stem] == []


def test_only_the_outermost_place_and_the_border_of_plugins_catch_everything() -> None:
    """A broad except hides bugs; a plug-in's bug must be an error verdict, not the end."""
    engine = {"asking", "effects", "measure", "outbox", "steps"}
    outside = {"rollout/cli/exits.py", "rollout/wiring.py"}
    allowed = outside | {f"rollout/engine/{name}.py" for name in engine}
    found = set()
    for path in MODULES:
        for node in nodes_of(path):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not _raises_again(node):
                found.add(name_of(path))
    assert found - allowed == set()


def _is_broad(handler: ast.ExceptHandler) -> bool:
    kind = handler.type
    return kind is None or (
        isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"}
    )


def _raises_again(handler: ast.ExceptHandler) -> bool:
    """Cleaning up and passing the error on is no catching."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_stdout_has_one_owner() -> None:
    """stdout is data: only the module that owns the exit codes writes there."""
    assert _writers("stdout") == {"rollout/cli/exits.py"}


def test_stderr_is_written_by_the_command_line_and_the_sandbox_only() -> None:
    sandbox = "rollout/rehearsal/sandbox/"  # a server: its request threads have no caller to tell
    others = {name for name in _writers("stderr") if not name.startswith(sandbox)}
    assert others == {"rollout/cli/exits.py"}


def _writers(stream: str) -> set[str]:
    return {
        name_of(path)
        for path in MODULES
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute)
        and node.attr == "write"
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == stream
    }
