"""Counters of the time in each state: they never fall, and what turned out to be another state is told beside them (R17.3)."""

from __future__ import annotations

from collections.abc import Sequence

from collector.core.intervals import Interval, clip, size
from collector.core.state import State, View
from collector.ledger.page import STATES, Claim, Page

Moved = tuple[str, View, State, State, int]


def count(page: Page, view: View, open_: dict[State, int], moved: dict[tuple[State, State], int]) -> list[Moved]:
    """Count a page anew into `page.counted`: the truth now, and back what was `moved` out of a state, without what was moved
    in. `open_` are the milliseconds since its days are closed. Adds to `moved`, and answers, what moved since."""
    closed = page.body.totals.get(view, [0] * len(STATES))
    totals = {state: closed[index] + open_.get(state, 0) for index, state in enumerate(STATES)}
    for (was, now), ms in moved.items():
        totals[was] += ms
        totals[now] -= ms
    before = page.counted.get(view, {})
    found: list[Moved] = []
    for was in STATES:
        for now in STATES:
            # What a state has lost since it was last shown was gained by others: that much was moved.
            ms = min(before.get(was, 0) - totals[was], totals[now] - before.get(now, 0))
            if ms > 0:
                moved[was, now] = moved.get((was, now), 0) + ms
                found.append((page.id, view, was, now, ms))
                totals[was] += ms
                totals[now] -= ms
    page.counted[view] = totals
    return found


def claim(page: Page, view: View, state: State, now_ms: int, scope: Sequence[Interval]) -> bool:
    """Whether a page's counters go on otherwise than as they are written. Then they are to be written anew."""
    known, totals, goes_on = page.claims.get(view), page.counted[view], STATES.index(state)
    if known is not None and known.state == goes_on and known.until(size(clip(scope, known.at_ms, now_ms))) == totals:
        return False
    page.claims[view] = Claim(now_ms, goes_on, [totals[each] for each in STATES])
    return True
