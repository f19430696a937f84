"""Up, unknown, or down by silence: SPEC 3.5 and 3.6, rule by rule. Times in seconds for the eye, interval 15, TTL 37.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.life import Blind, Judgement, Life, judge, live_on, ttl_ms
from collector.core.state import State, Why

UP, DOWN, UNKNOWN = State.UP, State.DOWN, State.UNKNOWN


def life(since: float, last: float, interval: float = 15) -> Life:
    return Life(int(since * 1000), int(last * 1000), int(interval * 1000))


def ask(seen: Life | None, now: float, *blinds: tuple[float, float], silence: str = "down") -> tuple[State, float, Why]:
    found = judge(seen, [Blind(int(a * 1000), int(b * 1000)) for a, b in blinds], silence, int(now * 1000))
    return found.state, found.since_ms / 1000, found.why


def test_r5_6_before_the_first_report_the_state_is_unknown() -> None:
    assert ask(None, 1000) == (UNKNOWN, 0, Why.NEVER)
    assert ask(None, 1000, (0, 900)) == (UNKNOWN, 0, Why.NEVER)


@pytest.mark.parametrize("now", [1000, 1015, 1037, 1037.5])
def test_r5_1_a_report_holds_for_its_ttl(now: float) -> None:
    assert ask(life(500, 1000), now) == (UP, 500, Why.REPORTING)


@pytest.mark.parametrize("now", [1037.501, 1045, 5000])
def test_r6_3_silence_is_down_from_the_first_missed_due_instant(now: float) -> None:
    assert ask(life(500, 1000), now) == (DOWN, 1015, Why.SILENT)


def test_r6_3_silence_is_unknown_where_inventory_says_so() -> None:
    assert ask(life(500, 1000), 1038, silence="unknown") == (UNKNOWN, 1015, Why.SILENT)
    assert ask(life(500, 1000), 1037, silence="unknown") == (UP, 500, Why.REPORTING)


def test_r5_4_a_restart_that_fits_inside_the_ttl_costs_nothing() -> None:
    assert ask(life(500, 1000), 1030, (1005, 1025)) == (UP, 500, Why.REPORTING)


def test_r6_2_due_instants_in_blind_time_are_not_missed() -> None:
    # Blind over the due instants 1015 and 1030: the first that could be missed is 1045.
    seen, blind = life(500, 1000), (1010, 1040)
    assert ask(seen, 1041, blind) == (UNKNOWN, 1010, Why.BLIND)
    assert ask(seen, 1067.5, blind) == (UNKNOWN, 1010, Why.BLIND)
    assert ask(seen, 1067.501, blind) == (DOWN, 1045, Why.SILENT)


def test_r5_2_blindness_ends_the_hold_early_and_unknown_lasts_from_there() -> None:
    assert ask(life(500, 1000), 1068, (1010, 1040), silence="unknown") == (UNKNOWN, 1010, Why.SILENT)


def test_r6_2_blindness_before_silence_is_confirmed_puts_the_accusation_off() -> None:
    # Due at 1015, but nobody looked from 1020 to 1060: watch again from the next due instant.
    seen, blind = life(500, 1000), (1020, 1060)
    assert ask(seen, 1070, blind) == (UNKNOWN, 1020, Why.BLIND)
    assert ask(seen, 1082.501, blind) == (DOWN, 1060, Why.SILENT)


def test_r6_2_a_due_instant_at_the_end_of_blindness_counts() -> None:
    # Half-open (R1.4): blind until 1030 sees what is due at 1030.
    assert ask(life(500, 1000), 1060, (1010, 1030)) == (DOWN, 1030, Why.SILENT)


def test_r6_3_blindness_after_confirmation_does_not_move_the_onset() -> None:
    assert ask(life(500, 1000), 2000, (1100, 1900)) == (DOWN, 1015, Why.SILENT)


def test_r5_2_blindness_that_began_before_the_last_report_does_not_cut_its_hold() -> None:
    # A late report from within blind time still holds for its TTL.
    seen, blind = life(500, 1000), (900, 1100)
    assert ask(seen, 1030, blind) == (UP, 500, Why.REPORTING)
    assert ask(seen, 1110, blind) == (UNKNOWN, 1037.5, Why.BLIND)
    assert ask(seen, 1128, blind) == (DOWN, 1105, Why.SILENT)


def test_r6_2_several_blind_records() -> None:
    seen, blinds = life(500, 1000), [(1010, 1040), (1050, 1055), (1200, 1300)]
    assert ask(seen, 1060, *blinds) == (UNKNOWN, 1010, Why.BLIND)
    assert ask(seen, 1100, *blinds) == (DOWN, 1060, Why.SILENT)


def test_r5_1_a_run_of_reports_breaks_where_the_gap_exceeds_the_ttl() -> None:
    first = live_on(None, 1_000_000, 15_000)
    assert live_on(first, 1_037_500, 15_000) == Life(1_000_000, 1_037_500, 15_000)
    assert live_on(first, 1_037_501, 15_000) == Life(1_037_501, 1_037_501, 15_000)
    assert live_on(first, 999_000, 15_000) is first, "older evidence changes nothing"


def test_r5_1_a_report_without_interval_has_the_default_one() -> None:
    assert ttl_ms(0) == 37_500
    assert ask(life(500, 1000, interval=0), 1038) == (DOWN, 1015, Why.SILENT)


_blinds = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 200)).map(lambda pair: Blind(pair[0] * 1000, sum(pair) * 1000)), max_size=5
).map(sorted)
_now = st.integers(100_000, 1_000_000)


def _at(now: int, blinds: list[Blind], silence: str) -> Judgement:
    return judge(Life(50_000, 100_000, 15_000), blinds, silence, now)


@given(_blinds, _now)
def test_r6_2_nobody_is_accused_without_a_due_instant_that_was_watched(blinds: list[Blind], now: int) -> None:
    """Down only if after the onset the collector could see until the silence was confirmed, by brute force."""
    found = _at(now, blinds, "down")
    due = next(
        (
            t
            for t in range(115_000, 2_000_000, 15_000)
            if not any(blind.from_ms <= t + 22_500 and blind.until_ms > t for blind in blinds)
        ),
        0,
    )
    if now <= 137_500:
        assert found == Judgement(UP, 50_000, Why.REPORTING)
    elif now > due + 22_500:
        assert found == Judgement(DOWN, due, Why.SILENT)
    else:
        assert (found.state, found.why) == (UNKNOWN, Why.BLIND)


@given(_blinds, _now)
def test_the_present_state_never_begins_in_the_future(blinds: list[Blind], now: int) -> None:
    for silence in ("down", "unknown"):
        assert _at(now, blinds, silence).since_ms <= now


@given(_blinds, _now, st.integers(0, 10**9))
def test_shifting_all_times_shifts_the_answer(blinds: list[Blind], now: int, shift: int) -> None:
    """SPEC 3.18, invariant 8."""
    moved = judge(
        Life(50_000 + shift, 100_000 + shift, 15_000),
        [Blind(blind.from_ms + shift, blind.until_ms + shift) for blind in blinds],
        "down",
        now + shift,
    )
    here = _at(now, blinds, "down")
    assert (moved.state, moved.since_ms - shift, moved.why) == (here.state, here.since_ms, here.why)


@given(_blinds, _now, _now)
def test_silence_once_confirmed_stays_and_keeps_its_onset(blinds: list[Blind], one: int, other: int) -> None:
    early, later = sorted((one, other))
    if _at(early, blinds, "down").state is DOWN:
        assert _at(later, blinds, "down") == _at(early, blinds, "down")
