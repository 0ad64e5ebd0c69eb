"""The live commands as Typer parses them; the work is in the modules they name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rollout.cli.quick import STATE
from rollout.cli.sign_command import register_sign

Task = Callable[[], int]

PLAN = Path("plans/property_sync.yaml")
"""The plan that ships."""

State = Annotated[str, typer.Option("--state", metavar="FILE|URL", help="The store.")]
Rollout = Annotated[
    str | None, typer.Option("--rollout", metavar="NAME", help="Which one (the one begun last).")
]
Sandbox = Annotated[
    Path | None,
    typer.Option(
        "--sandbox",
        metavar="FILE",
        help="A profile in YAML, or the line that `rollout sandbox` printed (ROLLOUT_SANDBOX).",
    ),
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who says it.")]
Role = Annotated[str, typer.Option("--role", metavar="ROLE", help="In which role of the plan.")]
Seen = Annotated[
    int | None,
    typer.Option("--seen", min=0, metavar="SEQ", help="The newest event looked at (the newest)."),
]
Env = Annotated[
    str, typer.Option("--env", metavar="prod|sandbox", help="Where the plan's connections lead.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="K=V", help="A parameter of the plan.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")]
Check = Annotated[str, typer.Argument(metavar="CHECK", help="A check of the plan.")]
Gate = Annotated[str, typer.Argument(metavar="GATE", help="A gate of the plan.")]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugins", metavar="FILE", help="A Python file with your own kinds."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]


def register(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    """Add the live commands to `app`; each leaves its task with `leave`."""
    _driving(app, leave)
    _deciding(app, leave)
    _waiving(app, leave)
    _confirming(app, leave)
    register_sign(app, leave)
    _looking(app, leave)
    _asking(app, leave)


def _driving(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def start(
        plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's YAML file.")] = PLAN,
        env: Env = "prod",
        sandbox: Sandbox = None,
        state: State = STATE,
        settings: Settings = None,
        plugins: Plugins = None,
        json: AsJson = False,
    ) -> None:
        """Begin a rollout of a plan: nothing happens yet, `rollout run` drives it."""
        from rollout.cli import start as module

        leave(
            partial(
                module.run, plan, state, env, sandbox, settings or [], plugins or [], as_json=json
            )
        )

    @app.command()
    def run(
        state: State = STATE,
        rollout: Rollout = None,
        env: Annotated[
            str | None,
            typer.Option("--env", metavar="prod|sandbox", help="Refuse a store of the other one."),
        ] = None,
        sandbox: Sandbox = None,
        plugins: Plugins = None,
        quiet: Annotated[bool, typer.Option("--quiet", help="Say only how it ends.")] = False,
    ) -> None:
        """Drive a rollout that was started: the controller, one per store, until it has ended."""
        from rollout.cli import run as module

        leave(partial(module.run, state, rollout, env, sandbox, plugins or [], quiet=quiet))


def _deciding(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def decide(
        decision: Annotated[
            str,
            typer.Argument(
                metavar="go|hold|resume|retry|rollback|abort|restart|end|settle|close",
                help="close: an open finding.",
            ),
        ],
        subject: Annotated[
            str,
            typer.Argument(
                metavar="[SUBJECT]", help="A phase (rollback, restart), an effect, a finding."
            ),
        ] = "",
        by: By = ...,  # type: ignore[assignment]  # Typer's way of saying that it is required
        reason: Reason = ...,  # type: ignore[assignment]
        role: Role = "project_lead",
        run_id: Annotated[
            int | None,
            typer.Option("--run-id", min=1, metavar="N", help="settle: the run that it came to."),
        ] = None,
        seen: Seen = None,
        state: State = STATE,
        rollout: Rollout = None,
        sandbox: Sandbox = None,
        json: AsJson = False,
    ) -> None:
        """Say what happens next: recorded when it is legal, refused with the reason when not."""
        from rollout.cli import decide as module
        from rollout.live.deciding import Wish

        wish = Wish(module.decision(decision), by, role, reason, subject, run_id=run_id, seen=seen)
        leave(partial(module.run, state, rollout, sandbox, wish, as_json=json))


def _waiving(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def waive(
        check: Check,
        by: By = ...,  # type: ignore[assignment]
        reason: Reason = ...,  # type: ignore[assignment]
        role: Role = "project_lead",
        seen: Seen = None,
        state: State = STATE,
        rollout: Rollout = None,
        sandbox: Sandbox = None,
        json: AsJson = False,
    ) -> None:
        """Let a check of the current phase count as passed, with your name to it."""
        from rollout.cli import decide as module
        from rollout.live.deciding import Wish

        wish = Wish("waive", by, role, reason, check, seen=seen)
        leave(partial(module.run, state, rollout, sandbox, wish, as_json=json))


def _confirming(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def attest(
        check: Check,
        answer: Annotated[bool, typer.Option("--yes/--no", help="Whether it is so.")] = ...,  # type: ignore[assignment]
        by: By = ...,  # type: ignore[assignment]
        role: Role = ...,  # type: ignore[assignment]
        note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What was seen.")] = ...,  # type: ignore[assignment]
        file: Annotated[
            Path | None, typer.Option("--file", metavar="PATH", help="What shows it.")
        ] = None,
        seen: Seen = None,
        state: State = STATE,
        rollout: Rollout = None,
        sandbox: Sandbox = None,
        json: AsJson = False,
    ) -> None:
        """Confirm, or deny, what no machine can see."""
        from rollout.cli import decide as module
        from rollout.live.deciding import Wish

        wish = Wish("attest", by, role, note, check, answer=answer, seen=seen, file=file)
        leave(partial(module.run, state, rollout, sandbox, wish, as_json=json))


def _looking(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def doctor(
        plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's YAML file.")] = PLAN,
        env: Env = "prod",
        sandbox: Sandbox = None,
        settings: Settings = None,
        plugins: Plugins = None,
        json: AsJson = False,
    ) -> None:
        """Look at every connection of a plan: reachable, who am I, rights, syncs, views."""
        from rollout.cli import doctor as module

        leave(partial(module.run, plan, env, sandbox, settings or [], plugins or [], as_json=json))

    @app.command()
    def watch(
        state: State = STATE,
        rollout: Rollout = None,
        ascii_only: Annotated[
            bool, typer.Option("--ascii", help="No glyphs beyond ASCII.")
        ] = False,
    ) -> None:
        """Look on until the rollout has ended: drawn on a terminal, lines in a pipe."""
        from rollout.cli import watch as module

        leave(partial(module.run, state, rollout, ascii_only=ascii_only))


def _asking(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def check(
        gate: Gate,
        record: Annotated[
            bool,
            typer.Option("--record/--dry-run", help="Keep the answer in the log, or only look."),
        ] = False,
        state: State = STATE,
        rollout: Rollout = None,
        sandbox: Sandbox = None,
        plugins: Plugins = None,
        json: AsJson = False,
    ) -> None:
        """Ask a gate of the plan now, as the current phase would; the phase itself does not move."""
        from rollout.cli import check as module

        leave(
            partial(
                module.run,
                gate,
                state,
                rollout,
                sandbox,
                plugins or [],
                record=record,
                as_json=json,
            )
        )
