"""Resident memory of the collector that holds 10,000 targets x 300 series, beside Prometheus as remote-write receiver.

Every target is an agent of its own that has delivered twice. Read again after everything was served once on
/metrics/targets, because a page must not cost what the fleet costs. The peer holds 60,000 series; compared are bytes a series.
"""

from __future__ import annotations

import tempfile
import urllib.request
from pathlib import Path

import ingest_peers
import load
import remote_write
from fleet import CONNECTIONS, VALUES, Fleet, collecting
from processes import free_port, peer, pss_bytes, running

TARGETS = 10_000
PEER_TARGETS = 200
AIM_MIB = 400


def _served(port: int) -> int:
    """Series on the page of all targets, read as a stream."""
    series = 0
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics/targets", timeout=300) as answer:
        for line in answer:
            series += line.startswith(b"node_bench_")
    return series


def measure() -> tuple[float, float]:
    """PSS in MiB after two rounds, and after a page of everything."""
    fleet = Fleet(TARGETS)
    with tempfile.TemporaryDirectory() as name, collecting(fleet, Path(name)) as (pid, port, web_port):
        load.run("127.0.0.1", port, fleet.requests(f"127.0.0.1:{port}", range(1, 3)), CONNECTIONS, lambda status: status == 200)
        held = pss_bytes(pid) / 2**20
        series = _served(web_port)
        if series != TARGETS * VALUES:
            raise RuntimeError(f"{series} series served, expected {TARGETS * VALUES}")
        return held, pss_bytes(pid) / 2**20


def prometheus() -> float | None:
    """PSS in MiB of Prometheus with 60,000 series written to it; None if it is not installed."""
    program = peer("prometheus")
    if program is None:
        return None
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        settings = Path(name, "prometheus.yml")
        settings.write_text("scrape_configs: []\n")
        command = [
            program, f"--config.file={settings}", f"--storage.tsdb.path={name}/data", f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
        ]  # fmt: skip
        with running(command, port, Path(name, "prometheus.log")) as process:
            headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
            for at_ms in (0, 15_000):
                bodies = []
                for target in range(PEER_TARGETS):
                    labels = {"instance": f"host-{target:05}", "site": "dc", "class": "server"}
                    series = [(ingest_peers.labels_of(n) | labels, float(n)) for n in range(VALUES)]
                    body = remote_write.write_request(series, 1_800_000_000_000 + at_ms)
                    bodies.append(load.post("/api/v1/write", f"127.0.0.1:{port}", headers, body))
                load.run("127.0.0.1", port, iter(bodies), 4, lambda status: status in (200, 204))
            return pss_bytes(process.pid) / 2**20


def main() -> None:
    """Print both sides and the closing line."""
    held, after = measure()
    count = TARGETS * VALUES
    print(f"collector   {count:9,} series: PSS {held:.0f} MiB, {after:.0f} MiB after serving them all (aim {AIM_MIB})")
    theirs = prometheus()
    if theirs is None:
        print("BENCH memory skipped: prometheus is not installed")
        return
    peer_count = PEER_TARGETS * VALUES
    ours_each, theirs_each = after * 2**20 / count, theirs * 2**20 / peer_count
    print(f"Prometheus  {peer_count:9,} series: PSS {theirs:.0f} MiB")
    print(f"BENCH memory ours={ours_each:.0f}B/series peer={theirs_each:.0f}B/series ratio={ours_each / theirs_each:.3f}")


if __name__ == "__main__":
    main()
