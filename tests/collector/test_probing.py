"""Targets of the inventory probed by a running collector: judged, shown, counted, followed at a reload."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.model import Outcome, Reason
from collector.core.state import State, View
from collector.settings import Probes
from tests.collector.conftest import Running
from tests.collector.poll_kit import config_of, until, write_inventory


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that takes connections as long as the test lasts."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
def closed() -> Iterator[int]:
    """A port of this machine at which nothing listens and nobody else will."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def line(id_: str, port: int, more: str = "", module: str = "tcp_connect", probe: str = "") -> str:
    """A target that is probed every second."""
    probes = f"probes: [{{module: {module}, name: tcp, port: {port}, interval_s: 1, retry_s: 1{probe}}}]"
    return f"  - {{id: {id_}, site: dic, class: web, via: collector, address: 127.0.0.1, {probes}{more}}}\n"


def state(running: Running, id_: str) -> State:
    collector = running.collector
    return collector.ledgers.keeper.state(id_, View.DEVICE, collector.now_ms()).state


async def test_a_target_is_up_or_down_by_what_its_probes_find(tmp_path: Path, start: Any, port: int, closed: int) -> None:
    """And its series are shown with the name of the probe, the runs counted by kind and outcome."""
    running = await start(config_of(tmp_path, line("portal", port), line("mail", closed)))
    await until(lambda: state(running, "portal") is State.UP and state(running, "mail") is State.DOWN)
    page = (await running.page("/metrics/targets/portal")).body.decode()
    assert 'probe_success{module="tcp",instance="portal",site="dic",class="web"} 1' in page
    own = (await running.page("/metrics")).body.decode()
    assert "haidang_probe_jobs 2" in own
    assert 'haidang_probe_runs_total{kind="tcp",outcome="failed"}' in own
    assert "haidang_snmp" not in own, "nothing is polled by SNMP"


async def test_a_target_can_be_probed_at_once(tmp_path: Path, start: Any, port: int, closed: int) -> None:
    """What is found is told to whoever asked, in time or not at all; and it is a report like any other."""
    often = line("portal", port).replace("interval_s: 1", "interval_s: 3600")
    running = await start(config_of(tmp_path, often, line("mail", closed).replace("interval_s: 1", "interval_s: 3600")))
    polling = running.collector.polling
    await until(lambda: polling._probing is not None)
    assert (await polling.probe_now("portal", 10.0))["tcp"].outcome is Outcome.OK
    found = (await polling.probe_now("mail", 10.0))["tcp"]
    assert (found.outcome, found.reason) == (Outcome.FAILED, Reason.REFUSED)
    assert await polling.probe_now("nobody", 10.0) == {}
    assert await polling.probe_now("portal", 0.0) == {}
    await until(lambda: state(running, "portal") is State.UP)


async def test_a_reload_adds_changes_and_removes_probes_and_leaves_the_others_alone(
    tmp_path: Path, start: Any, port: int
) -> None:
    running = await start(config_of(tmp_path, line("a", port), line("b", port)))
    await until(lambda: state(running, "a") is State.UP and state(running, "b") is State.UP)
    collector = running.collector
    crew = collector.polling._probing._crew
    entry = crew._entries["a\ntcp"]
    write_inventory(tmp_path, line("a", port), line("c", port))
    assert await collector.reload()
    await until(lambda: crew._entries.keys() == {"a\ntcp", "c\ntcp"})
    assert crew._entries["a\ntcp"] is entry
    assert collector.polling._probing._probers.keys() == crew._entries.keys()
    write_inventory(tmp_path)
    assert await collector.reload()
    await until(lambda: not crew._entries)
    assert collector.tally.probes.jobs == 0


async def test_other_bounds_begin_all_probes_anew(tmp_path: Path, start: Any, port: int) -> None:
    config = config_of(tmp_path, line("a", port))
    changed = msgspec.structs.replace(config, probes=Probes(max_in_flight=7))
    configs = [changed]
    running = await start(config, lambda: configs[-1])
    await until(lambda: state(running, "a") is State.UP)
    before = running.collector.polling._probing
    assert await running.collector.reload()
    await until(lambda: running.collector.polling._probing is not before)
    runs = sum(running.collector.tally.probes.runs.values())
    await until(lambda: sum(running.collector.tally.probes.runs.values()) > runs + 1)


async def test_a_probe_that_is_not_judged_only_brings_values(tmp_path: Path, start: Any, port: int, closed: int) -> None:
    """Its failures are counted and accuse nobody."""
    target = line("portal", port).replace(
        "]", f", {{module: tcp_connect, name: extra, port: {closed}, judged: false, interval_s: 1}}]"
    )
    running = await start(config_of(tmp_path, target))
    await until(lambda: running.collector.tally.probes.runs.get(("tcp", Outcome.FAILED), 0) > 3)
    assert state(running, "portal") is State.UP


async def test_probing_that_ended_by_a_mistake_goes_on(
    tmp_path: Path, start: Any, port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and everything is probed again."""
    monkeypatch.setattr("collector.tasks.AGAIN_S", 0.0)
    running = await start(config_of(tmp_path, line("a", port)))
    await until(lambda: state(running, "a") is State.UP)
    crew = running.collector.polling._probing._crew
    step, crew.step = crew.step, lambda: {}["nobody expected this"]
    crew._news.set()
    await until(lambda: "probing ended with an error, it is begun anew" in caplog.text)
    crew.step = step
    runs = sum(running.collector.tally.probes.runs.values())
    await until(lambda: sum(running.collector.tally.probes.runs.values()) > runs + 1)


async def test_a_lost_way_out_accuses_nobody_and_is_booked_as_blind(tmp_path: Path, start: Any, port: int) -> None:
    """The reference is silent, the target too: it is unknown, and neither down nor up."""
    with socket.socket() as silent, contextlib.ExitStack() as stack:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)  # Its queue is filled below: then connections are neither taken nor refused, like over a dead line.
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        dead = silent.getsockname()[1]
        (tmp_path / "modules.yml").write_text("modules:\n  short: {prober: tcp, timeout: 300ms}\n")
        config = config_of(tmp_path, line("away", dead, ", uplink: wan", module="short"), line("near", port))
        (tmp_path / "inventory" / "ways.yml").write_text("uplinks:\n  - {id: wan, references: ['192.0.2.1', '192.0.2.2']}\n")
        config = msgspec.structs.replace(config, probes=Probes(module_files=(str(tmp_path / "modules.yml"),)))
        running = await start(config)
        watch = running.collector.polling._watch

        async def silence(_reference: str, _timeout_s: float) -> bool:
            return False

        watch._sight._ask = silence
        await until(lambda: running.collector.tally.probes.runs.get(("tcp", Outcome.FAILED), 0) > 4)
        await until(lambda: state(running, "near") is State.UP)
        assert state(running, "away") is State.UNKNOWN
        assert watch.views()[0].discarded > 0
        own = (await running.page("/metrics")).body.decode()
        assert 'haidang_sight_up{uplink="wan"} 0' in own
        [way] = msgspec.json.decode((await running.page("/api/v1/polling")).body)["uplinks"]
        assert (way["uplink"], way["up"], way["since"][:4] >= "2026") == ("wan", False, True)
        assert way["discarded_results"] > 0
