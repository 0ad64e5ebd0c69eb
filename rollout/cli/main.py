"""Every command but the quick ones, as Typer parses them; the work is in the modules they name.

Typer only parses: a command leaves its task behind, which runs when Typer is done, so that no
library decides an exit code or swallows a closed pipe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rollout import __version__
from rollout.cli import exits
from rollout.cli.adopting_command import register as register_adopting
from rollout.cli.live_commands import register as register_live
from rollout.cli.quick import QUICK, STATE, quick
from rollout.cli.rehearsal_commands import register as register_rehearsals
from rollout.cli.report_command import register as register_report
from rollout.cli.rollback_command import register as register_rollback
from rollout.cli.seat_commands import register as register_seat

PLAN = Path("plans/property_sync.yaml")
"""The plan that ships."""

Task = Callable[[], int]

app = typer.Typer(
    name="rollout",
    help="Drive a production data rollout through phases and go/no-go gates.",
    epilog="Exit codes: 0 go or done, 1 no-go or held, 2 usage or plan problem, 3 inconclusive, "
    "4 a service is unreachable, 5 the log's integrity is broken.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_tasks: list[Task] = []

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's YAML file.")]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugins", metavar="FILE", help="A Python file with your own kinds."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
MaxBytes = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Largest plan, gate or SQL file, in bytes.")
]


def run_typer(argv: Sequence[str]) -> int:
    """Parse, then do. Raises: SystemExit for help and usage errors, after they were printed."""
    _tasks.clear()
    try:
        app(args=list(argv), prog_name="rollout")
    except SystemExit as parsed:
        if not _tasks:
            return parsed.code if isinstance(parsed.code, int) else exits.GO
    return _tasks.pop()() if _tasks else exits.GO


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Drive a production data rollout through phases and go/no-go gates."""
    if version:
        exits.write(f"rollout {__version__}\n")
        raise typer.Exit


@app.command()
def validate(
    plan: PlanFile = PLAN,
    plugins: Plugins = None,
    max_bytes: MaxBytes = None,
    json: AsJson = False,
) -> None:
    """Check a plan and everything it names; every problem at once, each at its place."""
    from rollout.cli import plans

    _tasks.append(partial(plans.validate, plan, plugins or [], max_bytes, as_json=json))


@app.command()
def graph(
    plan: PlanFile = PLAN,
    form: Annotated[
        str, typer.Option("--format", metavar="mermaid|dot|svg", help="svg needs Graphviz.")
    ] = "mermaid",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Instead of stdout.")] = None,
    plugins: Plugins = None,
) -> None:
    """Draw the plan's state machine."""
    from rollout.cli import plans

    _tasks.append(partial(plans.graph, plan, plugins or [], form, out))


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Instead of stdout.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether FILE is in step; 1 when it is not.")
    ] = False,
    plugins: Plugins = None,
) -> None:
    """Write the JSON Schema of plans, for editors."""
    from rollout.cli import plans

    _tasks.append(partial(plans.schema, plugins or [], out, check=check))


_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


def _quick_command(name: str) -> None:
    """List a quick command beside the others; it parses its own arguments."""

    @app.command(
        name,
        help=f"{QUICK[name]} (log: {STATE})",
        context_settings=_PASS_ON,
        add_help_option=False,
    )
    def _run(context: typer.Context) -> None:
        _tasks.append(partial(quick, name, list(context.args)))


for _name in QUICK:
    _quick_command(_name)

register_rehearsals(app, _tasks.append)
register_live(app, _tasks.append)
register_adopting(app, _tasks.append)
register_report(app, _tasks.append)
register_rollback(app, _tasks.append)
register_seat(app, _tasks.append)
