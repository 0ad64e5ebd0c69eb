"""What a step that runs a sync expects of the run, and at what it stops it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from rollout.domain.durations import parse_duration
from rollout.domain.events import RunObserved
from rollout.domain.evidence import Scalar
from rollout.domain.references import KEEP, resolve
from rollout.domain.state import RolloutState, StepState
from rollout.view.plan_words import StepWords
from rollout.view.text import plain

_STOP_AFTER_ROWS = 50
"""The step's default; a plan's document has only what its author wrote."""


class ExpectedView(msgspec.Struct, frozen=True, kw_only=True):
    """`met` is None while the run still goes on, and when it cannot be told."""

    metric: str
    required: str
    observed: str
    met: bool | None


class BreakerView(msgspec.Struct, frozen=True, kw_only=True):
    """A brake of the step: it stops the run at `stop_if`. `share` is how much of the way there is
    used up, 0..1 and more, where the limit is a number; `is_armed` once enough rows were seen."""

    metric: str
    stop_if: str
    observed: str
    share: float | None
    is_armed: bool
    armed_from: int
    has_tripped: bool


def counted_of(run: RunObserved | None, now: datetime) -> dict[str, Scalar]:
    """The metrics that a step may set conditions on. Source: `steps/run_record.py`."""
    if run is None:
        return {}
    ended = run.completed_at or now
    known = run.processed and run.failed is not None
    return {
        "status": run.status,
        "processed": run.processed,
        "accepted": run.accepted,
        "failed": run.failed,
        "invalid": run.invalid,
        "error_rate": (run.failed or 0) / (run.processed or 1) if known else None,
        "duration_s": (ended - run.created_at).total_seconds() if run.created_at else None,
    }


def _number(value: Scalar) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def expected_views(
    state: RolloutState, said: StepWords, counted: Mapping[str, Scalar], *, is_over: bool
) -> list[ExpectedView]:
    found = []
    for metric, text, condition in _conditions(state, said, "expect"):
        value = counted.get(metric)
        met = condition.holds(value) if condition is not None and is_over else None
        shown = _shown(value, condition)
        found.append(ExpectedView(metric=metric, required=text, observed=shown, met=met))
    return found


def breaker_views(
    state: RolloutState, step: StepState, said: StepWords, counted: Mapping[str, Scalar]
) -> list[BreakerView]:
    armed_from = _whole(said.inputs.get("stop_after_rows"), _STOP_AFTER_ROWS)
    rows = _number(counted.get("processed")) or 0
    stopped = str(step.memory.get("stopped", ""))
    brakes = [
        BreakerView(
            metric=metric,
            stop_if=text,
            observed=_shown(counted.get(metric), condition),
            share=_used(counted.get(metric), condition),
            is_armed=rows >= armed_from,
            armed_from=armed_from,
            has_tripped=stopped.startswith(f"{metric} "),
        )
        for metric, text, condition in _conditions(state, said, "stop_if")
    ]
    limit = _time_limit(said, counted, stopped)
    return [*brakes, *([limit] if limit else [])]


def _time_limit(said: StepWords, counted: Mapping[str, Scalar], stopped: str) -> BreakerView | None:
    from rollout.domain.condition import Condition

    try:
        within = parse_duration(str(said.inputs.get("within") or ""))
    except ValueError:
        return None
    text = f"> {said.inputs['within']}"
    took = counted.get("duration_s")
    return BreakerView(
        metric="duration_s",
        stop_if=text,
        observed=_shown(took, Condition.parse(text)),
        share=(_number(took) or 0.0) / within.total_seconds() if within > timedelta(0) else None,
        is_armed=took is not None,
        armed_from=0,
        has_tripped=stopped.startswith("still "),
    )


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def _conditions(state: RolloutState, said: StepWords, key: str) -> Iterator[tuple[str, str, Any]]:
    """Metric, text with references filled in where that is possible, and the parsed condition."""
    # Late: fractions and decimals are start-up time that a status does not need.
    from rollout.domain.condition import Condition
    from rollout.domain.errors import ConditionProblem

    written = said.inputs.get(key)
    for metric, raw in (written if isinstance(written, Mapping) else {}).items():
        text = plain(_filled(state, str(raw)))
        try:
            yield plain(metric), text, Condition.parse(text)
        except ConditionProblem:
            yield plain(metric), text, None


def _filled(state: RolloutState, text: str) -> str:
    def find(path: str) -> Any:
        root, _, name = path.partition(".")
        return state.params.get(name, KEEP) if root == "params" else KEEP

    try:
        return str(resolve(text, find))
    except ValueError:
        return text


def _shown(value: Scalar, condition: Any) -> str:
    from rollout.domain.condition import format_observed

    return plain(format_observed(value, condition))


def _used(value: Scalar, condition: Any) -> float | None:
    """How much of the way to a limit from above is used up."""
    found = _number(value)
    if found is None or condition is None or condition.op not in {">", ">="}:
        return None
    limit = float(condition.numbers[0]) / (100 if condition.unit == "%" else 1)
    return found / limit if limit > 0 else None
