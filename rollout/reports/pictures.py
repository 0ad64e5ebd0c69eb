"""Where a picture says more than a figure: as data, that any form of report can draw or tell.

Three kinds: how a figure went over its samples, how shares by column stand before and after, how
far a run has come. Nothing is drawn for a figure that never moved: a sentence says that.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from rollout.domain.condition import Condition
from rollout.domain.evidence import Scalar
from rollout.domain.plan import CheckSpec, Plan
from rollout.domain.state import GateState
from rollout.reports.plain_words import condition_of, metric_in_words, observed_in_words
from rollout.reports.series import Sample, Seen

Picture = dict[str, Any]
"""JSON types only; `kind` is trend, steady, columns or run."""

Points = list[tuple[str, float]]
"""(instant, value), oldest first."""

FEWEST_SAMPLES = 3
"""From which on a line says more than the figures."""

MOST_POINTS = 160
"""Of a drawn line; a longer series is thinned without losing its extremes."""

MOST_LINES = 2
"""Pictures of one check's figures over time; those not met come first."""


SHARE = "match_rate_"
"""How kinds that compare name the share of a column that agrees."""

_ANY_SHARE = Condition.parse("<= 100 %")


def pictures_of(
    check: dict[str, Any], spec: CheckSpec | None, plan: Plan, gate: GateState, seen: Seen
) -> list[Picture]:
    """What can be drawn of a check of a gate report. Nothing after the gate's decision is used."""
    if spec is None:
        return []
    until = gate.decided_seq or sys.maxsize
    samples = seen.samples(_asking_the_same(plan, spec), until)
    found = [
        *_columns(check["rulings"], samples),
        *_lines(check["rulings"], samples),
    ]
    if spec.kind == "census_run" and isinstance(sync := spec.inputs.get("sync"), str):
        found += _run(sync, seen, gate, until)
    return found


def _asking_the_same(plan: Plan, spec: CheckSpec) -> list[str]:
    """Checks of any gate that ask the same question: of the same kind, with the same inputs."""
    return list(
        dict.fromkeys(
            other.check
            for gate in plan.gates.values()
            for other in gate.checks
            if (other.kind, other.inputs) == (spec.kind, spec.inputs)
        )
    )


def _lines(rulings: Sequence[dict[str, Any]], samples: Sequence[Sample]) -> list[Picture]:
    metrics: dict[str, list[dict[str, Any]]] = {}
    for ruling in sorted(rulings, key=lambda r: bool(r["fine"])):
        metrics.setdefault(ruling["metric"], []).append(ruling)
    found = [_line(metric, said, samples) for metric, said in metrics.items()]
    drawn = [picture for picture in found if picture is not None]
    return sorted(drawn, key=lambda p: p["kind"] == "steady")[:MOST_LINES]


def _line(
    metric: str, rulings: Sequence[dict[str, Any]], samples: Sequence[Sample]
) -> Picture | None:
    points = _numbers(metric, samples)
    if len(points) < FEWEST_SAMPLES:
        return None
    condition = condition_of(rulings[0]["condition"])
    values = [value for _, value in points]
    low, high = condition.bounds() if condition is not None else (None, None)
    picture: Picture = {
        "kind": "steady" if min(values) == max(values) else "trend",
        "metric": metric,
        "metric_in_words": metric_in_words(metric),
        "condition": rulings[0]["condition"],
        "limits": [_limit(ruling) for ruling in rulings],
        "low": None if rulings[0]["refuses"] else low,
        "high": None if rulings[0]["refuses"] else high,
        "taken": len(points),
        "lowest_in_words": observed_in_words(_whole(min(values)), condition),
        "highest_in_words": observed_in_words(_whole(max(values)), condition),
        "latest_in_words": observed_in_words(_whole(values[-1]), condition),
        "from": points[0][0],
        "to": points[-1][0],
    }
    if picture["kind"] == "trend":
        picture["points"] = [list(point) for point in thinned(points)]
    return picture


