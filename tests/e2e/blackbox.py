"""Debian's blackbox_exporter (0.23) as a peer: the same module file and the same servers for both, and what they tell compared.

Names, types, helps, labels and values must be equal. Of durations it is compared which there are and which are zero, never how
long they are.
"""

from __future__ import annotations

import asyncio
import http.client
import json
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from agent.probes.module_file import load_modules
from agent.probes.probe import Finding, Run
from agent.probes.running import open_module, run_once, timeout_of
from agent.probes.tools import Tools
from tests.e2e import debian
from tests.e2e.snmp_exporter import Heads, Series, flattened, parsed
from tests.servers import Program, fetch, free_port, wait_for

LONGEST_S = 10.0
"""Longer took no run here."""
OURS = {
    "probe_icmp_loss_ratio": "of one echo it says what success says; of several, how many were lost",
    "probe_tcp_duration_seconds": "blackbox_exporter has no phases of a TCP probe",
}
"""Metrics that we give besides, and why."""


class Why(NamedTuple):
    """A difference that is right: its reason, and the names of what differs (see `differences`) because of it."""

    reason: str
    what: tuple[str, ...]


_PHASE = "probe_http_duration_seconds{{phase={}}}".format
_ZERO_TIME = -62_135_596_800.0
"""What Go makes of a time that was never set, in Unix seconds."""
EXPLAINED = {
    "phases without an address": Why(
        "a panel of phases must not lose lines when a name has no address; blackbox_exporter leaves out all but resolve",
        tuple([f"only ours: {_PHASE(phase)}" for phase in ("connect", "tls", "processing", "transfer")]),
    ),
    "refused handshake": Why(
        "what a certificate says that is not trusted, and how long its handshake took, is what its reader asks for first;"
        " blackbox_exporter says nothing of it",
        (
            "only ours: probe_ssl_earliest_cert_expiry", "only ours: probe_ssl_last_chain_info", _PHASE("connect"),
            _PHASE("tls"),
        ),
    ),
    "refused connection": Why("it took time to be refused", (_PHASE("connect"),)),
    "no trusted chain": Why(
        "where nothing is verified there is no chain that ends; blackbox_exporter tells Go's zero time, the year 1",
        ("only theirs: probe_ssl_last_chain_expiry_timestamp_seconds",),
    ),
    "broken answer": Why(
        "we count the time in which what came was read and refused; blackbox_exporter knows only of answers that begin well",
        (_PHASE("processing"), _PHASE("transfer")),
    ),
    "echo without an address": Why(
        "it took time to find that there is none", ("probe_icmp_duration_seconds{phase=resolve}",)
    ),
    "DNS over TLS": Why(
        "certificates of name servers end like all others; blackbox_exporter says nothing of them",
        (
            "only ours: probe_ssl_earliest_cert_expiry", "only ours: probe_ssl_last_chain_info",
            "only ours: probe_ssl_last_chain_expiry_timestamp_seconds", "only ours: probe_tls_version_info{version=TLS 1.3}",
        ),
    ),
    "shared socket": Why(
        "our echoes share a socket, so that none is opened for a run", ("probe_icmp_duration_seconds{phase=setup}",)
    ),
    "mapped address": Why(
        "the address of an AAAA record is one of IPv6, also ::ffff:192.0.2.1; later versions of their DNS library say so too",
        ("probe_success",),
    ),
}  # fmt: skip


class Case(NamedTuple):
    """A module and whom it probes. `differs` names in `EXPLAINED` what is not the same, and rightly so."""

    settings: dict[str, Any]
    target: str = ""
    differs: tuple[str, ...] = ()
    timeout: str = "5s"


class Told(NamedTuple):
    """What one side says of one run."""

    series: Series
    heads: Heads
    finding: Finding | None = None

    def value(self, name: str, **labels: str) -> float:
        """One sample."""
        return self.series[name, frozenset(labels.items())]


