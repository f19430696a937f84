"""Run lengths: what merges, what must not, and that nothing is lost by it."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Kind, Lane, Outcome, Reason
from collector.core.evidence import Evidence, Grade, Run, TimeQuality, extend, last_of, start_run, ttl_ms

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
        {"t_ms": T + 37_501},
    ],
    ids=str,
)
def test_whatever_judgement_reads_breaks_a_run(change: dict[str, Any]) -> None:
    assert extend(start_run(FIRST), msgspec.structs.replace(NEXT, **change)) is None


def test_r5_1_a_gap_of_exactly_the_ttl_still_holds() -> None:
    assert ttl_ms(15_000) == 37_500
    assert extend(start_run(FIRST), msgspec.structs.replace(NEXT, t_ms=T + 37_500)) is not None


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
        assert not same or right.first_t_ms - left.last_t_ms > ttl_ms(15_000)
