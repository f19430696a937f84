"""Real programs for the end-to-end tests: our collector and agent, and Debian's Prometheus, each its own process.

Everything stays on 127.0.0.1 and in the folder it is given. A program is stopped when its `with` block ends; `kill` is the
signal that cannot be caught. Waiting is for a condition, with a deadline, and says what the program said when it is missed.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

ROOT = Path(__file__).parents[1]
T = TypeVar("T")


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], T], seconds: float = 30.0, say: Callable[[], str] = str) -> T:
    """The first truthy answer of `what`; fails the test with what `say` says when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {say()}"
        time.sleep(0.05)
    return found


def fetch(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Status and body of a page; (0, "") while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (ConnectionError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


class Program:
    """A process whose output goes to a file; `start` may be called again after it ended."""

    def __init__(self, command: list[str], folder: Path, name: str, env: dict[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.argv = command
        self.folder = folder
        self.log = folder / f"{name}.log"
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it; returns at once."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.argv, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        return self

    def said(self) -> str:
        """Everything it printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait(10)

    def stop(self, seconds: float = 30.0) -> int:
        """Ask it to end and wait; its exit code. One that does not end is killed and fails the test."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
        return self.wait(seconds)

    def wait(self, seconds: float = 30.0) -> int:
        """Wait until it has ended by itself; its exit code. One that does not end is killed and fails the test."""
        if self.process is None:
            return 0
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.argv} did not end within {seconds} s:\n{self.said()[-3000:]}") from None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.process is not None and kind is not None:
            self.process.kill()
            self.process.wait(10)
        self.stop()


class Collector(Program):
    """`haidang-collector run` on ports of its own; `config` is more YAML for its file."""

    def __init__(self, folder: Path, config: str = "") -> None:
        self.port = free_port()
        self.agent_port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "collector.yml"
        self.config.write_text(
            f"data: data\nweb:\n  listen: 127.0.0.1:{self.port}\nagents:\n  listen: 127.0.0.1:{self.agent_port}\n"
            f"  interval_s: 1\n{config}"
        )
        super().__init__([sys.executable, "-m", "collector", "run", "--config", str(self.config)], folder, "collector")

    @property
    def url(self) -> str:
        """Where agents deliver."""
        return f"https://127.0.0.1:{self.agent_port}"

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        super().start()
        wait_for(lambda: self.page("/-/ready")[0] == 200 or self._ended(), 60, self.said)
        assert not self._ended(), self.said()
        return self

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def page(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and body of a page of the web listener."""
        return fetch(self.port, path, headers)

    def targets(self) -> dict[str, dict[str, Any]]:
        """`/api/v1/targets` by id."""
        status, body = self.page("/api/v1/targets")
        assert status == 200, body
        return {one["id"]: one for one in json.loads(body)["targets"]}

    def command(self, *arguments: str) -> str:
        """Output of `haidang-collector ARGUMENTS` on this collector's data, which must succeed."""
        command = [sys.executable, "-m", "collector", *arguments, "--config", str(self.config), "--lang", "en"]
        ended = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def code(self, name: str, *options: str) -> str:
        """A one-time code for a new agent."""
        found = re.search(r"HD1-\S+", self.command("agent", "add", name, "--site", "dic", *options))
        assert found is not None
        return found[0]


class Agent(Program):
    """`haidang-agent run`, enrolled at a collector; `config` is more YAML for its file."""

    def __init__(self, collector: Collector, folder: Path, name: str, config: str = "") -> None:
        self.name = name
        self.config = folder / "agent.yml"
        super().__init__([sys.executable, "-m", "agent", "run", "--config", str(self.config)], folder, "agent")
        command = [sys.executable, "-m", "agent", "enrol", collector.url, collector.code(name), "--config-dir", str(folder)]
        ended = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        with self.config.open("a") as file:
            file.write(config)


class Prometheus(Program):
    """Debian's Prometheus with a configuration of the test's own."""

    def __init__(self, binary: Path, folder: Path, config: Path) -> None:
        self.port = free_port()
        data = folder / "prometheus"
        command = [
            str(binary), f"--config.file={config}", f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]  # fmt: skip
        super().__init__(command, folder, "prometheus")

    def start(self) -> Self:
        """Start it and wait until it is ready."""
        super().start()
        wait_for(lambda: fetch(self.port, "/-/ready")[0] == 200, 60, self.said)
        return self

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Result of an instant query; fails the test if Prometheus refuses the expression."""
        status, body = fetch(self.port, f"/api/v1/query?query={quote(expression)}")
        assert status == 200, f"{expression}: {body}"
        return list(json.loads(body)["data"]["result"])

    def scraped(self) -> list[dict[str, Any]]:
        """The targets that it scrapes."""
        return list(json.loads(fetch(self.port, "/api/v1/targets")[1])["data"]["activeTargets"])
