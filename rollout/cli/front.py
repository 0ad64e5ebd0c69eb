"""The way in: the quick commands at once, everything else behind Typer.

Typer brings pydantic and rich; the commands that people run all day must not wait for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from rollout import __version__
from rollout.cli import exits
from rollout.cli.argv_secrets import refuse_secrets
from rollout.cli.quick import QUICK, quick


def run(argv: Sequence[str]) -> int:
    """Run the command that `argv` names."""
    refuse_secrets(argv)
    if argv and argv[0] in QUICK:
        return quick(argv[0], argv[1:])
    if list(argv) == ["--version"]:
        exits.write(f"rollout {__version__}\n")
        return exits.GO
    from rollout.cli.main import run_typer

    return run_typer(argv)
