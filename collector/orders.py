"""What each agent is ordered to read, probe and poll, out of the inventory; with the credentials it needs and no others.

Made only for who asks, and kept as a tag: ten thousand agents ask for it with every batch.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from agent.orders import VERSION, Orders, OrdersError, encode, sealed
from agent.orders_copy import NO_ORDERS
from agent.probes.sight import Uplink
from agent.settings import ReadersSettings, Secret, SnmpDevice
from agent.snmp.auth import NO_SECRET, Auth
from collector.inventory import Equipment, Inventory
from collector.inventory.chosen import Chosen
from collector.inventory.files import TargetEntry
from collector.inventory.probes import jobs_of

_KEPT: Final = 64
"""Encoded orders that are held: who asks for a tag fetches soon."""
_PORT: Final = 161


def orders_of(inventory: Inventory, agent: str, entries: Sequence[TargetEntry] | None = None) -> Orders:
    """The orders of one agent, without a tag. `entries` are those that it may observe, if somebody knows them."""
    equipment = inventory.equipment
    entries = tuple(inventory.entries.values()) if entries is None else entries
    polled = [] if equipment is None else _polled(inventory, agent, entries)
    auths: dict[str, Auth] = {}
    devices = tuple([_device(chosen, equipment, auths) for chosen in polled]) if equipment is not None else ()
    host = inventory.chosen(inventory.entries[agent]) if agent in inventory.entries else None
    jobs = tuple(jobs_of(inventory, agent, entries))
    ways = {id_: entry for id_, entry in inventory.uplinks.items() if entry.via == agent}
    uplink_of = {chosen.entry.id: uplink for chosen in polled if (uplink := chosen.said("uplink", "")) in ways}
    port, key = _reflector(inventory, host)
    return Orders(
        version=VERSION,
        interval_s=host.entry.interval_s or 0 if host is not None and host.is_own_host else 0,
        readers=_readers(host),
        jobs=jobs,
        devices=devices,
        auths=tuple(auths.values()),
        snmp_files=_files(inventory) if devices else {},
        uplinks=tuple([Uplink(id_, entry.references) for id_, entry in ways.items()]) if jobs or devices else (),
        uplink_of=uplink_of,
        reflector_port=port,
        reflector_key=key,
    )


def _polled(inventory: Inventory, agent: str, entries: Iterable[TargetEntry]) -> list[Chosen]:
    found = (inventory.chosen(entry) for entry in entries if entry.via == agent)
    return [chosen for chosen in found if chosen.snmp is not None]


def _readers(host: Chosen | None) -> ReadersSettings | None:
    said = host.said("readers", None) if host is not None and host.is_own_host else None
    return None if said is None else ReadersSettings(enable=said.enable, disable=said.disable, settings=dict(said.settings))


def _reflector(inventory: Inventory, host: Chosen | None) -> tuple[int, Secret]:
    """Port and key of the reflector on an agent's host: the key is that of the module with which others probe it."""
    said = host.said("reflector", None) if host is not None and host.is_own_host else None
    modules = inventory.equipment.modules if inventory.equipment is not None else {}
    if said is None or host is None:
        return 0, NO_SECRET
    for probe in host.probes:
        module = modules.get(probe.module)
        if module is not None and module.kind == "rtp":
            return said.port, Secret(str(module.settings.get("key", "")))
    return 0, NO_SECRET


def _device(chosen: Chosen, equipment: Equipment, auths: dict[str, Auth]) -> SnmpDevice:
    entry, said, snmp = chosen.entry, chosen.snmp, chosen.settings.snmp
    assert said is not None
    assert entry.address is not None
    name = said.auth or ""
    auth = equipment.auths[name]
    if said.context is not None:
        name = f"{name} {said.context}"
        auth = msgspec.structs.replace(auth, context_name=said.context)
    auths[name] = msgspec.structs.replace(auth, name=name)
    return SnmpDevice(
        target=entry.id,
        address=entry.address,
        auth=name,
        port=said.port or _PORT,
        profile=said.profile or "auto",
        class_=entry.class_,
        modules=said.modules or (),
        interval_s=max(5, chosen.interval_s),
        full_interval_s=said.full_interval_s or 0,
        timeout_s=snmp.timeout_s if said.timeout_s is None else said.timeout_s,
        retries=snmp.retries if said.retries is None else said.retries,
        max_repetitions=said.max_repetitions,
        get_only=said.get_only,
        strict_source=said.strict_source or False,
        wan=said.wan,
        ping=snmp.ping if said.ping is None else said.ping,
    )


