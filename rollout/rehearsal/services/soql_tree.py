"""The tree of a SOQL query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

Scalar = str | bool | int | float | datetime | date | None


class SoqlProblem(Exception):
    """A query Salesforce would refuse; `code` is its errorCode, the message its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Field:
    """A field by the name the query gave it."""

    name: str


@dataclass(frozen=True)
class Call:
    """An aggregate such as COUNT(Id); `field` is None for COUNT()."""

    function: str
    field: str | None


Operand = Field | Call


@dataclass(frozen=True)
class Item:
    """One thing selected."""

    operand: Operand
    alias: str | None = None


@dataclass(frozen=True)
class Compare:
    """`operand operator value`; operators are = != < <= > >= LIKE."""

    operand: Operand
    operator: str
    value: Scalar


@dataclass(frozen=True)
class Member:
    """`operand IN (...)`, or NOT IN when `inside` is false."""

    operand: Operand
    values: tuple[Scalar, ...]
    inside: bool = True


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    condition: Condition


@dataclass(frozen=True)
class Group:
    """Conditions joined by one word."""

    word: Literal["AND", "OR"]
    conditions: tuple[Condition, ...]


Condition = Compare | Member | Not | Group


@dataclass(frozen=True)
class OrderItem:
    """One key of the order; nulls come first unless told otherwise, as in Salesforce."""

    operand: Operand
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True)
class Query:
    """A parsed SELECT."""

    items: tuple[Item, ...]
    object_name: str
    where: Condition | None = None
    group: tuple[str, ...] = ()
    having: Condition | None = None
    order: tuple[OrderItem, ...] = ()
    limit: int | None = None
    offset: int | None = None
