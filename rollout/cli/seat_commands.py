"""`rollout tui` as Typer parses it; the work is in `seat`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rollout.cli.live_commands import Rollout, Sandbox, State, Task
from rollout.cli.quick import STATE

By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who sits here (asked when needed).")]
Role = Annotated[str, typer.Option("--role", metavar="ROLE", help="In which role of the plan.")]
Ascii = Annotated[bool, typer.Option("--ascii", help="No glyphs beyond ASCII.")]
Mouse = Annotated[
    bool, typer.Option("--mouse/--no-mouse", help="Or leave the mouse to the terminal.")
]
Keymap = Annotated[
    Path | None, typer.Option("--keymap", metavar="FILE", help="Your own keys, in YAML.")
]
Replay = Annotated[
    Path | None,
    typer.Option("--replay", metavar="FILE", help="Play a recorded log: a store, only read."),
]


def register(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    """Add the command to `app`; it leaves its task with `leave`."""

    @app.command()
    def tui(
        state: State = STATE,
        rollout: Rollout = None,
        by: By = "",
        role: Role = "",
        ascii_only: Ascii = False,
        mouse: Mouse = True,
        sandbox: Sandbox = None,
        keymap: Keymap = None,
        replay: Replay = None,
    ) -> None:
        """The project lead's seat: see, decide and sign; what runs goes on without it."""
        from rollout.cli import seat as module

        wish = module.Wish(
            state=str(replay) if replay is not None else state,
            rollout=rollout,
            by=by,
            role=role,
            ascii_only=ascii_only,
            mouse=mouse,
            sandbox=sandbox,
            keymap=keymap,
            replay=replay is not None,
        )
        leave(partial(module.run, wish))
