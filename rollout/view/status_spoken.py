"""A status for ears: the same as its lines, in sentences that name their parts."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.view.marks import MARKS, Mark
from rollout.view.model import CheckView, FindingView, GateView, PhaseView, StatusView
from rollout.view.sections import Marked, Prose, Rows, Section, spoken
from rollout.view.status_text import (
    MOST_RUNS,
    also_possible,
    decision_word,
    gate_name,
    header_words,
    rollback_lines,
    run_words,
    step_words,
)
from rollout.view.text import instant

_WIDE = 1000
"""Columns, so that no sentence is broken."""


def status_spoken(view: StatusView) -> list[str]:
    """For screen readers: no drawing, no columns, nothing cut."""
    return spoken(_sections(view))


def _sections(view: StatusView) -> Iterator[Section]:
    title, said = header_words(view)
    yield Prose(lines=[title])
    yield Marked(rows=[(MARKS[view.word], said)])
    yield Prose(lines=[view.reason])
    rows = [(MARKS[p.word], _phase(n, p)) for n, p in enumerate(view.phases, 1)]
    yield Marked("Phases", rows)
    yield Marked(
        "Under way",
        [
            *((MARKS[step.word], step_words(step)) for step in view.steps),
            *((MARKS[run.word], run_words(run)) for run in view.runs[-MOST_RUNS:]),
        ],
    )
    for gate in view.gates:
        yield from _gate(gate)
    findings = [_finding(finding) for finding in view.findings]
    yield Prose(f"Open findings: {len(findings)}", findings)
    if view.rollback is not None:
        first, *rest = rollback_lines(view.rollback, _WIDE, ascii_only=True)
        word = MARKS[view.rollback.word]
        yield Marked("Rollback", [(word, first.removeprefix(word.shown(ascii_only=True)))])
        yield Prose(lines=rest)
    yield from _choices(view)
    newest = [(f"#{e.seq}", instant(e.at), e.actor, e.text) for e in view.newest]
    yield Rows("Newest events", ("", "at", "by", ""), newest)


def _phase(number: int, phase: PhaseView) -> str:
    again = f", attempt {phase.attempt}" if phase.attempt > 1 else ""
    steps = f", {phase.steps_done} of {phase.steps_total} steps" if phase.steps_total else ""
    since = f", since {instant(phase.since)}" if phase.stage != "pending" else ""
    return f"phase {number} {phase.id}, {phase.title}: {phase.in_words()}{again}{steps}{since}"


def _gate(gate: GateView) -> Iterator[Section]:
    met = sum(check.word == "PASS" for check in gate.checks)
    said = (
        f"{gate_name(gate)}: {decision_word(gate)}, {met} of {len(gate.checks)} pass. {gate.title}"
    )
    yield Marked("Gate", [(MARKS[gate.word], said), *map(_check, gate.checks)])


def _check(check: CheckView) -> tuple[Mark, str]:
    why = f"waived: {check.waived_by}" if check.waived_by else check.reason
    return MARKS[check.word], f"check {check.id}: {why or check.title}"


def _finding(finding: FindingView) -> str:
    due = f", due {instant(finding.due_at)}" if finding.due_at else ""
    return f"{finding.severity} {finding.check} of {finding.owner}{due}: {finding.title}"


def _choices(view: StatusView) -> Iterator[Section]:
    awaited = [c for c in view.next if c.awaited]
    rows = [(c.action.replace("_", " "), c.subject, " or ".join(c.roles), c.why) for c in awaited]
    yield Rows("Waits for a person", ("", "about", "by", ""), rows)
    yield Prose(lines=[also_possible(view)])
