"""Orders that were found good as what is to be observed. Loaded only where something is ordered."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agent.orders import Orders
from agent.probes.wanted import Reflecting, Wanted
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.snmp.library import Library

SOURCE = "orders"
"""Their name among the sources of what is observed."""


def write_files(orders: Orders, folder: Path) -> None:
    """Put the site's modules and profiles below a folder, where a library finds them. Raises `OSError`."""
    for path, text in orders.snmp_files.items():
        file = folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")


def wanted_of_orders(orders: Orders, settings: Settings, before: tuple[Orders, Wanted] | None = None) -> Wanted:
    """What they want observed. The library of `before` is kept if it would be the same, so that no device begins anew. Raises
    `SheetError` (a `ValueError`) and `OSError` for what became wrong since they were checked."""
    library: Any = None
    devices: tuple[Any, ...] = ()
    if orders.devices:
        from agent.probes.local import devices_of

        is_same = before is not None and before[1].library is not None and before[0].snmp_files == orders.snmp_files
        library = before[1].library if before is not None and is_same else _library(orders, settings)
        snmp = msgspec.structs.replace(settings.snmp, devices=orders.devices)
        devices = tuple(devices_of(snmp, {auth.name: auth for auth in orders.auths}))
    return Wanted(
        jobs=orders.jobs,
        devices=devices,
        library=library,
        uplinks=orders.uplinks,
        uplink_of=orders.uplink_of,
        reflecting=_reflecting(orders),
    )


def _reflecting(orders: Orders) -> Reflecting | None:
    if not orders.reflector_port:
        return None
    from agent.packets.rtp import key_of

    return Reflecting(port=orders.reflector_port, key=key_of(orders.reflector_key.reveal()))


def _library(orders: Orders, settings: Settings) -> Library:
    from agent.snmp.library import Library

    own = [settings.snmp.folder] if settings.snmp.folder else []
    if not orders.snmp_files:
        return Library.load(own)
    folder = Path(tempfile.mkdtemp(prefix="haidang-orders-"))
    try:
        write_files(orders, folder)
        return Library.load([*own, folder])
    finally:
        # A site's own files are read whole when they are loaded; only the shipped ones are read when they are needed.
        shutil.rmtree(folder, ignore_errors=True)
