"""SOQL as the rehearsal's Salesforce understands it: a grammar and the tree it gives.

The grammar is a `lark` LALR grammar. It is as strict as Salesforce where leniency would let a
query pass a rehearsal and fail in production: AND and OR do not mix without parentheses, there is
no `AS`, no `SELECT *`, texts stand in single quotes and instants stand in none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import (
    UnexpectedCharacters,
    UnexpectedEOF,
    UnexpectedInput,
    UnexpectedToken,
    VisitError,
)

from rollout.rehearsal.services.soql_tree import (
    Call,
    Compare,
    Condition,
    Field,
    Group,
    Item,
    Member,
    Not,
    Operand,
    OrderItem,
    Query,
    Scalar,
    SoqlProblem,
)

GRAMMAR = r"""
query: "SELECT"i item ("," item)* "FROM"i NAME where? group? order? limit? offset?

item: operand NAME?
?operand: NAME -> field
        | NAME "(" NAME? ")" -> call

where: "WHERE"i condition
group: "GROUP"i "BY"i NAME ("," NAME)* having?
having: "HAVING"i condition
order: "ORDER"i "BY"i order_item ("," order_item)*
order_item: operand DIRECTION? (NULLS PLACE)?
limit: "LIMIT"i INT
offset: "OFFSET"i INT

?condition: unary
          | unary ("AND"i unary)+ -> all_of
          | unary ("OR"i unary)+ -> any_of
?unary: "NOT"i unary -> negation
      | "(" condition ")"
      | comparison
?comparison: operand OPERATOR literal -> compare
           | operand "LIKE"i STRING -> like
           | operand "IN"i "(" literal ("," literal)* ")" -> member
           | operand "NOT"i "IN"i "(" literal ("," literal)* ")" -> stranger

?literal: STRING | INSTANT | DAY | NUMBER | INT | TRUE | FALSE | NULL

DIRECTION.2: "ASC"i | "DESC"i
NULLS.2: "NULLS"i
PLACE.2: "FIRST"i | "LAST"i
TRUE.2: "TRUE"i
FALSE.2: "FALSE"i
NULL.2: "NULL"i
OPERATOR: "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
INSTANT.4: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)/
DAY.3: /\d{4}-\d\d-\d\d/
NUMBER.2: /-?\d+\.\d+/
INT.1: /-?\d+/
STRING: /'(\\.|[^'\\])*'/
NAME: /[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*/i
%import common.WS
%ignore WS
"""

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def _unescape(body: str) -> str:
    text, at = [], 0
    while at < len(body):
        char = body[at]
        if char == "\\":
            at += 1
            char = _ESCAPES.get(body[at].lower(), body[at])
            if body[at] in "%_":  # stays escaped: only LIKE gives these two a meaning
                char = "\\" + body[at]
        text.append(char)
        at += 1
    return "".join(text)


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError as error:
        raise SoqlProblem("MALFORMED_QUERY", f"{text} is not a valid datetime") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SoqlProblem("MALFORMED_QUERY", f"{text} is not a valid date") from error


def _literal(token: Token) -> Scalar:
    readers: dict[str, Any] = {
        "STRING": lambda text: _unescape(text[1:-1]),
        "INSTANT": _instant,
        "DAY": _day,
        "NUMBER": float,
        "INT": int,
        "TRUE": lambda _: True,
        "FALSE": lambda _: False,
        "NULL": lambda _: None,
    }
    value: Scalar = readers[token.type](str(token))
    return value


@v_args(inline=True)
class _Builder(Transformer[Token, Query]):
    """From lark's tree to the dataclasses above, rule by rule."""

    def field(self, name: Token) -> Field:
        return Field(str(name))

    def call(self, name: Token, field: Token | None = None) -> Call:
        return Call(str(name).upper(), None if field is None else str(field))

    def item(self, operand: Operand, alias: Token | None = None) -> Item:
        return Item(operand, None if alias is None else str(alias))

    def compare(self, operand: Operand, operator: Token, literal: Token) -> Compare:
        return Compare(operand, "!=" if operator == "<>" else str(operator), _literal(literal))

    def like(self, operand: Operand, pattern: Token) -> Compare:
        return Compare(operand, "LIKE", _literal(pattern))

    def member(self, operand: Operand, *literals: Token) -> Member:
        return Member(operand, tuple(map(_literal, literals)))

    def stranger(self, operand: Operand, *literals: Token) -> Member:
        return Member(operand, tuple(map(_literal, literals)), inside=False)

    def negation(self, condition: Condition) -> Not:
        return Not(condition)

    def all_of(self, *conditions: Condition) -> Group:
        return Group("AND", conditions)

    def any_of(self, *conditions: Condition) -> Group:
        return Group("OR", conditions)

    def where(self, condition: Condition) -> dict[str, Any]:
        return {"where": condition}

    def having(self, condition: Condition) -> dict[str, Any]:
        return {"having": condition}

    def group(self, *parts: Any) -> dict[str, Any]:
        names = tuple(str(part) for part in parts if isinstance(part, Token))
        having = next((part for part in parts if isinstance(part, dict)), {})
        return {"group": names} | having

    def order_item(self, operand: Operand, *words: Token) -> OrderItem:
        said = {str(word).upper() for word in words}
        return OrderItem(operand, descending="DESC" in said, nulls_last="LAST" in said)

    def order(self, *items: OrderItem) -> dict[str, Any]:
        return {"order": items}

    def limit(self, count: Token) -> dict[str, Any]:
        return {"limit": int(count)}

    def offset(self, count: Token) -> dict[str, Any]:
        return {"offset": int(count)}

    def query(self, *parts: Any) -> Query:
        clauses: dict[str, Any] = {}
        for part in parts:
            if isinstance(part, dict):
                clauses |= part
        items = tuple(part for part in parts if isinstance(part, Item))
        object_name = next(str(part) for part in parts if isinstance(part, Token))
        return Query(items=items, object_name=object_name, **clauses)


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, start="query", parser="lalr", maybe_placeholders=False)


@lru_cache(maxsize=64)
def parse(text: str) -> Query:
    """Read one SOQL query.

    Raises: SoqlProblem (MALFORMED_QUERY) with the place and what stood there.
    >>> parse("SELECT COUNT() FROM Product_Property__c WHERE Name != NULL").where
    Compare(operand=Field(name='Name'), operator='!=', value=None)
    """
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise SoqlProblem("MALFORMED_QUERY", _complaint(text, error)) from error
    try:
        return _Builder(visit_tokens=False).transform(tree)
    except VisitError as error:  # lark wraps what a rule raises, here an impossible date
        raise error.orig_exc from None


def _complaint(text: str, error: UnexpectedInput) -> str:
    if isinstance(error, UnexpectedEOF) or (
        isinstance(error, UnexpectedToken) and error.token.type == "$END"
    ):
        return f"\n{text}\nunexpected token: '<EOF>'"
    found = error.char if isinstance(error, UnexpectedCharacters) else getattr(error, "token", "?")
    return (
        f"\n{error.get_context(text, span=30)}"
        f"ERROR at Row:{error.line}:Column:{error.column}\nunexpected token: '{found}'"
    )
