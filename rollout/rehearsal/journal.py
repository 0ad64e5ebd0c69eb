"""What changed the rehearsed world, in order: enough to build the same world again after a crash.

The real world does not die with the controller; the rehearsed one does. Each line is written
before the change is applied, so a replay after `kill -9` gives the world as the services had it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(order="sorted")


class Journal:
    """Append-only JSON lines. Until `reopen` names a file nothing is kept: a rehearsal in memory
    cannot resume, and a replay must not write down again what it reads."""

    def __init__(self) -> None:
        self._file: int | None = None

    def reopen(self, path: Path | None) -> None:
        """Write to `path` from now on; None keeps nothing."""
        self.close()
        if path is not None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._file = os.open(path, flags, 0o600)
            whole = path.read_bytes().rpartition(b"\n")
            os.ftruncate(self._file, len(whole[0]) + len(whole[1]))  # a line cut by a crash goes

    def write(self, entry: dict[str, Any]) -> None:
        """One entry, handed to the operating system before this returns."""
        if self._file is not None:
            os.write(self._file, _encoder.encode(entry) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_journal(path: Path) -> Iterator[dict[str, Any]]:
    """Entries in order; a last line that was cut by the crash was never applied and is left out."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        if line:
            try:
                yield msgspec.json.decode(line)
            except msgspec.DecodeError:
                return
