"""Borders that no module may cross by itself: SQL out of texts, the store's file, secrets in arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import MODULES, ROOT, name_of, nodes_of, text_of
from typer.main import get_command

from rollout.cli.main import app


def _calls(path: Path) -> Iterator[str]:
    """Every call as it is written, without its arguments."""
    for node in nodes_of(path):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_every_statement_made_from_texts_says_why_nothing_foreign_can_be_in_it() -> None:
    """ruff finds the statements (S608); what it is told to overlook has a reason beside it."""
    overlooked = {
        f"{name_of(path)}: {line.strip()[:80]}"
        for path in MODULES
        for line in text_of(path).splitlines()
        if "noqa: S608" in line and not re.search(r"noqa: S608 - \S+", line)
    }
    assert overlooked == set()
    assert "S" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_nothing_runs_text_as_code() -> None:
    """A plug-in is the exception, and has a loader of its own (`rollout/wiring.py`)."""
    found = {
        f"{name_of(path)}: {call}"
        for path in MODULES
        for call in _calls(path)
        if call in {"eval", "exec", "compile", "__import__", "pickle.loads", "marshal.loads"}
        or call.endswith((".from_string", "yaml.load", "yaml.unsafe_load"))
    }
    assert found == set()


def test_no_shell_is_ever_started() -> None:
    found = []
    for path in MODULES:
        for node in nodes_of(path):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                shell = any(k.arg == "shell" for k in node.keywords)
                if shell or called in {"os.system", "os.popen", "subprocess.getoutput"}:
                    found.append(f"{name_of(path)}: {called}")
    assert found == []


OPENERS = {
    "rollout/store/ownership.py": "the lock file beside the store",
    "rollout/store/sqlite_files.py": "makes a store that is not there yet, before SQLite opens it",
}


def test_no_module_of_the_store_opens_the_stores_own_file() -> None:
    """Closing any descriptor of it would drop SQLite's locks. Source: reference on reliability, fault 21."""
    opening = re.compile(
        r"(^|\.)(open|read_bytes|read_text|write_bytes|write_text|copyfile|copy2?)$"
    )
    found = {
        name_of(path)
        for path in MODULES
        if path.parent.name == "store"
        for call in _calls(path)
        if opening.search(call) and not call.startswith(("self.", "sqlite3.", "zlib."))
    }
    assert found - set(OPENERS) == set()


@pytest.mark.parametrize("word", ["token", "password", "secret", "credential", "passphrase"])
def test_no_command_takes_a_secret_as_an_argument(word: str) -> None:
    """Arguments are everybody's to read in the list of processes; secrets come from the environment
    or from a file that only its owner may read."""
    commands = get_command(app).commands  # type: ignore[attr-defined]  # a group has them
    found = [
        f"{name} {option}"
        for name, command in commands.items()
        for parameter in command.params
        for option in parameter.opts
        if word in option.lower()
    ]
    assert found == []


BELOW_THE_COMMANDS = {
    "rollout/adapters/notifications.py": "the sender of notices gets PATH and nothing else",
    "rollout/adapters/ssh_keygen.py": "ssh-keygen finds the agent",
    "rollout/rehearsal/sandbox/running.py": "the sandbox's own token",
}


def test_below_the_commands_the_environment_is_an_argument() -> None:
    """Values of the environment are secrets until somebody says otherwise: a command hands them to the
    connections, which mask every one that they use."""
    found = set()
    for path in MODULES:
        for node in nodes_of(path):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}:
                found.add(name_of(path))
    below = {name for name in found if not name.startswith("rollout/cli/")}
    assert below == set(BELOW_THE_COMMANDS)
