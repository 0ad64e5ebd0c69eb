"""The watch after the syncs: how long still, which looks were taken, and what they said."""

from __future__ import annotations

from datetime import datetime

from rollout.domain.evidence import Decision
from rollout.domain.state import SOAK_COVERAGE, GateState, PhaseState, RolloutState
from rollout.view import marks
from rollout.view.gates import Documents, applied_waiver, newest_rounds
from rollout.view.marks import Mark
from rollout.view.monitor_metrics import metric_views
from rollout.view.monitor_model import (
    BreachView,
    CheckpointView,
    CoverageView,
    MonitorView,
    SeriesView,
)
from rollout.view.plan_words import PhaseWords, PlanWords, SoakWords
from rollout.view.soak_slots import (
    DOUBT,
    GO,
    LATE,
    MISSED,
    NO_GO,
    NOW,
    OF_LOOK,
    TODO,
    Series,
    in_order,
    lasts_of,
    soak_series,
)
from rollout.view.text import plain

_HOLDS = (
    "It holds the phase; nothing after it begins. The clock of the watch runs on: `resume` asks again "
    "and goes on with the same watch, `retry` begins it anew, `rollback` undoes what was done."
)
_TOO_LITTLE = (
    "Too little was watched to call it clean, and looks that were missed are never taken later: `retry` "
    "watches anew; only a waiver with a reason lets this watch count."
)
_LOOKED = "Share of the planned looks that came to an answer"
"""What a breach means. Source: docs/adr/0006."""


def watched_phase(state: RolloutState, words: PlanWords) -> PhaseWords | None:
    """The phase whose watch began last, else the first that has one."""
    having = [p for p in words.phases if p.soak is not None]
    begun = [p for p in having if p.phase in state.phases and state.phases[p.phase].soak_started_at]
    if begun:
        return begun[-1]
    return having[0] if having else None


def monitor_view(
    state: RolloutState, words: PlanWords, now: datetime, documents: Documents | None = None
) -> MonitorView:
    """The watch at `now`. With `documents`, limits come from the evidence, references filled in."""
    said = watched_phase(state, words)
    if said is None or said.soak is None:
        return _none(now)
    phase = state.phases.get(said.phase) or PhaseState(id=said.phase, title=said.title)
    started = phase.soak_started_at
    lasts = lasts_of(said.soak)
    ends = started + lasts if started else None
    series = soak_series(said.soak, phase, state, started, now) if started else []
    breaches = _breaches(state, phase, words) if started else []
    watch, mark = _watch(state, phase, breaches, ends, now)
    return MonitorView(
        phase=phase.id,
        title=plain(phase.title or said.title),
        attempt=phase.attempt,
        watch=watch,
        word=mark.word,
        reason=plain(phase.reason) if phase.stage == "held" and not breaches else "",
        lasts_s=lasts.total_seconds(),
        started_at=started,
        ends_at=ends,
        left_s=max((ends - now).total_seconds(), 0.0) if ends else None,
        share=min(max((now - started) / lasts, 0.0), 1.0) if started and lasts else None,
        checkpoints=[_checkpoint(s, words, now) for s in series if not s.is_repeated]
        or _planned_checkpoints(said.soak, words),
        repeated=[_series(s, words, now) for s in series if s.is_repeated]
        or _planned_series(said.soak, words),
        coverage=_coverage(said.soak, series) if started else None,
        metrics=metric_views(series, state, words, started, documents) if started else [],
        breaches=breaches,
        at=now,
    )


def _none(now: datetime) -> MonitorView:
    return MonitorView(
        phase="",
        title="",
        attempt=1,
        watch="NO-WATCH",
        word=marks.SKIP.word,
        reason="the plan watches nothing after its syncs",
        lasts_s=0.0,
        started_at=None,
        ends_at=None,
        left_s=None,
        share=None,
        checkpoints=[],
        repeated=[],
        coverage=None,
        metrics=[],
        breaches=[],
        at=now,
    )


def _watch(
    state: RolloutState,
    phase: PhaseState,
    breaches: list[BreachView],
    ends: datetime | None,
    now: datetime,
) -> tuple[str, Mark]:
    if ends is None:
        return "NOT-BEGUN", marks.TODO
    if phase.stage == "running":
        return ("COUNTING" if now < ends else "CLOSING"), marks.RUN
    if phase.stage in {"exit_gate", "sign_off", "passed"}:
        return "COMPLETE", marks.PASS
    if phase.stage == "held" and phase.held_from in {"exit_gate", "sign_off"}:
        return "COMPLETE", marks.PASS
    return ("BREACHED" if breaches else "HELD"), marks.FAIL


