"""Samples per CPU-second that the collector takes in, durable and exposable, beside vmagent and Pushgateway.

1,000 agents x 300 values over 64 keep-alive connections, TLS off, one report of 20 blocks a request; every answer is waited
for, and an answer means that evidence and values are on disk. vmagent gets the same values by remote write and forwards them
to a sink; Pushgateway gets them as text. Processor time is the whole server process's. Ours and vmagent take turns, three
times, and the medians count, because the machine's speed drifts. Said besides: the same with the heartbeat that a real agent
sends along.
"""

from __future__ import annotations

import statistics
import tempfile
import urllib.request
from pathlib import Path

import ingest_peers
import load
from fleet import CONNECTIONS, VALUES, Fleet, collecting
from processes import cpu_seconds, pss_bytes

AGENTS, ROUNDS, TURNS = 1_000, 20, 3


def measure(*, heartbeats: bool) -> tuple[float, float]:
    """Samples per CPU-second of the collector and its PSS in MiB; checks that the last values are served."""
    fleet = Fleet(AGENTS, heartbeats=heartbeats)
    with tempfile.TemporaryDirectory() as name, collecting(fleet, Path(name)) as (pid, port, web_port):
        host = f"127.0.0.1:{port}"
        load.run("127.0.0.1", port, fleet.requests(host, range(1, 3)), CONNECTIONS, lambda status: status == 200)
        # Made before they are sent: the load generator must not be what the collector waits for.
        requests = list(fleet.requests(host, range(3, ROUNDS + 3)))
        before = cpu_seconds(pid)
        load.run("127.0.0.1", port, iter(requests), CONNECTIONS, lambda status: status == 200)
        used = cpu_seconds(pid) - before
        page = urllib.request.urlopen(f"http://127.0.0.1:{web_port}/metrics/targets/host-00999", timeout=10).read().decode()
        served = [line for line in page.splitlines() if line.startswith("node_bench_")]
        if len(served) != VALUES or not served[0].endswith(str(999_000 + ROUNDS + 2.0)):
            raise RuntimeError(f"{len(served)} series served, expected {VALUES}; first: {served[:1]}")
        return AGENTS * ROUNDS * VALUES / used, pss_bytes(pid) / 2**20


def main() -> None:
    """Print all sides and the closing line."""
    ours, theirs, memory = [], [], 0.0
    for _ in range(TURNS):
        rate, memory = measure(heartbeats=False)
        ours.append(rate)
        theirs.append(ingest_peers.vmagent(ROUNDS))
    with_heartbeats, _ = measure(heartbeats=True)
    ours_median = statistics.median(ours)
    print(f"collector    {ours_median:12,.0f} samples per CPU-second (PSS {memory:.0f} MiB)")
    print(f"             {with_heartbeats:12,.0f} when each report comes with a heartbeat")
    pushgateway = ingest_peers.pushgateway()
    peers = [rate for rate in theirs if rate is not None]
    if not peers or pushgateway is None:
        print("BENCH ingest skipped: vmagent or prometheus-pushgateway is not installed")
        return
    vmagent = statistics.median(peers)
    print(f"vmagent      {vmagent:12,.0f} samples per CPU-second, received and forwarded")
    print(f"Pushgateway  {pushgateway:12,.0f} samples per CPU-second (ratio {ours_median / pushgateway:.0f})")
    print(f"BENCH ingest ours={ours_median:.0f} peer={vmagent:.0f} ratio={ours_median / vmagent:.2f}")


if __name__ == "__main__":
    main()
