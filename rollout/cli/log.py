"""`rollout log`: what happened, in words or as JSON lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import msgspec

from rollout.cli import exits
from rollout.domain.events import KINDS, Event, kind_of
from rollout.store.reading import Reader, open_readonly
from rollout.view.status import event_view
from rollout.view.stored import PAGE, choose
from rollout.view.text import instant, plain


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable, LogDamaged, Misuse."""
    _refuse_unknown(options.kind)
    with open_readonly(options.state) as reader:
        name = choose(reader, options.rollout)
        seen = reader.head(name).seq if options.follow else 0
        for event in _events(reader, name, options.kind, options.after, options.limit):
            seen = max(seen, event.seq)
            _show(event, as_json=options.json)
        if options.follow:
            _follow(reader, name, seen, options)
    return exits.GO


def _follow(reader: Reader, rollout: str, after: int, options: argparse.Namespace) -> None:
    """Each later event as it comes, until a signal."""
    # Late: only this option waits for anything.
    from rollout.live.waiting import Signals
    from rollout.live.watching import batches

    with Signals(lambda _: None) as signals:
        for events in batches(reader, rollout, signals, after):
            for event in events:
                if not options.kind or kind_of(event.payload) in options.kind:
                    _show(event, as_json=options.json)
            sys.stdout.flush()


def _show(event: Event, *, as_json: bool) -> None:
    if as_json:
        exits.write_json_line(_document(event))
    else:
        exits.write(line(event) + "\n")


def line(event: Event) -> str:
    """Number, instant, who, and what happened."""
    said = event_view(event)
    return f"#{said.seq} {instant(said.at)}  {plain(said.actor)}  {said.text}"


def _document(event: Event) -> dict[str, object]:
    return {
        "rollout": event.rollout,
        "seq": event.seq,
        "at": event.at,
        "actor": event.actor,
        "kind": event_view(event).kind,
        "text": event_view(event).text,
        "payload": msgspec.to_builtins(event.payload),
        "prev": event.prev,
        "hash": event.hash,
    }


def _events(
    reader: Reader, rollout: str, kinds: list[str], after: int | None, limit: int | None
) -> Iterator[Event]:
    """In order; a page at a time, so that a long log needs little memory."""
    if limit is not None and after is None:
        yield from reader.events(rollout, kinds=kinds, limit=limit, newest=True)
        return
    position, left = after or 0, limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        page = reader.events(rollout, after=position, kinds=kinds, limit=size)
        yield from page
        if len(page) < size:
            return
        position = page[-1].seq
        left = None if left is None else left - len(page)


def _refuse_unknown(kinds: list[str]) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise exits.Misuse(
            f"there is no kind of event {unknown[0]!r}; use one of {', '.join(KINDS)}"
        )
