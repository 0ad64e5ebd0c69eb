"""What a picture shows, in one sentence: its caption, its title for screen readers, its Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rollout.reports.moments import age, moment


def picture_words(picture: Mapping[str, Any], timezone: str) -> str:
    """One sentence; never more than the picture's own data says."""
    return _SAID[picture["kind"]](picture, timezone)


def _trend(p: Mapping[str, Any], timezone: str) -> str:
    required = "; ".join(limit["in_words"] for limit in p["limits"])
    return (
        f"{p['metric_in_words'].capitalize()} over {p['taken']:,} samples in "
        f"{age(p['to'], p['from'])}, from {p['lowest_in_words']} to {p['highest_in_words']}, "
        f"at last {p['latest_in_words']}; required {required}."
    )


def _steady(p: Mapping[str, Any], timezone: str) -> str:
    return (
        f"{p['metric_in_words'].capitalize()} was {p['latest_in_words']} in all {p['taken']:,} "
        f"samples since {moment(p['from'], timezone)}."
    )


def _columns(p: Mapping[str, Any], timezone: str) -> str:
    if p["before_at"] is None:
        return "Share of the records that agree, by column; the stroke is what is required."
    return (
        f"Share of the records that agree, by column: ○ on {moment(p['before_at'], timezone)}, "
        f"● on {moment(p['at'], timezone)}; the stroke is what is required."
    )


def _run(p: Mapping[str, Any], timezone: str) -> str:
    of = f" of {p['source_rows']:,}" if p["source_rows"] is not None else ""
    failed = f", {p['failed']:,} failed" if p["failed"] is not None else ""
    return (
        f"Run {p['run_id']} of {p['sync']}: {p['processed']:,}{of} rows processed{failed}, "
        f"in {age(p['to'], p['from'])} from {moment(p['from'], timezone)}."
    )


_SAID = {"trend": _trend, "steady": _steady, "columns": _columns, "run": _run}
