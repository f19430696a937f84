"""Kind `meminfo`: every field of `/proc/meminfo` as `node_memory_*`, as node_exporter's meminfo names them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agent.host.fields import Field, Fields, Plan
from agent.host.reading import File, Host, Reader, gauge, guarded
from agent.model import Readings


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's memory, in bytes."""
    if host.platform != "linux":
        from agent.host import psutil_base

        return psutil_base.open_meminfo()
    file = File(f"{host.proc}/meminfo")
    fields = Fields(_lay_out)

    def read() -> Readings:
        return fields.of(file.read().split())

    return guarded(read, file.path)


def _lay_out(words: Sequence[bytes]) -> Plan:
    """`Name: 123 kB` or `Name: 123`, one after another."""
    fields: list[Field] = []
    numbers = bytearray(len(words))
    at = 0
    while at < len(words):
        name = words[at]
        if not name.endswith(b":") or at + 1 == len(words):
            raise ValueError(f"found {name!r} at word {at}, expected 'Name: number'")
        is_kib = at + 2 < len(words) and words[at + 2] == b"kB"
        full_name = _metric_part(name[:-1].decode("ascii")) + ("_bytes" if is_kib else "")
        family = gauge(f"node_memory_{full_name}", f"Memory information field {full_name}.")
        fields.append(Field(family, at + 1, 1024.0 if is_kib else 1.0))
        numbers[at + 1] = 1
        at += 3 if is_kib else 2
    if not fields:
        raise ValueError("empty, expected 'MemTotal: number kB' and more")
    return Plan(tuple(fields), bytes(numbers))


def _metric_part(name: str) -> str:
    """`Active(anon)` is called `Active_anon`."""
    return name.replace("(", "_").replace(")", "")
