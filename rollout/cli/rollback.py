"""`rollout rollback --preview`: what a rollback would do, from the target itself or from the log alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollout.cli import exits
from rollout.cli.live_settings import sandbox_file
from rollout.domain.assessment import Assessment
from rollout.domain.errors import KindMisused, PlanProblems, ServiceError
from rollout.domain.plan import Plan
from rollout.domain.state import RolloutState
from rollout.live.clocks import clock_of
from rollout.live.connections import LiveConnections
from rollout.live.profiles import PROD, REHEARSAL, profile_of
from rollout.live.rollback_look import ReadEvidence, assessments
from rollout.store.reading import Reader, open_readonly
from rollout.view.rollback_preview import rollback_preview, scope_of
from rollout.view.rollback_preview_text import rollback_preview_lines
from rollout.view.stored import choose, folded
from rollout.wiring import installed_kinds

ONLY_SHOWS = (
    "this command only shows: add --preview, or say it with "
    "`rollout decide rollback [PHASE] --by NAME --reason TEXT`"
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked for. `log_only`: do not look at the target."""

    preview: bool
    scope: str
    state: str
    rollout: str | None
    sandbox: Path | None
    plugins: Sequence[Path]
    log_only: bool
    as_json: bool
    ascii_only: bool


def run(asked: Request) -> int:
    """Raises: Misuse, StoreUnavailable, LogDamaged, PlanProblems."""
    if not asked.preview:
        raise exits.Misuse(ONLY_SHOWS)
    undoable = {k.kind for k in installed_kinds(asked.plugins).steps.values() if k.has_undo}
    with open_readonly(asked.state) as reader:
        state = folded(reader, choose(reader, asked.rollout))
        if asked.scope and asked.scope not in state.phases:
            raise exits.Misuse(
                f"no phase {asked.scope!r}: name one of {', '.join(state.phases)}, or leave it out"
            )
        document = _plan(reader, state)
        found, note = _look(reader, state, document, asked)
    view = rollback_preview(
        state, document, asked.scope, assessed=found, note=note, undoable=undoable
    )
    if asked.as_json:
        exits.write_json(view)
    else:
        ascii_only = asked.ascii_only or exits.needs_ascii()
        exits.write_lines(rollback_preview_lines(view, exits.columns(), ascii_only=ascii_only))
    return exits.NO_GO if view.refused else exits.GO


def _plan(reader: Reader, state: RolloutState) -> Any:
    try:
        return reader.evidence(state.plan_sha256)
    except KeyError:
        raise exits.Misuse(
            f"{reader.where}: the plan {state.plan_sha256[:12]} is not in the store: nobody can tell "
            "what would be undone"
        ) from None


def _look(
    reader: Reader, state: RolloutState, document: Any, asked: Request
) -> tuple[list[Assessment], str]:
    """What is in each target now; else why nobody looked."""
    if asked.log_only:
        return [], "as you asked"
    name = reader.info().get("profile") or PROD
    if name == REHEARSAL:
        return [], "a rehearsal's world is not reached from outside"
    try:
        with ExitStack() as stack:
            plan = Plan.model_validate(document)
            profile = profile_of(name, sandbox_file(asked.sandbox, name))
            clock = clock_of(profile)
            connections = stack.enter_context(
                LiveConnections(plan, os.environ, Path.cwd(), clock=clock, profile=profile)
            )
            scope = asked.scope or scope_of(state)
            found = assessments(plan, state, ReadEvidence(reader), connections, clock, scope)
    except PlanProblems as problems:
        return [], "; ".join(problems.problems)
    except (ServiceError, KindMisused) as problem:
        return [], str(problem)
    return found, "" if found else "no baseline was captured yet"
