"""Counts of observations by size, as Prometheus keeps them. Pure."""

from __future__ import annotations

from bisect import bisect_left

import msgspec


class Histogram(msgspec.Struct):
    """Counts of observations by upper bound (inclusive, as Prometheus' `le`); the last count is above every bound."""

    bounds: tuple[float, ...]
    counts: list[int]
    sum: float = 0.0

    @classmethod
    def of(cls, bounds: tuple[float, ...]) -> Histogram:
        """An empty histogram; `bounds` grow."""
        return cls(bounds, [0] * (len(bounds) + 1))

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value
