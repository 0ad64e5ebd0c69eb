"""A watch as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from rollout.reports.wording import moment_in_words
from rollout.view.marks import MARKS, Mark
from rollout.view.monitor_metrics import MetricView
from rollout.view.monitor_model import BreachView, CheckpointView, MonitorView, SeriesView
from rollout.view.progress_text import span
from rollout.view.sections import Drawing, Marked, Prose, Rows, Section, drawn, spoken
from rollout.view.soak_slots import DOUBT, GO, LATE, MISSED, NO_GO, NOW, OF_LOOK, TODO
from rollout.view.sparkline import sparkline
from rollout.view.status_text import bar
from rollout.view.text import clip, instant, pad, to_minute

MOST_METRICS = 24
_WIDEST_BAR = 60
_WIDEST_CURVE, _NARROWEST_CURVE = 40, 6
_MOST_ROWS = 4
"""Lines that the looks of one gate may take; more looks than fit there share a character."""

_WORST_FIRST = (NO_GO, DOUBT, MISSED, LATE, NOW, GO, TODO)
_LEGEND = (
    (GO, "go"),
    (NO_GO, "no-go"),
    (DOUBT, "inconclusive"),
    (MISSED, "missed"),
    (NOW, "under way"),
    (LATE, "due"),
    (TODO, "to come"),
)
_WORST_METRIC = ("FAIL", "UNKN", "WARN", "PASS")


def monitor_lines(view: MonitorView, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most `width` columns a line."""
    return drawn(_sections(view, width, ascii_only=ascii_only), width, ascii_only=ascii_only)


def monitor_part(
    view: MonitorView, part: str, width: int, *, ascii_only: bool = False
) -> list[str]:
    """One of `PARTS` alone, for a screen that sets them side by side."""
    return drawn(PARTS[part](view, width, ascii_only), width, ascii_only=ascii_only)


def monitor_spoken(view: MonitorView) -> list[str]:
    """For screen readers."""
    return spoken(_sections(view, 80, ascii_only=True))


def _sections(view: MonitorView, width: int, *, ascii_only: bool) -> Iterator[Section]:
    for part in PARTS.values():
        yield from part(view, width, ascii_only)


def _watch_part(view: MonitorView, width: int, ascii_only: bool) -> Iterator[Section]:
    if not view.phase:
        yield Prose(lines=[f"Nothing to watch: {view.reason}."])
        return
    again = f", attempt {view.attempt}" if view.attempt > 1 else ""
    yield Prose(lines=[f"{view.title} ({view.phase}{again})"])
    yield Marked(rows=[(MARKS[view.word], f"{view.watch}  {_countdown(view)}")])
    if view.share is not None:
        room = max(min(_WIDEST_BAR, width - 8), 4)
        yield Drawing([f"{bar(view.share, room, ascii_only=ascii_only)} {view.share:4.0%}"])
    yield from _breaches(view)
    yield from _coverage(view)


def _gates_part(view: MonitorView, _width: int, _ascii: bool) -> Iterator[Section]:
    yield Rows("Checkpoints", ["", "", "gate", ""], [_checkpoint(c) for c in view.checkpoints])
    yield Rows("Asked again and again", ["", "", "gate", ""], [_series(s) for s in view.repeated])


def _countdown(view: MonitorView) -> str:
    if view.started_at is None:
        return f"it lasts {span(view.lasts_s)}, once the phase has done its steps"
    if view.watch == "COUNTING" and view.left_s is not None:
        return f"{span(view.left_s)} left, until {instant(view.ends_at)}"
    ended = f"{to_minute(view.started_at)} to {to_minute(view.ends_at)}"
    return ": ".join(part for part in (ended, view.reason) if part)


def _breaches(view: MonitorView) -> Iterator[Section]:
    for breach in view.breaches:
        yield Marked("Breach", [(MARKS[breach.word], _breach_name(breach))])
        for title, why, then in breach.checks:
            yield Prose(lines=[f"{title}: {why}", *([f"then: {then}"] if then else [])])
    for meaning in dict.fromkeys(breach.meaning for breach in view.breaches):
        yield Prose(lines=[meaning])


def _breach_name(breach: BreachView) -> str:
    when = instant(breach.decided_at)
    return f"{breach.gate} {moment_in_words(breach.moment)}, at {when}: {breach.title}"


def _coverage(view: MonitorView) -> Iterator[Section]:
    found = view.coverage
    if found is None:
        return
    share = f" ({found.share:.0%})" if found.share is not None else ""
    said = [
        f"{found.answered:,} of {found.settled:,} looks so far came to an answer{share}",
        f"{found.minimum_text} of all {found.expected:,} are needed",
    ]
    if found.best is not None and found.word != "PASS":
        said.append(f"at best it will be {found.best:.1%}")
    yield Marked("Coverage", [(MARKS[found.word], "; ".join(said))])


