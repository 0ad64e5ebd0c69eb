"""Mistakes in checks, gates, soaks and in what people may say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rollout.checks import sql
from rollout.checks.population import metric
from rollout.domain import assess, command, decide, judge, people
from rollout.domain.command import Case
from rollout.domain.evidence import Decision, Judgement, Ruling, Verdict
from rollout.domain.plan import SamplingPolicy
from rollout.domain.state import RolloutState
from rollout.engine import gates, measure, soak, soak_runner
from rollout.engine.gates import GateRunner
from rollout.ports import Table

from .mutants import Patch, mutant

WATCHED = ("watched", "whole")


@mutant("a check that cannot ask passes", "check_error")
def error_passes() -> Iterable[Patch]:
    real = measure._failed

    def failed(spec: Any, context: Any, reason: str) -> Any:
        sample = real(spec, context, reason)
        return measure.Sample(
            sample.check, sample.at, None, Judgement(verdict=Verdict.PASS, reason=reason)
        )

    yield measure, "_failed", failed


@mutant("a value that is not there passes", "check_null")
def absence_passes() -> Iterable[Patch]:
    real = judge._rule

    def rule(observation: Any, metric: str, condition: Any) -> Any:
        found = real(observation, metric, condition)
        return (
            found
            if found.met is not None
            else Ruling(metric=metric, observed=None, condition=found.condition, met=True)
        )

    yield judge, "_rule", rule


@mutant("NaN counts as what was wanted", "check_nan")
def nan_passes() -> Iterable[Patch]:
    real = metric
    yield sql, "metric", lambda value: 1 if value != value else real(value)


@mutant("of two rows the first counts", "check_two_rows")
def two_rows_pass() -> Iterable[Patch]:
    real = sql._read
    yield sql, "_read", lambda table, inputs: real(Table(table.columns, table.rows[:1]), inputs)


@mutant("an observation with a problem is judged by its numbers", "check_no_row")
def problem_ignored() -> Iterable[Patch]:
    real = sql._read

    def read(table: Any, inputs: Any) -> Any:
        found, problem = real(table, inputs)
        return ({"value": 1, **found}, None) if problem else (found, problem)

    yield sql, "_read", read


@mutant("a gate is go when any of its checks passes", "check_bad")
def one_pass_is_enough() -> Iterable[Patch]:
    def aggregate(verdicts: Any, *, expected: int) -> Decision:
        return Decision.GO if Verdict.PASS in verdicts else Decision.NO_GO

    yield gates, "aggregate", aggregate


@mutant("the first passing sample decides a series")
def first_pass_decides() -> Iterable[Patch]:
    real = assess.assess_series

    def assess_series(policy: SamplingPolicy, counts: Any, *, stopping: bool) -> Any:
        return Verdict.PASS if counts.passed else real(policy, counts, stopping=stopping)

    yield gates, "assess_series", assess_series


@mutant("failures beyond the limit are forgiven", "check_bad")
def failure_limit_ignored() -> Iterable[Patch]:
    real = assess.assess_series

    def assess_series(policy: SamplingPolicy, counts: Any, *, stopping: bool) -> Any:
        forgiving = policy.model_copy(update={"failure_limit": -1})
        return real(forgiving, counts, stopping=stopping)

    yield gates, "assess_series", assess_series


@mutant("a gate of an earlier attempt still counts", "whim")
def gate_of_another_attempt() -> Iterable[Patch]:
    real = RolloutState.gate

    def gate(self: RolloutState, phase: str, attempt: int, moment: str, name: str) -> Any:
        found = real(self, phase, attempt, moment, name)
        return found or (real(self, phase, attempt - 1, moment, name) if attempt > 1 else None)

    yield RolloutState, "gate", gate


@mutant("a gate that was not go is not asked again but taken for go", "check_bad")
def no_go_forgotten() -> Iterable[Patch]:
    real = GateRunner.advance

    def advance(self: GateRunner, *given: Any, **named: Any) -> Any:
        outcome = real(self, *given, **named)
        return Decision.GO if outcome is Decision.INCONCLUSIVE else outcome

    yield GateRunner, "advance", advance


@mutant("a look that ended in errors counts as watched", "check_error", plans=WATCHED)
def coverage_counts_errors() -> Iterable[Patch]:
    def was_watched(slot: Any, phase: Any, state: Any) -> bool:
        gate = state.gate(phase.id, phase.attempt, slot.moment, slot.gate)
        return gate is not None and gate.decision is not None

    yield soak, "_was_watched", was_watched


@mutant("a slot that was slept through is taken later", "lid_closed", plans=WATCHED)
def slot_taken_later() -> Iterable[Patch]:
    real = soak._slots

    def slots(spec: Any, started_at: Any) -> Any:
        for slot in real(spec, started_at):
            yield soak.Slot(slot.moment, slot.gate, slot.due, False, None)

    yield soak, "_slots", slots


@mutant("a soak ends unasked how much of it was watched", "lid_closed", plans=WATCHED)
def coverage_not_asked() -> Iterable[Patch]:
    yield soak_runner.SoakRunner, "_close", lambda self, spec, phase: soak_runner.SoakOver()


@mutant("anybody may waive a check", "wrong_person", "whim")
def waiver_without_role() -> Iterable[Patch]:
    real = people.waive

    def waive(case: Case) -> Any:
        outcome = real(case)
        if isinstance(outcome, command.Refusal) and "may be waived by" in outcome.reason:
            return [case.decision("waive", case.command.subject)]
        return outcome

    yield decide, "_RULES", {**decide._RULES, "waive": waive}


@mutant("a waiver of an earlier attempt still counts", "whim", "check_bad")
def stale_waiver_counts() -> Iterable[Patch]:
    def waiver(self: RolloutState, phase: str, attempt: int, check: str) -> Any:
        given = [
            d for d in self.decisions if (d.decision, d.phase, d.subject) == ("waive", phase, check)
        ]
        return given[-1] if given else None

    yield RolloutState, "waiver", waiver


@mutant("anybody may speak for a role", "wrong_person")
def roles_ignored() -> Iterable[Patch]:
    yield decide, "_who", lambda plan, said: None


@mutant("anybody decides, not the lead alone", "wrong_person")
def anybody_decides() -> Iterable[Patch]:
    yield decide, "lead_only", lambda case: None
    yield people, "lead_only", lambda case: None


@mutant("a decision counts whatever its maker had seen", "looked_long_ago")
def stale_decision_counts() -> Iterable[Patch]:
    yield decide, "_fresh", lambda state, phase, said: None


@mutant("a new attempt keeps the number of the old one", "whim")
def attempt_not_counted() -> Iterable[Patch]:
    real = Case.move

    def move(self: Case, trigger: str) -> Any:
        moved = real(self, trigger)
        if moved is None or moved.target != "pending":
            return moved
        same = self.state.phases[moved.phase].attempt
        return type(moved)(
            phase=moved.phase,
            attempt=same,
            trigger=moved.trigger,
            source=moved.source,
            target=moved.target,
        )

    yield Case, "move", move
