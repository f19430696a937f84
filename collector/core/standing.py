"""Where a subject stands now, as the metric pages show it. Pure values: the ledger makes them, the exposition shows them."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import msgspec

from collector.core.figures import Figures
from collector.core.state import Span, State, View
from collector.core.subject import SubjectKind

WINDOWS: Final = ("day", "week", "month", "quarter", "year")
"""To date, by the local calendar (R2.5)."""
BURN_WINDOWS: Final = {"5m": 300_000, "30m": 1_800_000, "1h": 3_600_000, "6h": 21_600_000, "3d": 259_200_000}
"""R14.3, milliseconds."""


class SubjectRow(msgspec.Struct, frozen=True, gc=False):
    """A subject as it is labelled."""

    id: str
    kind: SubjectKind
    site: str
    class_: str


class ViewStanding(msgspec.Struct, frozen=True, gc=False):
    """One view of one subject. A pool has no `state` and no totals (R15.3)."""

    view: View
    state: Span | None
    """The present state and since when."""
    totals: dict[State, int]
    """Milliseconds in each observed state since the subject was first in service; they never fall. What late evidence or
    people changed afterwards is in `moved`: the truth now is `totals[s] - sum(moved[s, *]) + sum(moved[*, s])`."""
    moved: dict[tuple[State, State], int]
    """Milliseconds that were counted as the first state and turned out to be the second; they never fall."""
    windows: dict[str, Figures]
    """By `WINDOWS`."""
    burn: dict[str, Fraction | None]
    """By `BURN_WINDOWS`; None: nothing counts in it, which never fires (R14.2)."""
    is_flapping: bool = False
    """R10.2."""
    in_maintenance: bool = False


class Standing(msgspec.Struct, frozen=True, gc=False):
    """A subject in both views."""

    row: SubjectRow
    views: tuple[ViewStanding, ...]
