"""Exposition of 30,000 and 300,000 series beside `prometheus_client.generate_latest`, in one run.

Both sides render the same families, labels and values to the same kind of text (Prometheus 0.0.4, no gzip) from what each
keeps in memory. `ratio` is the peer's CPU seconds divided by ours: 10 means ten times as fast. Run it with
`python tests/bench/bench_exposition.py`.
"""

from __future__ import annotations

import random
import struct
import time

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families

from agent.model import Block, Column, Family, Kind, Lane, MetricType, Outcome, Reason, Schema, schema_hash
from collector.core.evidence import Evidence, Grade, TargetInfo, TimeQuality
from collector.core.fleet import Fleet
from collector.core.schemas import SchemaBook, pack
from collector.core.tally import Tally
from collector.expose.text import Renderer

NOW_MS = 1_700_000_000_000
READERS = {
    "cpu": (1, 64), "meminfo": (50, 1), "netdev": (10, 6), "filesystem": (7, 4), "netstat": (20, 1), "sockstat": (14, 1),
    "vmstat": (7, 1), "timex": (8, 1), "stat": (6, 1), "pressure": (5, 1), "load": (3, 1), "filefd": (2, 1), "entropy": (2, 1),
    "conntrack": (2, 1), "udp": (1, 4), "arp": (1, 2), "uname": (1, 1), "time": (1, 1), "success": (1, 18), "thermal": (1, 4),
}  # fmt: skip
"""Reader -> families and series of each: 300 series in 20 blocks, as a small Linux server reports them."""


def host_schemas(host: int) -> list[Schema]:
    """The blocks of one host; interface names differ between hosts, everything else is the same."""
    schemas = []
    for reader, (families, series) in READERS.items():
        labels = ("device", "mode") if series > 1 else ()
        kind = MetricType.COUNTER if reader in ("cpu", "netdev", "netstat", "vmstat") else MetricType.GAUGE
        ending = "_total" if kind is MetricType.COUNTER else "_bytes"
        mark = str(host % 10) if reader == "netdev" else ""
        rows = tuple((f"{reader}{mark}{n}", "idle") for n in range(series)) if labels else ((),)
        columns = [
            Column(Family(f"node_{reader}_field{n}{ending}", kind, f"Field {n} of {reader}.", labels), rows)
            for n in range(families)
        ]
        schemas.append(Schema(tuple(columns)))
    return schemas


def make_fleet(hosts: int, rng: random.Random) -> tuple[Fleet, int]:
    """A fleet whose every target has just reported."""
    tally = Tally()
    fleet = Fleet(SchemaBook(), tally)
    fleet.set_targets(TargetInfo(f"host-{i:05}", f"site-{i % 83}", "server", f"host-{i:05}") for i in range(hosts))
    count = 0
    for i in range(hosts):
        name = f"host-{i:05}"
        blocks = []
        for schema in host_schemas(i):
            digest = schema_hash(schema)
            fleet.book.add(name, digest, pack(schema))
            values = [figure(rng) for _ in range(schema.size)]
            count += schema.size
            blocks.append(Block(digest, struct.pack(f"<{schema.size}d", *values)))
        fleet.restore(evidence(name), tuple(blocks))
    return fleet, count


def figure(rng: random.Random) -> float:
    """Numbers as hosts have them: bytes and counts, seconds with two decimals, ratios."""
    kind = rng.random()
    if kind < 0.5:
        return float(rng.randrange(1 << 34))
    return round(rng.random() * 1e6, 2) if kind < 0.8 else rng.random()


def evidence(name: str) -> Evidence:
    """A live host report of just now."""
    return Evidence(
        name, name, "host", Kind.REPORT, NOW_MS, NOW_MS, Outcome.OK, Reason.NONE, "", 15_000, "stream", "boot", Lane.BULK,
        1, 1, 1, NOW_MS, Grade.LIVE, TimeQuality.MEASURED,
    )  # fmt: skip


class Held:
    """The peer's side: the same families as metric objects, handed to `generate_latest` as a custom collector does."""

    def __init__(self, families: list[Metric]) -> None:
        self.families = families

    def collect(self) -> list[Metric]:
        return self.families


def peer_families(text: str) -> list[Metric]:
    """The page as prometheus_client's own families."""
    families: list[Metric] = []
    for parsed in text_string_to_metric_families(text):
        labels = list(parsed.samples[0].labels)
        kind = CounterMetricFamily if parsed.type == "counter" else GaugeMetricFamily
        family = kind(parsed.name, parsed.documentation, labels=labels)
        for sample in parsed.samples:
            family.add_metric([sample.labels[name] for name in labels], sample.value)
        families.append(family)
    return families


def best_cpu(runs: int, work: object) -> float:
    """Least CPU seconds of some runs."""
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        work()  # type: ignore[operator]
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    print("exposition: CPU seconds to render one page, best of 5; ratio = peer / ours (10 = ten times as fast)")
    ratio = ours = peer = 0.0
    for hosts in (100, 1000):
        fleet, count = make_fleet(hosts, random.Random(7))
        renderer = Renderer(fleet)
        page = b"".join(renderer.page(NOW_MS, openmetrics=False))
        assert page.count(b"\n") - page.count(b"\n# ") - 1 == count, "every series is on the page"
        pauses = longest_step(renderer)
        ours = best_cpu(5, lambda: b"".join(renderer.page(NOW_MS, openmetrics=False)))  # noqa: B023
        om = best_cpu(3, lambda: b"".join(renderer.page(NOW_MS, openmetrics=True)))  # noqa: B023
        registry = CollectorRegistry()
        registry.register(Held(peer_families(page.decode())))  # type: ignore[arg-type]
        peer = best_cpu(3 if hosts == 100 else 1, lambda: generate_latest(registry))  # noqa: B023
        ratio = peer / ours
        print(
            f"  {count:7} series, {len(page) / 1e6:5.1f} MB: ours {ours:.4f} s ({ours / count * 1e6:.2f} us a series,"
            f" longest step {pauses * 1e3:.1f} ms), OpenMetrics {om:.4f} s; prometheus_client {peer:.3f} s; ratio {ratio:.1f}"
        )
        print(f"BENCH exposition ours={ours:.4f} peer={peer:.4f} ratio={ratio:.1f}")


def longest_step(renderer: Renderer) -> float:
    """Longest time that a page keeps the event loop."""
    longest = 0.0
    last = time.perf_counter()
    for _ in renderer.page(NOW_MS, openmetrics=False):
        now = time.perf_counter()
        longest = max(longest, now - last)
        last = now
    return longest


if __name__ == "__main__":
    main()
