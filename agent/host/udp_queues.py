"""Kind `udp_queues`: bytes waiting in UDP sockets, summed from `/proc/net/udp` and `udp6`, as `node_udp_queues`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, NoData, Reader, gauge, guarded
from agent.model import Readings

QUEUES: Final = gauge("node_udp_queues", "Number of allocated memory in the kernel for UDP datagrams in bytes.", "queue", "ip")
_QUEUES_COLUMN: Final = 4


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of UDP queues by direction and IP version; a version that the kernel lacks is left out."""
    files = [(File(f"{host.proc}/net/{name}"), ip) for name, ip in (("udp", "v4"), ("udp6", "v6"))]
    both = tuple((queue, ip) for _, ip in files for queue in ("tx", "rx"))
    halves = {ip: tuple(labels for labels in both if labels[1] == ip) for _, ip in files}

    def read() -> Readings:
        values: list[float] = []
        ips: list[str] = []
        for file, ip in files:
            try:
                data = file.read()
            except FileNotFoundError:
                continue
            values += _sums(data)
            ips.append(ip)
        if not ips:
            raise NoData(f"{host.proc}/net/udp: no such file")
        return [(QUEUES, both if len(ips) > 1 else halves[ips[0]], values)]

    return guarded(read, f"{host.proc}/net/udp")


def _sums(data: bytes) -> tuple[float, float]:
    """Sums of the column `tx_queue:rx_queue`, hexadecimal, after one line of titles."""
    sent = received = 0
    for line in data.split(b"\n")[1:]:
        if line:
            tx, rx = line.split(None, _QUEUES_COLUMN + 1)[_QUEUES_COLUMN].split(b":")
            sent += int(tx, 16)
            received += int(rx, 16)
    return float(sent), float(received)
