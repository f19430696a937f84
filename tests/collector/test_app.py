"""The collector's process: starts whole or not at all, remembers, reloads whole or not at all, stops without loss."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent import wire
from agent.clock import SystemClock
from agent.model import Lane
from collector import config as configuration
from collector.app import Collector
from collector.config import Agents, Config, Database, Web
from collector.inventory.taken import load_taken
from collector.service_systemd import Notifier
from collector.start import StartError, database_url
from tests.collector.conftest import Running


async def refused(config: Config) -> str:
    with pytest.raises(StartError) as caught:
        await Collector(config).start()
    return str(caught.value)


async def test_a_taken_port_is_named_with_what_to_do_and_nothing_is_left_behind(
    make_config: Callable[..., Config], start: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = await refused(make_config(web=Web(listen=address)))
        assert text == f"web.listen {address}: the port is taken: stop the program that has it, or choose another port"
        text = await refused(make_config(agents=Agents(listen=address)))
        assert text.startswith(f"agents.listen {address}: the port is taken")
    assert (await start()).collector.ready() == ""


async def test_an_address_of_another_machine_is_named(make_config: Callable[..., Config]) -> None:
    text = await refused(make_config(web=Web(listen="192.0.2.1:0")))
    assert text.startswith("web.listen 192.0.2.1:0: this machine has no such address")


async def test_a_folder_in_use_is_named(make_config: Callable[..., Config], start: Any) -> None:
    await start()
    text = await refused(make_config())
    assert f"another collector (process {os.getpid()}) uses this folder: stop it, or give --data another one" in text


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, make_config: Callable[..., Config]) -> None:
    (tmp_path / "file").write_text("")
    text = await refused(make_config(data=str(tmp_path / "file" / "data")))
    assert text.startswith(f"{tmp_path}/file/data: cannot be written (Not a directory): give it to the user")


async def test_a_database_that_is_none_is_named(tmp_path: Path, make_config: Callable[..., Config]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "haidang.db").write_bytes(b"not a database at all" * 100)
    text = await refused(make_config())
    assert text.startswith("database: ")
    assert "haidang.db" in text


async def test_a_bad_inventory_stops_the_start_and_frees_the_ports(
    tmp_path: Path, make_config: Callable[..., Config], start: Any, free_port: int
) -> None:
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "a.yml").write_text("targets: [{id: x, site: nowhere, class: c, via: ghost}]\n")
    config = make_config(inventory=str(folder), web=Web(listen=f"127.0.0.1:{free_port}"))
    with pytest.raises(configuration.ConfigError, match="an agent made with `agent add`"):
        await Collector(config).start()
    (folder / "a.yml").write_text("targets: []\n")
    assert (await start(config)).collector.web_port == free_port


async def test_a_restart_continues_where_it_stopped(
    make_config: Callable[..., Config], run_once: Any, sender: Any, layout: Any
) -> None:
    config = make_config()
    async with run_once(config) as running:
        token = await running.agent("srv-1")
        one, shape = sender("srv-1"), layout("node_load1")
        body = one.batch(one.report(blocks=(shape.block(7.0),)), schemas=(shape.encoded,))
        assert (await running.post(token, body)).status == 200
    async with run_once(config) as running:
        page = (await running.page("/metrics/targets/srv-1")).body.decode()
        assert 'node_load1{instance="srv-1",site="dic",class="server"} 7' in page
        assert (await running.post(token, body)).answer.acknowledged[Lane.BULK] == 1
        assert running.collector.tally.duplicates == 1
        answer = (await running.post(token, one.batch(one.report(blocks=(shape.block(8.0),))))).answer
        assert answer.wanted == ()
        counts = await running.collector.store.counts()
        assert (counts.reports, counts.blinds, counts.schemas) == (2, 1, 1)
        (blind,) = running.collector.fleet.blinds
        assert blind.from_ms <= blind.until_ms <= running.collector.now_ms()


async def test_a_restart_within_the_ttl_does_not_change_since_when_a_target_is_up(
    make_config: Callable[..., Config], run_once: Any, sender: Any
) -> None:
    """R5.4: the stretch of up began with the first report, not with the last one before the restart."""
    config = make_config()
    one = sender("srv-1")

    async def since(running: Any) -> int:
        collector = running.collector
        while collector.fleet.state_of("srv-1", collector.now_ms()) is None:  # the ledger takes its page up
            await asyncio.sleep(0)
        judgement = collector.fleet.judge(collector.fleet.get("srv-1"), collector.now_ms())
        assert judgement.state == "up"
        return int(judgement.since_ms)

    async with run_once(config) as running:
        token = await running.agent("srv-1")
        beats = [one.report(Lane.FACTS, module="heartbeat", uptime_ms=one.uptime_ms + later) for later in (0, 1)]
        for beat in beats:
            assert (await running.post(token, one.batch(beat, lane=Lane.FACTS))).status == 200
        before = await since(running)
    async with run_once(config) as running:
        assert await since(running) == before


async def test_a_stop_commits_what_waits_and_writes_the_start_of_blindness(
    make_config: Callable[..., Config], run_once: Any, sender: Any
) -> None:
    config = make_config()
    async with run_once(config) as running:
        token = await running.agent("srv-1")
        one = sender("srv-1")
        bodies = [one.batch(one.report()) for _ in range(20)]
        waiting = [asyncio.ensure_future(running.post(token, body)) for body in bodies]
        await waiting[0]
        stopping = asyncio.ensure_future(running.collector.stop())
        answered = await asyncio.gather(*waiting, return_exceptions=True)
        await stopping
        acknowledged = [
            each.answer.acknowledged[Lane.BULK]
            for each in answered
            if not isinstance(each, BaseException) and each.status == 200
        ]
    async with run_once(config) as running:
        stored = (await running.collector.store.counts()).reports
        assert max(acknowledged) <= stored
        assert len(acknowledged) <= stored
        blinds = await running.collector.store.blinds(0, 2**53)
        assert [blind.cause for blind in blinds] != []


async def test_not_ready_is_said_while_stopping(
    tmp_path: Path, make_config: Callable[..., Config], run_once: Any, sender: Any
) -> None:
    """A stop takes as long as the database takes the last batch; another process that writes holds it up here."""
    async with run_once(make_config()) as running:
        collector, port = running.collector, running.collector.web_port
        assert (await running.page("/-/ready")).status == 200
        token, one = await running.agent("srv-1"), sender("srv-1")
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "haidang.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.ensure_future(running.post(token, one.batch(one.report())))
            while not collector._committer.depth:
                await asyncio.sleep(0)
            stopping = asyncio.ensure_future(collector.stop())
            await asyncio.sleep(0)
            response = await running.page("/-/ready")
            assert (response.status, b"stopping" in response.body, stopping.done()) == (503, True, False)
            assert (await running.page("/-/healthy")).status == 200
            other.execute("ROLLBACK")
        assert (await waiting).answer.acknowledged[Lane.BULK] == 1
        await stopping
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)


# --- reload


def written(file: Path, text: str) -> Callable[[], Config]:
    file.write_text(text)
    return lambda: configuration.load(file)


BASE = "data: data\nweb: {listen: '127.0.0.1:0'}\nagents: {listen: '127.0.0.1:0', transport: plain}\n"


async def test_a_reload_takes_settings_and_inventory(tmp_path: Path, start: Any, sender: Any) -> None:
    file = tmp_path / "collector.yml"
    reread = written(file, BASE)
    running = await start(reread(), reread)
    token = await running.agent("box")
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "a.yml").write_text("sites: [{id: dic}]\ntargets: [{id: sw, site: dic, class: switch, via: box}]\n")
    written(file, BASE + "inventory: inventory\nlimits: {requests_per_s: 0.001, requests_burst: 1, body_timeout_s: 7}\n")
    assert await running.collector.reload()
    assert running.collector._listener._times.body_s == 7.0
    assert running.collector.fleet.get("sw") is not None
    kept = load_taken(tmp_path / "data")
    assert kept is not None
    assert kept.entries.keys() == {"sw"}, "what was taken is kept for who compares"
    one = sender("box")
    assert (await running.post(token, one.batch(one.report(target="sw", kind="obs")))).status == 200
    assert (await running.post(token, one.batch())).status == 429
    assert running.collector.tally.reloads == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BASE + "colour: red\n", "colour: found an unknown key"),
        (BASE.replace("data: data", "data: elsewhere"), "until a restart"),
        (BASE + "ttl_factor: 3\n", "reload: ttl_factor: found 3.0, expected 2.5 until a restart"),
        (BASE + "limits: {connections: 5}\n", "reload: limits.connections: found 5, expected 10000 until a restart"),
        (BASE + "inventory: missing\n", "found no folder, expected a folder of *.yml files"),
        ("- x\n", "found a list, expected a mapping"),
    ],
)
async def test_a_bad_reload_changes_nothing_and_says_why(
    tmp_path: Path, start: Any, caplog: pytest.LogCaptureFixture, text: str, said: str
) -> None:
    file = tmp_path / "collector.yml"
    reread = written(file, BASE)
    running = await start(reread(), reread)
    before = running.collector.config
    written(file, text)
    assert not await running.collector.reload()
    assert running.collector.config is before
    assert running.collector.tally.reload_failures == 1
    assert any("reload refused" in record.getMessage() and said in record.getMessage() for record in caplog.records)


# --- time


class Jumping(SystemClock):
    """A clock whose wall time and uptime jump."""

    def __init__(self) -> None:
        self.wall_step_ms = 0
        self.uptime_step_ms = 0

    def wall_ms(self) -> int:
        return super().wall_ms() + self.wall_step_ms

    def uptime_ms(self) -> int:
        return super().uptime_ms() + self.uptime_step_ms


async def test_a_jump_of_the_wall_clock_does_not_reach_the_timeline(make_config: Callable[..., Config]) -> None:
    clock = Jumping()
    collector = Collector(make_config(), clock=clock)
    before = collector.now_ms()
    clock.wall_step_ms = 3_600_000
    assert 0 <= collector.now_ms() - before < 60_000


@asynccontextmanager
async def jumping(config: Config) -> AsyncIterator[tuple[Running, Jumping]]:
    """A collector and its clock."""
    clock = Jumping()
    collector = Collector(config, clock=clock)
    await collector.start()
    try:
        yield Running(collector), clock
    finally:
        await collector.stop()


async def state_of(running: Running, target: str) -> tuple[str, str]:
    told = msgspec.json.decode((await running.page(f"/api/v1/targets/{target}")).body)
    return told["state"], told["why"]


async def test_the_first_page_after_a_stall_does_not_call_its_targets_silent(
    make_config: Callable[..., Config], sender: Any
) -> None:
    """A collector that was stopped for 20 s heard nobody; a target with reports every 5 s must not be down for it (R6.2)."""
    async with jumping(make_config()) as (running, clock):
        token, one = await running.agent("srv-1"), sender("srv-1")
        body = one.batch(one.report(Lane.FACTS, module="heartbeat", interval_ms=5_000), lane=Lane.FACTS)
        assert (await running.post(token, body)).status == 200
        assert await state_of(running, "srv-1") == ("up", "reporting")
        clock.uptime_step_ms = 20_000
        assert await state_of(running, "srv-1") == ("unknown", "collector_blind")
        await running.collector._vigil.beat()
        (blind,) = await running.collector.store.blinds(0, 2**53)
        assert (blind.cause, 20_000 <= blind.until_ms - blind.from_ms < 25_000) == ("stall", True)
        assert running.collector.tally.blind_ms == blind.until_ms - blind.from_ms


async def test_a_step_of_the_wall_clock_is_on_disk(make_config: Callable[..., Config]) -> None:
    async with jumping(make_config()) as (running, clock):
        clock.wall_step_ms = 3_600_000
        running.collector._vigil.watch_clock()
        await running.collector._vigil.beat()
        (step,) = await running.collector.store.clock_steps(0, 2**53)
        assert abs(step.delta_ms - 3_600_000) < 1_000
        assert abs(step.at_ms - running.collector.now_ms()) < 60_000


async def test_a_store_that_cannot_be_written_is_blindness(
    tmp_path: Path, make_config: Callable[..., Config], sender: Any
) -> None:
    """What nobody could store nobody saw. Another process holds the database here; the batch waits for it."""
    async with jumping(make_config()) as (running, clock):
        token, one = await running.agent("srv-1"), sender("srv-1")
        beat = {"module": "heartbeat", "interval_ms": 5_000}
        assert (await running.post(token, one.batch(one.report(Lane.FACTS, **beat), lane=Lane.FACTS))).status == 200
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "haidang.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            one.uptime_ms += 5_000
            body = one.batch(one.report(Lane.FACTS, **beat), lane=Lane.FACTS)
            waiting = asyncio.ensure_future(running.post(token, body))
            while not running.collector._committer.depth:
                await asyncio.sleep(0)
            for _ in range(10):
                clock.uptime_step_ms += 2_000
                running.collector._vigil.look()
            assert await state_of(running, "srv-1") == ("unknown", "collector_blind")
            other.execute("ROLLBACK")
        assert (await waiting).status == 200
        await running.collector._vigil.beat()
        (blind,) = await running.collector.store.blinds(0, 2**53)
        assert (blind.cause, 20_000 <= blind.until_ms - blind.from_ms < 25_000) == ("store", True)


async def test_bodies_that_are_held_stay_counted_through_a_reload(start: Any, sender: Any) -> None:
    running = await start()
    token = await running.agent("srv-1")
    body = sender("srv-1").batch()
    door = running.collector._door
    async with running.caller() as caller:
        head = f"POST /v1/batches HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n"
        head += f"Content-Type: {wire.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        caller.writer.write(head.encode() + body[:10])
        while not door._budget.held:
            await asyncio.sleep(0)
        assert await running.collector.reload()
        assert door._budget.held == len(body)
        assert (await caller.say(body[10:])).status == 200
    assert door._budget.held == 0


# --- the process


@asynccontextmanager
async def process(data: Path, environment: dict[str, str] | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    file = data.parent / "collector.yml"
    if not file.exists():
        file.write_text(f"data: {data}\nweb: {{listen: '127.0.0.1:0'}}\nagents: {{listen: '127.0.0.1:0'}}\n")
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "collector", "run", "--config", str(file),
        env=os.environ | (environment or {}), stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def line_with(child: asyncio.subprocess.Process, text: str) -> str:
    assert child.stderr is not None
    while line := (await child.stderr.readline()).decode():
        if text in line:
            return line
    raise AssertionError(f"the process ended without saying {text!r}")


async def test_sigterm_stops_in_order_and_systemd_is_told(tmp_path: Path) -> None:
    notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notes.bind(str(tmp_path / "notify"))
    notes.settimeout(30)
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    told: list[str] = []

    async def hear(word: str) -> None:
        while not told or told[-1] != word:
            told.append((await asyncio.to_thread(notes.recv, 256)).decode().split("\n")[0])

    with notes:
        async with process(tmp_path / "data", environment) as child:
            await line_with(child, "ready: web on port")
            await hear("READY=1")
            await hear("WATCHDOG=1")
            child.send_signal(signal.SIGHUP)
            await line_with(child, "configuration and inventory reloaded")
            await hear("READY=1")
            child.send_signal(signal.SIGTERM)
            await line_with(child, "stopped")
            await hear("STOPPING=1")
            assert await child.wait() == 0
    assert "RELOADING=1" in told


async def test_kill_and_restart_record_the_blindness(tmp_path: Path) -> None:
    async with process(tmp_path / "data") as child:
        await line_with(child, "ready: web on port")
        child.kill()
        await child.wait()
    async with process(tmp_path / "data") as child:
        await line_with(child, "nobody watched for")
        await line_with(child, "ready: web on port")
        child.send_signal(signal.SIGINT)
        assert await child.wait() == 0


async def test_a_start_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "collector.yml").write_text(f"data: {tmp_path / 'data'}\nweb: {{listen: '127.0.0.1:{port}'}}\n")
        async with process(tmp_path / "data") as child:
            _, said = await child.communicate()
            assert child.returncode == 1
    assert said.decode().splitlines() == [
        f"web.listen 127.0.0.1:{port}: the port is taken: stop the program that has it, or choose another port"
    ]


# --- small parts


def test_outside_systemd_nothing_is_said() -> None:
    notifier = Notifier({})
    notifier.ready()
    assert notifier.watchdog_s == 0.0


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdog_is_fed_at_half_its_time(environment: dict[str, str], seconds: float) -> None:
    assert Notifier(environment).watchdog_s == seconds


def test_the_database_password_comes_from_file_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql+asyncpg://haidang@db.example.vn:5432/haidang"
    (tmp_path / "password").write_text("p@ss/w:rd\n")
    config = Config(database=Database(url=url, password_file=str(tmp_path / "password")))
    assert database_url(config) == "postgresql+asyncpg://haidang:p%40ss%2Fw%3Ard@db.example.vn:5432/haidang"
    monkeypatch.setenv("HAIDANG_DB", "secret")
    config = Config(database=Database(url=url, password_env="HAIDANG_DB"))
    assert database_url(config) == "postgresql+asyncpg://haidang:secret@db.example.vn:5432/haidang"
    monkeypatch.delenv("HAIDANG_DB")
    with pytest.raises(StartError, match="HAIDANG_DB is not set"):
        database_url(config)
    with pytest.raises(StartError, match="cannot be read"):
        database_url(Config(database=Database(url=url, password_file=str(tmp_path / "none"))))
    assert database_url(Config(data="/d")) == "sqlite:////d/haidang.db"