def _checkpoint(found: CheckpointView) -> list[str | Mark]:
    if found.due_at is None:
        when = "once the watch has begun"
    elif found.decided_at is not None:
        when = f"decided {to_minute(found.decided_at)}"
    elif found.due_in_s is not None and found.due_in_s > 0:
        when = f"due {to_minute(found.due_at)}, in {span(found.due_in_s)}"
    else:
        when = f"due since {to_minute(found.due_at)}"
    parts = [when, found.title, found.reason]
    return [MARKS[found.word], found.age, found.gate, ": ".join(part for part in parts if part)]


def _series(found: SeriesView) -> list[str | Mark]:
    counts = (
        (found.go, "go"),
        (found.no_go, "no-go"),
        (found.inconclusive, "inconclusive"),
        (found.missed, "missed"),
    )
    said = [f"{count:,} {name}" for count, name in counts if count or name == "go"]
    if found.next_in_s is not None:
        said.append(f"next in {span(max(found.next_in_s, 1))}")
    told = ", ".join(said) if found.looks else "not begun"
    return [MARKS[found.word], f"every {found.every}", found.gate, f"{told}: {found.title}"]


def _looks_part(view: MonitorView, width: int, ascii_only: bool) -> Iterator[Section]:
    rows = [(s.gate, s.looks) for s in view.repeated if s.looks]
    if not rows:
        return
    name = min(max(len(gate) for gate, _ in rows), max(width // 4, 8))
    lines = ["", "Looks, oldest first"]
    for gate, looks in rows:
        label = clip(gate, name, ascii_only=ascii_only)
        for chunk in _chunks(looks, max(width - name - 4, 8)):
            drawn_looks = "".join(_glyph(look, ascii_only) for look in chunk)
            lines.append(f"  {pad(label, name)}  {drawn_looks}")
            label = ""
    used = {look for _, looks in rows for look in looks}
    legend = ", ".join(f"{_glyph(k, ascii_only)} {word}" for k, word in _LEGEND if k in used)
    yield Drawing([*lines, clip(f"  {legend}", width, ascii_only=ascii_only)])


def _chunks(looks: str, width: int) -> list[str]:
    """Lines of looks; of too many, each part shows its worst."""
    most = width * _MOST_ROWS
    if len(looks) > most:
        bounds = [len(looks) * n // most for n in range(most + 1)]
        looks = "".join(
            min(looks[start:end], key=_WORST_FIRST.index) for start, end in pairwise(bounds)
        )
    return [looks[start : start + width] for start in range(0, len(looks), width)]


def _glyph(look: str, ascii_only: bool) -> str:
    mark = OF_LOOK[look]
    if look == DOUBT:
        return "?"
    return mark.ascii if ascii_only else mark.glyph


def _figures_part(view: MonitorView, width: int, ascii_only: bool) -> Iterator[Section]:
    """One line a figure, the worst first, then those with a curve."""
    ranked = sorted(view.metrics, key=lambda m: (_WORST_METRIC.index(m.word), len(m.values) < 2))
    shown, more = ranked[:MOST_METRICS], len(ranked) - MOST_METRICS
    room = _room(shown, width)
    rows: list[list[str | Mark]] = [
        [MARKS[m.word], m.check, m.metric, m.observed, m.required, _curve(m, room, ascii_only)]
        for m in shown
    ]
    heading = f"Figures ({more} more)" if more > 0 else "Figures"
    yield Rows(heading, ["", "", "", "is", "must be", None], rows)


def _room(shown: Sequence[MetricView], width: int) -> int:
    """Columns that the other cells leave for a curve; none when they are too few to show one."""
    cap = width // 3
    names = ("check", "metric", "observed", "required")
    taken = [max((len(getattr(m, name)) for m in shown), default=0) for name in names]
    left = width - 2 - 8 - sum(min(size, cap) + 2 for size in taken)
    return min(left, _WIDEST_CURVE) if left >= _NARROWEST_CURVE else 0


def _curve(metric: MetricView, room: int, ascii_only: bool) -> str:
    if len(metric.values) < 2 or not room:
        return ""
    return sparkline(metric.values, room, low=metric.low, high=metric.high, ascii_only=ascii_only)


Part = Callable[[MonitorView, int, bool], Iterator[Section]]

PARTS: dict[str, Part] = {
    "watch": _watch_part,
    "gates": _gates_part,
    "looks": _looks_part,
    "figures": _figures_part,
}
"""The picture in its order."""
