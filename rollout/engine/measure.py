"""Ask one check one question: resolve its inputs, observe, judge. Never decides a gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from rollout.domain.canonical import canonical_bytes
from rollout.domain.condition import Condition
from rollout.domain.errors import LogDamaged, RolloutError, ServiceError, StoreUnavailable
from rollout.domain.evidence import Judgement, Observation, Scalar, Verdict
from rollout.domain.judge import judge, scalar_conditions
from rollout.domain.plan import CheckSpec
from rollout.domain.references import resolve
from rollout.engine.limits import refuse_oversized
from rollout.kinds import CheckContext, CheckKind, Resolve


@dataclass(frozen=True)
class Sample:
    """One look at one check, judged."""

    check: str
    at: datetime
    observation: Observation | None
    judgement: Judgement

    def observed(self) -> dict[str, Scalar]:
        return dict(self.observation.metrics) if self.observation else {}

    def document(self) -> dict[str, object]:
        """What is stored as evidence of this sample."""
        return {
            "check": self.check,
            "taken_at": self.at,
            "observation": self.observation,
            "judgement": self.judgement,
        }


def measure(spec: CheckSpec, kind: CheckKind, context: CheckContext, fill: Resolve) -> Sample:
    """One sample. Every way of not getting an answer is the verdict `error`, never an exception.

    Raises: LogDamaged, StoreUnavailable: our own house is on fire, that is not the check's verdict.
    """
    try:
        observation, judgement = _ask(spec, kind, context, fill)
    except (LogDamaged, StoreUnavailable):
        raise
    except ServiceError as problem:
        return _failed(spec, context, f"no answer: {problem}")
    except (RolloutError, ValueError, KeyError) as problem:
        return _failed(spec, context, f"could not ask: {in_words(problem)}")
    except Exception as bug:  # noqa: BLE001 - a plug-in's bug is an error verdict, not the end
        return _failed(spec, context, f"the check itself broke: {type(bug).__name__}: {bug}")
    return Sample(spec.check, context.now, observation, judgement)


def in_words(problem: Exception) -> str:
    """A KeyError shows what it was given as a literal, in quotes.

    >>> in_words(KeyError("phase only has no 'since' yet")), in_words(ValueError("no number"))
    ("phase only has no 'since' yet", 'no number')
    """
    whole = isinstance(problem, KeyError) and len(problem.args) == 1
    return str(problem.args[0] if whole else problem)


def _ask(
    spec: CheckSpec, kind: CheckKind, context: CheckContext, fill: Resolve
) -> tuple[Observation, Judgement]:
    inputs = _inputs(kind, fill(spec.inputs))
    go = _conditions(spec.go, kind, fill, default=kind.default_go if spec.go is None else {})
    no_go = _conditions(spec.no_go, kind, fill, default={})
    observation = kind.observe(inputs, context)
    refuse_oversized(kind.kind, observation)
    return observation, judge(observation, go, no_go)


_checked: dict[tuple[str, bytes], BaseModel] = {}
_MOST_CHECKED = 1000


def _inputs(kind: CheckKind, filled: Any) -> BaseModel:
    """The kind's inputs, parsed once for the same text: SQL is parsed to be validated, and a soak
    asks the same question a hundred times."""
    key = (kind.kind, canonical_bytes(filled))
    known = _checked.get(key)
    if known is None or type(known) is not kind.Inputs:
        if len(_checked) >= _MOST_CHECKED:
            _checked.clear()
        known = _checked[key] = kind.Inputs.model_validate(filled)
    return known


def _conditions(
    written: str | Mapping[str, str] | None,
    kind: CheckKind,
    fill: Resolve,
    *,
    default: Mapping[str, str],
) -> dict[str, Condition]:
    filled = fill(written) if written is not None else None
    return scalar_conditions(filled, kind.primary, default)


def _failed(spec: CheckSpec, context: CheckContext, reason: str) -> Sample:
    return Sample(
        spec.check, context.now, None, Judgement(verdict=Verdict.ERROR, reason=reason[:2000])
    )


def unkept(sample: Sample, problem: Exception) -> Sample:
    """The verdict of a sample that no log could keep: what cannot be shown never passes."""
    reason = f"the check gave something that cannot be kept: {type(problem).__name__}: {problem}"
    return Sample(
        sample.check, sample.at, None, Judgement(verdict=Verdict.ERROR, reason=reason[:2000])
    )


def timed_out(spec: CheckSpec, at: datetime) -> Sample:
    """The verdict of a check that gave no answer within its own time-out."""
    reason = f"no answer within its time-out of {spec.timeout}"
    return Sample(spec.check, at, None, Judgement(verdict=Verdict.ERROR, reason=reason))


def resolver(lookup_value: object) -> Resolve:
    """Fill references of a document from a lookup by dotted path."""

    def fill(document: object) -> object:
        return resolve(document, lookup_value)  # type: ignore[arg-type]

    return fill
