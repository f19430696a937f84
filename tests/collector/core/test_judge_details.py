"""What the judge tells for closed days: outages of a silence that goes on, and until when its word stands (R4.1, R6.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Kind
from collector.core.details import Details
from collector.core.judge import Judge
from collector.core.state import View
from tests.collector.core.judging import MS, PROBE, PUSH_DOWN, every, judged, marker, obs, report, reports, told


def test_r4_1_r6_2_a_silence_that_goes_on_has_its_hard_instant_as_of_k() -> None:
    """As soon as the TTL was waited for, and the same when a report ends it."""
    judge = judged(reports(0, 600), PUSH_DOWN)
    assert judge.confirmed(View.DEVICE, 740 * MS) == []
    before = told(judge, 3_000)
    assert judge.confirmed(View.DEVICE, 3_000 * MS) == [(660 * MS, 750 * MS)]
    assert judge.confirmed(View.DEVICE) == [], "it may yet turn out that nothing was missed"
    assert told(judge, 3_000) == before, "asking changes nothing"
    judge.see(report(3_000))
    assert judge.confirmed(View.DEVICE) == [(660 * MS, 750 * MS)]


def test_r4_3_details_of_a_period_are_clipped_as_spans_are() -> None:
    judge = judged([*every(0, 300), obs(360, "fail"), obs(420, "fail"), *every(480, 600), *every(660, 900, "fail")], PROBE)
    whole = Details(((360 * MS, 480 * MS),), ((660 * MS, 780 * MS),))
    assert judge.details(View.DEVICE, 0, 1_000 * MS, 1_000 * MS) == whole
    assert judge.details(View.E2E, 0, 400 * MS, 1_000 * MS) == Details(((360 * MS, 400 * MS),))
    assert judge.details(View.DEVICE, 700 * MS, 1_000 * MS, 1_000 * MS) == Details()


@pytest.mark.parametrize(
    ("judge", "settled"),
    [
        (judged([], PUSH_DOWN), None),
        (judged(reports(0, 600), PUSH_DOWN), 600),
        (judged(every(0, 600), PROBE), 600),
        (judged([*every(0, 600), obs(660, "fail"), obs(720, "fail")], PROBE), 660),
        (judged([*every(0, 600), *every(660, 780, "fail")], PROBE), 780),
        (judged([*every(0, 600), *reports(0, 300, "b1")], PROBE), 300),
        (judged([*every(0, 600), *every(0, 480, module="http")], PROBE), 480),
    ],
    ids=["nothing", "reports", "probes", "pending", "confirmed", "boot", "slowest"],
)
def test_until_when_the_word_of_a_judge_stands(judge: Judge, settled: float | None) -> None:
    found = judge.settled_ms()
    assert found < 0 if settled is None else found == settled * MS


later = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from(["ok", "fail", "report", "b1", "b2", "start"])), min_size=1, max_size=8
)


@given(later, st.sampled_from([PROBE, PUSH_DOWN]), st.integers(0, 5), st.data())
def test_what_is_settled_stays_whatever_comes_next(
    steps: list[tuple[int, str]], how: object, fails: int, data: st.DataObject
) -> None:
    """R4.4, R6.3, R8.2, R9.2: evidence about later times changes nothing before."""
    begun = [*every(0, 600), *every(660, 600 + 60 * fails, "fail"), *reports(0, data.draw(st.sampled_from([300, 600])), "b1")]
    judge = judged(begun, how)  # type: ignore[arg-type]
    settled_ms = judge.settled_ms()
    views = [(judge.spans(view, 0, settled_ms), judge.details(view, 0, settled_ms, settled_ms)) for view in View]
    t = 600.0 + 60 * fails
    for minutes, what in steps:
        t += 60 * minutes
        if what in ("ok", "fail"):
            judge.see(obs(t, what))
        elif what == "start":
            judge.see(marker(Kind.AGENT_START, t, "b3"))
        else:
            judge.see(report(t, what if what != "report" else "b1"))
        known_ms = int(t * MS) + 1
        again = [judge.spans(view, 0, settled_ms, known_ms=known_ms) for view in View]
        assert again == [spans for spans, _ in views]
        assert [judge.details(view, 0, settled_ms, known_ms) for view in View] == [kept for _, kept in views]
