"""One check of a gate report: in a stakeholder's words, with its evidence."""

from __future__ import annotations

from typing import Any

from rollout.domain.errors import LogDamaged
from rollout.domain.evidence import Observation, Ruling, Verdict
from rollout.domain.instants import to_text
from rollout.domain.plan import CheckSpec
from rollout.domain.state import CheckState, DecisionState, GateState
from rollout.ports import EvidenceSource
from rollout.reports.keys import key_columns, masked
from rollout.reports.moments import age
from rollout.reports.plain_words import (
    condition_in_words,
    condition_of,
    margin_in_words,
    metric_in_words,
    observed_in_words,
)
from rollout.reports.wording import SampleDocument, conditions_of, required, sample_document


def check_report(
    gate: GateState,
    name: str,
    spec: CheckSpec | None,
    waiver: DecisionState | None,
    evidence: EvidenceSource,
    show_keys: bool,
) -> dict[str, Any]:
    """What was asked, observed, required and concluded; the evidence's query and sample rows.

    `spec` is None for the engine's own check of a soak's coverage.
    """
    check = gate.checks[name]
    sample = _sample(name, check, evidence)
    rulings = sample.judgement.rulings if sample is not None else []
    reason = check.reason or check.latest_reason
    shown = show_keys or (spec is not None and spec.show_keys)
    taken_at = to_text(check.latest_at) if check.latest_at is not None else None
    return {
        "id": name,
        **_said(name, spec),
        "verdict": check.verdict.value if check.verdict is not None else None,
        "blocks": _blocks(check, spec, waiver),
        "reason": reason,
        "reason_is_figures": _only_figures(sample, reason),
        "waived_by": f"{waiver.by} ({waiver.role}): {waiver.reason}" if waiver else None,
        "observed": dict(check.observed),
        "required": required(rulings, spec.go if spec else None, spec.no_go if spec else None),
        "rulings": _rulings(sample, spec),
        "samples": {
            "taken": check.tally.taken,
            "passed": check.tally.passed,
            "failed": check.tally.failed,
            "inconclusive": check.tally.inconclusive,
            "errors": check.tally.errors,
        },
        "evidence": check.evidence,
        "taken_at": taken_at,
        "keys_hashed": not shown,
        **_observation(sample, spec, taken_at, shown),
    }


def _blocks(check: CheckState, spec: CheckSpec | None, waiver: DecisionState | None) -> bool:
    """Whether the check stands against go: anything but a pass does, unless it only shows or was
    waived."""
    is_shadow = spec is not None and spec.shadow
    return check.verdict is not Verdict.PASS and waiver is None and not is_shadow


def _only_figures(sample: SampleDocument | None, reason: str) -> bool:
    """Whether the reason tells no more than the rulings do."""
    if sample is None or sample.observation is None or sample.observation.problem is not None:
        return False
    return bool(sample.judgement.rulings) and sample.judgement.reason == reason


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


def _sample(name: str, check: CheckState, evidence: EvidenceSource) -> SampleDocument | None:
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
    sample: SampleDocument | None, spec: CheckSpec | None, taken_at: str | None, show_keys: bool
) -> dict[str, Any]:
    seen = sample.observation if sample is not None else None
    if seen is None:
        return {"as_of": None, "age": None, "source": "", "query": "", "sample_rows": []}
    keys = key_columns(spec.inputs) if spec is not None else set()
    as_of = to_text(seen.as_of) if seen.as_of is not None else None
    return {
        "as_of": as_of,
        "age": age(taken_at, as_of),
        "source": seen.source,
        "query": seen.query,
        "sample_rows": _rows(seen, keys, show_keys),
    }


def _rows(seen: Observation, keys: set[str], show_keys: bool) -> list[dict[str, Any]]:
    return [dict(row) if show_keys else masked(row, keys) for row in seen.sample]


def _rulings(sample: SampleDocument | None, spec: CheckSpec | None) -> list[dict[str, Any]]:
    """What must be first, then what must not be, in the order of the judgement."""
    rulings = list(sample.judgement.rulings) if sample is not None else []
    refusing = conditions_of(spec.no_go) if spec is not None else 0
    first_refusing = max(len(rulings) - refusing, 0)
    return [_ruling(ruling, refuses=n >= first_refusing) for n, ruling in enumerate(rulings)]


def _ruling(ruling: Ruling, *, refuses: bool) -> dict[str, Any]:
    """`met` and `margin` are of the condition as written; where it `refuses`, to be met is bad."""
    condition = condition_of(ruling.condition)
    margin = -ruling.margin if refuses and ruling.margin is not None else ruling.margin
    return {
        "metric": ruling.metric,
        "metric_in_words": metric_in_words(ruling.metric),
        "observed": ruling.observed,
        "observed_in_words": observed_in_words(ruling.observed, condition),
        "condition": ruling.condition,
        "condition_in_words": condition_in_words(ruling.condition),
        "refuses": refuses,
        "met": ruling.met,
        "fine": ruling.met if ruling.met is None else ruling.met is not refuses,
        "margin": ruling.margin,
        "margin_in_words": margin_in_words(margin, condition),
    }