def _limit(ruling: dict[str, Any]) -> dict[str, Any]:
    """Where a condition begins to be met, and how it is said; `at` is empty for what is no number."""
    condition = condition_of(ruling["condition"])
    bounds = condition.bounds() if condition is not None else (None, None)
    said = (
        f"not {ruling['condition_in_words']}" if ruling["refuses"] else ruling["condition_in_words"]
    )
    return {"at": sorted({bound for bound in bounds if bound is not None}), "in_words": said}


def _columns(rulings: Sequence[dict[str, Any]], samples: Sequence[Sample]) -> list[Picture]:
    """Shares by column, of kinds that compare: the first time the question was asked, and now."""
    if not samples:
        return []
    first, newest = samples[0], samples[-1]
    names = [m for m in newest.observed if m.startswith(SHARE) and _is_share(newest.observed[m])]
    if len(names) < 2 or (first is newest and all(newest.observed[name] == 1 for name in names)):
        return []
    bounds = {r["metric"]: r["condition"] for r in rulings if not r["refuses"]}
    common = bounds.get(SHARE.rstrip("_"))
    return [
        {
            "kind": "columns",
            "before_at": first.at if first is not newest else None,
            "at": newest.at,
            "columns": [_column(name, first, newest, bounds.get(name, common)) for name in names],
        }
    ]


def _column(name: str, first: Sample, newest: Sample, written: str | None) -> dict[str, Any]:
    asked = condition_of(written) if written is not None else None
    condition = asked if asked is not None and asked.unit == "%" else _ANY_SHARE
    before = first.observed.get(name) if first is not newest else None
    known = _is_share(before)
    return {
        "column": name,
        "in_words": metric_in_words(name.removeprefix(SHARE)),
        "before": before if known else None,
        "before_in_words": observed_in_words(before, condition) if known else None,
        "after": newest.observed[name],
        "after_in_words": observed_in_words(newest.observed[name], condition),
        "low": condition.bounds()[0],
    }


def _run(sync: str, seen: Seen, gate: GateState, until: int) -> list[Picture]:
    counts = [
        count
        for count in seen.counts(sync, gate.phase, gate.attempt, until)
        if count.processed is not None
    ]
    if len(counts) < FEWEST_SAMPLES:
        return []
    newest = counts[-1]
    points: Points = [(count.at, float(count.processed or 0)) for count in counts]
    return [
        {
            "kind": "run",
            "sync": sync,
            "run_id": newest.run_id,
            "source_rows": newest.source_rows,
            "processed": newest.processed,
            "failed": newest.failed,
            "from": points[0][0],
            "to": points[-1][0],
            "points": [list(point) for point in thinned(points)],
        }
    ]


def thinned(points: Points, most: int = MOST_POINTS) -> Points:
    """At most `most` points: of every stretch the lowest and the highest, and both ends.

    >>> thinned([("a", 1.0), ("b", 9.0), ("c", 2.0), ("d", 3.0), ("e", 2.5), ("f", 1.0)], 4)
    [('a', 1.0), ('b', 9.0), ('f', 1.0)]
    """
    if len(points) <= most:
        return points
    stretches = max((most - 2) // 2, 1)
    kept = {0, len(points) - 1}
    for n in range(stretches):
        start, end = n * len(points) // stretches, (n + 1) * len(points) // stretches
        places = range(start, end)
        kept.add(min(places, key=lambda place: points[place][1]))
        kept.add(max(places, key=lambda place: points[place][1]))
    return [points[place] for place in sorted(kept)]


def _numbers(metric: str, samples: Sequence[Sample]) -> Points:
    return [
        (at, float(value))
        for _, at, observed in samples
        if (value := observed.get(metric)) is not None
        and (type(value) is int or type(value) is float)
        and math.isfinite(value)
    ]


def _is_share(value: Scalar) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= 1


def _whole(value: float) -> int | float:
    """Counts as the whole numbers they were."""
    return int(value) if value.is_integer() else value
