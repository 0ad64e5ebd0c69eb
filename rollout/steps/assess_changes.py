"""Assess what a rollback will find: every row of the target against the oldest baseline, kept as evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import msgspec
from pydantic import BaseModel

from rollout.domain.assessment import Assessment
from rollout.domain.errors import ServiceError
from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text
from rollout.domain.plan import Model, Plan
from rollout.domain.restoring import Before, Left, Target, sort_rows
from rollout.kinds import Done, Failed, Move, StepContext
from rollout.ports import SyncService
from rollout.steps.quiet import WritesNothing
from rollout.steps.target import MOST_ROWS, STORE, look_at, our_users, whole_baselines

MOST_ASKED = 50
"""Rows of which the service is asked what a run wrote: a request for each row and run."""


class AssessInputs(Model):
    """Nothing: the targets are those of the plan's syncs, the baselines those of its phases."""


class AssessChanges(WritesNothing):
    """Rows by class, and those that stay with all three values: of the baseline, ours, now."""

    kind: ClassVar[str] = "assess_changes"
    Inputs: ClassVar[type[BaseModel]] = AssessInputs
    outputs: ClassVar[Sequence[str]] = ("*",)

    def advance(self, inputs: AssessInputs, context: StepContext) -> Move:
        found = list(assess(context))
        counts: dict[str, Scalar] = {}
        for one in found:
            if isinstance(one, str):
                return Failed(one)
            for name, rows in {**one.counts, "modified": one.modified}.items():
                counts[name] = int(counts.get(name) or 0) + rows
        return Done({**counts, "evidence": context.evidence.put({"assessments": found})})


def assess(context: StepContext) -> Iterator[Assessment | str]:
    """One assessment for each target with a baseline; a text when there is too much of it.

    Raises: ServiceError.
    """
    plan = context.plan
    targets = dict.fromkeys((s.target, s.key) for s in plan.syncs.values())
    for target, key in targets:
        names = whole_baselines(plan)
        documents = [d for d in context.facts.evidence_of_steps(names) if d["object"] == target]
        if documents:
            yield _assess(context, target, key, documents)


def _assess(
    context: StepContext, target: str, key: str, documents: Sequence[Any]
) -> Assessment | str:
    before, *later = [Before.of(d) for d in documents]
    ours = our_users(context.plan, target)
    store = context.connections.record_store(STORE)
    there = look_at(store, target, key, before, ours)
    if there is None:
        return f"{target} has over {MOST_ROWS} rows: this is beyond a rollback"
    found = sort_rows(there, before, later)
    return Assessment(
        target=target,
        taken_at=context.now,
        since=before.taken_at,
        baseline=f"the baseline of {before.taken_at:%Y-%m-%d %H:%M} UTC",
        users=sorted(ours),
        rows=len(there.rows),
        modified=_modified(there, before),
        counts=found.counts(),
        left=_with_written(found.left, context, target),
    )


def _modified(there: Target, before: Before) -> int:
    """Rows that we changed last since the baseline, whatever they say now."""
    return sum(
        there.is_ours(row) and from_text(str(row["LastModifiedDate"])) >= before.taken_at
        for row in there.rows.values()
    )


def _with_written(left: Sequence[Left], context: StepContext, target: str) -> list[Left]:
    """With what the newest run of ours wrote, where the service still knows."""
    asked = [row for row in left if row.why in {"changed", "created"}][:MOST_ASKED]
    written = _written({row.key for row in asked}, context, target) if asked else {}
    return [
        msgspec.structs.replace(row, written=written[row.key]) if row.key in written else row
        for row in left
    ]


def _written(keys: set[str], context: StepContext, target: str) -> dict[str, dict[str, Scalar]]:
    """Key -> field -> value. A service that does not answer stops no rollback."""
    found: dict[str, dict[str, Scalar]] = {}
    try:
        for service, run_id, mapping in _runs(context, target):
            for key in sorted(keys - found.keys()):
                sent = service.sent(run_id, key)
                if sent is not None:
                    found[key] = {mapping[c]: v for c, v in sent.items() if c in mapping}
    except ServiceError:
        return found
    return found


def _runs(context: StepContext, target: str) -> Iterator[tuple[SyncService, int, dict[str, str]]]:
    """Our runs of every sync of the target, newest first, with their mapping column -> field."""
    plan: Plan = context.plan
    runs = [
        (run_id, spec)
        for spec in plan.syncs.values()
        if spec.target == target
        for run_id in context.facts.triggered(spec.id)
    ]
    for run_id, spec in sorted(runs, key=lambda pair: pair[0], reverse=True):
        service = context.connections.sync_service(spec.on)
        yield service, run_id, service.sync(spec.id).mappings
