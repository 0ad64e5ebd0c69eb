"""The statements behind a bulk write to Salesforce: who matches whom, what is refused, what is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

OBJECT = "sfdc.main.product_property"
Operation = Literal["upsert", "update", "insert"]

SYSTEM_FIELDS = frozenset(
    {
        "id",
        "createddate",
        "createdbyid",
        "lastmodifieddate",
        "lastmodifiedbyid",
        "systemmodstamp",
        "isdeleted",
    }
)


class ValidationRule(msgspec.Struct, frozen=True):
    """Rejects a row with `reason` where the SQL `predicate` over `r` (the incoming row) is true.

    Only used for writes that carry all of `fields`, and for the results in `on`.
    """

    fields: tuple[str, ...]
    predicate: str
    reason: str
    on: tuple[str, ...] = ("created", "updated")


def default_rules() -> list[ValidationRule]:
    """What the object refuses from the start."""
    return [
        ValidationRule(
            ("Name",),
            'r."Name" IS NULL OR trim(r."Name") = \'\'',
            "REQUIRED_FIELD_MISSING: Required fields are missing: [Name]",
        ),
        ValidationRule(
            ("Name",),
            'length(r."Name") > 80',
            "STRING_TOO_LONG: Property Name: data value too large (max length=80)",
        ),
        ValidationRule(
            ("Short_ID__c",),
            'r."Short_ID__c" IN (SELECT Short_ID__c FROM sfdc.main.product_property WHERE NOT IsDeleted'
            " AND Short_ID__c IN (SELECT Short_ID__c FROM rollout_incoming))",
            "DUPLICATE_VALUE: duplicate value found: Short_ID__c",
            ("created",),
        ),
    ]


def matching(
    key: str,
    fields: Sequence[str],
    operation: Operation,
    rules: Sequence[ValidationRule],
    unique_key: bool,
) -> str:
    """SQL for the temporary table rollout_outcome(rollout_ord, id, result, reason).

    Reads rollout_incoming. Keys match without regard to case, as external ids do; `Id` exactly.
    """
    exact = key == "Id"
    theirs = '"Id"' if exact else f'lower("{key}")'
    ours = 'r."Id"' if exact else f'lower(r."{key}")'
    return f"""
    CREATE OR REPLACE TEMP TABLE rollout_outcome AS
    SELECT rollout_ord, CASE WHEN reason IS NULL THEN coalesce(id, new_id) END AS id,
      CASE WHEN reason IS NULL THEN intent ELSE 'rejected' END AS result, reason
    FROM (
      SELECT rollout_ord, id, intent, reason,
        CASE WHEN reason IS NULL AND intent = 'created' THEN
          'a0PVj' || lpad(CAST(nextval('sfdc.main.record_number') AS VARCHAR), 10, '0') || 'AAQ' END AS new_id
      FROM (
        SELECT r.rollout_ord, r.id, r.intent,
          CASE {_refusals(key, operation, unique_key)}{_broken_rules(fields, operation, rules)} END AS reason
        FROM (
          SELECT r.* {"EXCLUDE (Id)" if exact else ""}, m.id, coalesce(m.n, 0) AS n,
            count(*) OVER (PARTITION BY {ours}) AS twice, {ours} AS rollout_key,
            {_intent(operation)} AS intent
          FROM rollout_incoming AS r
          LEFT JOIN (
            SELECT {theirs} AS k, min(Id) AS id, count(*) AS n FROM {OBJECT}
            WHERE NOT IsDeleted AND {theirs} IN (SELECT {ours} FROM rollout_incoming AS r) GROUP BY 1
          ) AS m ON m.k = {ours}
        ) AS r
        ORDER BY r.rollout_ord
      )
    )
    """  # noqa: S608 - names come from the object's own description


def updating(writable: Sequence[str]) -> str:
    """SQL that writes the rows whose result is `updated`."""
    sets = "".join(f', "{name}" = r."{name}"' for name in writable)
    return f"""
    UPDATE {OBJECT} AS t
    SET LastModifiedDate = $at, LastModifiedById = $by, SystemModstamp = $at{sets}
    FROM (
      SELECT i.*, o.id AS rollout_id FROM rollout_incoming AS i
      JOIN rollout_outcome AS o ON o.rollout_ord = i.rollout_ord WHERE o.result = 'updated'
    ) AS r
    WHERE t.Id = r.rollout_id
    """  # noqa: S608 - names come from the object's own description


def inserting(writable: Sequence[str]) -> str:
    """SQL that writes the rows whose result is `created`."""
    listed = "".join(f', "{name}"' for name in writable)
    values = "".join(f', r."{name}"' for name in writable)
    return f"""
    INSERT INTO {OBJECT} (
      Id, CreatedDate, CreatedById, LastModifiedDate, LastModifiedById, SystemModstamp{listed}
    )
    SELECT o.id, $at, $by, $at, $by, $at{values}
    FROM rollout_incoming AS r JOIN rollout_outcome AS o ON o.rollout_ord = r.rollout_ord
    WHERE o.result = 'created' ORDER BY r.rollout_ord
    """  # noqa: S608 - names come from the object's own description


def _broken_rules(
    fields: Sequence[str], operation: Operation, rules: Sequence[ValidationRule]
) -> str:
    carried = {f.lower() for f in fields}
    possible = {"upsert": {"created", "updated"}, "update": {"updated"}, "insert": {"created"}}
    return "".join(
        f" WHEN intent IN ({', '.join(repr(on) for on in rule.on)}) AND ({rule.predicate})"
        f" THEN '{_quoted(rule.reason)}'"
        for rule in rules
        if all(f.lower() in carried for f in rule.fields) and possible[operation] & set(rule.on)
    )


def _intent(operation: Operation) -> str:
    if operation == "upsert":
        return "CASE WHEN m.id IS NULL THEN 'created' ELSE 'updated' END"
    return "'updated'" if operation == "update" else "'created'"


def _refusals(key: str, operation: Operation, unique_key: bool) -> str:
    """WHEN clauses about the key, before any validation rule."""
    clauses = []
    if operation != "insert" or unique_key:
        clauses.append(f"WHEN rollout_key IS NULL THEN 'MISSING_ARGUMENT: {key} not specified'")
        clauses.append(
            f"WHEN twice > 1 THEN 'DUPLICATE_VALUE: duplicate external id specified: {key}'"
        )
    if operation == "update":
        clauses.append("WHEN n = 0 THEN 'ENTITY_IS_DELETED: entity is deleted or does not exist'")
    if operation == "insert" and unique_key:
        clauses.append(f"WHEN n > 0 THEN 'DUPLICATE_VALUE: duplicate value found: {key}'")
    if operation != "insert":
        clauses.append(
            f"WHEN n > 1 THEN 'DUPLICATE_EXTERNAL_ID: more than one record found for {key}'"
        )
    return "\n".join(clauses) or "WHEN FALSE THEN ''"


def _quoted(text: str) -> str:
    return text.replace("'", "''")
