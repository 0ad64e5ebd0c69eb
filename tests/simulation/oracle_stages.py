"""Stage changes held against the rules a project lead would recite: nothing moves without its reason."""

from __future__ import annotations

from collections import Counter

from rollout.domain.events import (
    Attested,
    DecisionMade,
    Event,
    FindingResolved,
    PlanAdopted,
    RolledBack,
    RolloutEnded,
    SignedOff,
    StageChanged,
    StepCompleted,
)
from rollout.domain.plan import Phase, Plan
from rollout.domain.state import PhaseState, RolloutState

from .oracle_gates import GateOracle
from .plan_changes import InForce
from .violation import require

LEAD = "project_lead"
_BY_ITSELF = {
    ("pending", "entry_gate"),
    ("entry_gate", "ready"),
    ("entry_gate", "held"),
    ("running", "exit_gate"),
    ("running", "held"),
    ("exit_gate", "sign_off"),
    ("exit_gate", "passed"),
    ("exit_gate", "held"),
    ("sign_off", "passed"),
    ("sign_off", "held"),
    ("rolling_back", "rolled_back"),
    ("rolling_back", "rollback_failed"),
}
_BY_A_PLAN = {"plan_changed": {"held"}, "ask_again": {"entry_gate", "exit_gate"}}
_MOVES_NOTHING = {"waive", "settle", "close_finding"}
"""Said between a no-go and what the engine makes of it, these change nothing."""
_MOVES_WORK = {"entry_gate", "ready", "running", "exit_gate", "sign_off"}


