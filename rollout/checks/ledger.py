"""`ledger`: the books of a sync must balance, to the last row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, model_validator

from rollout.checks.numbers import Number, NumberQuery, ask_number, number_of
from rollout.checks.written import Reference
from rollout.domain.errors import KindMisused
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.ledger import imbalance, unaccounted, unexplained, updated_of
from rollout.domain.plan import Model
from rollout.kinds import CheckContext

ROWS = ("before", "created", "deleted", "after")
RUN = ("processed", "failed", "invalid")
OUTCOMES = ("created", "updated", "accepted")


def _not_a_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a term is a number or a query, not true or false")
    return value


Term = Annotated[int | float | Reference | NumberQuery | None, BeforeValidator(_not_a_bool)]
"""A number, a reference to one, or a query for one. Nothing stays nothing: the books are open."""


class Terms(Model):
    """Rows, by what happened to them. `accepted` = created + updated, when the service tells no more.

    `invalid` counts only what is part of `processed`; where the service drops invalid rows before
    it counts (Census), write 0.
    """

    before: Term = None
    created: Term = None
    deleted: Term = None
    after: Term = None
    updated: Term = None
    accepted: Term = None
    failed: Term = None
    invalid: Term = None
    processed: Term = None

    @model_validator(mode="after")
    def _some_equation_is_whole(self) -> Self:
        if {"updated", "accepted"} <= self.model_fields_set:
            raise ValueError("give `updated` or `accepted`, not both: one follows from the other")
        if not self.has_rows and not self.has_run:
            raise ValueError(
                "the terms make no equation: give before, created, deleted, after; or processed,"
                " failed, invalid and either accepted or both created and updated"
            )
        return self

    @property
    def has_rows(self) -> bool:
        return self.model_fields_set.issuperset(ROWS)

    @property
    def has_run(self) -> bool:
        given = self.model_fields_set
        told = "accepted" in given or {"created", "updated"} <= given
        return told and given.issuperset(RUN)


class LedgerInputs(Model):
    """The terms of one or both equations, and optionally what `after` was expected to be."""

    terms: Terms
    expected_after: tuple[int | Reference, int | Reference] | None = None


class Ledger:
    """before + created - deleted = after; created + updated + failed + invalid = processed.

    The equations whose terms are given are checked; `imbalance` adds up what they leave over.
    """

    kind: ClassVar[str] = "ledger"
    Inputs: ClassVar[type[BaseModel]] = LedgerInputs
    primary: ClassVar[str | None] = "imbalance"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "imbalance": "rows that the given equations leave over, without sign",
        "unexplained": "rows: after - before - created + deleted (when those terms are given)",
        "unaccounted": "rows: processed - created - updated - failed - invalid (when given)",
        "before": "rows in the target before",
        "created": "rows created",
        "deleted": "rows deleted",
        "after": "rows in the target after",
        "updated": "rows updated; derived from `accepted` when that is given",
        "accepted": "rows the target took: created + updated",
        "failed": "rows the target rejected",
        "invalid": "rows dropped before sending, as far as `processed` counts them",
        "processed": "rows the run handled",
    }
    default_go: ClassVar[Mapping[str, str]] = {"imbalance": "= 0"}

    def observe(self, inputs: LedgerInputs, context: CheckContext) -> Observation:
        given = sorted(inputs.terms.model_fields_set, key=list(Terms.model_fields).index)
        values: dict[str, Number | None] = {}
        problems: list[str] = []
        for name in given:
            value, problem = _value(getattr(inputs.terms, name), context)
            values[name] = value
            if problem is None and (value is None or value < 0):
                problem = "not known" if value is None else f"{value} is no number of rows"
            if problem:
                problems.append(f"{name}: {problem}")
        if all(value == 0 for value in values.values()):
            problems.append("every term is zero: nothing was counted")
        metrics = _balance(inputs.terms, values)
        return Observation(
            metrics=metrics,
            source=_source(inputs.terms),
            query=_query(inputs.terms),
            as_of=context.now,
            detail=_detail(inputs, values, metrics),
            problem="; ".join(problems) or None,
        )


def _value(term: Term, context: CheckContext) -> tuple[Number | None, str | None]:
    if isinstance(term, NumberQuery):
        return ask_number(term, context)
    if isinstance(term, str):
        raise KindMisused(f"{term} was not filled")
    return number_of(term), None


def _balance(terms: Terms, values: dict[str, Number | None]) -> dict[str, Scalar]:
    gaps: dict[str, Number | None] = {}
    created, accepted = values.get("created"), values.get("accepted")
    metrics: dict[str, Scalar] = dict(values)
    if terms.has_rows:
        gaps["unexplained"] = unexplained(
            before=values["before"],
            created=created,
            deleted=values["deleted"],
            after=values["after"],
        )
    if "accepted" in values and "created" in values:
        values = {**values, "updated": updated_of(accepted=accepted, created=created)}
        metrics["updated"] = values["updated"]
    if terms.has_run:
        # Without `created` the accepted rows stand for both: the sum is the same.
        told_apart = "created" in values
        gaps["unaccounted"] = unaccounted(
            processed=values["processed"],
            created=created if told_apart else accepted,
            updated=values["updated"] if told_apart else 0,
            failed=values["failed"],
            invalid=values["invalid"],
        )
    return {**metrics, **gaps, "imbalance": imbalance(list(gaps.values()))}


def _equations(terms: Terms) -> list[str]:
    rows = ["before + created - deleted = after"] if terms.has_rows else []
    run = ["created + updated + failed + invalid = processed"] if terms.has_run else []
    return rows + run


def _queries(terms: Terms) -> dict[str, NumberQuery]:
    written = {name: getattr(terms, name) for name in Terms.model_fields}
    return {name: term for name, term in written.items() if isinstance(term, NumberQuery)}


def _source(terms: Terms) -> str:
    return ", ".join(sorted({query.connection for query in _queries(terms).values()})) or "the log"


def _query(terms: Terms) -> str:
    asked = [f"{name}: {query.text}" for name, query in _queries(terms).items()]
    return "\n".join(_equations(terms) + asked)


def _detail(
    inputs: LedgerInputs, values: dict[str, Number | None], metrics: Mapping[str, Scalar]
) -> dict[str, Any]:
    """The sums written out, for a reader who wants to add them up again."""
    detail: dict[str, Any] = {"equations": _equations(inputs.terms)}
    if inputs.terms.has_rows and metrics["unexplained"] is not None:
        detail["rows"] = (
            f"{values['before']} + {values['created']} - {values['deleted']} should give"
            f" {values['after']}: {metrics['unexplained']} unexplained"
        )
    if inputs.expected_after is not None:
        detail["expected_low"], detail["expected_high"] = inputs.expected_after
    return detail