class BlackboxExporter(Program):
    """Both sides of a comparison: the exporter on a port of its own, and our probes, with one file of modules."""

    def __init__(self, folder: Path, prober: str, cases: dict[str, Case]) -> None:
        self.port = free_port()
        self.cases = cases
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "blackbox.yml"
        modules = {name: {"prober": prober, "timeout": case.timeout, prober: case.settings} for name, case in cases.items()}
        file.write_text(json.dumps({"modules": modules}), encoding="utf-8")
        self.modules = load_modules([file])
        program = str(debian.binary("prometheus-blackbox-exporter"))
        command = [program, f"--config.file={file}", f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=error"]
        super().__init__(command, folder, "blackbox-exporter")

    def start(self) -> Self:
        """Start it and wait until it answers."""
        super().start()
        wait_for(lambda: fetch(self.port, "/-/healthy")[0] == 200, 30, self.said)
        return self

    async def theirs(self, module: str, target: str) -> Told:
        """What the exporter says."""
        page = await asyncio.to_thread(self._page, f"/probe?module={quote(module)}&target={quote(target, safe='')}")
        return Told(*parsed(page))

    async def ours(self, name: str, target: str) -> Told:
        """What our probe says."""
        module, tools = self.modules[name], Tools()
        try:
            done = await run_once(open_module(module), target, Run(tools, timeout_of(module, 60)))
        finally:
            tools.close()
        return Told(*flattened(done.readings), done.finding)

    async def agree(self, name: str, target: str) -> Told:
        """Fail the test unless both say the same but for what the case explains; returns what we say."""
        theirs, ours = await self.theirs(name, target), await self.ours(name, target)
        found = differences(theirs, ours)
        reasons = [EXPLAINED[reason].what for reason in self.cases[name].differs]
        unexplained = {what: how for what, how in found.items() if not any(what in each for each in reasons)}
        assert not unexplained, f"{name}: {unexplained}, while ours found {ours.finding}"
        assert all(set(each) & found.keys() for each in reasons), f"{name}: what was explained is the same by now"
        return ours

    def _page(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode()
            assert answer.status == 200, text
            return text
        finally:
            connection.close()


def differences(theirs: Told, ours: Told) -> dict[str, str]:
    """Name of each difference -> both sides of it."""
    found: dict[str, str] = {}
    for key in theirs.series.keys() - ours.series.keys():
        name = _shown(*key)
        is_strange = key[0] == "probe_ssl_last_chain_expiry_timestamp_seconds" and theirs.series[key] != _ZERO_TIME
        found[f"only theirs: {name}{' with a time' if is_strange else ''}"] = f"{theirs.series[key]}"
    for key in ours.series.keys() - theirs.series.keys():
        if key[0] not in OURS:
            found[f"only ours: {_shown(*key)}"] = f"{ours.series[key]}"
    for key in theirs.series.keys() & ours.series.keys():
        their, our = theirs.series[key], ours.series[key]
        if not (_is_alike(their, our) if _is_time(key[0]) else their == our):
            found[_shown(*key)] = f"theirs {their}, ours {our}"
    for name in theirs.heads.keys() & ours.heads.keys():
        if theirs.heads[name] != ours.heads[name]:
            found[f"head: {name}"] = f"theirs {theirs.heads[name]}, ours {ours.heads[name]}"
    return found


def _is_time(name: str) -> bool:
    return name.endswith(("duration_seconds", "lookup_time_seconds"))


def _is_alike(their: float, our: float) -> bool:
    return (their > 0) == (our > 0) and 0 <= their <= LONGEST_S and 0 <= our <= LONGEST_S


def _shown(name: str, labels: frozenset[tuple[str, str]]) -> str:
    inside = ",".join(f"{key}={value}" for key, value in sorted(labels) if key in ("phase", "version"))
    return f"{name}{{{inside}}}" if inside else name
