"""From the folded state of a gate to what a screen shows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rollout.domain.evidence import Decision, Ruling
from rollout.domain.standing import plan_sha256_at
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
    said = words.in_force(_plan_of(gate, state)).gate(gate.gate)
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
        void=gate.void_seq > 0,
        checks=[
            _check_view(gate, said.check(name), check, state, documents)
            for name, check in gate.checks.items()
        ],
    )


def _plan_of(gate: GateState, state: RolloutState) -> str:
    """Digest of the plan whose words the evaluation goes by: a void one by those before the change."""
    seq = gate.decided_seq or (gate.void_seq - 1 if gate.void_seq else state.seq)
    return plan_sha256_at(state, seq)


def _check_view(
    gate: GateState,
    said: CheckWords,
    check: CheckState,
    state: RolloutState,
    documents: Documents | None,
) -> CheckView:
    waiver = applied_waiver(gate, said.check, state)
    rulings = rulings_of(check, documents)
    mark = marks.of_check(
        check.verdict, shadow=said.shadow, waived=bool(waiver), samples=check.tally.taken
    )
    if said.kind == "attest" and check.verdict is None and gate.decision is None:
        mark = marks.WAIT
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
    waiver = state.waiver(gate.phase, gate.attempt, check, at=gate.decided_seq)
    if waiver is None:
        return ""
    return f"{waiver.by} ({waiver.role}): {waiver.reason}"


def rulings_of(check: CheckState, documents: Documents | None) -> list[Ruling]:
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
    """The gates of an attempt that still count, in the order of their first opening: the newest
    round of each, and of a repeated look only the newest one.

    Picked by name, so that thousands of old looks need not be read.
    """
    place = f"{phase}/{attempt}/"
    newest: dict[str, int] = {}
    for key, position in state.gate_index.items():
        if key.startswith(place):
            moment, _, gate = key[len(place) :].rpartition("/")
            newest[f"{moment.partition('#')[0]}/{gate}"] = position
    return [state.gates[position] for position in newest.values()]


def telling_gates(state: RolloutState) -> list[GateState]:
    """The gates a status is about: of the current phase those that are open or block, else the one
    decided last."""
    phase = state.current_phase() or next(reversed(state.phases.values()), None)
    if phase is None:
        return []
    found = newest_rounds(state, phase.id, phase.attempt)
    open_or_blocking = [g for g in found if g.decision is not Decision.GO]
    decided = sorted((g for g in found if g.decision is not None), key=lambda g: g.decided_seq)
    return open_or_blocking or decided[-1:] or _last_decided(state)


def _last_decided(state: RolloutState) -> list[GateState]:
    for position in reversed(range(len(state.gates))):
        if state.gates[position].decision is not None:
            return [state.gates[position]]
    return []
