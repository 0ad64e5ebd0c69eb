"""What was asked of the sandbox, request by request; never a credential, a query string, or a body but for
the title of a notice."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock

import msgspec

from rollout.rehearsal.sandbox.state_files import cut_torn_line, read_lines

MOST = 200_000
"""Entries kept to be read over HTTP; older ones are only in the file."""
LONGEST_STATEMENT = 500


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `at` is virtual time, `ms` real; `status` None: it got no answer.

    `auth` says how it identified itself (bearer, basic, none, other). `run_id` is the run that a
    trigger began or a path names, `effect` the idempotency key if the client sent one. `rpc` and
    `statement` (its beginning) are the warehouse's, `notice` the title of one. `fault` is the id of the fault that met it.
    """

    seq: int
    at: str
    service: str
    method: str
    path: str
    agent: str
    auth: str
    tls: bool
    status: int | None
    ms: float
    run_id: int | None = None
    effect: str | None = None
    rpc: str | None = None
    statement: str | None = None
    fault: str | None = None
    notice: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries to show: everything given must fit; `path` and `rpc` may hold `*`."""

    after: int = 0
    limit: int = 10_000
    service: str | None = None
    method: str | None = None
    path: str | None = None
    rpc: str | None = None

    def fits(self, entry: Entry) -> bool:
        return (
            entry.seq > self.after
            and self.service in (None, entry.service)
            and self.method in (None, entry.method)
            and (self.path is None or fnmatchcase(entry.path, self.path))
            and (self.rpc is None or fnmatchcase(entry.rpc or "", self.rpc))
        )


class RequestLog:
    """In memory, and in a file when there is one. An entry is written when its request is over."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: deque[Entry] = deque(maxlen=MOST)
        self._lock = Lock()
        self._file: int | None = None
        if path is not None:
            cut_torn_line(path)
            self._entries.extend(msgspec.convert(line, Entry) for line in read_lines(path))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)
        self._last = self._entries[-1].seq if self._entries else 0

    def add(self, make: Callable[[int], Entry]) -> None:
        """`make` is given the entry's number."""
        with self._lock:
            self._last += 1
            entry = make(self._last)
            self._entries.append(entry)
            if self._file is not None:
                os.write(self._file, msgspec.json.encode(entry) + b"\n")

    def entries(self, wanted: Wanted) -> list[Entry]:
        """Oldest first."""
        with self._lock:
            seen = list(self._entries)
        return [entry for entry in seen if wanted.fits(entry)][: wanted.limit]

    @property
    def last(self) -> int:
        """The newest entry's number, 0 when there is none."""
        return self._last

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None


def auth_kind(header: str) -> str:
    """
    >>> auth_kind("Bearer secret"), auth_kind("Basic abc="), auth_kind(""), auth_kind("secret")
    ('bearer', 'basic', 'none', 'other')
    """
    if not header:
        return "none"
    word = header.split(" ", 1)[0].lower()
    return word if word in ("bearer", "basic") else "other"
