"""The collector's own trouble: begins at its bound, keeps a margin on the way back, and is over after a calm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.core.alert import COLLECTOR_SUBJECT, AlertKind, Severity, Trouble
from collector.core.grading import Scale, Threshold, gravest
from collector.core.own_trouble import (
    CALM_MS,
    MIB,
    Disk,
    Facts,
    Known,
    Loop,
    OwnReason,
    condition_of,
    follow,
    known_of,
)
from collector.core.poll_view import WayOut

T = 1_790_000_000_000
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
GIB = 1024 * MIB


def way(name: str, is_seeing: bool, since_ms: int = T - 60_000) -> WayOut:
    return WayOut(name, is_seeing, since_ms, 0.0, 0)


def facts(**change: object) -> Facts:
    return Facts(T, **change)  # type: ignore[arg-type]


def only(found: dict[Trouble, Known]) -> tuple[Trouble, Severity, OwnReason, int]:
    assert len(found) == 1, found
    ((trouble, known),) = found.items()
    return trouble, known.finding.severity, known.finding.reason, known.finding.since_ms


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        (facts(disk=Disk(99 * GIB, 1000 * GIB)), (Trouble.DISK, WARNING, OwnReason.BYTES_LOW, T)),
        (facts(disk=Disk(29 * GIB, 1000 * GIB)), (Trouble.DISK, CRITICAL, OwnReason.BYTES_LOW, T)),
        (facts(disk=Disk(499 * MIB, 4 * GIB)), (Trouble.DISK, WARNING, OwnReason.BYTES_LOW, T)),
        (facts(disk=Disk(99 * MIB, GIB)), (Trouble.DISK, CRITICAL, OwnReason.BYTES_LOW, T)),
        (facts(disk=Disk(50 * GIB, 100 * GIB, 9, 100)), (Trouble.DISK, WARNING, OwnReason.FILES_LOW, T)),
        (facts(disk=Disk(50 * GIB, 100 * GIB, 2, 100)), (Trouble.DISK, CRITICAL, OwnReason.FILES_LOW, T)),
        (facts(disk=Disk(9 * GIB, 100 * GIB, 2, 100)), (Trouble.DISK, CRITICAL, OwnReason.FILES_LOW, T)),
        (facts(disk_error="no such folder"), (Trouble.DISK, CRITICAL, OwnReason.UNREADABLE, T)),
        (facts(unwritten_ms=T - 30_001), (Trouble.DATABASE, CRITICAL, OwnReason.UNWRITTEN, T - 30_001)),
        (facts(oldest_unsent_ms=T - 300_001), (Trouble.OUTBOX, WARNING, OwnReason.UNSENT, T - 300_001)),
        (facts(oldest_unsent_ms=T - 1_800_001), (Trouble.OUTBOX, CRITICAL, OwnReason.UNSENT, T - 1_800_001)),
        (facts(dead_letters=2), (Trouble.OUTBOX, WARNING, OwnReason.DEAD_LETTERS, T)),
        (facts(dark_ms=T - 30_001), (Trouble.BLIND, CRITICAL, OwnReason.DARK, T - 30_001)),
        (facts(ways=(way("a", False),)), (Trouble.BLIND, CRITICAL, OwnReason.NO_WAY_OUT, T - 60_000)),
        (facts(ways=(way("a", True), way("b", False))), (Trouble.BLIND, WARNING, OwnReason.WAY_LOST, T - 60_000)),
        (facts(stepped_ms=T - 599_999, step_s=3.5), (Trouble.CLOCK, WARNING, OwnReason.CLOCK_STEP, T - 599_999)),
        (facts(unsynchronised_ms=T - 600_000), (Trouble.CLOCK, WARNING, OwnReason.UNSYNCHRONISED, T - 600_000)),
        (facts(loops=(Loop("judging", 3),)), (Trouble.LEDGER, CRITICAL, OwnReason.FAILING, T)),
        (facts(loops=(Loop("sealing", 9, is_grave=False),)), (Trouble.LEDGER, WARNING, OwnReason.FAILING, T)),
    ],
)
def test_each_trouble_is_found_beyond_its_bound(read: Facts, wanted: tuple[Trouble, Severity, OwnReason, int]) -> None:
    """Severity, reason and beginning as they are documented."""
    assert only(follow(read, {})) == wanted


@pytest.mark.parametrize(
    "read",
    [
        facts(),
        facts(disk=Disk(100 * GIB, 1000 * GIB, 10, 100)),
        facts(disk=Disk(500 * MIB, 4 * GIB)),
        facts(disk=Disk(0, 0), unwritten_ms=T - 30_000),
        facts(oldest_unsent_ms=T - 300_000),
        facts(dark_ms=T - 30_000),
        facts(ways=(way("a", True), way("b", True))),
        facts(ways=(way("a", False, T - 15_000),)),
        facts(stepped_ms=T - 600_000, unsynchronised_ms=T - 599_999),
        facts(loops=(Loop("judging", 2), Loop("paging", 0))),
    ],
)
def test_nothing_is_found_at_a_bound(read: Facts) -> None:
    """What is just good enough is no trouble."""
    assert follow(read, {}) == {}


def test_a_dead_database_is_one_trouble() -> None:
    """That nothing is seen while nothing can be stored is not told beside it; that no reference answers is."""
    read = facts(dark_ms=T - 40_000, unwritten_ms=T - 40_000)
    assert list(follow(read, {})) == [Trouble.DATABASE]
    cut = facts(dark_ms=T - 40_000, unwritten_ms=T - 40_000, ways=(way("wan", is_seeing=False),))
    assert list(follow(cut, {})) == [Trouble.DATABASE, Trouble.BLIND]


def test_a_number_at_its_bound_does_not_flap() -> None:
    """Between the two thresholds a trouble stays what it was."""
    scale = Scale(Threshold(10, 12), Threshold(3, 4))
    graded, before = [], None
    for value in (11, 9.9, 11.9, 3.5, 2.9, 3.9, 4, 11.9, 12, 11):
        before = scale.grade(value, before)
        graded.append(before)
    assert graded == [None, WARNING, WARNING, WARNING, CRITICAL, CRITICAL, WARNING, WARNING, None, None]
    high = Scale(Threshold(300, 120), Threshold(1800, 600))
    assert high.grade(300, None) is None
    assert high.grade(121, WARNING) is WARNING
    assert high.grade(120, WARNING) is None
    assert gravest(None, WARNING, CRITICAL) is CRITICAL
    assert gravest(None, None) is None


def test_a_trouble_keeps_its_beginning_and_ends_after_a_calm() -> None:
    """Gone for a moment and back is one trouble: it keeps when it was known, which makes its identity."""
    known = follow(facts(unwritten_ms=T - 40_000), {})
    first = known[Trouble.DATABASE]
    known = follow(Facts(T + 1_000), known)
    assert known[Trouble.DATABASE].calm_ms == T + 1_000
    known = follow(Facts(T + 60_000, unwritten_ms=T + 20_000), known)
    again = known[Trouble.DATABASE]
    assert (again.known_ms, again.finding.since_ms, again.calm_ms) == (first.known_ms, T - 40_000, None)
    known = follow(Facts(T + 61_000), known)
    assert follow(Facts(T + 61_000 + CALM_MS - 1), known) == known
    assert follow(Facts(T + 61_000 + CALM_MS), known) == {}


def test_a_restart_does_not_end_the_trouble_of_a_clock_that_follows_no_other() -> None:
    """The kernel says so from the first look on; to wait ten minutes again would be a resolved and a page for nothing."""
    known = follow(facts(unsynchronised_ms=T - 600_000), {})
    later = T + 1_000
    known = follow(Facts(later, unsynchronised_ms=later), known)
    assert known[Trouble.CLOCK].calm_ms is None
    assert known[Trouble.CLOCK].finding.since_ms == T - 600_000
    assert follow(Facts(later + 600_000), follow(Facts(later), known)) == {}


def test_dead_letters_do_not_make_young_rows_old() -> None:
    """The margin of one reason is not another's."""
    known = follow(facts(dead_letters=1), {})
    known = follow(Facts(T, dead_letters=1, oldest_unsent_ms=T - 200_000), known)
    assert known[Trouble.OUTBOX].finding.reason is OwnReason.DEAD_LETTERS


def test_a_trouble_is_a_condition_and_back() -> None:
    """What is written down before a restart is known after it."""
    ((trouble, known),) = follow(facts(unwritten_ms=T - 40_000, unwritten="x" * 400), {}).items()
    condition = condition_of(trouble, known)
    assert (condition.key.subject, condition.key.kind, condition.key.name) == (
        COLLECTOR_SUBJECT, AlertKind.COLLECTOR, "database",
    )  # fmt: skip
    assert len(condition.detail) == 300
    back, again = known_of(condition)
    assert back is trouble
    assert (again.known_ms, again.finding.since_ms) == (known.known_ms, known.finding.since_ms)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 60_000), st.booleans()), max_size=30))
def test_what_is_true_is_always_told(steps: list[tuple[int, bool]]) -> None:
    """Whatever came before: a trouble that is true now is known now, and one that never was is not."""
    known: dict[Trouble, Known] = {}
    now_ms, ever = T, False
    for wait_ms, is_bad in steps:
        now_ms += wait_ms
        ever = ever or is_bad
        known = follow(Facts(now_ms, dark_ms=now_ms - 30_001 if is_bad else None), known)
        assert (Trouble.BLIND in known) >= is_bad
        assert ever or not known
