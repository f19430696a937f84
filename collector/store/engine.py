"""Connections to SQLite and PostgreSQL, and the translation of what they raise.

Work is a plain function of a synchronous `Connection`: written once, it runs in both. On SQLite a whole transaction is one hop
to the thread that owns the connection: a hop a statement, as aiosqlite does it, was measured to cost 1.4 ms of CPU more.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, exc
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from collector.core.change import StoreError, StoreUnusableError

T = TypeVar("T")
Work = Callable[[Connection], T]

BUSY_TIMEOUT_S = 15
"""How long a write waits for another process (the command line) to finish its own."""
CONNECT_TIMEOUT_S = 10
COMMAND_TIMEOUT_S = 60
CACHE_KIB = 32_768
CHECKPOINT_PAGES = 4_000
"""16 MB of log between checkpoints: fewer of them, each still short."""


class Database(Protocol):
    """One database. Both methods raise `StoreError`, or what `work` itself raises."""

    async def write(self, work: Work[T]) -> T:
        """Run `work` in one transaction."""

    async def read(self, work: Work[T]) -> T:
        """Run `work` beside the writer; it must not write."""

    async def close(self) -> None:
        """Finish what runs and let go of the database."""


def connect(url: str) -> Database:
    """A database by its address. Raises `StoreUnusableError`; does not connect to PostgreSQL yet."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise StoreUnusableError(_EXPECTED.format(found="something that is not an address")) from None
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return _Sqlite(parsed)
    if parsed.drivername == "postgresql+asyncpg":
        return _Postgres(parsed)
    raise StoreUnusableError(_EXPECTED.format(found=parsed.render_as_string(hide_password=True)))


def printable(url: str) -> str:
    """The address without its password."""
    return make_url(url).render_as_string(hide_password=True)


SYNCHRONOUS: Final = "FULL"
"""What was committed is on the disk, though the power fails."""
_EXPECTED = "database url: found {found}, expected sqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/NAME"
_OUTSIDE = (OSError, asyncio.TimeoutError, sqlite3.Error)
_VALUES = (OverflowError, UnicodeError)


def _translate(error: Exception) -> StoreError:
    """What a driver raised, in our words; a value it cannot take is `poison`."""
    if isinstance(error, _VALUES):
        return StoreError(f"a value cannot be stored: {error}", poison=True)
    if isinstance(error, exc.DBAPIError):
        outside = error.connection_invalidated or isinstance(error, exc.OperationalError)
        return StoreError(f"database: {error.orig}", poison=not outside)
    return StoreError(f"database: {error}")


class _Lane:
    """A thread with one SQLite connection of its own."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connection: Connection | None = None

    async def call(self, work: Work[T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._transact, work)
        except (exc.SQLAlchemyError, *_OUTSIDE, *_VALUES) as error:
            raise _translate(error) from error

    def _transact(self, work: Work[T]) -> T:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            with self._connection.begin():
                return work(self._connection)
        except exc.OperationalError:
            self._let_go()
            raise

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, self._let_go)
        self._executor.shutdown()


class _Sqlite:
    def __init__(self, url: URL) -> None:
        assert url.database is not None
        path = Path(url.database)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise StoreUnusableError(
                f"database file {path}: {error.strerror}; expected a file in a folder that exists and may be written"
            ) from error
        self._writer = _Lane(_sqlite_engine(url, "BEGIN IMMEDIATE"), "store-write")
        self._reader = _Lane(_sqlite_engine(url, "BEGIN"), "store-read")

    async def write(self, work: Work[T]) -> T:
        return await self._writer.call(work)

    async def read(self, work: Work[T]) -> T:
        return await self._reader.call(work)

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn the write-ahead log on. SQLite does not wait for another process that is about to do the same, so we do."""
    end = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
        else:
            return


def _sqlite_engine(url: URL, begin: str) -> Engine:
    arguments = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        _use_wal(connection)
        for pragma in (
            f"synchronous = {SYNCHRONOUS}",
            "foreign_keys = ON",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            "journal_size_limit = 67108864",
            "temp_store = MEMORY",
            f"cache_size = -{CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


class _Postgres:
    def __init__(self, url: URL) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=4,
            max_overflow=0,
            pool_timeout=CONNECT_TIMEOUT_S,
            pool_pre_ping=False,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": COMMAND_TIMEOUT_S,
                "server_settings": {"application_name": "haidang-collector"},
            },
        )

    async def write(self, work: Work[T]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        except (exc.SQLAlchemyError, *_OUTSIDE, *_VALUES) as error:
            raise _translate(error) from error

    async def read(self, work: Work[T]) -> T:
        return await self.write(work)

    async def close(self) -> None:
        await self._engine.dispose()
