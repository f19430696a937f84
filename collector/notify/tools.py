"""What a channel needs beside its settings when it is opened."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Tools(msgspec.Struct, frozen=True):
    """Given to every `open_channel`."""

    folder: Path
    """Folder of the on-call file: relative paths of secrets, certificates and templates count from it."""
    hostname: str
    """Name of this machine: what mail servers are greeted with."""
    version: str
    """The collector's version, for `User-Agent`."""
