"""`rollout adopt-plan` as Typer parses it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rollout.cli.live_commands import (
    AsJson,
    Plugins,
    Role,
    Rollout,
    Sandbox,
    Seen,
    Settings,
    State,
    Task,
)
from rollout.cli.quick import STATE

OwnEnv = Annotated[
    str | None,
    typer.Option("--env", metavar="prod|sandbox", help="Refuse a store of the other one."),
]


def register(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    """Add the command to `app`; it leaves its task with `leave`."""

    @app.command("adopt-plan")
    def adopt_plan(
        plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The changed plan.")],
        by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who adopts it.")] = "",
        reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
        role: Role = "project_lead",
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Only show what differs, and what it would do.")
        ] = False,
        seen: Seen = None,
        state: State = STATE,
        rollout: Rollout = None,
        env: OwnEnv = None,
        sandbox: Sandbox = None,
        settings: Settings = None,
        plugins: Plugins = None,
        json: AsJson = False,
    ) -> None:
        """Let a running rollout follow a changed plan: shows what differs, voids what it touches."""
        from rollout.cli import adopt_plan as module

        asked = module.Request(
            plan=plan,
            state=state,
            rollout=rollout,
            env=env,
            sandbox=sandbox,
            by=by,
            role=role,
            reason=reason,
            seen=seen,
            written=settings or [],
            plugins=plugins or [],
            dry_run=dry_run,
            as_json=json,
        )
        leave(partial(module.run, asked))
