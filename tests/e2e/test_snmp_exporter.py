"""The same answers as snmp_exporter: Debian's (0.21) and our poller ask the same agents by the same modules, and the answers
are compared series by series – names, labels, types, help, values. What may differ is in `EXPLAINED`; anything else fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent.settings import Secret
from agent.snmp.auth import Auth
from agent.snmp.client import Client
from agent.snmp.module import TEXTS
from agent.snmp.module_file import load
from agent.snmp.peer import Peer
from agent.snmp.rows import Rows
from agent.snmp.series import Compiled, SeriesCache, compile_module
from agent.snmp.walk import Plan, fetch
from tests.e2e.snmp_exporter import Heads, Series, SnmpExporter, flattened, old_format, parsed, stripped
from tests.e2e.snmpd import COMMUNITY, CONFIG, Snmpd
from tests.servers import ROOT
from tests.snmp import devices
from tests.snmp.recordings import rows_of
from tests.snmp.simulator import Engine, Simulator, simulating

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

MODULES = ROOT / "config" / "snmp" / "modules"
DATA = Path(__file__).parents[1] / "data" / "snmp"

EXPLAINED = {
    "control characters": "NUL and other control characters are taken out of texts, which end after 255 characters: Prometheus"
    " itself refuses a NUL, and one bad text must not cost the series.",
    "uint32": "0.21 prints a Gauge32 or TimeTicks that stands where a text should as %!s(uint32=5); 0.30 prints 5, as we do.",
    "no value": "Where an agent sends NULL, or a text for a number, snmp_exporter says 0 or an empty text. Nobody sent that 0.",
    "type of a lookup": "0.21 reads InetAddress and LldpPortId in a lookup without the object that says their type; later"
    " versions read it, as we do.",
    "not UTF-8": "One text that is not UTF-8 costs the whole page of 0.21; here it is read as windows-1258 or latin-1.",
}
"""Difference -> why it is right. The tests name them where they allow them."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UINT32 = re.compile(r"%!s\(uint32=([0-9]+)\)")


class Answer(msgspec.Struct):
    """What our poller made of one module of one agent."""

    series: Series
    heads: Heads
    unread: int
    """Rows that have no value of the module's type."""
    texts: frozenset[str]
    """The metrics whose value is a text."""


async def poll(port: int, community: str, modules: list[Compiled], host: str = "127.0.0.1") -> dict[str, Answer]:
    """Our way from the socket to the series, module by module."""
    client = Client()
    await client.open()
    try:
        session = client.session(Peer(host=host, port=port, auth=Auth(name="a", community=Secret(community)), timeout_s=10))
        answers = {}
        for module in modules:
            plan = Plan(gets=module.plan.gets, walks=module.plan.walks)
            harvest = await fetch(session, plan, client.clock() + 60)
            assert not harvest.failed
            assert not harvest.truncated
            cache = SeriesCache()
            series, heads = flattened(module.series(harvest.rows, cache))
            answers[module.name] = Answer(series, heads, cache.unread, _texts(module))
        return answers
    finally:
        await client.close()


def _texts(module: Compiled) -> frozenset[str]:
    return frozenset(column.metric.name for column in module.columns.values() if column.kind in TEXTS)


def compiled(*files: Path) -> dict[str, Compiled]:
    """Our modules, without what 0.21 does not know."""
    return {name: compile_module(name, stripped(module)) for name, module in load(*files).modules.items()}


@pytest.fixture(scope="module")
def modules() -> dict[str, Compiled]:
    """All modules that we ship."""
    return compiled(*sorted(MODULES.glob("*.yml")))


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnmpExporter]:
    """Debian's snmp_exporter."""
    with SnmpExporter(tmp_path_factory.mktemp("snmp-exporter")) as running:
        yield running


def differences(page: str, ours: Answer) -> tuple[list[str], set[str]]:
    """Differences that nothing explains, as lines, and the explanations that were needed."""
    found, theirs_heads = parsed(page)
    theirs, used = _tidied(found)
    missing, more = theirs.keys() - ours.series.keys(), ours.series.keys() - theirs.keys()
    invented = {key for key in missing if theirs[key] == (1.0 if key[0] in ours.texts else 0.0)}
    if invented and len(invented) == ours.unread:
        used.add("no value")
        missing -= invented
    lines = [f"only theirs: {key} {theirs[key]}" for key in missing] + [f"only ours: {key} {ours.series[key]}" for key in more]
    lines += [
        f"value: {key} {theirs[key]}, ours {ours.series[key]}"
        for key in theirs.keys() & ours.series.keys()
        if not _same(theirs[key], ours.series[key])
    ]
    lines += [
        f"head: {name} {theirs_heads[name]}, ours {ours.heads[name]}"
        for name in theirs_heads.keys() & ours.heads.keys()
        if theirs_heads[name] != ours.heads[name]
    ]
    return sorted(lines), used


