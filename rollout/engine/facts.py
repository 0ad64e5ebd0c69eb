"""What the log knows, in the shape that kinds of check and step may ask for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from rollout.domain.instants import to_text
from rollout.domain.state import RolloutState, StepState
from rollout.domain.undo_order import phases_in_scope
from rollout.kinds import Confirmation, KnownRun, OpenFinding, PastMeasure
from rollout.ports import EvidenceStore


class LogFacts:
    """Facts of one phase and attempt, read from the state at the moment of the question.

    `before`: as that step knew them, so that the undo of a first attempt is not given the
    documents of the second. `scope`: as a rollback from that phase on would know them; else that
    of the rollback that goes on.
    """

    def __init__(
        self,
        state: RolloutState,
        evidence: EvidenceStore,
        phase: str,
        attempt: int,
        *,
        before: StepState | None = None,
        scope: str | None = None,
    ) -> None:
        self._state, self._evidence, self._scope = state, evidence, scope
        self._phase, self._attempt, self._before = phase, attempt, before

    def confirmation(self, check: str) -> Confirmation | None:
        for found in reversed(self._state.confirmations):
            mine = (found.check, found.phase, found.attempt) == (check, self._phase, self._attempt)
            if mine and not found.void_seq:
                return Confirmation(
                    by=found.by,
                    role=found.role,
                    answer=found.answer,
                    note=found.note,
                    at=found.at,
                    file_sha256=found.file_sha256,
                )
        return None

    def findings(self) -> Sequence[OpenFinding]:
        return [
            OpenFinding(
                finding=f.finding,
                check=f.check,
                phase=f.phase,
                severity=f.severity,
                state=f.state,
                title=f.title,
                raised_at=f.raised_at,
            )
            for f in self._state.findings.values()
        ]

    def history(self, check: str) -> Sequence[PastMeasure]:
        return [
            PastMeasure(at=sample.at, observed=sample.observed)
            for sample in self._state.history.get(check, [])
        ]

    def runs(self, sync: str) -> Sequence[KnownRun]:
        return [
            KnownRun(
                sync=r.sync,
                run_id=r.run_id,
                ours=r.ours,
                phase=r.phase,
                status=r.status,
                processed=r.processed,
                accepted=r.accepted,
                failed=r.failed,
                invalid=r.invalid,
                created_at=r.created_at,
                completed_at=r.completed_at,
            )
            for r in self._state.runs.values()
            if r.sync == sync
        ]

    def evidence_of_step(self, step: str) -> Any:
        return self._document(step, newest_step(self._state, step, self._before))

    def evidence_of_steps(
        self, steps: Collection[str], *, after: str | None = None
    ) -> Iterator[Any]:
        found = [s for s in self._standing(steps) if "evidence" in s.outputs]
        if after is not None:
            start = newest_step(self._state, after, self._before)
            known = list(self._state.steps.values())
            place = next((n for n, s in enumerate(known) if s is start), -1)
            later = {id(s) for s in known[place + 1 :]}
            found = [s for s in found if id(s) in later]
        return (self._document(s.step, s) for s in found)

    def triggered(self, sync_id: int) -> Collection[int]:
        return {
            int(e.value)
            for e in self._state.effects.values()
            if e.action == "trigger"
            and e.request.get("sync") == sync_id
            and e.how in {"done", "adopted", "settled"}
        }

    def began_at(self) -> datetime:
        assert self._state.created_at is not None
        return self._state.created_at

    def _standing(self, steps: Collection[str]) -> Iterator[StepState]:
        """Oldest first; while a rollback goes on, of the phases it undoes."""
        phase = self._state.phases[self._phase]
        first = phase.undo_from if phase.stage == "rolling_back" else ""
        first = first if self._scope is None else self._scope
        phases = set(phases_in_scope(self._state, first))
        return (
            s
            for s in self._state.steps.values()
            if s.step in steps and s.outputs and not s.taken_back and s.phase in phases
        )

    def _document(self, name: str, step: StepState | None) -> Any:
        digest = step.outputs.get("evidence") if step else None
        if not isinstance(digest, str):
            raise KeyError(f"step {name!r} has stored no document yet")
        return self._evidence.get(digest)


_SAFE = re.compile(r"[\w.:+-]*")
"""Texts that may enter a query by reference: ids, instants, digests; nothing that could close a quote."""


def newest_step(
    state: RolloutState, step: str, before: StepState | None = None
) -> StepState | None:
    """The newest attempt of a step that completed (it may have been undone since), begun before
    the step `before` when one is given."""
    newest = None
    for known in state.steps.values():
        if known is before:
            break
        if known.step == step and known.outputs:
            newest = known
    return newest


def lookup(
    state: RolloutState, phase: str, *, before: StepState | None = None
) -> Callable[[str], Any]:
    """How `${{ … }}` references are answered while phase `phase` is asked about.

    Paths: `steps.<id>.<output>`, `snapshots.<id>.<metric>` (outputs of a snapshot step),
    `phase.started_at` (running since), `phase.entered_at`, `phase.attempt`, `params.<name>`,
    `env.profile`. Raises: KeyError that says what is missing.
    """

    def find(path: str) -> Any:
        root, _, rest = path.partition(".")
        if root in {"steps", "snapshots"}:
            return _output(state, rest, before)
        if root == "phase":
            return _phase_value(state, phase, rest)
        if root == "params" and rest in state.params:
            return state.params[rest]
        if path == "env.profile":
            return state.profile
        raise KeyError(f"nothing is known as {path!r}")

    return find


def _output(state: RolloutState, path: str, before: StepState | None) -> Any:
    step_id, _, output = path.partition(".")
    step = newest_step(state, step_id, before)
    if step is None:
        raise KeyError(f"step {step_id!r} has not completed, so {path!r} is not known yet")
    if output not in step.outputs:
        raise KeyError(f"step {step_id!r} gave no {output!r}; it gave {', '.join(step.outputs)}")
    value = step.outputs[output]
    if isinstance(value, str) and not _SAFE.fullmatch(value):
        raise KeyError(f"{path!r} is free text and cannot be used in a reference")
    return value


def _phase_value(state: RolloutState, phase_id: str, name: str) -> Any:
    phase = state.phases[phase_id]
    instant = {
        "started_at": phase.running_at or phase.started_at,
        "entered_at": phase.started_at,
    }
    if name == "attempt":
        return phase.attempt
    if name in instant and instant[name] is not None:
        return to_text(instant[name])  # type: ignore[arg-type]  # None is excluded one line above
    raise KeyError(f"phase {phase_id} has no {name!r} yet")
