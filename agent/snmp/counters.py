"""Rates of counters between two samples: never negative, never faster than the line. Pure.

A 64-bit counter that falls was reset; one of 32 bits may have wrapped, which is believed only if nothing speaks for a reset and
the line can carry what the wrap would mean (RFC 2863 section 3.1.6: 2^32 bytes pass in 34 s at 1 Gbit/s).
"""

from __future__ import annotations

from typing import Final

WRAP_32: Final = 2**32
SLACK: Final = 1.05
"""Line speeds are nominal, and polls are not quite when they are said to be."""


def increase(old: float, new: float, bits: int, most: float | None, *, is_reset: bool = False) -> float | None:
    """How much a counter of so many `bits` rose; None where that cannot be known. `most` is what the line can carry meanwhile,
    None if unknown; `is_reset`: uptime, engine boots or the discontinuity time say that it may have begun anew."""
    if is_reset:
        return None
    risen = new - old
    if risen < 0:
        if bits != 32 or most is None:
            return None
        risen += WRAP_32
    if bits == 32 and most is not None and most * SLACK >= WRAP_32:
        return None  # it may have wrapped, once or several times, without being seen
    if risen < 0 or (most is not None and risen > most * SLACK):
        return None
    return risen


def rate(old: float, new: float, elapsed_s: float, bits: int, speed: float | None, *, is_reset: bool = False) -> float | None:
    """The rate a second; None where it cannot be known. `speed` is what the line can carry in a second, None if unknown."""
    if elapsed_s <= 0:
        return None
    risen = increase(old, new, bits, speed * elapsed_s if speed else None, is_reset=is_reset)
    return None if risen is None else risen / elapsed_s


class ErrorRatio:
    """Errors as share of packets, over spans of five minutes in which enough packets passed."""

    __slots__ = ("_errors", "_packets", "_since_s", "value")

    SPAN_S: Final = 300.0
    PACKETS: Final = 1_000

    def __init__(self) -> None:
        self.value: float | None = None
        self._errors = 0.0
        self._packets = 0.0
        self._since_s: float | None = None

    def add(self, errors: float | None, packets: float | None, before_s: float, now_s: float) -> None:
        """What came between two polls; None for what is not known, which begins a new span."""
        if errors is None or packets is None:
            self._since_s = None
            self.value = None
            return
        if self._since_s is None:
            self._since_s, self._errors, self._packets = before_s, 0.0, 0.0
        self._errors += errors
        self._packets += packets
        if now_s - self._since_s >= self.SPAN_S:
            total = self._packets + self._errors
            self.value = self._errors / total if total > self.PACKETS else None
            self._since_s = None
