"""`haidang-collector poll`: what a device says, as an exporter's page or explained, and plain words where it says nothing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from agent.snmp.errors import Fault
from collector.__main__ import main
from collector.commands.poll_words import word
from tests.collector.poll_kit import SWITCH, ups, write_auths
from tests.snmp import tinyber
from tests.snmp.fault_agent import FaultAgent


class Command:
    """Runs the command in a thread, as it has a loop of its own, and keeps what it printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.auths = write_auths(folder)
        self._capsys = capsys
        self.out = self.err = ""

    async def __call__(self, port: int, *options: str, auth: str = "lab", address: str = "127.0.0.1") -> int:
        given = [
            "poll",
            address,
            "--port",
            str(port),
            "--auths",
            str(self.auths),
            "--timeout",
            "0.3",
            "--retries",
            "0",
            *options,
        ]
        code = await asyncio.to_thread(main, [*given, "--auth", auth] if auth else given)
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


async def test_a_module_is_printed_as_an_exporters_page(command: Command) -> None:
    async with FaultAgent(SWITCH) as device:
        assert await command(device.port, "--module", "if_mib") == 0
    assert command.err == ""
    families = {family.name: family for family in parse(command.out)}
    labels = {"ifIndex": "1", "ifName": "Gi0/1", "ifAlias": "uplink", "ifDescr": "GigabitEthernet0/1"}
    (octets,) = [one for one in families["ifHCInOctets"].samples if one.labels["ifIndex"] == "1"]
    assert (families["ifHCInOctets"].type, octets.labels, octets.value) == ("counter", labels, 2**40 + 1_250_000)
    scraped = {name for name in families if name.startswith("snmp_scrape_")}
    assert scraped == {
        "snmp_scrape_walk_duration_seconds", "snmp_scrape_packets_sent", "snmp_scrape_packets_retried",
        "snmp_scrape_pdus_returned", "snmp_scrape_duration_seconds",
    }  # fmt: skip
    assert all(sample.labels == {"module": "if_mib"} for name in scraped for sample in families[name].samples)
    assert not any(name.startswith("haidang_") for name in families)


async def test_a_profile_adds_readings(command: Command) -> None:
    async with FaultAgent(ups()) as device:
        assert await command(device.port, "--profile", "auto") == 0
    families = {family.name: family for family in parse(command.out)}
    assert families["haidang_ups_battery_charge_ratio"].samples[0].value == 1
    states = {one.labels["state"]: one.value for one in families["haidang_ups_output_source"].samples}
    assert (states["normal"], sum(states.values())) == (1, 1)
    assert "upsOutputSource" in families


async def test_explain_tells_identity_verdict_readings_and_every_request(command: Command) -> None:
    async with FaultAgent(ups(source=4)) as device:
        assert await command(device.port, "--explain") == 0
        asked = len(device.asked)
    assert re.search(r"^profile +generic-ups ", command.out, re.MULTILINE)
    assert re.search(r"^ +because sysObjectID 1\.3\.6\.1\.2\.1\.33\.2\.3 is ", command.out, re.MULTILINE)
    assert re.search(r"^verdict +degraded: .*bypass", command.out, re.MULTILINE)
    assert re.search(r"^  ups_on_bypass: degraded, ", command.out, re.MULTILINE)
    assert "  haidang_ups_output_source bypass\n" in command.out
    assert len(re.findall(r"^  get(?:-bulk|-next)? +1[.\d]+ +\d+ .* ok$", command.out, re.MULTILINE)) == asked
    assert "public" not in command.out


async def test_by_hand_a_device_is_asked_as_its_profile_says(command: Command) -> None:
    """A family that is to be asked by GETNEXT is so by hand as well, and the table of requests says from where."""
    room = dict(SWITCH)
    room[tinyber.arcs("1.3.6.1.2.1.1.2.0")] = (tinyber.OID, tinyber.oid(tinyber.arcs("1.3.6.1.4.1.5596.150.6.4.1")))
    async with FaultAgent(room) as device:
        assert await command(device.port, "--explain") == 0
        assert {pdu.kind for pdu in device.asked} == {tinyber.GET, tinyber.GETNEXT}
    assert "profile      vc-cisco-codec " in command.out
    assert re.search(r"^  get-next +1\.3\.6\.1\.2\.1\.2\.2\.1[.0-9]* +1 ", command.out, re.MULTILINE)


