"""The dead man's switch may beat only while everything that must go on goes on."""

from __future__ import annotations

import pytest

from collector.core.alert import Condition, Severity, Trouble
from collector.core.own_trouble import key_of
from collector.core.wellness import TICK_MS, Signs, why_unwell

T = 1_790_000_000_000
WELL = {"judging": T - TICK_MS, "paging": T}


def own(trouble: Trouble, severity: Severity) -> Condition:
    return Condition(key_of(trouble), severity, T, T)


@pytest.mark.parametrize(
    ("signs", "wanted"),
    [
        (Signs(ticks=WELL), ()),
        (Signs(ticks=WELL, unwritten_ms=T - TICK_MS), ()),
        (Signs(ticks=WELL, own=[own(Trouble.CLOCK, Severity.WARNING)]), ()),
        (Signs("starting", WELL), ("not ready: starting",)),
        (Signs(ticks=WELL | {"judging": T - TICK_MS - 1}), ("judging stands still",)),
        (Signs(ticks=WELL | {"paging": 0}), ("paging has not begun",)),
        (Signs(ticks=WELL, unwritten_ms=T - TICK_MS - 1), ("nothing can be written",)),
        (Signs(ticks=WELL, ended=["delivering"]), ("delivering has ended",)),
        (Signs(ticks=WELL, own=[own(Trouble.DISK, Severity.CRITICAL)]), ("trouble: disk",)),
        (Signs("stopping", {"judging": 0}), ("not ready: stopping", "judging has not begun")),
    ],
)
def test_every_reason_is_named(signs: Signs, wanted: tuple[str, ...]) -> None:
    """And a warning, or a moment in which nothing is written, is none."""
    assert why_unwell(signs, T) == wanted
