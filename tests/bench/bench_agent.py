"""The agent beside node_exporter on the same machine in the same minute: resident memory and processor time per report.

Both deliver 60 times, once a second: the agent over TLS into a real collector with its spool synced to disk, node_exporter
to an HTTP client that asks as Prometheus does (keep-alive, gzip). Both sides run as they are delivered, default readers on.

Memory is taken after the 60 reports, when the collector has been stopped. PSS divides each page among the processes that map
it, which flatters whoever runs beside others of its kind. So `alone` is compared: of the program's own files – for the agent
the interpreter, its library and the packages – all resident pages count, as on a machine with no other Python process; of the
system's libraries (OpenSSL, C), which other programs map too, the agent's share. RSS, printed beside, counts those in full.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from processes import (
    alone_bytes,
    cpu_seconds,
    free_port,
    interpreter_files,
    peer,
    pss_bytes,
    rss_bytes,
    running,
    wait_for_port,
)

import agent

REPORTS, SKIP = 60, 5
COLLECTOR = [sys.executable, "-m", "collector"]
AGENT = [sys.executable, "-m", "agent"]


class Memory(NamedTuple):
    """Resident memory in MiB, counted in three ways; see the module."""

    alone: float
    pss: float
    rss: float


def memory_of(pid: int, own: Sequence[str]) -> Memory:
    """Memory of a process whose own files have paths that begin with one of `own`."""
    return Memory(*(found / 2**20 for found in (alone_bytes(pid, own), pss_bytes(pid), rss_bytes(pid))))


class Cost(NamedTuple):
    """Memory, milliseconds of processor time per report, series per report."""

    memory: Memory
    cpu_ms: float
    series: int

    def line(self, name: str, what: str) -> str:
        """For people."""
        memory = f"{self.memory.alone:5.1f} MiB alone (PSS {self.memory.pss:.1f}, RSS {self.memory.rss:.1f})"
        return f"{name:14} memory {memory}   CPU {self.cpu_ms:6.2f} ms a {what} of {self.series} series"


def _scrape(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip", "Accept": "text/plain;version=0.0.4"})
    return len(connection.getresponse().read())


def enrolled_agent(folder: Path, port: int, web_port: int) -> tuple[Path, Path]:
    """Configuration files of a collector and of an agent that is enrolled at it."""
    collector = folder / "collector.yml"
    collector.write_text(
        f"data: {folder}/data\nweb: {{listen: '127.0.0.1:{web_port}'}}\nagents: {{listen: '127.0.0.1:{port}'}}\n"
    )
    with running([*COLLECTOR, "run", "--config", str(collector)], port, folder / "first.log"):
        command = [*COLLECTOR, "agent", "add", "bench-01", "--site", "dc", "--config", str(collector)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = re.search(r"HD1-\S+", said)
        if found is None:
            raise RuntimeError(f"no enrolment code in: {said}")
        command = [*AGENT, "enrol", f"https://127.0.0.1:{port}", found.group(), "--config-dir", str(folder / "agent")]
        subprocess.run(command, check=True, capture_output=True)
    settings = folder / "agent" / "agent.yml"
    text = re.sub(r"(?m)^interval_s:.*\n?", "", settings.read_text())
    text = text if re.search(r"(?m)^spool:", text) else f"{text}spool: {{folder: {folder}/spool}}\n"
    settings.write_text(f"{text}interval_s: 1\n")
    return collector, settings


def compile_agent() -> None:
    """Compile the agent's modules, as pip does where it installs them: a process that has to compile its own keeps the memory
    which that took."""
    package = str(Path(agent.__file__).parent)
    subprocess.run([sys.executable, "-m", "compileall", "-q", package], check=True)


def measure_agent(folder: Path) -> Cost:
    """The agent's figures."""
    compile_agent()
    port, web_port = free_port(), free_port()
    collector, settings = enrolled_agent(folder, port, web_port)
    with (
        running([*COLLECTOR, "run", "--config", str(collector)], port, folder / "collector.log"),
        (folder / "agent.log").open("wb") as log,
    ):
        process = subprocess.Popen([*AGENT, "run", "--config", str(settings)], stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for_port(web_port, process)
            time.sleep(SKIP + 0.5)
            before, at = cpu_seconds(process.pid), time.monotonic()
            time.sleep(REPORTS - SKIP)
            reports = round(time.monotonic() - at)
            per_report = (cpu_seconds(process.pid) - before) / reports * 1000
            connection = http.client.HTTPConnection("127.0.0.1", web_port, timeout=10)
            connection.request("GET", "/metrics/targets/bench-01")
            page = connection.getresponse().read().decode()
            connection.close()
        except BaseException:
            process.kill()
            raise
    try:
        memory = memory_of(process.pid, interpreter_files())
    finally:
        process.terminate()
        process.wait(15)
    return Cost(memory, per_report, _series(page))


def _series(page: str) -> int:
    return sum(1 for line in page.splitlines() if line and not line.startswith("#"))


def measure_node_exporter(program: str, folder: Path) -> Cost:
    """The same figures of node_exporter."""
    port = free_port()
    command = [program, f"--web.listen-address=127.0.0.1:{port}"]
    with running(command, port, folder / "node_exporter.log") as process:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        before = 0.0
        for number in range(REPORTS):
            if number == SKIP:
                before = cpu_seconds(process.pid)
            _scrape(connection)
            time.sleep(1)
        per_report = (cpu_seconds(process.pid) - before) / (REPORTS - SKIP) * 1000
        memory = memory_of(process.pid, [os.path.realpath(program)])
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
        connection.close()
    return Cost(memory, per_report, _series(page))


def main() -> None:
    """Print both sides and the two closing lines."""
    with tempfile.TemporaryDirectory() as name:
        ours = measure_agent(Path(name))
        print(f"{ours.line('agent', 'report')}, acknowledged over TLS")
        program = peer("prometheus-node-exporter")
        if program is None:
            print("BENCH agent skipped: prometheus-node-exporter is not installed")
            return
        theirs = measure_node_exporter(program, Path(name))
    print(theirs.line("node_exporter", "scrape"))
    mine, peers = ours.memory, theirs.memory
    print(f"BENCH agent-memory ours={mine.alone:.1f}MiB peer={peers.alone:.1f}MiB ratio={mine.alone / peers.alone:.2f}")
    print(f"BENCH agent ours={ours.cpu_ms:.2f}ms peer={theirs.cpu_ms:.2f}ms ratio={ours.cpu_ms / theirs.cpu_ms:.2f}")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main()
