"""Asks glibc to keep little memory: one arena for all threads, and to give back what starting up left behind.

Measured on a running agent: 0.9 MiB for the arenas and 0.4 MiB for the rest, of some 20. Does nothing elsewhere.
"""

from __future__ import annotations

import sys
from typing import Final

_ARENA_MAX: Final = -8
"""`M_ARENA_MAX` of malloc.h."""


def one_arena() -> bool:
    """Let all threads share one arena, before the first thread starts; true if the C library took it. The agent's threads
    hardly ever run at once, so they do not wait for each other."""
    return _call("mallopt", _ARENA_MAX, 1)


def give_back() -> bool:
    """Return free memory to the system; true if there was any."""
    return _call("malloc_trim", 0)


def _call(name: str, *arguments: int) -> bool:
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        function = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return False  # Another C library (musl) has neither and needs neither.
    return bool(function(*arguments))
