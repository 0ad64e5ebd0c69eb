"""The same log and evidence without a database, for tests and for trying things out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from rollout.domain.chain import SealedEvent, genesis
from rollout.domain.errors import LogConflict
from rollout.domain.events import Event, Payload
from rollout.ports import Head
from rollout.store import packing
from rollout.store.rows import opened_in_order, refuse_odd_name, seal


class MemoryEventLog:
    """ports.EventLog in lists, sealed like the stored one. For one thread."""

    def __init__(self) -> None:
        self._rows: dict[str, list[SealedEvent]] = {}
        self._snapshots: dict[str, tuple[Head, bytes]] = {}

    def append(
        self, rollout: str, expected_seq: int, at: datetime, actor: str, payloads: Sequence[Payload]
    ) -> list[Event]:
        """Raises: LogConflict; ValueError for what could not be stored."""
        refuse_odd_name(rollout)
        head = self.head(rollout)
        if head.seq != expected_seq:
            raise LogConflict(rollout, expected_seq, head.seq)
        rows, events = seal(rollout, head, at, actor, payloads)
        if rows:
            self._rows.setdefault(rollout, []).extend(SealedEvent(*row) for row in rows)
        return events

    def read(self, rollout: str, after: int = 0, limit: int | None = None) -> Iterator[Event]:
        stop = None if limit is None else after + limit
        return opened_in_order(islice(self._rows.get(rollout, []), after, stop), after)

    def head(self, rollout: str) -> Head:
        rows = self._rows.get(rollout)
        if not rows:
            return Head(seq=0, hash=genesis(rollout))
        return Head(seq=rows[-1].seq, hash=rows[-1].hash)

    def rollouts(self) -> list[str]:
        """Names by the time of their first event, then by name."""
        return sorted(self._rows, key=lambda name: (self._rows[name][0].at, name))

    def save_snapshot(self, rollout: str, head: Head, body: bytes) -> None:
        """Raises: ValueError when the log has no such head."""
        rows = self._rows.get(rollout, [])
        if not 1 <= head.seq <= len(rows) or rows[head.seq - 1].hash != head.hash:
            raise ValueError(f"{rollout}: the log has no event #{head.seq} with this hash")
        kept = self._snapshots.get(rollout)
        if kept is None or kept[0].seq <= head.seq:
            self._snapshots[rollout] = head, body

    def latest_snapshot(self, rollout: str) -> tuple[Head, bytes] | None:
        return self._snapshots.get(rollout)


class MemoryEvidenceStore:
    """ports.EvidenceStore in a dictionary, packed like the stored one."""

    def __init__(self) -> None:
        self._packed: dict[str, tuple[bytes, int]] = {}

    def put(self, document: Any) -> str:
        """Raises: EvidenceTooLarge over 5 MB; TypeError for what JSON cannot hold."""
        digest, body, size = packing.pack(document)
        self._packed.setdefault(digest, (body, size))
        return digest

    def get(self, digest: str) -> Any:
        """Raises: KeyError when absent."""
        return packing.unpack(digest, *self._packed[digest])
