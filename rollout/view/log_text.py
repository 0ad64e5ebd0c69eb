"""An event as one line, in three densities, and as a whole."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from rollout.domain.events import Event, encode_payload, kind_of
from rollout.view.event_marks import mark_of
from rollout.view.sentences import sentence
from rollout.view.text import clip, instant, pad, plain, wrap

COMPACT, NORMAL, RAW = "compact", "normal", "raw"
DENSITIES = (COMPACT, NORMAL, RAW)

_MARK = 6
_ACTOR = 12
_LONGEST_JSON = 100_000
"""Characters of a payload that are shown as a whole."""


def log_line(event: Event, width: int, density: str, *, ascii_only: bool = False) -> str:
    """At most `width` columns.

    compact: number, time of day, mark, sentence; normal: the day and the actor too; raw: number,
    kind and the payload as it is stored.
    """
    number = f"#{event.seq}"
    if density == RAW:
        line = f"{number} {kind_of(event.payload)} {plain(_json(event))}"
        return clip(line, width, ascii_only=ascii_only)
    mark = mark_of(event.payload)
    shown = pad(mark.shown(ascii_only=ascii_only) if mark is not None else "", _MARK)
    said, at = sentence(event.payload), instant(event.at)
    if density == COMPACT:
        line = f"{number} {at[11:19]} {shown} {said}"
    else:
        actor = pad(plain(event.actor), _ACTOR, ascii_only=ascii_only)
        line = f"{number} {at} {actor} {shown} {said}"
    return clip(line, width, ascii_only=ascii_only)


def event_lines(event: Event, width: int, *, ascii_only: bool = False) -> list[str]:
    """The whole event: sentence, who, when, where in the chain, and every field of its payload."""
    lines = [
        *wrap(sentence(event.payload), width),
        "",
        f"number   #{event.seq}",
        f"at       {instant(event.at)} (a label only)",
        f"by       {plain(event.actor)}",
        f"kind     {kind_of(event.payload)}",
        *_hashes(event, width),
        "",
        *_fields(event, width),
    ]
    return [clip(line, width, ascii_only=ascii_only) for line in lines]


def _hashes(event: Event, width: int) -> Iterator[str]:
    for name, digest in (("follows", event.prev), ("hash", event.hash)):
        yield from _hanging(f"{name:<9}", plain(digest), width)


def _fields(event: Event, width: int) -> Iterator[str]:
    """The payload as JSON, indented; long texts are broken, not cut."""
    body = msgspec.json.format(encode_payload(event.payload), indent=2).decode()
    for line in body[:_LONGEST_JSON].split("\n"):
        indent = len(line) - len(line.lstrip())
        yield from _hanging(" " * indent, plain(line.lstrip()), width)
    if len(body) > _LONGEST_JSON:
        yield f"and {len(body) - _LONGEST_JSON:,} more characters"


def _hanging(start: str, text: str, width: int) -> Iterator[str]:
    first, *rest = wrap(text, width, " " * len(start))
    yield start + first.lstrip()
    yield from rest


def _json(event: Event) -> str:
    return encode_payload(event.payload).decode()
