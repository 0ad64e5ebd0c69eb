"""`rollout doctor`: is everything there that a rollout will depend on?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from rollout.cli import exits
from rollout.cli.live_settings import sandbox_file
from rollout.cli.settings import settings
from rollout.live.clocks import clock_of
from rollout.live.connections import LiveConnections
from rollout.live.doctor import UNREACHABLE, WRONG, Line, examine, examine_signers
from rollout.live.profiles import profile_of
from rollout.view.text import plain
from rollout.wiring import installed_kinds, read_plan

_MARKS = {"ok": "ok  ", "note": "note", "wrong": "FIX ", "unreachable": "DOWN"}


def run(
    plan: Path,
    env: str,
    sandbox: Path | None,
    written: Sequence[str],
    plugins: Sequence[Path],
    *,
    as_json: bool,
) -> int:
    """Raises: PlanProblems, Misuse, ServiceError when a sandbox's clock is not there."""
    profile = profile_of(env, sandbox_file(sandbox, env))
    read = read_plan(plan, installed_kinds(plugins), settings(written).params)
    lines: list[Line] = []
    clock = clock_of(profile)
    with LiveConnections(read, os.environ, Path.cwd(), clock=clock, profile=profile) as connections:
        signers = examine_signers(read, profile.name, clock.now())
        for line in chain(signers, examine(read, connections)):
            lines.append(line)
            if not as_json:
                exits.write(_text(line) + "\n")
    if as_json:
        exits.write_json(
            {
                "profile": profile.name,
                "ok": _code(lines) == exits.GO,
                "lines": [asdict(n) for n in lines],
            }
        )
    return _code(lines)


def _text(line: Line) -> str:
    took = f" ({line.seconds * 1000:.0f} ms)" if line.seconds is not None else ""
    fix = f": {line.fix}" if line.fix else ""
    return plain(f"{_MARKS[line.state]} {line.connection}: {line.what}: {line.said}{took}{fix}")


def _code(lines: Sequence[Line]) -> int:
    """An answer that did not come says less than one that is wrong, so it goes first."""
    states = {line.state for line in lines}
    if UNREACHABLE in states:
        return exits.UNREACHABLE
    return exits.USAGE if WRONG in states else exits.GO
