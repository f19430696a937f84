"""A standing as it was shown, and the same a little later."""

from __future__ import annotations

import msgspec

from collector.core.standing import Standing
from collector.core.state import Span, State


class Shown(msgspec.Struct, frozen=True, gc=False):
    """A standing and what it was worked out from."""

    at_ms: int
    key: tuple[object, ...]
    standing: Standing
    is_steady: bool


def later(shown: Shown, now_ms: int) -> Shown:
    """The same when nothing happened since but that it was up."""
    ms = now_ms - shown.at_ms
    views = []
    for one in shown.standing.views:
        assert one.state is not None
        windows = {
            name: msgspec.structs.replace(f, ast=f.ast + ms, up=f.up + ms, good=f.good + ms, future_ast=f.future_ast - ms)
            for name, f in one.windows.items()
        }
        state = Span(one.state.from_ms, now_ms, one.state.state, one.state.why)
        totals = one.totals | {State.UP: one.totals.get(State.UP, 0) + ms}
        views.append(msgspec.structs.replace(one, state=state, totals=totals, windows=windows))
    return Shown(now_ms, shown.key, msgspec.structs.replace(shown.standing, views=tuple(views)), True)
