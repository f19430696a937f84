"""What follows from a failed attempt, when the second channel is asked, and what a receiver is owed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.alert import Severity
from collector.core.delivery import (
    LEADING,
    MOST_PAUSE_MS,
    MOST_WAIT_MS,
    Before,
    Failed,
    Past,
    Terms,
    backoff_ms,
    copy_for_fallback,
    hand_over_ms,
    is_owed,
    judge_failure,
)
from collector.core.notice import EventKind, Notice, OutboxRow, Outgoing, RowState

NOW = 1_800_000_000_000
TERMS = Terms("first", give_up_ms=3_600_000, fallback="second", confirm_ms=120_000, wanted=frozenset(EventKind))
REFUSED = Failed("refused", "refused: connection refused")


def row(
    event: EventKind = EventKind.FIRING, *, age_ms: int = 0, attempts: int = 1, fallback_ms: int | None = None
) -> OutboxRow:
    """A pending row of `first` whose attempt has just failed."""
    outgoing = Outgoing("i-1", "first", "i", 1, event, Notice(event, NOW - age_ms), Severity.CRITICAL, NOW - age_ms)
    return OutboxRow(7, outgoing, RowState.PENDING, attempts, fallback_ms=fallback_ms)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_backoff_doubles_up_to_its_ceiling(failures: int, chance: float) -> None:
    """It lies within a fifth of 1 s, 2 s, 4 s ... and never goes beyond a fifth over the ceiling, however many failures."""
    ceiling = min(MOST_WAIT_MS, 1_000 * 2 ** (failures - 1))
    assert 0.8 * ceiling - 1 <= backoff_ms(failures, chance) <= 1.2 * ceiling + 1
    assert backoff_ms(failures, chance, MOST_PAUSE_MS) <= 1.2 * MOST_PAUSE_MS


def test_a_passing_failure_is_tried_again_and_asks_nobody_else() -> None:
    """The row waits for its backoff; the second channel has to wait for the time to confirm."""
    verdict = judge_failure(row(attempts=3), REFUSED, TERMS, NOW, 0.5)
    assert (verdict.is_dead, verdict.next_ms, verdict.fallback) == (False, NOW + 4_000, None)


def test_a_permanent_failure_is_the_last_and_asks_the_second_channel() -> None:
    """At once, with the same event id and whose place it takes."""
    verdict = judge_failure(row(), Failed("rejected", "rejected: status 404", permanent=True), TERMS, NOW, 0.5)
    assert verdict.is_dead
    assert verdict.fallback is not None
    assert (verdict.fallback.event_id, verdict.fallback.receiver, verdict.fallback.first_receiver) == ("i-1", "second", "first")


@pytest.mark.parametrize("failure", ["auth", "settings"])
def test_what_a_person_must_mend_asks_the_second_channel_and_goes_on(failure: str) -> None:
    """A wrong token is no reason to lose a page, neither here nor there."""
    verdict = judge_failure(row(), Failed(failure, f"{failure}: no"), TERMS, NOW, 0.5)
    assert not verdict.is_dead
    assert verdict.fallback is not None
    again = judge_failure(row(attempts=2, fallback_ms=NOW), Failed(failure, f"{failure}: no"), TERMS, NOW, 0.5)
    assert (again.is_dead, again.fallback) == (False, None)


def test_giving_up() -> None:
    """What failed for as long as its receiver says is dead, and the second channel is asked with it unless it was; a test is
    given up earlier."""
    assert not judge_failure(row(age_ms=3_599_999), REFUSED, TERMS, NOW, 0.5).is_dead
    late = judge_failure(row(age_ms=3_600_000), REFUSED, TERMS, NOW, 0.5)
    assert late.is_dead
    assert late.fallback is not None
    assert judge_failure(row(age_ms=3_600_000, fallback_ms=NOW), REFUSED, TERMS, NOW, 0.5).fallback is None
    test = judge_failure(row(EventKind.TEST, age_ms=600_000), REFUSED, TERMS, NOW, 0.5)
    assert (test.is_dead, test.fallback) == (True, None)


def test_retry_after_is_obeyed() -> None:
    """A pause that the receiver asks for is kept, and backoff where that is longer."""
    busy = Failed("rate_limit", "rate_limit: status 429", retry_after_s=90.0)
    assert judge_failure(row(), busy, TERMS, NOW, 0.5).next_ms == NOW + 90_000
    assert judge_failure(row(attempts=20), busy, TERMS, NOW, 0.5).next_ms == NOW + MOST_WAIT_MS


@pytest.mark.parametrize("event", EventKind)
def test_when_the_second_channel_is_asked(event: EventKind) -> None:
    """With what stands by itself after the time to confirm; with what follows something that it was told at once."""
    assert hand_over_ms(row(event), TERMS) == (NOW + 120_000 if event in LEADING else 0)


def test_no_second_channel() -> None:
    """None is asked where there is none, where it is the first itself, and with what it does not want."""
    unwanted = Terms("first", fallback="second", wanted=frozenset({EventKind.RESOLVED}))
    itself = Terms("first", fallback="first", wanted=frozenset(EventKind))
    for terms in (Terms("first", wanted=frozenset(EventKind)), itself, unwanted):
        assert copy_for_fallback(row(), terms, NOW) is None


def past(event: EventKind, state: RowState, error: str = "") -> Past:
    return Past(event, state, error)


FIRED = past(EventKind.FIRING, RowState.DELIVERED)
LOST = past(EventKind.FIRING, RowState.DEAD, "refused: connection refused")
UNSURE = past(EventKind.FIRING, RowState.DEAD, "timeout: no whole answer within 10 s")
OVER = past(EventKind.RESOLVED, RowState.DELIVERED)
UNHEARD = past(EventKind.RESOLVED, RowState.DEAD, "refused: connection refused")
REMINDED = past(EventKind.REMINDER, RowState.DELIVERED)


@pytest.mark.parametrize(
    ("rows", "owed"),
    [
        ((FIRED,), True),
        ((LOST,), False),
        ((UNSURE,), True),
        ((LOST, REMINDED), True),
        ((FIRED, LOST), True),
        ((FIRED, OVER, LOST), False),
        ((FIRED, UNHEARD, LOST), True),
        ((FIRED, OVER, FIRED), True),
        ((past(EventKind.UPDATE, RowState.DELIVERED), LOST), False),
        ((past(EventKind.FIRING, RowState.DROPPED, ""),), False),
        ((), True),
    ],
)
def test_a_resolved_is_owed_to_whom_may_have_got_its_firing(rows: tuple[Past, ...], owed: bool) -> None:
    """Never before a firing, and never missing after one, also after one that may have arrived though nobody confirmed."""
    assert is_owed(EventKind.RESOLVED, Before(rows, is_handed=False)) is owed
    assert is_owed(EventKind.FIRING, Before(rows, is_handed=False))
