"""`rollout run`: the controller, until the rollout has ended or somebody ends it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rollout.cli import exits
from rollout.cli.live_settings import sandbox_file
from rollout.cli.log import line
from rollout.domain.errors import StoreUnavailable
from rollout.domain.events import Event
from rollout.domain.plan import Plan
from rollout.live.clocks import SystemClock, clock_of
from rollout.live.connections import LiveConnections
from rollout.live.controller_loop import Drive, Listener, own
from rollout.live.heartbeat import Heartbeat
from rollout.live.opening import choose, open_live
from rollout.live.profiles import profile_of
from rollout.live.waiting import Signals
from rollout.wiring import installed_kinds

GOES_ON = "the rollout goes on when `rollout run` starts again"


def run(
    state: str,
    rollout: str | None,
    env: str | None,
    sandbox: Path | None,
    plugins: Sequence[Path],
    *,
    quiet: bool,
) -> int:
    """Raises: PlanProblems, StoreUnavailable (the store was not there), LogDamaged."""
    kinds = installed_kinds(plugins)
    with ExitStack() as stack:
        store, profile_name = open_live(state, env)
        stack.callback(store.close)
        name = choose(store.log, store.where, rollout)
        profile = profile_of(profile_name, sandbox_file(sandbox, profile_name))
        signals = stack.enter_context(Signals(_talk))
        try:
            owner = stack.enter_context(own(state, name, SystemClock().now()))
        except StoreUnavailable as held:
            exits.say(f"rollout: {held}")
            return exits.UNREACHABLE
        stack.enter_context(Heartbeat(owner))
        clock = clock_of(profile)

        def connect(plan: Plan, *, at_once: bool) -> LiveConnections:
            made = LiveConnections(
                plan, os.environ, Path.cwd(), clock=clock, profile=profile, tell=_talk
            )
            if at_once:
                made.read_settings()
            return made

        drive = Drive(
            store=store,
            rollout=name,
            connect=connect,
            clock=clock,
            checks=kinds.checks,
            steps=kinds.steps,
            owner=owner,
            signals=signals,
            tell=_listener(quiet=quiet),
            plugins=kinds.plugins,
        )
        _talk(f"{name} ({profile.name}): process {os.getpid()} drives it, ownership {owner.epoch}")
        return _driven(drive)


def _driven(drive: Drive) -> int:
    try:
        outcome = drive.run()
    except StoreUnavailable as lost:
        exits.say(f"rollout: {lost}: {GOES_ON}")
        return exits.UNREACHABLE
    if not outcome:
        exits.say(f"rollout: ended; {GOES_ON}")
        return exits.GO
    exits.say(f"rollout: {drive.rollout}: {outcome.replace('_', ' ')}")
    return exits.GO if outcome == "completed" else exits.NO_GO


def _listener(*, quiet: bool) -> Listener:
    """A line for each event on a terminal; a pipe is told only what the controller waits for."""
    if quiet:
        return Listener(event=_ignore, word=_ignore)
    if sys.stderr.isatty():
        return Listener(event=_say_event, word=_talk)
    return Listener(event=_ignore, word=_talk)


def _say_event(event: Event) -> None:
    exits.say(line(event))


def _talk(text: str) -> None:
    exits.say(f"rollout: {text}")


def _ignore(_: object) -> None:
    """Nobody is told."""
