"""`rollout export`: what a store holds, as data for other programs, one record a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from rollout.cli import exits
from rollout.cli.files import write_pieces
from rollout.domain.events import Event, Measured, kind_of
from rollout.domain.instants import to_text
from rollout.domain.people import find_check
from rollout.domain.standing import plan_sha256_at
from rollout.domain.state import RolloutState
from rollout.engine.approved_plan import plan_to_read
from rollout.reports.cells import csv_lines
from rollout.reports.foreign import visible_json
from rollout.reports.keys import key_columns, masked
from rollout.reports.wording import sample_document
from rollout.store.reading import Reader, open_readonly
from rollout.view.sentences import sentence
from rollout.view.stored import PAGE, choose, folded

Record = dict[str, Any]

FORMATS = ("jsonl", "csv")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """The command's arguments, as written."""

    what: str
    state: str
    rollout: str | None
    form: str
    out: Path | None
    after: int
    show_keys: bool


@dataclass(frozen=True)
class Table:
    """What can be exported: its columns, and its records in the log's order."""

    columns: tuple[str, ...]
    records: Callable[[Reader, str, Wish], Iterator[Record]]


def run(wish: Wish) -> int:
    """Raises: Misuse, StoreUnavailable, LogDamaged, PlanProblems, OSError."""
    table = TABLES.get(wish.what)
    if table is None:
        raise exits.Misuse(f"there is no table {wish.what!r}; use one of {', '.join(TABLES)}")
    if wish.form not in FORMATS:
        raise exits.Misuse(f"{wish.form!r} is no format of data; use {' or '.join(FORMATS)}")
    with open_readonly(wish.state) as reader:
        records = table.records(reader, choose(reader, wish.rollout), wish)
        pieces = _csv(table, records) if wish.form == "csv" else map(_line, records)
        if wish.out is None:
            for piece in pieces:
                exits.write(piece)
        else:
            write_pieces(wish.out, pieces)
            exits.write(f"{wish.out}\n")
    return exits.GO


def _line(record: Record) -> str:
    return visible_json(msgspec.json.encode(record).decode()) + "\n"


def _csv(table: Table, records: Iterable[Record]) -> Iterator[str]:
    return csv_lines(
        table.columns, ([record[name] for name in table.columns] for record in records)
    )


def _pages(
    reader: Reader, rollout: str, after: int, kinds: tuple[str, ...] = ()
) -> Iterator[Event]:
    while page := reader.events(rollout, after=after, limit=PAGE, kinds=kinds):
        yield from page
        after = page[-1].seq


def _events(reader: Reader, rollout: str, wish: Wish) -> Iterator[Record]:
    for event in _pages(reader, rollout, wish.after):
        yield {
            "rollout": event.rollout,
            "seq": event.seq,
            "at": to_text(event.at),
            "actor": event.actor,
            "kind": kind_of(event.payload),
            "text": sentence(event.payload),
            "payload": msgspec.to_builtins(event.payload),
            "prev": event.prev,
            "hash": event.hash,
        }


def _measurements(reader: Reader, rollout: str, wish: Wish) -> Iterator[Record]:
    for event, said in _measured(reader, rollout, wish.after):
        for metric, value in said.observed.items():
            yield {
                **_place(event, said),
                "metric": metric,
                "value": value,
                "verdict": said.verdict.value,
                "evidence": said.evidence,
            }


def _evidence(reader: Reader, rollout: str, wish: Wish) -> Iterator[Record]:
    state = folded(reader, rollout)
    plan = cache(lambda digest: plan_to_read(_Documents(reader), digest))
    for event, said in _measured(reader, rollout, wish.after):
        sample = sample_document(reader.evidence(said.evidence)) if said.evidence else None
        seen = sample.observation if sample is not None else None
        spec = find_check(plan(plan_sha256_at(state, event.seq)), said.check)
        keys = key_columns(spec.inputs) if spec is not None else set()
        rows = list(seen.sample) if seen is not None else []
        shown = wish.show_keys or (spec is not None and spec.show_keys)
        yield {
            **_place(event, said),
            "verdict": said.verdict.value,
            "reason": said.reason,
            "source": seen.source if seen is not None else "",
            "query": seen.query if seen is not None else "",
            "as_of": to_text(seen.as_of) if seen is not None and seen.as_of is not None else None,
            "metrics": dict(said.observed),
            "sample": rows if shown else [masked(row, keys) for row in rows],
            "evidence": said.evidence,
        }


def _measured(reader: Reader, rollout: str, after: int) -> Iterator[tuple[Event, Measured]]:
    for event in _pages(reader, rollout, after, ("measured",)):
        if isinstance(event.payload, Measured):
            yield event, event.payload


def _place(event: Event, said: Measured) -> Record:
    return {
        "seq": event.seq,
        "at": to_text(event.at),
        "phase": said.phase,
        "attempt": said.attempt,
        "moment": said.moment,
        "gate": said.gate,
        "round": said.round,
        "check": said.check,
    }


def _findings(reader: Reader, rollout: str, wish: Wish) -> Iterator[Record]:
    if wish.after:
        raise exits.Misuse("findings are told as they are now: leave out --after")
    state: RolloutState = folded(reader, rollout)
    for finding in state.findings.values():
        yield msgspec.to_builtins(finding, builtin_types=())


class _Documents:
    """ports.EvidenceSource over a reader."""

    def __init__(self, reader: Reader) -> None:
        self.get = reader.evidence


_MEASURED = ("seq", "at", "phase", "attempt", "moment", "gate", "round", "check")

TABLES: dict[str, Table] = {
    "events": Table(
        ("rollout", "seq", "at", "actor", "kind", "text", "payload", "prev", "hash"), _events
    ),
    "findings": Table(
        (
            *("finding", "severity", "state", "check", "phase", "attempt", "title", "owner"),
            *("raised_at", "due_at", "detail", "evidence", "closed_by", "closed_reason"),
        ),
        _findings,
    ),
    "measurements": Table((*_MEASURED, "metric", "value", "verdict", "evidence"), _measurements),
    "evidence": Table(
        (
            *_MEASURED,
            *("verdict", "reason", "source", "query", "as_of", "metrics", "sample", "evidence"),
        ),
        _evidence,
    ),
}
"""What can be exported, by name."""
