"""Regular expressions of operators over what strangers answer: Go's own kind (RE2), whose time grows with the text only.

Python's `re` tries all ways to match, for hours if expression and answer are made for it, and nothing can stop it.
"""

from __future__ import annotations

import asyncio
from typing import Final

import re2  # type: ignore[import-untyped]

MOST_BYTES: Final = 1024 * 1024
"""Of a text that is searched; what comes after is not looked at."""
AT_ONCE: Final = 64 * 1024
"""A longer text is searched in a thread, without the lock of the interpreter."""


class Pattern:
    """An expression, compiled once. `text` is how it was written."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        """Raises `ValueError` that tells why it is none of RE2."""
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        self.text = text
        try:
            self._compiled = re2.compile(text.encode(), options)
        except re2.error as error:
            said = error.args[0] if error.args else ""
            raise ValueError(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from None

    def finds(self, data: bytes) -> bool:
        """Whether it matches anywhere in the first `MOST_BYTES`."""
        return self._compiled.search(data[:MOST_BYTES]) is not None

    async def found_in(self, data: bytes) -> bool:
        """As `finds`, without stopping the event loop for a long text."""
        if len(data) <= AT_ONCE:
            return self.finds(data)
        return await asyncio.to_thread(self.finds, data)
