"""`rollout start`: begin a rollout, so that `rollout run` can drive it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rollout.cli import exits
from rollout.cli.live_settings import sandbox_file
from rollout.cli.settings import settings
from rollout.domain.errors import PlanProblems
from rollout.live.clocks import clock_of
from rollout.live.connection_settings import not_for_a_sandbox
from rollout.live.opening import start
from rollout.live.profiles import PROD, profile_of
from rollout.store.opening import open_store
from rollout.wiring import installed_kinds, read_plan


def run(
    plan: Path,
    state: str,
    env: str,
    sandbox: Path | None,
    written: Sequence[str],
    plugins: Sequence[Path],
    *,
    as_json: bool,
) -> int:
    """Raises: PlanProblems, Misuse, StoreUnavailable, LogDamaged, ServiceError."""
    said = settings(written)
    if said.overrides:
        raise exits.Misuse(f"--set {next(iter(said.overrides))}: only a rehearsal has such values")
    profile = profile_of(env, sandbox_file(sandbox, env))
    clock = clock_of(profile)
    kinds = installed_kinds(plugins)
    read = read_plan(plan, kinds, said.params)
    elsewhere = not_for_a_sandbox(profile, read.connections)
    if elsewhere:
        raise PlanProblems(elsewhere)
    with open_store(state, create=True, profile=profile.name, now=clock.now()) as store:
        begun = start(store, read, kinds.steps, profile.name, clock)
        where = store.where
    if as_json:
        exits.write_json(
            {
                "rollout": begun.rollout,
                "plan_sha256": begun.plan_sha256,
                "profile": begun.profile,
                "seq": begun.seq,
                "state": where,
            }
        )
    else:
        exits.write(
            f"{begun.rollout}: begun as #{begun.seq} in {where}, plan {begun.plan_sha256}\n"
        )
        note = "" if begun.profile == PROD else f" ({begun.profile})"
        exits.say(f"rollout: `rollout run` drives it{note}; `rollout status` shows where it is")
    return exits.GO
