"""The agent as a process of its own, against a collector's door that keeps what it is sent."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent import wire
from agent.model import AGENT, HEARTBEAT, HOST, Kind, Lane, Report

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and /proc")
PATIENCE_S = 20
TOKEN = "q7Yw2kd0aVb31mTeXo9c"


class Door:
    """Takes every batch and acknowledges it; `reports` are handed out in the order they came."""

    def __init__(self) -> None:
        self.reports: queue.SimpleQueue[tuple[wire.Batch, Report]] = queue.SimpleQueue()
        self.tokens: set[str] = set()
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                door.tokens.add(self.headers["Authorization"])
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "deflate":
                    body = wire.inflate(body, 1 << 24)
                batch = wire.decode_batch(body, wire.Limits())
                for group in batch.groups:
                    for report in group.reports:
                        door.reports.put((batch, report))
                answer = wire.encode(wire.Answer(now_ms=time.time_ns() // 10**6, acknowledged=_highest(batch), credit=100))
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
                """Nothing on the test's output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def next(self, what: Callable[[Report], bool]) -> tuple[wire.Batch, Report]:
        """The next report that is `what`."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            batch, report = self.reports.get(timeout=max(0.01, deadline - time.monotonic()))
            if what(report):
                return batch, report

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def _highest(batch: wire.Batch) -> dict[Lane, int]:
    seen: dict[Lane, int] = {}
    for group in batch.groups:
        for item in (*group.reports, *group.losses):
            seen[group.lane] = max(seen.get(group.lane, 0), item.seq)
    return seen


def is_kind(kind: Kind) -> Callable[[Report], bool]:
    return lambda report: report.kind is kind


@pytest.fixture
def door() -> Iterator[Door]:
    served = Door()
    yield served
    served.close()


class Agent:
    """A configuration folder and the process that runs with it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.file = folder / "agent.yml"
        (folder / "token").write_text(TOKEN)
        (folder / "token").chmod(0o600)
        self.configure(url)
        self.processes: list[subprocess.Popen[str]] = []

    def configure(self, url: str, interval_s: int = 1, more: str = "") -> None:
        self.file.write_text(
            f'id: web-1\ninterval_s: {interval_s}\ncollector: {{urls: ["{url}"]}}\n'
            f"spool: {{folder: spool}}\nreaders: {{disable: [processes]}}\n{more}"
        )

    def start(self, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--config", str(self.file)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.processes.append(process)
        return process

    def status(self) -> dict[str, object]:
        loaded: dict[str, object] = json.loads((self.folder / "status.json").read_text())
        return loaded


@pytest.fixture
def agent(tmp_path: Path, door: Door) -> Iterator[Agent]:
    made = Agent(tmp_path, door.url)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def test_agent_reports_and_takes_leave(agent: Agent, door: Door) -> None:
    """Start marker, heartbeat and host report at once; SIGTERM: stop marker delivered, code 0, status and spool in order."""
    process = agent.start()
    first, start = door.next(is_kind(Kind.AGENT_START))
    assert (start.module, start.target) == (AGENT, "web-1")
    _, beat = door.next(lambda report: report.module == HEARTBEAT)
    batch, host = door.next(lambda report: report.module == HOST)
    assert beat.uptime_ms == host.uptime_ms
    assert host.interval_ms == 1000
    # Readers that take long at first let the facts go ahead; the schemas come with the values.
    told = {wire.check_schema(raw, wire.Limits())[0] for sent in (first, batch) for raw in sent.schemas}
    assert {block.schema for block in host.blocks} <= told
    assert len(host.blocks) > 15
    process.send_signal(signal.SIGTERM)
    _, stop = door.next(is_kind(Kind.AGENT_STOP))
    assert stop.detail == "restart"
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "stopped (restart), all fresh reports delivered" in err
    assert agent.status()["stopped"] == "restart"
    assert door.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in err


def test_second_run_continues_the_numbers(agent: Agent, door: Door) -> None:
    """The same stream and boot; numbers go on where they stood."""
    seen = []
    for _ in range(2):
        process = agent.start()
        seen.append(door.next(is_kind(Kind.AGENT_START)))
        process.send_signal(signal.SIGINT)
        seen.append(door.next(is_kind(Kind.AGENT_STOP)))
        process.communicate(timeout=PATIENCE_S)
    assert len({(batch.stream, batch.boot) for batch, _ in seen}) == 1
    numbers = [report.seq for _, report in seen]
    assert numbers == sorted(set(numbers))


def test_reload_takes_a_good_file_whole(agent: Agent, door: Door) -> None:
    """SIGHUP: same process id, new settings, a stop and a start marker between."""
    process = agent.start()
    door.next(is_kind(Kind.AGENT_START))
    agent.configure(door.url, interval_s=2)
    process.send_signal(signal.SIGHUP)
    _, stop = door.next(is_kind(Kind.AGENT_STOP))
    assert stop.detail == "restart"
    door.next(is_kind(Kind.AGENT_START))
    _, host = door.next(lambda report: report.module == HOST)
    assert host.interval_ms == 2000
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)
    assert agent.status()["pid"] == process.pid


