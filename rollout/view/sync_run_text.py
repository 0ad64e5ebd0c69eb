"""One sync and its runs as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rollout.view.marks import FAIL, MARKS, PASS, TODO, WARN, Mark
from rollout.view.model import RunView
from rollout.view.progress_text import progress_words, span
from rollout.view.sections import Drawing, Marked, Prose, Rows, Section, drawn, spoken
from rollout.view.sparkline import sparkline
from rollout.view.status_text import bar
from rollout.view.sync_limits import BreakerView, ExpectedView
from rollout.view.sync_run import CurrentRunView, PastRunView, SyncRunView
from rollout.view.text import figure, instant, to_minute

MOST_RUNS = 12
_WIDEST_BAR = 60
_NEAR = 0.5
"""Share of the way to a brake from which it is worth a warning."""


def sync_run_lines(view: SyncRunView, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line."""
    return drawn(_sections(view, width, ascii_only=ascii_only), width, ascii_only=ascii_only)


def sync_run_part(
    view: SyncRunView, part: str, width: int, *, ascii_only: bool = False
) -> list[str]:
    """One of `PARTS` alone, for a screen that sets them side by side."""
    sections = PARTS[part](view, width, ascii_only)
    return drawn(sections, width, ascii_only=ascii_only)


def sync_run_spoken(view: SyncRunView) -> list[str]:
    """For screen readers."""
    return spoken(_sections(view, 80, ascii_only=True))


def _sections(view: SyncRunView, width: int, *, ascii_only: bool) -> Iterator[Section]:
    for part in PARTS.values():
        yield from part(view, width, ascii_only)


def _state_part(view: SyncRunView, _width: int, _ascii: bool) -> Iterator[Section]:
    yield Prose(lines=[_title(view)])
    yield Marked(rows=[(MARKS[view.state.word], _state(view))])
    yield Prose(lines=list(_about(view)))


def _run_part(view: SyncRunView, width: int, ascii_only: bool) -> Iterator[Section]:
    current = view.current
    if current is None:
        return
    again = f", attempt {current.attempt}" if current.attempt > 1 else ""
    place = f"{current.step} of {current.phase}{again}"
    number = f"Run {current.run.run_id}: " if current.run else ""
    yield Prose(f"{number}{current.title} ({place})", list(_how_far(current)))
    yield Drawing(list(_pictures(current, width, ascii_only=ascii_only)))


def _limits_part(view: SyncRunView, _width: int, _ascii: bool) -> Iterator[Section]:
    current = view.current
    if current is not None:
        yield Rows("Brakes", ["", "", "is", "stops the run at", ""], list(_brakes(current)))
        yield Rows("Expected", ["", "", "is", "must be"], [_expected(e) for e in current.expected])


def _rejects_part(view: SyncRunView, _width: int, _ascii: bool) -> Iterator[Section]:
    rejects = view.current.rejects if view.current is not None else None
    if rejects is None or not (rejects.failed or rejects.invalid):
        return
    heading = f"Rejected rows: {rejects.failed:,} failed, {rejects.invalid:,} invalid"
    told = [[figure(r.count), r.reason] for r in rejects.reasons]
    yield Rows(heading, ["", "for the reason"], told)
    if rejects.why_unknown:
        yield Prose("" if rejects.reasons else heading, [rejects.why_unknown])


def _runs_part(view: SyncRunView, _width: int, _ascii: bool) -> Iterator[Section]:
    yield from _runs(view)
    if view.other_syncs:
        said = ", ".join(f"{name} {state}" for name, state in view.other_syncs)
        yield Prose("Other syncs", [said])


Part = Callable[[SyncRunView, int, bool], Iterator[Section]]

PARTS: dict[str, Part] = {
    "state": _state_part,
    "run": _run_part,
    "limits": _limits_part,
    "rejects": _rejects_part,
    "runs": _runs_part,
}
"""The picture in its order."""


def _title(view: SyncRunView) -> str:
    named = [view.sync if view.sync != view.title else "", str(view.number or ""), view.operation]
    about = ", ".join(part for part in named if part)
    return f"{view.title} ({about})" if about else view.title


