"""Strict reading of a service's JSON objects: what is needed must have the right type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from rollout.domain.errors import ServiceGarbled
from rollout.domain.instants import from_text

T = TypeVar("T")

_WORDS = {
    "NoneType": "null",
    "dict": "an object",
    "list": "a list",
    "str": "a text",
    "bool": "true or false",
    "int": "a number",
    "float": "a number with a fraction",
}


class Fields:
    """One JSON object, `what` names it in messages. Fields nobody asks for are ignored.

    A message says which field has which type, never its value: it may be anything.
    Raises: ServiceGarbled, here and in every method.
    """

    def __init__(self, document: Any, what: str) -> None:
        if not isinstance(document, Mapping):
            raise ServiceGarbled(f"{what} should be an object, is {_kind(document)}")
        self.document: Mapping[str, Any] = document
        self.what = what

    def integer(self, name: str) -> int:
        value = self.optional_integer(name)
        return self._required(name, value, "a whole number")

    def optional_integer(self, name: str) -> int | None:
        """A whole number of at least zero; counters and ids are never negative."""
        value = self.document.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(name, "a whole number")
        return value

    def text(self, name: str) -> str:
        return self._required(name, self.optional_text(name), "a text")

    def optional_text(self, name: str) -> str | None:
        value = self.document.get(name)
        if value is not None and not isinstance(value, str):
            raise self._wrong(name, "a text")
        return value

    def flag(self, name: str) -> bool:
        return self._required(name, self.optional_flag(name), "true or false")

    def optional_flag(self, name: str) -> bool | None:
        value = self.document.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._wrong(name, "true or false")
        return value

    def instant(self, name: str) -> datetime:
        return self._required(name, self.optional_instant(name), "an instant")

    def optional_instant(self, name: str) -> datetime | None:
        """ISO 8601 with an offset, in UTC."""
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            return from_text(text)
        except (ValueError, OverflowError):
            pass
        raise self._wrong(name, "an instant with its offset from UTC")

    def object(self, name: str) -> Fields:
        return Fields(self.document.get(name), f"{self.what}: {name}")

    def optional_object(self, name: str) -> Fields | None:
        return None if self.document.get(name) is None else self.object(name)

    def objects(self, name: str) -> list[Fields]:
        value = self.document.get(name)
        if not isinstance(value, list):
            raise self._wrong(name, "a list")
        return [Fields(item, f"{self.what}: {name}[{i}]") for i, item in enumerate(value)]

    def _required(self, name: str, value: T | None, expected: str) -> T:
        if value is None:
            raise self._wrong(name, expected)
        return value

    def _wrong(self, name: str, expected: str) -> ServiceGarbled:
        found = _kind(self.document[name]) if name in self.document else "absent"
        return ServiceGarbled(f"{self.what}: {name} should be {expected}, is {found}")


def _kind(value: Any) -> str:
    return _WORDS.get(type(value).__name__, type(value).__name__)
