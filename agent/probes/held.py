"""When an event loop was held up, so that what ran out of time meanwhile is not blamed on a target.

Kept by timers that come round while something waits (`agent.probes.limits`, `agent.snmp.timers`). It decides nothing of a
target; it only says that this observer was not looking.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Final

LEAST_S: Final = 0.1
"""Shorter than this is what a loop with much to do takes for one round, and hides nothing."""
LONG_S: Final = 0.5
SHARE: Final = 0.2
"""The end of a run is not to be believed when a hold of `LONG_S`, or of this share of its time if that is less, lay over it;
nor when holds took more than this share of all its time."""
NEAR_S: Final = 0.05
"""What was held until so shortly before the end had no time left to take an answer."""
KEPT: Final = 64
TOO_BUSY: Final = "this observer was too busy"


def _boot_s() -> float:
    """Seconds that go on while the machine is suspended, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


_now_s = _boot_s if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic


class Held:
    """`begin` when a timer starts to come round, `look` each time that it does; times are the loop's."""

    __slots__ = ("_boot_s", "_last_s", "_spans")

    def __init__(self) -> None:
        self._spans: deque[tuple[float, float, float]] = deque(maxlen=KEPT)
        """Begin, end, and seconds that the machine slept besides."""
        self._last_s = float("inf")
        self._boot_s = 0.0

    def begin(self, now_s: float) -> None:
        """The loop is seen to run now; what was before is not known."""
        self._last_s, self._boot_s = now_s, _now_s()

    def look(self, now_s: float) -> None:
        """The loop runs again."""
        boot_s = _now_s()
        if boot_s - self._boot_s > LEAST_S or now_s - self._last_s > LEAST_S:
            self._spans.append((self._last_s, now_s, max(0.0, boot_s - self._boot_s - (now_s - self._last_s))))
        self._last_s, self._boot_s = now_s, boot_s

    def is_over(self, began_s: float, due_s: float, now_s: float) -> bool:
        """Whether a run that began then and was to end at `due_s` lost so much of its time to holds, now that it has ended,
        that its end says nothing of its target."""
        allowed_s = due_s - began_s
        bound_s = max(LEAST_S, min(LONG_S, SHARE * allowed_s))
        spans = [*self._spans]
        if now_s - self._last_s > LEAST_S:
            spans.append((self._last_s, now_s, 0.0))  # The timer has not come round yet.
        lost_s = 0.0
        for begin_s, end_s, slept_s in spans:
            length_s = end_s - max(begin_s, began_s)
            if length_s <= 0 or begin_s >= due_s:
                continue
            if end_s >= due_s - NEAR_S and length_s + slept_s > bound_s:
                return True
            lost_s += min(end_s, due_s) - max(begin_s, began_s) + slept_s
        return lost_s > max(LEAST_S, SHARE * allowed_s)


__all__ = ["LEAST_S", "LONG_S", "SHARE", "TOO_BUSY", "Held"]
