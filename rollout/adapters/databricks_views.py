"""Names and definitions of views, as Databricks writes them."""

from __future__ import annotations

import re

from rollout.domain.errors import QueryFailed

_PART = re.compile(r"`((?:[^`]|``)+)`|([A-Za-z_][A-Za-z0-9_]*)")


def name_parts(name: str) -> list[str]:
    """One to three parts of a relation's name.

    Raises: QueryFailed for anything that is not just a name.
    >>> name_parts("crm.sfdc_dbx.`odd.name`")
    ['crm', 'sfdc_dbx', 'odd.name']
    """
    parts, position = [], 0
    while found := _PART.match(name, position):
        parts.append(found[1].replace("``", "`") if found[1] is not None else found[2])
        position = found.end()
        if position == len(name) and len(parts) <= 3:
            return parts
        if name[position : position + 1] != ".":
            break
        position += 1
    raise QueryFailed(f"{name!r} is no name of a view", error_class="INVALID_IDENTIFIER")


def quoted(parts: list[str]) -> str:
    """
    >>> quoted(["crm", "odd`name"])
    '`crm`.`odd``name`'
    """
    return ".".join("`" + part.replace("`", "``") + "`" for part in parts)


def select_of(statement: str, name: str) -> str:
    """The SELECT of a `CREATE VIEW … AS SELECT …`, character by character as it stands there.

    Tokens are needed, not a search for AS: it also occurs in comments of columns.
    Raises: QueryFailed when the statement makes no view.
    """
    from sqlglot import TokenType, tokenize
    from sqlglot.errors import SqlglotError

    try:
        tokens = tokenize(statement, read="databricks")
    except SqlglotError:
        tokens = []
    depth = 0
    is_view = any(token.token_type == TokenType.VIEW for token in tokens[:6])
    for token in tokens if is_view else []:
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0 and token.token_type == TokenType.ALIAS:
            return statement[token.end + 1 :].strip()
    raise QueryFailed(f"{name} is not a view", error_class="NOT_A_VIEW")
