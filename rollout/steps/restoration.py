"""Undo what a sync wrote: restore updated rows from the baseline, delete created ones, leave others' changes.

The plan of the restoration is made once, stored as evidence, then carried out in chunks that are
each idempotent: a crash at any row costs at most one repeated chunk.
Source: domain note, section 5 (under 100 rows one by one; created rows are deleted, rows that
were only updated get their baseline values back; rows that others changed since stay).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollout.domain.effects import Answer, Yes
from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text, to_text
from rollout.domain.plan import SyncSpec
from rollout.kinds import Act, Done, Effect, Failed, Move, Remember, StepContext
from rollout.ports import RecordStore, Row, RowResult

CHUNK = 200
"""Rows a collections call takes at most."""

ONE_BY_ONE = 100
"""Below this many rows each row is its own call, so that one bad row stops nothing else."""

MOST_CHANGED = 1_000_000
"""Rows that are read to see what changed."""

TARGET = "salesforce"
"""The connection through which baselines are read and restored."""

_HIDDEN = ("Id", "CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate")


@dataclass(frozen=True)
class Restoration:
    """The way back for one run of one sync, from the baseline that step `baseline` captured."""

    sync: SyncSpec
    baseline: str

    def is_planned(self, context: StepContext) -> bool:
        """Whether this try of the undo has looked at the target already."""
        return _plan_name(context) in context.memory

    def advance(self, context: StepContext) -> Move:
        if not self.is_planned(context):
            return self._prepare(context)
        digest = context.memory[_plan_name(context)]
        plan = context.evidence.get(digest)
        problems: list[str] = []
        for number, chunk in enumerate(_chunks(plan)):
            settled = context.settled.get(chunk.name)
            if settled is None:
                return Act(self._effect(chunk, number, digest))
            if not settled.took_place:
                problems.append(f"{chunk.name} was {settled.how}: {settled.detail}")
            elif isinstance(settled.value, list):
                problems += settled.value
        problems += [
            f"{row['now'][self.sync.key]} was changed and has no baseline"
            for row in plan["unknown"]
        ]
        if problems:
            return Failed(f"{len(problems)} rows are not as they were: {'; '.join(problems[:5])}")
        return Done({**_totals(context), "left_rows": len(plan["left"]), "evidence": digest})

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
        """Read what changed since the step began, and sort it into restore, delete and leave."""
        baseline = context.facts.evidence_of_step(self.baseline)
        # The target's clock counts whole seconds.
        since = context.started_at.replace(microsecond=0)
        store = context.connections.record_store(TARGET)
        changed = _changed(store, self.sync, baseline["fields"], to_text(since))
        if changed is None:
            return Failed(f"over {MOST_CHANGED} rows changed: this is beyond a restoration")
        ours = {self.sync.user, context.plan.rollback.user if context.plan.rollback else ""}
        plan = _sorted(changed, baseline, self.sync, ours - {""}, since)
        return Remember({_plan_name(context): context.evidence.put(plan)})


def _plan_name(context: StepContext) -> str:
    """A new try looks again: what was restored by then is as it was, and not restored twice."""
    return f"plan-{context.tries}"


def _totals(context: StepContext) -> dict[str, Scalar]:
    """Rows over all tries, each once."""
    plans = [context.evidence.get(d) for n, d in context.memory.items() if n.startswith("plan-")]
    rows = {action: {r["Id"] for p in plans for r in p[action]} for action in ("restore", "delete")}
    return {"restored_rows": len(rows["restore"]), "deleted_rows": len(rows["delete"])}


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


def _changed(
    store: RecordStore, sync: SyncSpec, fields: Sequence[str], since: str
) -> list[Row] | None:
    """None when there are more rows than anybody would restore."""
    columns = ", ".join(dict.fromkeys([*_HIDDEN, sync.key, *fields]))
    # names come from the validated plan, the instant from our own clock
    where = f"LastModifiedDate >= {since} ORDER BY {sync.key}"
    soql = f"SELECT {columns} FROM {sync.target} WHERE {where}"  # noqa: S608
    table = store.query(soql, max_rows=MOST_CHANGED)
    return None if table.truncated else table.dicts()


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
