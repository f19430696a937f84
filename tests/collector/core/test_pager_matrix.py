"""Every combination of parent, window, silence, hours, flapping, child and time of change: a page or a reason, never neither,
never both; and when everything that held it has ended while it lasts, it pages, once.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import msgspec
import pytest

from collector.core.alert import Alert, AlertKind, HoldReason
from collector.core.notice import EventKind
from collector.core.paging import SubjectView
from collector.core.state import State
from tests.collector.core.paging import MINUTE, NOW, SECOND, Pager, condition, down, silence, up

PARENTS = ("none", "up", "degraded", "pending", "down", "unreachable", "unknown", "maintenance", "silenced")
WINDOWS = ("none", "own", "ended")
SILENCES = ("none", "matching", "expired")
KINDS = {
    "down": (AlertKind.DOWN, State.DOWN),
    "unreachable": (AlertKind.DOWN, State.UNREACHABLE),
    "degraded": (AlertKind.DEGRADED, State.DEGRADED),
    "no_data": (AlertKind.NO_DATA, State.UNKNOWN),
}
TIMES = ("before", "at_once", "after", "returned")
WAITING = (HoldReason.SETTLING, HoldReason.PARENT_CHECKED)


class Case(NamedTuple):
    """One cell."""

    window: str
    silence: str
    is_in_hours: bool
    is_flapping: bool
    child: str
    time: str


CELLS = [Case(*cell) for cell in product(WINDOWS, SILENCES, (True, False), (True, False), KINDS, TIMES)]
SINCE = NOW
KNOWN = NOW + 10 * SECOND


def parent_view(kind: str, since: int) -> SubjectView | None:
    """The parent in a state that it has since a moment."""
    if kind == "none":
        return None
    if kind in ("down", "unreachable", "maintenance", "silenced"):
        state = State.UNREACHABLE if kind == "unreachable" else State.DOWN
        return down("parent", since, state, window="W1" if kind == "maintenance" else "")
    if kind == "pending":
        return up("parent", good=since - 1, is_pending=True, failed_ms=since, can_look=True)
    if kind == "unknown":
        return up("parent", since, since - 1, state=State.UNKNOWN)
    return up("parent", good=KNOWN + 1, state=State(kind))


def child_view(cell: Case, parent: str, **fields: object) -> SubjectView:
    """The child as it is while it is held."""
    kind, state = KINDS[cell.child]
    found = condition("child", SINCE, kind, state=state if kind is AlertKind.DOWN else State.DOWN)
    view = up(
        "child", SINCE, SINCE - 1, state=state, conditions=(found,), failed_ms=KNOWN, is_in_hours=cell.is_in_hours,
        is_flapping=cell.is_flapping, window="W2" if cell.window == "own" else "",
        parents=(("parent",),) if parent != "none" else (),
    )  # fmt: skip
    return msgspec.structs.replace(view, **fields)


def held(cell: Case, parent: str, *, restarts: bool = False) -> tuple[Pager, int]:
    """A pager that has seen the cell, and the moment it has come to."""
    pager = Pager()
    if cell.silence != "none":
        end = NOW + 60 * MINUTE if cell.silence == "matching" else NOW - 1
        pager.silences["S2"] = silence("child", end, id="S2")
    if parent == "silenced":
        pager.silences["S1"] = silence("parent")
    trouble = {"before": KNOWN + 5 * SECOND, "at_once": SINCE, "after": SINCE - MINUTE, "returned": SINCE - MINUTE}[cell.time]
    well = parent_view("none" if parent == "none" else "up", NOW)
    child = child_view(cell, parent)
    first = well if cell.time == "before" else parent_view(parent, trouble)
    moments = [(KNOWN + SECOND, first), (trouble + 10 * SECOND, parent_view(parent, trouble))]
    if cell.time == "returned":
        moments.append((KNOWN + 30 * SECOND, well and up("parent", KNOWN + 30 * SECOND, KNOWN + 30 * SECOND)))
    now = KNOWN
    for at, view in moments:
        now = max(now, at) + SECOND
        pager.see(now, [child, *([view] if view is not None else [])])
        if restarts:
            pager.restart()
    return pager, now


def released(pager: Pager, cell: Case, parent: str, now: int) -> None:
    """Everything that held the child ends and what is wrong with it lasts; it is seen again and again."""
    pager.silences = {key: msgspec.structs.replace(found, to_ms=min(found.to_ms, now)) for key, found in pager.silences.items()}
    kind, state = KINDS[cell.child]
    state = State.DOWN if kind is AlertKind.DOWN else state
    for at in (now + SECOND, now + 3 * MINUTE):
        found = condition("child", SINCE, kind, state=State.DOWN)
        fields = {"is_in_hours": True, "is_flapping": False, "window": "", "failed_ms": at, "good_ms": SINCE - 1}
        if kind is AlertKind.DEGRADED:
            fields["good_ms"] = at
        child = child_view(cell, parent, conditions=(found,), state=state, **fields)
        pager.see(at, [child, *([] if parent == "none" else [up("parent", now, at)])])


def pages(pager: Pager, alert: Alert) -> int:
    """How many firings have this alert for their reason."""
    rows = [row for row in pager.sent if row.event is EventKind.FIRING and row.receiver == "noc"]
    return sum(row.order == alert.incident and alert.paged_ms == row.created_ms for row in rows)


@pytest.mark.parametrize("parent", PARENTS)
def test_every_cell_has_a_page_or_a_reason_and_pages_once_when_nothing_holds_it(parent: str) -> None:
    """Exhaustively; the count says that no cell was passed over."""
    seen = 0
    for cell in CELLS:
        pager, now = held(cell, parent)
        alert = pager.alert("child", KINDS[cell.child][0])
        assert (pages(pager, alert) == 1) is (alert.paged_ms is not None), (parent, cell, alert)
        assert (alert.paged_ms is not None) or alert.hold is not None, (parent, cell)
        if alert.hold is not None and alert.hold.reason in WAITING:
            assert alert.hold.until_ms is not None, (parent, cell, alert)
        released(pager, cell, parent, now)
        alert = pager.alert("child", KINDS[cell.child][0])
        assert alert.paged_ms is not None, (parent, cell, alert)
        assert pages(pager, alert) == 1, (parent, cell)
        assert alert.hold is None, (parent, cell, alert)
        seen += 1
    assert seen == 3 * 3 * 2 * 2 * 4 * 4


@pytest.mark.parametrize("parent", PARENTS)
def test_a_restart_in_the_middle_of_a_hold_changes_nothing(parent: str) -> None:
    """What is stored is enough: reasons, bounds and the page are the same."""
    for cell in CELLS[::5]:
        plain, now = held(cell, parent)
        again, _ = held(cell, parent, restarts=True)
        assert again.alerts == plain.alerts, (parent, cell)
        released(plain, cell, parent, now)
        released(again, cell, parent, now)
        assert again.alerts == plain.alerts, (parent, cell)
        assert again.sent == plain.sent


REASONS = {
    ("down", "none", "none", True, False): HoldReason.PARENT_DOWN,
    ("down", "own", "matching", True, False): HoldReason.MAINTENANCE,
    ("down", "own", "none", False, False): HoldReason.OUT_OF_HOURS,
    ("up", "none", "matching", True, False): HoldReason.SILENCE,
    ("up", "none", "matching", True, True): HoldReason.FLAPPING,
    ("pending", "ended", "expired", True, False): HoldReason.PARENT_CHECKED,
    ("pending", "none", "matching", True, False): HoldReason.SILENCE,
    ("maintenance", "none", "none", True, False): HoldReason.PARENT_DOWN,
    ("silenced", "none", "none", True, False): HoldReason.PARENT_DOWN,
    ("unknown", "none", "none", True, False): HoldReason.PARENT_CHECKED,
}


@pytest.mark.parametrize("setting", REASONS)
def test_of_several_reasons_the_first_in_the_order_is_told(setting: tuple[str, str, str, bool, bool]) -> None:
    """What was decided on purpose before what the network explains, that before what is only waited for."""
    parent, window, silenced, is_in_hours, is_flapping = setting
    pager, _ = held(Case(window, silenced, is_in_hours, is_flapping, "down", "at_once"), parent)
    hold = pager.alert("child").hold
    assert hold is not None
    assert hold.reason is REASONS[setting]
