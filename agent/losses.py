"""Losses that are not stated yet: reports given up, gathered into runs, so that a long loss is one record and not thousands.

Pure: no clock, no files.
"""

from __future__ import annotations

from collections.abc import Callable

from agent.model import Lane, Loss, LossReason

_Run = tuple[Lane, str, LossReason, int, int, int, int, int]


class LossBook:
    """Runs of lost numbers. `is_settled(lane, first, last)` says that nothing in between can still arrive: only then two runs
    may become one, for a collector that reads `first_seq..last_seq` takes all of it as explained."""

    def __init__(self, is_settled: Callable[[Lane, int, int], bool]) -> None:
        self._is_settled = is_settled
        self._runs: list[_Run] = []

    def __bool__(self) -> bool:
        return bool(self._runs)

    def add(self, run: Loss) -> None:
        """Add the span of `run` (its own `seq`, `at_ms` and `uptime_ms` do not matter)."""
        new: _Run = (run.lane, run.boot, run.reason, run.first_seq, run.last_seq, run.count, run.from_ms, run.until_ms)
        for at in range(len(self._runs) - 1, -1, -1):
            if self._runs[at][:3] == new[:3]:
                joined = self._join(self._runs[at], new)
                if joined:
                    self._runs[at] = joined
                    return
                break
        self._runs.append(new)

    def _join(self, old: _Run, new: _Run) -> _Run | None:
        low, high = (old, new) if old[3] <= new[3] else (new, old)
        if high[3] <= low[4] or not self._is_settled(old[0], low[4] + 1, high[3] - 1):
            return None
        span = (low[3], high[4], low[5] + high[5], min(old[6], new[6]), max(old[7], new[7]))
        return (*old[:3], *span)

    def take(self, first_seq: int, at_ms: int, uptime_ms: int) -> list[Loss]:
        """The runs as loss records numbered from `first_seq`; the book is empty afterwards."""
        taken = [
            Loss(first_seq + index, lane, boot, first, last, count, from_ms, until_ms, reason, at_ms, uptime_ms)
            for index, (lane, boot, reason, first, last, count, from_ms, until_ms) in enumerate(self._runs)
        ]
        self._runs.clear()
        return taken
