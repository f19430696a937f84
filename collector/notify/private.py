"""Reads what receivers keep secret: URLs, tokens, passwords and keys, from files that only their owner can read or from the
environment. No text of an error holds what was read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from agent.settings import Secret
from collector.notify.channel import ChannelError, Failure

MOST_BYTES: Final = 65_536
"""Of a file with a secret, a key or certificates."""


def read_private(file: Path, what: str) -> bytes:
    """Bytes of a file that only its owner can read. Raises `ChannelError` (settings): absent, no regular file, too large, or
    readable by others. `what` names the setting."""
    return _read(file, what, is_private=True)


def read_public(file: Path, what: str) -> bytes:
    """Bytes of a file that everybody may read, such as certificates. Raises `ChannelError` (settings)."""
    return _read(file, what, is_private=False)


def read_secret(folder: Path, file: str, env: str, what: str) -> Secret | None:
    """The first line of the file, or what the environment holds; None if neither is given. Raises `ChannelError` (settings)."""
    if file:
        lines = read_private(folder / file, f"{what}_file").splitlines()
        text = _decoded(lines[0] if lines else b"", what)
    elif env:
        text = os.environ.get(env, "").strip()
    else:
        return None
    if not text or not text.isprintable():
        raise ChannelError(Failure.SETTINGS, f"{what}: empty, or not one line of text")
    return Secret(text)


def _decoded(line: bytes, what: str) -> str:
    try:
        return line.decode().strip()
    except UnicodeDecodeError:
        raise ChannelError(Failure.SETTINGS, f"{what}: bytes that are no UTF-8") from None


def _read(file: Path, what: str, *, is_private: bool) -> bytes:
    try:
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as stream:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ChannelError(Failure.SETTINGS, f"{what}: no regular file")
            if is_private and os.name == "posix" and status.st_mode & 0o077:
                mode = stat.S_IMODE(status.st_mode)
                raise ChannelError(Failure.SETTINGS, f"{what}: mode {mode:04o}, expected 0600 or stricter")
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise ChannelError(Failure.SETTINGS, f"{what}: {(error.strerror or 'cannot be read').lower()}") from None
    if len(data) > MOST_BYTES:
        raise ChannelError(Failure.SETTINGS, f"{what}: over {MOST_BYTES} bytes")
    return data
