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
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError("" if isinstance(error, BrokenPipeError) else error.strerror or str(error)) from error