async def test_explain_speaks_vietnamese(command: Command) -> None:
    async with FaultAgent(ups(source=4)) as device:
        assert await command(device.port, "--explain", "--lang", "vi") == 0
    assert re.search(r"^kết luận +suy giảm: .*bypass", command.out, re.MULTILINE)
    assert "yêu cầu" in command.out
    assert re.search(r"^  get +1[.\d]+ +\d+ .* được$", command.out, re.MULTILINE)


async def test_why_there_is_no_answer_is_said_in_vietnamese(command: Command) -> None:
    """Also in the table of requests, and of files that are wrong."""
    async with FaultAgent(ups()) as device:
        assert await command(device.port, "--explain", "--lang", "vi", auth="wrong") == 1
    assert re.search(r"^kết luận +không trả lời: 127\.0\.0\.1: không trả lời, đã gửi 1 lần", command.out, re.MULTILINE)
    assert re.search(r"^  get .* không trả lời$", command.out, re.MULTILINE)
    assert re.search(r"127\.0\.0\.1 cổng \d+: 127\.0\.0\.1: không trả lời, đã gửi 1 lần, mỗi lần chờ 0\.3 giây", command.err)
    command.auths.chmod(0o644)
    assert await command(1, "--lang", "vi") == 1
    assert (
        command.err
        == f"{command.auths}:1: thấy quyền 0644 ({command.auths}), cần quyền 0600 (chmod 0600 {command.auths})\n1 lỗi\n"
    )


@pytest.mark.parametrize("outcome", ["ok", "cancelled", *[fault.value for fault in Fault]])
def test_every_outcome_of_a_request_has_words(outcome: str) -> None:
    assert word("en", outcome) == outcome
    assert word("vi", outcome) != outcome


@pytest.mark.parametrize("explained", [False, True])
async def test_a_silent_device_is_said_and_fails(command: Command, explained: bool) -> None:
    async with FaultAgent(ups()) as device:
        assert await command(device.port, *(["--explain"] if explained else []), auth="wrong") == 1
    assert re.search(r"127\.0\.0\.1 port \d+: .*no answer", command.err)
    assert ("get" in command.out) is explained
    assert "timeout" in command.out or not explained
    assert "not-the-one" not in command.out + command.err


async def test_what_could_not_be_read_is_said_beside_what_could(command: Command) -> None:
    async with FaultAgent(SWITCH) as device:
        device.faults.broken = (1, 3, 6, 1, 2, 1, 31)
        assert await command(device.port, "--module", "if_mib") == 0
    assert "ifOperStatus" in command.out
    assert command.err.startswith("if_mib: ")


@pytest.mark.parametrize(
    ("options", "auth", "said"),
    [
        (["--module", "if_mip"], "lab", "--module if_mip: there is no such module; did you mean if_mib"),
        (["--profile", "ups-rfc"], "lab", "--profile ups-rfc: there is no such profile; did you mean ups-rfc1628"),
        ([], "nobody", "--auth nobody: {auths} has only lab, wrong"),
        ([], "", "several credentials in {auths}: choose one with --auth: lab, wrong"),
        (["--timeout", "0"], "lab", "--timeout 0.0: expected 0.05 to 60"),
        (["--port", "70000"], "lab", "--port 70000: expected 1 to 65535"),
    ],
)
async def test_wrong_usage_is_named_before_anything_is_sent(command: Command, options: list[str], auth: str, said: str) -> None:
    async with FaultAgent(ups()) as device:
        assert await command(device.port, *options, auth=auth) == 1
        assert device.asked == []
    assert command.err.startswith(said.format(auths=command.auths))
    assert command.out == ""


async def test_an_address_that_is_none_and_a_name_without_address(command: Command) -> None:
    assert await command(1, address="not a host") == 1
    assert command.err == "not a host: expected a host name or an IP address\n"
    assert await command(1, address="nowhere.invalid") == 1
    assert "nowhere.invalid" in command.err


async def test_credentials_that_others_can_read_are_refused_without_showing_them(command: Command) -> None:
    command.auths.chmod(0o644)
    assert await command(1) == 1
    assert str(command.auths) in command.err
    assert "public" not in command.err
