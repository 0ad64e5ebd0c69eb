"""A status as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rollout.reports.wording import moment_in_words
from rollout.view.gates import WORST_FIRST
from rollout.view.marks import MARKS
from rollout.view.model import (
    CheckView,
    EventView,
    GateView,
    PhaseView,
    RollbackView,
    RunView,
    StatusView,
    StepView,
)
from rollout.view.text import clip, figure, instant, table, wrap

MOST_RUNS = 5
MOST_FINDINGS = 10
MOST_REMAINING = 10


def status_lines(view: StatusView, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line."""
    lines: list[str] = []
    for part in (
        _header(view, ascii_only=ascii_only),
        _phases(view.phases, width, ascii_only=ascii_only),
        under_way_lines(view, ascii_only=ascii_only),
        *(gate_summary(gate, width, ascii_only=ascii_only) for gate in view.gates),
        _findings(view),
        rollback_lines(view.rollback, width, ascii_only=ascii_only),
        choice_lines(view, width, ascii_only=ascii_only),
        event_rows(view.newest, width, ascii_only=ascii_only),
    ):
        found = list(part)
        if found:
            lines += [*([""] if lines else []), *found]
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def live_lines(
    view: StatusView, now: datetime, width: int, *, ascii_only: bool = False
) -> list[str]:
    """The picture of a rollout that is being watched at `now`: bar, phases, running, gates."""
    passed = sum(p.is_passed for p in view.phases)
    share = passed / len(view.phases) if view.phases else 0.0
    lines = [
        f"{view.title}  {instant(now)}  {view.events:,} events",
        f"{bar(share, min(40, width - 20), ascii_only=ascii_only)}  {passed}/{len(view.phases)} phases",
        "",
        *_phases(view.phases, width, ascii_only=ascii_only),
        *under_way_lines(view, ascii_only=ascii_only),
    ]
    for gate in view.gates[-2:]:
        lines += ["", *gate_summary(gate, width, ascii_only=ascii_only)]
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def bar(share: float, width: int, *, ascii_only: bool = False) -> str:
    """A bar of `width` columns, `share` of it full.

    >>> bar(0.5, 4), bar(0.5, 4, ascii_only=True)
    ('━━──', '##..')
    """
    width = max(width, 1)
    full = min(max(round(share * width), 0), width)
    done, left = ("#", ".") if ascii_only else ("━", "─")
    return done * full + left * (width - full)


def header_words(view: StatusView) -> tuple[str, str]:
    """Which rollout of which plan, and how it stands."""
    of = f", scenario {view.scenario}" if view.scenario else ""
    plan = f"plan {view.plan_sha256[:12]}"
    if view.plan_number > 1:
        plan += f" (number {view.plan_number}, since #{view.plan_since_seq})"
    said = (view.outcome or view.status).replace("_", " ")
    return (
        f"{view.title}  ({view.rollout}, {plan}, {view.profile}{of})",
        f"{said} at {instant(view.at)}, {view.events:,} events, head {view.head[:12]}",
    )


def _header(view: StatusView, *, ascii_only: bool) -> Iterator[str]:
    title, said = header_words(view)
    yield title
    yield f"{MARKS[view.word].shown(ascii_only=ascii_only)}  {said}"
    if view.reason:
        yield f"  {view.reason}"


def _phases(phases: Sequence[PhaseView], width: int, *, ascii_only: bool) -> list[str]:
    rows = [
        [
            MARKS[p.word].shown(ascii_only=ascii_only),
            f"{n} {p.id}",
            p.in_words() + (f", attempt {p.attempt}" if p.attempt > 1 else ""),
            f"{p.steps_done}/{p.steps_total} steps" if p.steps_total else "",
            "" if p.stage == "pending" else instant(p.since),
            p.title,
        ]
        for n, p in enumerate(phases, 1)
    ]
    return table(rows, width, ascii_only=ascii_only)


def under_way_lines(view: StatusView, *, ascii_only: bool) -> Iterator[str]:
    for step in view.steps:
        yield f"{MARKS[step.word].shown(ascii_only=ascii_only)}  {step_words(step)}"
    for run in view.runs[-MOST_RUNS:]:
        yield run_line(run, ascii_only=ascii_only)


def step_words(step: StepView) -> str:
    """Since when it is as it is, and why."""
    why = f": {step.reason}" if step.reason else ""
    return f"step {step.step} {step.status} since {instant(step.since)}{why}"


def run_line(run: RunView, *, ascii_only: bool = False) -> str:
    """One sync run behind its mark."""
    return f"{MARKS[run.word].shown(ascii_only=ascii_only)}  {run_words(run)}"


