"""Bring a store to the newest schema. Imports alembic, which costs more than opening a store:
only a new or an older store comes here."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from rollout.store.schema import VERSION_TABLE

_HERE = Path(__file__).parent


def upgrade(connection: Connection, target: str = "head") -> None:
    """Run what is missing up to `target`, in the caller's transaction: all of it or nothing."""
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)

    def missing(found: str | tuple[str, ...] | None, _: MigrationContext) -> list[RevisionStep]:
        return script._upgrade_revs(target, found)  # type: ignore[arg-type]

    with EnvironmentContext(config, script, fn=missing) as environment:
        environment.configure(
            connection=connection, version_table=VERSION_TABLE, transactional_ddl=True
        )
        environment.run_migrations()
