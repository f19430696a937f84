"""Was there a path to the target (SPEC 3.7)? Parents' timelines, widened by the slack, folded into one line of path states."""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Protocol

from collector.core.graph import walk
from collector.core.intervals import Interval, union
from collector.core.state import GOOD_STATES, Span, State

FOREVER = 1 << 62
_OUT = (State.DOWN, State.UNREACHABLE)


class Path(enum.IntEnum):
    """R7.2; ordered so that the worst of several groups is the greatest."""

    OK = 0
    UNCLEAR = 1
    BROKEN = 2


class PathLine(Protocol):
    """Answers for every instant whether there was a path, and until when (exclusive) that stays so."""

    def at(self, t_ms: int) -> tuple[Path, int]: ...


class OpenPath:
    """The path of a target without parents."""

    def at(self, t_ms: int) -> tuple[Path, int]:
        """Always there."""
        return Path.OK, FOREVER


class KnownPath:
    """The path through parents whose timelines are known."""

    __slots__ = ("_edges", "_states")

    def __init__(self, groups: Sequence[Sequence[Sequence[Span]]], slack_ms: int) -> None:
        """`groups`: AND of OR-groups of the parents' spans (R7.1). Where a parent has no span it is unknown (R5.6)."""
        lines = [[_Member(spans, slack_ms) for spans in group] for group in groups]
        edges = sorted({edge for group in lines for member in group for edge in member.edges})
        self._edges: list[int] = []
        self._states: list[Path] = [_fold(lines, edges[0] - 1 if edges else 0)]
        for edge in edges:
            state = _fold(lines, edge)
            if state is not self._states[-1]:
                self._edges.append(edge)
                self._states.append(state)

    def at(self, t_ms: int) -> tuple[Path, int]:
        """See `PathLine`."""
        index = bisect_right(self._edges, t_ms)
        return self._states[index], self._edges[index] if index < len(self._edges) else FOREVER


class _Member:
    """One parent: when it was out (widened, R7.3) and when it was known to work."""

    __slots__ = ("edges", "good", "out")

    def __init__(self, spans: Sequence[Span], slack_ms: int) -> None:
        outages = union((span.from_ms, span.to_ms) for span in spans if span.state in _OUT)
        self.out = union((a - slack_ms, b) for a, b in outages)
        self.good = union((span.from_ms, span.to_ms) for span in spans if span.state in GOOD_STATES)
        self.edges = {edge for interval in (*self.out, *self.good) for edge in interval}


def _fold(groups: Sequence[Sequence[_Member]], t_ms: int) -> Path:
    worst = Path.OK
    for group in groups:
        if not group:
            continue  # It demands nothing.
        out = [_holds(member.out, t_ms) for member in group]
        if all(out):
            return Path.BROKEN
        if not any(_holds(member.good, t_ms) for member, gone in zip(group, out, strict=True) if not gone):
            worst = Path.UNCLEAR
    return worst


def _holds(intervals: Sequence[Interval], t_ms: int) -> bool:
    index = bisect_right(intervals, (t_ms, FOREVER)) - 1
    return index >= 0 and intervals[index][0] <= t_ms < intervals[index][1]


class CycleError(ValueError):
    """Parents form a cycle (R7.1); `cycle` names it, first id repeated at the end."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(" -> ".join(cycle))
        self.cycle = tuple(cycle)


def order(parents: Mapping[str, Sequence[str]]) -> list[str]:
    """Subjects so that parents come before children (R7.3). Raises `CycleError`. Unknown parents are left out."""
    found = walk(parents, most=1)
    if found.cycles:
        raise CycleError(found.cycles[0])
    return list(found.order)
