"""Packed spans come back as they were, and the chain tells when something in it was touched (R17.4)."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Kind, Lane, Outcome, Reason
from collector.core.details import NOTHING, Details
from collector.core.evidence import Evidence, Grade, Run, TimeQuality, extend, start_run
from collector.core.sealing import (
    Link,
    configuration_digest,
    day_digest,
    evidence_digest,
    link,
    linkable,
    pack,
    run_bytes,
    seal_month,
    unpack,
    verify,
)
from collector.core.state import Span, State, View, Why

T = 1_700_000_000_000
DAY = 86_400_000
UP, DOWN = (State.UP, Why.REPORTING), (State.DOWN, Why.SILENT)


@st.composite
def timelines(draw: st.DrawFn) -> list[Span]:
    at_ms, out = T + draw(st.integers(0, DAY)), []
    for _ in range(draw(st.integers(0, 40))):
        at_ms += draw(st.sampled_from([0, 0, 0, 1, 3_600_000]))
        end_ms = at_ms + draw(st.integers(1, DAY))
        out.append(Span(at_ms, end_ms, draw(st.sampled_from(list(State))), draw(st.sampled_from(list(Why)))))
        at_ms = end_ms
    return out


@given(timelines())
def test_packed_spans_come_back(spans: list[Span]) -> None:
    blob = pack(spans, T)
    assert unpack(blob, T) == spans
    assert len(blob) <= 4 + 10 * len(spans)


def test_every_state_and_reason_has_a_code_of_its_own() -> None:
    for state, why in itertools.product(State, Why):
        spans = [Span(T, T + 1, state, why)]
        assert unpack(pack(spans, T), T) == spans


def test_codes_are_for_years() -> None:
    """Bytes that were packed by an older program: this test may only be added to."""
    assert pack([Span(T, T + 1_000, *UP), Span(T + 2_000, T + 2_600_000_000, *DOWN)], T).hex() == (
        "00000000e8030000d007000000daf89a01ff43"
    )
    assert unpack(bytes.fromhex("0000000001000000" + "91"), T) == [Span(T, T + 1, State.UNKNOWN, Why.STATED)]


@pytest.mark.parametrize(
    "spans",
    [
        [Span(T - 1, T + 1, *UP)],
        [Span(T, T, *UP)],
        [Span(T, T + 5, *UP), Span(T + 4, T + 9, *UP)],
        [Span(T, T + 50 * DAY, *UP)],
    ],
    ids=["before", "empty", "overlapping", "too_long"],
)
def test_spans_that_do_not_fit_are_refused(spans: list[Span]) -> None:
    with pytest.raises(ValueError, match="expected order from 1700000000000 on"):
        pack(spans, T)


@pytest.mark.parametrize("blob", [b"\0" * 4, b"\0" * 8, b"\0" * 11])
def test_bytes_that_are_no_spans_are_refused(blob: bytes) -> None:
    with pytest.raises(ValueError, match="expected 4 and 5 a span"):
        unpack(blob, T)


def test_a_month_has_both_views() -> None:
    device, e2e = [Span(T, T + 9, *UP)], [Span(T, T + 9, *DOWN)]
    month = seal_month("web1", "2023-11", (T, T + 9), device, e2e)
    assert (month.spans(View.DEVICE), month.spans(View.E2E), month.upto_ms) == (device, e2e, T + 9)


def chain(count: int = 6) -> list[Link]:
    links: list[Link] = []
    for n in range(count):
        span = (T + n * DAY, T + (n + 1) * DAY, T + (n + 2) * DAY)
        links.append(link(links[-1] if links else None, "day", f"2023-11-{n + 15}", span, (bytes([n]) * 32, b"e" * 32)))
    return links


def test_r17_4_a_whole_chain_is_content() -> None:
    assert verify(chain()) is None
    assert verify([]) is None


@pytest.mark.parametrize("field", [name for name in Link.__struct_fields__ if name != "number"])
def test_r17_4_whatever_is_altered_in_a_link_is_found(field: str) -> None:
    links = chain()
    value = getattr(links[2], field)
    other: Any = value + 1 if isinstance(value, int) else value + value[:1]
    links[2] = msgspec.structs.replace(links[2], **{field: other})
    assert verify(links) == 3


def test_r17_4_a_link_that_was_taken_out_put_in_or_moved_is_found() -> None:
    links = chain()
    assert verify(links[1:]) == 1
    assert verify([*links[:3], *links[4:]]) == 4
    assert verify([links[0], links[0], *links[1:]]) == 2
    assert verify([links[0], links[2], links[1], *links[3:]]) == 2


def test_r17_4_a_forged_link_with_a_hash_of_its_own_breaks_the_next_one() -> None:
    links = chain()
    old = links[2]
    links[2] = link(links[1], old.kind, old.name, (old.from_ms, old.until_ms, old.known_ms), (b"x" * 32, old.evidence))
    assert verify(links) == 4


def test_r17_4_a_days_digest_is_of_that_day_alone() -> None:
    spans = [Span(T, T + 2 * DAY, *UP), Span(T + 2 * DAY, T + 3 * DAY, *DOWN)]
    longer = [Span(T - 9, T + 2 * DAY, *UP), Span(T + 2 * DAY, T + 9 * DAY, *UP)]
    day = (T + DAY, T + 2 * DAY)

    def digest(name: str, e2e: list[Span], period: tuple[int, int], beside: Details = NOTHING) -> bytes:
        first = seal_month(name, "2023-11", (T - 9, T + 9 * DAY), spans, e2e, beside=(NOTHING, beside))
        other = seal_month("z", "2023-11", (T - 9, T + 9 * DAY), spans, spans)
        found = day_digest([first, other], *period)
        assert found == day_digest([other, first], *period), "in whatever order they are read"
        return found

    assert digest("a", spans, day) == digest("a", longer, day)
    next_day = (T + 2 * DAY, T + 3 * DAY)
    assert digest("a", spans, next_day) != digest("a", longer, next_day)
    assert digest("a", spans, day) != digest("b", spans, day)
    failed = Details(((T + DAY, T + DAY + 9),), ((T + 2 * DAY, T + 2 * DAY + 9),))
    assert digest("a", spans, day) != digest("a", spans, day, failed), "R4.3"
    assert digest("a", spans, next_day) != digest("a", spans, next_day, failed), "R4.1"
    assert digest("a", spans, (T + 3 * DAY, T + 4 * DAY)) == digest("a", spans, (T + 3 * DAY, T + 4 * DAY), failed)


def test_r17_4_the_configuration_digest_does_not_depend_on_order() -> None:
    assert configuration_digest([("a", b"1"), ("b", b"2")]) == configuration_digest([("b", b"2"), ("a", b"1")])
    assert configuration_digest([("a", b"1"), ("b", b"2")]) != configuration_digest([("a", b"2"), ("b", b"1")])


FIRST = Evidence(
    "web1", "web1", "heartbeat", Kind.REPORT, T, T + 20, Outcome.OK, Reason.NONE, "", 15_000, "stream", "boot", Lane.FACTS, 7,
    60_000, 60_000, T, Grade.LIVE, TimeQuality.MEASURED,
)  # fmt: skip


@st.composite
def growth(draw: st.DrawFn) -> list[Evidence]:
    """Reports of one run around the end of a day, live or in batches from the spool, some of them delayed."""
    late = draw(st.booleans())
    outcome = draw(st.sampled_from([Outcome.OK, Outcome.OK, Outcome.FAILED]))
    t_ms, rx_ms, batch_ms, out = T + DAY - draw(st.integers(0, 40)) * 15_000, 0, T + DAY, []
    for n in range(draw(st.integers(1, 60))):
        t_ms += draw(st.integers(14_000, 22_500))
        batch_ms += draw(st.sampled_from([0, 0, 0, 5_000, 1_800_000]))
        rx_ms = max(rx_ms, t_ms + 40_000, batch_ms) if late else max(rx_ms, t_ms + draw(st.sampled_from([20, 9_000, 25_000])))
        grade = Grade.LATE if late else Grade.LIVE
        if not late and rx_ms - t_ms > 30_000:
            break
        uptime = 60_000 + t_ms - T
        out.append(
            msgspec.structs.replace(
                FIRST, t_ms=t_ms, rx_ms=rx_ms, seq=n + 1, outcome=outcome, grade=grade, uptime_ms=uptime, awake_ms=uptime
            )
        )
    return out


def test_r17_4_a_day_is_linked_when_nothing_live_about_it_can_come_any_more() -> None:
    assert linkable(T, T + 89_999, 30_000) is None
    assert linkable(T, T + 90_000, 30_000) == T + 30_000
    assert linkable(T, T + 9 * DAY, 30_000) == T + 9 * DAY - 60_000


@settings(max_examples=300, deadline=None)
@given(growth(), st.sampled_from([0, 0, 1, 60_000, 7_200_000]))
def test_r17_4_evidence_of_a_linked_day_stays_the_same_while_its_runs_grow(members: list[Evidence], wait_ms: int) -> None:
    until_ms = T + DAY
    known_ms = until_ms + 30_000 + wait_ms
    linked: bytes | None = None
    run: Run | None = None
    for one in members:
        longer = extend(run, one) if run is not None else start_run(one)
        if longer is None:
            break
        if one.rx_ms > known_ms and linked is None:
            linked = run_bytes(run, until_ms, known_ms) if run is not None else b""
        run = longer
        if linked is not None:
            assert run_bytes(run, until_ms, known_ms) == linked


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": Outcome.FAILED}, {"last_t_ms": T + 15_001}, {"count": 3}, {"boot": "other"}, {"first_t_ms": T + 1},
        {"detail": "x"}, {"id": 2}, {"grade": Grade.LATE}, {"first_rx_ms": T + 21}, {"first_uptime_ms": 1},
    ],
    ids=str,
)  # fmt: skip
def test_r17_4_whatever_is_altered_in_evidence_changes_the_digest(change: dict[str, Any]) -> None:
    run = extend(start_run(FIRST), msgspec.structs.replace(FIRST, t_ms=T + 15_000, rx_ms=T + 15_020, seq=8))
    assert run is not None
    before = evidence_digest([run], T + DAY, T + 2 * DAY)
    assert evidence_digest([msgspec.structs.replace(run, **change)], T + DAY, T + 2 * DAY) != before
    assert evidence_digest([], T + DAY, T + 2 * DAY) != before
    assert evidence_digest([run], T, T + DAY) == evidence_digest([], T, T + DAY), "it began after that day"
