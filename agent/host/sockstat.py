"""Kind `sockstat`: sockets in use by protocol, from `/proc/net/sockstat` and `sockstat6`, as `node_sockstat_*`."""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from agent.host.fields import Field, Fields, Plan
from agent.host.reading import File, Host, Reader, gauge, guarded
from agent.model import Family, Readings


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host, page_bytes: int = 0) -> Reader:
    """A reader of socket counts; memory is in pages and, as `*_mem_bytes`, in bytes (`page_bytes` 0: the machine's)."""
    page = float(page_bytes or _page_bytes())
    file, file6 = File(f"{host.proc}/net/sockstat"), File(f"{host.proc}/net/sockstat6")
    fields, fields6 = (Fields(lambda words: _lay_out(words, page)) for _ in range(2))

    def read() -> Readings:
        found = list(fields.of(file.read().split()))
        try:
            words = file6.read().split()
        except FileNotFoundError:
            return found
        found.extend(fields6.of(words))
        return found

    return guarded(read, file.path)


def _page_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def _lay_out(words: Sequence[bytes], page: float) -> Plan:
    """`TCP: inuse 2 orphan 0`: a protocol, then pairs of name and number."""
    fields: list[Field] = []
    numbers = bytearray(len(words))
    protocol = ""
    at = 0
    while at < len(words):
        name = words[at].decode("ascii")
        if name.endswith(":"):
            protocol = name[:-1]
            at += 1
            continue
        if not protocol or at + 1 == len(words):
            raise ValueError(f"found {name!r} at word {at}, expected 'Protocol: name number'")
        numbers[at + 1] = 1
        fields += _fields(protocol, name, at + 1, page)
        at += 2
    if not fields:
        raise ValueError("empty, expected 'Protocol: name number'")
    return Plan(tuple(fields), bytes(numbers))


def _fields(protocol: str, name: str, place: int, page: float) -> list[Field]:
    if (protocol, name) == ("sockets", "used"):
        return [Field(gauge("node_sockstat_sockets_used", "Number of IPv4 sockets in use."), place)]
    made = [Field(_family(protocol, name), place)]
    if name == "mem":
        made.append(Field(_family(protocol, "mem_bytes"), place, page))
    return made


def _family(protocol: str, name: str) -> Family:
    return gauge(f"node_sockstat_{protocol}_{name}", f"Number of {protocol} sockets in state {name}.")