def _files(inventory: Inventory) -> dict[str, str]:
    """The site's own modules and profiles: which of them a device needs shows only when it says what it is."""
    folder = inventory.settings.snmp.folder
    if not folder:
        return {}
    own = Path(folder)
    files = [*own.glob("*.yml"), *own.glob("modules/*.yml"), *own.glob("profiles/*.yml")]
    return {file.relative_to(own).as_posix(): file.read_text(encoding="utf-8") for file in sorted(files)}


class OrderBook:
    """The orders of all agents as the inventory has them now. `key` makes tags that tell nothing of what they name."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._inventory: Inventory | None = None
        self._entries: dict[str, list[TargetEntry]] | None = None
        """What each agent may observe; found for all at once, for looking through thousands for each of hundreds takes long."""
        self._observers: frozenset[str] = frozenset()
        self._tags: dict[str, str] = {}
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self.problems: dict[str, str] = {}
        """Agents whose orders cannot be made, and why; they keep those they have."""

    def configure(self, inventory: Inventory) -> None:
        """This is the inventory from now on. It costs nothing to say so again, as whenever an agent came or went."""
        if inventory is self._inventory:
            return
        self._inventory = inventory
        self._entries = None
        self._tags.clear()
        self._bodies.clear()
        self.problems.clear()
        named = {via for info in inventory.targets.values() for via in (info.via, *info.observers)}
        self._observers = frozenset(named)

    def tag(self, agent: str) -> str:
        """Tag of the orders of an agent; "" if they cannot be told."""
        if agent not in self._observers:
            return NO_ORDERS if self._inventory is not None else ""
        found = self._tags.get(agent)
        return self._make(agent) if found is None else found

    def body(self, agent: str) -> tuple[str, bytes]:
        """Tag and encoded orders."""
        tag = self.tag(agent)
        body = self._bodies.get(agent)
        if body is None and tag not in ("", NO_ORDERS):
            tag = self._make(agent)
            body = self._bodies.get(agent)
        return tag, body or b""

    def _watched(self, agent: str) -> Sequence[TargetEntry]:
        if self._entries is None:
            assert self._inventory is not None
            self._entries = {}
            for entry in self._inventory.entries.values():
                for observer in self._inventory.chosen(entry).observers:
                    self._entries.setdefault(observer, []).append(entry)
        return self._entries.get(agent, ())

    def _make(self, agent: str) -> str:
        assert self._inventory is not None
        try:
            orders = sealed(orders_of(self._inventory, agent, self._watched(agent)), self._key)
            body = encode(orders)
        except (OSError, KeyError, OrdersError, UnicodeDecodeError) as error:
            self.problems[agent] = f"{type(error).__name__}: {error}"
            self._tags[agent] = ""
            return ""
        self._tags[agent] = orders.tag
        self._bodies[agent] = body
        if len(self._bodies) > _KEPT:
            self._bodies.popitem(last=False)
        return orders.tag


def key_of(authority: Path) -> bytes:
    """The key of an installation's tags, from one that is secret already: that of the authority, or that of the server where
    the authority's is kept elsewhere; then tags change when its certificate is renewed, and agents fetch once more. Raises
    `OSError`."""
    own = authority / "ca.key"
    secret = own if own.exists() else authority / "server.pem"
    return hashlib.blake2b(secret.read_bytes(), digest_size=32, person=b"haidang-orders").digest()