class StageOracle:
    """Every move is one the machine makes by itself for a good reason, or a named lead's decision."""

    def __init__(self, plans: InForce, gates: GateOracle) -> None:
        self.plans, self.gates = plans, gates
        self.newest: Event | None = None
        self.signed: list[tuple[int, SignedOff]] = []
        self.reached: Counter[str] = Counter()

    @property
    def plan(self) -> Plan:
        return self.plans.now

    def see(self, before: RolloutState, event: Event) -> None:
        match event.payload:
            case StageChanged() as p:
                self._moved(before, p)
            case PlanAdopted() as p:
                self._may(p.by, p.role)
                require(p.role == LEAD, "9", f"{p.role} adopts a plan")
                self.reached["adopted_a_plan"] += 1
            case DecisionMade() as p:
                self._may(p.by, p.role)
                if p.decision == "waive":
                    self._may_waive(p)
                else:
                    require(
                        p.role == LEAD or p.decision == "close_finding",
                        "9",
                        f"{p.role} decides {p.decision}",
                    )
                self.reached[f"decided_{p.decision}"] += 1
            case Attested() as p:
                self._may(p.by, p.role)
                require(p.role in {"engineer", LEAD}, "9", f"{p.role} confirms {p.check}")
            case SignedOff() as p:
                self._may(p.by, p.role)
                self.signed.append((event.seq, p))
            case FindingResolved(how="resolved") as p if p.by != "rollout":
                known = before.findings.get(p.finding)
                require(known is not None and known.state == "open", "8", f"{p.finding} closed")
                self.reached["closed_a_finding"] += 1
            case RolloutEnded() as p:
                self._ended(before, p)
        self.newest = event

    def _may(self, by: str, role: str) -> None:
        people = [p.person for p in self.plan.roles.get(role, [])]
        require(by in people, "9", f"{by} speaks as {role}")

    def _may_waive(self, p: DecisionMade) -> None:
        owners = {
            c.owner for g in self.plan.gates.values() for c in g.checks if c.check == p.subject
        }
        require(p.role in {LEAD, *owners}, "9", f"{p.role} waives {p.subject} of {owners}")

    def _moved(self, before: RolloutState, p: StageChanged) -> None:
        current = before.current_phase()
        assert current is not None
        require(p.source == current.stage, "8", f"{p.phase} leaves {p.source}, is {current.stage}")
        if p.target == "pending":
            self._begins_again(before, current, p)
            return
        require(p.phase == current.id, "8", f"{p.phase} moves while {current.id} is current")
        require(p.attempt == current.attempt, "8", f"{p.phase} moves in attempt {p.attempt}")
        decided = self._decision(current)
        if p.target == "rolling_back":
            self._goes_back(current, decided)
        elif p.target == "running" and p.source == "ready":
            require(decided == "proceed", "9", f"{p.phase} runs and nobody said proceed")
        elif p.trigger in _BY_A_PLAN:
            self._by_a_plan(p)
        elif p.source == "held":
            resumed = decided == "resume" and p.target == current.held_from
            require(resumed, "8", f"{p.phase} leaves held for {p.target} after {decided}")
        elif decided == "hold":
            ok = p.target == "held" and p.source in _MOVES_WORK
            require(ok, "8", f"a hold moves {p.phase} from {p.source} to {p.target}")
        else:
            self._by_itself(before, current, p)

    def _by_a_plan(self, p: StageChanged) -> None:
        """An adopted plan sends the phase back to its door, or holds it, and at once."""
        newest = self.newest.payload if self.newest is not None else None
        after = isinstance(newest, PlanAdopted) or (
            isinstance(newest, StageChanged) and newest.trigger in _BY_A_PLAN
        )
        require(after, "8", f"{p.phase} is sent to {p.target} and no plan was adopted")
        fits = p.target in _BY_A_PLAN[p.trigger]
        require(fits, "8", f"a changed plan moves {p.phase} to {p.target}")
        self.reached[f"plan_moved_to_{p.target}"] += 1

    def _decision(self, current: PhaseState) -> str:
        """What a person said right before, about this phase and attempt."""
        said = self.newest.payload if self.newest is not None else None
        if not isinstance(said, DecisionMade) or said.decision in _MOVES_NOTHING:
            return ""
        about = (said.phase, said.attempt) == (current.id, current.attempt)
        return said.decision if about else ""

    def _begins_again(self, before: RolloutState, current: PhaseState, p: StageChanged) -> None:
        decided = self._decision(current)
        require(decided in {"retry", "restart"}, "1", f"{p.phase} begins again after {decided!r}")
        require(current.stage in {"held", "rolled_back"}, "8", f"it begins in {current.stage}")
        wanted = before.phases[p.phase].attempt + 1
        require(p.attempt == wanted, "1", f"{p.phase} has attempt {p.attempt}, not {wanted}")
        order = list(before.phases)
        undone = current.undo_from or order[0]
        last = undone if current.stage == "rolled_back" else current.id
        require(order.index(p.phase) <= order.index(last), "8", f"{p.phase} is later than {last}")
        unknown = [
            e.effect
            for e in before.effects.values()
            if not e.idempotent and (e.how == "needs_human" or (e.how is None and e.answer != "no"))
        ]
        require(not unknown, "1", f"{p.phase} begins again while {unknown} may still land")

    def _goes_back(self, current: PhaseState, decided: str) -> None:
        automatic = self.plan.phase(current.id).on_no_go == "rollback" and decided == ""
        again = current.stage == "rollback_failed"
        require(decided == "roll_back" or (automatic and not again), "8", "a rollback nobody wants")
        self.reached[f"rollback_from_{current.stage}"] += 1

    def _by_itself(self, before: RolloutState, current: PhaseState, p: StageChanged) -> None:
        move = (p.source, p.target)
        require(move in _BY_ITSELF, "8", f"{p.phase} goes from {p.source} to {p.target}")
        spec = self.plan.phase(p.phase)
        self.reached[f"{p.source}_to_{p.target}"] += 1
        if move == ("entry_gate", "ready"):
            self._all_go(current, "entry", spec.entry)
        elif p.source == "exit_gate" and p.target != "held":
            self._all_go(current, "exit", spec.exit)
            unsigned = p.target == "passed" and spec.sign_off is not None
            require(not unsigned, "9", f"{p.phase} passes without its sign-off")
        elif move == ("sign_off", "passed"):
            self._signed(current, spec)
        elif move == ("running", "exit_gate"):
            self._worked(before, current, spec)
        elif p.target == "rolled_back":
            proven = self.newest is not None and isinstance(self.newest.payload, RolledBack)
            require(proven, "12", f"{p.phase} is rolled back without a proof")

    def _all_go(self, current: PhaseState, moment: str, gates: list[str]) -> None:
        for gate in gates:
            is_go = self.gates.is_go(current.id, current.attempt, moment, gate)
            require(is_go, "9", f"{current.id} goes on and {gate} is not go")

    def _signed(self, current: PhaseState, spec: Phase) -> None:
        rule = spec.sign_off
        assert rule is not None
        looks = [self.gates.look(current.id, current.attempt, "exit", g) for g in spec.exit]
        standing = {
            p.role: p.by
            for seq, p in self.signed
            if (p.phase, p.attempt) == (current.id, current.attempt)
            and p.approve
            and p.plan_sha256 == self.plan.sha256()
            and any(
                look and look.evidence == p.evidence_sha256 and seq > look.seq for look in looks
            )
        }
        missing = [role for role in rule.roles if role not in standing]
        require(not missing, "9", f"{current.id} passes without {missing} on the newest evidence")
        people = {standing[role] for role in rule.roles}
        require(len(people) == len(rule.roles), "9", f"{people} signed for {rule.roles}")
        self.reached["signed"] += 1

    def _worked(self, before: RolloutState, current: PhaseState, spec: Phase) -> None:
        for step in spec.steps:
            known = before.step(current.id, current.attempt, step.id)
            done = known is not None and known.status == "completed"
            require(done, "9", f"{current.id} is over and {step.id} is not done")
        if spec.soak is not None:
            covered = self.gates.is_go(current.id, current.attempt, "soak", "soak_coverage")
            require(covered, "10", f"{current.id} is over without its soak")
            self.reached["soaked"] += 1

    def _ended(self, before: RolloutState, p: RolloutEnded) -> None:
        self.reached[f"ended_{p.outcome}"] += 1
        current = before.current_phase()
        if p.outcome == "completed":
            require(current is None, "8", "it is completed and a phase is not passed")
            return
        assert current is not None
        said = self._decision(current)
        wanted = {"rolled_back": "end", "aborted": "abort"}[p.outcome]
        require(said == wanted, "8", f"it is {p.outcome} after {said!r}")


class OrderOracle:
    """A step completes after those before it, and only once an attempt."""

    def __init__(self, plan: Plan) -> None:
        self.order = {p.phase: [s.id for s in p.steps] for p in plan.phases}

    def see(self, before: RolloutState, event: Event) -> None:
        p = event.payload
        if not isinstance(p, StepCompleted) or p.step not in self.order[p.phase]:
            return
        for earlier in self.order[p.phase]:
            if earlier == p.step:
                return
            known = before.step(p.phase, p.attempt, earlier)
            done = known is not None and known.status == "completed"
            require(done, "8", f"{p.step} is done before {earlier}")
