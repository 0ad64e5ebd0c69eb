"""What a Markdown or HTML document says: its headings, its words, and what was left unwritten."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import unescape

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*))?$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-{2,})[ \t]*$")
_CLOSING = re.compile(r"[ \t]+#+[ \t]*$")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_WORD = re.compile(r"\w+")
_MARKS = "*_`~ \t"
_UNSEEN = frozenset({"script", "style", "template", "noscript"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


@dataclass
class DocumentText:
    """`headings` in order, as a reader sees them; `text` is what a reader reads; `written` also what
    stands in comments: there an author's reminders are."""

    headings: list[str] = field(default_factory=list)
    text: str = ""
    written: str = ""

    @property
    def words(self) -> int:
        return sum(1 for _ in _WORD.finditer(self.text))

    def missing(self, wanted: Iterable[str]) -> list[str]:
        """Headings that are not there; case and spaces do not matter."""
        there = {_normal(heading) for heading in self.headings}
        return [heading for heading in wanted if _normal(heading) not in there]

    def unwritten(self, placeholders: Sequence[str]) -> list[str]:
        """Each placeholder that stands somewhere as a word of its own. One in capitals must be so."""
        return [mark for mark in placeholders if _stands_in(mark, self.written)]


def read_markdown(source: str) -> DocumentText:
    """Headings of both forms; code blocks hold no headings and no words.

    >>> read_markdown("# One #\\n\\nTwo\\n---\\n```\\n# no\\n```\\n").headings
    ['One', 'Two']
    """
    headings: list[str] = []
    kept: list[str] = []
    fence = ""
    for line in _without_comments(source).splitlines():
        opening = _FENCE.match(line)
        if fence:
            if opening and opening[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        if opening:
            fence = opening[1]
            continue
        heading = _ATX.match(line)
        if heading is not None:
            headings.append(_CLOSING.sub("", heading[1] or "").strip(_MARKS))
        elif _UNDERLINE.match(line) and kept and kept[-1].strip():
            headings.append(kept[-1].strip(_MARKS))
        kept.append(line)
    return DocumentText(headings, "\n".join(kept), source)


def read_html(source: str) -> DocumentText:
    """What is between the tags, scripts and styles left out.

    >>> read_html("<h1>One <b>two</b></h1><script>h1</script><p>three</p>").headings
    ['One two']
    """
    found = DocumentText()
    heading: list[str] | None = None
    seen: list[str] = []
    written: list[str] = []
    for kind, piece in _pieces(source):
        if kind == "text":
            seen.append(piece)
            if heading is not None:
                heading.append(piece)
        if kind in {"text", "comment"}:
            written.append(piece)
        elif piece in _HEADINGS:
            if kind == "end" and heading is not None:
                found.headings.append(" ".join("".join(heading).split()))
            heading = [] if kind == "start" else None
    found.text, found.written = " ".join(seen), " ".join(written)
    return found


def _pieces(source: str) -> Iterator[tuple[str, str]]:
    """`text`, `comment`, `start` and `end` (with the tag's name), in one pass over the source.

    The library's parser takes minutes for half a megabyte of `<!--`; here whatever has no end is
    text, and the search for one is not repeated.
    """
    at = 0
    while (opening := source.find("<", at)) >= 0:
        if opening > at:
            yield "text", unescape(source[at:opening])
        tag = _TAG.match(source, opening)
        if tag is None and source[opening + 1 : opening + 2] not in {"!", "?", "/"}:
            yield "text", "<"
            at = opening + 1
            continue
        is_comment = source.startswith("<!--", opening)
        closing = source.find("-->" if is_comment else ">", opening + (4 if is_comment else 1))
        if closing < 0:
            at = opening
            break
        if is_comment:
            yield "comment", source[opening + 4 : closing]
            at = closing + 3
            continue
        at = closing + 1
        if tag is None:
            continue
        name = tag[2].lower()
        yield ("end" if tag[1] else "start"), name
        if name in _UNSEEN and not tag[1]:
            end = re.compile(f"</{name}", re.IGNORECASE).search(source, at)
            if end is None:
                return
            at = end.start()
    yield "text", unescape(source[at:])


def _without_comments(source: str) -> str:
    """By look-up, not by a pattern: a thousand openings without an end must not take a thousand scans."""
    kept, at = [], 0
    while (start := source.find("<!--", at)) >= 0 and (end := source.find("-->", start + 4)) >= 0:
        kept.append(source[at:start])
        at = end + 3
    return "".join([*kept, source[at:]])


def _normal(heading: str) -> str:
    return " ".join(heading.strip(_MARKS).casefold().split())


def _stands_in(mark: str, text: str) -> bool:
    flags = 0 if mark.isupper() else re.IGNORECASE
    return re.search(rf"(?<!\w){re.escape(mark)}(?!\w)", text, flags) is not None
