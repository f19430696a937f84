"""Looks for devices: asks every address what it is, at a bounded rate, and what answers who its neighbours are.

Nothing is asked of an address that was not given. What one address does never ends the sweep.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from agent.packets.ber import BerError, oid_of, tail_from, tail_of
from agent.sheets.sheet import SheetError
from agent.snmp.asking import System
from agent.snmp.auth import Auth
from agent.snmp.device import AUTO, Device
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.evaluate import Memory, evaluate
from agent.snmp.harvest import Plan
from agent.snmp.match import Identity
from agent.snmp.profile import Profile
from agent.snmp.rows import Rows, Value
from agent.snmp.session import Session
from agent.snmp.tools import Tools
from agent.snmp.values import clean
from agent.snmp.walk import fetch
from collector.poll.once import Asking
from collector.poll.topology import Neighbour

AT_ONCE: Final = 500
"""Addresses that are waited for at the same time."""
LOOK_S: Final = 10.0
"""Longest time for what one device is, and as long again for its neighbours."""
MOST_ROWS: Final = 2_000
_LLDP: Final = "1.0.8802.1.1.2.1"
_CHASSIS: Final = oid_of(f"{_LLDP}.3.2.0")
_LOCAL_IDS: Final = oid_of(f"{_LLDP}.3.7.1.3")
_LOCAL_NAMES: Final = oid_of(f"{_LLDP}.3.7.1.4")
_REMOTE: Final = {column: oid_of(f"{_LLDP}.4.1.1.{column}") for column in (5, 7, 8, 9)}
"""lldpRemChassisId, lldpRemPortId, lldpRemPortDesc, lldpRemSysName; index time mark, local port, number."""
_REMOTE_ADDRESS: Final = oid_of(f"{_LLDP}.4.2.1.3")
"""lldpRemManAddrIfSubtype: the address stands in its index."""
_INFO: Final = "device_info"
_SILENT: Final = frozenset({Fault.TIMEOUT, Fault.DEADLINE, Fault.UNREACHABLE})


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What an address turned out to be. `error`: it speaks SNMP, or cannot be asked, and this is why nothing is known of it."""

    address: str
    auth: str = ""
    system: System = System()
    identity: Identity | None = None
    title: str = ""
    class_: str = ""
    vendor: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""
    chassis: bytes = b""
    neighbours: tuple[Neighbour, ...] = ()
    error: str = ""


class Sweep:
    """Asks addresses with the credentials in their order, the first that is answered being the device's."""

    def __init__(self, tools: Tools, auths: Sequence[Auth], device: Device, rate: float) -> None:
        """`device` gives port, timeout and retries; `rate` is how many addresses a second are begun with."""
        self._tools = tools
        self._asking = Asking(tools)
        self._auths = auths
        self._device = device
        self._pause_s = 1 / rate
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._next_s = 0.0

    async def all(self, addresses: Sequence[str], done: Callable[[int, int], None]) -> list[Seen]:
        """What there is, in the order of the addresses; silent ones are left out. `done(so far, all)` tells how far it is.
        Raises `SnmpError` if these credentials cannot be used here at all."""
        found: list[Seen] = []
        count = 0

        async def look(address: str) -> None:
            nonlocal count
            seen = await self._released(address)
            if seen is not None:
                found.append(seen)
            count += 1
            done(count, len(addresses))

        try:
            async with asyncio.TaskGroup() as group:
                for address in addresses:
                    await self._gate.acquire()
                    group.create_task(look(address))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        place = {address: index for index, address in enumerate(addresses)}
        return sorted(found, key=lambda seen: place[seen.address])

    async def _released(self, address: str) -> Seen | None:
        try:
            return await self._address(address)
        except SnmpError:
            raise
        except SheetError as error:
            return Seen(address=address, error=str(error))
        except Exception as error:  # noqa: BLE001  what one device makes of our code must not end the search for the others
            return Seen(address=address, error=f"{type(error).__name__}: {error}")
        finally:
            self._gate.release()

    async def _address(self, address: str) -> Seen | None:
        refused = ""
        for auth in self._auths:
            await self._turn()
            device = msgspec.structs.replace(self._device, target=address, host=address, auth=auth)
            system, identity, error, session = await self._asking.look(device, LOOK_S)
            if error is None and identity is not None:
                return await self._known(device, session, system, identity)
            if error is not None and error.fault is Fault.NOT_SUPPORTED:
                raise error
            if error is not None and error.fault not in _SILENT:
                refused = refused or _told(error)
        return Seen(address=address, error=refused) if refused else None

    async def _turn(self) -> None:
        """Wait until one more may be asked."""
        loop = asyncio.get_running_loop()
        at_s = max(loop.time(), self._next_s)
        self._next_s = at_s + self._pause_s
        await asyncio.sleep(at_s - loop.time())

    async def _known(self, device: Device, session: Session, system: System, identity: Identity) -> Seen:
        until = asyncio.get_running_loop().time() + LOOK_S
        profile = self._tools.library.profile(identity.profile)
        rows = (await fetch(session, _identity_plan(profile), until)).rows
        told = _info(profile, rows)
        around = await _neighbours(session, until)
        return Seen(
            address=device.host,
            auth=device.auth.name,
            system=system,
            identity=identity,
            title=profile.title,
            class_=profile.class_,
            vendor=told.get("vendor") or profile.vendor,
            model=told.get("model", ""),
            serial=told.get("serial", ""),
            firmware=told.get("firmware", ""),
            chassis=around[0],
            neighbours=around[1],
        )


