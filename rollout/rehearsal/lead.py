"""The scripted lead and everybody else who answers in a rehearsal. Every answer is recorded as rehearsed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollout.domain.decide import LEAD, Command, Refusal, find_check
from rollout.domain.evidence import Decision, Verdict
from rollout.domain.plan import Plan
from rollout.domain.state import EffectState, PhaseState, RolloutState
from rollout.engine.controller import Controller
from rollout.engine.wake import Need, Wake
from rollout.rehearsal.scenario import Operator, TurnBack


@dataclass
class ScriptedLead:
    """Answers what a tick asks people for. `act` returns when the next answer is due, None when
    nobody will answer any more: then the rehearsal is over and the rollout stays held."""

    plan: Plan
    operator: Operator
    controller: Controller
    look: Callable[[EffectState], int | None]
    """What a person finds in the service for an effect that may have happened: its run id."""
    _turned: set[int] = field(default_factory=set)
    _tries: dict[str, int] = field(default_factory=dict)
    _asked: dict[tuple[str, str, str, int], datetime] = field(default_factory=dict)

    def act(self, wake: Wake, now: datetime) -> datetime | None:
        """Answer every need that is due now; otherwise say when the first answer comes."""
        due: list[datetime] = []
        if self._turns_back(now, due):
            return now
        for need in wake.needs:
            at = self._due(need, now)
            if at is None:
                continue
            if at <= now and self._answer(need):
                return now
            if at > now:
                due.append(at)
        return min(due, default=None)

    def _turns_back(self, now: datetime, due: list[datetime]) -> bool:
        """Say roll back where the scenario wants it; True when it was said."""
        for number, turn in enumerate(self.operator.turns_back):
            at = None if number in self._turned else reached(self.controller.state, turn)
            if at is not None and at > now:
                due.append(at)
            elif at is not None:
                self._turned.add(number)
                self._submit(
                    self._command("roll_back", "the scenario goes back here", subject=turn.scope)
                )
                return True
        return False

    def _due(self, need: Need, now: datetime) -> datetime | None:
        takes = self.operator.takes
        delay: dict[str, timedelta] = {
            "proceed": takes.proceed,
            "attest": takes.attest,
            "sign": takes.sign,
        }
        phase = self.controller.state.phases[need.phase]
        key = (need.kind, need.phase, need.subject + need.detail, phase.since_seq)
        asked = self._asked.setdefault(key, now)
        return asked + delay.get(need.kind, takes.decide)

    def _answer(self, need: Need) -> bool:
        """Submit the answer; False when this lead has none."""
        state = self.controller.state
        phase = state.phases[need.phase]
        command = {
            "proceed": self._proceed,
            "attest": self._attest,
            "sign": self._sign,
            "settle": self._settle,
            "decide": self._decide,
        }[need.kind](need, state, phase)
        if command is None:
            return False
        self._submit(command)
        return True

    def _submit(self, command: Command) -> None:
        refusal = self.controller.submit(command)
        if isinstance(refusal, Refusal):
            raise RuntimeError(f"the scripted lead was refused {command.name}: {refusal.reason}")

    def _command(
        self,
        name: str,
        reason: str,
        *,
        role: str = LEAD,
        subject: str = "",
        answer: bool = True,
        run_id: int | None = None,
    ) -> Command:
        state = self.controller.state
        return Command(
            name=name,
            by=self._person(role),
            role=role,
            reason=reason,
            seen_seq=state.seq,
            seen_head=state.head,
            subject=subject,
            answer=answer,
            run_id=run_id,
            rehearsed=True,
        )

    def _person(self, role: str) -> str:
        return self.plan.roles[role][0].person

    def _proceed(self, need: Need, state: RolloutState, phase: PhaseState) -> Command | None:
        if self.operator.roll_back_at == phase.id:
            return self._command("roll_back", "the scenario goes back here")
        if self.operator.on_go == "hold":
            return None
        return self._command("proceed", "every entry gate is go")

    def _attest(self, need: Need, state: RolloutState, phase: PhaseState) -> Command | None:
        check = find_check(self.plan, need.subject)
        if check is None:
            return None
        said = self.operator.attest
        answer = said if isinstance(said, str) else said.get(check.check, "yes")
        roles = check.inputs.get("roles") or [check.owner]
        role = next((r for r in roles if r in self.plan.roles), LEAD)
        reason = "confirmed in rehearsal" if answer == "yes" else "not so, in rehearsal"
        return self._command(
            "attest", reason, role=role, subject=check.check, answer=answer == "yes"
        )

    def _sign(self, need: Need, state: RolloutState, phase: PhaseState) -> Command | None:
        said = self.operator.sign
        answer = said if isinstance(said, str) else said.get(need.detail, "yes")
        reason = "the evidence shows it" if answer == "yes" else "not convinced"
        return self._command(
            "sign", reason, role=need.detail, subject=need.subject, answer=answer == "yes"
        )

    def _settle(self, need: Need, state: RolloutState, phase: PhaseState) -> Command | None:
        """The person looks at the service: no run above the watermark means it was never sent."""
        effect = state.effects[need.subject]
        if effect.action != "trigger":
            return self._command("settle", "looked: it did not happen", subject=effect.effect)
        run_id = self.look(effect)
        seen = f"run {run_id} is ours" if run_id else "no run was started"
        return self._command(
            "settle", f"looked at the service: {seen}", subject=effect.effect, run_id=run_id
        )

    def _decide(self, need: Need, state: RolloutState, phase: PhaseState) -> Command | None:
        if phase.stage == "rolled_back":
            if self.operator.after_rollback == "end" or self._spent("after_rollback"):
                return self._command("end", "rolled back and proven")
            return self._command("retry", "the cause is fixed: a new attempt")
        if phase.stage == "rollback_failed":
            if self._spent("rollback"):
                return None
            return self._command("roll_back", "again, from where it stopped")
        return self._no_go(phase)

    def _no_go(self, phase: PhaseState) -> Command | None:
        choice = self.operator.no_go_choice(phase.id)
        if choice == "hold":
            return None
        if choice == "abort":
            return self._command("abort", "the scenario gives up here")
        if choice == "rollback":
            return self._command("roll_back", phase.reason or "no-go")
        if choice == "proceed_with_waiver":
            return self._waive(phase)
        if self._spent(f"{phase.id}/{choice}"):
            return None
        failed = self._has_failed_step(phase)
        return self._command("retry" if failed else choice, "the cause is fixed: try again")

    def _waive(self, phase: PhaseState) -> Command | None:
        """Waive what blocks, one check at a time, then resume; a failed step cannot be waived."""
        blocking = self._blocking(phase)
        if blocking:
            return self._command("waive", "the scenario proceeds regardless", subject=blocking[0])
        if self._has_failed_step(phase) or self._spent(f"{phase.id}/{phase.since_seq}", limit=1):
            return None
        return self._command("resume", "what blocked is waived")

    def _blocking(self, phase: PhaseState) -> list[str]:
        """Unwaived checks, in the plan's order, of this attempt's gates that are not go."""
        state = self.controller.state
        return [
            name
            for gate in (state.gates[position] for position in state.gate_index.values())
            if (gate.phase, gate.attempt) == (phase.id, phase.attempt)
            and gate.decision not in {None, Decision.GO}
            for name, check in gate.checks.items()
            if check.verdict is not Verdict.PASS
            and not _is_shadow(self.plan, name)
            and state.waiver(phase.id, phase.attempt, name) is None
        ]

    def _has_failed_step(self, phase: PhaseState) -> bool:
        return any(
            (s.phase, s.attempt, s.status) == (phase.id, phase.attempt, "failed")
            for s in self.controller.state.steps.values()
        )

    def _spent(self, what: str, limit: int | None = None) -> bool:
        """Count a try; True when there were enough."""
        self._tries[what] = self._tries.get(what, 0) + 1
        return self._tries[what] > (self.operator.patience if limit is None else limit)


_NO_WAY_BACK = {"pending", "passed", "rolling_back", "rolled_back", "rollback_failed"}


def reached(state: RolloutState, turn: TurnBack) -> datetime | None:
    """The instant at which a turn is due; None as long as nobody can tell, or when it is too late."""
    phase = state.current_phase()
    if phase is None or (phase.id, phase.attempt) != (turn.phase, turn.attempt):
        return None
    if phase.stage in _NO_WAY_BACK:
        return None
    if turn.step is not None:
        step = state.step(phase.id, phase.attempt, turn.step)
        began = step.started_at if step is not None else None
    elif turn.stage is not None:
        began = phase.since if phase.stage == turn.stage else None
    else:
        began = phase.started_at
    return None if began is None else began + turn.after


def _is_shadow(plan: Plan, check_id: str) -> bool:
    check = find_check(plan, check_id)
    return check is not None and check.shadow
