"""Regular expressions that leave devices, mounts or file system types out of a reader, as node_exporter's flags do."""

from __future__ import annotations

import re


def compiled(key: str, pattern: str) -> re.Pattern[str]:
    """The pattern of setting `key`; it is searched for, not anchored. Raises `ValueError` that names key and fault."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{key}: {pattern!r} is no regular expression: {error}") from error


class Exclusion:
    """Remembers for each name whether it is left out; an empty pattern leaves nothing out."""

    __slots__ = ("_known", "_pattern")

    def __init__(self, key: str, pattern: str) -> None:
        self._pattern = compiled(key, pattern) if pattern else None
        self._known: dict[str, bool] = {}

    def covers(self, name: str) -> bool:
        """Whether `name` is left out."""
        if self._pattern is None:
            return False
        known = self._known.get(name)
        if known is None:
            if len(self._known) > 4096:  # names of containers' devices never end
                self._known.clear()
            known = self._known[name] = self._pattern.search(name) is not None
        return known
