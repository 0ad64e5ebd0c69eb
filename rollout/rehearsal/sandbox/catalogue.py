"""What a warehouse knows of itself: information schemas by catalog, SHOW and DESCRIBE.

DuckDB keeps one information schema for all catalogs and shows views as it rewrote them; here each
catalog has its own, and a view's definition is the text it was made with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from rollout.adapters.databricks_views import name_parts
from rollout.domain.errors import QueryFailed

CATALOGS = ("crm", "rds")
"""What of the world a warehouse shows; Salesforce' own records are not among it."""
_SYSTEM = {"columns", "tables", "schemata"}
_ASKS = re.compile(
    r"information_schema|\b(?:current_)?version\s*\(|\bis_account_group_member\b", re.IGNORECASE
)
SPARK, SQL = "4.0.0 rollout-sandbox", "2025.40"
"""What `version()` (Spark's, with a revision) and `current_version().dbsql_version` say here.
Source: Databricks SQL, functions version and current_version."""
OWNER = "rehearsal"
"""Of every table and view: `current_user()`, so whoever comes to a sandbox owns what is there."""
_SHOW = re.compile(
    r"\s*(?:(?P<create>SHOW\s+CREATE\s+TABLE\s+(?P<view>\S+))"
    r"|(?P<catalogs>SHOW\s+CATALOGS)"
    r"|SHOW\s+(?:SCHEMAS|DATABASES)(?:\s+(?:IN|FROM)\s+(?P<catalog>\S+))?"
    r"|(?P<tables>SHOW\s+(?:TABLES|VIEWS)\s+(?:IN|FROM)\s+(?P<schema>\S+))"
    r"|(?P<describe>DESC(?:RIBE)?\s+(?:TABLE\s+)?(?P<table>\S+)))\s*;?\s*",
    re.IGNORECASE,
)


_NAMED = (
    "CASE data_type WHEN 'VARCHAR' THEN 'string' WHEN 'INTEGER' THEN 'int' "
    "WHEN 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp' WHEN 'TIMESTAMP' THEN 'timestamp_ntz' "
    "WHEN 'BLOB' THEN 'binary' ELSE lower(data_type) END"
)
"""DuckDB's names of types as Databricks says them."""


def as_select(sql: str, views: Mapping[str, str]) -> str:
    """The statement as a SELECT on what DuckDB has, when it asks the catalogue; else as it is.

    Raises: QueryFailed for a view or table that is not there.
    """
    shown = _SHOW.fullmatch(sql)
    if shown is not None:
        return _shown(shown, views)
    return _rewritten(sql, views) if _ASKS.search(sql) else sql


def _shown(shown: re.Match[str], views: Mapping[str, str]) -> str:
    if shown["create"]:
        name = ".".join(part.lower() for part in name_parts(shown["view"]))
        if name not in views:
            raise _not_found(name)
        text = f"CREATE VIEW {name} AS {views[name]}"
        return f"SELECT {_text(text)} AS createtab_stmt"
    if shown["catalogs"]:
        return " UNION ALL ".join(f"SELECT {_text(c)} AS catalog" for c in CATALOGS)
    if shown["tables"]:
        catalog, schema = _parts(shown["schema"], 2)
        return (
            "SELECT table_schema AS `database`, table_name AS tableName, false AS isTemporary "  # noqa: S608 - literals of `_text`, in a mock
            "FROM system.information_schema.tables WHERE table_catalog = "
            f"{_text(catalog)} AND table_schema = {_text(schema)} ORDER BY table_name"
        )
    if shown["describe"]:
        catalog, schema, table = _parts(shown["table"], 3)
        return (
            f"SELECT column_name AS col_name, {_NAMED} AS data_type, "  # noqa: S608 - literals of `_text`, in a mock
            "CAST(NULL AS STRING) AS comment FROM system.information_schema.columns "
            f"WHERE table_catalog = {_text(catalog)} AND table_schema = {_text(schema)} "
            f"AND table_name = {_text(table)} ORDER BY ordinal_position"
        )
    (catalog,) = _parts(shown["catalog"] or CATALOGS[0], 1)
    return (
        "SELECT schema_name AS databaseName FROM system.information_schema.schemata WHERE "  # noqa: S608 - literals of `_text`, in a mock
        f"catalog_name = {_text(catalog)} AND schema_name <> 'main' ORDER BY schema_name"
    )


def _rewritten(sql: str, views: Mapping[str, str]) -> str:
    try:
        tree = sqlglot.parse_one(sql, read="databricks")
    except SqlglotError:
        return sql  # whoever runs it says what is wrong with it
    said = _say_who(tree)
    asked = [
        table
        for table in tree.find_all(exp.Table)
        if table.db.lower() == "information_schema" and table.name.lower() in {*_SYSTEM, "views"}
    ]
    for table in asked:
        catalog = table.catalog.lower()
        kept = CATALOGS if catalog in ("", "system") else (catalog,)
        text = _views(kept, views) if table.name.lower() == "views" else _system(table, kept)
        inner = sqlglot.parse_one(text, read="databricks")
        assert isinstance(inner, exp.Query)
        table.replace(inner.subquery(table.alias or table.name))
    return tree.sql("databricks") if asked or said else sql


def _say_who(tree: exp.Expr) -> bool:
    """Functions about the warehouse and its user, as the values they have here; whether there are any."""
    found = False
    for node in list(tree.walk()):
        word = node.name.lower() if isinstance(node, exp.Anonymous) else ""
        if isinstance(node, exp.Dot) and isinstance(node.this, exp.CurrentVersion):
            field = node.expression.name.lower()
            null = exp.cast(exp.null(), "string", dialect="databricks")
            node.replace(exp.Literal.string(SQL) if field == "dbsql_version" else null)
        elif word == "version":
            node.replace(exp.Literal.string(SPARK))
        elif word == "is_account_group_member":
            node.replace(exp.false())
        else:
            continue
        found = True
    return found


def _system(table: exp.Table, catalogs: tuple[str, ...]) -> str:
    name = table.name.lower()
    column = "catalog_name" if name == "schemata" else "table_catalog"
    listed = ", ".join(_text(catalog) for catalog in catalogs)
    shown = f"*, {_text(OWNER)} AS table_owner" if name == "tables" else "*"
    return f"SELECT {shown} FROM system.information_schema.{name} WHERE {column} IN ({listed})"  # noqa: S608 - literals of `_text`, in a mock


def _views(catalogs: tuple[str, ...], views: Mapping[str, str]) -> str:
    """Rows as SELECTs; the first one, which is empty, gives the columns their names."""
    names = ("table_catalog", "table_schema", "table_name", "view_definition")
    rows = ["SELECT " + ", ".join(f"'' AS {name}" for name in names) + " WHERE 1 = 0"]
    for name, select in sorted(views.items()):
        parts = name.split(".")
        if len(parts) == 3 and parts[0] in catalogs:
            rows.append("SELECT " + ", ".join(_text(value) for value in (*parts, select)))
    return " UNION ALL ".join(rows)


def _parts(name: str, count: int) -> list[str]:
    parts = [part.lower() for part in name_parts(name)]
    if len(parts) != count or parts[0] not in CATALOGS:
        raise _not_found(name)
    return parts


def _text(value: str) -> str:
    return str(exp.Literal.string(value).sql("databricks"))


def _not_found(name: str) -> QueryFailed:
    kind = "TABLE_OR_VIEW_NOT_FOUND"
    return QueryFailed(f"[{kind}] the table or view `{name}` cannot be found", error_class=kind)
