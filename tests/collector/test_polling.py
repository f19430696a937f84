"""Devices of the inventory polled by a running collector: judged, shown, remembered, followed at a reload."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.model import Kind
from agent.snmp.library import Library
from collector.app import Collector
from collector.core.change import StoreError
from collector.core.state import State, View
from collector.poll.trap_table import Table
from collector.polling import STREAM_FILE
from collector.settings import TrapSettings
from collector.start import StartError
from tests.collector.conftest import Running
from tests.collector.poll.trap_kit import v2c
from tests.collector.poll_kit import SWITCH, config_of, target, until, ups, write_auths, write_inventory
from tests.snmp.fault_agent import FaultAgent


def state(running: Running, id_: str) -> State:
    collector = running.collector
    return collector.ledgers.keeper.state(id_, View.DEVICE, collector.now_ms()).state


def answered(running: Running, id_: str) -> bool:
    polls = running.collector.tally.snmp
    return polls is not None and id_ in polls.last


async def series(running: Running, id_: str) -> str:
    return (await running.page(f"/metrics/targets/{id_}")).body.decode()


async def test_a_device_is_judged_and_its_series_and_readings_are_shown(tmp_path: Path, start: Any) -> None:
    async with FaultAgent(ups()) as device:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: state(running, "ups-1") is State.UP)
        live = running.collector.fleet.get("ups-1").modules
        await until(lambda: "snmp_values" in live and live["snmp_values"].digests)
        page = await series(running, "ups-1")
        assert 'upsEstimatedChargeRemaining{instance="ups-1",site="dic",class="ups"} 100' in page
        assert 'haidang_ups_battery_charge_ratio{instance="ups-1",site="dic",class="ups"} 1' in page
        assert 'haidang_snmp_up{instance="ups-1",site="dic",class="ups"} 1' in page
        own = (await running.page("/metrics")).body.decode()
        assert 'haidang_snmp_devices{outcome="ok"} 1' in own
        assert "haidang_snmp_dropped_results_total" in own


async def test_what_a_device_says_of_itself_is_its_state(tmp_path: Path, start: Any) -> None:
    """A UPS on bypass is degraded however full its battery is; back on mains it is up again."""
    async with FaultAgent(ups(source=4)) as device:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: state(running, "ups-1") is State.DEGRADED)
        device.values = ups()
        await until(lambda: state(running, "ups-1") is State.UP)


async def test_a_silent_device_is_down_after_three_polls_and_others_are_not_touched(tmp_path: Path, start: Any) -> None:
    async with FaultAgent(ups()) as device, FaultAgent(SWITCH) as other:
        lines = (target("ups-1", device.port), target("sw-1", other.port, class_="switch"))
        running = await start(config_of(tmp_path, *lines))
        await until(lambda: state(running, "ups-1") is State.UP and state(running, "sw-1") is State.UP)
        device.faults.drop = lambda number, pdu: True
        await until(lambda: state(running, "ups-1") is State.DOWN)
        assert state(running, "sw-1") is State.UP


async def test_wrong_credentials_accuse_nobody(tmp_path: Path, start: Any) -> None:
    """A wrong community is silence, as the protocol has it; a device that was never heard with it is not called up."""
    async with FaultAgent(ups()) as device:
        line = target("ups-1", device.port).replace("auth: lab", "auth: wrong")
        running = await start(config_of(tmp_path, line))
        await until(lambda: answered(running, "ups-1"))
        assert state(running, "ups-1") is not State.UP


async def test_a_restart_goes_on_with_its_numbers(tmp_path: Path, run_once: Any) -> None:
    """What was shown is shown again at once; new reports are new, none is taken for a copy."""
    async with FaultAgent(ups()) as device:
        config = config_of(tmp_path, target("ups-1", device.port))
        async with run_once(config) as running:
            await until(lambda: state(running, "ups-1") is State.UP)
        stream = (tmp_path / "data" / STREAM_FILE).read_text()
        async with run_once(config) as running:
            assert "haidang_snmp_up" in await series(running, "ups-1")
            before = running.collector.tally.reports
            await until(lambda: running.collector.tally.reports > before + 2)
            await until(lambda: state(running, "ups-1") is State.UP)
        assert (tmp_path / "data" / STREAM_FILE).read_text() == stream


async def test_a_reload_adds_changes_and_removes_devices_and_leaves_the_others_alone(tmp_path: Path, start: Any) -> None:
    async with FaultAgent(ups()) as device, FaultAgent(SWITCH) as other:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: state(running, "ups-1") is State.UP)
        collector = running.collector
        entry = collector.polling._devices._crew._entries["ups-1"]
        write_inventory(tmp_path, target("ups-1", device.port), target("sw-1", other.port, class_="switch"))
        assert await collector.reload()
        await until(lambda: answered(running, "sw-1"))
        assert collector.polling._devices._crew._entries["ups-1"] is entry
        write_inventory(tmp_path, target("sw-1", other.port, class_="switch"))
        assert await collector.reload()
        await until(lambda: not answered(running, "ups-1"))
        asked = len(device.asked)
        polls = collector.tally.snmp.polls.copy()
        await until(lambda: sum(collector.tally.snmp.polls.values()) > sum(polls.values()) + 1)
        assert len(device.asked) == asked


async def test_a_reload_reads_secrets_again(tmp_path: Path, start: Any) -> None:
    async with FaultAgent(ups(), community=b"new-one") as device:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: answered(running, "ups-1"))
        assert state(running, "ups-1") is not State.UP
        write_auths(tmp_path, "auths:\n  lab:\n    version: 2\n    community: new-one\n")
        assert await running.collector.reload()
        await until(lambda: state(running, "ups-1") is State.UP)


async def test_a_reload_with_an_unknown_name_or_a_broken_secret_changes_nothing(
    tmp_path: Path, start: Any, caplog: Any
) -> None:
    async with FaultAgent(ups()) as device:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: state(running, "ups-1") is State.UP)
        write_inventory(tmp_path, target("ups-1", device.port).replace("auth: lab", "auth: lap"))
        assert not await running.collector.reload()
        assert "expected a name in `snmp.auths_file`, such as lab" in caplog.text
        write_inventory(tmp_path, target("ups-1", device.port))
        write_auths(tmp_path, "auths:\n  lab:\n    version: 2\n    comunity: public-secret\n")
        assert not await running.collector.reload()
        assert "auths.lab.comunity" in caplog.text
        assert "public-secret" not in caplog.text
        asked = len(device.asked)
        await until(lambda: len(device.asked) > asked)


async def test_a_poll_can_be_asked_for(tmp_path: Path, start: Any) -> None:
    async with FaultAgent(ups()) as device:
        line = target("ups-1", device.port).replace("interval_s: 1,", "interval_s: 3600,")
        running = await start(config_of(tmp_path, line))
        polling = running.collector.polling
        await until(lambda: polling._devices is not None)
        assert polling.poll_now("ups-1", False)
        assert not polling.poll_now("ups-2", False)
        await until(lambda: state(running, "ups-1") is State.UP)


def send(address: tuple[str, int], community: bytes) -> None:
    """A link trap from 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
        source.sendto(v2c(community=community), address)


