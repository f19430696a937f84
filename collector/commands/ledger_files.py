"""Writes what the commands of the ledger make: to a file, whole or not at all, or to standard output."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from collector.commands.agents import CommandError
from collector.commands.ledger_words import word
from collector.output import put_bytes

BINARY: Final = ("pdf", "xlsx")


def refuse_terminal(format_: str, file: Path | None, language: str) -> None:
    """Raises `CommandError` for a format that would make a mess of a terminal."""
    if file is None and format_ in BINARY and sys.stdout is not None and sys.stdout.isatty():
        raise CommandError(word(language, "terminal", format=format_.upper()))


def write(data: bytes, file: Path | None, language: str) -> None:
    """To the file, or to standard output. Raises `CommandError`, `OutputError`."""
    if file is None:
        put_bytes(data)
        return
    try:
        _replace(data, file)
    except OSError as error:
        raise CommandError(word(language, "unwritable", file=file, why=error.strerror or error)) from error


def _replace(data: bytes, file: Path) -> None:
    """Beside the file first, then in its place: whoever reads it sees the old one or the new one."""
    if file.exists() and not file.is_file():  # /dev/stdout, a named pipe
        file.write_bytes(data)
        return
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o666 & ~_mask())
        os.replace(name, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _mask() -> int:
    """What the process takes from the rights of new files; it can only be asked for by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
