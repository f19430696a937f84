"""The database opened beside a running collector, for the length of a command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from collector.config import Config
from collector.core.change import StoreError, StoreUnusableError
from collector.start import StartError, database_url, make_folder
from collector.store.store import Store


@asynccontextmanager
async def opened_store(config: Config, *, create: bool = False) -> AsyncIterator[Store]:
    """The store of a configuration, closed afterwards; `create`: the data folder may have to be made. Raises `StartError` for
    whatever folder or database refuse."""
    if create:
        make_folder(Path(config.data))
    try:
        store = await Store.open(database_url(config))
    except (StoreUnusableError, StoreError) as error:
        raise StartError(f"database: {error}") from error
    try:
        yield store
    except StoreError as error:
        raise StartError(f"database: {error}") from error
    finally:
        await store.close()