async def test_a_trap_is_kept_as_evidence_and_polls_at_once(tmp_path: Path, start: Any) -> None:
    """It judges nothing: what the poll finds does. Credentials read again at a reload count for traps as well."""
    async with FaultAgent(ups()) as device:
        line = target("ups-1", device.port).replace("interval_s: 1,", "interval_s: 3600,")
        config = msgspec.structs.replace(config_of(tmp_path, line), traps=TrapSettings(listen=("127.0.0.1:0",), poll_gap_s=0))
        running = await start(config)
        collector = running.collector
        (address,) = collector.polling._hearing.addresses
        await until(lambda: collector.polling._hearing._receiver._desk.known)
        send(address, b"not-known")
        send(address, b"public")
        await until(lambda: state(running, "ups-1") is State.UP)
        await until(lambda: collector.tally.traps.fates["bad_community"] == 1)
        runs = await collector.store.runs("ups-1", 0, collector.now_ms() + 1)
        assert [(run.module, run.kind) for run in runs if run.module == "trap"] == [("trap", Kind.REPORT)]
        write_auths(tmp_path, "auths:\n  lab:\n    version: 2\n    community: new-one\n")
        assert await collector.reload()
        await until(lambda: collector.polling._present is collector._inventory)
        (address,) = collector.polling._hearing.addresses
        await until(lambda: collector.polling._hearing._receiver._desk.known)
        send(address, b"new-one")
        await until(lambda: collector.tally.traps.fates["accepted"] == 2)


