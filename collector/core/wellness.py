"""Whether all is well with the collector, so that its dead man's switch may beat. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from collector.core.alert import Condition, Severity

TICK_MS: Final = 30_000
"""How old the last turn of something that goes on for ever may be."""


class Signs(msgspec.Struct, frozen=True):
    """What is known of the collector's parts. Milliseconds are its timeline."""

    not_ready: str = ""
    """Why the collector is not ready; empty: it is."""
    ticks: Mapping[str, int] = {}
    """When each part that goes on for ever last did its work, by its name; 0: not yet."""
    unwritten_ms: int | None = None
    """Since when nothing can be written."""
    ended: Sequence[str] = ()
    """Parts that ended and should not have."""
    own: Sequence[Condition] = ()
    """The collector's own trouble."""


def why_unwell(signs: Signs, now_ms: int) -> tuple[str, ...]:
    """Everything that keeps the switch from beating; empty: all is well. Warnings do not: they are told otherwise."""
    found = [f"not ready: {signs.not_ready}"] if signs.not_ready else []
    for name, at_ms in signs.ticks.items():
        if not at_ms:
            found.append(f"{name} has not begun")
        elif now_ms - at_ms > TICK_MS:
            found.append(f"{name} stands still")
    if signs.unwritten_ms is not None and now_ms - signs.unwritten_ms > TICK_MS:
        found.append("nothing can be written")
    found += [f"{name} has ended" for name in signs.ended]
    found += [f"trouble: {one.key.name}" for one in signs.own if one.severity is Severity.CRITICAL]
    return tuple(found)
