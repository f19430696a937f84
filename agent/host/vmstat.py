"""Kind `vmstat`: chosen fields of `/proc/vmstat` as `node_vmstat_*` (paging, swapping, faults, kills)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.host.exclusion import compiled
from agent.host.fields import Field, Fields, Plan
from agent.host.reading import File, Host, Reader, guarded, untyped
from agent.model import Readings


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which fields are read."""

    fields: Annotated[str, Meta(description="Regular expression that the name of a field must start with.")] = (
        r"oom_kill|pgpg|pswp|pg.*fault"
    )

    def __post_init__(self) -> None:
        compiled("fields", self.fields)


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the kernel's virtual memory counters."""
    file = File(f"{host.proc}/vmstat")
    wanted = compiled("fields", settings.fields)

    def lay_out(words: Sequence[bytes]) -> Plan:
        if not words or len(words) % 2:
            raise ValueError(f"found {len(words)} words, expected pairs of name and number")
        fields: list[Field] = []
        for place in range(0, len(words), 2):
            name = words[place].decode("ascii")
            if wanted.match(name):
                family = untyped(f"node_vmstat_{name}", f"/proc/vmstat information field {name}.")
                fields.append(Field(family, place + 1))
        return Plan(tuple(fields), b"\0\1" * (len(words) // 2))

    fields = Fields(lay_out)

    def read() -> Readings:
        return fields.of(file.read().split())

    return guarded(read, file.path)