async def test_an_address_for_traps_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        config = msgspec.structs.replace(config_of(tmp_path), traps=TrapSettings(listen=(listen,)))
        with pytest.raises(StartError, match=f"traps cannot be heard at {listen}: Address already in use"):
            await Collector(config).start()


async def test_an_address_for_traps_that_is_taken_at_a_reload_does_not_disturb_polling(tmp_path: Path, start: Any) -> None:
    """However often it is tried again, with other profiles too: the devices go on."""
    async with FaultAgent(ups()) as device:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: state(running, "ups-1") is State.UP)
        polling, inventory = running.collector.polling, running.collector.polling._present
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            listen = TrapSettings(listen=(f"127.0.0.1:{taken.getsockname()[1]}",))
            equipment = msgspec.structs.replace(inventory.equipment, library=Library.load([]), notifications=Table([]))
            wanted = msgspec.structs.replace(
                inventory, equipment=equipment, settings=msgspec.structs.replace(inventory.settings, traps=listen)
            )
            found = []
            for _ in range(2):
                with pytest.raises(OSError, match="traps cannot be heard"):
                    await polling._apply(wanted)
                found.append(polling._devices)
        assert found[0] is found[1] is polling._devices
        await until(lambda: answered(running, "ups-1"))


async def test_polling_that_ended_by_a_mistake_goes_on(
    tmp_path: Path, start: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and all devices are polled again."""
    monkeypatch.setattr("collector.tasks.AGAIN_S", 0.0)
    async with FaultAgent(ups()) as device:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: state(running, "ups-1") is State.UP)
        crew = running.collector.polling._devices._crew
        step, crew.step = crew.step, lambda: {}["nobody expected this"]
        crew._news.set()
        await until(lambda: "devices ended with an error, it is begun anew" in caplog.text)
        crew.step = step
        polls = running.collector.tally.snmp.polls.copy()
        await until(lambda: sum(running.collector.tally.snmp.polls.values()) > sum(polls.values()) + 1)


async def test_a_batch_over_which_our_code_fails_is_counted_and_the_next_is_stored(tmp_path: Path, start: Any) -> None:
    async with FaultAgent(ups()) as device:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: state(running, "ups-1") is State.UP)
        polling, tally = running.collector.polling, running.collector.tally
        real, polling._new_schemas = polling._new_schemas, lambda schemas: {}["nobody expected this"]
        await until(lambda: tally.snmp.dropped["refused"])
        polling._new_schemas, before = real, tally.reports
        await until(lambda: tally.reports > before + 2)


async def test_what_is_found_while_the_store_fails_is_stored_when_it_is_back(
    tmp_path: Path, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers come again: nothing is stored twice, and no number is missing."""
    async with FaultAgent(ups()) as device:
        running = await start(config_of(tmp_path, target("ups-1", device.port)))
        await until(lambda: state(running, "ups-1") is State.UP)
        collector = running.collector
        apply, failures = collector.store.apply, []

        async def failing(change: Any) -> Any:
            failures.append(change)
            raise StoreError("the disk is full")

        monkeypatch.setattr(collector.store, "apply", failing)
        await until(lambda: len(failures) > 1)
        monkeypatch.setattr(collector.store, "apply", apply)
        reports = collector.tally.reports
        await until(lambda: collector.tally.reports > reports + 2)
        saved = (await collector.store.load_agents({"collector": set()}))["collector"]
        for row in saved.sequences:
            assert re.fullmatch(r"1-\d+", row.received), row
