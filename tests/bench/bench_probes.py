"""CPU per probe of ours beside Debian's blackbox_exporter and, for echoes, fping; and how late 10,000 probes begin on one core.

Everybody probes the same local addresses for the same. Ours is what the running collector does: a crew of probes with a run a
second each, whose results are packed; `stored` goes on into SQLite and the picture that is scraped. blackbox_exporter includes
the page, which is its only way to tell what it found; it is asked over one connection and over several at once, and what is
cheapest for it counts. What Prometheus makes of the page is not counted, nor is the client. fping pings a list of addresses in
one process, and tells round trips. Ours and blackbox_exporter take turns, and the medians count. `ratio` is the peer's CPU
divided by ours: 3 means three times as cheap.

The second part is a mix of echoes, connections and web pages with intervals from 5 to 300 s, stored, on one core, with the
answering process on the other one.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from probes_side import address
from processes import cpu_seconds, free_port, peer, running

SIDE = Path(__file__).with_name("probes_side.py")
ROOT = Path(__file__).parents[2]
CORES = os.cpu_count() or 1
TURNS = int(os.environ.get("HAIDANG_TURNS", "3"))
JOBS = {"icmp": 3000, "tcp": 2000, "http": 500}
"""Probes a second of ours."""
SCRAPES = {"icmp": 2000, "tcp": 2000, "http": 1000}
AT_ONCE = (1, 4, 16)
"""Connections over which blackbox_exporter is scraped."""
SECONDS = 10
PROBES = int(os.environ.get("HAIDANG_PROBES", "10000"))
DELAY_S = 120
PINGS = (1000, 10)
"""Addresses, and echoes to each, of fping."""


def pinned(core: int) -> list[str]:
    """What puts a command on a core, where there are several."""
    return ["taskset", "-c", str(core)] if CORES > 1 else []


def side(core: int, *arguments: object) -> dict[str, float]:
    """Figures of one of our processes."""
    command = [*pinned(core), sys.executable, str(SIDE), *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if ended.returncode:
        raise RuntimeError(ended.stderr[-3000:])
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


def ours(kind: str, port: int, how: str) -> float:
    """CPU seconds of a probe of ours."""
    figures = side(0, "rate", kind, JOBS[kind], SECONDS, port, how)
    if figures["good"] < figures["results"] or figures["results"] < JOBS[kind] * SECONDS * 0.95:
        raise RuntimeError(f"{kind}: not all probes ran and were good, the figures mean nothing: {figures}")
    return figures["cpu"] / figures["results"]


@contextlib.contextmanager
def exporter(folder: Path, program: str) -> Iterator[tuple[int, int]]:
    """blackbox_exporter with a module of each kind: its port and process."""
    modules = {kind: {"prober": kind, "timeout": "5s", kind: {"preferred_ip_protocol": "ip4"}} for kind in JOBS}
    file, port = folder / "blackbox.yml", free_port()
    file.write_text(json.dumps({"modules": modules}))
    command = [program, f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with running(command, port, folder / "blackbox.log") as process:
        yield port, process.pid


def theirs(kind: str, web: int, port: int, pid: int) -> float:
    """CPU seconds of a probe of blackbox_exporter: what is best for it of one scrape after the other and several at once."""
    return min(scraped(kind, web, port, pid, at_once) for at_once in AT_ONCE)


def scraped(kind: str, web: int, port: int, pid: int, at_once: int) -> float:
    """CPU seconds of a scrape over so many connections at once."""

    def scrape(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for number in range(first, SCRAPES[kind], at_once):
            host = address(number)
            target = {"icmp": host, "tcp": f"{host}:{web}", "http": f"http://{host}:{web}/"}[kind]
            connection.request("GET", f"/probe?module={kind}&target={quote(target, safe='')}")
            page = connection.getresponse().read()
            if b"\nprobe_success 1\n" not in page:
                raise RuntimeError(page.decode())
        connection.close()

    before = cpu_seconds(pid)
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(scrape, range(at_once)))
    return (cpu_seconds(pid) - before) / SCRAPES[kind]


def fping(program: str) -> float:
    """CPU seconds of an echo of fping."""
    hosts, count = PINGS
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [program, "-q", "-c", str(count), "-p", "1000", "-i", "0.3", "-f", "-"]
    ended = subprocess.run(
        command, input="\n".join(map(address, range(hosts))), text=True, capture_output=True, check=False, timeout=300
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode or ended.stderr.count("%loss") < hosts:
        raise RuntimeError(ended.stderr[-1000:])
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / hosts / count


def compare(kind: str, web: int, port: int, pid: int) -> str:
    """The closing line of a kind, and a line for people."""
    mine, peers = [], []
    for _ in range(TURNS):
        mine.append(ours(kind, web, "kept"))
        peers.append(theirs(kind, web, port, pid))
    us, stored_us, peer_us = (
        1e6 * each for each in (statistics.median(mine), ours(kind, web, "stored"), statistics.median(peers))
    )
    print(
        f"{kind}: ours {us:.0f} us a probe, {1e6 / us:,.0f} a CPU second ({stored_us:.0f} us with storing);"
        f" blackbox_exporter {peer_us:.0f} us, {1e6 / peer_us:,.0f} a CPU second",
        flush=True,
    )
    line = f"BENCH probes-{kind} ours={us:.0f}us peer={peer_us:.0f}us ratio={peer_us / us:.1f} stored={stored_us:.0f}us"
    program = peer("fping")
    if kind != "icmp" or program is None or os.geteuid() != 0:
        return line
    return f"{line} fping={1e6 * statistics.median([fping(program) for _ in range(TURNS)]):.0f}us"


def delays(web: int) -> str:
    """The closing line of many probes on one core."""
    found = side(0, "delays", PROBES, DELAY_S, web)
    share, rate = found["cpu"] / found["elapsed"], found["results"] / found["elapsed"]
    print(
        f"{PROBES} probes every 5 to 300 s: {rate:.0f} a second, CPU {share:.1%} of a core"
        f" ({1e6 * found['cpu'] / found['results']:.0f} us a probe with storing), PSS {found['pss'] / 2**20:.0f} MiB; start"
        f" delay median {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms, longest {found['max']:.0f} ms; {found['late']:.0f}"
        f" late, {found['missed']:.0f} missed, {found['shed']:.0f} left out, {found['results'] - found['good']:.0f} not good",
        flush=True,
    )
    return (
        f"BENCH probes-delay probes={PROBES} cpu={share:.1%} memory={found['pss'] / 2**20:.0f}MiB p50={found['p50']:.0f}ms"
        f" p99={found['p99']:.0f}ms max={found['max']:.0f}ms late={found['late']:.0f} missed={found['missed']:.0f}"
        f" shed={found['shed']:.0f}"
    )


def main() -> None:
    """Print a line for each kind and for the delays, and the closing ones."""
    program = peer("prometheus-blackbox-exporter")
    closing = []
    web = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [*pinned(1), sys.executable, str(SIDE), "serve", str(web)]
        with running(command, web, folder / "web.log", {**os.environ, "PYTHONPATH": str(ROOT)}):
            if program is None:
                closing.append("BENCH probes skipped: prometheus-blackbox-exporter not installed")
            else:
                with exporter(folder, program) as (port, pid):
                    closing += [compare(kind, web, port, pid) for kind in JOBS]
            closing.append(delays(web))
    print("\n".join(closing))


if __name__ == "__main__":
    main()
