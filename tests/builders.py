"""Small plans, and logs of what happened to them, for tests of screens, reports and commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rollout.domain import events as e
from rollout.domain.canonical import sha256_of
from rollout.domain.evidence import Decision, Judgement, Observation, Ruling, Scalar, Verdict
from rollout.domain.fold import fold
from rollout.domain.plan import CheckSpec, GateSpec, Phase, Plan
from rollout.domain.snapshot import encode_state
from rollout.domain.state import GateState, RolloutState
from rollout.ports import EventLog, EvidenceStore
from rollout.store.memory import MemoryEventLog, MemoryEvidenceStore
from rollout.store.opening import open_store

START = datetime(2026, 1, 5, 16, 0, tzinfo=UTC)
NAME = "two-phases"
Found = Verdict | tuple[Verdict, Observation]


def make_check(check: str, **given: Any) -> CheckSpec:
    said: dict[str, Any] = {
        "check": check,
        "kind": "sql",
        "title": f"The {check.replace('_', ' ')} is right",
        "go": "= 0",
        "owner": "data_engineering",
        "if_it_fails": "Stop and look.",
    }
    return CheckSpec.model_validate({**said, **given})


def make_plan(**given: Any) -> Plan:
    """Two phases; `pilot` has an entry and a signed exit gate, `full` only an exit gate."""
    gates = {
        "ready": GateSpec(
            gate="ready",
            title="Everything is ready",
            number=1,
            checks=[
                make_check("empty_keys", inputs={"key": "property_key"}),
                make_check("told", kind="attest", go="is true", inputs={"roles": ["project_lead"]}),
                make_check("drift", shadow=True),
            ],
        ),
        "verified": GateSpec(
            gate="verified",
            title="The pilot did what it should",
            number=2,
            checks=[make_check("created", go={"created": "= 50"}, no_go={"lost": ">= 5"})],
        ),
        "all_done": GateSpec(gate="all_done", title="Done", checks=[make_check("missing")]),
    }
    said: dict[str, Any] = {
        "plan": NAME,
        "title": "Two phases",
        "timezone": "UTC",
        "roles": {role: [{"person": role[:4]}] for role in ("project_lead", "sales_ops")},
        "phases": [
            Phase.model_validate(
                {
                    "phase": "pilot",
                    "title": "The pilot",
                    "entry": ["ready"],
                    "steps": [{"step": "wait", "id": "rest"}, {"step": "wait", "id": "look"}],
                    "exit": ["verified"],
                    "sign_off": {"roles": ["project_lead", "sales_ops"]},
                }
            ),
            Phase.model_validate({"phase": "full", "title": "Everything", "exit": ["all_done"]}),
        ],
        "gates": gates,
    }
    return Plan.model_validate({**said, **given})


@dataclass
class Story:
    """A log that grows event by event, an hour apart where the test says so."""

    plan: Plan = field(default_factory=make_plan)
    log: EventLog = field(default_factory=MemoryEventLog)
    evidence: EvidenceStore = field(default_factory=MemoryEvidenceStore)
    now: datetime = START

    def begin(self, **given: Any) -> Story:
        digest = self.evidence.put(self.plan.model_dump(mode="json", by_alias=True))
        outlines = [
            e.PhaseOutline(id=p.phase, title=p.title, steps=[s.id for s in p.steps])
            for p in self.plan.phases
        ]
        said: dict[str, Any] = {
            "plan": self.plan.plan,
            "title": self.plan.title,
            "plan_sha256": digest,
            "profile": "rehearsal",
            "phases": outlines,
            "params": {},
            "scenario": "planned",
            "seed": 1,
        }
        return self.add(e.RolloutCreated(**{**said, **given}))

    def add(self, *payloads: e.Payload, actor: str = "rollout") -> Story:
        name = self.plan.plan
        self.log.append(name, self.log.head(name).seq, self.now, actor, list(payloads))
        return self

    def wait(self, **duration: float) -> Story:
        self.now += timedelta(**duration)
        return self

    def stage(self, phase: str, trigger: str, source: str, target: str, **given: Any) -> Story:
        said: dict[str, Any] = {"attempt": 1, "reason": ""}
        return self.add(
            e.StageChanged(
                phase=phase, trigger=trigger, source=source, target=target, **{**said, **given}
            )
        )

    def gate(
        self,
        phase: str,
        moment: str,
        gate: str,
        found: Mapping[str, Found],
        decision: Decision | None,
        **given: Any,
    ) -> Story:
        """A gate asked once: opened, every check measured and concluded, decided."""
        place: dict[str, Any] = {"phase": phase, "attempt": 1, "moment": moment, "gate": gate}
        place = {**place, "round": 1, **given}
        self.add(e.GateOpened(**place, checks=list(found)))
        for check, said in found.items():
            verdict, observation = said if isinstance(said, tuple) else (said, observed(rows=0))
            self.measure(place, check, verdict, observation)
            self.add(
                e.CheckConcluded(**place, check=check, verdict=verdict, reason=f"{check} reason")
            )
        if decision is not None:
            self.decide(place, found, decision)
        return self

    def measure(
        self, place: dict[str, Any], check: str, verdict: Verdict, observation: Observation
    ) -> Story:
        document = sample_document(check, self.now, verdict, observation)
        return self.add(
            e.Measured(
                **place,
                check=check,
                verdict=verdict,
                reason=f"{check} reason",
                observed=dict(observation.metrics),
                evidence=self.evidence.put(document),
            )
        )

    def decide(
        self, place: dict[str, Any], found: Mapping[str, Found], decision: Decision
    ) -> Story:
        bad = [
            f"{check} {_verdict(said).value}: {check} reason"
            for check, said in found.items()
            if _verdict(said) is not Verdict.PASS
        ]
        return self.add(
            e.GateDecided(
                **place, decision=decision, reasons=bad, evidence_sha256=sha256_of([place, bad])
            )
        )

    def say(self, decision: str, phase: str, **given: Any) -> Story:
        head = self.log.head(self.plan.plan)
        said: dict[str, Any] = {
            "attempt": 1,
            "by": "proj",
            "role": "project_lead",
            "reason": "because",
            "seen_seq": head.seq,
            "seen_head": head.hash,
        }
        made = e.DecisionMade(decision=decision, phase=phase, **{**said, **given})
        return self.add(made, actor=made.by if made.by.isprintable() else "somebody")

    def sign(self, phase: str, gate: str, role: str, *, approve: bool = True) -> Story:
        head = self.log.head(self.plan.plan)
        state = self.state()
        decided = state.gate(phase, 1, "exit", gate)
        assert decided is not None
        return self.add(
            e.SignedOff(
                phase=phase,
                attempt=1,
                gate=gate,
                by=role[:4],
                role=role,
                approve=approve,
                reason="seen",
                plan_sha256=state.plan_sha256,
                evidence_sha256=decided.evidence_sha256,
                seen_seq=head.seq,
                seen_head=head.hash,
            )
        )

    def adopt(self, plan: Plan, phase: str, **given: Any) -> Story:
        """Follow another plan from here on; by itself it voids nothing but what rests on the digest."""
        before, head = self.state(), self.log.head(self.plan.plan)
        said: dict[str, Any] = {
            "attempt": 1,
            "by": "proj",
            "role": "project_lead",
            "reason": "the figures were wrong",
            "before_sha256": before.plan_sha256,
            "plan_sha256": self.evidence.put(plan.model_dump(mode="json", by_alias=True)),
            "title": plan.title,
            "phases": [
                e.PhaseOutline(id=p.phase, title=p.title, steps=[s.id for s in p.steps])
                for p in plan.phases
            ],
            "params": dict(plan.params),
            "changed": ["title"],
            "changes": 1,
            "gates": [],
            "checks": [],
            "seen_seq": head.seq,
            "seen_head": head.hash,
        }
        return self.add(e.PlanAdopted(phase=phase, **{**said, **given}), actor="proj")

    def events(self) -> list[e.Event]:
        return list(self.log.read(self.plan.plan))

    def state(self) -> RolloutState:
        return fold(self.events())

    def last_gate(self) -> GateState:
        return self.state().gates[-1]


def observed(
    sample: Sequence[dict[str, Scalar]] = (), query: str = "", **metrics: Scalar
) -> Observation:
    return Observation(
        metrics=metrics, source="warehouse", query=query, sample=list(sample), as_of=START
    )


def sample_document(
    check: str, at: datetime, verdict: Verdict, observation: Observation
) -> dict[str, Any]:
    """As the engine stores it; the first metric is held against `= 0`."""
    metric, value = next(iter(observation.metrics.items()), ("rows", None))
    met = {Verdict.PASS: True, Verdict.FAIL: False}.get(verdict)
    margin = -float(value) if isinstance(value, int | float) else None
    ruling = Ruling(metric=metric, observed=value, condition="= 0", met=met, margin=margin)
    return {
        "check": check,
        "taken_at": at,
        "observation": None if verdict is Verdict.ERROR else observation,
        "judgement": Judgement(
            verdict=verdict,
            reason=f"{check} reason",
            rulings=[] if verdict is Verdict.ERROR else [ruling],
        ),
    }


def _verdict(said: Found) -> Verdict:
    return said[0] if isinstance(said, tuple) else said


PASS, FAIL = Verdict.PASS, Verdict.FAIL


def held_story(story: Story | None = None) -> Story:
    """The pilot's entry gate said no-go, so the pilot is held; a finding is open."""
    story = (story or Story()).begin()
    story.stage("pilot", "open_entry", "pending", "entry_gate")
    rows: list[dict[str, Scalar]] = [{"property_key": "a1b2", "company": "Acme", "n": 3}]
    bad = observed(sample=rows, query="SELECT 1", rows=3)
    found: dict[str, Found] = {
        "empty_keys": (FAIL, bad),
        "told": PASS,
        "drift": (FAIL, observed(rows=9)),
    }
    story.wait(hours=1).gate("pilot", "entry", "ready", found, Decision.NO_GO)
    story.add(
        e.FindingRaised(
            finding="pilot-1-empty_keys",
            check="empty_keys",
            phase="pilot",
            attempt=1,
            severity="P1",
            title="Keys are empty",
            owner="data_engineering",
            due_at=story.now + timedelta(hours=2),
            evidence=None,
            detail="3 rows",
        )
    )
    return story.stage(
        "pilot", "entry_no_go", "entry_gate", "held", reason="ready is no_go: empty_keys fail"
    )


