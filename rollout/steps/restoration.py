"""Undo what a sync wrote: restore updated rows from the baseline, delete created ones, leave others' changes.

The plan of the restoration is made once, stored as evidence, then carried out in chunks that are
each idempotent: a crash at any row costs at most one repeated chunk.
Source: domain note, section 5 (under 100 rows one by one; created rows are deleted, rows that
were only updated get their baseline values back; rows that others changed since stay).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollout.domain.effects import Answer, Yes
from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text, to_text
from rollout.domain.plan import SyncSpec
from rollout.kinds import Act, Done, Effect, Failed, Move, Remember, StepContext, Wait
from rollout.ports import RecordStore, Row, RowResult

CHUNK = 200
"""Rows a collections call takes at most."""

ONE_BY_ONE = 100
"""Below this many rows each row is its own call, so that one bad row stops nothing else."""

TARGET = "salesforce"
"""The connection through which baselines are read and restored."""

_HIDDEN = ("Id", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate")


@dataclass(frozen=True)
class Restoration:
    """The way back for one run of one sync, from the baseline that step `baseline` captured."""

    sync: SyncSpec
    baseline: str

    def advance(self, context: StepContext) -> Move:
        if "plan" not in context.memory:
            return self._prepare(context)
        plan = context.evidence.get(context.memory["plan"])
        for number, chunk in enumerate(_chunks(plan)):
            settled = context.settled.get(chunk.name)
            if settled is None:
                return Act(self._effect(chunk, number, context.memory["plan"]))
            if settled.how != "done":
                return Failed(f"{chunk.name} was {settled.how}: {settled.detail}")
            if settled.value:
                return Failed(
                    f"{chunk.name}: {len(settled.value)} rows refused: {settled.value[:5]}"
                )
        if plan["unknown"]:
            keys = [row["now"][self.sync.key] for row in plan["unknown"][:5]]
            return Failed(f"{len(plan['unknown'])} rows were changed and have no baseline: {keys}")
        return Done(
            {
                "restored_rows": len(plan["restore"]),
                "deleted_rows": len(plan["delete"]),
                "left_rows": len(plan["left"]),
                "evidence": context.memory["plan"],
            }
        )

    def perform(self, effect: Effect, context: StepContext) -> Answer[Any]:
        """Yes carries the rows that were refused, as `id: reason` texts."""
        plan = context.evidence.get(effect.request["plan"])
        chunk = list(_chunks(plan))[int(effect.request["chunk"])]
        store = context.connections.record_store(TARGET)
        answer: Answer[list[RowResult]]
        if chunk.action == "delete":
            answer = store.delete(self.sync.target, [str(row["Id"]) for row in chunk.rows])
        else:
            answer = store.update(self.sync.target, chunk.rows)
        if isinstance(answer, Yes):
            refused = [f"{r.id}: {r.reason}" for r in answer.value if not r.ok and not _gone(r)]
            return Yes(refused, f"{len(answer.value) - len(refused)} rows")
        return answer

    def _effect(self, chunk: _Chunk, number: int, plan: str) -> Effect:
        return Effect(
            name=chunk.name,
            action=chunk.action,
            target=self.sync.target,
            request={"plan": plan, "chunk": number, "rows": len(chunk.rows)},
        )

    def _prepare(self, context: StepContext) -> Move:
        """Read what changed since this step began, and sort it into restore, delete and leave."""
        going = [
            run
            for run in context.connections.sync_service(self.sync.on).runs(self.sync.id, limit=1)
            if not run.is_over
        ]
        if going:
            until = context.now + timedelta(seconds=30)
            return Wait(until, f"run {going[0].id} must end before its rows are restored")
        baseline = context.facts.evidence_of_step(self.baseline)
        store = context.connections.record_store(TARGET)
        changed = _changed(store, self.sync, baseline["fields"], to_text(context.started_at))
        ours = {self.sync.user, context.plan.rollback.user if context.plan.rollback else ""}
        plan = _sorted(changed, baseline, self.sync, ours, context.started_at)
        return Remember({"plan": context.evidence.put(plan)})


@dataclass(frozen=True)
class _Chunk:
    name: str
    action: str
    rows: Sequence[Row]


def _chunks(plan: Mapping[str, Any]) -> Iterator[_Chunk]:
    size = 1 if len(plan["restore"]) + len(plan["delete"]) < ONE_BY_ONE else CHUNK
    for action in ("restore", "delete"):
        rows = plan[action]
        for number, start in enumerate(range(0, len(rows), size)):
            yield _Chunk(f"{action}-{number + 1}", action, rows[start : start + size])


def _changed(store: RecordStore, sync: SyncSpec, fields: Sequence[str], since: str) -> list[Row]:
    columns = ", ".join(dict.fromkeys([*_HIDDEN, sync.key, *fields]))
    # names come from the validated plan, the instant from our own clock
    where = f"LastModifiedDate >= {since} ORDER BY {sync.key}"
    soql = f"SELECT {columns} FROM {sync.target} WHERE {where}"  # noqa: S608
    return store.query(soql).dicts()


def _sorted(
    changed: Sequence[Row],
    baseline: Mapping[str, Any],
    sync: SyncSpec,
    users: set[str],
    since: datetime,
) -> dict[str, Any]:
    """`left` lists the rows others changed since, with both values; they are not touched.
    `users` are ours: the sync's, and the one this rollback writes as. `unknown` rows were changed by
    the sync and have no baseline: nobody knows what they said before."""
    plan: dict[str, list[Any]] = {"restore": [], "delete": [], "left": [], "unknown": []}
    for row in changed:
        before = baseline["rows"].get(row["Id"])
        is_ours = row["LastModifiedById"] in users
        if before is not None:
            _sort_known(plan, row, dict(zip(baseline["fields"], before, strict=True)), is_ours)
        elif row["CreatedById"] == sync.user and _is_new(row, since):
            plan["delete" if is_ours else "left"].append(
                {"Id": row["Id"]} if is_ours else _conflict(row, None)
            )
        elif row["LastModifiedById"] == sync.user:
            plan["unknown"].append(_conflict(row, None))
    return plan


def _sort_known(
    plan: dict[str, list[Any]], row: Row, values: Mapping[str, Scalar], is_ours: bool
) -> None:
    differing = {f: v for f, v in values.items() if row.get(f) != v}
    if differing and is_ours:
        plan["restore"].append({"Id": row["Id"], **differing})
    elif differing:
        plan["left"].append(_conflict(row, values))


def _is_new(row: Row, since: datetime) -> bool:
    """Created while the step ran: only such a row may be deleted."""
    return from_text(str(row["CreatedDate"])) >= since


def _conflict(row: Row, before: Mapping[str, Scalar] | None) -> dict[str, Any]:
    return {"now": row, "baseline": before}


def _gone(result: RowResult) -> bool:
    """A row deleted already is what a repeated delete wanted."""
    return "ENTITY_IS_DELETED" in result.reason
