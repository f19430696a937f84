"""The poller against agents that answer, lie, stall and die: what is told, when, and what is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.clock import SystemClock
from agent.model import Kind, Lane, Outcome, Reason, Schema
from agent.probes.held import TOO_BUSY
from agent.probes.snmp import Poller, Tools
from agent.results import Result
from agent.settings import Secret
from agent.snmp.asking import modules_of, parts_of, together
from agent.snmp.auth import Auth, AuthProtocol, Version
from agent.snmp.device import CORE, VALUES, VERDICT, Device
from agent.snmp.evaluate import Evaluation, evaluate
from agent.snmp.library import Library
from agent.wire import decode_schema
from tests.snmp import tinyber, tinyusm
from tests.snmp.fault_agent import FaultAgent, Faults

V2C = Auth(name="lab", community=Secret("public"))
UPS = {
    "1.3.6.1.2.1.1.1.0": tinyber.text("Example UPS"),
    "1.3.6.1.2.1.1.2.0": (tinyber.OID, tinyber.oid(tinyber.arcs("1.3.6.1.2.1.33"))),
    "1.3.6.1.2.1.1.3.0": tinyber.integer(500_000, tinyber.TICKS),
    "1.3.6.1.2.1.1.5.0": tinyber.text("ups-1"),
    "1.3.6.1.2.1.33.1.2.1.0": tinyber.integer(2),
    "1.3.6.1.2.1.33.1.2.3.0": tinyber.integer(30),
    "1.3.6.1.2.1.33.1.2.4.0": tinyber.integer(100),
    "1.3.6.1.2.1.33.1.4.1.0": tinyber.integer(3),
}
SOURCE = "1.3.6.1.2.1.33.1.4.1.0"
NORMAL, BYPASS = tinyber.integer(3), tinyber.integer(4)


@pytest.fixture(scope="module")
def library() -> Library:
    """The shipped modules and profiles."""
    return Library.load()


def values_of(texts: dict[str, tinyber.Value]) -> dict[tinyber.Arcs, tinyber.Value]:
    return {tinyber.arcs(oid): value for oid, value in texts.items()}


class Bench:
    """A poller and what it delivered."""

    def __init__(self, poller: Poller, results: list[Result], tools: Tools) -> None:
        self.poller = poller
        self.results = results
        self.tools = tools

    async def poll(self, deadline_s: float = 5.0, *, reset: bool = False) -> dict[str, list[Result]]:
        """One poll; its results by module."""
        self.results.clear()
        await self.poller.poll(deadline_s, reset=reset)
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.module, []).append(result)
        return found

    async def verdict(self, deadline_s: float = 5.0) -> Result:
        """One poll, which gives one verdict."""
        [told] = (await self.poll(deadline_s))[VERDICT]
        return told


def series(result: Result) -> dict[str, float]:
    """The values of a result by name and labels."""
    found: dict[str, float] = {}
    for block in result.blocks:
        schema: Schema = decode_schema(result.schemas[block.schema])
        numbers = iter(memoryview(block.values).cast("d"))
        for column in schema.columns:
            for labels in column.series:
                pairs = ",".join(f"{k}={v}" for k, v in zip(column.family.labels, labels, strict=True))
                found[f"{column.family.name}{{{pairs}}}" if pairs else column.family.name] = next(numbers)
    return found


@asynccontextmanager
async def polling(agent: FaultAgent, library: Library, **settings: object) -> AsyncIterator[Bench]:
    """A poller of this agent with short timeouts, which does not ping unless told."""
    given = {"target": "ups-1", "host": agent.host, "port": agent.port, "auth": V2C, "ping": False, **settings}
    results: list[Result] = []
    tools = Tools(library, results.append, SystemClock())
    await tools.open()
    try:
        device = Device(**{"timeout_s": 0.1, "retries": 0, **given})  # type: ignore[arg-type]
        yield Bench(Poller(device, tools), results, tools)
    finally:
        await tools.close()


async def test_a_poll_gives_a_verdict_core_readings_and_values(library: Library) -> None:
    """In the lanes they belong to; the verdict is judged, the rest is not; the second poll has the same layouts."""
    async with FaultAgent(values_of(UPS)) as agent, polling(agent, library) as bench:
        first = await bench.poll()
        assert first.keys() == {VERDICT, CORE, VALUES}
        [verdict], [core], [values] = first[VERDICT], first[CORE], first[VALUES]
        assert (verdict.outcome, verdict.reason, verdict.detail) == (Outcome.OK, Reason.NONE, "")
        assert (verdict.kind, verdict.lane) == (Kind.OBS, Lane.FACTS)
        assert {(result.kind, result.lane) for result in (core, values)} == {(Kind.REPORT, Lane.BULK)}
        assert series(verdict)["haidang_snmp_up"] == 1
        assert series(core)["haidang_ups_output_source{state=normal}"] == 1
        assert series(values)["upsEstimatedChargeRemaining"] == 100
        second = await bench.poll()
        for module in first:
            assert [block.schema for block in second[module][0].blocks] == [block.schema for block in first[module][0].blocks]


async def test_what_a_device_says_of_itself_decides(library: Library) -> None:
    """A UPS on bypass is degraded at once, in words; normal again it is well."""
    async with FaultAgent(values_of(UPS)) as agent, polling(agent, library) as bench:
        assert (await bench.verdict()).outcome is Outcome.OK
        agent.values[tinyber.arcs(SOURCE)] = BYPASS
        told = await bench.verdict()
        assert (told.outcome, told.reason) == (Outcome.DEGRADED, Reason.BAD_STATUS)
        assert "bypass" in told.detail
        del agent.values[tinyber.arcs(SOURCE)]
        unknown = await bench.verdict()
        assert unknown.outcome in (Outcome.ERROR, Outcome.DEGRADED)
        agent.values[tinyber.arcs(SOURCE)] = NORMAL
        assert (await bench.verdict()).outcome is Outcome.OK


async def test_silence_is_failed_and_costs_one_request(library: Library) -> None:
    """One datagram for the whole poll, and after three of them none is tried again."""
    async with FaultAgent(values_of(UPS), Faults(drop=lambda _n, _pdu: True)) as agent, polling(agent, library) as bench:
        for _ in range(4):
            agent.asked.clear()
            told = await bench.verdict()
            assert (told.outcome, told.reason) == (Outcome.FAILED, Reason.TIMEOUT)
            assert len(agent.asked) == 1
        assert series(told)["haidang_snmp_up"] == 0
        agent.faults.drop = None
        assert (await bench.verdict()).outcome is Outcome.OK


async def test_silence_in_a_loop_that_stood_still_accuses_nobody(library: Library) -> None:
    """The time of a request passed while this process did not look; the next poll is believed again."""
    silent = Faults(drop=lambda _n, _pdu: True)
    async with FaultAgent(values_of(UPS), silent) as agent, polling(agent, library, timeout_s=0.5, retries=0) as bench:
        asyncio.get_running_loop().call_later(0.3, time.sleep, 0.6)
        told = await bench.verdict()
        assert (told.outcome, told.reason) == (Outcome.ERROR, Reason.INTERNAL)
        assert told.detail.startswith(TOO_BUSY)
        assert (await bench.verdict()).outcome is Outcome.FAILED


async def test_a_device_that_answers_an_echo_is_degraded_not_down(library: Library) -> None:
    """For two polls what it said last holds; then its agent is what is missing; and an answer ends it at once."""
    async with FaultAgent(values_of(UPS)) as agent, polling(agent, library, ping=True) as bench:
        if await bench.tools.echoes.is_reachable("127.0.0.1", 5) is None:
            pytest.skip("this system lets us open neither a ping socket nor a raw one")
        assert (await bench.verdict()).outcome is Outcome.OK
        agent.faults.drop = lambda _n, _pdu: True
        outcomes = [(await bench.verdict()).outcome for _ in range(4)]
        assert outcomes == [Outcome.OK, Outcome.OK, Outcome.DEGRADED, Outcome.DEGRADED]
        agent.faults.drop = None
        assert (await bench.verdict()).detail == ""


async def test_a_device_never_heard_is_not_called_up_by_its_echo(library: Library) -> None:
    """Health that was not read is not known."""
    silent = Faults(drop=lambda _n, _pdu: True)
    async with FaultAgent(values_of(UPS), silent) as agent, polling(agent, library, ping=True) as bench:
        if await bench.tools.echoes.is_reachable("127.0.0.1", 5) is None:
            pytest.skip("this system lets us open neither a ping socket nor a raw one")
        outcomes = [(await bench.verdict()).outcome for _ in range(3)]
        assert outcomes == [Outcome.ERROR, Outcome.ERROR, Outcome.DEGRADED]


async def test_what_we_cannot_ask_counts_against_nobody(library: Library) -> None:
    """A name without an address, a profile that there is not: errors with the cause in words."""
    async with FaultAgent(values_of(UPS)) as agent:
        async with polling(agent, library, host="no-such-host.invalid") as bench:
            told = await bench.verdict()
            assert (told.outcome, told.reason) == (Outcome.ERROR, Reason.UNRESOLVED)
        async with polling(agent, library, profile="no-such-profile") as bench:
            told = await bench.verdict()
            assert (told.outcome, told.reason) == (Outcome.ERROR, Reason.INTERNAL)
            assert "no-such-profile" in told.detail


async def test_a_slow_walk_does_not_hold_up_the_verdict(library: Library) -> None:
    """The verdict and the core readings come while the walk still waits; what was read is delivered when it ends."""
    async with FaultAgent(values_of(UPS)) as agent, polling(agent, library, interval_s=1) as bench:
        await bench.poll()
        agent.faults.drop = lambda _n, pdu: pdu.kind != tinyber.GET
        agent.values[tinyber.arcs(SOURCE)] = BYPASS
        bench.results.clear()
        told = asyncio.Event()
        deliver = bench.tools.deliver

        def watch(result: Result) -> None:
            deliver(result)
            if result.module == VERDICT:
                told.set()

        bench.tools.deliver = watch
        running = asyncio.ensure_future(bench.poller.poll(0.9))
        async with asyncio.timeout(5):
            await told.wait()
        assert not running.done()
        early = [result.module for result in bench.results]
        await running
        verdicts = [result for result in bench.results if result.module == VERDICT]
        assert verdicts[0].outcome is Outcome.DEGRADED
        assert CORE in {result.module for result in bench.results}
        assert early[0] == VERDICT
        assert series(verdicts[-1])["haidang_snmp_up"] == 1


async def test_full_walks_may_be_rarer_than_polls(library: Library) -> None:
    """Between them only the core objects are asked, in one request, and nothing that needs a walk is told anew."""
    async with FaultAgent(values_of(UPS)) as agent, polling(agent, library, interval_s=1, full_interval_s=3_600) as bench:
        assert VALUES in await bench.poll()
        agent.asked.clear()
        second = await bench.poll()
        assert second.keys() == {VERDICT, CORE}
        assert {pdu.kind for pdu in agent.asked} == {tinyber.GET}
        assert len(agent.asked) == 1


async def test_another_device_at_the_same_address_is_noticed(library: Library) -> None:
    """By its sysObjectID: the next poll identifies it anew."""
    async with FaultAgent(values_of(UPS)) as agent, polling(agent, library) as bench:
        assert "upsEstimatedChargeRemaining" in series((await bench.poll())[VALUES][0])
        linux = {
            **{oid: value for oid, value in UPS.items() if ".33." not in oid},
            "1.3.6.1.2.1.1.1.0": tinyber.text("Linux example 6.1"),
            "1.3.6.1.2.1.1.2.0": (tinyber.OID, tinyber.oid(tinyber.arcs("1.3.6.1.4.1.8072.3.2.10"))),
        }
        agent.values = values_of(linux)
        await bench.poll()
        third = await bench.poll()
        assert "upsEstimatedChargeRemaining" not in {name for each in third.get(VALUES, []) for name in series(each)}
        assert third[VERDICT][0].outcome is not Outcome.FAILED


async def test_a_wrong_password_is_an_error_of_ours(library: Library) -> None:
    """SNMPv3 says which; nothing is held against the device."""
    wrong = Auth(
        name="v3", version=Version.V3, username="monitor", auth_protocol=AuthProtocol.SHA, password=Secret("wrong-pass-12")
    )
    engine = tinyusm.Engine(b"\x80\x00\x1f\x88\x04test")
    async with FaultAgent(values_of(UPS), engine=engine) as agent, polling(agent, library, auth=wrong) as bench:
        told = await bench.verdict()
        assert (told.outcome, told.reason) == (Outcome.ERROR, Reason.AUTH)
        assert "wrong-pass-12" not in repr(bench.results)


async def test_an_exception_of_ours_is_a_report_as_well(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """One device's surprise never ends a crew."""

    async def surprise(*_: object) -> None:
        raise RuntimeError("surprise")

    async with FaultAgent(values_of(UPS)) as agent, polling(agent, library) as bench:
        monkeypatch.setattr(bench.poller, "_poll", surprise)
        told = await bench.verdict()
        assert (told.outcome, told.reason) == (Outcome.ERROR, Reason.INTERNAL)
        assert "surprise" in told.detail


