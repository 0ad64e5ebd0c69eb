"""Is a store what it was written as? Everything that can be checked from the database alone.

A cut tail, an older copy or a chain recomputed by hand needs a head kept elsewhere: an anchor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from rollout.domain.chain import ChainLink, SealedEvent, genesis
from rollout.domain.errors import LogDamaged, RolloutError, StoreUnavailable
from rollout.domain.events import (
    DecisionMade,
    FindingRaised,
    Measured,
    Payload,
    RolloutCreated,
    SignedOff,
)
from rollout.domain.sign_off import SignerOf
from rollout.ports import Head
from rollout.store import packing
from rollout.store.anchors import Anchor, Anchors
from rollout.store.reading import open_source
from rollout.store.rows import opened, sealed
from rollout.store.schema import EVENT_COLUMNS, VERSION_TABLE, version_problem
from rollout.store.sign_offs import SignOffs
from rollout.store.source import Source
from rollout.store.sqlite_failures import error_name

MOST_PROBLEMS = 50
"""After so many the file is beyond a list."""

_DAMAGE = {"SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_IOERR"}


class Problem(msgspec.Struct, frozen=True):
    """What is broken, and from which event on (0: not about one event)."""

    what: str
    rollout: str = ""
    seq: int = 0

    def __str__(self) -> str:
        place = f"{self.rollout} #{self.seq}: " if self.seq else ""
        return place + self.what


class Verification(msgspec.Struct, frozen=True):
    """`head` is that of the rollout that began last, `heads` has all of them by name."""

    ok: bool
    events: int
    head: Head | None
    problems: list[Problem]
    heads: dict[str, Head]


def verify_store(
    setting: str | Path,
    *,
    anchors: Sequence[Anchor] = (),
    busy_s: float = 5.0,
    signer_of: SignerOf | None = None,
) -> Verification:
    """Check database, schema, triggers, chains, payloads, snapshots and evidence; changes nothing.

    `anchors`: heads noted outside the store (in a signed report, say), which its log must have.
    `signer_of` also verifies every signature; without it they are taken as they stand.
    Raises: StoreUnavailable when the store is missing, locked or of a newer build.
    """
    try:
        source = open_source(setting, busy_s=busy_s)
    except RolloutError as error:
        if not _is_damage(error):
            raise
        what = _printable(str(error))
        return Verification(ok=False, events=0, head=None, problems=[Problem(what)], heads={})
    scan = _Scan(source, Anchors(anchors), signer_of)
    try:
        scan.everything()
    finally:
        source.close()
    return scan.result()


class _Scan:
    def __init__(self, source: Source, anchors: Anchors, signer_of: SignerOf | None) -> None:
        self._source, self._anchors, self._signer_of = source, anchors, signer_of
        self._sign_offs: dict[str, SignOffs] = {}
        self._problems: list[Problem] = []
        self._events = 0
        self._is_cut_short = False
        self._began: dict[str, str] = {}
        self._heads: dict[str, Head] = {}
        self._hashes: dict[int, str] = {}
        self._wanted: dict[str, tuple[str, int]] = {}

    def note(self, what: str, rollout: str = "", seq: int = 0) -> None:
        self._problems.append(Problem(_printable(what), _printable(rollout), seq))

    def result(self) -> Verification:
        last = self._last()
        return Verification(
            ok=not self._problems,
            events=self._events,
            head=None if last is None else self._heads[last],
            problems=self._problems,
            heads={_printable(name): head for name, head in self._heads.items()},
        )

    def _last(self) -> str | None:
        """The rollout that began last."""
        return max(self._began, key=lambda name: (self._began[name], name), default=None)

    def everything(self) -> None:
        """Each part on its own, so that damage in one does not hide the others."""
        parts: tuple[Callable[[], None], ...] = (
            self._file,
            self._schema,
            self._log,
            self._snapshots,
            self._evidence,
            self._signatures,
        )
        for part in parts:
            try:
                part()
            except self._source.errors as error:
                failure = self._source.failure(error)
                if self._source.is_unavailable(error):
                    raise failure from error
                self.note(str(failure))
            except LogDamaged as error:
                self.note(str(error))

    def _file(self) -> None:
        for problem in self._source.damage():
            self.note(problem)

    def _schema(self) -> None:
        source, tables = self._source, self._source.tables()
        rows: list[Any] = []
        if VERSION_TABLE in tables:
            rows = source.execute(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
        version = str(rows[0][0]) if rows else ""
        problem = version_problem(version) if version else None
        if problem is not None:
            raise StoreUnavailable(_printable(problem))
        absent = source.expected_tables - tables - ({"snapshots"} if version == "0001" else set())
        if absent:
            self.note(f"tables are missing: {', '.join(sorted(absent))}")
        found = source.guards()
        for name, definition in source.expected_guards.items():
            if found.pop(name, None) != definition:
                self.note(f"the trigger {name} is missing or was changed: events can be rewritten")
        for name in found:
            self.note(f"the trigger {name} does not belong there")

    def _log(self) -> None:
        link: ChainLink | None = None
        for event in self._rows():
            if link is None or link.rollout != event.rollout:
                link = ChainLink(event.rollout, 0, genesis(event.rollout))
                self._begin(event)
            for problem in link.follow(event):
                self.note(problem.what, event.rollout, problem.seq)
            self._content(event)
            if len(self._problems) >= MOST_PROBLEMS:
                self.note("there is more: the check of the log stopped here", event.rollout)
                return
        if self._is_cut_short:
            return  # what was not read is not missing
        for what, name, seq in self._anchors.problems(self._heads, self._last()):
            self.note(what, name, seq)

    def _rows(self) -> Iterator[SealedEvent]:
        last: tuple[str, int] = ("", 0)
        columns = ", ".join(EVENT_COLUMNS)
        try:
            # Not sorted by SQLite: the key is the order, and a damaged one must show.
            for row in self._source.stream(f"SELECT {columns} FROM events ORDER BY rollout, seq"):  # noqa: S608 - constants
                self._events += 1
                event = sealed(row)
                last = event.rollout, event.seq
                yield event
        except LogDamaged as error:
            self._is_cut_short = True
            self.note(f"{error}; what follows was not checked", last[0], last[1] + 1)
        except self._source.errors as error:
            if self._source.is_unavailable(error):
                raise
            self._is_cut_short = True
            self.note(f"cannot be read ({error})", last[0], last[1] + 1)

    def _begin(self, event: SealedEvent) -> None:
        self._hashes = {}
        self._began[event.rollout] = event.at

    def _content(self, event: SealedEvent) -> None:
        name, seq = event.rollout, event.seq
        self._hashes[seq] = event.hash
        self._heads[name] = Head(seq=seq, hash=event.hash)
        self._anchors.follow(name, seq, event.hash)
        try:
            whole = opened(event)
        except RolloutError as error:
            self.note(str(error).removeprefix(f"{name} #{seq}: "), name, seq)
            return
        payload = whole.payload
        self._sign_offs.setdefault(name, SignOffs()).follow(whole)
        digest = _points_at(payload)
        if digest:
            self._wanted.setdefault(digest, (name, seq))
        if isinstance(payload, DecisionMade | SignedOff) and payload.seen_head:
            seen = self._hashes.get(payload.seen_seq)
            if payload.seen_seq > 0 and seen != payload.seen_head:
                self.note(f"was given on another #{payload.seen_seq} than the log has", name, seq)

    def _snapshots(self) -> None:
        if "snapshots" not in self._source.tables():
            return  # of an older schema, or noted already
        rows = self._source.stream(
            "SELECT s.rollout, s.seq, s.hash, s.body, e.hash FROM snapshots s"
            " LEFT JOIN events e ON e.rollout = s.rollout AND e.seq = s.seq"
        )
        for name, seq, digest, blob, found in rows:
            is_ours = isinstance(seq, int) and digest == found
            if not is_ours or packing.unpack_snapshot(name, seq, digest, blob) is None:
                self.note(f"the snapshot of {name} at #{seq} is damaged: it can be deleted")

    def _evidence(self) -> None:
        missing = dict(self._wanted)
        for digest, body, size in self._source.stream("SELECT digest, body, size FROM evidence"):
            place = missing.pop(digest, ("", 0))
            try:
                packing.unpack_bytes(digest, body, size)
            except LogDamaged as error:
                self.note(str(error), *place)
        for digest, place in missing.items():
            self.note(f"evidence {digest} is missing", *place)
            if len(self._problems) >= 2 * MOST_PROBLEMS:
                return

    def _signatures(self) -> None:
        if self._signer_of is None:
            return
        for sign_offs in self._sign_offs.values():
            for event, why in sign_offs.problems(self._document, self._signer_of):
                self.note(why, event.rollout, event.seq)

    def _document(self, digest: str) -> Any:
        rows = list(
            self._source.execute("SELECT body, size FROM evidence WHERE digest = ?", (digest,))
        )
        if not rows:
            raise KeyError(digest)
        return packing.unpack(digest, rows[0][0], rows[0][1])


def _points_at(payload: Payload) -> str | None:
    """The document an event cannot be understood without."""
    if isinstance(payload, Measured | FindingRaised):
        return payload.evidence
    return payload.plan_sha256 if isinstance(payload, RolloutCreated) else None


def _is_damage(error: RolloutError) -> bool:
    cause = error.__cause__
    return isinstance(error, LogDamaged) or (
        cause is not None and (error_name(cause) in _DAMAGE or isinstance(cause, MemoryError))
    )


def _printable(text: Any) -> str:
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")
