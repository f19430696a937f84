"""What a stored run told as of any K is what the single reports known then told (R1.3)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.model import Kind, Lane, Outcome, Reason
from collector.core.evidence import Evidence, Grade, Run, TimeQuality, extend, start_run
from collector.core.judge import judge_all
from collector.core.state import View
from collector.core.stretch import BlindSpan, Result, Stretch
from collector.core.subject import Rules, Sign, Timetable
from collector.core.waypoints import blind_at, known_at, stretch_at, stretch_of

T = 1_700_000_000_000
INTERVAL = 15_000
FIRST = Evidence(
    "web1", "web1", "heartbeat", Kind.REPORT, T, T + 20, Outcome.OK, Reason.NONE, "", INTERVAL, "stream", "boot", Lane.FACTS, 7,
    60_000, 50_000, T + 3_600_000, Grade.LIVE, TimeQuality.MEASURED,
)  # fmt: skip


def evidence(**fields: Any) -> Evidence:
    return msgspec.structs.replace(FIRST, **fields)


def store(arriving: list[Evidence]) -> list[tuple[Run, list[Evidence]]]:
    """Runs and what went into each, with three that may grow side by side as in the intake."""
    closed: list[tuple[Run, list[Evidence]]] = []
    slots: list[tuple[Run, list[Evidence]]] = []
    for one in arriving:
        for index, (run, members) in enumerate(slots):
            longer = extend(run, one)
            if longer is not None:
                slots[index] = (longer, [*members, one])
                break
        else:
            slots.insert(0, (start_run(one), [one]))
            closed += slots[3:]
            del slots[3:]
    return closed + slots


@st.composite
def arrivals(draw: st.DrawFn) -> list[Evidence]:
    """Reports of one module in the order in which they came: live ones, delayed ones, batches from the spool, gaps, sleep."""
    rx_ms, seq, t_ms, asleep = T, 0, T, 0
    out: list[Evidence] = []
    outcome = Outcome.OK
    for _ in range(draw(st.integers(1, 12))):
        late = draw(st.booleans())
        outcome = draw(st.sampled_from([Outcome.OK, Outcome.OK, outcome, *Outcome]))
        asleep += draw(st.sampled_from([0, 0, 0, 5_000]))
        t_ms += draw(st.sampled_from([0, INTERVAL, 40_000, 100_000]))
        count = draw(st.integers(1, 30))
        delay = draw(st.integers(0, 25_000)) if draw(st.booleans()) else draw(st.integers(0, 40))
        batch = draw(st.integers(1, 12))
        rx_ms = max(rx_ms, t_ms + 40_000 + count * INTERVAL) if late else max(rx_ms, t_ms)
        for n in range(count):
            seq += 1
            if late:
                rx_ms += 700 if n % batch == 0 else 0
            else:
                rx_ms = max(rx_ms, t_ms + delay)
            grade = Grade.LIVE if rx_ms - t_ms <= 30_000 else Grade.LATE
            uptime = t_ms - T + 60_000
            out.append(
                evidence(
                    t_ms=t_ms, rx_ms=rx_ms, seq=seq, outcome=outcome, grade=grade, uptime_ms=uptime, awake_ms=uptime - asleep
                )
            )
            t_ms += INTERVAL + draw(st.integers(-30, 30)) if draw(st.integers(0, 9)) else INTERVAL
    return out


def whens(arriving: list[Evidence]) -> list[int]:
    """Every K at which something changes, and just before."""
    return sorted({rx + d for one in arriving for rx in (one.rx_ms,) for d in (-1, 0, 4_000)})


@settings(max_examples=150, deadline=None)
@given(arrivals())
def test_r1_3_at_every_k_a_run_tells_what_its_reports_known_then_told(arriving: list[Evidence]) -> None:
    for run, members in store(arriving):
        assert run.count == len(members)
        for known_ms in whens(members):
            known = [one for one in members if one.rx_ms <= known_ms]
            assert known == members[: len(known)], "what is known is a beginning of the run"
            found = stretch_at(run, known_ms)
            if not known or run.outcome is Outcome.ERROR:
                assert found is None
                continue
            assert found is not None
            check(found, run, known, known_ms)


def check(found: Stretch, run: Run, known: list[Evidence], known_ms: int) -> None:
    """Exact, but for the end of a live good run that goes on: there the hold of the last one known reaches K."""
    assert (found.first_ms, found.live) == (known[0].t_ms, known[0].grade is Grade.LIVE)
    if found.result is Result.FAIL and len(known) > 1:
        assert found.times == tuple(one.t_ms for one in known)
    if run.outcome is not Outcome.OK or run.grade is not Grade.LIVE or len(known) < 8 or run.last_rx_ms <= known_ms:
        assert (found.count, found.last_ms) == (len(known), known[-1].t_ms)
        return
    last_ms = known[-1].t_ms
    assert 8 <= found.count < run.count
    assert last_ms <= found.last_ms <= min(run.last_t_ms, known_ms)
    assert (found.last_ms - last_ms) * 2 <= INTERVAL * 3
    if found.last_ms > last_ms:
        assert (known_ms - last_ms) * 2 <= INTERVAL * 3


def test_r1_3_a_live_good_run_is_told_with_as_many_samples_as_it_had() -> None:
    members = [evidence(t_ms=T + n * INTERVAL, rx_ms=T + n * INTERVAL + 20, seq=n + 7) for n in range(1_000)]
    [(run, _)] = store(members)
    for known_ms in range(T + 20, T + 1_001 * INTERVAL, 97_000):
        found = stretch_at(run, known_ms)
        assert found is not None
        assert abs(found.count - sum(one.rx_ms <= known_ms for one in members)) <= 1


@settings(max_examples=100, deadline=None)
@given(arrivals())
def test_r1_3_what_is_known_at_k_does_not_change_when_the_run_grows(arriving: list[Evidence]) -> None:
    """Sealed days are digested by it: kept samples are only ever added to."""
    for run, members in store(arriving):
        half = start_run(members[0])
        for one in members[1 : len(members) // 2]:
            longer = extend(half, one)
            assert longer is not None
            half = longer
        for known_ms in whens(members[: half.count]):
            before, after = known_at(half, known_ms), known_at(run, known_ms)
            if before is None or known_ms >= half.last_rx_ms:
                continue
            assert after is not None
            assert before.marks == after.marks[: len(before.marks)]


RULES = {
    Kind.REPORT: [
        Rules(sign=Sign.PUSH, silence_is_down=True),
        Rules(sign=Sign.PUSH, ttl_tenths=15, accept_uptime_evidence=False),
    ],
    Kind.OBS: [Rules(sign=Sign.PROBE), Rules(sign=Sign.PROBE, recover_after=3, ttl_tenths=60)],
}


@settings(max_examples=150, deadline=None)
@given(arrivals(), st.sampled_from([Kind.REPORT, Kind.OBS]), st.integers(0, 1), st.integers(0, 400))
def test_r1_3_runs_and_single_reports_give_the_same_spans_at_every_k(
    arriving: list[Evidence], kind: Kind, variant: int, drawn: int
) -> None:
    """The judge answers alike from stored runs and from what came, one by one, whatever the K and the TTL."""
    observer = "web1" if kind is Kind.REPORT else "collector"
    arriving = [msgspec.structs.replace(one, kind=kind, observer=observer) for one in arriving]
    known_ms = arriving[drawn % len(arriving)].rx_ms + drawn * 37
    rules = Timetable.always(RULES[kind][variant])
    single = [found for one in arriving if one.rx_ms <= known_ms and (found := stretch_of(one)) is not None]
    stored = [found for run, _ in store(arriving) if (found := stretch_at(run, known_ms)) is not None]
    exact, judged = judge_all(single, [], rules), judge_all(stored, [], rules)
    for view in View:
        assert judged.spans(view, T - INTERVAL, known_ms) == exact.spans(view, T - INTERVAL, known_ms)


def marker(kind: Kind, **fields: Any) -> Run:
    return start_run(evidence(**({"kind": kind, "module": "agent", "interval_ms": 0, "boot": "b7"} | fields)))


@pytest.mark.parametrize(
    ("detail", "farewell"), [("shutdown", True), ("suspend", True), ("restart", False), ("", False), ("the shutdown", False)]
)
def test_r8_5_a_stop_for_shutdown_or_suspend_is_a_farewell(detail: str, farewell: bool) -> None:
    found = stretch_at(marker(Kind.AGENT_STOP, detail=detail), T + 20)
    assert found is not None
    assert (found.kind, found.farewell, found.first_ms, found.boot) == (Kind.AGENT_STOP, farewell, T, "b7")


def test_r8_1_a_stall_begins_where_the_loop_stood_still() -> None:
    found = stretch_at(marker(Kind.STALL, from_ms=T - 90_000, until_ms=T - 5), T + 20)
    assert found is not None
    assert (found.kind, found.first_ms, found.until_ms, found.farewell) == (Kind.STALL, T - 90_000, T - 5, False)


def test_r1_3_a_marker_is_not_known_before_it_was_received() -> None:
    for kind in (Kind.AGENT_START, Kind.AGENT_STOP, Kind.STALL):
        assert stretch_at(marker(kind), T + 19) is None
        assert stretch_at(marker(kind), T + 20) is not None
    assert stretch_at(marker(Kind.CLOCK_STEP, delta_ms=60_000), T + 20) is None
    assert stretch_at(marker(Kind.AGENT_START, module="host"), T + 20) is None


def test_r2_2_a_boot_began_its_uptime_before_the_report() -> None:
    found = stretch_of(FIRST)
    assert found is not None
    assert (found.boot, found.boot_ms, found.first_asleep_ms, found.last_asleep_ms) == ("boot", T - 60_000, 10_000, 10_000)


def test_r2_4_a_clamped_report_does_not_tell_when_its_boot_began() -> None:
    found = stretch_of(evidence(quality=TimeQuality.CLAMPED))
    assert found is not None
    assert (found.boot, found.boot_ms) == ("boot", None)


def test_r8_2_who_observes_another_tells_nothing_of_that_ones_boot() -> None:
    found = stretch_of(evidence(kind=Kind.OBS, observer="site-agent"))
    assert found is not None
    assert (found.boot, found.boot_ms, found.first_asleep_ms) == ("", None, 0)


def test_could_not_test_is_no_sample() -> None:
    assert stretch_of(evidence(outcome=Outcome.ERROR)) is None


def test_r5_3_a_site_observers_blindness_is_known_when_it_was_received() -> None:
    run = start_run(evidence(target="site", kind=Kind.BLIND, module="agent", observer="site", from_ms=T - 9, until_ms=T))
    assert blind_at(run, T + 19) is None
    assert blind_at(run, T + 20) == BlindSpan("site", T - 9, T)
    assert stretch_at(run, T + 20) is None
    assert blind_at(start_run(FIRST), T + 20) is None
