"""Plain counts of the collector's own polling, which the exposition reads; ints to increment, nothing that formats."""

from __future__ import annotations

import msgspec

from agent.model import Outcome
from collector.core.histogram import Histogram

POLL_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class TrapCounts(msgspec.Struct):
    """Everything counted since the collector hears traps."""

    fates: dict[str, int] = {}
    """Datagrams by what became of them."""
    notifications: dict[str, int] = {}
    """Traps that were taken, by name."""
    polls: int = 0
    """Polls that traps caused."""
    waiting: int = 0
    strangers: int = 0
    """Senders that are not heard, as far as they are remembered."""
    learnt_engines: int = 0


class PollTally(msgspec.Struct):
    """Everything counted since the collector polls devices. What is a gauge is of the last second."""

    polls: dict[Outcome, int] = msgspec.field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    """Verdicts by outcome."""
    last: dict[str, Outcome] = {}
    """The last verdict of each device that is polled."""
    devices: int = 0
    polls_s: Histogram = msgspec.field(default_factory=lambda: Histogram.of(POLL_BOUNDS_S))
    """Seconds until a verdict."""
    walks_s: Histogram = msgspec.field(default_factory=lambda: Histogram.of(POLL_BOUNDS_S))
    """Seconds until everything was read."""
    late: int = 0
    missed: int = 0
    in_flight: int = 0
    waiting: int = 0
    slow: dict[str, int] = {}
    """Devices that missed slots because their last poll still ran, and how many."""
    requests: int = 0
    timeouts: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0
    answers: dict[str, int] = {}
    """Datagrams received by what became of them."""
    dropped: dict[str, int] = msgspec.field(default_factory=lambda: {"overtaken": 0, "refused": 0})
    """Results that were not stored: a newer one of the same device took the place while the store was busy, or the store would
    not have them."""

    def verdict(self, target: str, outcome: Outcome, duration_s: float) -> None:
        """A device was judged."""
        self.polls[outcome] += 1
        self.last[target] = outcome
        self.polls_s.observe(duration_s)
