"""The log, the evidence and what the store says of itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from rollout.store.postgres_schema import statements_0001
from rollout.store.schema import SQLITE_TRIGGERS_0001

revision = "0001"
down_revision = None

# By code point, so that an update of the server's collations cannot disorder a key.
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "events",
        sa.Column("rollout", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("prev", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rollout", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "evidence",
        sa.Column("digest", KEY, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "store_info",
        sa.Column("key", KEY, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for statement in SQLITE_TRIGGERS_0001.values() if is_sqlite else statements_0001():
        op.execute(statement)
