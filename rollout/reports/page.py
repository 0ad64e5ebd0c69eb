"""Reports as one HTML page each: no script, nothing loaded, every foreign text escaped.

The page's own policy forbids whatever might slip in all the same: only the one style sheet, known
by its digest, is let through.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rollout.reports.drawing import drawn
from rollout.reports.evidence_parts import evidence_parts
from rollout.reports.foreign import lines, one_line
from rollout.reports.moments import moment
from rollout.reports.picture_words import picture_words
from rollout.reports.verdicts import decision_seal, headline, must, seal_of, worst_first

_PACKAGE = "rollout.reports"


def gate_page(report: Mapping[str, Any], *, index: bool = False) -> str:
    """A gate report for people who sign: equal reports give equal bytes. `index`: the page lies in a
    folder beside an `index.html`."""
    page = _environment().get_template("gate.html.j2")
    return page.render(
        r=report, parts=evidence_parts(report["checks"]), index=index, **_frame(report)
    )


def index_page(index: Mapping[str, Any]) -> str:
    """The first page of a folder of reports."""
    return _environment().get_template("index.html.j2").render(i=index, **_frame(index))


def _frame(document: Mapping[str, Any]) -> dict[str, Any]:
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    zone = document["timezone"]

    def when(text: str | None) -> str:
        return moment(text, zone)

    def picture(data: Mapping[str, Any]) -> dict[str, Any]:
        words = picture_words(data, zone)
        return {"svg": drawn(data, zone, words), "words": words}

    return {
        "style": Markup(style),  # noqa: S704 - our own file
        "policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        "when": when,
        "picture": picture,
    }


@cache
def _style() -> str:
    return _environment().get_template("report.css").render()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_finalized,
    )
    environment.filters["seal"] = seal_of
    environment.filters["headline"] = headline
    environment.filters["must"] = must
    environment.filters["decided"] = decision_seal
    environment.filters["worst_first"] = worst_first
    environment.filters["lines"] = lambda value: Markup.escape(lines(value))
    return environment


def _finalized(value: Any) -> Any:
    """What every `{{ … }}` goes through, before it is escaped."""
    if isinstance(value, Markup):
        return value
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return one_line(value).replace(" %", "\u00a0%")
