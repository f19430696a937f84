"""Live judging of 10,000 targets' reports, at most 10 us of CPU each; and a month and a year of one target judged anew.

A calm fleet, and one in trouble: 1 % of the targets flap, 5 % fall silent, a line with 55 targets behind it is cut, and spools
arrive late.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from agent.model import Kind
from collector.core.dependency import KnownPath
from collector.core.judge import CENTRE, Judge, judge_all
from collector.core.state import Span, State, View, Why
from collector.core.stretch import Result, Stretch
from collector.core.subject import Rules, Sign, Timetable

TARGETS = 10_000
ROUNDS = 20
INTERVAL_MS = 15_000
BUDGET_US = 10.0
BEHIND_THE_LINE = 55
START_MS = 1_800_000_000_000
PUSH = Timetable.always(Rules(sign=Sign.PUSH, silence_is_down=True))
PROBE = Timetable.always(Rules(sign=Sign.PROBE, fail_after=3))
YEAR_MS = 365 * 86_400_000
MONTH_MS = 31 * 86_400_000
OUTAGES = 50


def report(target: int, t_ms: int, *, live: bool = True) -> Stretch:
    """A heartbeat of a machine that has run for a day."""
    return Stretch(
        Kind.REPORT, f"host-{target}", "heartbeat", Result.OK, t_ms, t_ms, 1, (), INTERVAL_MS, live, "b1", START_MS - 86_400_000
    )


def probe(t_ms: int, *, ok: bool) -> Stretch:
    """What the centre saw of a target behind the line."""
    return Stretch(Kind.OBS, CENTRE, "ping", Result.OK if ok else Result.FAIL, t_ms, t_ms, 1, (), INTERVAL_MS)


def fleet(targets: int, *, is_wide: bool) -> list[Judge]:
    """Judges; the first 55 are probed through a line that is cut in the middle of the time. `is_wide`: all others are behind a
    line that holds, and have a sequence for each view."""
    half_ms = START_MS + ROUNDS // 2 * INTERVAL_MS
    line = [Span(START_MS, half_ms, State.UP, Why.OBSERVED), Span(half_ms, half_ms + YEAR_MS, State.DOWN, Why.OBSERVED)]
    paths = {view: KnownPath([[line]], 30_000) for view in View}
    behind = [Judge(PROBE, scope=((START_MS, None),), paths=paths) for _ in range(BEHIND_THE_LINE)]
    fine = dict.fromkeys(View, KnownPath([[[Span(START_MS, half_ms + YEAR_MS, State.UP, Why.OBSERVED)]]], 30_000))
    rest = range(targets - BEHIND_THE_LINE)
    return behind + [Judge(PUSH, scope=((START_MS, None),), paths=fine if is_wide else None) for _ in rest]


def calm(targets: int) -> Iterator[list[tuple[int, Stretch]]]:
    """Everybody reports every 15 s, one a little later than the other."""
    for round_ in range(ROUNDS):
        at_ms = START_MS + round_ * INTERVAL_MS
        some = [(n, probe(at_ms + n, ok=True)) for n in range(BEHIND_THE_LINE)]
        yield some + [(n, report(n, at_ms + n)) for n in range(BEHIND_THE_LINE, targets)]


def troubled(targets: int) -> Iterator[list[tuple[int, Stretch]]]:
    """1 % flap (come and go), 5 % are silent for a while and send their spool, the line is cut."""
    for round_ in range(ROUNDS):
        at_ms = START_MS + round_ * INTERVAL_MS
        cut = round_ >= ROUNDS // 2
        some = [(n, probe(at_ms + n, ok=not cut)) for n in range(BEHIND_THE_LINE)]
        for n in range(BEHIND_THE_LINE, targets):
            kind = n % 100
            is_away = (kind < 1 and round_ // 4 % 2 == 1) or (1 <= kind < 6 and 5 <= round_ < 15)
            if not is_away:
                some.append((n, report(n, at_ms + n)))
            if 1 <= kind < 6 and round_ == 15:
                spool = [report(n, START_MS + was * INTERVAL_MS + n, live=False) for was in range(5, 15)]
                some += [(n, late) for late in spool]
        yield some


def cpu_us(targets: int, rounds: Iterator[list[tuple[int, Stretch]]], *, is_wide: bool = False) -> float:
    """Microseconds of CPU for one report, without making it."""
    judges = fleet(targets, is_wide=is_wide)
    spent, count = 0, 0
    for some in rounds:
        began = time.process_time_ns()
        for target, stretch in some:
            judges[target].see(stretch)
        spent += time.process_time_ns() - began
        count += len(some)
    if any(judge.behind_ms is not None for judge in judges):
        raise RuntimeError("a judge could not take a report in place")
    return spent / count / 1000


def history(length_ms: int) -> list[Stretch]:
    """A target's stored runs: up but for outages of 10 minutes, evenly spread; runs of a month at most."""
    out: list[Stretch] = []
    edges = [(k + 1) * length_ms // (OUTAGES + 1) for k in range(OUTAGES)]
    at_ms = 0
    for edge in [*edges, length_ms]:
        last_ms = START_MS + edge // INTERVAL_MS * INTERVAL_MS - INTERVAL_MS
        first_ms = START_MS + at_ms // INTERVAL_MS * INTERVAL_MS
        count = (last_ms - first_ms) // INTERVAL_MS + 1
        out.append(Stretch(Kind.OBS, CENTRE, "ping", Result.OK, first_ms, last_ms, count, (), INTERVAL_MS))
        times = tuple(last_ms + k * INTERVAL_MS for k in range(1, 41))
        out.append(Stretch(Kind.OBS, CENTRE, "ping", Result.FAIL, times[0], times[-1], len(times), times, INTERVAL_MS))
        at_ms = edge + 40 * INTERVAL_MS
    return out[:-1]


def recomputed_ms(length_ms: int) -> tuple[float, float]:
    """Milliseconds of CPU to judge so much anew, and to tell the spans of it."""
    stretches = history(length_ms)
    best = (1e9, 1e9)
    for _ in range(5):
        began = time.process_time_ns()
        judge = judge_all(stretches, [], PROBE, scope=((START_MS, None),))
        middle = time.process_time_ns()
        spans = judge.spans(View.DEVICE, START_MS, START_MS + length_ms)
        ended = time.process_time_ns()
        outages = sum(span.state is State.DOWN for span in spans)
        if outages != OUTAGES:
            raise RuntimeError(f"{outages} outages, expected {OUTAGES}")
        best = min(best, ((middle - began) / 1e6, (ended - middle) / 1e6))
    return best


def main() -> None:
    """Print what was measured and the closing line."""
    smooth = min(cpu_us(TARGETS, calm(TARGETS)) for _ in range(3))
    rough = min(cpu_us(TARGETS, troubled(TARGETS)) for _ in range(3))
    wide = min(cpu_us(TARGETS, troubled(TARGETS), is_wide=True) for _ in range(3))
    print(f"live        {TARGETS:,} targets, all alive: {smooth:.2f} us of CPU a report")
    print(f"live        1 % flap, 5 % silent, a line cut, late spools: {rough:.2f} us")
    print(f"live        the same, everybody behind a parent: {wide:.2f} us")
    for name, length_ms in (("month", MONTH_MS), ("year", YEAR_MS)):
        judged, told = recomputed_ms(length_ms)
        print(f"recomputed  a {name} of one target with {OUTAGES} outages: {judged:.2f} ms, its spans {told:.2f} ms")
    ours = max(smooth, rough, wide)
    print(f"BENCH judge ours={ours:.2f}us budget={BUDGET_US:.0f}us ratio={ours / BUDGET_US:.2f}")


if __name__ == "__main__":
    main()
