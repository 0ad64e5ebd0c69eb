"""Keep keys and addresses of records out of reports: a short digest still tells rows apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

from rollout.domain.evidence import Scalar

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_NAMES_A_RECORD = {"id", "ids", "key", "keys", "uuid", "guid", "email", "mail", "phone", "mobile"}
# Begins at the @ and never looks back further than one character: long texts take linear time.
_ADDRESS = re.compile(r"(?<=[^\s@])@[^\s@]+\.[^\s@]")

SHOWN = 12
"""Hex digits of a hashed key."""


def hashed(value: Scalar) -> str:
    """The first 12 hex digits of the sha256 of the value as text.

    >>> hashed("a1b2")
    '85337816d263'
    """
    return hashlib.sha256(str(value).encode("utf-8", "surrogatepass")).hexdigest()[:SHOWN]


def key_columns(inputs: Mapping[str, Any]) -> set[str]:
    """Columns that a check's own `key` input names, on either side.

    >>> sorted(key_columns({"key": {"rds_property_id": "snappt_property_id_c"}}))
    ['rds_property_id', 'snappt_property_id_c']
    """
    key = inputs.get("key")
    if isinstance(key, str):
        return {key}
    if isinstance(key, Mapping):
        return {str(name) for pair in key.items() for name in pair}
    return {str(name) for name in key} if isinstance(key, list) else set()


def masked(row: Mapping[str, Scalar], keys: Collection[str]) -> dict[str, Scalar]:
    """The row with keys hashed: declared ones, texts in columns named like an id, and addresses."""
    return {
        column: hashed(value) if _names_a_record(column, value, keys) else value
        for column, value in row.items()
    }


def _names_a_record(column: str, value: Scalar, keys: Collection[str]) -> bool:
    if value is None or value == "" or isinstance(value, bool):
        return False
    if column in keys:
        return True
    if not isinstance(value, str):
        return False
    words = {word.lower() for word in _WORDS.findall(column)}
    return not words.isdisjoint(_NAMES_A_RECORD) or _ADDRESS.search(value) is not None
