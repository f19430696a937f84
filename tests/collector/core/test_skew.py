"""Clocks: R2.1 to R2.4 and R9.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Kind, Report
from collector.core.evidence import Grade, TimeQuality
from collector.core.skew import (
    FAR_MS,
    WINDOW_MS,
    BootClock,
    Estimate,
    OffsetLevel,
    Timeline,
    bounds,
    grade,
    observe,
    offset_level,
    place,
    place_estimated,
)

BORN = 1_700_000_000_000
"""True instant of the boot in these tests."""


def test_r2_1_a_jump_of_the_collectors_wall_clock_does_not_reach_its_timeline() -> None:
    timeline = Timeline(wall_ms=BORN, monotonic_ms=5_000)
    assert timeline.at(65_000) == BORN + 60_000
    assert timeline.step(wall_ms=BORN + 60_000 + 3_600_000, monotonic_ms=65_000) == 3_600_000
    assert timeline.rebase(3_600_000).at(65_000) == BORN + 60_000 + 3_600_000


def heard(*batches: tuple[int, int, int]) -> BootClock:
    """The clock after batches of (true instant ms after boot, delay of the line, error of the agent's wall clock)."""
    clock: BootClock | None = None
    for sent, delay, error in batches:
        clock = observe(clock, rx_ms=BORN + sent + delay, uptime_ms=sent, wall_ms=BORN + sent + error)
    assert clock is not None
    return clock


@given(st.lists(st.tuples(st.integers(0, WINDOW_MS // 2), st.integers(0, 20_000), st.integers(-(10**10), 10**10)), min_size=1))
def test_r2_2_the_boot_instant_is_the_least_of_rx_minus_uptime_whatever_the_wall_clock_says(
    batches: list[tuple[int, int, int]],
) -> None:
    assert heard(*sorted(batches)).instant_ms == BORN + min(delay for _, delay, _ in batches)


def test_r2_2_v25_an_hour_wrong_and_a_step_of_the_wall_clock_do_not_move_t() -> None:
    wrong = heard((0, 20, 3_600_000), (15_000, 20, 3_600_000), (30_000, 20, -3_600_000))
    right = heard((0, 20, 0), (15_000, 20, 0), (30_000, 20, 0))
    assert place(30_000, wrong, rx_ms=BORN + 30_020) == place(30_000, right, rx_ms=BORN + 30_020)
    assert wrong.offset_ms == -3_600_000 - 20


def test_r2_2_a_clock_that_runs_slow_for_a_year_still_places_reports_within_seconds() -> None:
    clock: BootClock | None = None
    for hour in range(365 * 24):
        true_ms = hour * 3_600_000
        uptime = true_ms - true_ms * 50 // 1_000_000
        clock = observe(clock, rx_ms=BORN + true_ms, uptime_ms=uptime, wall_ms=BORN)
        t_ms, _ = place(uptime, clock, rx_ms=BORN + true_ms)
        assert 0 <= BORN + true_ms - t_ms <= 9_000
    assert clock is not None


@pytest.mark.parametrize("jump_ms", [FAR_MS, 3_600_000, 400 * 86_400_000])
def test_a_jump_between_the_two_clocks_is_followed_after_three_batches(jump_ms: int) -> None:
    """A collector started with its clock behind and right since its next start: no line is that slow for long."""
    clock = heard((0, 20, 0), (15_000, 20, 0), (30_000, 20 + jump_ms, 0), (45_000, 20 + jump_ms, 0))
    assert place(45_000, clock, rx_ms=BORN + 45_020 + jump_ms)[0] == BORN + 45_020
    clock = observe(clock, rx_ms=BORN + 60_025 + jump_ms, uptime_ms=60_000, wall_ms=BORN + 60_000)
    assert place(60_000, clock, rx_ms=BORN + 60_025 + jump_ms)[0] == BORN + 60_025 + jump_ms
    assert clock.offset_ms == -jump_ms - 25
    assert observe(clock, rx_ms=BORN + 75_020, uptime_ms=75_000, wall_ms=BORN).instant_ms == BORN + 20


def test_single_batches_that_come_late_move_nothing() -> None:
    slow = 90_000
    clock = heard(
        (0, 20, 0), (1_000, slow, 0), (2_000, slow, 0), (3_000, 30, 0), (4_000, slow, 0), (5_000, slow, 0), (6_000, 25, 0)
    )
    assert clock.instant_ms == BORN + 20


def test_the_clock_stays_the_same_object_while_there_is_nothing_to_write_down() -> None:
    first = heard((0, 10, 0))
    assert observe(first, rx_ms=BORN + 15_090, uptime_ms=15_000, wall_ms=BORN + 15_900) is first
    moved = observe(first, rx_ms=BORN + 15_090, uptime_ms=15_000, wall_ms=BORN + 17_000)
    assert (moved.instant_ms, moved.offset_ms) == (first.instant_ms, 1_990)
    sooner = observe(first, rx_ms=BORN + 15_009, uptime_ms=15_000, wall_ms=BORN + 15_000)
    assert sooner.instant_ms == first.instant_ms - 1


def test_r2_4_what_would_lie_in_the_future_is_clamped_and_said() -> None:
    clock = heard((0, 0, 0))
    assert place(60_000, clock, rx_ms=BORN + 60_000) == (BORN + 60_000, TimeQuality.MEASURED)
    assert place(60_001, clock, rx_ms=BORN + 60_000) == (BORN + 60_000, TimeQuality.CLAMPED)
    assert place(2**53, clock, rx_ms=BORN + 60_000) == (BORN + 60_000, TimeQuality.CLAMPED)


@pytest.mark.parametrize(
    ("offset", "level"),
    [
        (0, OffsetLevel.FINE),
        (5_000, OffsetLevel.FINE),
        (5_001, OffsetLevel.WARNING),
        (-60_000, OffsetLevel.WARNING),
        (60_001, OffsetLevel.EVENT),
        (-60_001, OffsetLevel.EVENT),
    ],
)
def test_r2_4_an_offset_is_judged_by_its_size(offset: int, level: OffsetLevel) -> None:
    assert offset_level(offset) is level


@given(
    at=st.integers(-(2**53), 2**53),
    offset=st.integers(-(2**53), 2**53),
    heard_ms=st.integers(0, BORN - 1),
    previous=st.integers(0, BORN),
)
def test_r2_3_an_estimate_lies_after_the_last_live_rx_not_after_its_own_and_is_monotone(
    at: int, offset: int, heard_ms: int, previous: int
) -> None:
    t_ms, quality = place_estimated(at, Estimate(offset, heard_ms, previous), rx_ms=BORN)
    assert quality is TimeQuality.ESTIMATED
    assert heard_ms < t_ms <= BORN
    assert t_ms >= previous


def test_r2_3_an_estimate_uses_the_wall_clock_less_its_known_offset() -> None:
    assert place_estimated(BORN + 3_600_000 - 9_000, Estimate(3_600_000, 0), rx_ms=BORN)[0] == BORN - 9_000


@pytest.mark.parametrize(("age", "expected"), [(0, Grade.LIVE), (30_000, Grade.LIVE), (30_001, Grade.LATE)])
def test_r9_1_live_or_late(age: int, expected: Grade) -> None:
    assert grade(BORN - age, BORN) is expected


def test_bounds_of_a_stall_are_placed_like_the_report_itself() -> None:
    stall = Report(1, "t", "agent", Kind.STALL, 0, 90_000, 90_000, from_ms=30_000, until_ms=89_000)
    assert bounds(stall, BORN + 90_000) == (BORN + 30_000, BORN + 89_000)
    assert bounds(Report(1, "t", "host", Kind.REPORT, 0, 90_000, 90_000), BORN) == (0, 0)
