"""What an author writes for an `untouched`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from rollout.checks.population import AtLeast, instant_in
from rollout.checks.statements import ConditionText, RelationName, relation
from rollout.domain.durations import parse_duration
from rollout.domain.errors import KindMisused
from rollout.domain.instants import from_text, to_text
from rollout.domain.plan import Model

_FIELD = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*\Z", re.ASCII)
ColumnName = Annotated[str, Field(min_length=1)]


def _as_text(value: object) -> object:
    return to_text(value) if isinstance(value, datetime) else value


def _is_instant(text: str) -> str:
    if "${{" not in text:
        from_text(text)
    return text


def _is_instant_or_duration(text: str) -> str:
    if "${{" not in text and instant_in(text) is None:
        parse_duration(text)
    return text


Instant = Annotated[str, BeforeValidator(_as_text), AfterValidator(_is_instant)]
Settled = Annotated[str, BeforeValidator(_as_text), AfterValidator(_is_instant_or_duration)]


class ModifiedBy(Model):
    """Only rows that one of these users changed last; `is` are ids as the column holds them."""

    column: ColumnName
    users: Annotated[list[str], Field(alias="is", min_length=1)]

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class CopiedAt(Model):
    """Where the copy says how far it has come: a column, of another relation if need be."""

    column: ColumnName
    relation: RelationName | None = None


class UntouchedInputs(Model):
    """Rows of `relation` modified from `since` on, apart from the keys of `cohort_steps`.

    In the warehouse `as_of` says how fresh the copy is: it must be later than `since` and than
    `settled_after` (an instant, or a duration after `since`). With `via: salesforce`, `relation` is
    an object, the columns are field names, and no copy is involved.
    """

    via: Literal["warehouse", "salesforce"] = "warehouse"
    on: str | None = None
    relation: str
    key: ColumnName
    modified_at: ColumnName
    modified_by: ModifiedBy | None = None
    where: ConditionText | None = None
    since: Instant
    cohort_steps: list[str]
    as_of: CopiedAt | None = None
    settled_after: Settled | None = None
    at_least: AtLeast = 1

    @model_validator(mode="after")
    def _fits_its_way(self) -> Self:
        if self.via == "warehouse":
            relation(self.relation)
            if self.as_of is None:
                raise ValueError(
                    "`as_of` is needed in the warehouse: without it an old copy looks untouched"
                )
            return self
        if self.as_of is not None or self.settled_after is not None or self.where is not None:
            raise ValueError("`as_of`, `settled_after` and `where` belong to `via: warehouse`")
        names = [self.relation, self.key, self.modified_at]
        names += [self.modified_by.column] if self.modified_by else []
        for name in names:
            if not _FIELD.match(name) and "${{" not in name:
                raise ValueError(f"{name!r} is no name of a Salesforce object or field")
        return self

    @property
    def connection(self) -> str:
        return self.on or self.via

    @property
    def changed_from(self) -> datetime:
        return _known(self.since, "since")

    @property
    def copied_after(self) -> datetime:
        """The copy must be later than this. Raises: KindMisused for an unfilled reference."""
        start = self.changed_from
        if self.settled_after is None:
            return start
        return max(start, _settled(self.settled_after, start))


def _settled(text: str, start: datetime) -> datetime:
    instant = instant_in(text)
    if instant is not None:
        return instant
    try:
        return start + parse_duration(text)
    except ValueError as problem:
        raise KindMisused(f"settled_after: {problem}") from None


def _known(text: str, what: str) -> datetime:
    try:
        return from_text(text)
    except ValueError as problem:
        raise KindMisused(f"{what}: {problem}") from None
