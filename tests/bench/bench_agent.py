"""The agent beside node_exporter on the same machine in the same minute: resident memory and processor time per report.

Both deliver 60 times, once a second: the agent over TLS into a real collector with its spool synced to disk, node_exporter
to an HTTP client that asks as Prometheus does (keep-alive, gzip). Memory is PSS after the 60 reports, read when the collector
has been stopped, so that the agent shares no page with it. Both sides run as they are delivered, default readers on.
"""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from processes import cpu_seconds, free_port, peer, pss_bytes, running, wait_for_port

REPORTS, SKIP = 60, 5
COLLECTOR = [sys.executable, "-m", "collector"]
AGENT = [sys.executable, "-m", "agent"]


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


def measure_agent(folder: Path) -> tuple[float, float, int]:
    """PSS in MiB, milliseconds of processor time per report, series per report."""
    port, web_port = free_port(), free_port()
    collector, settings = enrolled_agent(folder, port, web_port)
    with (
        running([*COLLECTOR, "run", "--config", str(collector)], port, folder / "collector.log"),
        (folder / "agent.log").open("wb") as log,
    ):
        agent = subprocess.Popen([*AGENT, "run", "--config", str(settings)], stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for_port(web_port, agent)
            time.sleep(SKIP + 0.5)
            before, at = cpu_seconds(agent.pid), time.monotonic()
            time.sleep(REPORTS - SKIP)
            reports = round(time.monotonic() - at)
            per_report = (cpu_seconds(agent.pid) - before) / reports * 1000
            connection = http.client.HTTPConnection("127.0.0.1", web_port, timeout=10)
            connection.request("GET", "/metrics/targets/bench-01")
            page = connection.getresponse().read().decode()
            connection.close()
        except BaseException:
            agent.kill()
            raise
    try:
        pss = pss_bytes(agent.pid) / 2**20
    finally:
        agent.terminate()
        agent.wait(15)
    series = sum(1 for line in page.splitlines() if line and not line.startswith("#"))
    return pss, per_report, series


def measure_node_exporter(program: str, folder: Path) -> tuple[float, float, int]:
    """The same three figures of node_exporter."""
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
        pss = pss_bytes(process.pid) / 2**20
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
    return pss, per_report, sum(1 for line in lines if line and not line.startswith("#"))


def main() -> None:
    """Print both sides and the two closing lines."""
    with tempfile.TemporaryDirectory() as name:
        ours = measure_agent(Path(name))
        print(
            f"agent          PSS {ours[0]:6.1f} MiB   CPU {ours[1]:6.2f} ms a report of {ours[2]} series, acknowledged over TLS"
        )
        program = peer("prometheus-node-exporter")
        if program is None:
            print("BENCH agent skipped: prometheus-node-exporter is not installed")
            return
        theirs = measure_node_exporter(program, Path(name))
    print(f"node_exporter  PSS {theirs[0]:6.1f} MiB   CPU {theirs[1]:6.2f} ms a scrape of {theirs[2]} series")
    print(f"BENCH agent-memory ours={ours[0]:.1f}MiB peer={theirs[0]:.1f}MiB ratio={ours[0] / theirs[0]:.2f}")
    print(f"BENCH agent ours={ours[1]:.2f}ms peer={theirs[1]:.2f}ms ratio={ours[1] / theirs[1]:.2f}")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    main()
