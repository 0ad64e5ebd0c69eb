"""Findings as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from rollout.view.findings import FindingDetailView, FindingsView
from rollout.view.marks import MARKS
from rollout.view.progress_text import span
from rollout.view.sections import Marked, Prose, Section, drawn, spoken
from rollout.view.text import instant, to_minute

MOST_CLOSED = 50


def findings_lines(view: FindingsView, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line."""
    return drawn(finding_sections(view), width, ascii_only=ascii_only)


def findings_spoken(view: FindingsView) -> list[str]:
    """For screen readers."""
    return spoken(finding_sections(view))


def finding_sections(view: FindingsView) -> Iterator[Section]:
    """One section for the open ones, one for those that are closed."""
    if not view.open and not view.closed:
        yield Prose(lines=["No findings: no check has blocked anything so far."])
        return
    late = f", of which {view.overdue:,} are overdue" if view.overdue else ""
    if view.open:
        yield Marked(
            f"Open findings: {len(view.open):,}{late}",
            [(MARKS[f.word], _open(f)) for f in view.open],
        )
    else:
        yield Prose(lines=["No open findings."])
    shown = view.closed[:MOST_CLOSED]
    more = f"; the newest {len(shown)}" if len(view.closed) > len(shown) else ""
    rows = [(MARKS[f.word], _closed(f)) for f in shown]
    yield Marked(f"Closed findings: {len(view.closed):,}{more}", rows)


def due_words(finding: FindingDetailView) -> str:
    """`due 2026-01-06 20:00Z, in 1h`, or how long it is overdue."""
    if finding.due_at is None or finding.due_in_s is None:
        return "no due time"
    if finding.is_overdue:
        late = span(-finding.due_in_s)
        return f"due at once, for {late}" if finding.severity == "P0" else f"OVERDUE by {late}"
    return f"due {to_minute(finding.due_at)}, in {span(finding.due_in_s)}"


def _open(finding: FindingDetailView) -> str:
    detail = f" {finding.detail}" if finding.detail else ""
    place = _place(finding)
    return f"{finding.severity} {finding.title} [{finding.check}, {place}] {_whose(finding)}; {due_words(finding)}.{detail}"


def _closed(finding: FindingDetailView) -> str:
    why = f": {finding.closed_reason}" if finding.closed_reason else ""
    raised = instant(finding.raised_at)
    return (
        f"{finding.severity} {finding.title} [{finding.check}, {_place(finding)}] raised {raised}, "
        f"{finding.state} by {finding.closed_by or 'nobody named'}{why}"
    )


def _place(finding: FindingDetailView) -> str:
    again = f" attempt {finding.attempt}" if finding.attempt > 1 else ""
    return f"{finding.phase}{again}"


def _whose(finding: FindingDetailView) -> str:
    people = f" ({', '.join(finding.people)})" if finding.people else ""
    return f"{finding.owner.replace('_', ' ')}{people}"
