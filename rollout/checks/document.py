"""`document`: a file or page is there, says what it should, and is not half-written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import BaseModel, Field, model_validator

from rollout.checks.document_text import DocumentText, read_html, read_markdown
from rollout.checks.written import Count
from rollout.domain.errors import ServiceRefused
from rollout.domain.evidence import Observation, Scalar
from rollout.domain.plan import Model
from rollout.kinds import CheckContext
from rollout.ports import Page

PLACEHOLDERS = ["TODO", "TBD", "FIXME", "XXX", "lorem ipsum"]
_GONE = frozenset({404, 410})
Text = Annotated[str, Field(min_length=1, max_length=200)]


class DocumentInputs(Model):
    """Where it is: `path` below the plan's folder, `url`, or `published`, a file that a `publish`
    step wrote. What must be in it: `headings`, `min_words`, none of `placeholders`."""

    path: Text | None = None
    url: Annotated[str, Field(pattern=r"^(https?://|\$\{\{)", max_length=2000)] | None = None
    published: Text | None = None
    hosts: list[str] = []
    private: bool = False
    headings: list[Text] = []
    min_words: Count = 1
    placeholders: list[Text] = PLACEHOLDERS

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.path, self.url, self.published)) != 1:
            raise ValueError("give one of `path`, `url` and `published`")
        return self

    @property
    def place(self) -> str:
        return self.path or self.url or self.published or ""


class Document:
    """A page that answers with an error is neither there nor absent: that is no answer at all."""

    kind: ClassVar[str] = "document"
    Inputs: ClassVar[type[BaseModel]] = DocumentInputs
    primary: ClassVar[str | None] = "ok"
    metrics: ClassVar[Mapping[str, str] | None] = {
        "ok": "whether it is there with everything asked for",
        "present": "whether it is there",
        "missing_headings": "headings asked for that it does not have",
        "words": "words in it, code left out",
        "placeholders": "kinds of placeholder left in it",
    }
    default_go: ClassVar[Mapping[str, str]] = {"ok": "is true"}

    def observe(self, inputs: DocumentInputs, context: CheckContext) -> Observation:
        page = _page(inputs, context)
        if page is None or page.status in _GONE:
            return _seen(inputs, context, {"ok": False, "present": False}, {})
        digest = {"sha256": hashlib.sha256(page.body).hexdigest(), "bytes": len(page.body)}
        if page.status not in (None, 200):
            what = f"{page.place} answered {page.status}: whether it is there cannot be told"
            return _seen(inputs, context, {"ok": None, "present": None}, digest, what)
        text = _text(inputs, page)
        if text is None:
            what = f"{page.place} is not a text in UTF-8"
            return _seen(inputs, context, {"ok": None, "present": True}, digest, what)
        missing = text.missing(inputs.headings)
        left = text.unwritten(inputs.placeholders)
        metrics: dict[str, Scalar] = {
            "ok": not missing and not left and text.words >= inputs.min_words,
            "present": True,
            "missing_headings": len(missing),
            "words": text.words,
            "placeholders": len(left),
        }
        return _seen(inputs, context, metrics, {**digest, "missing": missing, "left": left})


def _page(inputs: DocumentInputs, context: CheckContext) -> Page | None:
    """None when it is not there. Raises: ServiceError, KindMisused."""
    if inputs.published is not None:
        body = context.connections.files().read(inputs.published)
        return None if body is None else Page(place=inputs.published, body=body)
    try:
        return context.connections.pages().read(
            inputs.place, hosts=inputs.hosts, private=inputs.private, timeout_s=context.timeout_s
        )
    except ServiceRefused as problem:
        if problem.status in _GONE:
            return None
        raise


def _text(inputs: DocumentInputs, page: Page) -> DocumentText | None:
    try:
        source = page.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if "\0" in source:
        return None
    is_html = "html" in page.content_type.lower() or page.place.endswith((".html", ".htm"))
    return read_html(source) if is_html else read_markdown(source)


def _seen(
    inputs: DocumentInputs,
    context: CheckContext,
    metrics: Mapping[str, Scalar],
    detail: Mapping[str, object],
    problem: str | None = None,
) -> Observation:
    unknown: dict[str, Scalar] = dict.fromkeys(Document.metrics or ())
    return Observation(
        metrics={**unknown, **metrics},
        source=inputs.place.partition("?")[0],
        query=f"headings: {', '.join(inputs.headings) or 'any'}",
        as_of=context.now,
        detail=detail,
        problem=problem,
    )
