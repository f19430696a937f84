"""Databases of both kinds, a whole collector on port 0 with a store of its own, and a plain HTTP caller."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import pwd
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from agent import wire
from agent.model import Block, Column, Family, Kind, Lane, MetricType, Report, Schema, schema_hash
from collector.app import Collector
from collector.config import Agents, Config, Web
from collector.ingest.enrol import make_token
from collector.store.store import Store


class Response(msgspec.Struct, frozen=True):
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of a JSON error body."""
        return str(msgspec.json.decode(self.body)["error"]["code"])

    @property
    def answer(self) -> wire.Answer:
        """The answer to a stored batch."""
        assert self.status == 200, self.body
        return wire.decode_answer(self.body)


async def read_response(reader: asyncio.StreamReader) -> Response:
    """The next answer on a connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding") == "chunked":
        parts = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return Response(int(head[0].split()[1]), headers, b"".join(parts))
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(int(head[0].split()[1]), headers, body)


class Caller:
    """One connection to a listener."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.context = context

    async def __aenter__(self) -> Caller:
        name = "localhost" if self.context else None
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context, server_hostname=name)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()

    async def say(self, data: bytes) -> Response:
        """Send bytes as they are and read one answer."""
        self.writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()
        return await read_response(self.reader)

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Response:
        """One request; `_` in header names stands for `-`."""
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return await self.say("\r\n".join([*lines, "", ""]).encode() + body)

    async def post(self, token: str, body: bytes, **headers: str) -> Response:
        """A batch."""
        sent = {"Authorization": f"Bearer {token}", "Content_Type": wire.CONTENT_TYPE} | headers
        return await self.call("POST", "/v1/batches", body, **sent)


class Running:
    """A collector that runs, and what tests ask of it."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    async def agent(self, name: str) -> str:
        """Enrol an agent; its token."""
        store, now_ms = self.collector.store, self.collector.now_ms()
        await store.add_agent(name, "dic", "server", now_ms)
        token, token_hash = make_token()
        await store.create_code(name, name.encode(), now_ms + 60_000, now_ms)
        await store.redeem_code(name.encode(), token_hash, now_ms)
        await self.collector._tokens.refresh()
        return token

    def caller(self, context: ssl.SSLContext | None = None) -> Caller:
        """A new connection to the agents' listener."""
        return Caller(self.collector.agents_port, context)

    async def post(self, token: str, body: bytes, context: ssl.SSLContext | None = None, **headers: str) -> Response:
        """A batch on a connection of its own."""
        async with self.caller(context) as caller:
            return await caller.post(token, body, **headers)

    async def page(self, path: str) -> Response:
        """A page of the web listener."""
        async with Caller(self.collector.web_port) as caller:
            return await caller.call("GET", path)


def plain_config(data: Path) -> Config:
    """Both listeners on port 0, without TLS."""
    return Config(data=str(data), web=Web(listen="127.0.0.1:0"), agents=Agents(listen="127.0.0.1:0", transport="plain"))


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts collectors on demand and stops them after the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(config: Config | None = None, reread: Callable[[], Config] | None = None) -> Running:
            collector = Collector(config or plain_config(tmp_path / "data"), reread)
            await collector.start()
            stack.push_async_callback(collector.stop)
            return Running(collector)

        yield begin


@pytest.fixture
def run_once() -> Callable[[Config], contextlib.AbstractAsyncContextManager[Running]]:
    """A collector for the length of an `async with`; stopping it twice is allowed."""

    @contextlib.asynccontextmanager
    async def running(config: Config) -> AsyncIterator[Running]:
        collector = Collector(config)
        await collector.start()
        try:
            yield Running(collector)
        finally:
            await collector.stop()

    return running


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    """The plain configuration with some fields replaced."""
    return lambda **fields: msgspec.structs.replace(plain_config(tmp_path / "data"), **fields)


class Sender:
    """The clocks and numbers of one agent: makes batches as `wire` wants them."""

    def __init__(self, name: str, *, stream: str = "s1", boot: str = "b1") -> None:
        self.name = name
        self.stream = stream
        self.boot = boot
        self.seq = {Lane.FACTS: 0, Lane.BULK: 0}
        self.uptime_ms = 1_000_000

    def report(self, lane: Lane = Lane.BULK, **fields: object) -> Report:
        self.seq[lane] += 1
        values: dict[str, object] = {
            "seq": self.seq[lane], "target": self.name, "module": "host", "kind": Kind.REPORT, "at_ms": 1_700_000_000_000,
            "uptime_ms": self.uptime_ms, "awake_ms": self.uptime_ms, "interval_ms": 15_000,
        }  # fmt: skip
        return Report(**(values | fields))  # type: ignore[arg-type]

    def batch(self, *reports: Report, lane: Lane = Lane.BULK, schemas: tuple[bytes, ...] = (), **fields: object) -> bytes:
        self.uptime_ms += 1
        groups = (wire.Group(boot=self.boot, lane=lane, reports=reports),) if reports else ()
        values: dict[str, object] = {
            "version": 1, "stream": self.stream, "boot": self.boot, "uptime_ms": self.uptime_ms, "awake_ms": self.uptime_ms,
            "wall_ms": 1_700_000_000_000, "agent_version": "0.1.0", "groups": groups,
            "schemas": tuple(msgspec.Raw(schema) for schema in schemas),
        }  # fmt: skip
        return wire.encode(wire.Batch(**(values | fields)))  # type: ignore[arg-type]


@pytest.fixture
def sender() -> type[Sender]:
    """Makes batches of one agent."""
    return Sender


def gauge(name: str, labels: tuple[str, ...] = (), series: tuple[tuple[str, ...], ...] = ((),)) -> Schema:
    return Schema((Column(Family(name, MetricType.GAUGE, "help", labels), series),))


class Layout(msgspec.Struct, frozen=True):
    """A schema with its bytes and blocks of it."""

    schema: Schema

    @property
    def encoded(self) -> bytes:
        return wire.encode(self.schema)

    @property
    def digest(self) -> bytes:
        return schema_hash(self.schema)

    def block(self, *values: float) -> Block:
        return Block(self.digest, struct.pack(f"<{len(values)}d", *values))


@pytest.fixture
def layout() -> Callable[..., Layout]:
    """A schema of one gauge family."""
    return lambda name, labels=(), series=((),): Layout(gauge(name, labels, series))


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


# --- databases: a SQLite file, and a private PostgreSQL of this test run


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


NewUrl = Callable[[], Awaitable[str]]


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """Makes an empty database at each call and answers its address."""
    if request.param == "postgresql":
        return functools.partial(new_postgres, request.getfixturevalue("postgres_folder"))

    async def new_sqlite() -> str:
        return f"sqlite:///{tmp_path / f'{uuid4().hex}.db'}"

    return new_sqlite


@pytest.fixture
async def url(new_url: NewUrl) -> str:
    """Address of an empty database."""
    return await new_url()


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
