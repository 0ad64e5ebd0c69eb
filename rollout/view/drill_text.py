"""A drill in words: a table of the faults, then what is not guarded, who stands alone, who never
noticed anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from rollout.domain.durations import format_duration
from rollout.rehearsal.drill.matrix import confirmed, never_asked, never_noticing
from rollout.rehearsal.drill.results import CheckResult, Drill, FaultResult
from rollout.view import marks
from rollout.view.drill_list import WIDEST
from rollout.view.text import clip, figure, pad, plain, wrap

_AFTER, _ROWS, _BACK = 12, 12, 10
"""Columns of a table's figures."""

_BACK_WORDS = {True: "yes", False: "no", None: "-"}


def drill_lines(drill: Drill, width: int, *, ascii_only: bool = False) -> list[str]:
    """At most 80 columns a line, less on a narrower terminal."""
    width = min(width, WIDEST)
    lines = [*_table(drill, width, ascii_only=ascii_only), ""]
    for paragraph in _paragraphs(drill):
        lines += _hanging(paragraph, width)
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def said_of(fault: FaultResult) -> str:
    """One line on one fault."""
    return f"{fault.id}: {_what_came(fault)}"


def _table(drill: Drill, width: int, *, ascii_only: bool) -> Iterator[str]:
    left = width - _AFTER - _ROWS - _BACK
    yield _row("        fault", ("after", "wrong rows", "put back"), left, ascii_only=ascii_only)
    for fault in drill.faults:
        mark = mark_of(fault).shown(ascii_only=ascii_only)
        after = "-" if fault.after_s is None else _duration(fault.after_s)
        rows = "-" if fault.wrong_rows is None else figure(fault.wrong_rows)
        figures = (after, rows, _BACK_WORDS[fault.restored])
        yield _row(f"{mark}  {plain(fault.id)}", figures, left, ascii_only=ascii_only)
        yield from wrap(plain(fault.title), width, "        ")
        yield from wrap(_what_came(fault), width, "        ")


def _row(start: str, figures: Sequence[str], left: int, *, ascii_only: bool) -> str:
    cells = "".join(
        f"{text:>{size}}" for text, size in zip(figures, (_AFTER, _ROWS, _BACK), strict=True)
    )
    return pad(start, left, ascii_only=ascii_only) + cells if left > 8 else start


def mark_of(fault: FaultResult) -> marks.Mark:
    """FAIL is for what had to be noticed and was not, UNKN for a rehearsal that broke."""
    if fault.came == "failed":
        return marks.UNKN
    if fault.detected:
        return marks.PASS if fault.must_be_noticed else marks.WARN
    if fault.must_be_noticed or fault.came == "unnoticed":
        return marks.FAIL
    if fault.came == "survived":
        return marks.WARN if fault.wrong_rows else marks.PASS
    return marks.SKIP


def _what_came(fault: FaultResult) -> str:
    if fault.came == "noticed":
        said = f"noticed by {fault.check} in gate {fault.gate} of {fault.phase}"
        also = f", and by {len(fault.also)} more" if fault.also else ", alone"
        return plain(said + also + ("" if fault.must_be_noticed else _NEEDLESS))
    if fault.came == "stopped_by_step":
        needless = "" if fault.must_be_noticed else _NEEDLESS
        return plain(f"stopped by step {fault.step} of {fault.phase}, before any gate{needless}")
    return {
        "survived": "nothing to notice: survived",
        "unnoticed": f"noticed by nobody; it ended {fault.outcome.replace('_', ' ')}",
        "never_happened": "never happened: its moment did not come",
        "mends": "nothing to notice: it mends",
        "failed": f"the rehearsal broke: {plain(fault.error)}",
    }[fault.came]


_NEEDLESS = "; the rollout should have lived with it"


def _paragraphs(drill: Drill) -> Iterator[str]:
    noticed = sum(f.detected and f.must_be_noticed for f in drill.faults)
    yield f"Noticed: {noticed} of {drill.to_notice} that had to be, {drill.detected} of {drill.total} in all."
    if drill.missed:
        yield f"Unguarded: no gate notices {_listed(drill.missed)}."
    if drill.failed:
        yield f"Not rehearsed to an end: {_listed(drill.failed)}."
    survived = [f.id for f in drill.faults if f.came == "survived"]
    if survived:
        yield f"Nothing to notice, survived: {_listed(survived)}."
    for fault in drill.faults:
        if fault.came == "survived" and fault.wrong_rows:
            rows = figure(fault.wrong_rows)
            yield f"Survived, but not as if nothing had been: {fault.id} leaves {rows} rows wrong."
    yield from _undisturbed(drill)
    yield from _checks(drill)


def _undisturbed(drill: Drill) -> Iterator[str]:
    for one in drill.undisturbed:
        who = _listed([plain(name) for name in one.scenarios])
        if one.stopped_by:
            yield (
                f"Without any fault the rehearsal of {who} is stopped too, by "
                f"{_listed(one.stopped_by)}: what happens after that proves nothing."
            )


def _checks(drill: Drill) -> Iterator[str]:
    for check in drill.checks:
        if check.sole_guard_of:
            yield f"Sole guard: {check.id} of {_listed(check.sole_guard_of)}."
    never, unasked = never_noticing(drill.checks), never_asked(drill.checks)
    if never:
        yield f"Never noticed anything, though asked: {_listed(_ids(never))}."
    people = confirmed(drill.checks)
    if people:
        yield f"Confirmed by scripted people, who say yes: {_listed(_ids(people))}."
    if unasked:
        yield f"Not asked after any of these faults: {_listed(_ids(unasked))}."


def _ids(checks: Sequence[CheckResult]) -> list[str]:
    return [check.id for check in checks]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(plain(name) for name in names)


def _hanging(text: str, width: int) -> list[str]:
    first, *rest = wrap(text, width - 2)
    return [first, *(f"  {line}" for line in rest)]


def _duration(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds)))
