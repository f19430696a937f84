"""Migrations: from nothing, twice, and never backwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from collector.core.alerting import Loaded
from collector.core.change import StoreUnusableError
from collector.store.engine import connect
from collector.store.history import put_settings
from collector.store.migrate import FOLDER, HEAD, migrate, revision
from collector.store.store import Store
from collector.store.tables import metadata


async def test_migrations_make_exactly_the_tables_that_the_code_uses(url: str) -> None:
    database = connect(url)
    await database.write(migrate)

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))

    assert await database.write(differences) == []
    await database.close()


@pytest.mark.parametrize("before", ["0001", "0002"])
async def test_a_database_of_an_earlier_revision_keeps_what_it_has(url: str, before: str) -> None:
    database = connect(url)

    def earlier(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        config.attributes["connection"] = connection
        command.upgrade(config, before)
        connection.execute(text("INSERT INTO meta (key, number) VALUES ('kept', 7)"))
        if before == "0002":
            put_settings(connection, {"holidays": b"kept"}, "inventory", 1)

    await database.write(earlier)
    opened = await Store.open(url)
    assert await opened.load_subjects() == {}
    settings = {name: versions[-1].value for name, versions in (await opened.load_settings()).items()}
    assert settings == ({"holidays": b"kept"} if before == "0002" else {})
    assert await opened.load_alerting(1) == Loaded()
    assert await database.read(lambda c: c.execute(text("SELECT number FROM meta WHERE key = 'kept'")).scalar()) == 7
    assert await database.read(revision) == HEAD
    await opened.close()
    await database.close()


async def test_opening_twice_changes_nothing(url: str) -> None:
    for _ in range(2):
        opened = await Store.open(url)
        await opened.add_agent("a", "s", "server", 1) if not await opened.agents() else None
        await opened.close()
    opened = await Store.open(url)
    assert [account.id for account in await opened.agents()] == ["a"]
    await opened.close()


async def test_two_processes_that_start_together_migrate_once(url: str) -> None:
    first, second = await asyncio.gather(Store.open(url), Store.open(url))
    assert await first.agents() == await second.agents() == []
    await first.close()
    await second.close()


async def test_a_newer_database_is_refused_with_what_to_do(url: str) -> None:
    opened = await Store.open(url)
    await opened.close()
    database = connect(url)
    await database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")).close())
    with pytest.raises(StoreUnusableError, match=r"revision 9999 and this program knows up to .*newer version made it"):
        await Store.open(url)
    assert await database.read(revision) == "9999"
    await database.close()


def test_head_is_the_newest_script() -> None:
    assert ScriptDirectory(str(FOLDER)).get_current_head() == HEAD


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("sqlite://", "expected sqlite:///FILE"),
        ("sqlite:///:memory:", "expected sqlite:///FILE"),
        ("mysql://u:secret@h/n", r"found mysql://u:\*\*\*@h/n, expected"),
        ("postgresql://u:secret@h/n", r"found postgresql://u:\*\*\*@h/n, expected"),
        ("postgresql+asyncpg://u:secret@/n?host=/nowhere", r"^postgresql\+asyncpg://u:\*\*\*@/n\?host=.*No such file"),
        ("nonsense", "expected sqlite:///FILE"),
        ("sqlite:////nowhere/at/all.db", "No such file or directory; expected a file in a folder that exists"),
    ],
)
async def test_a_wrong_address_is_refused(address: str, message: str) -> None:
    with pytest.raises(StoreUnusableError, match=message):
        await Store.open(address)


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "haidang.db"
    path.write_text("not a database, but long enough to be looked at" * 100)
    with pytest.raises(StoreUnusableError, match="not a database"):
        await Store.open(f"sqlite:///{path}")


async def test_the_database_file_is_private(tmp_path: Path) -> None:
    opened = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    await opened.add_agent("a", "s", "server", 1)
    assert [oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()] == ["0o600"] * 3
    await opened.close()
