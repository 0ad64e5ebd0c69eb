"""Mistakes in the log, its chain, its snapshots and its ownership."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

import msgspec

from rollout.domain import chain, snapshot
from rollout.domain.errors import LogConflict, StoreUnavailable
from rollout.engine import record
from rollout.ports import Head
from rollout.store import opening, packing, rows, sql_log
from rollout.store.link import Link
from rollout.store.ownership import FileOwnership
from rollout.store.sql_log import SqlEventLog

from .mutants import Patch, mutant


@mutant("the hash is taken over the joined fields, without their lengths")
def hash_over_joined_strings() -> Iterable[Patch]:
    def event_hash(*fields: Any) -> str:
        parts = [f if isinstance(f, bytes) else str(f).encode() for f in fields]
        return hashlib.sha256(b"".join(parts)).hexdigest()

    yield chain, "event_hash", event_hash
    yield rows, "event_hash", event_hash


@mutant("the actor is not sealed")
def actor_not_sealed() -> Iterable[Patch]:
    real = chain.event_hash

    def event_hash(prev: str, rollout: str, seq: int, at: str, actor: str, *rest: Any) -> str:
        return real(prev, rollout, seq, at, "", *rest)

    yield chain, "event_hash", event_hash
    yield rows, "event_hash", event_hash


@mutant("an event does not name the one before it")
def not_chained() -> Iterable[Patch]:
    real = rows.seal

    def seal(rollout: str, head: Head, at: Any, actor: str, payloads: Any) -> Any:
        return real(rollout, msgspec.structs.replace(head, hash="0" * 64), at, actor, payloads)

    yield sql_log, "seal", seal


@mutant("the chain is not verified when a store is opened", "event_edited")
def chain_not_verified() -> Iterable[Patch]:
    yield opening, "_refuse_broken_chain", lambda log: None


@mutant("a snapshot is trusted although its head is not in the log", "snapshot_of_another_log")
def snapshot_head_not_checked() -> Iterable[Patch]:
    def latest_snapshot(self: SqlEventLog, rollout: str) -> Any:
        for seq, digest, blob in self._link.fetch(self._snapshots, (rollout,)):
            body = packing._plain(blob[8 + packing._SEAL :], int(blob[:8], 16), 10**8)
            if body is not None:
                return Head(seq=seq, hash=digest), body
        return None

    yield SqlEventLog, "latest_snapshot", latest_snapshot


@mutant("a snapshot's seal is not checked", "snapshot_damaged")
def snapshot_seal_not_checked() -> Iterable[Patch]:
    def unpack_snapshot(rollout: str, seq: int, head: str, blob: bytes) -> bytes | None:
        return packing._plain(blob[8 + packing._SEAL :], int(blob[:8], 16), 10**8)

    yield packing, "unpack_snapshot", unpack_snapshot


@mutant("a snapshot forgets what became of effects")
def snapshot_forgets_effects() -> Iterable[Patch]:
    real = snapshot.encode_state

    def encode_state(state: Any) -> bytes:
        return real(msgspec.structs.replace(state, effects={}))

    yield record, "encode_state", encode_state


@mutant("an append does not look where the log is", "decides_meanwhile")
def appends_anywhere() -> Iterable[Patch]:
    real = SqlEventLog.append

    def append(
        self: SqlEventLog, rollout: str, expected_seq: int, at: Any, actor: str, payloads: Any
    ) -> Any:
        try:
            return real(self, rollout, expected_seq, at, actor, payloads)
        except LogConflict as conflict:
            return real(self, rollout, conflict.found_seq, at, actor, payloads)

    yield SqlEventLog, "append", append


@mutant("a full disk is not told", "disk_full")
def full_disk_swallowed() -> Iterable[Patch]:
    real = Link.writing

    @contextmanager
    def writing(self: Link, scope: str) -> Any:
        try:
            with real(self, scope) as cursor:
                yield cursor
        except StoreUnavailable:
            return

    yield Link, "writing", writing


@mutant("only the first event of an append is kept")
def part_of_an_append() -> Iterable[Patch]:
    real = SqlEventLog._insert_all
    yield SqlEventLog, "_insert_all", lambda self, cursor, found: real(self, cursor, found[:1])


@mutant("nobody looks whether the lock is still ours", "lock_file_lost")
def lost_lock_ignored() -> Iterable[Patch]:
    yield FileOwnership, "confirm", lambda self: None


@mutant("a store that is owned is given to a second controller", "second_controller")
def lock_ignored() -> Iterable[Patch]:
    from rollout.store import ownership

    yield ownership, "_locked", lambda descriptor: True


@mutant("the epoch does not count ownerships", "kill_at_port")
def epoch_stands_still() -> Iterable[Patch]:
    yield FileOwnership, "epoch", property(lambda self: 1)