def completed_story(story: Story | None = None) -> Story:
    """Both phases passed, with a run and two signatures."""
    story = _full_runs(story)
    story.stage("full", "steps_done", "running", "exit_gate")
    story.gate("full", "exit", "all_done", {"missing": PASS}, Decision.GO)
    story.stage("full", "exit_go", "exit_gate", "passed")
    return story.add(e.RolloutEnded(outcome="completed", reason="every phase is passed"))


def undone_story(story: Story | None = None, *, scope: str = "") -> Story:
    """The pilot passed; in the second phase everything from `scope` on (empty: all) was rolled back."""
    story = _full_runs(story)
    story.say("roll_back", "full", subject=scope)
    story.stage("full", "roll_back", "running", "rolling_back")
    return story.stage("full", "undone", "rolling_back", "rolled_back")


def _full_runs(story: Story | None) -> Story:
    story = (story or Story()).begin()
    story.stage("pilot", "open_entry", "pending", "entry_gate")
    fine = {"empty_keys": PASS, "told": PASS, "drift": PASS}
    story.gate("pilot", "entry", "ready", fine, Decision.GO)
    story.stage("pilot", "entry_go", "entry_gate", "ready").wait(hours=4)
    story.say("proceed", "pilot").stage("pilot", "proceed", "ready", "running")
    for step in ("rest", "look"):
        story.add(e.StepStarted(phase="pilot", attempt=1, step=step)).wait(minutes=5)
        story.add(e.StepCompleted(phase="pilot", attempt=1, step=step, outputs={"rows": 50}))
    story.add(make_run())
    story.stage("pilot", "steps_done", "running", "exit_gate")
    good = (PASS, observed(created=50, lost=0))
    story.gate("pilot", "exit", "verified", {"created": good}, Decision.GO)
    story.stage("pilot", "ask_sign_off", "exit_gate", "sign_off").wait(hours=20)
    story.sign("pilot", "verified", "project_lead").sign("pilot", "verified", "sales_ops")
    story.stage("pilot", "signed", "sign_off", "passed")
    story.stage("full", "open_entry", "pending", "entry_gate")
    story.stage("full", "entry_go", "entry_gate", "ready")
    return story.stage("full", "proceed", "ready", "running")


def make_run(**given: Any) -> e.RunObserved:
    said: dict[str, Any] = {
        "sync": "sync_a",
        "run_id": 7,
        "phase": "pilot",
        "attempt": 1,
        "ours": True,
        "status": "completed",
        "processed": 50,
        "accepted": 49,
        "failed": 1,
        "invalid": 0,
        "source_rows": 50,
    }
    return e.RunObserved(**{**said, **given})


def store_file(
    path: Path, tell: Callable[[Story], Story] = held_story, *, snapshot: bool = False
) -> None:
    """A store on disk that holds the story; it is closed again."""
    with open_store(path, create=True, relaxed=True) as store:
        story = tell(Story(log=store.log, evidence=store.evidence))
        if snapshot:
            name = story.plan.plan
            store.log.save_snapshot(name, store.log.head(name), encode_state(story.state()))
