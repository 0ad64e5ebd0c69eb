"""Small plans on fakes: a bench holds the log and the fakes, controllers come and go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar

from fakes import (
    CENSUS_USER,
    SYNC,
    TOOL_USER,
    Crashes,
    CrashingLog,
    FakeClock,
    FakeConnections,
    FakeRecordStore,
    FakeSyncService,
    FakeWarehouse,
)
from pydantic import BaseModel, ConfigDict

from rollout.checks.attest import Attest
from rollout.checks.baseline import Baseline
from rollout.domain.adopting import ADOPT, Proposal, adopt
from rollout.domain.command import LEAD, Command, Outcome, Refusal
from rollout.domain.effects import Answer, Yes
from rollout.domain.events import Event, Payload, PhaseOutline, RolloutCreated
from rollout.domain.evidence import Observation
from rollout.domain.fold import fold
from rollout.domain.plan import (
    CheckSpec,
    GateSpec,
    Model,
    Person,
    Phase,
    Plan,
    Rollback,
    StepSpec,
    SyncSpec,
)
from rollout.domain.state import RolloutState
from rollout.engine.controller import Controller, Services
from rollout.engine.wake import Need, Wake
from rollout.kinds import (
    Act,
    CheckContext,
    CheckKind,
    Done,
    Effect,
    Failed,
    Found,
    Move,
    NotFound,
    StepContext,
    StepKind,
)
from rollout.steps.assess_changes import AssessChanges
from rollout.steps.baseline import CaptureBaseline
from rollout.steps.cohort import SelectCohort
from rollout.steps.end_runs import EndRuns
from rollout.steps.run_sync import RunSync
from rollout.steps.snapshot import Snapshot
from rollout.steps.source import RestoreSource, RestrictSource
from rollout.steps.statement import Statement
from rollout.steps.sync_settings import PauseSync, ResumeSync, SetSchedule
from rollout.steps.verify import Verify
from rollout.steps.wait import WaitStep
from rollout.store.memory import MemoryEvidenceStore

NAME = "small"
PEOPLE = {LEAD: ["ann", "bea"], "engineer": ["ben"], "sales": ["cho", "ann"]}


class Anything(Model):
    model_config = ConfigDict(frozen=True, extra="allow")


class ScriptedCheck:
    """Answers with what the test says: a value, an observation, an exception, a function, or a
    list of those whose last one stays. The metric is `value`."""

    kind: ClassVar[str] = "scripted"
    Inputs: ClassVar[type[BaseModel]] = Anything
    primary: ClassVar[str | None] = "value"
    metrics: ClassVar[Mapping[str, str] | None] = {"value": "what the test says"}
    default_go: ClassVar[Mapping[str, str]] = {"value": "= 1"}

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []

    def observe(self, inputs: Any, context: CheckContext) -> Observation:
        self.asked.append(context.check)
        answer = self.answers.get(context.check, 1)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = answer(context)
        if isinstance(answer, Observation) or answer is None:
            return answer  # type: ignore[return-value]  # None: what a careless plug-in gives
        return Observation(metrics={"value": answer}, source="script", as_of=context.now)


class PokeInputs(Model):
    idempotent: bool = True
    needs_window: bool = False


class Poke:
    """One effect, with scripted answers and a scripted look-up."""

    kind: ClassVar[str] = "poke"
    Inputs: ClassVar[type[BaseModel]] = PokeInputs
    writes: ClassVar[bool] = True
    has_undo: ClassVar[bool] = True
    outputs: ClassVar[Sequence[str]] = ("value",)

    def __init__(self, crashes: Crashes) -> None:
        self.crashes = crashes
        self.answers: list[Any] = []
        self.found: list[Any] = []
        self.sent: list[str] = []
        self.moves: list[Any] = []
        """Given instead of the next real moves."""
        self.undo_moves: list[Any] = []
        self.witness: Callable[[str], None] = lambda action: None
        self.looked_up: list[Effect] = []

    def advance(self, inputs: PokeInputs, context: StepContext) -> Move:
        if self.moves:
            return _given(self.moves.pop(0))  # type: ignore[no-any-return]
        return self._once("poke", inputs, context)

    def undo(self, inputs: PokeInputs, context: StepContext) -> Move:
        if self.undo_moves:
            return _given(self.undo_moves.pop(0))  # type: ignore[no-any-return]
        return self._once("unpoke", inputs, context)

    def _once(self, name: str, inputs: PokeInputs, context: StepContext) -> Move:
        settled = context.settled.get(name)
        if settled is None:
            return Act(
                Effect(
                    name=name,
                    action=name,
                    target="it",
                    idempotent=inputs.idempotent,
                    watermark=7,
                    needs_window=inputs.needs_window,
                )
            )
        if not settled.took_place:
            return Failed(f"{name} was {settled.how}")
        value = settled.value if isinstance(settled.value, int) else 0
        return Done({"value": value})

    def perform(self, effect: Effect, inputs: Any, context: StepContext) -> Answer[Any]:
        self.witness(effect.action)
        self.crashes.here(f"before {effect.name}")
        self.sent.append(effect.name)
        answer = self.answers.pop(0) if self.answers else Yes(1)
        self.crashes.here(f"after {effect.name}")
        return _given(answer)  # type: ignore[no-any-return]

    def look_up(self, effect: Effect, inputs: Any, context: StepContext) -> Found | NotFound:
        self.looked_up.append(effect)
        found = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        return _given(found)  # type: ignore[no-any-return]


def _given(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer() if callable(answer) else answer


def check(name: str, **changes: Any) -> CheckSpec:
    made: dict[str, Any] = {
        "check": name,
        "kind": "scripted",
        "title": f"Is {name} so?",
        "owner": "engineer",
        "if_it_fails": "Look.",
    }
    return CheckSpec(**{**made, **changes})


def attest(name: str, **inputs: Any) -> CheckSpec:
    said = {"statement": f"{name} is done", "roles": ["engineer", LEAD], **inputs}
    return check(name, kind="attest", inputs=said)


def gate(name: str, *checks: CheckSpec) -> GateSpec:
    return GateSpec(gate=name, title=name, checks=list(checks) or [check(f"{name}_ok")])


def step(kind: str, name: str, **inputs: Any) -> StepSpec:
    irreversible = inputs.pop("irreversible", None)
    return StepSpec(step=kind, id=name, inputs=inputs, irreversible=irreversible)


def phase(name: str, *steps: StepSpec, **changes: Any) -> Phase:
    return Phase(phase=name, title=name.title(), steps=list(steps), **changes)


def plan(*phases: Phase, gates: Sequence[GateSpec] = (), **changes: Any) -> Plan:
    made: dict[str, Any] = {
        "plan": "small",
        "title": "Small",
        "timezone": "America/Los_Angeles",
        "roles": {role: [Person(person=p) for p in names] for role, names in PEOPLE.items()},
        "syncs": {
            "a": SyncSpec(
                on="census",
                id=SYNC,
                operation="upsert",
                source="crm.queue",
                target="Thing__c",
                key="Key__c",
                user=CENSUS_USER,
            )
        },
        "phases": list(phases),
        "gates": {g.gate: g for g in gates},
        "rollback": Rollback(
            steps=[step("pause_sync", "stop_a", sync="a")], gates=["back"], user=TOOL_USER
        ),
    }
    made["gates"].setdefault("back", gate("back"))
    return Plan(**{**made, **changes})


@dataclass
class Bench:
    """One rollout of one plan. `controller()` is a new process on the same log and world."""

    plan: Plan
    crashes: Crashes = field(default_factory=Crashes)
    workers: int = 0

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.log = CrashingLog(self.crashes)
        self.evidence = MemoryEvidenceStore()
        self.census = FakeSyncService(self.clock, self.crashes)
        self.salesforce = FakeRecordStore(self.clock, self.crashes)
        self.warehouse = FakeWarehouse(self.clock, self.crashes)
        self.scripted = ScriptedCheck()
        self.poke = Poke(self.crashes)
        self.connections = FakeConnections(self.census, self.salesforce, self.warehouse)
        for fake in (self.census, self.salesforce, self.warehouse, self.poke):
            fake.witness = self._intent_is_committed
        created = RolloutCreated(
            plan=self.plan.plan,
            title=self.plan.title,
            plan_sha256=self.plan.sha256(),
            profile="rehearsal",
            phases=[
                PhaseOutline(id=p.phase, title=p.title, steps=[s.id for s in p.steps])
                for p in self.plan.phases
            ],
            params=self.plan.params,
        )
        self.log.inner.append(NAME, 0, self.clock.now(), "rollout", [created])
        self._controller: Controller | None = None

    def _intent_is_committed(self, action: str) -> None:
        """No request without its intent in the log, unresolved and never answered but by no."""
        open_effects = [e for e in self.folded().effects.values() if e.how is None]
        assert any(
            e.action == action and (e.idempotent or e.answer in {None, "resent"})
            for e in open_effects
        ), f"{action} was sent without an open intent"

    def services(self) -> Services:
        checks: list[CheckKind] = [self.scripted, Attest(), Baseline()]
        steps: list[StepKind] = [
            self.poke,
            CaptureBaseline(),
            SelectCohort(),
            RunSync(),
            Snapshot(),
            RestrictSource(),
            RestoreSource(),
            Statement(),
            PauseSync(),
            ResumeSync(),
            SetSchedule(),
            Verify(),
            WaitStep(),
            EndRuns(),
            AssessChanges(),
        ]
        return Services(
            log=self.log,
            evidence=self.evidence,
            connections=self.connections,
            clock=self.clock,
            checks={k.kind: k for k in checks},
            steps={k.kind: k for k in steps},
            workers=self.workers,
        )

    def controller(self) -> Controller:
        """A new one, as after a restart."""
        self._controller = Controller(self.plan, NAME, self.services())
        return self._controller

    def terminal(self) -> Controller:
        """A second door to the same rollout, on a log that nobody holds up."""
        return Controller(self.plan, NAME, replace(self.services(), log=self.log.inner))

    def door(self) -> Controller:
        """Where people speak: past a controller that does not know the plan in force yet."""
        return self.now if self.now.plan is self.plan else self.terminal()

    @property
    def now(self) -> Controller:
        """The controller that is running; a first one when there is none."""
        return self._controller or self.controller()

    @property
    def state(self) -> RolloutState:
        self.now.record.refresh()
        return self.now.state

    def events(self) -> list[Event]:
        return list(self.log.read(NAME))

    def payloads(self, kind: type[Payload] | None = None) -> list[Any]:
        return [e.payload for e in self.events() if kind is None or isinstance(e.payload, kind)]

    def kept(self, digest: object) -> Any:
        """The document behind an output."""
        assert isinstance(digest, str)
        return self.evidence.get(digest)

    def folded(self) -> RolloutState:
        """From the log alone."""
        return fold(self.events())

    def command(self, name: str, subject: str = "", **changes: Any) -> Command:
        state = self.state
        made: dict[str, Any] = {
            "name": name,
            "by": "ann",
            "role": LEAD,
            "reason": f"{name} it is",
            "seen_seq": state.seq,
            "seen_head": state.head,
            "subject": subject,
        }
        made.update(changes)
        if "role" in changes and "by" not in changes:
            made["by"] = PEOPLE[changes["role"]][0]
        return Command(**made)

    def say(self, name: str, subject: str = "", **changes: Any) -> None:
        """A decision that must be accepted."""
        refusal = self.door().submit(self.command(name, subject, **changes))
        assert refusal is None, refusal

    def refusal(self, name: str, subject: str = "", **changes: Any) -> str:
        """The reason of a decision that must be refused, and nothing appended."""
        before = self.log.head(NAME)
        refused = self.door().submit(self.command(name, subject, **changes))
        assert isinstance(refused, Refusal), f"{name} was accepted"
        assert self.log.head(NAME) == before
        return refused.reason

    def proposal(self, plan: Plan) -> Proposal:
        kinds = self.services().steps
        outlines = [
            PhaseOutline(id=p.phase, title=p.title, steps=[s.id for s in p.steps])
            for p in plan.phases
        ]
        return Proposal(plan, outlines, frozenset(n for n, k in kinds.items() if k.has_undo))

    def adopted(self, plan: Plan, **changes: Any) -> Outcome:
        """What adopting a changed plan would come to now."""
        command = self.command(ADOPT, **changes)
        return adopt(self.plan, self.state, self.proposal(plan), command, self.clock.now())

    def adopt(self, plan: Plan, **changes: Any) -> None:
        """An adoption by another process that must be accepted."""
        outcome = self.adopted(plan, **changes)
        assert not isinstance(outcome, Refusal), outcome
        self.log.inner.append(NAME, self.state.seq, self.clock.now(), "ann", outcome)
        self.plan = plan

    def tick(self) -> Wake:
        wake = self.now.tick()
        if wake.replanned:
            self.now.follow(self.plan)
            wake = self.now.tick()
        return wake

    def pass_(self, **time: float) -> Wake:
        """Let time pass, then tick."""
        self.clock.pass_(**time)
        return self.tick()

    def stage(self, phase_id: str | None = None) -> str:
        state = self.state
        found = state.current_phase()
        return state.phases[phase_id].stage if phase_id else (found.stage if found else "ended")

    def answer(self, need: Need) -> bool:
        """Everybody says yes; what only a person can judge is left alone."""
        if need.kind == "proceed":
            self.say("proceed")
        elif need.kind == "attest":
            self.say("attest", need.subject, role="engineer", file_sha256="f" * 64)
        elif need.kind == "sign":
            by = {"sales": "cho"}.get(need.detail, PEOPLE[need.detail][0])
            self.say("sign", need.subject, role=need.detail, by=by)
        else:
            return False
        return True

    def go(self, until: Callable[[], bool] = lambda: False, hours: float = 24 * 30) -> Wake:
        """Tick, say yes, let time pass, until `until` holds, the end, or only a person can help."""
        last = self.clock.now() + timedelta(hours=hours)
        for _ in range(10_000):
            wake = self.tick()
            if until() or wake.ended:
                return wake
            if any(self.answer(need) for need in wake.needs):
                continue
            if wake.at is None or wake.at > last:
                return wake
            assert wake.at > self.clock.now(), f"woken in the past: {wake}"
            self.clock.at = wake.at
        raise AssertionError("no end")
