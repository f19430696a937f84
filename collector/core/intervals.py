"""Arithmetic on sets of instants: lists of half-open intervals, sorted, disjoint and not touching (R1.4). Pure and linear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Interval = tuple[int, int]
Intervals = Sequence[Interval]


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Any intervals, in any order and overlapping, as a set; empty ones vanish."""
    out: list[Interval] = []
    for a, b in sorted(intervals):
        if b <= a:
            continue
        if out and a <= out[-1][1]:
            if b > out[-1][1]:
                out[-1] = (out[-1][0], b)
        else:
            out.append((a, b))
    return out


def cut(x: Intervals, y: Intervals) -> list[Interval]:
    """Instants in both sets."""
    out: list[Interval] = []
    i = j = 0
    while i < len(x) and j < len(y):
        a, b = max(x[i][0], y[j][0]), min(x[i][1], y[j][1])
        if a < b:
            out.append((a, b))
        if x[i][1] < y[j][1]:
            i += 1
        else:
            j += 1
    return out


def minus(x: Intervals, y: Intervals) -> list[Interval]:
    """Instants of `x` that are not in `y`."""
    if not y:
        return list(x)
    out: list[Interval] = []
    j = 0
    for a, b in x:
        while j < len(y) and y[j][1] <= a:
            j += 1
        at, i = a, j
        while i < len(y) and y[i][0] < b:
            if at < y[i][0]:
                out.append((at, y[i][0]))
            at = max(at, y[i][1])
            i += 1
        if at < b:
            out.append((at, b))
    return out


def size(x: Intervals) -> int:
    """Length in milliseconds."""
    return sum([b - a for a, b in x])


def clip(x: Intervals, from_ms: int, to_ms: int) -> list[Interval]:
    """The part within `[from_ms, to_ms)`."""
    return [(max(a, from_ms), min(b, to_ms)) for a, b in x if a < to_ms and b > from_ms]