async def test_a_lookup_of_ours_that_fails_is_no_wrong_setting(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that there is not is the settings' fault and said so; anything else is ours, and the device did answer."""

    def surprise(*_: object, **__: object) -> None:
        raise KeyError("ours")

    async with FaultAgent(values_of(UPS)) as agent:
        async with polling(agent, library, profile="no-such-one") as bench:
            told = await bench.verdict()
            assert told.detail == "its settings name 'no-such-one', which is no profile and no module"
        async with polling(agent, library) as bench:
            monkeypatch.setattr("agent.probes.snmp.evaluate", surprise)
            told = await bench.verdict()
            assert told.detail.startswith("the poller failed: KeyError")
            assert (told.outcome, series(told)["haidang_snmp_up"]) == (Outcome.ERROR, 1)


async def test_a_mistake_while_the_walk_runs_costs_no_verdict(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What was to be said early is then said at the end, though it is the same as before."""

    def surprise(*given: Any, full: bool, **more: Any) -> Evaluation:
        if not full:
            raise RuntimeError("surprise")
        return evaluate(*given, full=full, **more)

    monkeypatch.setattr("agent.probes.snmp.evaluate", surprise)
    async with FaultAgent(values_of(UPS)) as agent, polling(agent, library, interval_s=1, timeout_s=2.0) as bench:
        await bench.poll()
        agent.faults.delay_s = 0.3
        told = await bench.verdict()
    assert told.outcome is Outcome.OK
    assert "judging ups-1 before the end of its walk failed" in caplog.text


async def test_what_a_module_says_of_asking_is_heeded(tmp_path: Path) -> None:
    """`timeout` and `retries` of a module file hold for its walk; its up or down waits only as long as the device's own."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "patient.yml").write_text(
        """
modules:
  patient:
    get: [1.3.6.1.4.1.99999.7.1.0]
    metrics:
      - {name: kilnHeat, oid: 1.3.6.1.4.1.99999.7.1, type: gauge, help: Tenths of a degree.}
    timeout: 20s
    retries: 2
"""
    )
    oid = tinyber.arcs("1.3.6.1.4.1.99999.7.1.0")
    asked: list[int] = []

    def drop(number: int, pdu: tinyber.Pdu) -> bool:
        """The module's object is answered with its third try."""
        if any(binding[0] == oid for binding in pdu.bindings):
            asked.append(number)
        return 0 < len(asked) < 3

    settings = Library.load([tmp_path])
    device = Device(target="ups-1", host="127.0.0.1", auth=V2C, modules=("patient",))
    tools = Tools(settings, lambda result: None, SystemClock())
    profile = settings.profile("generic-ups")
    [patient] = [
        part for part in parts_of(modules_of(device, profile, tools), device, profile.settings) if part.manner.timeout_s
    ]
    assert (patient.manner.timeout_s, patient.manner.retries) == (20.0, 2)
    assert together((tinyber.oid(oid),), [patient]) == ()
    patient.manner = msgspec.structs.replace(patient.manner, timeout_s=None)
    assert together((tinyber.oid(oid),), [patient]) == ()
    insistent = msgspec.structs.replace(device, timeout_s=0.5, retries=0)
    assert all(
        (part.manner.timeout_s, part.manner.retries) == (None, None)
        for part in parts_of(modules_of(insistent, profile, tools), insistent, profile.settings)
    )

    (tmp_path / "modules" / "patient.yml").write_text(
        (tmp_path / "modules" / "patient.yml").read_text().replace("20s", "100ms")
    )
    values = values_of(UPS) | {oid: tinyber.integer(415)}
    async with (
        FaultAgent(values, Faults(drop=drop)) as agent,
        polling(agent, Library.load([tmp_path]), modules=("patient",), retries=None, timeout_s=0.0) as bench,
    ):
        found = await bench.poll()
    assert "kilnHeat" in series(found[VALUES][0])
    assert len(asked) == 3


async def test_a_family_that_wants_getnext_is_never_asked_with_getbulk(library: Library) -> None:
    """Some room devices know GET and GETNEXT alone; 0 repetitions of a profile mean that."""
    room = UPS | {
        "1.3.6.1.2.1.1.2.0": (tinyber.OID, tinyber.oid(tinyber.arcs("1.3.6.1.4.1.5596.150.6.4.1"))),
        "1.3.6.1.2.1.2.2.1.2.1": tinyber.text("eth0"),
        "1.3.6.1.2.1.2.2.1.8.1": tinyber.integer(1),
    }
    async with FaultAgent(values_of(room)) as agent, polling(agent, library) as bench:
        await bench.poll()
        kinds = {pdu.kind for pdu in agent.asked}
    assert kinds == {tinyber.GET, tinyber.GETNEXT}


async def test_a_site_may_add_a_family_without_python(tmp_path: Path) -> None:
    """A profile and a module in a folder of its own are all that a new device needs."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "profiles").mkdir()
    (tmp_path / "modules" / "kiln.yml").write_text(
        """
modules:
  kiln:
    walk: [1.3.6.1.4.1.99999.7]
    metrics:
      - {name: kilnHeat, oid: 1.3.6.1.4.1.99999.7.1, type: gauge, help: Tenths of a degree.}
"""
    )
    (tmp_path / "profiles" / "kiln.yml").write_text(
        """
profile: kiln
title: A kiln
class: env
vendor: Example
match: [{sysobjectid: 1.3.6.1.4.1.99999}]
base: [device]
modules: [kiln]
readings:
  - {reading: env_temperature_celsius, value: kilnHeat / 10, labels: {sensor: "'kiln'"}}
"""
    )
    values = values_of(
        UPS
        | {
            "1.3.6.1.2.1.1.2.0": (tinyber.OID, tinyber.oid(tinyber.arcs("1.3.6.1.4.1.99999.1"))),
            "1.3.6.1.4.1.99999.7.1.0": tinyber.integer(415),
        }
    )
    async with FaultAgent(values) as agent, polling(agent, Library.load([tmp_path])) as bench:
        found = await bench.poll()
        told = {name: value for module in (CORE, VALUES) for each in found[module] for name, value in series(each).items()}
        assert told["kilnHeat"] == 415
        assert told["haidang_env_temperature_celsius{sensor=kiln}"] == 41.5
        assert found[VERDICT][0].outcome is Outcome.FAILED
        assert "41.5" in found[VERDICT][0].detail
