"""The tables of readers and probes: kind -> "module:function" as text, so that a kind is imported only where it runs."""

from __future__ import annotations

import sys
from typing import Any, Final, NamedTuple, Protocol, cast

import msgspec

from agent.host.reading import Host, Reader
from agent.settings import ReadersSettings

LINUX: Final = ("linux",)
WINDOWS: Final = ("win32",)
ANY: Final = ("linux", "win32", "darwin", "freebsd")


class Entry(NamedTuple):
    """Where a reader's door is, whether it runs unless told otherwise, and on which systems (`sys.platform`)."""

    where: str
    on: bool = True
    platforms: tuple[str, ...] = LINUX


class Module(Protocol):
    """What the module of a kind offers."""

    Settings: type[msgspec.Struct]

    def open_reader(self, settings: msgspec.Struct, host: Host) -> Reader:
        """A reader of `host`. Raises `ReaderError`."""


READERS: Final[dict[str, Entry]] = {
    "arp": Entry("agent.host.arp:open_reader"),
    "bonding": Entry("agent.host.bonding:open_reader"),
    "conntrack": Entry("agent.host.conntrack:open_reader"),
    "cpu": Entry("agent.host.cpu:open_reader", platforms=ANY),
    "cpufreq": Entry("agent.host.cpufreq:open_reader"),
    "diskstats": Entry("agent.host.diskstats:open_reader", platforms=ANY),
    "dmi": Entry("agent.host.dmi:open_reader"),
    "edac": Entry("agent.host.edac:open_reader"),
    "entropy": Entry("agent.host.entropy:open_reader"),
    "filefd": Entry("agent.host.filefd:open_reader"),
    "filesystem": Entry("agent.host.filesystem:open_reader", platforms=ANY),
    "hwmon": Entry("agent.host.hwmon:open_reader"),
    "loadavg": Entry("agent.host.loadavg:open_reader", platforms=ANY),
    "mdadm": Entry("agent.host.mdadm:open_reader"),
    "meminfo": Entry("agent.host.meminfo:open_reader", platforms=ANY),
    "netclass": Entry("agent.host.netclass:open_reader"),
    "netdev": Entry("agent.host.netdev:open_reader", platforms=ANY),
    "netstat": Entry("agent.host.netstat:open_reader"),
    "nvme": Entry("agent.host.nvme:open_reader"),
    "os": Entry("agent.host.os_release:open_reader"),
    "powersupplyclass": Entry("agent.host.powersupplyclass:open_reader"),
    "pressure": Entry("agent.host.pressure:open_reader"),
    "processes": Entry("agent.host.processes:open_reader", platforms=ANY),
    "rapl": Entry("agent.host.rapl:open_reader"),
    "schedstat": Entry("agent.host.schedstat:open_reader"),
    "selinux": Entry("agent.host.selinux:open_reader"),
    "service": Entry("agent.host.service:open_reader", on=False, platforms=WINDOWS),
    "sockstat": Entry("agent.host.sockstat:open_reader"),
    "softnet": Entry("agent.host.softnet:open_reader"),
    "stat": Entry("agent.host.stat:open_reader", platforms=ANY),
    "systemd": Entry("agent.host.systemd:open_reader", on=False),
    "textfile": Entry("agent.host.textfile:open_reader", on=False, platforms=ANY),
    "thermal_zone": Entry("agent.host.thermal_zone:open_reader"),
    "time": Entry("agent.host.time:open_reader", platforms=ANY),
    "timex": Entry("agent.host.timex:open_reader"),
    "udp_queues": Entry("agent.host.udp_queues:open_reader"),
    "uname": Entry("agent.host.uname:open_reader", platforms=ANY),
    "vmstat": Entry("agent.host.vmstat:open_reader"),
}

PROBES: Final[dict[str, str]] = {
    "dns": "agent.probes.dns:open_probe",
    "h323": "agent.probes.h323:open_probe",
    "http": "agent.probes.http:open_probe",
    "icmp": "agent.probes.icmp:open_probe",
    "imap": "agent.probes.imap:open_probe",
    "ntp": "agent.probes.ntp:open_probe",
    "rtp": "agent.probes.rtp:open_probe",
    "script": "agent.probes.script:open_probe",
    "sip": "agent.probes.sip:open_probe",
    "smtp": "agent.probes.smtp:open_probe",
    "tcp": "agent.probes.tcp:open_probe",
    "tls": "agent.probes.tls:open_probe",
}
"""Probes, each in a module with `Settings`, `open_probe(settings) -> Probe` and `address_problem(address) -> str`."""


def runs_here(kind: str, platform: str = sys.platform) -> bool:
    """Whether a kind exists for a system."""
    return platform.startswith(READERS[kind].platforms)


def chosen(readers: ReadersSettings, platform: str = sys.platform) -> tuple[str, ...]:
    """The kinds that run with these settings, in the table's order: the usual ones that are not disabled, the enabled ones,
    and those that have settings (naming units to watch is wish enough)."""
    wanted = {*readers.enable, *readers.settings, *(kind for kind, entry in READERS.items() if entry.on)}
    return tuple(kind for kind in READERS if kind in wanted and kind not in readers.disable and runs_here(kind, platform))


def load(kind: str) -> Module:
    """The module of a kind. Raises `KeyError` for a kind that is not in the table."""
    import importlib

    return cast("Module", importlib.import_module(READERS[kind].where.partition(":")[0]))


def open_reader(kind: str, settings: dict[str, Any], host: Host) -> Reader:
    """A reader of `host` with its part of the settings. Raises `ReaderError`, and `msgspec.ValidationError` for settings
    that were not checked."""
    module = load(kind)
    opener = getattr(module, READERS[kind].where.partition(":")[2])
    return cast("Reader", opener(msgspec.convert(settings, module.Settings), host))
