"""Figures and watermarks become conditions at their bounds, keep a margin, and never accuse for want of knowledge."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.alert import AlertKind, Severity
from collector.core.budget import WINDOWS, Burn
from collector.core.findings import (
    DAY_S,
    DEFAULTS,
    WEDGED_MS,
    Battery,
    Lane,
    Modules,
    Progress,
    burning,
    certificate,
    follow_lane,
    on_battery,
    wedged,
)

T = 1_790_000_000_000
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


@pytest.mark.parametrize(
    ("days", "before", "wanted"),
    [
        (21.01, None, None),
        (20.9, None, WARNING),
        (21.9, WARNING, WARNING),
        (22.1, WARNING, None),
        (3.01, WARNING, WARNING),
        (2.9, None, CRITICAL),
        (3.9, CRITICAL, CRITICAL),
        (4.1, CRITICAL, WARNING),
        (0.0, None, CRITICAL),
        (-400, WARNING, CRITICAL),
        (90, CRITICAL, None),
    ],
)
def test_certificates_are_told_three_weeks_and_three_days_before(
    days: float, before: Severity | None, wanted: Severity | None
) -> None:
    """With a margin on the way back, and ended ones are critical."""
    found = certificate("tls", T / 1000 + days * DAY_S, T, before)
    assert (found.severity if found else None) is wanted
    if found is not None:
        assert found.name == "tls"
        assert found.reason == ("expired" if days <= 0 else "expiring")
        assert found.since_ms <= T, "nothing became true in the future"
        assert found.value == round(days, 2)


@pytest.mark.parametrize(
    ("ups", "wanted"),
    [
        (Battery(source="battery", charge=0.9, runtime_s=3600), WARNING),
        (Battery(source="battery", charge=0.49), CRITICAL),
        (Battery(source="battery", runtime_s=599), CRITICAL),
        (Battery(source="battery", state="low"), CRITICAL),
        (Battery(source="battery"), WARNING),
        (Battery(seconds=30), WARNING),
        (Battery(source="unknown", seconds=30), WARNING),
        (Battery(source="normal", seconds=30), None),
        (Battery(source="normal", charge=0.1), None),
        (Battery(source="bypass"), None),
        (Battery(seconds=0), None),
        (Battery(), None),
        (Battery(source="battery", test="running"), None),
        (Battery(source="battery", test="passed"), WARNING),
    ],
)
def test_a_ups_on_its_battery_is_told_unless_it_tests_itself(ups: Battery, wanted: Severity | None) -> None:
    """What the UPS says of its output counts before the seconds it counts."""
    found = on_battery(ups, T, None)
    assert (found.severity if found else None) is wanted


def test_time_on_battery_dates_the_beginning_and_critical_stays() -> None:
    """A battery that recovers by a per cent is not less grave while the mains are out."""
    found = on_battery(Battery(source="battery", seconds=90.0, charge=0.8), T, CRITICAL)
    assert found is not None
    assert (found.since_ms, found.severity, found.reason) == (T - 90_000, CRITICAL, "mains_lost")
    assert found.detail == "charge 80%"


def lanes(backlog: int, behind_ms: int, stuck_ms: int) -> list[tuple[Lane, Progress]]:
    return [(Lane("bulk", backlog, T - behind_ms), Progress(backlog, T - stuck_ms))]


def test_an_agent_is_wedged_when_its_backlog_is_old_and_does_not_shrink() -> None:
    """Both must last longer than five minutes or ten intervals; a spool that drains is slow, not wedged."""
    over = WEDGED_MS + 1
    found = wedged(lanes(5, over, over), None, 15_000, T)
    assert found is not None
    assert (found.kind, found.reason, found.since_ms) == (AlertKind.AGENT_WEDGED, "backlog", T - over)
    assert wedged(lanes(5, WEDGED_MS, over), None, 15_000, T) is None
    assert wedged(lanes(5, over, WEDGED_MS), None, 15_000, T) is None, "it drains"
    assert wedged(lanes(0, over, over), None, 15_000, T) is None
    assert wedged(lanes(5, over, over), None, 60_000, T) is None, "ten intervals of a slow agent"


def test_heartbeats_without_readers_are_wedged_but_not_while_old_reports_come() -> None:
    """What a reader said last is known only when nothing is on its way."""
    modules = Modules(T - 400_000, 15_000, T, 4_000_000)
    found = wedged(lanes(0, 0, 0), modules, 15_000, T)
    assert found is not None
    assert (found.reason, found.since_ms) == ("readers_silent", T - 400_000)
    assert wedged(lanes(7, 10_000, 0), modules, 15_000, T) is None
    assert wedged([], Modules(None, 0, T, 4_000_000), 15_000, T) is None, "an agent without readers"
    assert wedged([], Modules(T - 400_000, 60_000, T, 4_000_000), 15_000, T) is None, "a slow reader"
    assert wedged([], Modules(T - 400_000, 15_000, T, 200_000), 15_000, T) is None, "it has just started"


@settings(max_examples=100)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_a_lane_makes_progress_whenever_its_backlog_is_less_than_ever(backlogs: list[int]) -> None:
    """The instant of progress is that of the newest least backlog since it was last empty."""
    progress, least, since = None, None, 0
    for step, backlog in enumerate(backlogs):
        progress = follow_lane(progress, Lane("bulk", backlog, 0), step)
        if least is None or backlog < least or backlog == 0:
            least, since = backlog, step
        assert progress == Progress(least, since)


def burnt(bad: int, denom: int = 1000) -> dict[int, Burn]:
    return {length: Burn(bad, denom, Fraction(999, 1000)) for length in WINDOWS}


def test_burn_alerts_fire_by_r14_3_and_keep_what_nobody_knows() -> None:
    """Fast and slow burning wake people, the slow leak is a ticket; without a denominator what fired goes on (R14.2)."""
    found = {one.name: one for one in burning(burnt(15), {}, T)}
    assert {name: one.severity for name, one in found.items()} == {
        "page_fast": CRITICAL, "page_slow": CRITICAL, "ticket": WARNING,
    }  # fmt: skip
    assert found["page_fast"].value == 15.0
    assert [one.name for one in burning(burnt(2), {}, T)] == ["ticket"]
    assert burning(burnt(1), {}, T) == [], "exactly the budget"
    (kept,) = burning(burnt(0, 0), {"page_slow": T - 9}, T)
    assert (kept.name, kept.since_ms, kept.value) == ("page_slow", T - 9, None)
    assert burning(burnt(0), {"page_slow": T - 9}, T) == []


def test_a_subject_that_is_new_has_not_burnt_a_budget_that_it_never_had() -> None:
    """Half a minute of its first five is little of an hour; from the length of the window on its own time counts alone, also
    where only service hours do."""
    minute, hour = 60_000, 3_600_000
    new = {length: Burn(30_000, min(length, 5 * minute), Fraction(999, 1000)) for length in WINDOWS}
    assert burning(new, {}, T, T - 5 * minute) == []
    assert [one.name for one in burning(new, {}, T, T - hour)] == ["page_fast"]
    assert {one.name for one in burning(new, {}, T)} == {"page_fast", "page_slow", "ticket"}
    assert [one.name for one in burning(new, {"ticket": T - 9}, T, T - 5 * minute)] == ["ticket"], "what fired goes on by R14.3"


def test_every_kind_has_a_default() -> None:
    """No condition is without a severity."""
    assert DEFAULTS.keys() == set(AlertKind)