def _checkpoint(series: Series, words: PlanWords, now: datetime) -> CheckpointView:
    gate = series.newest
    return CheckpointView(
        age=series.age,
        gate=series.gate,
        title=plain(words.gate(series.gate).title),
        word=OF_LOOK[series.looks].word,
        due_at=series.first,
        due_in_s=(series.first - now).total_seconds(),
        decided_at=gate.decided_at if gate else None,
        reason=plain("; ".join(gate.reasons)) if gate else "",
    )


def _planned_checkpoints(soak: SoakWords, words: PlanWords) -> list[CheckpointView]:
    return [
        CheckpointView(
            age=age,
            gate=gate,
            title=plain(words.gate(gate).title),
            word=marks.TODO.word,
            due_at=None,
            due_in_s=None,
            decided_at=None,
            reason="",
        )
        for age, gates in in_order(soak.checkpoints)
        for gate in gates
    ]


def _series(series: Series, words: PlanWords, now: datetime) -> SeriesView:
    taken = [look for look in series.looks if look not in {TODO, LATE}]
    mark = OF_LOOK[taken[-1]] if taken else marks.TODO
    upcoming = series.next_due
    return SeriesView(
        every=series.age,
        gate=series.gate,
        title=plain(words.gate(series.gate).title),
        word=mark.word,
        looks=series.looks,
        go=series.looks.count(GO),
        no_go=series.looks.count(NO_GO),
        inconclusive=series.looks.count(DOUBT),
        missed=series.looks.count(MISSED),
        next_at=upcoming,
        next_in_s=(upcoming - now).total_seconds() if upcoming else None,
    )


def _planned_series(soak: SoakWords, words: PlanWords) -> list[SeriesView]:
    return [
        SeriesView(
            every=age,
            gate=gate,
            title=plain(words.gate(gate).title),
            word=marks.TODO.word,
            looks="",
            go=0,
            no_go=0,
            inconclusive=0,
            missed=0,
            next_at=None,
            next_in_s=None,
        )
        for age, gates in in_order(soak.every)
        for gate in gates
    ]


def _coverage(soak: SoakWords, series: list[Series]) -> CoverageView:
    looks = "".join(s.looks for s in series)
    expected, answered = len(looks), looks.count(GO) + looks.count(NO_GO)
    settled = expected - sum(looks.count(open_) for open_ in (TODO, NOW, LATE))
    lost = looks.count(MISSED) + sum(s.looks.count(DOUBT) for s in series if s.is_repeated)
    best = (expected - lost) / expected if expected else None
    minimum = _minimum(soak.min_coverage)
    share = answered / settled if settled else None
    if minimum is not None and best is not None and best < minimum:
        mark = marks.FAIL
    elif share is None:
        mark = marks.TODO
    else:
        mark = marks.WARN if minimum is None or share < minimum else marks.PASS
    return CoverageView(
        answered=answered,
        settled=settled,
        expected=expected,
        share=share,
        best=best,
        minimum=minimum,
        minimum_text=plain(soak.min_coverage),
        word=mark.word,
    )


def _minimum(text: str) -> float | None:
    # Late: fractions and decimals are start-up time that a status does not need.
    from rollout.domain.condition import Condition
    from rollout.domain.errors import ConditionProblem

    try:
        return Condition.parse(f">= {text}").bounds()[0]
    except ConditionProblem:
        return None


def _breaches(state: RolloutState, phase: PhaseState, words: PlanWords) -> list[BreachView]:
    """Gates of the watch whose newest look is not go; an inconclusive repeated look holds nothing."""
    found = []
    for gate in newest_rounds(state, phase.id, phase.attempt):
        in_watch = gate.moment.startswith(("after:", "every:")) or gate.moment == "soak"
        is_repeated = gate.moment.startswith("every:")
        holds = gate.decision is Decision.NO_GO or (
            gate.decision is Decision.INCONCLUSIVE and not is_repeated
        )
        if in_watch and holds:
            found.append(_breach(gate, state, words))
    return found


def _breach(gate: GateState, state: RolloutState, words: PlanWords) -> BreachView:
    said = words.gate(gate.gate)
    blocking = []
    for name, check in gate.checks.items():
        about = said.check(name)
        mark = marks.of_check(
            check.verdict,
            shadow=about.shadow,
            waived=bool(applied_waiver(gate, name, state)),
            samples=check.tally.taken,
        )
        if mark in {marks.FAIL, marks.UNKN}:
            why = plain(check.reason or check.latest_reason)
            title = _LOOKED if name == SOAK_COVERAGE else about.title or name
            blocking.append((plain(title), why, plain(about.if_it_fails)))
    return BreachView(
        gate=gate.gate,
        title="how much was watched" if gate.gate == SOAK_COVERAGE else plain(said.title),
        moment=gate.moment,
        word=marks.of_gate(gate.decision).word,
        decided_at=gate.decided_at,
        checks=blocking,
        meaning=_TOO_LITTLE if gate.gate == SOAK_COVERAGE else _HOLDS,
    )
