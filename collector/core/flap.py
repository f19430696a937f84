"""Flapping (SPEC 3.10): an annotation and an alert damper. It never changes a second of any state (R10.1). Pure, one pass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from collector.core.intervals import Interval
from collector.core.state import Span, State


class FlapRule(msgspec.Struct, frozen=True):
    """On at `high` transitions within the window, off at `low` (R10.2)."""

    window_ms: int = 3_600_000
    high: int = 6
    low: int = 2


def transitions(spans: Sequence[Span]) -> list[int]:
    """Instants at which the state changes between DOWN and anything else (R10.2)."""
    return [
        second.from_ms for first, second in pairwise(spans) if (first.state is State.DOWN) is not (second.state is State.DOWN)
    ]


def flapping(spans: Sequence[Span], rule: FlapRule = FlapRule()) -> list[Interval]:  # noqa: B008 - frozen
    """When a subject flaps (R10.2). The last interval may end after the spans do: then nothing more has happened yet."""
    at = transitions(spans)
    moments = sorted({*at, *[t + rule.window_ms for t in at]})
    out: list[Interval] = []
    since: int | None = None
    begun = gone = 0
    for t in moments:
        while begun < len(at) and at[begun] <= t:
            begun += 1
        while gone < len(at) and at[gone] <= t - rule.window_ms:
            gone += 1
        held = begun - gone
        if since is None and held >= rule.high:
            since = t
        elif since is not None and held <= rule.low:
            out.append((since, t))
            since = None
    return out