def _told(error: SnmpError) -> str:
    return error.detail.partition(": ")[2] or error.detail


def _identity_plan(profile: Profile) -> Plan:
    """Only the objects by which a device of this profile tells its make."""
    names = {
        name
        for derivation in profile.derivations
        if derivation.reading.name == _INFO
        for entry in derivation.entries
        for source in entry
        for expression in source.labels
        if expression is not None
        for name in expression.objects
    }
    objects = [profile.objects[name] for name in sorted(names)]
    return Plan(
        gets=tuple([each.oid + b"\0" for each in objects if not each.is_column]),
        walks=tuple([each.oid for each in objects if each.is_column]),
        max_rows=MOST_ROWS,
    )


def _info(profile: Profile, rows: Rows) -> dict[str, str]:
    table = evaluate(profile, rows, Memory(), 0.0, full=True).tables.get(_INFO)
    if table is None or not table.labels:
        return {}
    return dict(zip(table.reading.labels, table.labels[0], strict=True))


async def _neighbours(session: Session, until: float) -> tuple[bytes, tuple[Neighbour, ...]]:
    """Its own chassis, and who it sees by LLDP; nothing for a device that does not speak of it."""
    first = await fetch(session, Plan(gets=(_CHASSIS,), walks=(_REMOTE[9],), max_rows=MOST_ROWS), until)
    values: dict[bytes, Value] = dict(zip(first.rows.oids, first.rows.values, strict=True))
    chassis = values.get(_CHASSIS)
    walks = (_REMOTE[5], _REMOTE[7], _REMOTE[8], _LOCAL_IDS, _LOCAL_NAMES, _REMOTE_ADDRESS)
    if values:
        more = await fetch(session, Plan(walks=walks, max_rows=MOST_ROWS), until)
        values.update(zip(more.rows.oids, more.rows.values, strict=True))
    return (chassis if isinstance(chassis, bytes) else b""), neighbours_of(values)


def neighbours_of(values: dict[bytes, Value]) -> tuple[Neighbour, ...]:
    """Neighbours from the rows of LLDP-MIB, in the order of ports."""
    rows: dict[bytes, dict[int, bytes]] = {}
    addresses: dict[tuple[int, ...], list[str]] = {}
    for oid, value in values.items():
        if oid.startswith(_REMOTE_ADDRESS):
            key, address = _address_in(oid[len(_REMOTE_ADDRESS) :])
            if address:
                addresses.setdefault(key, []).append(address)
        for column, root in _REMOTE.items():
            if oid.startswith(root) and isinstance(value, bytes):
                rows.setdefault(oid[len(root) :], {})[column] = value
    found = []
    for index, row in rows.items():
        arcs = _arcs(index)
        if len(arcs) != 3:
            continue
        neighbour = Neighbour(
            _port(values, arcs[1]),
            clean(row.get(9, b"")).strip(),
            row.get(5, b""),
            _named(row.get(8, b""), row.get(7, b"")),
            tuple(sorted(addresses.get(arcs, ()))),
        )
        found.append((arcs[1:], neighbour))
    return tuple([neighbour for _, neighbour in sorted(found, key=lambda pair: pair[0])])


def _port(values: dict[bytes, Value], number: int) -> str:
    """The name of an own port; its number where it has none."""
    arc = tail_from((number,))
    names = [value for root in (_LOCAL_NAMES, _LOCAL_IDS) if isinstance(value := values.get(root + arc), bytes)]
    return _named(*names) or str(number)


def _named(*texts: bytes) -> str:
    """The first of them that is text; a MAC address as people write it."""
    for data in texts:
        text = clean(data).strip()
        if text and text.isprintable() and data.isascii():
            return text
        if len(data) == 6:
            return data.hex(":")
    return ""


def _address_in(index: bytes) -> tuple[tuple[int, ...], str]:
    """Time mark, port and number, and the address that follows them: its family (1 IPv4, 2 IPv6), its length, its octets."""
    arcs = _arcs(index)
    octets = arcs[5:]
    if len(arcs) < 5 or len(octets) != arcs[4] or arcs[3] not in (1, 2) or not all(0 <= octet < 256 for octet in octets):
        return (), ""
    try:
        return arcs[:3], str(ipaddress.ip_address(bytes(octets)))
    except ValueError:
        return (), ""


def _arcs(index: bytes) -> tuple[int, ...]:
    """The arcs of what follows a column."""
    try:
        return tuple(tail_of(index))
    except BerError:
        return ()


__all__ = ["AUTO", "Seen", "Sweep", "neighbours_of"]
