"""Reports as Markdown. Whatever a template prints is escaped, unless it was made here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rollout.reports.foreign import lines, one_line
from rollout.reports.verdicts import decision_seal, must, seal_of, worst_first

_SPECIAL = re.compile(r"([\\`*{}\[\]#|~$])|((?<![^\W_])_|_(?![^\W_]))")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


def escape(value: object) -> str:
    """One line of foreign text that Markdown and HTML show as it is.

    >>> escape("<b>a|b</b> *c* a_b _d_")
    '&lt;b&gt;a\\\\|b&lt;/b&gt; \\\\*c\\\\* a_b \\\\_d\\\\_'
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = one_line(value)
    text = "".join(_HTML.get(character, character) for character in text)
    text = (
        text.replace("://", ":&#47;&#47;").replace("www.", "www&#46;").replace("WWW.", "WWW&#46;")
    )
    return _SPECIAL.sub(lambda m: "\\" + m.group(), text)


def fenced(value: object) -> Markup:
    """A block of code that its content cannot close."""
    text = lines(value)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}\n{text}\n{fence}")  # noqa: S704 - a fence is what makes it safe


def gate_markdown(report: Mapping[str, Any]) -> str:
    """A gate report for people: first what is decided and what blocks, then every check."""
    return _environment().get_template("gate_report.md.j2").render(r=report)


def index_markdown(index: Mapping[str, Any]) -> str:
    """The first page of a folder of reports."""
    return _environment().get_template("index.md.j2").render(i=index)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rollout.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalized,
    )
    environment.filters["fenced"] = fenced
    environment.filters["seal"] = seal_of
    environment.filters["decided"] = lambda decision: decision_seal(decision).word
    environment.filters["worst_first"] = worst_first
    environment.filters["must"] = must
    environment.filters["columns"] = _columns
    return environment


def _finalized(value: Any) -> Any:
    return value if isinstance(value, Markup) else Markup(escape(value))  # noqa: S704 - escaped


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))
