"""Run lengths: what merges, what must not, and that nothing is lost by it."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Kind, Lane, Outcome, Reason
from collector.core.evidence import (
    HOLD_MIN,
    LONGEST_MS,
    STEPS_BYTES,
    Evidence,
    Grade,
    Run,
    TimeQuality,
    extend,
    last_of,
    marks_of,
    start_run,
    ttl_ms,
)

T = 1_700_000_000_000
FIRST = Evidence(
    "web1", "web1", "host", Kind.REPORT, T, T + 20, Outcome.OK, Reason.NONE, "", 15_000, "stream", "boot", Lane.BULK, 7, 60_000,
    50_000, T + 3_600_000, Grade.LIVE, TimeQuality.MEASURED,
)  # fmt: skip
NEXT = msgspec.structs.replace(
    FIRST, t_ms=T + 15_000, rx_ms=T + 15_020, seq=9, uptime_ms=75_000, awake_ms=65_000, wall_ms=T + 3_615_000, detail="other"
)


def test_a_run_grows_by_equal_evidence_and_counts_it() -> None:
    run = extend(start_run(FIRST), NEXT)
    assert run is not None
    assert (run.count, run.first_seq, run.last_seq) == (2, 7, 9)
    assert (run.first_t_ms, run.last_t_ms, run.first_rx_ms, run.last_rx_ms) == (T, T + 15_000, T + 20, T + 15_020)
    assert (run.first_uptime_ms, run.last_uptime_ms, run.first_asleep_ms, run.last_asleep_ms) == (
        60_000,
        75_000,
        10_000,
        10_000,
    )
    assert (run.first_wall_ms, run.last_wall_ms, run.detail) == (T + 3_600_000, T + 3_615_000, "")
    assert last_of(run) == msgspec.structs.replace(NEXT, detail="")


@pytest.mark.parametrize(
    "change",
    [
        {"target": "web2"},
        {"observer": "web2"},
        {"module": "heartbeat"},
        {"kind": Kind.OBS},
        {"outcome": Outcome.FAILED},
        {"reason": Reason.TIMEOUT},
        {"grade": Grade.LATE},
        {"quality": TimeQuality.ESTIMATED},
        {"stream": "other"},
        {"boot": "other"},
        {"lane": Lane.FACTS},
        {"interval_ms": 30_000},
        {"seq": 7},
        {"seq": 3},
        {"t_ms": T - 1},
        {"t_ms": T + 22_501},
        {"rx_ms": T + 19},
        {"awake_ms": 63_999},
    ],
    ids=str,
)
def test_whatever_judgement_reads_breaks_a_run(change: dict[str, Any]) -> None:
    assert extend(start_run(FIRST), msgspec.structs.replace(NEXT, **change)) is None


def test_r5_1_a_gap_that_every_ttl_bridges_still_holds() -> None:
    """Runs must not depend on the TTL: the same evidence is judged again with another one."""
    assert ttl_ms(15_000) == 37_500
    assert extend(start_run(FIRST), msgspec.structs.replace(NEXT, t_ms=T + 22_500)) is not None


def test_a_run_ends_after_a_month() -> None:
    run = start_run(FIRST)
    end = msgspec.structs.replace(run, last_t_ms=T + LONGEST_MS - 15_000)
    assert extend(end, msgspec.structs.replace(NEXT, t_ms=T + LONGEST_MS)) is not None
    assert extend(end, msgspec.structs.replace(NEXT, t_ms=T + LONGEST_MS + 1)) is None


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.OBS, Kind.REPORT)])
def test_markers_never_merge(kind: Kind) -> None:
    marker = msgspec.structs.replace(FIRST, kind=kind)
    assert not start_run(marker).growing
    assert extend(start_run(marker), msgspec.structs.replace(NEXT, kind=kind)) is None


def test_what_does_not_repeat_never_merges() -> None:
    assert (
        extend(start_run(msgspec.structs.replace(FIRST, interval_ms=0)), msgspec.structs.replace(NEXT, interval_ms=0)) is None
    )


@given(st.lists(st.tuples(st.integers(0, 60_000), st.sampled_from(list(Outcome)), st.sampled_from(list(Grade))), max_size=50))
def test_runs_tell_how_many_reports_of_each_outcome_there_were(steps: list[tuple[int, Outcome, Grade]]) -> None:
    runs: list[Run] = []
    t_ms = T
    for seq, (gap, outcome, grade) in enumerate(steps, 1):
        t_ms += gap
        evidence = msgspec.structs.replace(FIRST, t_ms=t_ms, seq=seq, outcome=outcome, grade=grade)
        longer = extend(runs[-1], evidence) if runs else None
        runs[len(runs) - (longer is not None) :] = [longer or start_run(evidence)]
    for outcome in Outcome:
        assert sum(run.count for run in runs if run.outcome is outcome) == sum(step[1] is outcome for step in steps)
    assert [run.first_seq for run in runs] == [1 + sum(run.count for run in runs[:i]) for i in range(len(runs))]
    for left, right in itertools.pairwise(runs):
        same = (left.outcome, left.grade) == (right.outcome, right.grade)
        gap = right.first_t_ms - left.last_t_ms
        assert not same or gap > HOLD_MIN * 15_000 or right.first_rx_ms < left.last_rx_ms or len(left.steps) >= STEPS_BYTES


def grown(count: int, step_ms: int = 15_000, delay_ms: int = 20, **fields: Any) -> list[Run]:
    """What becomes of so many reports."""
    runs: list[Run] = []
    for n in range(count):
        t_ms = T + n * step_ms
        times = {
            "t_ms": t_ms,
            "rx_ms": t_ms + delay_ms,
            "seq": n + 1,
            "uptime_ms": 60_000 + n * step_ms,
            "awake_ms": 60_000 + n * step_ms,
        }
        evidence = msgspec.structs.replace(FIRST, **(times | fields))
        longer = extend(runs[-1], evidence) if runs else None
        runs[len(runs) - (longer is not None) :] = [longer or start_run(evidence)]
    return runs


def test_r1_3_a_live_good_run_keeps_its_first_eight_samples() -> None:
    [run] = grown(1_000)
    assert [(number, t_ms - T, rx_ms - t_ms) for number, t_ms, rx_ms in marks_of(run)] == [
        (n + 1, n * 15_000, 20) for n in range(8)
    ]
    assert len(run.steps) == 21


def test_r1_3_a_late_good_run_keeps_the_last_sample_of_each_batch() -> None:
    first = grown(700, grade=Grade.LATE, rx_ms=T + 20_000_000)[0]
    one = msgspec.structs.replace(
        FIRST, t_ms=first.last_t_ms + 15_000, rx_ms=T + 20_000_900, seq=900, grade=Grade.LATE, awake_ms=60_000
    )
    assert first.steps == b""
    run = extend(first, one)
    assert run is not None
    assert marks_of(run) == [(1, T, T + 20_000_000), (700, first.last_t_ms, T + 20_000_000)]


def test_r1_3_a_failed_run_keeps_every_sample_and_ends_when_it_has_many() -> None:
    runs = grown(500, 14_993, outcome=Outcome.FAILED)
    assert [mark for run in runs for mark in marks_of(run)] == [
        (run.first_seq - run.first_seq + n + 1, run.first_t_ms + n * 14_993, run.first_t_ms + n * 14_993 + 20)
        for run in runs
        for n in range(run.count)
    ]
    assert {run.count for run in runs[:-1]} == {87}


def test_r1_3_reports_that_a_slow_reader_delays_stay_in_few_rows() -> None:
    runs = grown(1_000, delay_ms=12_000)
    assert len(runs) < 25
    assert sum(run.count for run in runs) == 1_000
    assert [rx_ms - t_ms for _, t_ms, rx_ms in marks_of(runs[0])] == [12_000] * runs[0].count
