"""Hearing follows the inventory: whose an address is, from the first moment on and while names have no answer."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.clock import SystemClock
from agent.model import Report
from agent.snmp.auth import Auth
from collector.config import Config
from collector.core.tally import Tally
from collector.inventory import Inventory, load_inventory
from collector.inventory.equipment import Equipment
from collector.poll import places
from collector.poll.hearing import Hearing
from collector.poll.places import Places
from collector.poll.trap_file import load_table
from collector.settings import TrapSettings
from tests.collector.poll.trap_kit import OPEN, v1, v2c
from tests.collector.poll_kit import until

TABLE = load_table([Path(__file__).parents[3] / "config" / "snmp" / "notifications.yml"])


class Names:
    """A name service that answers what it is told, or nothing."""

    def __init__(self, **known: str) -> None:
        self.known = known

    async def found(self, name: str) -> tuple[str, ...]:
        return (self.known[name],) if name in self.known else ()

    async def never(self, name: str) -> tuple[str, ...]:
        await asyncio.Event().wait()
        return ()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    service = Names()
    monkeypatch.setattr(places, "_found", lambda name: service.found(name))
    return service


class Ground:
    """A Hearing with what it kept."""

    def __init__(self) -> None:
        self.kept: list[Report] = []
        self.tally = Tally()
        self.hearing = Hearing(self.kept.append, lambda target, reset: None, SystemClock(), self.tally)

    @property
    def accepted(self) -> int:
        return self.tally.traps.fates["accepted"] if self.tally.traps is not None else 0

    def known(self) -> dict[str, Any]:
        assert self.hearing._receiver is not None
        return dict(self.hearing._receiver._desk.known)

    def send(self, data: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source:
            source.sendto(data, self.hearing.addresses[0])


def inventory(folder: Path, *addresses: str, proxies: tuple[str, ...] = ()) -> Inventory:
    """Targets `t0`, `t1` ... at these addresses."""
    lines = [
        f"  - {{id: t{number}, site: dic, class: ups, via: collector, address: {place}}}\n"
        for number, place in enumerate(addresses)
    ]
    (folder / "all.yml").write_text("sites:\n  - {id: dic}\ntargets:\n" + "".join(lines), encoding="utf-8")
    settings = Config(traps=TrapSettings(listen=("127.0.0.1:0",), proxies=proxies))
    auths: dict[str, Auth] = {"open": OPEN}
    return msgspec.structs.replace(load_inventory(folder, None, settings), equipment=Equipment(auths, None, TABLE))


async def test_addresses_are_known_with_the_first_datagram_whatever_names_take(tmp_path: Path, names: Names) -> None:
    """A name service that does not answer keeps no device from being heard that is given by its address."""
    ground = Ground()
    names.found = names.never  # type: ignore[method-assign]
    await ground.hearing.follow(inventory(tmp_path, "127.0.0.1", "slow.example.vn"))
    assert ground.known() == {"127.0.0.1": ("t0",)}
    ground.send(v2c())
    await until(lambda: ground.kept)
    await ground.hearing.stop()
    assert ground.accepted == 1


async def test_a_name_keeps_its_addresses_while_nobody_answers_for_it(tmp_path: Path, names: Names) -> None:
    """And has its new one as soon as somebody does; what the inventory no longer names is forgotten."""
    found = Places()
    names.known = {"ups.example.vn": "192.0.2.1", "old.example.vn": "192.0.2.9"}
    assert found.of("ups.example.vn") is None
    await found.look_up(["ups.example.vn", "old.example.vn", "10.0.0.1"])
    assert (found.of("ups.example.vn"), found.of("10.0.0.1")) == (("192.0.2.1",), ("10.0.0.1",))
    names.known = {}
    await found.look_up(["ups.example.vn", "new.example.vn"])
    assert (found.of("ups.example.vn"), found.of("new.example.vn")) == (("192.0.2.1",), ())
    assert found.of("old.example.vn") is None
    names.known = {"ups.example.vn": "192.0.2.2"}
    await found.look_up(["ups.example.vn"])
    assert found.of("ups.example.vn") == ("192.0.2.2",)


async def test_a_proxy_may_be_a_name(tmp_path: Path, names: Names) -> None:
    """It is believed at the address that it has, and one that has none is listed."""
    ground = Ground()
    names.known = {"relay.example.vn": "127.0.0.1"}
    await ground.hearing.follow(inventory(tmp_path, "192.0.2.7", proxies=("relay.example.vn", "gone.example.vn")))
    await until(lambda: ground.hearing.strangers)
    assert [each.source for each in ground.hearing.strangers] == ["gone.example.vn"]
    ground.send(v1(address=b"\xc0\x00\x02\x07"))
    await until(lambda: ground.kept)
    assert [report.target for report in ground.kept] == ["t0"]
    await ground.hearing.stop()


async def test_a_name_of_this_machine_is_found() -> None:
    """By the real name service; a name that cannot be one has no address."""
    found = Places()
    await found.look_up(["localhost", "no..name"])
    assert "127.0.0.1" in (found.of("localhost") or ())
    assert found.of("no..name") == ()
