"""Reads files that people wrote: settings, inventory, a password. What is no file is named and not waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_plain(file: Path, most: int) -> bytes:
    """The file's bytes. Raises `OSError`, also if it has more than `most` bytes or is no regular file: its `strerror` says
    what was found. Opening a named pipe would otherwise wait for a writer."""
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        raise OSError(errno.EINVAL, _KINDS.get(kind, "no regular file"), str(file))
    with open(handle, "rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"over {most} bytes", str(file))
    return data
