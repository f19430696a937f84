"""The agent's and the collector's clocks: the only place that asks the operating system for the time.

`Clock` is a small interface so that tests inject one that jumps; nothing here decides anything.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall clock, two uptimes (SPEC R2.2, R8.5) and a wait that an event ends early."""

    def wall_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC by the wall clock; may jump."""

    def uptime_ms(self) -> int:
        """Milliseconds since boot, advancing through suspend (CLOCK_BOOTTIME)."""

    def awake_ms(self) -> int:
        """Milliseconds since boot without suspended time (CLOCK_MONOTONIC)."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until `event` is set or `seconds` are over; true if it is set."""


class SystemClock:
    """The operating system's clocks."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def uptime_ms(self) -> int:
        if sys.platform == "linux":
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return _windows_uptime_ms() if sys.platform == "win32" else time.monotonic_ns() // 1_000_000

    def awake_ms(self) -> int:
        if sys.platform == "win32":
            return _windows_awake_ms()
        return time.monotonic_ns() // 1_000_000

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


if sys.platform == "win32":

    def _windows_uptime_ms() -> int:
        import ctypes

        return int(ctypes.windll.kernel32.GetTickCount64())

    def _windows_awake_ms() -> int:
        import ctypes

        ticks = ctypes.c_ulonglong()
        ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks))
        return ticks.value // 10_000
else:

    def _windows_uptime_ms() -> int:
        raise OSError("GetTickCount64 exists on Windows only")

    def _windows_awake_ms() -> int:
        raise OSError("QueryUnbiasedInterruptTime exists on Windows only")
