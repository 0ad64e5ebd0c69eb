"""What the sandbox can tell of the controller's progress, for faults that wait for a phase or a step.

The events are the controller's and do not come here. Its requests do: the k-th accepted trigger of a
sync belongs to the k-th `run_sync` step of that sync in the plan. So such a step's start is seen
exactly (first attempts only); a phase and the steps before are seen by the same trigger, which is
later than they began; the first phase begins with the first request. For the rest somebody must say
it: `POST /moments`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rollout.domain.events import Payload, StageChanged, StepStarted
from rollout.domain.plan import Phase, Plan, StepSpec
from rollout.rehearsal.scenario import Fault

_TRIGGER = re.compile(r"/syncs/(\d+)/trigger")


@dataclass(frozen=True)
class Sign:
    """A step whose start can be seen, by the `nth` trigger of `sync_id`; `before` are the steps of
    its phase that must have been started by then."""

    phase: str
    before: tuple[str, ...]
    step: str
    sync_id: int
    nth: int


class Signs:
    """Tells `tell` the events that a request lets us conclude. `accepted(sync_id)` counts the
    triggers that began a run."""

    def __init__(
        self,
        plan: Plan,
        accepted: Callable[[int], int],
        tell: Callable[[list[Payload]], None],
    ) -> None:
        self._plan, self._accepted, self._tell = plan, accepted, tell
        self.signs = signs_of(plan)
        self._told: set[tuple[str, str]] = set()

    def recall(self) -> None:
        """After a restart: what had been seen before it."""
        for sign in self.signs:
            if sign.nth <= self._accepted(sign.sync_id):
                self._seen(sign)

    def on_call(self, method: str, path: str) -> None:
        """Before a Census or Salesforce call is served."""
        self._entered(self._plan.phases[0])
        found = _TRIGGER.fullmatch(path) if method == "POST" else None
        if found is not None:
            self._triggered(int(found[1]))

    def on_statement(self) -> None:
        """Before a statement is run: somebody has begun."""
        self._entered(self._plan.phases[0])

    def say(self, phase: str, stage: str | None, step: str | None, attempt: int) -> None:
        """Somebody who knows tells what happened."""
        if step is not None:
            self._tell([StepStarted(phase=phase, step=step, attempt=attempt)])
        else:
            self._tell([_stage(phase, stage or "entry_gate", attempt)])

    def _triggered(self, sync_id: int) -> None:
        nth = self._accepted(sync_id) + 1
        for sign in self.signs:
            if (sign.sync_id, sign.nth) == (sync_id, nth):
                self._seen(sign)

    def _seen(self, sign: Sign) -> None:
        self._entered(next(p for p in self._plan.phases if p.phase == sign.phase))
        self._once(sign.phase, "running", [_stage(sign.phase, "running", 1)])
        for step in (*sign.before, sign.step):
            started = StepStarted(phase=sign.phase, step=step, attempt=1)
            self._once(sign.phase, f"step {step}", [started])

    def _entered(self, phase: Phase) -> None:
        self._once(phase.phase, "entry_gate", [_stage(phase.phase, "entry_gate", 1)])

    def _once(self, phase: str, what: str, payloads: list[Payload]) -> None:
        if (phase, what) not in self._told:
            self._told.add((phase, what))
            self._tell(payloads)


def how_fired(plan: Plan, faults: Sequence[Fault]) -> list[str]:
    """One line for each fault that will not simply happen at its moment."""
    signs = signs_of(plan)
    return [line for fault in faults if (line := _line(plan, signs, fault)) is not None]


def _line(plan: Plan, signs: Sequence[Sign], fault: Fault) -> str | None:
    at = fault.at
    if fault.kind == "clock" and fault.sleep is not None:
        return f"fault {fault.id}: ignored, a sandbox cannot let the controller sleep: stop it yourself"
    if at.phase is None:
        return None
    if at.attempt == 1 and at.step is not None:
        if any((s.phase, s.step) == (at.phase, at.step) for s in signs):
            return None
        late = next((s for s in signs if s.phase == at.phase and at.step in s.before), None)
        return _late(fault, late, "step")
    wanted = at.stage or "entry_gate"
    if at.attempt != 1 or wanted not in ("entry_gate", "running"):
        return f"fault {fault.id}: its moment is not seen from here; {_SAY}"
    if plan.phases[0].phase == at.phase and wanted == "entry_gate":
        return f"fault {fault.id}: begins with the first request"
    return _late(fault, next((s for s in signs if s.phase == at.phase), None), "phase")


def _late(fault: Fault, sign: Sign | None, what: str) -> str:
    if sign is None:
        return f"fault {fault.id}: its {what} is not seen from here; {_SAY}"
    return (
        f"fault {fault.id}: begins with the trigger of {sign.step}, later than its {what}; {_SAY}"
    )


_SAY = "POST /moments to say it"


def signs_of(plan: Plan) -> list[Sign]:
    """Every step whose start can be seen, in the plan's order."""
    found: list[Sign] = []
    counts: dict[int, int] = {}
    for phase in plan.phases:
        before: list[str] = []
        for step in phase.steps:
            sync_id = _sync_of(plan, step)
            if sync_id is not None:
                counts[sync_id] = counts.get(sync_id, 0) + 1
                found.append(Sign(phase.phase, tuple(before), step.id, sync_id, counts[sync_id]))
            before.append(step.id)
    return found


def _sync_of(plan: Plan, step: StepSpec) -> int | None:
    if step.step != "run_sync":
        return None
    spec = plan.syncs.get(str(step.inputs.get("sync")))
    return None if spec is None else spec.id


def _stage(phase: str, target: str, attempt: int) -> StageChanged:
    return StageChanged(phase=phase, attempt=attempt, source="", target=target, trigger="seen")
