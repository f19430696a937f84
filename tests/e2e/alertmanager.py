"""Debian's Alertmanager and amtool, and a webhook receiver that writes down what it is posted."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest

from tests.e2e import debian
from tests.servers import Program, fetch, free_port, wait_for

CONFIG = """
route:
  receiver: test
  group_by: [site]
  group_wait: 200ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: test
    webhook_configs:
      - url: {url}
        send_resolved: true
"""


TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")
"""Debian's Alertmanager reads it at this place and no other, and does not start without it."""

OVERLAY = 'mount -t overlay overlay -o "lowerdir=$0:/usr/share" /usr/share || exit 77; exec "$@"'


def started(binary: Path) -> list[str]:
    """How to start it: with the unpacked package's own files laid over /usr/share, seen by it alone."""
    if TEMPLATES.exists():
        return [str(binary)]
    share = debian.cache() / debian.PACKAGES[binary.name] / "usr" / "share"
    return ["unshare", "--mount", "--map-root-user", "sh", "-c", OVERLAY, str(share), str(binary)]


class Alertmanager(Program):
    """An Alertmanager that posts to `webhook`; with `cluster` (its own port and those of its peers) it belongs to a cluster."""

    def __init__(self, folder: Path, webhook: str, cluster: tuple[int, ...] = ()) -> None:
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "alertmanager.yml"
        config.write_text(CONFIG.format(url=webhook))
        command = [
            *started(debian.binary("prometheus-alertmanager")), f"--config.file={config}", f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=debug",
        ]  # fmt: skip
        own = f"127.0.0.1:{cluster[0]}" if cluster else ""
        command += [f"--cluster.listen-address={own}", *(f"--cluster.peer=127.0.0.1:{port}" for port in cluster[1:])]
        if cluster:
            command += [f"--cluster.advertise-address={own}", "--cluster.settle-timeout=2s", "--cluster.peer-timeout=2s"]
        super().__init__(command, folder, "alertmanager")

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        process = super().start().process
        assert process is not None
        wait_for(lambda: fetch(self.port, "/-/ready")[0] == 200 or process.poll() is not None, 60, self.said)
        if process.poll() == 77:
            pytest.skip(f"{debian.SKIP} its files cannot be laid over /usr/share here: no mount namespaces")
        assert process.poll() is None, self.said()
        return self

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts that it holds, by its API."""
        status, body = fetch(self.port, "/api/v2/alerts")
        assert status == 200, body
        return list(json.loads(body))

    def peers(self) -> int:
        """Members of its cluster that it knows, itself included."""
        return len(json.loads(fetch(self.port, "/api/v2/status")[1])["cluster"].get("peers", []))

    def asked_log(self) -> float:
        """How often it looked into its log of notifications: it does so before it notifies, or leaves that to a peer."""
        body = fetch(self.port, "/metrics")[1]
        return float(re.findall(r"^alertmanager_nflog_queries_total (\S+)", body, re.MULTILINE)[0])

    def amtool(self, *arguments: str) -> str:
        """What amtool prints about it."""
        command = [str(debian.binary("amtool")), f"--alertmanager.url={self.url}", *arguments]
        ended = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def found(self, *matchers: str) -> list[dict[str, Any]]:
        """`amtool alert query` as JSON."""
        return list(json.loads(self.amtool("alert", "query", "-o", "json", *matchers) or "[]"))


class Posted:
    """What the webhook receiver was posted, in order."""

    def __init__(self) -> None:
        self.url = ""
        self.all: list[dict[str, Any]] = []

    def wait(self, what: Callable[[dict[str, Any]], bool], seconds: float = 20.0) -> dict[str, Any]:
        """The first payload of which `what` is true."""
        return wait_for(lambda: next((one for one in list(self.all) if what(one)), None), seconds, lambda: repr(self.all)) or {}


@contextmanager
def webhook() -> Iterator[Posted]:
    """A webhook receiver on loopback."""
    posted = Posted()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.all.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    posted.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield posted
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def now_ms() -> int:
    """The wall clock: Alertmanager has no other."""
    return time.time_ns() // 1_000_000