def _same(theirs: float, ours: float) -> bool:
    return theirs == ours or (theirs != theirs and ours != ours)


def _tidied(found: Series) -> tuple[Series, set[str]]:
    """Their series with the texts that we would have made, and what explains the change."""
    used: set[str] = set()
    series: Series = {}
    for (name, labels), value in found.items():
        tidy = []
        for key, text in labels:
            plain = _CONTROLS.sub("", text)[:255] if not text.startswith("0x") else text
            number = _UINT32.sub(r"\1", plain)
            used |= {"control characters"} if plain != text else set()
            used |= {"uint32"} if number != plain else set()
            tidy.append((key, number))
        series[name, frozenset(pair for pair in tidy if pair[1])] = value
    return series, used


RECORDED = sorted({**devices.beside(), **devices.from_pypi()}) or ["nothing is recorded here"]


@pytest.mark.parametrize("name", RECORDED)
async def test_recorded_device(name: str, simulator: Simulator, exporter: SnmpExporter, modules: dict[str, Compiled]) -> None:
    """Every module that a recorded device has rows for gives the same series from both."""
    if name not in simulator.files:
        pytest.skip(name)
    rows = rows_of(simulator.files[name])
    wanted = [module for module in modules.values() if any(module.column_of(oid) for oid in rows.oids)]
    exporter.use({module.name: old_format(module.module, name) for module in wanted})
    ours = await poll(simulator.port, name, wanted)
    unexplained = []
    for module in wanted:
        status, page = exporter.page(module.name, f"127.0.0.1:{simulator.port}")
        if status == 500 and re.search(r"label value .* is not valid UTF-8|string field contains invalid UTF-8", page):
            assert ours[module.name].series, EXPLAINED["not UTF-8"]
            continue
        assert status == 200, page[:500]
        ours[module.name].unread = _unread(module, rows)  # our walk leaves out NULL before the module sees it
        lines, used = differences(page, ours[module.name])
        assert used <= EXPLAINED.keys()
        unexplained += [f"{module.name}: {line}" for line in lines]
    assert unexplained == []


def _unread(module: Compiled, rows: Rows) -> int:
    cache = SeriesCache()
    module.series(rows, cache)
    return cache.unread


async def test_every_type(tmp_path: Path, exporter: SnmpExporter) -> None:
    """A made-up device with values, right and wrong, of every type, index and lookup of the format."""
    folder = tmp_path / "devices"
    folder.mkdir()
    devices.prepared(DATA / "every_type.snmprec", folder, "every_type")
    [module] = compiled(DATA / "every_type.yml").values()
    exporter.use({module.name: old_format(module.module, "every_type")})
    with simulating(tmp_path, Engine(folder, users=())) as running:
        ours = (await poll(running.port, "every_type", [module]))["every_type"]
        status, page = exporter.page(module.name, f"127.0.0.1:{running.port}")
    assert status == 200, page
    assert len(ours.series) > 150
    lines, _ = differences(page, ours)
    assert [line for line in lines if "('rowNumber', " not in line] == []
    assert sum("('rowNumber', " in line for line in lines) == 10, EXPLAINED["type of a lookup"]


async def test_real_agent(tmp_path: Path, exporter: SnmpExporter, modules: dict[str, Compiled]) -> None:
    """A running snmpd gives both the same series. It moves meanwhile, so we ask it before and after: what was equal then is so
    for snmp_exporter, a counter is between the two, and of another gauge that moved only name and labels are compared."""
    wanted = [modules[name] for name in ("system", "if_mib", "hr_mib", "ucd_mib") if name in modules]
    exporter.use({module.name: old_format(module.module, COMMUNITY) for module in wanted})
    with Snmpd(tmp_path, CONFIG) as agent:
        compared = 0
        for module in wanted:
            for attempt in range(5):  # a process or a route may come or go between the three polls
                before = (await poll(agent.port, COMMUNITY, [module]))[module.name]
                status, page = exporter.page(module.name, f"127.0.0.1:{agent.port}")
                after = (await poll(agent.port, COMMUNITY, [module]))[module.name]
                assert status == 200, page[:500]
                lines, used = differences(page, _between(parsed(page)[0], before, after))
                if not lines or attempt == 4:
                    break
            assert lines == []
            assert used <= EXPLAINED.keys()
            compared += len(before.series)
    assert compared > 100


def _between(theirs: Series, before: Answer, after: Answer) -> Answer:
    """Our answer of the moment of theirs: the first, with their value wherever it is one that a moving value may have had."""
    series = dict(before.series)
    for key in before.series.keys() & after.series.keys() & theirs.keys():
        low, high, value = before.series[key], after.series[key], theirs[key]
        is_counter = before.heads[key[0]][0] == "counter" or key[0].endswith(("UpTime", "Uptime"))
        if low != high and (low <= value <= high or not is_counter):
            series[key] = value
    return msgspec.structs.replace(before, series=series)
