"""What the ingest benchmark measures beside us: vmagent (remote write in and out) and Pushgateway, with the same numbers."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import load
import remote_write
from processes import cpu_seconds, free_port, peer, running

AGENTS, VALUES, CONNECTIONS = 1_000, 300, 64


def _cycle(bodies: list[bytes], total: int) -> Iterator[bytes]:
    for number in range(total):
        yield bodies[number % len(bodies)]


def labels_of(number: int) -> dict[str, str]:
    """Label set of the n-th of the 300 values: a counter by cpu and mode, as host readers give."""
    return {"__name__": f"node_bench_{number // 15}_total", "cpu": str(number % 15), "mode": "idle"}


def vmagent(rounds: int) -> float | None:
    """Samples per CPU-second that vmagent receives and forwards; None if it is not installed."""
    program = peer("vmagent")
    if program is None:
        return None
    port, sink_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        sink = [sys.executable, remote_write.__file__, str(sink_port)]
        command = [
            program, f"-httpListenAddr=127.0.0.1:{port}", f"-remoteWrite.url=http://127.0.0.1:{sink_port}/api/v1/write",
            f"-remoteWrite.tmpDataPath={folder}/data",
        ]  # fmt: skip
        with running(sink, sink_port, Path(folder, "sink.log")), running(command, port, Path(folder, "vmagent.log")) as process:
            headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
            bodies = []
            for agent in range(AGENTS):
                target = {"instance": f"host-{agent:04}", "site": "dc", "class": "server"}
                series = [(labels_of(n) | target, agent * 1000.0 + n) for n in range(VALUES)]
                body = remote_write.write_request(series, 1_700_000_000_000)
                bodies.append(load.post("/api/v1/write", f"127.0.0.1:{port}", headers, body))
            load.run("127.0.0.1", port, _cycle(bodies, AGENTS), CONNECTIONS, lambda status: status == 204)
            before = cpu_seconds(process.pid)
            load.run("127.0.0.1", port, _cycle(bodies, AGENTS * rounds), CONNECTIONS, lambda status: status == 204)
            return AGENTS * rounds * VALUES / (cpu_seconds(process.pid) - before)


def pushgateway() -> float | None:
    """Samples per CPU-second that Pushgateway accepts; None if it is not installed."""
    program = peer("prometheus-pushgateway")
    if program is None:
        return None
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [program, f"--web.listen-address=127.0.0.1:{port}"]
        with running(command, port, Path(folder, "pushgateway.log")) as process:
            bodies = []
            for agent in range(100):
                lines = []
                for n in range(VALUES):
                    labels = labels_of(n)
                    lines.append(f'{labels.pop("__name__")}{{cpu="{labels["cpu"]}",mode="idle"}} {agent * 1000.0 + n}')
                body = ("\n".join(lines) + "\n").encode()
                bodies.append(load.post(f"/metrics/job/bench/instance/host-{agent:04}", f"127.0.0.1:{port}", {}, body))
            before = cpu_seconds(process.pid)
            load.run("127.0.0.1", port, _cycle(bodies, 200), CONNECTIONS, lambda status: status == 200)
            return 200 * VALUES / (cpu_seconds(process.pid) - before)
