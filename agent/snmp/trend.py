"""When something is full, by its growth over the last day. Pure; times are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

EVERY_S: Final = 3_600.0
SAMPLES: Final = 25
LEAST_S: Final = 6 * 3_600.0
"""A shorter past says nothing: logs and backups come and go within hours."""
MAX_ROWS: Final = 200

Labels = tuple[str, ...]


class Trends:
    """The past of the rows of one reading: a sample an hour, for a day."""

    __slots__ = ("_past",)

    def __init__(self) -> None:
        self._past: dict[Labels, list[tuple[float, float]]] = {}

    def times(self, rows: Sequence[tuple[Labels, float]], ends: Mapping[Labels, float], now_s: float) -> list[float | None]:
        """For each row (labels, value) in how many seconds it reaches its end; None if it does not grow, or is not known."""
        present = {labels for labels, _ in rows}
        for labels in [labels for labels in self._past if labels not in present]:
            del self._past[labels]
        return [self._time(labels, value, ends.get(labels), now_s) for labels, value in rows]

    def _time(self, labels: Labels, value: float, end: float | None, now_s: float) -> float | None:
        past = self._past.get(labels)
        if past is None:
            if len(self._past) >= MAX_ROWS:
                return None
            past = self._past[labels] = []
        if not past or now_s - past[-1][0] >= EVERY_S:
            past.append((now_s, value))
            del past[:-SAMPLES]
        if end is None or now_s - past[0][0] < LEAST_S:
            return None
        slope = slope_of(past)
        return max(0.0, end - value) / slope if slope > 0 and end > 0 else None


def slope_of(samples: Sequence[tuple[float, float]]) -> float:
    """Growth a second by least squares; 0 for fewer than two times."""
    count = len(samples)
    mean_at, mean = sum(at for at, _ in samples) / count, sum(value for _, value in samples) / count
    spread = sum((at - mean_at) ** 2 for at, _ in samples)
    return sum((at - mean_at) * (value - mean) for at, value in samples) / spread if spread > 0 else 0.0
