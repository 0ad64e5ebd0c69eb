"""A rollback's preview as lines of text: the command prints them, screens show the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from rollout.domain.durations import format_duration
from rollout.view.marks import FAIL, WAIT, WARN
from rollout.view.rollback_left import LeftView
from rollout.view.rollback_preview import RollbackPreview
from rollout.view.rollback_targets import RowClassView
from rollout.view.text import clip, instant, table, wrap


def rollback_preview_lines(
    view: RollbackPreview, width: int, *, ascii_only: bool = False
) -> list[str]:
    """What is undone, what stays, in which order, what it costs, how it is said; at most `width`
    columns a line."""
    lines: list[str] = []
    for part in (
        _head(view, width, ascii_only=ascii_only),
        _rows(view, width, ascii_only=ascii_only),
        _left(view, width, ascii_only=ascii_only),
        _stays(view, width),
        _steps(view, width, ascii_only=ascii_only),
        _cost(view, width, ascii_only=ascii_only),
        _say(view, width),
    ):
        found = list(part)
        if found:
            lines += [*([""] if lines else []), *found]
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def _head(view: RollbackPreview, width: int, *, ascii_only: bool) -> Iterator[str]:
    mark = (FAIL if view.refused else WARN).shown(ascii_only=ascii_only)
    what = "of everything" if not view.scope else f"from {view.scope} on"
    yield f"{mark}  preview of a rollback {what}: {', '.join(view.phases)}"
    if view.refused:
        yield from wrap(f"not possible now: {view.refused}", width, "  ")
    for source, at in {target.source: target.looked_at for target in view.targets}.items():
        looked = f"looked at {instant(at)}: " if at is not None else ""
        yield from wrap(f"{looked}{source}", width, "  ")


def _rows(view: RollbackPreview, width: int, *, ascii_only: bool) -> Iterator[str]:
    """Of each target, and of all together; of the only one once."""
    if len(view.targets) == 1:
        yield from _table("Rows", view.classes, width, ascii_only=ascii_only)
        return
    for target in view.targets:
        yield from _table(f"Rows of {target.target}", target.classes, width, ascii_only=ascii_only)
    title = f"Rows of all {len(view.targets)} targets"
    yield from _table(title, view.classes, width, ascii_only=ascii_only)


def _table(
    title: str, classes: Sequence[RowClassView], width: int, *, ascii_only: bool
) -> Iterator[str]:
    yield title
    rows = [[_count(c), c.name.replace("_", " "), c.means] for c in classes]
    size = max((len(row[0]) for row in rows), default=0)
    aligned = [[count.rjust(size), *rest] for count, *rest in rows]
    yield from (f"  {line}" for line in table(aligned, width - 2, ascii_only=ascii_only))


def _count(row: RowClassView) -> str:
    if row.rows is None:
        return "?"
    return f"<= {row.rows:,}" if row.at_most else f"{row.rows:,}"


def _left(view: RollbackPreview, width: int, *, ascii_only: bool) -> Iterator[str]:
    for target in view.targets:
        if not target.left_rows:
            continue
        of = f" of {target.target}" if len(view.targets) > 1 else ""
        shown = "" if len(target.left) == target.left_rows else f", the first {len(target.left)}"
        yield f"Rows{of} that stay as they are: {target.left_rows:,}{shown}"
        for row in target.left:
            yield from _row(row, width, ascii_only=ascii_only)


def _row(row: LeftView, width: int, *, ascii_only: bool) -> Iterator[str]:
    by = f" by {row.by} at {row.at}" if row.by else ""
    yield f"  {row.key}: {row.why}{by}"
    if row.values:
        heads = ["field", "baseline", "we wrote", "now"]
        cells = [heads, *([v.field, v.baseline, v.written, v.now] for v in row.values)]
        narrow = [
            [clip(c, max(width // 4 - 3, 6), ascii_only=ascii_only) for c in r] for r in cells
        ]
        yield from (f"    {line}" for line in table(narrow, width - 4, ascii_only=ascii_only))


def _stays(view: RollbackPreview, width: int) -> Iterator[str]:
    if view.stays:
        yield "What cannot be undone"
    for said in view.stays:
        first, *rest = wrap(said, width, "    ")
        yield f"  - {first.lstrip()}"
        yield from rest


def _steps(view: RollbackPreview, width: int, *, ascii_only: bool) -> Iterator[str]:
    yield "In this order"
    if view.runs:
        wait = WAIT.shown(ascii_only=ascii_only)
        yield from (f"  {wait}  {said}" for said in view.runs)
    rows = [[f"{s.number:>3}", s.place, s.step, s.what] for s in view.steps]
    yield from (f"  {line}" for line in table(rows, width - 2, ascii_only=ascii_only))
    for title in view.proof:
        yield from wrap(f"then the gate must say go: {title}", width, "  ")


def _cost(view: RollbackPreview, width: int, *, ascii_only: bool) -> Iterator[str]:
    limit = f"; the plan allows {view.within}" if view.within else ""
    about = format_duration(timedelta(seconds=round(view.seconds)))
    yield f"Cost: {view.calls:,} API calls, about {about}{limit}"
    rows = [[f"{c.calls:>6,}", c.what, _seconds(c.seconds)] for c in view.costs]
    if len(view.targets) > 1:
        rows += [
            [f"{t.calls:>6,}", f"of them for {t.target}", _seconds(t.seconds)] for t in view.targets
        ]
    yield from (f"  {line}" for line in table(rows, width - 2, ascii_only=ascii_only))
    yield from wrap(f"assumed: {view.assumed}", width, "  ")


def _seconds(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds)))


def _say(view: RollbackPreview, width: int) -> Iterator[str]:
    if not view.refused:
        yield from wrap(f"To do it: {view.command}", width)
