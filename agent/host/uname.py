"""Kind `uname`: the system's names as labels of `node_uname_info`."""

from __future__ import annotations

import os
from typing import Final

import msgspec

from agent.host.reading import File, Host, Reader, Series, gauge, guarded, text
from agent.model import Readings

INFO: Final = gauge(
    "node_uname_info",
    "Labeled system information as provided by the uname system call.",
    "sysname",
    "release",
    "version",
    "machine",
    "nodename",
    "domainname",
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the kernel's name, release and version, the machine's architecture and its names."""
    if host.platform != "linux":
        from agent.host import psutil_base

        return psutil_base.open_uname()
    folder = f"{host.proc}/sys/kernel"
    files = [File(f"{folder}/{name}", size=512, whole=False) for name in ("ostype", "osrelease", "version")]
    files += [File(f"{folder}/{name}", size=512, whole=False) for name in ("hostname", "domainname")]
    series: Series = ()
    before: list[bytes] = []

    def read() -> Readings:
        nonlocal series, before
        now = [file.read() for file in files]
        if now != before:
            sysname, release, version, nodename, domainname = (text(value.rstrip(b"\n")) for value in now)
            series = ((sysname, release, version, os.uname().machine, nodename, domainname),)
            before = now
        return [(INFO, series, (1.0,))]

    return guarded(read, folder)
