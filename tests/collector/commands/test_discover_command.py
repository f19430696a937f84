"""`haidang-collector discover`: only what was asked for, at a bounded rate, and a proposal that loads and can be explained."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.packets.ber import oid_of
from agent.snmp.session import Session
from collector.__main__ import main
from collector.commands.discover import addresses_of, default_gateway
from collector.inventory import load_inventory
from collector.output import CommandError
from collector.poll import sweep
from collector.poll.sweep import neighbours_of
from collector.poll.topology import Neighbour
from tests.collector.poll_kit import AUTHS, SWITCH, ups, write_auths
from tests.snmp import tinyber
from tests.snmp.fault_agent import FaultAgent
from tests.snmp.simulator import Simulator, free_udp_port
from tests.snmp.tinyber import Arcs, Value

LLDP = tinyber.arcs("1.0.8802.1.1.2.1")


def lldp(chassis: bytes, *sees: tuple[int, bytes, str, str]) -> dict[Arcs, Value]:
    """LLDP of a device: own port, chassis, name and port of each neighbour."""
    found: dict[Arcs, Value] = {(*LLDP, 3, 2, 0): tinyber.text(chassis)}
    for port, other, name, remote in sees:
        found[*LLDP, 3, 7, 1, 4, port] = tinyber.text(f"Gi0/{port}")
        index = (0, port, 1)
        found |= {
            (*LLDP, 4, 1, 1, 5, *index): tinyber.text(other),
            (*LLDP, 4, 1, 1, 7, *index): tinyber.text(remote),
            (*LLDP, 4, 1, 1, 9, *index): tinyber.text(name),
        }
    return found


def switch(name: str, chassis: bytes, *sees: tuple[int, bytes, str, str]) -> dict[Arcs, Value]:
    system = tinyber.arcs("1.3.6.1.2.1.1")
    about = {
        (*system, 1, 0): tinyber.text("Cisco IOS Software, C2960 Software (C2960-LANBASEK9-M), Version 15.0(2)SE11"),
        (*system, 5, 0): tinyber.text(name),
        (*system, 2, 0): (tinyber.OID, tinyber.oid(tinyber.arcs("1.3.6.1.4.1.9.1.1208"))),
    }
    return SWITCH | about | lldp(chassis, *sees)


class Command:
    """Runs the command in a thread, as it has a loop of its own, and keeps what it printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.auths = write_auths(folder)
        self.config = folder / "collector.yml"
        self.config.write_text(f"data: data\nsnmp:\n  auths_file: {self.auths}\n")
        self._capsys = capsys
        self.out = self.err = ""

    async def __call__(self, *options: str, auth: str = "lab") -> int:
        given = ["discover", *options, "--config", str(self.config), "--timeout", "0.3", "--retries", "0", "--rate", "500"]
        code = await asyncio.to_thread(main, [*given, "--auth", auth])
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


@contextlib.asynccontextmanager
async def devices(**values: dict[Arcs, Value]) -> AsyncIterator[int]:
    """Devices at 127.9.0.1, .2 and so on, all on one port."""
    port = free_udp_port()
    async with contextlib.AsyncExitStack() as stack:
        for number, one in enumerate(values.values(), 1):
            await stack.enter_async_context(FaultAgent(one, host=f"127.9.0.{number}", port=port))
        yield port


def loaded(folder: Path, text: str) -> dict[str, dict[str, object]]:
    """The proposal as an inventory, once it has a site."""
    inventory = folder / "proposed"
    inventory.mkdir(exist_ok=True)
    (inventory / "a.yml").write_text(text.replace("CHANGE-ME", "dic") + "sites:\n  - {id: dic}\n", encoding="utf-8")
    entries = load_inventory(inventory, None).entries
    return {
        id_: {"class": one.class_, "address": one.address, "parents": one.parents, "auth": one.snmp.auth if one.snmp else None}
        for id_, one in entries.items()
    }


async def test_what_answers_is_proposed_with_class_parents_and_why(command: Command, tmp_path: Path) -> None:
    core = switch(
        "core.example.vn", b"\2\0\0\0\0\1", (1, b"\2\0\0\0\0\2", "access", "Gi0/24"), (9, b"\2\0\0\0\0\x09", "far", "x")
    )
    access = switch("access", b"\2\0\0\0\0\2", (24, b"\2\0\0\0\0\1", "core", "Gi0/1"))
    async with devices(core=core, access=access, ups=ups()) as port:
        assert await command("127.9.0.0/29", "--port", str(port)) == 0
    found = loaded(tmp_path, command.out)
    assert found == {
        "core": {"class": "switch", "address": "127.9.0.1", "parents": (), "auth": "lab"},
        "access": {"class": "switch", "address": "127.9.0.2", "parents": ("core",), "auth": "lab"},
        "ups-room-1": {"class": "ups", "address": "127.9.0.3", "parents": (), "auth": "lab"},
    }
    assert "# parent core: on the way to core, by LLDP access Gi0/24 – Gi0/1 core\n" in command.out
    assert "# LLDP at Gi0/9: far, its port x, not found in these ranges\n" in command.out
    assert "# 127.9.0.3: Example Model 3000, ups\n" in command.out
    assert re.search(r"# profile generic-ups \(.*\), because sysObjectID 1\.3\.6\.1\.2\.1\.33\.2\.3 ", command.out)
    assert "3 devices at 6 addresses" in command.out
    assert re.search(r"^127\.9\.0\.3 +ups-room-1 +ups +Example Model 3000 +generic-ups +-$", command.err, re.MULTILINE)
    assert "public" not in command.out + command.err


