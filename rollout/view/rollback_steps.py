"""What the way back does, step by step and in words, read from the plan's document and the state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from rollout.domain.state import StepState
from rollout.view.text import plain

SHIPPED = frozenset(
    {
        *("run_sync", "restrict_source", "restore_source", "set_schedule", "pause_sync"),
        *("resume_sync", "sql", "publish", "end_runs"),
    }
)
"""Kinds of step that ship and have a way back; a test holds it to the kinds themselves."""


class UndoStepView(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the way back, in its order. `place` is the phase whose step is undone, or
    `rollback` for what comes before any undo."""

    number: int
    place: str
    step: str
    kind: str
    what: str


class StepWords(msgspec.Struct, frozen=True):
    step: str
    id: str
    title: str = ""
    irreversible: str | None = None
    inputs: dict[str, Any] = {}


class _Phase(msgspec.Struct, frozen=True):
    phase: str
    steps: list[StepWords] = []


class SyncWords(msgspec.Struct, frozen=True):
    operation: str = ""
    target: str = ""


class _Gate(msgspec.Struct, frozen=True):
    title: str = ""


class _Rollback(msgspec.Struct, frozen=True):
    steps: list[StepWords] = []
    gates: list[str] = []
    within: str = ""


class UndoWords(msgspec.Struct, frozen=True):
    """What a preview needs of the plan's document."""

    phases: list[_Phase] = []
    syncs: dict[str, SyncWords] = {}
    gates: dict[str, _Gate] = {}
    rollback: _Rollback | None = None

    def step(self, name: str) -> StepWords:
        """Of a phase's step; its bare name when the plan does not know it."""
        found = (s for p in self.phases for s in p.steps if s.id == name)
        return next(found, StepWords("", name))

    def first(self) -> list[StepWords]:
        """What is done before anything is undone."""
        return self.rollback.steps if self.rollback is not None else []

    def proof(self) -> list[str]:
        """Titles of the gates that prove it."""
        names = self.rollback.gates if self.rollback is not None else []
        return [plain(self.gates.get(name, _Gate()).title or name) for name in names]

    def within(self) -> str:
        """How long the way back may take, as the plan writes it."""
        return self.rollback.within if self.rollback is not None else ""


def undo_words(document: Any) -> UndoWords:
    """From the plan as JSON. Raises: msgspec.ValidationError for what is no plan."""
    return msgspec.convert(document, UndoWords, strict=False)


def undo_steps(
    plan: UndoWords, steps: Sequence[StepState], undoable: Collection[str] = SHIPPED
) -> list[UndoStepView]:
    """What stops the syncs, then what looks, then the undo of every step that has one.

    `steps` did something, newest first; `undoable` are the kinds of step that have an undo."""
    made = [("rollback", s.id, s.step, s.title or _pausing(s)) for s in plan.first()]
    if plan.rollback is not None:
        made += _ALWAYS
    made += [
        (_place(step), spec.id, spec.step, _what(step, spec))
        for step in steps
        if (spec := plan.step(step.step)).irreversible is None and spec.step in undoable
    ]
    return [
        UndoStepView(number=n, place=place, step=name, kind=kind, what=plain(what))
        for n, (place, name, kind, what) in enumerate(made, 1)
    ]


def irreversible(plan: UndoWords, steps: Sequence[StepState]) -> Iterator[str]:
    """Steps that were done and that the plan says have no way back."""
    for step in steps:
        spec = plan.step(step.step)
        if spec.irreversible is not None:
            yield plain(
                f"{_place(step)}: {spec.id} ({spec.title or spec.step}) stays: {spec.irreversible}"
            )


_ALWAYS = [
    ("rollback", "way_back_runs", "end_runs", "see that no run of any sync writes any more"),
    ("rollback", "way_back_scope", "assess_changes", "look at every row, and keep what was found"),
]
"""Before every undo, whatever the plan says. Source: `engine/rollback.py`; a test compares."""


def _pausing(spec: StepWords) -> str:
    if spec.step == "pause_sync":
        return f"pause {spec.inputs.get('sync')}, and read back that it is paused"
    return spec.step


def _place(step: StepState) -> str:
    return step.phase if step.attempt == 1 else f"{step.phase} (attempt {step.attempt})"


def _what(step: StepState, spec: StepWords) -> str:
    said = spec.inputs
    if spec.step == "run_sync":
        rows = step.outputs.get("accepted")
        wrote = f"the {rows:,} rows" if isinstance(rows, int) else "what it wrote"
        return f"take back {wrote} of {said.get('sync')}, by {said.get('baseline')}"
    if spec.step == "restrict_source":
        return f"give {said.get('view')} its own definition back"
    if spec.step == "restore_source":
        return "nothing: the view keeps its own definition"
    if spec.step == "set_schedule":
        return f"give {said.get('sync')} the schedule it had"
    if spec.step == "pause_sync":
        return f"nothing: {said.get('sync')} stays paused"
    if spec.step == "resume_sync":
        return f"pause {said.get('sync')}"
    return f"undo {spec.title or spec.step}"
