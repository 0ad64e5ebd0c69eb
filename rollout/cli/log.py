"""`rollout log`: what happened, in words or as JSON lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import msgspec

from rollout.cli import exits
from rollout.domain.events import KINDS, Event
from rollout.store.reading import Reader, open_readonly
from rollout.view.log_filter import LogFilter, parse_filter
from rollout.view.log_page import look_back
from rollout.view.status import event_view
from rollout.view.stored import PAGE, choose
from rollout.view.text import instant, plain


def run(options: argparse.Namespace) -> int:
    """Raises: StoreUnavailable, LogDamaged, Misuse."""
    _refuse_unknown(options.kind)
    with open_readonly(options.state) as reader:
        name = choose(reader, options.rollout)
        seen = reader.head(name).seq if options.follow else 0
        wanted = _wanted(options.filter, options.kind)
        for event in _events(reader, name, wanted, options.after, options.limit):
            seen = max(seen, event.seq)
            _show(event, options)
        if options.follow:
            _follow(reader, name, seen, wanted, options)
    return exits.PIPE_CLOSED if options.follow and exits.nobody_reads() else exits.GO


def _follow(
    reader: Reader, rollout: str, after: int, wanted: LogFilter, options: argparse.Namespace
) -> None:
    """Each later event as it comes, until a signal, or until nobody reads any more."""
    # Late: only this option waits for anything.
    from rollout.live.waiting import Signals
    from rollout.live.watching import batches

    sys.stdout.flush()
    with Signals(lambda _: None) as signals:
        for events in batches(reader, rollout, signals, after, exits.nobody_reads):
            for event in events:
                if wanted.matches(event):
                    _show(event, options)
            sys.stdout.flush()


def _show(event: Event, options: argparse.Namespace) -> None:
    if options.json:
        exits.write_json_line(_document(event))
    elif options.plain:
        exits.write(spoken(event) + "\n")
    else:
        exits.write(line(event) + "\n")


def line(event: Event) -> str:
    """Number, instant, who, and what happened."""
    said = event_view(event)
    return f"#{said.seq} {instant(said.at)}  {plain(said.actor)}  {said.text}"


def spoken(event: Event) -> str:
    """The same as a sentence that names its parts."""
    said = event_view(event)
    return (
        f"Event {said.seq}, at {instant(said.at)}, by {plain(said.actor)}: {said.text.rstrip('.')}."
    )


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


def _wanted(text: str, kinds: list[str]) -> LogFilter:
    """The filter as it is typed in the TUI, and the kinds named beside it. Raises: Misuse."""
    try:
        found = parse_filter(text)
    except ValueError as problem:
        raise exits.Misuse(str(problem)) from problem
    return msgspec.structs.replace(found, kinds=(*found.kinds, *kinds))


def _events(
    reader: Reader, rollout: str, wanted: LogFilter, after: int | None, limit: int | None
) -> Iterator[Event]:
    """In order; a page at a time, so that a long log needs little memory."""
    if limit is not None and after is None:
        yield from _newest(reader, rollout, wanted, limit)
        return
    position, left = after or 0, limit
    while left is None or left > 0:
        size = PAGE if left is None or wanted.needs_events else min(PAGE, left)
        page = reader.events(rollout, after=position, kinds=wanted.kinds, limit=size)
        found = [event for event in page if wanted.matches(event)][:left]
        yield from found
        if len(page) < size:
            return
        position = page[-1].seq
        left = None if left is None else left - len(found)


def _newest(reader: Reader, rollout: str, wanted: LogFilter, limit: int) -> Iterator[Event]:
    """The last ones that are wanted, looked for from the end."""
    if not wanted.needs_events:
        yield from reader.events(rollout, kinds=wanted.kinds, limit=limit, newest=True)
        return
    before = reader.head(rollout).seq + 1
    found: list[list[Event]] = []
    while before > 1 and sum(map(len, found)) < limit:
        look = look_back(reader, rollout, wanted, before=before)
        before = look.low + 1
        found.append(look.found)
    events = [event for part in reversed(found) for event in part]
    yield from events[max(len(events) - limit, 0) :]


def _refuse_unknown(kinds: list[str]) -> None:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise exits.Misuse(
            f"there is no kind of event {unknown[0]!r}; use one of {', '.join(KINDS)}"
        )
