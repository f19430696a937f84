"""The agent's own polling: from settings over its thread into the spool."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config import ConfigError, load
from agent.model import Outcome, Report
from agent.probes.crew import Crew
from agent.probes.local import wanted_of
from agent.probes.service import Observing
from agent.snmp.device import CORE, VALUES, VERDICT
from tests.e2e.debian import binary
from tests.e2e.snmpd import COMMUNITY, Snmpd

AUTHS = "auths:\n  lab: {community: public, version: 2}\n"


def write(folder: Path, devices: str, auths: str = AUTHS) -> str:
    """An `agent.yml` with these devices and all that it names."""
    (folder / "token").write_text("a-token-of-sixteen-or-more\n")
    (folder / "token").chmod(0o600)
    (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    (folder / "snmp-auths.yml").write_text(auths.replace("public", COMMUNITY))
    (folder / "snmp-auths.yml").chmod(0o600)
    file = folder / "agent.yml"
    file.write_text(f"id: box-1\ncollector: {{urls: ['https://collector.example.vn']}}\nsnmp:\n  devices:\n{devices}")
    return str(file)


class Spool:
    """What arrived, and an event for it."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.schemas: dict[bytes, bytes] = {}
        self.came = threading.Event()
        self.said: list[str] = []

    def append_collection(
        self, *, facts: Sequence[Report] = (), bulk: Sequence[Report] = (), schemas: Mapping[bytes, bytes] | None = None
    ) -> None:
        self.reports += [*facts, *bulk]
        self.schemas.update(schemas or {})
        if VALUES in {report.module for report in self.reports}:
            self.came.set()


def test_devices_of_the_settings_are_polled_into_the_spool(tmp_path: Path) -> None:
    """A real snmpd: verdict, readings and values with the schemas of their blocks; nothing after the stop."""
    binary("snmpd")
    with Snmpd(tmp_path / "snmpd") as snmpd:
        device = f"    - {{target: host-9, address: {snmpd.host}, port: {snmpd.port}, auth: lab, interval_s: 5}}\n"
        settings = load(write(tmp_path, device))
        spool = Spool()
        service = Observing(
            spool,
            SystemClock(),
            stored=lambda: None,
            say=lambda about, text, good: spool.said.append(f"{about}: {text}"),
        )
        service.configure(wanted_of(settings))
        service.start()
        try:
            assert spool.came.wait(30), spool.said
        finally:
            service.stop()
    assert set(spool.said) == {"observing spool: ok"}
    first = {report.module: report for report in reversed(spool.reports)}
    assert first.keys() == {VERDICT, CORE, VALUES}
    assert {report.target for report in spool.reports} == {"host-9"}
    assert first[VERDICT].outcome in (Outcome.OK, Outcome.DEGRADED, Outcome.FAILED)
    assert {block.schema for report in spool.reports for block in report.blocks} <= spool.schemas.keys()


def test_polling_that_ended_by_a_mistake_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and the devices are polled all the same; a disk that takes nothing is said until it does."""
    runs: list[str] = []

    class Failing(Crew):
        async def run(self) -> None:
            runs.append("run")
            if len(runs) == 1:
                raise LookupError("nobody expected this")
            await super().run()

    class Full(Spool):
        def append_collection(self, **given: Any) -> None:
            super().append_collection(**given)
            if len(self.said) < 2:
                raise OSError("no space left")

    monkeypatch.setattr("agent.probes.active.Crew", Failing)
    monkeypatch.setattr("agent.probes.service.AGAIN_S", 0.0)
    device = "    - {target: d, address: 127.0.0.1, port: 9, auth: lab, interval_s: 5, timeout_s: 0.1, ping: false}\n"
    spool, stored = Full(), threading.Event()
    service = Observing(
        spool,
        SystemClock(),
        stored=lambda: stored.set() if spool.said[-1].endswith("ok") else None,
        say=lambda about, text, good: spool.said.append(f"{about}: {text}"),
    )
    service.configure(wanted_of(load(write(tmp_path, device))))
    service.start()
    try:
        assert stored.wait(30), spool.said
    finally:
        service.stop()
    assert spool.said[:3] == [
        "observing: it ended with an error and is begun anew: LookupError: nobody expected this",
        "observing spool: reports of other targets could not be stored: no space left",
        "observing spool: ok",
    ]


def test_a_service_that_is_stopped_at_once_ends(tmp_path: Path) -> None:
    """Whether its loop runs already or not."""
    device = "    - {target: d, address: 127.0.0.1, port: 9, auth: lab}\n"
    service = Observing(Spool(), SystemClock(), stored=lambda: None, say=lambda about, text, good: None)
    service.configure(wanted_of(load(write(tmp_path, device))))
    service.start()
    service.stop()
    assert not service._thread.is_alive()


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("auth: lav", """[0].auth: found "lav", expected credentials of auths_file, perhaps lab"""),
        ("auth: lab, profile: ups-rfc1629", "perhaps ups-rfc1628"),
        ("auth: lab, modules: [if_mob]", """[0].modules[0]: found "if_mob", expected a module, perhaps if_mib"""),
        ("auth: lab, klass: ups", "[0].klass: found an unknown key"),
        ("auth: lab, interval_s: 1", "[0].interval_s: found 1, expected a whole number of seconds, 5 to 3600"),
        ("auth: lab}\n    - {target: d, address: 192.0.2.2, auth: lab", '[1].target: found "d"'),
    ],
)
def test_what_the_settings_name_must_exist(tmp_path: Path, device: str, said: str) -> None:
    """Names are refused at the start, with the nearest that there is."""
    with pytest.raises(ConfigError) as refused:
        load(write(tmp_path, f"    - {{target: d, address: 192.0.2.1, {device}}}\n"))
    assert said in str(refused.value)


def test_secrets_of_others_are_refused_and_never_shown(tmp_path: Path) -> None:
    """A file that others can read is no place for credentials."""
    file = write(tmp_path, "    - {target: d, address: 192.0.2.1, auth: lab}\n", AUTHS.replace("public", "very-secret"))
    (tmp_path / "snmp-auths.yml").chmod(0o644)
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert "0600" in str(refused.value)
    assert "very-secret" not in str(refused.value)
