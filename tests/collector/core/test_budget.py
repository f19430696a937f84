"""Burn rates and their alerts (3.14)."""

from __future__ import annotations

from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from collector.core.budget import ALERTS, WINDOWS, Burn, burn, burns, firing, pooled
from collector.core.figures import Question
from collector.core.policy import POLICIES
from collector.core.state import Span, State, Why

MINUTE = 60_000
HOUR = 60 * MINUTE
SLO = Fraction(999, 1000)
NOW = 100 * HOUR
ASKED = Question((0, 1000 * HOUR), POLICIES["device_contract"], SLO, known_ms=NOW)


def history(*outages: tuple[int, int]) -> list[Span]:
    """Up but for outages, from 0 to now."""
    out: list[Span] = []
    at = 0
    for a, b in outages:
        out += [Span(at, a, State.UP, Why.OBSERVED), Span(a, b, State.DOWN, Why.OBSERVED)]
        at = b
    return [*out, Span(at, NOW, State.UP, Why.OBSERVED)] if at < NOW else out


def test_r14_4_one_bad_minute_is_200_on_five() -> None:
    """One binary target: the burn alert equals the down alert."""
    spans = history((NOW - MINUTE, NOW))
    assert burn(spans, ASKED, NOW - 5 * MINUTE, NOW).rate == 200


def test_r14_3_limits_and_windows() -> None:
    """14.4 on 1 h and 5 min, 6 on 6 h and 30 min, 1 on 3 d and 6 h."""
    assert [(one.name, one.limit, one.long_ms, one.short_ms) for one in ALERTS] == [
        ("page_fast", Fraction(72, 5), HOUR, 5 * MINUTE),
        ("page_slow", 6, 6 * HOUR, 30 * MINUTE),
        ("ticket", 1, 72 * HOUR, 6 * HOUR),
    ]
    assert len(WINDOWS) == 5


def test_r14_3_both_windows_must_exceed() -> None:
    """A fresh outage of a minute pages; ten minutes after it ended the short window has forgotten it, the ticket stays."""
    assert firing(burns(history((NOW - MINUTE, NOW)), ASKED, NOW)) == {"page_fast": True, "page_slow": False, "ticket": False}
    long_ago = history((NOW - 20 * MINUTE, NOW - 10 * MINUTE))
    assert firing(burns(long_ago, ASKED, NOW)) == {"page_fast": False, "page_slow": True, "ticket": True}
    assert firing(burns(history(), ASKED, NOW)) == dict.fromkeys(("page_fast", "page_slow", "ticket"), False)


def test_r14_3_exactly_the_limit_does_not_fire() -> None:
    """`exceed` is meant: 14.4 itself is quiet, a millisecond more is not."""
    limit = ALERTS[0].limit
    assert not Burn(144, 10_000, SLO).exceeds(limit)
    assert Burn(145, 10_000, SLO).exceeds(limit)


def test_r14_2_nothing_known_neither_fires_nor_resolves() -> None:
    """Unknown time has no denominator: null, and None where it matters."""
    spans = [Span(0, NOW - HOUR, State.UP, Why.OBSERVED), Span(NOW - HOUR, NOW, State.UNKNOWN, Why.BLIND)]
    rates = burns(spans, ASKED, NOW)
    assert rates[HOUR].rate is None
    assert rates[6 * HOUR].rate == 0
    assert firing(rates) == {"page_fast": None, "page_slow": None, "ticket": False}


def test_an_objective_of_100_has_no_budget_and_no_number() -> None:
    """Any bad time is above every limit; nothing is divided by zero."""
    asked = msgspec.structs.replace(ASKED, slo=Fraction(1))
    spoiled, clean = (burn(history(*one), asked, NOW - HOUR, NOW) for one in ([(NOW - 1, NOW)], []))
    assert (spoiled.rate, spoiled.exceeds(Fraction(144, 10))) == (None, True)
    assert (clean.rate, clean.exceeds(Fraction(1))) == (None, False)


def test_r14_2_windows_and_hours_are_out_of_both_sides() -> None:
    """A counted window burns nothing, and does not dilute even where the policy calls it good."""
    spans = history((NOW - 30 * MINUTE, NOW))
    asked = msgspec.structs.replace(ASKED, windows=[(NOW - 20 * MINUTE, NOW)])
    assert burn(spans, asked, NOW - HOUR, NOW) == Burn(10 * MINUTE, 40 * MINUTE, SLO)
    lenient = msgspec.structs.replace(asked, policy=POLICIES["maintenance_as_up"])
    assert burn(spans, lenient, NOW - HOUR, NOW) == Burn(10 * MINUTE, 40 * MINUTE, SLO)
    closed = msgspec.structs.replace(ASKED, hours=[(0, NOW - HOUR)])
    assert burn(spans, closed, NOW - HOUR, NOW).rate is None


def test_r14_4_pools_add_seconds() -> None:
    """A group's burn is of its pooled seconds, weighted."""
    assert pooled([(2, Burn(1, 10, SLO)), (1, Burn(0, 30, SLO))], Fraction(9, 10)) == Burn(2, 50, Fraction(9, 10))
    assert pooled([], SLO).rate is None


@given(st.integers(0, NOW - 1), st.integers(1, 50 * HOUR))
def test_burn_is_additive(start: int, length: int) -> None:
    """Two halves of a window hold what the window holds, though only the spans around it are looked at."""
    spans = history((start, min(NOW, start + length)))
    a, middle = NOW - 72 * HOUR, NOW - 31 * HOUR
    halves = burn(spans, ASKED, a, middle), burn(spans, ASKED, middle, NOW)
    assert pooled([(1, one) for one in halves], SLO) == burn(spans, ASKED, a, NOW)
