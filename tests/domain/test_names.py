"""Names that go into a statement: whatever else a text may be, it is refused before anything is asked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from rollout.checks.baseline import BaselineCheckInputs
from rollout.domain.names import ColumnName, FieldName, ObjectName, RelationName
from rollout.domain.plan import SyncSpec
from rollout.steps.baseline import BaselineInputs
from rollout.steps.cohort import CohortInputs
from rollout.steps.source import RestrictSourceInputs

HOSTILE = [
    "", " ", "a b", "a;DROP TABLE t", "a--", "a/*", "a' OR '1'='1", 'a"', "a)", "(SELECT 1)", "a, b", "a\n",
    "a\n; DROP", "a..b", ".a", "a.", "`a", "a`b", "`a`b`", "`a\nb`", "a\x00", "а", "a\u202e", "1a",
    "a=b", "a|b", "${{ params.x }} --", "a" * 500, "Id FROM Account WHERE x", "COUNT()", "*",
]  # fmt: skip

SYNC: dict[str, Any] = {
    "on": "census", "id": 1, "operation": "upsert", "source": "crm.s.queue", "target": "Thing__c",
    "key": "Key__c",
}  # fmt: skip
BASELINE: dict[str, Any] = {"target": "Thing__c", "key": "Key__c", "fields": ["Name"]}
COHORT: dict[str, Any] = {
    "from": "crm.s.queue", "key": "id", "seed": 1,
    "strata": [{"name": "any", "count": 1, "distinct": "company"}],
}  # fmt: skip

PLACES: list[tuple[type[BaseModel], dict[str, Any], tuple[Any, ...]]] = [
    (SyncSpec, SYNC, ("source",)),
    (SyncSpec, SYNC, ("target",)),
    (SyncSpec, SYNC, ("key",)),
    (BaselineInputs, BASELINE, ("target",)),
    (BaselineInputs, BASELINE, ("key",)),
    (BaselineInputs, BASELINE, ("fields", 0)),
    (BaselineInputs, {**BASELINE, "relation": "a.b", "key_column": "k"}, ("relation",)),
    (BaselineInputs, {**BASELINE, "relation": "a.b", "key_column": "k"}, ("key_column",)),
    (BaselineCheckInputs, {"steps": ["s"], "target": "Thing__c", "users": ["u"]}, ("target",)),
    (CohortInputs, COHORT, ("from",)),
    (CohortInputs, COHORT, ("key",)),
    (CohortInputs, COHORT, ("strata", 0, "distinct")),
    (RestrictSourceInputs, {"view": "a.b.c", "to": "s", "key": "k"}, ("view",)),
    (RestrictSourceInputs, {"view": "a.b.c", "to": "s", "key": "k"}, ("key",)),
]


def _with(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = list(document) if isinstance(document, list) else dict(document)
    copy[path[0]] = _with(document[path[0]], path[1:], value)
    return copy


@pytest.mark.parametrize(
    ("model", "sound", "path"), PLACES, ids=lambda v: getattr(v, "__name__", "")
)
def test_only_names_stand_where_a_statement_has_a_name(
    model: type[BaseModel], sound: dict[str, Any], path: tuple[Any, ...]
) -> None:
    model.model_validate(sound)
    for text in HOSTILE:
        with pytest.raises(ValidationError):
            model.model_validate(_with(sound, path, text))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (RelationName, ["t", "s.t", "crm.sfdc_dbx.properties_to_create", "`my-catalog`.s.`t 1`"]),
        (ColumnName, ["id", "_fivetran_deleted", "Column2"]),
        (ObjectName, ["Account", "Product_Property__c"]),
        (FieldName, ["Name", "Key__c", "Account.Owner.Name"]),
    ],
)
def test_honest_names_are_taken(kind: Any, names: list[str]) -> None:
    for name in names:
        assert TypeAdapter(kind).validate_python(name) == name


def test_a_relation_has_at_most_three_names() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(RelationName).validate_python("a.b.c.d")


@given(st.text(min_size=1, max_size=30))
def test_no_text_outside_backticks_brings_more_than_word_characters(text: str) -> None:
    try:
        TypeAdapter(RelationName).validate_python(text)
    except ValidationError:
        return
    outside = "".join(text.split("`")[::2])
    assert text.count("`") % 2 == 0
    assert all(c == "." or c == "_" or (c.isascii() and c.isalnum()) for c in outside)
