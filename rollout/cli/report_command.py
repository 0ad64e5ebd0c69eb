"""`rollout report` and `rollout export` as Typer parses them; the work is in `report` and `export`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rollout.cli.live_commands import AsJson, Rollout, Sandbox, State, Task
from rollout.cli.quick import STATE

Gate = Annotated[
    str | None,
    typer.Option(
        "--gate", metavar="GATE", help="Which gate (the one that waits, or was decided last)."
    ),
]
Phase = Annotated[str | None, typer.Option("--phase", metavar="PHASE", help="Only in this phase.")]
Attempt = Annotated[
    int | None, typer.Option("--attempt", min=1, metavar="N", help="Only in this attempt.")
]
Moment = Annotated[
    str | None,
    typer.Option(
        "--moment", metavar="M", help="Only at entry, exit, step:ID, after:4h, every:12h#1."
    ),
]
Round = Annotated[
    int | None, typer.Option("--round", min=1, metavar="N", help="Only this round (the newest).")
]
At = Annotated[
    int | None,
    typer.Option("--at", min=1, metavar="SEQ", help="As it was after this event (the newest)."),
]
Form = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="html|markdown|json|junit",
        help="By the name of --out; else html, or Markdown on a terminal.",
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="FILE|DIR",
        help="Instead of stdout; a folder gets every gate and an index.",
    ),
]
Ask = Annotated[
    list[str] | None,
    typer.Option(
        "--ask",
        metavar="NAME[:ROLE]",
        help="Ask them to sign: an event, and a request file beside the page. Repeatable.",
    ),
]
Why = Annotated[
    str,
    typer.Option(
        "--reason", metavar="TEXT", help="With --ask: why, which is part of what is signed."
    ),
]
ShowKeys = Annotated[
    bool, typer.Option("--show-keys", help="Keys of records as they are, not hashed.")
]


def register(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    """Add the commands to `app`; each leaves its task with `leave`."""
    _reporting(app, leave)
    _exporting(app, leave)


def _exporting(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def export(
        what: Annotated[
            str,
            typer.Argument(metavar="events|findings|measurements|evidence", help="Which table."),
        ] = "events",
        form: Annotated[
            str,
            typer.Option("--format", metavar="jsonl|csv", help="One record a line, either way."),
        ] = "jsonl",
        out: Annotated[
            Path | None, typer.Option("--out", metavar="FILE", help="Instead of stdout.")
        ] = None,
        after: Annotated[
            int,
            typer.Option("--after", min=0, metavar="SEQ", help="Only what came after this event."),
        ] = 0,
        show_keys: ShowKeys = False,
        state: State = STATE,
        rollout: Rollout = None,
    ) -> None:
        """Write what a store holds as data: the log itself, findings, measurements, samples."""
        from rollout.cli import export as module

        wish = module.Wish(
            what=what,
            state=state,
            rollout=rollout,
            form=form,
            out=out,
            after=after,
            show_keys=show_keys,
        )
        leave(partial(module.run, wish))


def _reporting(app: typer.Typer, leave: Callable[[Task], None]) -> None:

    @app.command()
    def report(
        gate: Gate = None,
        phase: Phase = None,
        attempt: Attempt = None,
        moment: Moment = None,
        round_: Round = None,
        at: At = None,
        form: Form = None,
        out: Out = None,
        every: Annotated[
            bool,
            typer.Option(
                "--all", help="Every decided gate that fits, and an index, into --out DIR."
            ),
        ] = False,
        show_keys: ShowKeys = False,
        by_decision: Annotated[
            bool, typer.Option("--exit-code", help="End with 1 for no-go, 3 for inconclusive.")
        ] = False,
        names: Ask = None,
        reason: Why = "",
        sandbox: Sandbox = None,
        state: State = STATE,
        rollout: Rollout = None,
        json: AsJson = False,
    ) -> None:
        """Write a gate's report: what is decided, on which evidence, by whom; rebuilt from the store."""
        from rollout.cli import report as module
        from rollout.cli.report_requests import Asking
        from rollout.reports.choice import Wanted

        wanted = Wanted(gate=gate, phase=phase, attempt=attempt, moment=moment, round=round_)
        wish = module.Wish(
            state=state,
            rollout=rollout,
            wanted=wanted,
            at=at,
            form=form,
            out=out,
            every=every,
            show_keys=show_keys,
            by_decision=by_decision,
            as_json=json,
            asking=Asking(names, reason, sandbox) if names else None,
        )
        leave(partial(module.run, wish))
