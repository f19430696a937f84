"""Kind `filefd`: open file handles and their limit, from `/proc/sys/fs/file-nr`."""

from __future__ import annotations

from typing import Final

import msgspec

from agent.host.reading import File, Host, Reader, alone, gauge, guarded
from agent.model import Readings

_FAMILIES: Final = (
    gauge("node_filefd_allocated", "File descriptor statistics: allocated."),
    gauge("node_filefd_maximum", "File descriptor statistics: maximum."),
)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of file handles in use on the whole machine."""
    file = File(f"{host.proc}/sys/fs/file-nr", size=256, whole=False)

    def read() -> Readings:
        allocated, _unused, maximum = file.read().split()
        return alone(_FAMILIES, (float(allocated), float(maximum)))

    return guarded(read, file.path)
