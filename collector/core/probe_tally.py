"""Plain counts of the collector's own probing, which the exposition reads; ints to increment, nothing that formats."""

from __future__ import annotations

import msgspec

from agent.model import Outcome
from collector.core.histogram import Histogram


class ProbeTally(msgspec.Struct):
    """Everything counted since the collector probes. What is a gauge is of the last second."""

    runs: dict[tuple[str, Outcome], int] = {}
    """Findings by kind of probe and outcome."""
    jobs: int = 0
    late: int = 0
    missed: int = 0
    in_flight: int = 0
    waiting: int = 0
    shed: dict[str, int] = {}
    """Runs that were left out because there was too much to do, by priority."""
    slow: dict[tuple[str, str], int] = {}
    """Target and name of probes that missed slots because their last run still ran, and how many."""
    delays_s: Histogram = msgspec.field(default_factory=lambda: Histogram.of(()))
    """Seconds by which runs began after they were due."""
    dropped: dict[str, int] = msgspec.field(default_factory=lambda: {"overtaken": 0, "refused": 0})
    """Results that were not stored: a newer one of the same probe took the place while the store was busy, or the store would
    not have them."""

    def found(self, kind: str, outcome: Outcome) -> None:
        """A run ended."""
        key = (kind, outcome)
        self.runs[key] = self.runs.get(key, 0) + 1
