"""Every command has help, and README shows how it is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from rollout.__main__ import main
from rollout.cli.main import app
from rollout.cli.quick import QUICK

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]  # a group has them


def test_the_quick_commands_are_listed_with_the_others() -> None:
    assert set(QUICK) <= set(COMMANDS)
    shown = CliRunner().invoke(app, ["--help"]).output
    for name in COMMANDS:
        assert re.search(rf"^  {name} +\S", shown, re.MULTILINE), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"rollout {name}" in shown
    described = [line for line in shown.splitlines()[1:] if line.strip()]
    assert described
    assert "--help" in shown


@pytest.mark.parametrize("name", [n for n in COMMANDS if n not in QUICK])
def test_every_option_has_help(name: str) -> None:
    command = get_command(app).commands[name]  # type: ignore[attr-defined]  # a group has them
    silent = [p.name for p in command.params if not getattr(p, "help", None)]
    assert silent == []


def test_readme_shows_every_command() -> None:
    if not README.is_file():
        pytest.skip("there is no README yet")
    text = README.read_text(encoding="utf-8")
    missing = [name for name in COMMANDS if f"rollout {name}" not in text]
    assert missing == []


def test_readme_names_no_command_that_is_not_there() -> None:
    if not README.is_file():
        pytest.skip("there is no README yet")
    text = README.read_text(encoding="utf-8")
    called = set(re.findall(r"^\s*(?:\$ )?rollout ([a-z][a-z-]*)\b", text, re.MULTILINE))
    assert called - set(COMMANDS) == set()
