"""The tables, as SQLModel sees them. Rows are sealed in `rows.py`; nothing is updated in place."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, MetaData, Table, Text
from sqlmodel import Field, SQLModel


class _Stored(SQLModel):
    """Base with a catalogue of its own, so that other models never end up in the store."""

    metadata = MetaData()


class EventRow(_Stored, table=True):
    """One event. `at` is a label in UTC, order is `seq`; `payload` is canonical JSON."""

    __tablename__ = "events"
    # The key is the only way in, so the rows live in its tree: one page less for each commit.
    __table_args__ = {"sqlite_with_rowid": False}

    rollout: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    version: int
    payload: bytes = Field(sa_type=LargeBinary)
    prev: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)


class EvidenceRow(_Stored, table=True):
    """A document by its sha256; `size` is before compression, in bytes."""

    __tablename__ = "evidence"

    digest: str = Field(sa_column=Column(Text, primary_key=True))
    body: bytes = Field(sa_type=LargeBinary)
    size: int


class SnapshotRow(_Stored, table=True):
    """A folded state at (seq, hash). A cache: it may be deleted at any time."""

    __tablename__ = "snapshots"

    rollout: str = Field(sa_column=Column(Text, primary_key=True))
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hash: str = Field(sa_type=Text)
    body: bytes = Field(sa_type=LargeBinary)


class StoreInfoRow(_Stored, table=True):
    """What the store says of itself: `profile`, `created`."""

    __tablename__ = "store_info"

    key: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_type=Text)


METADATA = _Stored.metadata
EVENTS: Table = METADATA.tables["events"]
EVIDENCE: Table = METADATA.tables["evidence"]
SNAPSHOTS: Table = METADATA.tables["snapshots"]
STORE_INFO: Table = METADATA.tables["store_info"]
