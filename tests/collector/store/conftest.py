"""Databases for the one suite that runs on both: a SQLite file, and a private PostgreSQL of this test run."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from collector.store.store import Store


def _postgres_folder() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def postgres_folder() -> Iterator[Path]:
    """A running PostgreSQL that listens on a socket in this folder only."""
    programs = _postgres_folder()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed and CI must test on it")
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="hd-pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = str(folder / "data")
        initdb = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "haidang", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(_as_postgres(initdb), check=True, capture_output=True, cwd=folder)
        control = [str(programs / "pg_ctl"), "-D", data, "-w"]
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c max_connections=40"
        start = [*control, "-l", str(folder / "log"), "-o", options, "start"]
        subprocess.run(_as_postgres(start), check=True, stdout=subprocess.DEVNULL, cwd=folder)
        try:
            yield folder
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            subprocess.run(_as_postgres(stop), check=True, stdout=subprocess.DEVNULL, cwd=folder)


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'haidang.db'}"
    return await new_postgres(request.getfixturevalue("postgres_folder"))


@pytest.fixture
async def postgres_url(postgres_folder: Path) -> str:
    """Address of an empty PostgreSQL database, for what only PostgreSQL can do."""
    return await new_postgres(postgres_folder)


async def new_postgres(folder: Path) -> str:
    """Make a database on the server that listens in `folder`."""
    name = f"t{uuid4().hex}"
    admin = await asyncpg.connect(host=str(folder), user="haidang", database="postgres")
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    await admin.close()
    return f"postgresql+asyncpg://haidang@/{name}?host={folder}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """An open store on an empty database."""
    opened = await Store.open(url)
    yield opened
    await opened.close()
