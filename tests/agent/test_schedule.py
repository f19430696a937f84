"""Slots: where they lie, what is missed, and that nothing is made up for in a burst."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import schedule

PERIOD = 15_000
times = st.integers(0, 10**13)
periods = st.integers(1, 86_400_000)


@given(now=times, period=periods, offset=st.integers(0, 10**9))
def test_first_slot_is_the_nearest_one_not_in_the_past(now: int, period: int, offset: int) -> None:
    slot = schedule.first_slot(now, period, offset)
    assert now <= slot < now + period
    assert (slot - offset) % period == 0


@given(now=times, late=st.integers(0, 10**9), period=periods, offset=st.integers(0, 10**9))
def test_next_slot_is_ahead_on_the_grid_and_counts_what_it_skips(now: int, late: int, period: int, offset: int) -> None:
    slot = schedule.first_slot(now, period, offset)
    due = schedule.next_slot(slot, slot + late, period)
    assert due.slot_ms >= slot + late
    assert due.slot_ms == slot + (due.missed + 1) * period
    assert due.slot_ms - period < slot + late or due.missed == 0


@pytest.mark.parametrize(
    ("ended_after", "next_after", "missed"),
    [
        (0, 15_000, 0),
        (14_999, 15_000, 0),
        (15_000, 15_000, 0),  # a slot met at its very moment is not missed
        (15_001, 30_000, 1),
        (30_000, 30_000, 1),
        (61_000, 75_000, 4),
    ],
)
def test_missed_slots(ended_after: int, next_after: int, missed: int) -> None:
    assert schedule.next_slot(1_000, 1_000 + ended_after, PERIOD) == (1_000 + next_after, missed)


def test_a_long_pause_is_followed_by_one_run_not_by_many() -> None:
    slot = schedule.first_slot(0, PERIOD, 7)
    due = schedule.next_slot(slot, slot + 100 * PERIOD + 1, PERIOD)
    runs = [due.slot_ms, schedule.next_slot(due.slot_ms, due.slot_ms + 1, PERIOD).slot_ms]
    assert runs[1] - runs[0] == PERIOD
    assert due.missed == 100


def test_offset_is_stable_and_known() -> None:
    """The number is pinned: another Python or machine must not move an agent's slots."""
    assert schedule.offset_ms("srv-01", PERIOD) == schedule.offset_ms("srv-01", PERIOD)
    assert [schedule.offset_ms(name, PERIOD) for name in ("srv-01", "srv-02", "phòng-họp")] == [PINNED[n] for n in PINNED]


PINNED = {"srv-01": 13_995, "srv-02": 10_771, "phòng-họp": 9_651}


def test_offsets_of_many_agents_fill_the_period_evenly() -> None:
    seconds = [schedule.offset_ms(f"srv-{n:04}", PERIOD) // 1000 for n in range(3000)]
    counts = [seconds.count(second) for second in range(15)]
    assert min(counts) > 140
    assert max(counts) < 260


@pytest.mark.parametrize(
    ("silence", "span"), [(15_000, None), (37_500, None), (37_501, (1_000, 38_501)), (3_600_000, (1_000, 3_601_000))]
)
def test_r8_1_a_stall_is_a_silence_longer_than_the_ttl(silence: int, span: tuple[int, int] | None) -> None:
    assert schedule.stall(1_000, 1_000 + silence, 37_500) == span


@pytest.mark.parametrize("period", [0, -1])
def test_a_period_that_is_none_is_refused(period: int) -> None:
    with pytest.raises(ValueError, match=f"period_ms {period}"):
        schedule.first_slot(0, period, 0)
    with pytest.raises(ValueError, match=f"period_ms {period}"):
        schedule.next_slot(0, 0, period)
