"""The commands around a rehearsal as Typer parses them; the work is in the modules they name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

Task = Callable[[], int]

PLAN = Path("plans/property_sync.yaml")
"""The plan that ships."""

PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The plan's YAML file.")]
ScenarioName = Annotated[
    str, typer.Option(metavar="NAME|FILE", help="One of scenarios/*.yaml beside the plan.")
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="Instead of the scenario's own.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="K=V",
        help="A parameter of the plan, or operator.* and world.* of the scenario.",
    ),
]
Log = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Keep the log there (else in memory).")
]
World = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep the world there; started again, it goes on."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the rehearsal in --state.")]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write a report of every gate there.")
]
ByHand = Annotated[
    bool, typer.Option("--by-hand", help="People decide, from other terminals; needs --state.")
]
Speed = Annotated[
    float | None,
    typer.Option(metavar="N", help="By hand: times faster than real (60); 0 waits for nothing."),
]
Tui = Annotated[
    bool, typer.Option("--tui", help="By hand, from this terminal: the TUI in front of it.")
]
Pace = Annotated[
    float, typer.Option(metavar="N", help="How many times faster than real its time passes.")
]
PortBase = Annotated[
    int | None, typer.Option(metavar="P", help="Use the ports P to P+3 (else any free ones).")
]
Word = Annotated[
    str,
    typer.Argument(
        metavar="show|faults|speed|faster|slower|pause|go|step|inject|clear",
        help="faults: those that can be injected.",
    ),
]
Subject = Annotated[
    str, typer.Argument(metavar="[SUBJECT]", help="speed: a number; inject, clear: a fault.")
]
Store = Annotated[Path, typer.Option("--state", metavar="FILE", help="The rehearsal's store.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
AsAscii = Annotated[bool, typer.Option("--ascii", help="No glyphs beyond ASCII.")]
AsPlain = Annotated[
    bool, typer.Option("--plain", help="Sentences for a screen reader: nothing drawn.")
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugins", metavar="FILE", help="A Python file with your own kinds."),
]


Listing = Annotated[bool, typer.Option("--list", help="Only show the faults there are.")]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="ID", help="Rehearse this fault, or a scenario's; may be repeated."),
]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", help="Rehearse so many at a time (else one a processor)."),
]


def register(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    """Add the commands to `app`; each leaves its task with `leave`."""
    _rehearse(app, leave)
    _drill(app, leave)
    _rehearsal(app, leave)
    _sandbox(app, leave)


def _rehearse(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def rehearse(
        plan: PlanFile = PLAN,
        scenario: ScenarioName = "planned",
        seed: Seed = None,
        settings: Settings = None,
        state: Log = None,
        resume: Resume = False,
        out: Out = None,
        json: AsJson = False,
        ascii_only: AsAscii = False,
        plugins: Plugins = None,
        by_hand: ByHand = False,
        speed: Speed = None,
        tui: Tui = False,
    ) -> None:
        """Run the whole plan against a mocked world on a virtual clock."""
        from rollout.cli import rehearse as scripted
        from rollout.cli import rehearse_by_hand as driven

        wish = scripted.Wish(
            plan=plan,
            scenario=scenario,
            seed=seed,
            settings=tuple(settings or ()),
            state=state,
            resume=resume,
            out=out,
            as_json=json,
            ascii_only=ascii_only,
            plugins=tuple(plugins or ()),
            speed=speed,
        )
        if tui:
            leave(partial(driven.run_with_tui, wish))
        else:
            leave(partial(driven.run if by_hand else scripted.run, wish))


def _drill(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def drill(
        plan: PlanFile = PLAN,
        listing: Listing = False,
        only: Only = None,
        seed: Seed = None,
        workers: Workers = None,
        json: AsJson = False,
        ascii_only: AsAscii = False,
        plugins: Plugins = None,
    ) -> None:
        """Rehearse every fault there is: which check notices, which never."""
        from rollout.cli.drill import Wish, run

        wish = Wish(
            plan=plan,
            listing=listing,
            only=tuple(only or ()),
            seed=seed,
            workers=workers,
            as_json=json,
            ascii_only=ascii_only,
            plugins=tuple(plugins or ()),
        )
        leave(partial(run, wish))


def _rehearsal(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def rehearsal(
        word: Word = "show",
        subject: Subject = "",
        state: Store = Path("state/rehearsal.db"),
        json: AsJson = False,
        ascii_only: AsAscii = False,
        plain: AsPlain = False,
    ) -> None:
        """Look at a rehearsal that people drive (`rehearse --by-hand`), set its pace, inject faults."""
        from rollout.cli import rehearsal as module

        how = {"as_json": json, "ascii_only": ascii_only, "for_ears": plain}
        leave(partial(module.run, word, subject, state, **how))


def _sandbox(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    @app.command()
    def sandbox(
        plan: PlanFile = PLAN,
        scenario: ScenarioName = "planned",
        seed: Seed = None,
        speed: Pace = 1.0,
        port_base: PortBase = None,
        state: World = None,
        json: AsJson = False,
        plugins: Plugins = None,
    ) -> None:
        """Serve the mocked Census, Salesforce and warehouse on 127.0.0.1, on a clock of their own."""
        from rollout.cli.sandbox import Wish, run

        wish = Wish(
            plan=plan,
            scenario=scenario,
            seed=seed,
            speed=speed,
            port_base=port_base,
            state=state,
            as_json=json,
            plugins=tuple(plugins or ()),
        )
        leave(partial(run, wish))
