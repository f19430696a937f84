"""What a crew did: plain counts to increment, and the bounds of its histogram of start delays."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

LATE_MS: Final = 1_000
"""A run that starts later than so long after its slot is counted as late."""
DELAY_BOUNDS_MS: Final = (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)
PRIORITIES: Final = ("low", "normal", "critical")
NAMES_KEPT: Final = 20


class CrewStats:
    """What the crew did since it was made; gauges are of this moment."""

    __slots__ = ("delay_max_ms", "delay_sum_ms", "delays", "in_flight", "late", "missed", "polls", "shed", "slow", "waiting")

    def __init__(self) -> None:
        self.polls = 0
        """Runs that were started."""
        self.late = 0
        """Of these, started more than `LATE_MS` after their slot."""
        self.missed = 0
        """Slots without a run: the one before still ran, or the process stood still."""
        self.shed = [0] * len(PRIORITIES)
        """Runs that were left out because they had waited too long, by priority."""
        self.in_flight = 0
        self.waiting = 0
        """Runs that are due and wait for others to end."""
        self.delay_sum_ms = 0
        self.delay_max_ms = 0
        self.delays = [0] * (len(DELAY_BOUNDS_MS) + 1)
        """Runs by how long after their slot they began: up to each of `DELAY_BOUNDS_MS`, and later."""
        self.slow: dict[str, int] = {}
        """Keys that missed slots because their last run still ran, and how many; the latest `NAMES_KEPT`."""

    def started(self, delay_ms: int) -> None:
        """A run began so long after it was due."""
        self.polls += 1
        self.late += delay_ms > LATE_MS
        self.delay_sum_ms += delay_ms
        if delay_ms > self.delay_max_ms:
            self.delay_max_ms = delay_ms
        self.delays[bisect_left(DELAY_BOUNDS_MS, delay_ms)] += 1
        self.in_flight += 1

    def miss(self, key: str) -> None:
        """A slot passed while the last run still ran."""
        self.missed += 1
        slow = self.slow
        slow[key] = slow.pop(key, 0) + 1
        if len(slow) > NAMES_KEPT:
            del slow[next(iter(slow))]
