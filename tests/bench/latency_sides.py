"""What `bench_latency` measures with: services that die at a known moment, a receiver that writes down when it is told, and the
two sides that watch the same services: our collector, and Debian's Prometheus with Alertmanager and blackbox_exporter.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from processes import free_port, peer, running

from tests.e2e.alertmanager import started

INTERVAL_S = 5
RETRY_S = 0.2
"""The fast retry that is measured beside the usual one."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
OURS = {
    "fast": f", retry_s: {RETRY_S}",
    "usual": "",
    "parent": f", retry_s: {RETRY_S}",
}
"""The kinds of our targets of one service, and what their probe says besides."""
PEERS = ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter")


class Service:
    """Listens on a port of its own until it is killed; every other one is asked by HTTP."""

    def __init__(self, number: int) -> None:
        self.id = f"{number:03}"
        self.module = "http_2xx" if number % 2 else "tcp_connect"
        self.killed_s = 0.0
        self.port = 0
        self._server: asyncio.Server | None = None

    async def live(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await reader.read(4096):
                writer.write(ANSWER)
                await writer.drain()
        writer.close()

    def die(self) -> None:
        """Connections are refused from now on."""
        assert self._server is not None
        self._server.close()
        self.killed_s = time.time()

    @property
    def target(self) -> str:
        """What is probed."""
        address = f"127.0.0.1:{self.port}"
        return f"http://{address}/" if self.module == "http_2xx" else address


class Receiver:
    """A receiver of webhooks: when it was told first of each subject that it is down."""

    def __init__(self) -> None:
        self.told_s: dict[str, float] = {}
        self.port = 0
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while head := (await reader.readuntil(b"\r\n\r\n")).decode().lower():
                [length] = [line.split(":")[1] for line in head.split("\r\n") if line.startswith("content-length:")]
                self._take(await reader.readexactly(int(length)), time.time())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        writer.close()

    def _take(self, body: bytes, at_s: float) -> None:
        payload = json.loads(body)
        for alert in payload["alerts"]:
            if alert["status"] == "firing":
                self.told_s.setdefault(alert["labels"]["instance"], at_s)


# --- ours


def write_ours(folder: Path, services: Sequence[Service], gate: Service, hook: int) -> tuple[Path, int]:
    """The files of our side: its settings and port. Each target has a site of its own, so that each is a page of its own."""
    web, agents = free_port(), free_port()
    lines, sites = [_target("gate", "gate", gate, "")], ["  - id: gate"]
    for service in services:
        for kind, said in OURS.items():
            name = f"{kind}-{service.id}"
            sites.append(f"  - id: {name}")
            lines.append(_target(name, name, service, said, ", parents: [gate]" if kind == "parent" else ""))
    inventory = folder / "inventory"
    inventory.mkdir()
    (inventory / "all.yml").write_text("\n".join(["sites:", *sites, "targets:", *lines]) + "\n")
    modules = "".join(
        f"  {name}: {{prober: {kind}, timeout: 4s}}\n" for name, kind in (("tcp_connect", "tcp"), ("http_2xx", "http"))
    )
    (folder / "modules.yml").write_text(f"modules:\n{modules}")
    key = folder / "noc.key"
    key.touch(0o600)
    key.write_text("0123456789abcdef0123456789abcdef")
    (folder / "oncall.yml").write_text(
        f"language: en\nreceivers:\n  noc: {{webhook: {{url: 'http://127.0.0.1:{hook}/', secret_file: {key}}}}}\n"
        "escalations:\n  all: {steps: [{notify: ['receiver:noc']}]}\nroutes: [{name: all, escalation: all}]\n"
    )
    settings = folder / "collector.yml"
    settings.write_text(
        f"data: data\nweb: {{listen: '127.0.0.1:{web}'}}\nagents: {{listen: '127.0.0.1:{agents}'}}\n"
        "inventory: inventory\noncall: oncall.yml\nprobes: {module_files: [modules.yml]}\n"
    )
    return settings, web


def _target(name: str, site: str, service: Service, said: str, more: str = "") -> str:
    return (
        f"  - {{id: {name}, site: {site}, class: server, via: collector, address: '127.0.0.1', interval_s: {INTERVAL_S}{more},"
        f" probes: [{{module: {service.module}, address: '{service.target}'{said}}}]}}"
    )


@contextlib.contextmanager
def our_side(folder: Path, services: Sequence[Service], gate: Service, hook: int) -> Iterator[int]:
    """Our collector at work; its port."""
    settings, web = write_ours(folder, services, gate, hook)
    command = [sys.executable, "-m", "collector", "run", "--config", str(settings)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with running(command, web, folder / "collector.log", env):
        yield web


def states(web: int) -> dict[str, str]:
    """What our collector calls each target."""
    return {one["id"]: one["state"] for one in _asked(f"http://127.0.0.1:{web}/api/v1/targets").get("targets", ())}


def _asked(url: str) -> dict[str, Any]:
    """The answer of an API; nothing of one that is not ready."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return dict(json.loads(answer.read()))
    except urllib.error.HTTPError:
        return {}


class Steps(NamedTuple):
    """Moments of one page of ours, seconds: first failed sample, confirmation, decision, webhook answered."""

    missed_s: float
    known_s: float
    decided_s: float
    sent_s: float


def steps(database: Path) -> dict[str, Steps]:
    """From the collector's own records, by subject."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT a.subject, a.since_ms, a.known_ms, o.created_ms, o.done_ms FROM alerts a JOIN outbox o"
            " ON o.order_key = a.incident WHERE o.event = 'firing' AND o.done_ms IS NOT NULL ORDER BY o.id DESC"
        )
        return {subject: Steps(*[moment / 1000 for moment in moments]) for subject, *moments in rows}


# --- theirs


@contextlib.contextmanager
def peer_side(folder: Path, services: Sequence[Service], hook: int) -> Iterator[int]:
    """Prometheus, Alertmanager and blackbox_exporter at work, as quick as they can be told to be at this interval; the port of
    Prometheus."""
    prometheus, alertmanager, blackbox = [peer(name) for name in PEERS]
    assert prometheus is not None
    assert alertmanager is not None
    assert blackbox is not None
    ports = [free_port() for _ in PEERS]
    _write_peers(folder, services, ports, hook)
    commands = [
        [
            prometheus, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{ports[0]}", "--log.level=error",
        ],
        [
            *started(Path(alertmanager)), f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'am'}",
            f"--web.listen-address=127.0.0.1:{ports[1]}", "--cluster.listen-address=", "--log.level=error",
        ],
        [
            blackbox, f"--config.file={folder / 'blackbox.yml'}", f"--web.listen-address=127.0.0.1:{ports[2]}",
            "--log.level=error",
        ],
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        for name, command, port in reversed(list(zip(PEERS, commands, ports, strict=True))):
            stack.enter_context(running(command, port, folder / f"{name}.log"))
        yield ports[0]


def _write_peers(folder: Path, services: Sequence[Service], ports: Sequence[int], hook: int) -> None:
    jobs = [
        {
            "job_name": module, "metrics_path": "/probe", "params": {"module": [module]},
            "static_configs": [
                {"targets": [one.target], "labels": {"instance": one.id}} for one in services if one.module == module
            ],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"target_label": "__address__", "replacement": f"127.0.0.1:{ports[2]}"},
            ],
        }
        for module in ("tcp_connect", "http_2xx")
    ]  # fmt: skip
    every = f"{INTERVAL_S}s"
    rule = {"alert": "Down", "expr": "probe_success == 0", "for": "0s"}
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "down", "rules": [rule]}]}))
    settings = {
        "global": {"scrape_interval": every, "scrape_timeout": "4s", "evaluation_interval": every},
        "rule_files": [str(folder / "rules.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]}]},
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings))
    route = {"receiver": "noc", "group_by": ["instance"], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    hooks = [{"url": f"http://127.0.0.1:{hook}/", "send_resolved": False}]
    receivers = [{"name": "noc", "webhook_configs": hooks}]
    (folder / "alertmanager.yml").write_text(json.dumps({"route": route, "receivers": receivers}))
    modules = {name: {"prober": kind, "timeout": "4s"} for name, kind in (("tcp_connect", "tcp"), ("http_2xx", "http"))}
    (folder / "blackbox.yml").write_text(json.dumps({"modules": modules}))


def scraped(prometheus: int) -> int:
    """Services that Prometheus has seen up."""
    url = f"http://127.0.0.1:{prometheus}/api/v1/query?query=count(probe_success==1)"
    found = _asked(url).get("data", {}).get("result", ())
    return int(found[0]["value"][1]) if found else 0


def has_peers() -> bool:
    """Whether all programs of the peers are here and Alertmanager can be started."""
    alertmanager = peer(PEERS[1])
    if alertmanager is None or not all(peer(name) for name in PEERS):
        return False
    ended = subprocess.run([*started(Path(alertmanager)), "--version"], capture_output=True, check=False, timeout=60)
    return ended.returncode == 0
