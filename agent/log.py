"""Messages on standard error, one a line, with the weight that systemd's journal reads; not `logging`, which costs memory."""

from __future__ import annotations

import sys
from typing import Final, TextIO

WEIGHTS: Final = {"error": 3, "warning": 4, "info": 6, "debug": 7}


class Log:
    """Writes messages of at least `level`. `journal` puts the weight in front as `<N>` (sd-daemon)."""

    __slots__ = ("_journal", "_least", "_stream")

    def __init__(self, level: str = "info", *, journal: bool = False, stream: TextIO | None = None) -> None:
        self._least = WEIGHTS[level]
        self._journal = journal
        self._stream = stream

    def write(self, level: str, message: str) -> None:
        """One message; line ends inside become spaces, so that nothing forges a second one. Never raises."""
        if WEIGHTS[level] > self._least:
            return
        text = " ".join(message.split("\n"))
        line = f"<{WEIGHTS[level]}>{text}\n" if self._journal else f"{level}: {text}\n"
        stream = self._stream or sys.stderr
        try:
            stream.write(line)
            stream.flush()
        except (OSError, ValueError, UnicodeError):
            return