async def test_the_root_that_a_person_names_turns_the_tree(command: Command, tmp_path: Path) -> None:
    core = switch("core", b"\2\0\0\0\0\1", (1, b"\2\0\0\0\0\2", "access", "Gi0/24"))
    async with devices(core=core, access=switch("access", b"\2\0\0\0\0\2")) as port:
        assert await command("127.9.0.1", "127.9.0.2", "--port", str(port), "--root", "127.9.0.2") == 0
    assert loaded(tmp_path, command.out)["core"]["parents"] == ("access",)


async def test_names_that_are_not_the_only_ones_get_the_address(command: Command, tmp_path: Path) -> None:
    """Two of one name, one without any, one whose name is a number: every id is of its own and the file loads."""
    nameless = {key: value for key, value in ups().items() if key != (1, 3, 6, 1, 2, 1, 1, 5, 0)}
    numbered = ups() | {(1, 3, 6, 1, 2, 1, 1, 5, 0): tinyber.text("1234")}
    hostile = ups() | {(1, 3, 6, 1, 2, 1, 1, 5, 0): tinyber.text("a: [b\n#\u2028c' \"{x}\x00 đèn")}
    async with devices(a=ups(), b=ups(), c=nameless, d=numbered, e=hostile) as port:
        assert await command("127.9.0.1-127.9.0.5", "--port", str(port)) == 0
    ids = set(loaded(tmp_path, command.out))
    assert ids == {"ups-room-1-127-9-0-1", "ups-room-1-127-9-0-2", "device-127-9-0-3", "1234", "a-b-c-x-n"}


async def test_one_device_at_two_addresses_is_one_entry(command: Command, tmp_path: Path) -> None:
    one = switch("router", b"\2\0\0\0\0\7")
    async with devices(a=one, b=one) as port:
        assert await command("127.9.0.1-127.9.0.2", "--port", str(port)) == 0
    assert list(loaded(tmp_path, command.out)) == ["router"]
    assert "# the same device answers at 127.9.0.2 too\n" in command.out


