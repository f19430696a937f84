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


_AWAY: Final = {0xDC00 + byte: 0x10FF00 + byte for byte in range(0x80, 0x100)}
_BACK: Final = {away: escaped for escaped, away in _AWAY.items()}
"""Bytes that are no UTF-8 as characters of private use while RE2 looks at them, which would match nothing."""


class Match:
    """Groups by number and name, as text."""

    __slots__ = ("_groups", "_names")

    def __init__(self, groups: list[bytes | None], names: dict[str, int]) -> None:
        self._groups = groups
        self._names = names

    def __getitem__(self, key: int | str) -> str:
        """Empty for one that took no part. Raises `IndexError` for one that there is not."""
        number = self._names.get(key, len(self._groups)) if isinstance(key, str) else key
        return (self._groups[number] or b"").decode().translate(_BACK)


class Pattern:
    """An expression, compiled once. `text` is how it was written."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str, *, captures: bool = False) -> None:
        """`captures`: what its groups match is wanted. Raises `ValueError` that tells why it is none of RE2."""
        options = re2.Options()
        options.log_errors = False
        options.never_capture = not captures
        self.text = text
        try:
            self._compiled = re2.compile(text.encode(), options)
        except re2.error as error:
            said = error.args[0] if error.args else ""
            raise ValueError(said.decode(errors="replace") if isinstance(said, bytes) else str(said)) from None

    def finds(self, data: bytes) -> bool:
        """Whether it matches anywhere in the first `MOST_BYTES`."""
        return self._compiled.search(data[:MOST_BYTES]) is not None

    def match(self, text: str) -> Match | None:
        """What it matches first in a line, of one that captures. Bytes that are no UTF-8, as `surrogateescape` has them, are
        characters as for Go."""
        found = self._compiled.search(text.translate(_AWAY).encode())
        return None if found is None else Match([found.group(0), *found.groups()], dict(found.re.groupindex))

    async def found_in(self, data: bytes) -> bool:
        """As `finds`, without stopping the event loop for a long text."""
        if len(data) <= AT_ONCE:
            return self.finds(data)
        return await asyncio.to_thread(self.finds, data)
