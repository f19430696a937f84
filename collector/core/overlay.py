"""Timelines laid over each other: several observers of one target (3.3), late evidence and boots over samples (3.8, 3.9).

Pure and linear in the number of spans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from collector.core.intervals import Intervals, clip, cut, minus
from collector.core.state import Span, State, Why

_ORDER = {State.UP: 0, State.DEGRADED: 1, State.DOWN: 2, State.UNREACHABLE: 3, State.UNKNOWN: 4}
_LEAST = {Why.NEVER: 6, Why.STALE: 5, Why.BLIND: 4, Why.SILENT: 3, Why.PENDING: 2, Why.PATH_UNCLEAR: 1}
"""Of equal states the reason that says more counts, whoever was heard first."""


def _order(span: Span) -> tuple[int, int]:
    return _ORDER[span.state], _LEAST.get(span.why, 0)


def merge(spans: Iterable[Span]) -> list[Span]:
    """Adjacent spans of the same state and reason made one."""
    out: list[Span] = []
    for span in spans:
        last = out[-1] if out else None
        if last is not None and last.state is span.state and last.why is span.why and last.to_ms == span.from_ms:
            out[-1] = Span(last.from_ms, span.to_ms, span.state, span.why)
        else:
            out.append(span)
    return out


def _gravity(span: Span) -> tuple[int, int]:
    """The same order for what different things are looked at, where a violated threshold is not undone by another thing."""
    return (-1, 0) if span.state is State.DEGRADED else _order(span)


Order = Callable[[Span], tuple[int, int]]


def either(lines: Sequence[Sequence[Span]]) -> list[Span]:
    """Several observers of one thing: any that says it is good is right (3.3); of failures the explicit one counts before the
    unreachable one, and that before not knowing. All lines cover the same period."""
    return _laid(lines, _order)


def together(lines: Sequence[Sequence[Span]]) -> list[Span]:
    """Several things that were looked at of one target: any good one means that it lives, and one that is degraded that it is
    usable with a threshold violated (3.3); else as `either`."""
    return _laid(lines, _gravity)


def _laid(lines: Sequence[Sequence[Span]], order: Order) -> list[Span]:
    if len(lines) == 1:
        return list(lines[0])
    places = [0] * len(lines)
    out: list[Span] = []
    at = lines[0][0].from_ms if lines and lines[0] else 0
    while lines and places[0] < len(lines[0]):
        here = [line[place] for line, place in zip(lines, places, strict=True)]
        end = min(span.to_ms for span in here)
        first = min(here, key=order)
        out.append(Span(at, end, first.state, first.why))
        places = [place + (span.to_ms == end) for place, span in zip(places, here, strict=True)]
        at = end
    return merge(out)


def best(spans: Sequence[Span]) -> Span:
    """Of several observers' spans of one thing the one that counts (3.3)."""
    return min(spans, key=lambda span: (_order(span), span.from_ms))


def gravest(spans: Sequence[Span]) -> Span:
    """Of the spans of several things the one that counts, see `together`."""
    return min(spans, key=lambda span: (_gravity(span), span.from_ms))


def is_liftable(span: Span) -> bool:
    """What late evidence may turn up: unknown, unreachable, down by absence (R6.4, R9.3, R9.4)."""
    return span.state in (State.UNKNOWN, State.UNREACHABLE) or (span.state is State.DOWN and span.why is Why.SILENT)


def lift(spans: Iterable[Span], late: Intervals, continuity: Intervals, *, keep_unreachable: bool = False) -> list[Span]:
    """Grade E2, then E3, over what may be lifted (R9.3). `keep_unreachable`: for the path of children, through which nobody
    could go although the machine ran."""
    out: list[Span] = []
    for span in spans:
        if not is_liftable(span) or (keep_unreachable and span.state is State.UNREACHABLE):
            out.append(span)
            continue
        whole = [(span.from_ms, span.to_ms)]
        by_late = cut(whole, late)
        by_boot = cut(minus(whole, by_late), continuity)
        rest = minus(minus(whole, by_late), by_boot)
        pieces = [(a, b, State.UP, Why.BACKFILL) for a, b in by_late]
        pieces += [(a, b, State.UP, Why.CONTINUITY) for a, b in by_boot]
        pieces += [(a, b, span.state, span.why) for a, b in rest]
        out += [Span(*piece) for piece in sorted(pieces)]
    return merge(out)


def lay(spans: Sequence[Span], over: Intervals, state: State, why: Why) -> list[Span]:
    """`over` set to one state, the rest as it was."""
    if not over or not spans:
        return list(spans)
    out: list[Span] = []
    for span in spans:
        out += [Span(a, b, span.state, span.why) for a, b in minus([(span.from_ms, span.to_ms)], over)]
    out += [Span(a, b, state, why) for a, b in clip(over, spans[0].from_ms, spans[-1].to_ms)]
    return merge(sorted(out, key=lambda span: span.from_ms))


def cut_out(spans: Iterable[Span], from_ms: int, until_ms: int) -> list[Span]:
    """The part within `[from_ms, until_ms)`."""
    return [
        Span(max(s.from_ms, from_ms), min(s.to_ms, until_ms), s.state, s.why)
        for s in spans
        if s.from_ms < until_ms and s.to_ms > from_ms
    ]


def bridge(spans: Sequence[Span]) -> list[Span]:
    """Unknown time between two outages is down: `gap_policy: bridge_down` (R5.5)."""
    spans = list(spans)
    groups = _by_state(spans)
    for index in range(1, len(groups) - 1):
        state, first, last = groups[index]
        if state is State.UNKNOWN and groups[index - 1][0] is State.DOWN and groups[index + 1][0] is State.DOWN:
            for place in range(first, last):
                spans[place] = Span(spans[place].from_ms, spans[place].to_ms, State.DOWN, Why.BRIDGED)
    return merge(spans)


def _by_state(spans: Sequence[Span]) -> list[tuple[State, int, int]]:
    groups: list[tuple[State, int, int]] = []
    for place, span in enumerate(spans):
        if groups and groups[-1][0] is span.state:
            groups[-1] = (span.state, groups[-1][1], place + 1)
        else:
            groups.append((span.state, place, place + 1))
    return groups
