"""Where a command line finds its rollout."""

from __future__ import annotations

from pathlib import Path

from rollout.cli.quick import STATE
from rollout.store.address import shown


def place(state: str, rollout: str | None, sandbox: Path | None = None) -> list[str]:
    """The options of a command that lead to the same rollout; never a password.

    >>> place("my.db", None, Path("sandbox.json"))
    ['--state', 'my.db', '--sandbox', 'sandbox.json']
    """
    found = ["--state", shown(state)] if state != STATE else []
    found += ["--rollout", rollout] if rollout is not None else []
    return found + (["--sandbox", str(sandbox)] if sandbox is not None else [])
