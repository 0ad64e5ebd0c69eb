"""One check of a gate report: in a stakeholder's words, with its evidence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from rollout.domain.condition import Condition, format_observed
from rollout.domain.durations import format_duration
from rollout.domain.errors import ConditionProblem, LogDamaged
from rollout.domain.evidence import Observation, Ruling
from rollout.domain.instants import to_text
from rollout.domain.plan import CheckSpec
from rollout.domain.state import CheckState, DecisionState, GateState
from rollout.ports import EvidenceStore
from rollout.reports.keys import key_columns, masked
from rollout.reports.wording import SampleDocument, required, sample_document


def check_report(
    gate: GateState,
    name: str,
    spec: CheckSpec | None,
    waiver: DecisionState | None,
    evidence: EvidenceStore,
    show_keys: bool,
) -> dict[str, Any]:
    """What was asked, observed, required and concluded; the evidence's query and sample rows.

    `spec` is None for the engine's own check of a soak's coverage.
    """
    check = gate.checks[name]
    sample = _sample(name, check, evidence)
    rulings = sample.judgement.rulings if sample is not None else []
    return {
        "id": name,
        **_said(name, spec),
        "verdict": check.verdict.value if check.verdict is not None else None,
        "reason": check.reason or check.latest_reason,
        "waived_by": f"{waiver.by} ({waiver.role}): {waiver.reason}" if waiver else None,
        "observed": dict(check.observed),
        "required": required(rulings, spec.go if spec else None, spec.no_go if spec else None),
        "rulings": [_ruling(ruling) for ruling in rulings],
        "samples": {
            "taken": check.tally.taken,
            "passed": check.tally.passed,
            "failed": check.tally.failed,
            "inconclusive": check.tally.inconclusive,
            "errors": check.tally.errors,
        },
        "evidence": check.evidence,
        "taken_at": to_text(check.latest_at) if check.latest_at is not None else None,
        **_observation(sample, spec, show_keys),
    }


def _said(name: str, spec: CheckSpec | None) -> dict[str, Any]:
    if spec is None:
        return {
            "title": name.replace("_", " "),
            "kind": name,
            "severity": "P1",
            "owner": "project_lead",
            "shadow": False,
            "if_it_fails": "",
        }
    return {
        "title": spec.title,
        "kind": spec.kind,
        "severity": spec.severity,
        "owner": spec.owner,
        "shadow": spec.shadow,
        "if_it_fails": spec.if_it_fails,
    }


def _sample(name: str, check: CheckState, evidence: EvidenceStore) -> SampleDocument | None:
    """The newest sample's document. Raises: LogDamaged when it is missing."""
    if check.evidence is None:
        return None
    try:
        return sample_document(evidence.get(check.evidence))
    except KeyError:
        raise LogDamaged(
            f"the evidence {check.evidence} of {name} is missing: run `rollout verify`"
        ) from None


def _observation(
    sample: SampleDocument | None, spec: CheckSpec | None, show_keys: bool
) -> dict[str, Any]:
    seen = sample.observation if sample is not None else None
    if seen is None:
        return {"as_of": None, "source": "", "query": "", "sample_rows": []}
    keys = key_columns(spec.inputs) if spec is not None else set()
    return {
        "as_of": to_text(seen.as_of) if seen.as_of is not None else None,
        "source": seen.source,
        "query": seen.query,
        "sample_rows": _rows(seen, keys, show_keys),
    }


def _rows(seen: Observation, keys: set[str], show_keys: bool) -> list[dict[str, Any]]:
    return [dict(row) if show_keys else masked(row, keys) for row in seen.sample]


def _ruling(ruling: Ruling) -> dict[str, Any]:
    condition = _condition(ruling.condition)
    return {
        "metric": ruling.metric,
        "observed": ruling.observed,
        "observed_in_words": format_observed(ruling.observed, condition),
        "condition": ruling.condition,
        "condition_in_words": condition.for_people() if condition else ruling.condition,
        "met": ruling.met,
        "margin": ruling.margin,
        "margin_in_words": _margin(ruling.margin, condition),
    }


def _condition(text: str) -> Condition | None:
    try:
        return Condition.parse(text)
    except ConditionProblem:
        return None


def _margin(margin: float | None, condition: Condition | None) -> str:
    """Distance to the bound with its unit: points of a per cent, a duration, or plain.

    >>> _margin(-273.0, None), _margin(0.31, Condition.parse(">= 99 %")), _margin(None, None)
    ('-273', '+0.31 points', '')
    """
    if margin is None:
        return ""
    if condition is not None and condition.unit == "s":
        sign = "-" if margin < 0 else "+"
        return sign + format_duration(timedelta(seconds=abs(margin)))
    text = f"{margin:+,.4f}".rstrip("0").rstrip(".") if margin % 1 else f"{margin:+,.0f}"
    return text + (" points" if condition is not None and condition.unit == "%" else "")
