"""From the folded state of a gate to what a screen shows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rollout.domain.evidence import Decision, Ruling
from rollout.domain.state import CheckState, GateState, RolloutState
from rollout.reports.wording import required, sample_document
from rollout.view import marks
from rollout.view.model import CheckView, GateView
from rollout.view.plan_words import CheckWords, PlanWords
from rollout.view.text import plain

Documents = Callable[[str], Any]
"""Evidence by digest. Raises: KeyError."""

WORST_FIRST = {
    word: n
    for n, word in enumerate(
        ("FAIL", "UNKN", "WAIT", "RUN", "WARN", "TODO", "WAIV", "SKIP", "PASS")
    )
}
"""Rank of a check's word where the ones that block come first."""


def gate_view(
    gate: GateState, state: RolloutState, words: PlanWords, documents: Documents | None = None
) -> GateView:
    """One evaluation of a gate. With `documents`, conditions come from the evidence, filled in."""
    said = words.gate(gate.gate)
    return GateView(
        phase=gate.phase,
        attempt=gate.attempt,
        moment=gate.moment,
        gate=gate.gate,
        title=plain(said.title or gate.gate),
        number=said.number,
        round=gate.round,
        word=marks.of_gate(gate.decision).word,
        decision=gate.decision,
        opened_at=gate.opened_at,
        decided_at=gate.decided_at,
        reasons=[plain(reason) for reason in gate.reasons],
        checks=[
            _check_view(gate, said.check(name), check, state, documents)
            for name, check in gate.checks.items()
        ],
    )


def _check_view(
    gate: GateState,
    said: CheckWords,
    check: CheckState,
    state: RolloutState,
    documents: Documents | None,
) -> CheckView:
    waiver = applied_waiver(gate, said.check, state)
    rulings = _rulings(check, documents)
    mark = marks.of_check(
        check.verdict, shadow=said.shadow, waived=bool(waiver), samples=check.tally.taken
    )
    return CheckView(
        id=said.check,
        title=plain(said.title or said.check),
        kind=said.kind,
        word=mark.word,
        verdict=check.verdict,
        observed=check.observed,
        judged=_judged(rulings) if rulings else {},
        required=plain(required(rulings, said.go, said.no_go) if rulings else said.required()),
        reason=plain(check.reason or check.latest_reason),
        samples=check.tally.taken,
        shadow=said.shadow,
        severity=said.severity,
        owner=said.owner,
        if_it_fails=plain(said.if_it_fails),
        waived_by=plain(waiver),
        at=check.latest_at,
        evidence=check.evidence,
    )


def applied_waiver(gate: GateState, check: str, state: RolloutState) -> str:
    """Who waived a check before this round was decided, else nothing: a later waiver counts for
    the next round."""
    waiver = state.waiver(gate.phase, gate.attempt, check)
    if waiver is None or (gate.decided_seq and waiver.seq > gate.decided_seq):
        return ""
    return f"{waiver.by} ({waiver.role}): {waiver.reason}"


def _rulings(check: CheckState, documents: Documents | None) -> list[Ruling]:
    """Of the newest sample; empty when its document is not read or not there."""
    if documents is None or check.evidence is None:
        return []
    try:
        sample = sample_document(documents(check.evidence))
    except KeyError:
        return []
    return list(sample.judgement.rulings) if sample is not None else []


def _judged(rulings: list[Ruling]) -> dict[str, str]:
    # Late: fractions and decimals are start-up time that a status does not need.
    from rollout.domain.condition import Condition, format_observed
    from rollout.domain.errors import ConditionProblem

    shown: dict[str, str] = {}
    for ruling in rulings:
        try:
            condition = Condition.parse(ruling.condition)
        except ConditionProblem:
            condition = None
        shown[plain(ruling.metric)] = plain(format_observed(ruling.observed, condition))
    return shown


def newest_rounds(state: RolloutState, phase: str, attempt: int) -> list[GateState]:
    """The newest round of every gate of an attempt, by the time of its first opening."""
    return [
        gate
        for position in state.gate_index.values()
        if (gate := state.gates[position]).phase == phase and gate.attempt == attempt
    ]


def telling_gates(state: RolloutState) -> list[GateState]:
    """The gates a status is about: of the current phase those that are open or block, else the one
    decided last."""
    phase = state.current_phase() or next(reversed(state.phases.values()), None)
    if phase is None:
        return []
    found = newest_rounds(state, phase.id, phase.attempt)
    open_or_blocking = [
        g for g in found if g.decision is not Decision.GO and _still_counts(g, found)
    ]
    decided = sorted((g for g in found if g.decision is not None), key=lambda g: g.decided_seq)
    return open_or_blocking or decided[-1:] or _last_of_all(state)


def _still_counts(gate: GateState, found: list[GateState]) -> bool:
    """A repeated look that was inconclusive is history once a later look was decided."""
    series, repeated, _ = gate.moment.partition("#")
    if not repeated or gate.decision is not Decision.INCONCLUSIVE:
        return True
    return not any(
        other.decided_seq > gate.decided_seq and other.moment.startswith(f"{series}#")
        for other in found
        if other.gate == gate.gate
    )


def _last_of_all(state: RolloutState) -> list[GateState]:
    decided = [g for g in state.gates if g.decision is not None]
    return [max(decided, key=lambda g: g.decided_seq)] if decided else []
