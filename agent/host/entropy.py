"""Kind `entropy`: the kernel's random pool, from `/proc/sys/kernel/random`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Reader, alone, gauge, guarded
from agent.model import Readings

_FAMILIES: Final = (
    gauge("node_entropy_available_bits", "Bits of available entropy."),
    gauge("node_entropy_pool_size_bits", "Bits of entropy pool."),
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of entropy in bits."""
    folder = f"{host.proc}/sys/kernel/random"
    available = File(f"{folder}/entropy_avail", size=64, whole=False)
    pool = File(f"{folder}/poolsize", size=64, whole=False)

    def read() -> Readings:
        return alone(_FAMILIES, (float(available.read()), float(pool.read())))

    return guarded(read, folder)
