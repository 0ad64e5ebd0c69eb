"""pydantic's errors as located problems in plain words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rollout.domain.names import IN_WORDS
from rollout.domain.references import Path, has_references
from rollout.loader.nodes import Node
from rollout.loader.problems import suggestion

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "dict_type": "a mapping (`key: value`)",
    "model_type": "a mapping (`key: value`)",
    "model_attributes_type": "a mapping (`key: value`)",
    "mapping_type": "a mapping (`key: value`)",
    "none_required": "nothing",
    "time_delta_type": "a duration such as 90s, 5m or 48h",
    "time_delta_parsing": "a duration such as 90s, 5m or 48h",
    "time_type": 'a time of day such as "10:00"',
    "time_parsing": 'a time of day such as "10:00"',
    "date_type": 'a date such as "2026-01-06"',
    "date_parsing": 'a date such as "2026-01-06"',
    "date_from_datetime_parsing": 'a date such as "2026-01-06"',
    "datetime_type": "a date and time",
    "datetime_parsing": "a date and time",
    "datetime_from_date_parsing": "a date and time",
}
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "needs at least {min_length}, there are {actual_length}",
    "too_long": "may hold at most {max_length}, there are {actual_length}",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "may have at most {max_length} characters",
    "multiple_of": "must be a multiple of {multiple_of}",
}
_PATTERNS = {
    "^[a-z][a-z0-9_]*$": "small letters, digits and _, starting with a letter",
    "^[a-z][a-z0-9-]*$": "small letters, digits and -, starting with a letter",
    **IN_WORDS,
}
_ALWAYS_WRONG = {"missing", "extra_forbidden"}


def report(
    error: ValidationError,
    node: Node,
    model: type[BaseModel],
    also_allowed: Iterable[str] = (),
    *,
    references_wait: bool = True,
    reported: Collection[Path] = (),
) -> None:
    """Turn every error of validating `node.value` against `model` into a problem at its place.

    With `references_wait`, complaints about a value that holds a `${{ … }}` reference are dropped:
    the value is not known yet, and the kind looks again when it is. `also_allowed` are keys that the caller takes out
    before validating; they are suggested too. What is wrong at a `reported` path has been said already.
    """
    located = [_Located(details, node) for details in error.errors(include_url=False)]
    by_place: dict[Path, list[_Located]] = {}
    for one in located:
        waits = references_wait and one.awaits_a_reference()
        known = one.node.path in reported
        if not (waits or known or one.is_outdone_by(located)):
            by_place.setdefault(one.target, []).append(one)
    for group in by_place.values():
        _report_group(group, model, also_allowed)


class _Located:
    """One pydantic error with the part of its location that exists in the document."""

    def __init__(self, details: ErrorDetails, node: Node) -> None:
        self.details = details
        self.type = details["type"]
        self.loc: Path = details["loc"]
        self.node = node
        self.branch: Path | None = None  # where a union's member took over from the document
        is_missing = self.type == "missing"
        for key in self.loc[:-1] if is_missing else self.loc:
            child = self.node.get(key)
            if child is not None:
                self.node = child
            elif self.branch is None:
                self.branch = self.node.path
        self.target: Path = (*self.node.path, self.loc[-1]) if is_missing else self.node.path

    def is_outdone_by(self, others: list[_Located]) -> bool:
        """In a union the member that got furthest says best what is wrong."""
        return self.branch is not None and any(
            other.branch == self.branch and len(other.target) > len(self.target) for other in others
        )

    def awaits_a_reference(self) -> bool:
        return self.type not in _ALWAYS_WRONG and has_references(self.node.value)


def _report_group(group: list[_Located], model: type[BaseModel], also: Iterable[str]) -> None:
    first = group[0]
    key = str(first.loc[-1]) if first.loc else ""
    if first.type == "missing":
        first.node.problem(f"missing key `{key}`")
    elif first.type == "extra_forbidden":
        allowed = [*_keys_at(model, first.loc[:-1]), *(also if len(first.loc) == 1 else ())]
        first.node.key_problem(f"unknown key `{key}`", key, allowed)
    else:
        first.node.problem(" or ".join(dict.fromkeys(_words(one.details) for one in group)))


def _words(details: ErrorDetails) -> str:
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}{_instead(value)}"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    if kind in {"literal_error", "enum"}:
        return _choice(str(context["expected"]), value)
    if kind == "string_pattern_mismatch":
        return f"`{str(value)[:64]}` must be {_pattern(str(context['pattern']))}"
    if kind == "value_error":
        return str(context["error"])
    return details["msg"][:1].lower() + details["msg"][1:]


def _choice(expected: str, value: Any) -> str:
    choices = re.findall(r"'([^']*)'", expected) or [expected]
    written = str(value)[:64]
    return f"`{written}` is not possible here{suggestion(written, choices)}"


def _pattern(pattern: str) -> str:
    return _PATTERNS.get(pattern, f"of the form {pattern}")


def _instead(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return f", not {str(value).lower()} (quote it if it is text)"
    if isinstance(value, str):
        return f", not `{value[:40]}`"
    return ", not nothing" if value is None else ""


def _keys_at(model: type[BaseModel], loc: Path) -> list[str]:
    """The keys that the model (or the models in a union) at a location knows."""
    models = [model]
    for key in loc:
        inner = [m for one in models for m in _models_under(one, key)]
        models = inner or models  # list positions, mapping keys and union members lead nowhere new
    return sorted({name for one in models for name in keys_of(one)})


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a document that a model reads: aliases where there are any.

    >>> class Wait(BaseModel):
    ...     seconds: int
    >>> keys_of(Wait)
    ['seconds']
    """
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_under(model: type[BaseModel], key: str | int) -> Iterator[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if key in {name, field.alias}:
            yield from models_in(field.annotation)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that a field's type names, through lists, mappings and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)