def run_words(run: RunView) -> str:
    """One sync run: whose, how far, with what result."""
    whose = "run" if run.ours else "somebody else's run"
    counts = [
        f"{figure(count)} {name}"
        for name, count in (
            ("processed", run.processed),
            ("accepted", run.updated),
            ("failed", run.failed),
            ("invalid", run.invalid),
        )
        if count is not None
    ]
    share = f" ({run.share:.0%} of {run.source_rows:,})" if run.share is not None else ""
    said = ", ".join(counts) or "no counts yet"
    return f"{whose} {run.run_id} of {run.sync} {run.status}: {said}{share}"


def gate_name(gate: GateView) -> str:
    """The gate with its number, where stakeholders count it."""
    number = f"gate {gate.number}, " if gate.number is not None else "gate "
    again = f", round {gate.round}" if gate.round > 1 else ""
    place = gate.phase if gate.attempt == 1 else f"{gate.phase} attempt {gate.attempt}"
    return f"{number}{gate.gate} ({place}, {moment_in_words(gate.moment)}{again})"


def decision_word(gate: GateView) -> str:
    """GO, NO-GO, INCONCLUSIVE, or NOT DECIDED; and whether that counts no more."""
    void = ", void since the plan changed" if gate.void else ""
    if gate.decision is None:
        return f"NOT DECIDED{void}"
    return gate.decision.value.replace("_", "-").upper() + void


def gate_summary(gate: GateView, width: int, *, ascii_only: bool) -> Iterator[str]:
    mark = MARKS[gate.word].shown(ascii_only=ascii_only)
    met = sum(c.word == "PASS" for c in gate.checks)
    yield f"{mark}  {gate_name(gate)}: {decision_word(gate)}, {met}/{len(gate.checks)} pass"
    yield f"  {gate.title}"
    telling = sorted(gate.checks, key=lambda c: WORST_FIRST[c.word])
    yield from (
        f"  {line}"
        for line in table(
            [_check(c, ascii_only=ascii_only) for c in telling], width - 2, ascii_only=ascii_only
        )
    )


def _check(check: CheckView, *, ascii_only: bool) -> list[str]:
    mark = MARKS[check.word].shown(ascii_only=ascii_only)
    why = f"waived: {check.waived_by}" if check.waived_by else check.reason
    return [mark, check.id, why or check.title]


def _findings(view: StatusView) -> Iterator[str]:
    if view.findings:
        yield f"Open findings: {len(view.findings)}"
    for finding in view.findings[:MOST_FINDINGS]:
        due = f", due {instant(finding.due_at)}" if finding.due_at else ""
        yield f"  {finding.severity} {finding.check} ({finding.owner}{due}): {finding.title}"


def rollback_lines(
    told: RollbackView | None, width: int, *, ascii_only: bool = False
) -> Iterator[str]:
    """How the newest rollback came out; of one that failed what is left, and how to go on."""
    if told is None:
        return
    mark = MARKS[told.word].shown(ascii_only=ascii_only)
    of = "everything" if not told.scope else f"everything since {told.scope}"
    proven = "proven by its gates" if told.verified else "not finished or not proven"
    yield f"{mark}  rollback of {of} ({told.phase}): {proven}"
    rows = {
        "given back": told.restored_rows,
        "deleted": told.deleted_rows,
        "left as others made them": told.left_rows,
    }
    yield "  rows: " + ", ".join(f"{count:,} {name}" for name, count in rows.items())
    if told.remaining_rows:
        yield f"  still to be put right: {told.remaining_rows:,} rows"
    for said in told.remaining[:MOST_REMAINING]:
        yield from wrap(f"left: {said}", width, "  ")
    hidden = len(told.remaining) - MOST_REMAINING
    if hidden > 0:
        yield f"  and {hidden} more, in the log"
    if told.go_on:
        yield from wrap(f"to go on: {told.go_on}", width, "  ")


def choice_lines(view: StatusView, width: int, *, ascii_only: bool) -> Iterator[str]:
    awaited = [c for c in view.next if c.awaited]
    if awaited:
        yield "Waits for a person"
        rows = [[c.action, c.subject, " or ".join(c.roles), c.why] for c in awaited]
        yield from (f"  {line}" for line in table(rows, width - 2, ascii_only=ascii_only))
    others = also_possible(view)
    if others:
        yield from wrap(others, width)


def also_possible(view: StatusView) -> str:
    """What a person may do though nothing waits for it; empty when there is nothing."""
    others = [c.action.replace("_", " ") for c in view.next if not c.awaited]
    return f"Also possible: {', '.join(dict.fromkeys(others))}" if others else ""


def event_rows(events: Sequence[EventView], width: int, *, ascii_only: bool) -> list[str]:
    """Newest last, the sentence cut at the edge."""
    rows = [[f"#{e.seq}", instant(e.at), e.actor, e.text] for e in events]
    return table(rows, width, ascii_only=ascii_only)