async def test_a_mistake_over_one_device_costs_no_other(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What our code cannot make sense of is named with its address, and the search goes on."""

    async def surprise(session: Session, until: float) -> Any:
        if session.address == "127.9.0.1":
            raise LookupError("nobody expected this")
        return await neighbours(session, until)

    neighbours = sweep._neighbours
    monkeypatch.setattr(sweep, "_neighbours", surprise)
    async with devices(a=ups(), b=switch("router", b"\2\0\0\0\0\7")) as port:
        assert await command("127.9.0.1-127.9.0.2", "--port", str(port)) == 0
    assert list(loaded(tmp_path, command.out)) == ["router"]
    assert re.search("127.9.0.1.*LookupError: nobody expected this", command.out + command.err)


async def test_what_is_known_is_named_and_not_written_again(command: Command, tmp_path: Path) -> None:
    """It still can be a parent of what is new."""
    core = switch("core", b"\2\0\0\0\0\1", (1, b"\2\0\0\0\0\2", "access", "Gi0/24"))
    async with devices(core=core, access=switch("access", b"\2\0\0\0\0\2")) as port:
        (tmp_path / "inventory").mkdir()
        (tmp_path / "inventory" / "a.yml").write_text(
            "sites:\n  - {id: dic}\ntargets:\n  - {id: sw-1, site: dic, class: switch, via: collector, address: 127.9.0.1, "
            f"snmp: {{auth: lab, port: {port}}}}}\n"
        )
        command.config.write_text(command.config.read_text() + "inventory: inventory\n")
        assert await command("127.9.0.1-127.9.0.3", "--port", str(port)) == 0
    assert "# - 127.9.0.1: sw-1 (" in command.out
    (tmp_path / "inventory" / "new.yml").write_text(command.out)
    inventory = load_inventory(tmp_path / "inventory", None)
    assert inventory.entries["access"].parents == ("sw-1",)
    assert inventory.entries["access"].site == "dic"


async def test_credentials_are_tried_in_their_order(command: Command, tmp_path: Path) -> None:
    async with devices(a=ups()) as port:
        assert await command("127.9.0.1", "--port", str(port), "--auth", "wrong") == 0
    assert loaded(tmp_path, command.out)["ups-room-1"]["auth"] == "lab"


async def test_a_file_is_written_once_and_never_over_another(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "found.yml"
    async with devices(a=ups()) as port:
        assert await command("127.9.0.1", "--port", str(port), "-o", str(file), "--site", "kho-1", "--lang", "vi") == 0
        assert "site: kho-1" in file.read_text(encoding="utf-8")
        assert "Đề xuất" in file.read_text(encoding="utf-8")
        assert "ĐỊA CHỈ" in command.out
        file.write_text("mine\n")
        assert await command("127.9.0.1", "--port", str(port), "-o", str(file)) == 1
    assert command.err == f"{file} exists: nothing is overwritten\n"
    assert file.read_text() == "mine\n"


async def test_where_nobody_answers_that_is_said(command: Command) -> None:
    assert await command("127.9.0.1", "--port", str(free_udp_port())) == 1
    assert "none of 1 addresses answered\n" in command.err
    assert "targets: []\n" in command.out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["10.0.0.0/15"], "131070 addresses, at most 65536: name smaller ranges, or say --large if you mean it"),
        (["::/64", "--large"], "18446744073709551616 addresses, at most 1048576"),
        (["everything"], "everything: expected a network such as 10.20.0.0/24"),
        (["10.0.0.9-10.0.0.1"], "10.0.0.9-10.0.0.1: expected a network"),
        (["10.0.0.1", "--rate", "9999"], "--rate 9999: expected 0.1/s to 1000/s"),
        (["10.0.0.1", "--site", "a b"], "a b: expected letters"),
        (["10.0.0.1", "--auth", "nobody"], "--auth nobody: "),
    ],
)
async def test_wrong_usage_is_named_before_anything_is_sent(command: Command, options: list[str], said: str) -> None:
    code = await asyncio.to_thread(
        main, ["discover", *options, "--config", str(command.config), *(["--auth", "lab"] if "--auth" not in options else [])]
    )
    assert code == 1
    assert command._capsys.readouterr().err.startswith(said)


def test_a_range_is_never_left_out() -> None:
    with pytest.raises(SystemExit):
        main(["discover", "--auth", "lab"])


def test_ranges_are_each_address_once() -> None:
    """The addresses of a network itself and of all of it are no devices."""
    assert list(addresses_of(["192.0.2.0/30", "192.0.2.2-192.0.2.4", "192.0.2.9"], "en", large=False)) == [
        "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.9",
    ]  # fmt: skip
    assert list(addresses_of(["192.0.2.7/31"], "en", large=False)) == ["192.0.2.6", "192.0.2.7"]
    assert list(addresses_of(["2001:db8::/127"], "en", large=False)) == ["2001:db8::", "2001:db8::1"]
    assert sum(1 for _ in addresses_of(["10.1.0.0/16"], "en", large=False)) == 65_534
    with pytest.raises(CommandError):
        list(addresses_of(["10.0.0.0/16", "10.1.0.0/29"], "vi", large=False))


def test_the_gateway_is_the_kernels(tmp_path: Path) -> None:
    file = tmp_path / "route"
    file.write_text("Iface\tDestination\tGateway\tFlags\neth0\t0000A8C0\t00000000\t0001\neth0\t00000000\t0102000A\t0003\n")
    assert default_gateway(file) == "10.0.2.1"
    assert default_gateway(tmp_path / "nothing") == ""


def test_neighbours_are_read_whatever_is_missing() -> None:
    """A MAC address as name of a port, an address in an index, rows that are cut off."""
    base = "1.0.8802.1.1.2.1"
    values: dict[bytes, object] = {
        oid_of(f"{base}.4.1.1.9.0.3.1"): b"sw-b",
        oid_of(f"{base}.4.1.1.7.0.3.1"): b"\0\1\2\3\4\xff",
        oid_of(f"{base}.4.1.1.5.0.700.2"): b"\2\0\0\0\0\1",
        oid_of(f"{base}.3.7.1.3.700"): b"uplink",
        oid_of(f"{base}.4.2.1.3.0.3.1.1.4.192.0.2.5"): 2,
        oid_of(f"{base}.4.2.1.3.0.3.1.1.9.192.0.2.5"): 2,
        oid_of(f"{base}.4.1.1.9.7"): b"cut",
    }
    assert neighbours_of(values) == (  # type: ignore[arg-type]
        Neighbour("3", "sw-b", b"", "00:01:02:03:04:ff", ("192.0.2.5",)),
        Neighbour("uplink", "", b"\2\0\0\0\0\1"),
    )


async def test_recorded_devices_are_named(command: Command, simulator: Simulator, tmp_path: Path) -> None:
    """What a recording says of itself, found by its credentials."""
    name = next((name for name in simulator.names if "cisco-c3750" in name), None)
    if name is None:
        pytest.skip("snmpsim-data is not installed")
    write_auths(tmp_path, AUTHS + f"  recorded:\n    version: 2\n    community: {name}\n")
    assert await command("127.0.0.1", "--port", str(simulator.port), auth="recorded") == 0
    (found,) = loaded(tmp_path, command.out).values()
    assert found["class"] == "switch"
    assert "Cisco" in command.err
