"""What the commands print: at once, and with a word instead of a traceback when it cannot be written."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from typing import Any


class Parser(argparse.ArgumentParser):
    """Prints its help as everything else is printed: a failure is said."""

    def print_help(self, file: Any = None) -> None:
        put(self.format_help())


class CommandError(Exception):
    """The command cannot be carried out; nothing was changed. The text is for people."""


class OutputError(Exception):
    """Standard output takes nothing; the text says why. It is empty if whoever read has left, who needs no message."""


def put(text: str) -> None:
    """Print all of a text at once. Raises `OutputError`; standard output then leads nowhere, for the interpreter would try
    again, and complain, when it ends."""
    if sys.stdout is None:  # the program was started with it closed
        raise OutputError("closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _lead_nowhere()
        raise OutputError("" if isinstance(error, BrokenPipeError) else error.strerror or str(error)) from error


def put_bytes(data: bytes) -> None:
    """As `put`, for a file's bytes."""
    if sys.stdout is None:
        raise OutputError("closed")
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:  # a stand-in that takes text alone
        put(data.decode("utf-8", "replace"))
        return
    try:
        sys.stdout.flush()
        stream.write(data)
        stream.flush()
    except OSError as error:
        _lead_nowhere()
        raise OutputError("" if isinstance(error, BrokenPipeError) else error.strerror or str(error)) from error


def _lead_nowhere() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
