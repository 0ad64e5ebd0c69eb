"""`rollout sign` as Typer parses it; the work is in `sign.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from rollout.cli.quick import STATE

Task = Callable[[], int]

Gate = Annotated[str, typer.Argument(metavar="[GATE]", help="The exit gate; not with --import.")]
Approve = Annotated[
    bool | None, typer.Option("--approve/--reject", help="Whether the phase may end.")
]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who signs.")]
Role = Annotated[str, typer.Option("--role", metavar="ROLE", help="In which role of the plan.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is part of what is signed.")
]
Key = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="The private key (else it is looked for)."),
]
Agent = Annotated[bool, typer.Option("--agent", help="By a key that the SSH agent holds.")]
RequestFile = Annotated[
    Path | None,
    typer.Option(
        "--request",
        metavar="FILE",
        help="Do not sign: write what must be signed, for the signer's own machine.",
    ),
]
Import = Annotated[
    Path | None,
    typer.Option(
        "--import",
        metavar="FILE.sig",
        help="Take in what they signed; FILE (or --request) is what they were sent.",
    ),
]
Seen = Annotated[
    int | None,
    typer.Option("--seen", min=0, metavar="SEQ", help="The newest event looked at (the newest)."),
]
State = Annotated[str, typer.Option("--state", metavar="FILE|URL", help="The store.")]
Rollout = Annotated[
    str | None, typer.Option("--rollout", metavar="NAME", help="Which one (the one begun last).")
]
Sandbox = Annotated[
    Path | None, typer.Option("--sandbox", metavar="FILE", help="As for `rollout run`.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]


def register_sign(app: typer.Typer, leave: Callable[[Task], None]) -> None:
    """Add the command to `app`; it leaves its task with `leave`."""

    @app.command()
    def sign(
        gate: Gate = "",
        approve: Approve = None,
        by: By = "",
        role: Role = "",
        reason: Reason = "",
        key: Key = None,
        agent: Agent = False,
        request: RequestFile = None,
        signed: Import = None,
        seen: Seen = None,
        state: State = STATE,
        rollout: Rollout = None,
        sandbox: Sandbox = None,
        json: AsJson = False,
    ) -> None:
        """Sign a phase's exit gate off with your SSH key, here or on the signer's own machine."""
        from rollout.cli import sign as module

        asked = module.Asked(
            gate, approve, by, role, reason, key, agent, request, signed, seen=seen
        )
        leave(partial(module.run, state, rollout, sandbox, asked, as_json=json))