def _state(view: SyncRunView) -> str:
    since = f"since {instant(view.state.since)}" if view.state.since else ""
    note = ": ".join(part for part in (since, view.state.note) if part)
    return f"{view.state.said()} {note}" if note else view.state.said()


def _about(view: SyncRunView) -> Iterator[str]:
    if view.source or view.target:
        yield f"from {view.source} to {view.target}"
    paused = ["the sync is paused"] if view.is_paused else []
    set_to = [f"schedule as this rollout set it: {view.schedule}"] if view.schedule else []
    if paused or set_to:
        yield "; ".join([*paused, *set_to])
    if view.current is None:
        yield "No step of this rollout has run it yet."


def _how_far(current: CurrentRunView) -> Iterator[str]:
    run, progress = current.run, current.progress
    if run is None:
        waits = f"; it may only in its window: {current.window}" if current.window else ""
        yield f"not triggered yet{waits}"
        return
    yield progress_words(progress) if run.processed is not None else f"{run.status}, no counts yet"
    times = [f"began {instant(current.started_at)}"]
    if current.ended_at is not None:
        times.append(f"ended {instant(current.ended_at)}")
    if current.started_at is not None and progress.pace == "over" and current.ended_at is not None:
        took = (current.ended_at - current.started_at).total_seconds()
        times.append(f"took {span(took)}")
    elif progress.pace != "over":
        times.append(f"newest count {span(progress.quiet_s)} ago")
    yield ", ".join(times)
    counts = _counts(run)
    if counts:
        yield counts


def _counts(run: RunView) -> str:
    known = (("accepted", run.updated), ("failed", run.failed), ("invalid", run.invalid))
    return ", ".join(f"{figure(count)} {name}" for name, count in known if count is not None)


def _pictures(current: CurrentRunView, width: int, *, ascii_only: bool) -> Iterator[str]:
    progress = current.progress
    if progress.share is not None:
        room = max(min(_WIDEST_BAR, width - 10), 4)
        yield f"  {bar(progress.share, room, ascii_only=ascii_only)} {progress.share:4.0%}"
    if len(progress.rates) > 1:
        label = "  rows/s "
        line = sparkline(progress.rates, width - len(label), low=0, ascii_only=ascii_only)
        yield f"{label}{line}"


def _brakes(current: CurrentRunView) -> Iterator[list[str | Mark]]:
    for brake in current.breakers:
        yield [_brake_mark(brake), brake.metric, brake.observed, brake.stop_if, _used(brake)]


def _brake_mark(brake: BreakerView) -> Mark:
    if brake.has_tripped:
        return FAIL
    if not brake.is_armed:
        return TODO
    return WARN if brake.share is not None and brake.share >= _NEAR else PASS


def _used(brake: BreakerView) -> str:
    if brake.has_tripped:
        return "it stopped the run"
    if not brake.is_armed:
        return f"from {brake.armed_from:,} rows on" if brake.armed_from else "not yet"
    return f"{brake.share:.0%} of the way" if brake.share is not None else ""


def _expected(found: ExpectedView) -> list[str | Mark]:
    mark = {True: PASS, False: FAIL, None: TODO}[found.met]
    return [mark, found.metric, found.observed, found.required]


def _runs(view: SyncRunView) -> Iterator[Section]:
    shown = view.runs[:MOST_RUNS]
    heading = f"Runs seen: {len(view.runs):,}"
    strangers = sum(not past.run.ours for past in view.runs)
    if strangers:
        heading += f", of which {strangers:,} were somebody else's"
    if len(view.runs) > len(shown):
        heading += f"; the newest {len(shown)}"
    columns = ["", "run", "", "in", "began", "took", ""]
    yield Rows(heading, columns, [_past(past) for past in shown])


def _past(past: PastRunView) -> list[str | Mark]:
    run = past.run
    rows = f"{figure(run.processed)} rows" if run.processed is not None else "no counts yet"
    refused = ((run.failed, "failed"), (run.invalid, "invalid"))
    return [
        MARKS[run.word],
        str(run.run_id),
        "ours" if run.ours else "not ours",
        run.phase,
        to_minute(past.started_at),
        span(past.took_s) if past.took_s is not None else run.status,
        ", ".join([rows, *(f"{figure(count)} {name}" for count, name in refused if count)]),
    ]
