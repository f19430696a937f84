"""CPU per variable binding, from the UDP socket to the stored report, beside Debian's snmp_exporter and plain pysnmp.

Everybody asks the same agents for the same things by the same module: whole ifTable and ifXTable walks, and GETs of 20 objects.
The agents are a real snmpd and a responder that plays switches of 24 ports. Ours includes decoding, series, reports, SQLite
and the picture that is scraped; snmp_exporter includes its page, which has to be made for every scrape and which Prometheus
would still have to parse and store; pysnmp only reads. Ours and snmp_exporter take turns, three times, and the medians count,
because the machine's speed drifts. `ratio` is the peer's CPU seconds divided by ours: 3 means three times as cheap.

That compares the same work. A poll of the running collector does more, which snmp_exporter leaves to others: it asks for the
system group and clocks as well, derives readings and rates of ports, judges health and stores three reports. What all of it
costs is `whole`, in microseconds by the bindings of the module alone.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from processes import cpu_seconds, peer
from snmp_sides import COMMUNITY, ROOT, module_of

from tests.e2e.snmp_exporter import SnmpExporter, old_format, parsed, stripped
from tests.e2e.snmpd import Snmpd
from tests.snmp import crowd

SIDES = Path(__file__).with_name("snmp_sides.py")
PORTS, TURNS = 24, 3
AGENTS = 250


class Round(NamedTuple):
    """How much a side is given to do in one turn: rounds of ours over all agents, scrapes, rounds of pysnmp over a few,
    rounds of whole polls over all agents."""

    ours: int
    scrapes: int
    pysnmp: int
    whole: int


WORK = {
    ("snmpd", "walk"): Round(8, 300, 6, 4),
    ("snmpd", "get"): Round(24, 400, 6, 6),
    ("switches", "walk"): Round(2, 60, 1, 2),
    ("switches", "get"): Round(24, 400, 6, 6),
}
NAMES = {"walk": "ifTable walks", "get": "GETs of 20 objects"}


def side(name: str, kind: str, rounds: int, targets: list[str]) -> dict[str, float]:
    """Figures of one of our Python sides."""
    command = [sys.executable, str(SIDES), name, kind, str(rounds), *targets]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if ended.returncode:
        raise RuntimeError(ended.stderr[-3000:])
    figures: dict[str, float] = json.loads(ended.stdout)
    return figures


def scraped(exporter: SnmpExporter, kind: str, scrapes: int, targets: list[str]) -> tuple[float, int]:
    """CPU seconds of snmp_exporter for so many scrapes over one connection, and series of the last page."""
    connection = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=60)

    def scrape(target: str) -> str:
        connection.request("GET", f"/snmp?module={kind}&target={quote(target)}")
        answer = connection.getresponse()
        page = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(page)
        return page

    for target in targets[:10]:
        page = scrape(target)
    assert exporter.process is not None
    before = cpu_seconds(exporter.process.pid)
    for number in range(scrapes):
        page = scrape(targets[number % len(targets)])
    used = cpu_seconds(exporter.process.pid) - before
    connection.close()
    return used, len(parsed(page)[0])


@contextmanager
def agents(name: str, folder: Path) -> Iterator[list[str]]:
    """Addresses that answer: one snmpd on many addresses of this machine, or the responder."""
    addresses = [crowd.address(number) for number in range(AGENTS)]
    if name == "switches":
        with crowd.running(ports=PORTS) as (port, _):
            yield [f"{address}:{port}" for address in addresses]
        return
    with Snmpd(folder, f"rocommunity {COMMUNITY} 127.0.0.0/8\n", host="0.0.0.0") as agent:
        yield [f"{address}:{agent.port}" for address in addresses]


def compare(name: str, kind: str, targets: list[str], exporter: SnmpExporter) -> tuple[float, ...]:
    """Microseconds a binding of ours, snmp_exporter, pysnmp and whole polls, with a line for people."""
    work = WORK[name, kind]
    mine, theirs = [], []
    bindings = series = samples = 0.0
    for _ in range(TURNS):
        ours = side("ours", kind, work.ours, targets)
        bindings, samples = ours["bindings"] / work.ours / AGENTS, ours["samples"] / work.ours / AGENTS
        if ours["timeouts"]:
            raise RuntimeError(f"{ours['timeouts']:.0f} timeouts: the agents cannot keep up, the figures mean nothing")
        mine.append(ours["cpu"] / ours["bindings"])
        cpu, series = scraped(exporter, kind, work.scrapes, targets)
        theirs.append(cpu / work.scrapes / bindings)
    other = side("pysnmp", kind, work.pysnmp, targets[:5])
    us, exporter_us, pysnmp_us = (
        1e6 * one for one in (statistics.median(mine), statistics.median(theirs), other["cpu"] / other["bindings"])
    )
    whole = side("poller", kind, work.whole, targets)
    whole_us = 1e6 * whole["cpu"] / whole["polls"] / bindings
    print(
        f"{name:9} {NAMES[kind]:19} {bindings:5.0f} bindings: ours {us:6.2f} us a binding ({bindings * us / 1e3:.2f} ms a poll,"
        f" {samples:.0f} series stored), snmp_exporter {exporter_us:6.2f} us ({series:.0f} series), pysnmp {pysnmp_us:.0f} us;"
        f" ratios {exporter_us / us:.1f} and {pysnmp_us / us:.0f}; whole polls {whole_us:.2f} us"
        f" ({bindings * whole_us / 1e3:.2f} ms,"
        f" {whole['sent'] / whole['polls']:.1f} requests, {whole['samples'] / whole['polls']:.0f} series)",
        flush=True,
    )
    return us, exporter_us, pysnmp_us, whole_us


def main() -> None:
    """Print a line for each kind of agent and question, and the closing ones."""
    missing = [program for program in ("snmpd", "prometheus-snmp-exporter") if peer(program) is None]
    if missing:
        print(f"BENCH snmp skipped: {' and '.join(missing)} not installed")
        return
    closing = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SnmpExporter(folder / "exporter") as exporter:
            exporter.use({kind: old_format(stripped(module_of(kind)), COMMUNITY) for kind in NAMES})
            for played in ("snmpd", "switches"):
                with agents(played, folder / played) as targets:
                    for kind in NAMES:
                        us, exporter_us, pysnmp_us, whole_us = compare(played, kind, targets, exporter)
                        closing.append(
                            f"BENCH snmp {played}-{kind} ours={us:.2f}us peer={exporter_us:.2f}us ratio={exporter_us / us:.1f}"
                            f" pysnmp={pysnmp_us:.0f}us whole={whole_us:.2f}us"
                        )
    print("\n".join(closing))


if __name__ == "__main__":
    main()
