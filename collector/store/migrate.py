"""Bring a database to this program's tables, and refuse one that a newer program made."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from collector.core.change import StoreUnusableError

HEAD = "0003"
"""The newest migration. A database that is there already is opened without importing Alembic."""
FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x48414944
"""PostgreSQL advisory lock: two processes that start together must not both migrate."""


def migrate(connection: Connection) -> None:
    """Upgrade to `HEAD` inside the caller's transaction. Raises `StoreUnusableError` for a database of a newer program."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    found = revision(connection)
    if found == HEAD:
        return
    _upgrade(connection, found)


def revision(connection: Connection) -> str | None:
    """The migration the database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _upgrade(connection: Connection, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreUnusableError(
            f"the database is at revision {found} and this program knows up to {HEAD}: a newer version made it; "
            "install that version, or restore a backup made before it"
        )
    command.upgrade(config, "head")
