"""A store for each test, made once and copied, and a dispatcher that waits for nobody when it is ended."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from collector.store import engine
from collector.store.store import Store

NewStore = Callable[[], Awaitable[Store]]


@pytest.fixture(autouse=True)
def _no_power_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed loses nothing that it committed, whatever the disk has: to wait for that only takes time."""
    monkeypatch.setattr(engine, "SYNCHRONOUS", "OFF")


@pytest.fixture
def in_this_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store works where it is called: for tests of thousands of calls, whose time would go into changing threads."""

    async def call(lane: Any, work: Callable[[Any], Any]) -> Any:
        await asyncio.sleep(0)  # others go on meanwhile, as they do while a thread works
        return lane._transact(work)

    monkeypatch.setattr(engine._Lane, "call", call)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no row."""
    path = tmp_path_factory.mktemp("notify") / "empty.db"

    async def make() -> None:
        await (await Store.open(f"sqlite:///{path}")).close()

    asyncio.run(make())
    return path


@pytest.fixture
async def new_store(empty_database: Path, tmp_path: Path) -> AsyncIterator[NewStore]:
    """Opens a new, empty store at each call."""
    opened: list[Store] = []
    numbers = count()

    async def make() -> Store:
        path = tmp_path / f"{next(numbers)}.db"
        shutil.copy(empty_database, path)
        store = await Store.open(f"sqlite:///{path}")
        opened.append(store)
        return store

    yield make
    for store in opened:
        await store.close()


@pytest.fixture
async def store(new_store: NewStore) -> Store:
    """An empty store."""
    return await new_store()
