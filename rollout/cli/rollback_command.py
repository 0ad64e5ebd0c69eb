"""`rollout rollback` as Typer parses it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from rollout.cli.live_commands import AsJson, Plugins, Rollout, Sandbox, State, Task
from rollout.cli.quick import STATE


def register(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    """Add the command to `app`; it leaves its task with `leave`."""

    @app.command()
    def rollback(
        preview: Annotated[
            bool, typer.Option("--preview", help="Show what it would do; nothing is changed.")
        ] = False,
        scope: Annotated[
            str, typer.Option("--scope", metavar="PHASE", help="The first phase to undo (all).")
        ] = "",
        log_only: Annotated[
            bool, typer.Option("--log-only", help="Do not look at the target.")
        ] = False,
        state: State = STATE,
        rollout: Rollout = None,
        sandbox: Sandbox = None,
        plugins: Plugins = None,
        json: AsJson = False,
        ascii_only: Annotated[
            bool, typer.Option("--ascii", help="No glyphs beyond ASCII.")
        ] = False,
    ) -> None:
        """Show what a rollback would do: rows, calls, duration, what stays; beside a running controller."""
        from rollout.cli import rollback as module

        asked = module.Request(
            preview=preview,
            scope=scope,
            state=state,
            rollout=rollout,
            sandbox=sandbox,
            plugins=plugins or [],
            log_only=log_only,
            as_json=json,
            ascii_only=ascii_only,
        )
        leave(partial(module.run, asked))
