"""Kind `bonding`: configured and active members of each bonded network device, from `/sys/class/net/bonding_masters`."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.host.reading import File, Host, Layout, NoData, Reader, gauge, guarded, read_once, text
from agent.model import Readings

_SLAVES: Final = gauge("node_bonding_slaves", "Number of configured slaves per bonding interface.", "master")
_ACTIVE: Final = gauge("node_bonding_active", "Number of active slaves per bonding interface.", "master")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's bonds. `NoData` without any."""
    net = f"{host.sys}/class/net"
    masters = File(f"{net}/bonding_masters", whole=False)
    layout = Layout()

    def read() -> Readings:
        names = masters.read().split()
        if not names:
            raise NoData(f"{masters.path}: no bond")
        members = [read_once(f"{net}/{text(name)}/bonding/slaves").split() for name in names]
        active = [
            sum(_is_up(f"{net}/{text(name)}", text(member)) for member in of_name)
            for name, of_name in zip(names, members, strict=True)
        ]
        series = layout.of(names)
        return [(_SLAVES, series, [float(len(of_name)) for of_name in members]), (_ACTIVE, series, [*map(float, active)])]

    return guarded(read, masters.path)


def _is_up(master: str, member: str) -> bool:
    """Whether the bond uses the member; kernels before 3.13 call its link `slave_...`."""
    link = f"lower_{member}" if os.path.isdir(f"{master}/lower_{member}") else f"slave_{member}"
    try:
        return read_once(f"{master}/{link}/bonding_slave/mii_status").strip() == b"up"
    except FileNotFoundError:  # it left the bond this moment
        return False
