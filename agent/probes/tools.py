"""What the probes of one event loop share; each part is made when the first probe needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class Tools:
    """`close` after the last probe. `scripts` are the programs that a `script` probe may run, by name: whole command
    lines, from this machine's own file and from nowhere else."""

    def __init__(self, *, scripts: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.scripts = dict(scripts or {})
        self._parts: dict[str, Any] = {}

    def part(self, name: str, make: Callable[[], T]) -> T:
        """The part of that name, made at its first use. One with a `close` method is closed with the tools."""
        if name not in self._parts:
            self._parts[name] = make()
        found: T = self._parts[name]
        return found

    def close(self) -> None:
        """Close every part."""
        for part in self._parts.values():
            close = getattr(part, "close", None)
            if close is not None:
                close()
        self._parts.clear()
