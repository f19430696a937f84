"""Kind `selinux`: whether SELinux is on and how it is set, as `node_selinux_*`."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.host.reading import File, Host, NoData, Reader, alone, gauge, guarded, read_once
from agent.model import Readings

ENABLED: Final = gauge("node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false")
_FAMILIES: Final = (
    ENABLED,
    gauge("node_selinux_config_mode", "Configured SELinux enforcement mode"),
    gauge("node_selinux_current_mode", "Current SELinux enforcement mode"),
)
_MODES: Final = {b"enforcing": 1.0, b"permissive": 0.0}
_DISABLED: Final = -1.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of SELinux's mode: 1 enforcing, 0 permissive, -1 disabled. The modes are left out where it is off."""
    enforce = File(f"{host.sys}/fs/selinux/enforce", size=64, whole=False)
    config = host.in_root("/etc/selinux/config")

    def read() -> Readings:
        if host.platform != "linux":
            raise NoData("SELinux exists on Linux only")
        if not os.path.exists(enforce.path):
            return alone((ENABLED,), (0.0,))
        return alone(_FAMILIES, (1.0, _configured(config), float(enforce.read())))

    return guarded(read, enforce.path)


def _configured(path: str) -> float:
    """The mode after the next boot, from the line `SELINUX=`."""
    try:
        lines = read_once(path).splitlines()
    except FileNotFoundError:
        return _DISABLED
    for line in lines:
        name, _, value = line.strip().partition(b"=")
        if name.strip() == b"SELINUX":
            return _MODES.get(value.strip().lower(), _DISABLED)
    return _DISABLED