def test_reload_refuses_a_wrong_file_whole(agent: Agent, door: Door) -> None:
    """The problems are said, nothing changes, the agent goes on."""
    process = agent.start()
    door.next(is_kind(Kind.AGENT_START))
    agent.configure(door.url, interval_s=0)
    process.send_signal(signal.SIGHUP)
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    problem = next(line for line in lines if "interval_s" in line)
    assert problem == f"{agent.file}:2: interval_s: found 0, expected a whole number of seconds, 1 to 3600\n"
    assert "reload refused, the present settings stay" in next(line for line in lines if "refused" in line)
    _, beat = door.next(lambda report: report.module == HEARTBEAT)
    door.next(lambda report: report.module == HEARTBEAT and report.seq > beat.seq)
    assert process.poll() is None


def test_what_a_reader_says_is_logged_when_it_changes(agent: Agent, door: Door) -> None:
    """A broken `*.prom` file is named once in the log and stands in the status until it is mended."""
    folder = agent.folder / "textfile"
    folder.mkdir()
    (folder / "a.prom").write_text("a x\n")
    text = agent.file.read_text()
    agent.file.write_text(text.replace("[processes]", f"[processes], settings: {{textfile: {{folder: {folder}}}}}"))
    process = agent.start()
    for _ in range(3):
        door.next(lambda report: report.module == HOST)
    readers = agent.status()["readers"]
    assert isinstance(readers, list)
    said = next(reader["detail"] for reader in readers if reader["kind"] == "textfile")
    assert said.startswith(f"{folder / 'a.prom'}, line 1: ")
    (folder / "a.prom").write_text("a 1\n")
    before = agent.status()["collections"]
    for _ in range(3):
        door.next(lambda report: report.module == HOST)
    assert agent.status()["collections"] != before
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE_S)
    lines = [line for line in err.splitlines(keepends=True) if "textfile" in line]
    assert lines == [f"warning: reader textfile: ok: {said}\n", "info: reader textfile: ok\n"]


def test_wrong_configuration_is_refused_at_start(agent: Agent) -> None:
    """Code 2 and the same messages as `check`; no spool is made."""
    agent.file.write_text("id: web 1\n")
    process = agent.start()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert err.splitlines()[0].startswith(f"{agent.file}:1: collector: found nothing, expected")
    assert len(err.splitlines()) == 2
    assert not (agent.folder / "spool").exists()


def test_second_agent_on_the_same_spool_is_refused(agent: Agent, door: Door) -> None:
    """One process a spool: the second names the first and ends with code 1."""
    first = agent.start()
    door.next(is_kind(Kind.AGENT_START))
    second = agent.start()
    _, err = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 1
    assert f"is in use by process {first.pid}" in err


def test_a_removed_spool_is_said_and_made_anew(agent: Agent, door: Door) -> None:
    """The agent goes on with the same stream; log and status say what happened."""
    process = agent.start()
    batch, _ = door.next(lambda report: report.module == HOST)
    shutil.rmtree(agent.folder / "spool")
    for _ in range(3):
        after, _ = door.next(lambda report: report.module == HOST)
    assert (after.stream, after.boot) == (batch.stream, batch.boot)
    assert (agent.folder / "spool" / "stream").read_text().strip() == batch.stream
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    said = "warning: spool folder: removed from outside 1 time(s), made anew; what only it held is stated as lost\n"
    assert err.count(said) == 1
    spool = agent.status()["spool"]
    assert isinstance(spool, dict)
    assert spool["repairs"] == 1


def test_a_replaced_spool_ends_the_agent(agent: Agent, door: Door) -> None:
    """Whoever put it there meant it to be used: the service manager's next start takes it."""
    process = agent.start()
    door.next(lambda report: report.module == HOST)
    (agent.folder / "spool").rename(agent.folder / "aside")
    shutil.copytree(agent.folder / "aside", agent.folder / "spool")
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert f"warning: spool: spool folder {agent.folder / 'spool'}: another folder stands in its place\n" in err
    door.next(is_kind(Kind.AGENT_STOP))


def test_systemd_hears_of_it(agent: Agent, door: Door) -> None:
    """READY after the first collection, WATCHDOG at half the time asked, STOPPING on the way out."""
    address = str(agent.folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(PATIENCE_S)
        process = agent.start(NOTIFY_SOCKET=address, WATCHDOG_USEC="400000")
        heard: list[bytes] = []
        while b"READY=1" not in heard or heard.count(b"WATCHDOG=1") < 3:
            heard.append(manager.recv(4096))
        process.send_signal(signal.SIGTERM)
        while b"STOPPING=1" not in heard:
            heard.append(manager.recv(4096))
        process.communicate(timeout=PATIENCE_S)
    assert heard.count(b"READY=1") == 1


def test_running_agent_is_lean(agent: Agent, door: Door) -> None:
    """None of the packages that cost megabytes is mapped or imported by a running agent; `once`-only modules neither."""
    script = (
        "import sys, threading, os, signal\n"
        "from agent.__main__ import _without_typing_extensions, main\n"
        "_without_typing_extensions()\n"
        "import agent.app\n"
        "kept = agent.app.App._write_status\n"
        "def look(self, stopped=''):\n"
        "    kept(self, stopped)\n"
        "    if stopped: print('\\n'.join(sorted(sys.modules)), flush=True)\n"
        "agent.app.App._write_status = look\n"
        f"sys.exit(main(['run', '--config', {str(agent.file)!r}]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for _ in range(2):
            door.next(lambda report: report.module == HOST)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    loaded = set(out.split())
    heavy = {"asyncio", "argparse", "logging", "psutil", "yaml", "json", "dataclasses", "inspect", "ast", "typing_extensions"}
    assert "agent.host.cpu" in loaded
    assert loaded & heavy == set()
