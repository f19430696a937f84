"""10,000 devices x 30 variable bindings every 60 s on one core: the running collector, everything it does included.

A collector with an inventory of 10,000 switches of two ports (one process plays them all, on addresses of 127.0.0.0/8 and the
other core) polls, understands, judges, stores and shows them. After everyone was polled twice, one interval is measured. Then
one device falls silent for ever, one takes 2.5 s for each answer, one goes round in a loop and one has a table without end, and
another interval shows whether the poll times of the others moved.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from processes import cpu_seconds, free_port, pss_bytes, rss_bytes, running

from tests.snmp import crowd

DEVICES = int(os.environ.get("HAIDANG_DEVICES", "10000"))
INTERVAL_S = int(os.environ.get("HAIDANG_INTERVAL_S", "60"))
BAD = {"dead": DEVICES // 10, "slow": DEVICES // 5, "loop": DEVICES // 4, "endless": DEVICES // 3}
"""What becomes of which device."""
SAID = ("late", "missed")

PROFILE = """\
profile: bench-switch
title: A switch of two ports
class: switch
base: [device, ports]
"""


class Picture(NamedTuple):
    """What the collector's pages say at one moment."""

    counts: dict[str, float]
    """Own metrics by name with labels."""
    seconds: dict[str, float]
    """Duration of each device's last poll."""
    up: int


