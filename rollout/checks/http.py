"""`http`: a page of an allowed host answers as it should, with the texts and values it should have."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import BaseModel, Field, field_validator

from rollout.checks.population import metric
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Identifier, Model
from rollout.kinds import CheckContext
from rollout.ports import Page

OWN = ("ok", "status", "status_ok", "missing_texts", "bytes")
"""Metrics that every page has; names of values must differ from them."""

LONGEST_TEXT = 200
Status = Annotated[int, Field(ge=100, le=599)]
Pointer = Annotated[str, Field(pattern=r"^(/[^/]*)*$", max_length=300)]
"""Where a value stands in a JSON document. Source: RFC 6901; the empty pointer is the document."""


class HttpInputs(Model):
    """One GET. `hosts`: allowed beside those of the plan's connections; `private`: its address may be
    a private one; `values`: metric -> JSON pointer, for conditions by name."""

    url: str = Field(min_length=1, max_length=2000)
    hosts: list[str] = []
    private: bool = False
    status: Status | list[Status] = 200
    contains: list[Annotated[str, Field(min_length=1)]] = []
    values: dict[Identifier, Pointer] = {}

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, text: str) -> str:
        if "${{" not in text and not text.startswith(("https://", "http://")):
            raise ValueError("a URL begins with https://")
        return text

    @field_validator("values")
    @classmethod
    def _own_names(cls, given: dict[str, str]) -> dict[str, str]:
        taken = [name for name in given if name in OWN]
        if taken:
            raise ValueError(f"{taken[0]!r} is a metric of every page; call the value otherwise")
        return given


class Http:
    """What a page said. Values count only when the status is as wanted: an error page has none."""

    kind: ClassVar[str] = "http"
    Inputs: ClassVar[type[BaseModel]] = HttpInputs
    primary: ClassVar[str | None] = "ok"
    metrics: ClassVar[Mapping[str, str] | None] = None
    """`ok` (all as wanted), `status`, `status_ok`, `missing_texts`, `bytes`, and the named values."""
    default_go: ClassVar[Mapping[str, str]] = {"ok": "is true"}

    def observe(self, inputs: HttpInputs, context: CheckContext) -> Observation:
        page = context.connections.pages().read(
            inputs.url, hosts=inputs.hosts, private=inputs.private, timeout_s=context.timeout_s
        )
        wanted = [inputs.status] if isinstance(inputs.status, int) else inputs.status
        status_ok = page.status in wanted
        values, problem = (
            _values(inputs, page) if status_ok else (dict.fromkeys(inputs.values), None)
        )
        missing = _missing(inputs, page) if status_ok else None
        found = all(value is not None for value in values.values())
        return Observation(
            metrics={
                **values,
                "ok": status_ok and missing == [] and found and problem is None,
                "status": page.status,
                "status_ok": status_ok,
                "missing_texts": None if missing is None else len(missing),
                "bytes": len(page.body),
            },
            source=page.place,
            query=f"GET {page.place}",
            as_of=context.now,
            detail={
                "content_type": page.content_type,
                "sha256": hashlib.sha256(page.body).hexdigest(),
                "missing_texts": missing or [],
            },
            problem=problem,
        )


def _missing(inputs: HttpInputs, page: Page) -> list[str]:
    if not inputs.contains:
        return []
    text = page.body.decode("utf-8", errors="replace")
    return [wanted for wanted in inputs.contains if wanted not in text]


def _values(inputs: HttpInputs, page: Page) -> tuple[dict[str, Scalar], str | None]:
    """Metric -> what stands at its pointer (None: nothing), and why the page cannot be read."""
    if not inputs.values:
        return {}, None
    try:
        document = msgspec.json.decode(page.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return dict.fromkeys(inputs.values), "the page is not JSON: no value can be looked up in it"
    found = {name: at_pointer(document, pointer) for name, pointer in inputs.values.items()}
    return {name: _shown(metric(value)) for name, value in found.items()}, None


def at_pointer(document: Any, pointer: str) -> Any:
    """What stands at a JSON pointer, None when nothing does.

    >>> page = {"queues": [{"a/b": 5}], "n": {"-1": 0}}
    >>> at_pointer(page, "/queues/0/a~1b"), at_pointer(page, "/queues/1"), at_pointer(page, "/n/-1")
    (5, None, 0)
    """
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, Mapping):
            document = document.get(key)
        elif isinstance(document, list) and key.isascii() and key.isdecimal():
            position = int(key[:9])
            document = document[position] if position < len(document) else None
        else:
            return None
    return document


def _shown(value: Scalar) -> Scalar:
    """A text as one short printable line."""
    if not isinstance(value, str):
        return value
    line = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return line[:LONGEST_TEXT]
