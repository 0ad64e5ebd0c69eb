"""One check in full as sections: for eyes in columns, for ears in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rollout.view.check_detail import CheckDetail, HistoryRow
from rollout.view.link_state import ago
from rollout.view.marks import MARKS
from rollout.view.sections import Cell, Drawing, Marked, Prose, Rows, Section, drawn, spoken
from rollout.view.sparkline import sparkline
from rollout.view.text import clip, figure, instant, plain, wrap

_EVIDENCE = {
    "none": "nothing was measured yet",
    "unread": "the evidence is being read",
    "odd": "the evidence is not a sample: run `rollout verify`",
}


def evidence_lines(view: CheckDetail, width: int, *, ascii_only: bool = False) -> list[str]:
    """What was asked, observed, required, and by which query; at most `width` columns a line."""
    return drawn(
        evidence_sections(view, width, ascii_only=ascii_only), width, ascii_only=ascii_only
    )


def history_lines(view: CheckDetail, width: int, *, ascii_only: bool = False) -> list[str]:
    """How the check went before, newest first; at most `width` columns a line."""
    return drawn(history_sections(view, width, ascii_only=ascii_only), width, ascii_only=ascii_only)


def check_spoken(view: CheckDetail) -> list[str]:
    """The same for a screen reader."""
    return spoken([*evidence_sections(view, 80), *history_sections(view, 80)])


def evidence_sections(
    view: CheckDetail, width: int, *, ascii_only: bool = False
) -> Iterator[Section]:
    """Verdict and why, rulings, then the evidence itself."""
    row = view.row
    said = f"{row.title} ({row.id}, {view.kind}, {view.verdict})"
    yield Marked(rows=[(MARKS[row.word], said)])
    yield Prose(lines=[line for line in _about(view) if line])
    yield Rows(
        heading="Required",
        columns=["", "metric", "observed", "required", "margin"],
        rows=[[MARKS[r.word], r.metric, r.observed, r.required, r.margin] for r in row.rulings],
    )
    if view.evidence_state != "shown":
        yield Prose(heading="Evidence", lines=[_EVIDENCE[view.evidence_state]])
        return
    yield Prose(heading="Evidence", lines=[line for line in _origin(view) if line])
    yield Rows(
        heading="Values", columns=["metric", "value"], rows=[list(pair) for pair in view.values]
    )
    yield Drawing(lines=_sample(view, width, ascii_only=ascii_only))
    yield Drawing(lines=_query(view, width, ascii_only=ascii_only))


def _about(view: CheckDetail) -> Iterator[str]:
    row = view.row
    yield f"because: {row.reason}" if row.reason else ""
    yield f"waived: {row.waived_by}" if row.waived_by else ""
    yield "shown only: it does not decide" if row.shadow else ""
    if row.word in {"FAIL", "UNKN"} and row.if_it_fails:
        yield f"then: {row.if_it_fails}"
    yield f"{row.severity} of {row.owner}; {row.samples} sample{'' if row.samples == 1 else 's'}"


def _origin(view: CheckDetail) -> Iterator[str]:
    age = f", {ago(view.row.age_s)} ago" if view.row.age_s is not None else ""
    yield f"taken {instant(view.taken_at)}{age}"
    yield f"data as of {instant(view.as_of)}" if view.as_of else ""
    yield f"source {view.source}" if view.source else ""
    yield f"problem: {view.problem}" if view.problem else ""
    yield f"sha256 {view.row.evidence}" if view.row.evidence else ""


def _sample(view: CheckDetail, width: int, *, ascii_only: bool) -> list[str]:
    if not view.sample:
        return []
    lines = ["", f"Sample: {len(view.sample)} row{'' if len(view.sample) == 1 else 's'}"]
    for row in view.sample:
        said = ", ".join(f"{plain(name)} {figure(value)}" for name, value in row.items())
        lines.append(clip(f"  {said}", width, ascii_only=ascii_only))
    return lines


def _query(view: CheckDetail, width: int, *, ascii_only: bool) -> list[str]:
    if not view.query.strip():
        return []
    lines: list[str] = []
    for line in view.query.strip().splitlines():
        said = line.expandtabs(4).rstrip()
        indent = "  " + " " * min(len(said) - len(said.lstrip()), 20)
        lines += wrap(plain(said), width, indent)
    return ["", "Query", *(clip(line, width, ascii_only=ascii_only) for line in lines)]


def history_sections(
    view: CheckDetail, width: int, *, ascii_only: bool = False
) -> Iterator[Section]:
    """The telling metric as a curve, then every evaluation."""
    curve = sparkline(view.row.trend, max(width - 2, 1), ascii_only=ascii_only)
    if len(view.row.trend) > 1:
        name = view.row.telling.metric if view.row.telling is not None else view.row.name
        yield Drawing(
            lines=[clip(f"{name}, newest right", width, ascii_only=ascii_only), curve, ""]
        )
    yield Rows(
        columns=["", "at", "observed", "asked"],
        rows=[_history(row) for row in view.history],
    )
    if not view.history:
        yield Prose(lines=["it was not asked before"])


def _history(row: HistoryRow) -> Sequence[Cell]:
    again = f", round {row.round}" if row.round > 1 else ""
    place = row.phase if row.attempt == 1 else f"{row.phase} attempt {row.attempt}"
    mark = MARKS[row.word]
    return [mark, f"{row.at:%m-%d %H:%M:%S}", row.observed, f"{place} {row.moment}{again}"]
