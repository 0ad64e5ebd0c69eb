"""Undo what a sync wrote: restore updated rows from the baseline, delete created ones, leave others' changes.

What is to be done is decided by a look at the whole target, stored as evidence, then carried out in
chunks that are each idempotent: a crash at any row costs at most one repeated chunk. Just before a
chunk is written its rows are looked at once more, so that what somebody changed meanwhile stays.
Rows that were refused are tried again after a fresh look, which finds only what is left.
Source: domain note, section 5 (under 100 rows one by one; created rows are deleted, rows that
were only updated get their baseline values back; rows that others changed since stay).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rollout.domain.effects import Answer, Yes
from rollout.domain.evidence import Scalar
from rollout.domain.instants import from_text, to_text
from rollout.domain.plan import SyncSpec
from rollout.domain.restoring import Before, Sorted, sort_rows
from rollout.domain.undo_cost import chunk_size
from rollout.kinds import Act, Done, Effect, Failed, Move, Remember, StepContext, Wait
from rollout.ports import Row, RowResult
from rollout.steps.target import (
    MOST_ROWS,
    STORE,
    changed_last_by,
    look_at,
    our_users,
    whole_baselines,
)

PAUSES = (timedelta(minutes=1), timedelta(minutes=5))
"""Before rows that were refused are looked at and tried again; after the last, they are a failure."""

_OURS_TO_MEND = {"unknown", "lost"}
"""Rows that no rollback leaves gladly."""

SHOWN = 20
"""Rows named when something is left to do."""


@dataclass(frozen=True)
class Restoration:
    """The way back for one run of one sync, from the baseline that step `baseline` captured."""

    sync: SyncSpec
    baseline: str

    def is_planned(self, context: StepContext) -> bool:
        """Whether this try of the undo has looked at the target already."""
        return bool(_looks(context))

    def advance(self, context: StepContext) -> Move:
        looks = _looks(context)
        if not looks:
            return self._look(context, 1)
        plan = context.evidence.get(context.memory[looks[-1]])
        refused: dict[str, str] = {}
        overtaken: list[str] = []
        for chunk in plan["chunks"]:
            settled = context.settled.get(chunk["name"])
            if settled is None:
                return Act(_effect(chunk, self.sync.target))
            if not settled.took_place or not isinstance(settled.value, Mapping):
                refused |= dict.fromkeys(chunk["ids"], f"{settled.how}: {settled.detail}")
            else:
                refused |= settled.value["refused"]
                overtaken += settled.value["overtaken"]
        if (refused or overtaken) and len(looks) <= len(PAUSES):
            return self._again(context, len(looks), refused)
        return self._end(context, plan, refused, overtaken)

    def perform(self, effect: Effect, context: StepContext) -> Answer[Any]:
        """Yes carries the rows that were refused, id -> reason, and those that somebody else was
        quicker with: `overtaken`."""
        chunk = context.evidence.get(effect.request["chunk"])
        store = context.connections.record_store(STORE)
        by = changed_last_by(store, self.sync.target, [row["Id"] for row in chunk["rows"]])
        ours = our_users(context.plan, self.sync.target)
        rows: list[Row] = [row for row in chunk["rows"] if by.get(row["Id"]) in ours]
        overtaken = [row["Id"] for row in chunk["rows"] if by.get(row["Id"], "") not in ours]
        answer: Answer[list[RowResult]] = Yes([])
        if effect.action == "delete":
            overtaken = [record for record in overtaken if record in by]
            if rows:
                answer = store.delete(self.sync.target, [str(row["Id"]) for row in rows])
        elif rows:
            answer = store.update(self.sync.target, rows)
        if not isinstance(answer, Yes):
            return answer
        refused = {r.id: r.reason for r in answer.value if not r.ok and not _gone(r, effect)}
        done = len(answer.value) - len(refused)
        return Yes({"refused": refused, "overtaken": overtaken}, f"{done} rows")

    def _look(self, context: StepContext, number: int) -> Move:
        """Sort every row, and keep what is to be done in chunks."""
        document = context.facts.evidence_of_step(self.baseline)
        before, later = Before.of(document), self._later(context, document)
        store = context.connections.record_store(STORE)
        ours = our_users(context.plan, self.sync.target)
        target = look_at(store, self.sync.target, self.sync.key, before, ours)
        if target is None:
            return Failed(f"over {MOST_ROWS} rows changed: this is beyond a restoration")
        found = sort_rows(target, before, later)
        plan = {
            "target": self.sync.target,
            "baseline": self.baseline,
            "taken_at": context.now,
            "touched": found.touched,
            "left": found.left,
            "chunks": list(_chunks(found, number, context)),
        }
        return Remember({f"look-{context.tries}-{number}": context.evidence.put(plan)})

    def _later(self, context: StepContext, own: Mapping[str, Any]) -> list[Before]:
        """Baselines of the same target taken since, oldest first: what others had made by then."""
        documents = context.facts.evidence_of_steps(
            whole_baselines(context.plan), after=self.baseline
        )
        return [Before.of(d) for d in documents if d["object"] == own["object"] and d["whole"]]

    def _again(self, context: StepContext, number: int, refused: Mapping[str, str]) -> Move:
        name = f"again-{context.tries}-{number}"
        if name not in context.memory:
            pause = PAUSES[number - 1] if refused else timedelta(0)
            return Remember({name: to_text(context.now + pause)})
        until = from_text(context.memory[name])
        if context.now < until:
            said = next(iter(refused.values()), "")
            return Wait(until, f"{len(refused)} rows were refused ({said}); tried again then")
        return self._look(context, number + 1)

    def _end(
        self,
        context: StepContext,
        plan: Mapping[str, Any],
        refused: Mapping[str, str],
        overtaken: Sequence[str],
    ) -> Move:
        unknown = [row for row in plan["left"] if row["why"] == "unknown"]
        totals = _totals(context, {*refused, *overtaken})
        ids = sorted(
            {r["id"] for r in plan["left"] if r["why"] not in _OURS_TO_MEND} | {*overtaken}
        )
        totals |= {"left_rows": len(ids), "left": context.evidence.put({"ids": ids})}
        if not refused and not unknown:
            return Done({**totals, "evidence": context.memory[_looks(context)[-1]]})
        keys = {i: k for c in plan["chunks"] for i, k in zip(c["ids"], c["keys"], strict=True)}
        remaining = [f"{keys.get(i, '')} ({i}): {reason}" for i, reason in refused.items()]
        remaining += [
            f"{row['key']} ({row['id']}): was changed and has no baseline" for row in unknown
        ]
        return Failed(
            f"{len(remaining)} rows are not as they were: {'; '.join(remaining[:5])}",
            remaining=remaining[:SHOWN],
            remaining_rows=len(remaining),
            outputs=totals,
        )


def _looks(context: StepContext) -> list[str]:
    """Of this try, oldest first: a new try looks again, and finds only what is left."""
    start = f"look-{context.tries}-"
    return [name for name in context.memory if name.startswith(start)]


def _totals(context: StepContext, not_done: set[str]) -> dict[str, Scalar]:
    """Rows over all looks of all tries, each once; what was refused in the end was not done."""
    rows: dict[str, set[str]] = {"restore": set(), "delete": set()}
    newest: list[dict[str, Any]] = []
    for name, digest in context.memory.items():
        if name.startswith("look-"):
            newest = context.evidence.get(digest)["left"]
            for chunk in context.evidence.get(digest)["chunks"]:
                rows[chunk["action"]] |= set(chunk["ids"])
    left = {row["id"] for row in newest} | not_done
    return {
        "restored_rows": len(rows["restore"] - left),
        "deleted_rows": len(rows["delete"] - left),
    }


def _chunks(found: Sorted, look: int, context: StepContext) -> Iterator[dict[str, Any]]:
    size = chunk_size(len(found.restore) + len(found.delete))
    start = "" if look == 1 else f"look-{look}-"
    restores = [({"Id": r.id, **r.values}, r.key) for r in found.restore]
    deletes: list[tuple[Row, str]] = [({"Id": r.id}, r.key) for r in found.delete]
    for action, rows in (("restore", restores), ("delete", deletes)):
        for number, place in enumerate(range(0, len(rows), size), 1):
            part = rows[place : place + size]
            yield {
                "name": f"{start}{action}-{number}",
                "action": action,
                "ids": [row["Id"] for row, _ in part],
                "keys": [key for _, key in part],
                "chunk": context.evidence.put({"rows": [row for row, _ in part]}),
            }


def _effect(chunk: Mapping[str, Any], target: str) -> Effect:
    return Effect(
        name=chunk["name"],
        action=chunk["action"],
        target=target,
        request={"chunk": chunk["chunk"], "rows": len(chunk["ids"])},
    )


def _gone(result: RowResult, effect: Effect) -> bool:
    """A row deleted already is what a repeated delete wanted."""
    return effect.action == "delete" and "ENTITY_IS_DELETED" in result.reason