def fetch(port: int, path: str) -> str:
    """A page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    page = connection.getresponse().read().decode()
    connection.close()
    return page


def look(port: int) -> Picture:
    """Read both pages."""
    own = {}
    for line in fetch(port, "/metrics").splitlines():
        if line.startswith("haidang_snmp_"):
            name, _, value = line.rpartition(" ")
            own[name] = float(value)
    seconds, up = {}, 0
    for line in fetch(port, "/metrics/targets").splitlines():
        if line.startswith("haidang_snmp_poll_duration_seconds{"):
            found = re.search(r'instance="([^"]*)"', line)
            assert found is not None
            seconds[found[1]] = float(line.rpartition(" ")[2])
        elif line.startswith("haidang_snmp_up{"):
            up += float(line.rpartition(" ")[2]) == 1
    return Picture(own, seconds, up)


def name(number: int) -> str:
    """Id of a device."""
    return f"sw-{number:05}"


def settle(folder: Path, snmp_port: int) -> tuple[Path, int, int]:
    """Write settings, inventory and profile; the settings' file, the agents' port and the web port."""
    port, web_port = free_port(), free_port()
    (folder / "snmp" / "profiles").mkdir(parents=True)
    (folder / "snmp" / "profiles" / "bench-switch.yml").write_text(PROFILE)
    auths = folder / "auths.yml"
    auths.write_text("auths:\n  bench: {version: 2, community: public}\n")
    auths.chmod(0o600)
    (folder / "inventory").mkdir()
    snmp = f"{{auth: bench, profile: bench-switch, port: {snmp_port}, ping: false}}"
    lines = ["sites: [{id: dc, name: DC}]", "targets:"]
    for number in range(DEVICES):
        place = crowd.address(number)
        lines.append(f"- {{id: {name(number)}, site: dc, class: switch, via: collector, address: {place}, snmp: {snmp}}}")
    (folder / "inventory" / "devices.yml").write_text("\n".join(lines) + "\n")
    settings = folder / "collector.yml"
    settings.write_text(
        f"data: {folder}/data\ninventory: {folder}/inventory\nweb: {{listen: '127.0.0.1:{web_port}'}}\n"
        f"agents: {{listen: '127.0.0.1:{port}', transport: plain}}\n"
        f"snmp: {{auths_file: {auths}, folder: {folder}/snmp, interval_s: {INTERVAL_S}}}\n"
    )
    return settings, port, web_port


@contextmanager
def collecting(folder: Path, snmp_port: int) -> Iterator[tuple[int, int]]:
    """The collector on the first core: its process id and web port."""
    settings, port, web_port = settle(folder, snmp_port)
    core = ["taskset", "-c", "0"] if (os.cpu_count() or 1) > 1 else []
    command = [*core, sys.executable, "-m", "collector", "run", "--config", str(settings)]
    with running(command, port, folder / "collector.log") as process:
        yield process.pid, web_port


class Interval(NamedTuple):
    """One interval as it was: shares and seconds."""

    cpu: float
    on_time: float
    p50: float
    p99: float
    longest: float
    picture: Picture


def measure(pid: int, web_port: int) -> Interval:
    """Watch the collector for an interval."""
    before, cpu, at = look(web_port), cpu_seconds(pid), time.monotonic()
    time.sleep(INTERVAL_S)
    used, elapsed = cpu_seconds(pid) - cpu, time.monotonic() - at
    after = look(web_port)
    wrong = sum(
        after.counts[f"haidang_snmp_{what}_polls_total"] - before.counts[f"haidang_snmp_{what}_polls_total"] for what in SAID
    )
    bad = {name(number) for number in BAD.values()}
    times = sorted(seconds for device, seconds in after.seconds.items() if device not in bad)
    cuts = statistics.quantiles(times, n=100)
    return Interval(used / elapsed, 1 - wrong / DEVICES, cuts[49], cuts[98], times[-1], after)


def line(what: str, found: Interval) -> str:
    """For people."""
    return (
        f"{what:22} CPU {found.cpu:5.1%} of a core, on time {found.on_time:.3%}, up {found.picture.up}; poll times of the good:"
        f" median {found.p50 * 1e3:.1f} ms, p99 {found.p99 * 1e3:.1f} ms, longest {found.longest * 1e3:.0f} ms"
    )


def main() -> None:
    """Print both intervals and the closing lines."""
    bad = {kind: [crowd.address(number)] for kind, number in BAD.items()}
    core = 1 if (os.cpu_count() or 1) > 1 else -1
    with (
        tempfile.TemporaryDirectory() as folder,
        crowd.running(**bad, core=core, later=True) as (snmp_port, crowd_pid),  # type: ignore[arg-type]
        collecting(Path(folder), snmp_port) as (pid, web_port),
    ):
        time.sleep(2 * INTERVAL_S + 5)
        good = measure(pid, web_port)
        requests = sum(count for key, count in good.picture.counts.items() if key.startswith("haidang_snmp_requests_total"))
        print(line(f"{DEVICES} devices", good), flush=True)
        os.kill(crowd_pid, signal.SIGUSR1)
        time.sleep(INTERVAL_S)
        mixed = measure(pid, web_port)
        print(line("with four bad ones", mixed))
        memory, resident = pss_bytes(pid) / 2**20, rss_bytes(pid) / 2**20
        named = {key: value for key, value in mixed.picture.counts.items() if "slow_device" in key}
        print(f"memory PSS {memory:.0f} MiB, RSS {resident:.0f} MiB; {requests:.0f} requests so far; named as slow: {named}")
        for number in BAD.values():
            print(f"  {name(number)}: {mixed.picture.seconds.get(name(number), float('nan')):.3f} s")
        log = (Path(folder) / "collector.log").read_text(errors="replace")
        print(f"  the collector's log has {log.count(chr(10))} lines; the last: {log.strip().splitlines()[-1:]}")
    print(f"BENCH devices cpu={good.cpu:.1%} memory={memory:.0f}MiB on-time={good.on_time:.3%} p99={good.p99 * 1e3:.1f}ms")
    print(
        f"BENCH devices-bad cpu={mixed.cpu:.1%} on-time={mixed.on_time:.3%} p99={mixed.p99 * 1e3:.1f}ms"
        f" without={good.p99 * 1e3:.1f}ms ratio={mixed.p99 / good.p99:.2f}"
    )


if __name__ == "__main__":
    main()
