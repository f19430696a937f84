"""Evidence: what was observed, when it was about and when we learned it (SPEC R1.1); and its run-length form.

Pure. Times are integers in milliseconds, UTC.
"""

from __future__ import annotations

import enum

import msgspec

from agent.model import Kind, Lane, Outcome, Reason


class Grade(enum.StrEnum):
    """How evidence reached us (SPEC R9.1): live if `rx - t <= late_after`, else late."""

    LIVE = "live"
    LATE = "late"


class TimeQuality(enum.StrEnum):
    """How `t` was found: from the boot instant (R2.2), estimated (R2.3) or clamped to rx (R2.4)."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    CLAMPED = "clamped"


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """One record of evidence, placed on the collector's timeline. `wall_ms` is the agent's own clock, kept and not used."""

    target: str
    observer: str
    module: str
    kind: Kind
    t_ms: int
    rx_ms: int
    outcome: Outcome
    reason: Reason
    detail: str
    interval_ms: int
    stream: str
    boot: str
    lane: Lane
    seq: int
    uptime_ms: int
    awake_ms: int
    wall_ms: int
    grade: Grade
    quality: TimeQuality
    from_ms: int = 0
    until_ms: int = 0
    delta_ms: int = 0


class TargetInfo(msgspec.Struct, frozen=True):
    """What inventory says of a target. `via` is the agent (or `collector`) that reports it, `observers` are all that may, `via`
    among them; empty: `via` alone. `silence_means` is `unknown` or `down` (SPEC R6.3)."""

    id: str
    site: str
    class_: str
    via: str
    silence_means: str = "unknown"
    observers: tuple[str, ...] = ()


TTL_NUMERATOR = 5
TTL_DENOMINATOR = 2
"""A sample holds for 2.5 x interval (SPEC 3.20, R5.1), as a fraction because times are integers."""


HOLD_MIN = 1.5
"""Least TTL in intervals that may be configured. Within a run no gap is longer, so that the same stored runs give the same
judgement with every TTL."""
KEPT_FIRST = 8
"""So many first samples of a live good run are kept one by one: short runs are told exactly as of every K (R1.3)."""
STEPS_BYTES = 256
"""Size of `Run.steps` at which a run ends: some 64 samples of 3 to 5 bytes."""
LONGEST_MS = 31 * 86_400_000
"""A run ends after so long: what touches a period began at most so long before it."""
ASLEEP_MS = 1_000
"""A machine that slept longer than this between two reports ends a run (R8.5); less is two clocks read one after the other."""


def ttl_ms(interval_ms: int) -> int:
    """How long a report of this interval holds (R5.1), in milliseconds; 0 for what does not repeat."""
    return interval_ms * TTL_NUMERATOR // TTL_DENOMINATOR


class Run(msgspec.Struct, frozen=True, gc=False):
    """A run of equal evidence of one target, module and observer: one row of the store.

    `id` is 0 until the store has given one. `count` is how many reports it stands for, exactly. `first_asleep_ms` and
    `last_asleep_ms` are uptime minus awake time (R8.5). `detail` is the first report's: it is for people and does not
    break a run. `growing`: it may still be extended. `steps` names samples between the ends (`marks_of`).
    """

    id: int
    target: str
    observer: str
    module: str
    kind: Kind
    outcome: Outcome
    reason: Reason
    detail: str
    interval_ms: int
    stream: str
    boot: str
    lane: Lane
    grade: Grade
    quality: TimeQuality
    first_t_ms: int
    last_t_ms: int
    first_rx_ms: int
    last_rx_ms: int
    first_seq: int
    last_seq: int
    count: int
    first_uptime_ms: int
    last_uptime_ms: int
    first_asleep_ms: int
    last_asleep_ms: int
    first_wall_ms: int
    last_wall_ms: int
    from_ms: int = 0
    until_ms: int = 0
    delta_ms: int = 0
    growing: bool = False
    steps: bytes = b""


_OK, _LIVE = Outcome.OK, Grade.LIVE
"""Looked up once: Python 3.11 needs longer to find a member in its enumeration than to compare two."""

Mark = tuple[int, int, int]
"""A sample of a run: its number, counted from 1, its instant and when it was received."""


def marks_of(run: Run) -> list[Mark]:
    """The first sample and those that `steps` names, oldest first; the run's last one need not be among them.

    `steps` are zigzag varints, three a sample, counted from the sample before: number less one, instant less that many
    intervals, and receipt (of a live run less the difference of instants). What is kept is only ever added to.
    """
    number, t_ms, rx_ms = 1, run.first_t_ms, run.first_rx_ms
    marks = [(number, t_ms, rx_ms)]
    live = run.grade is _LIVE
    numbers = _decode(run.steps)
    for skipped, t_off, rx_off in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        dt = t_off + (skipped + 1) * run.interval_ms
        number, t_ms, rx_ms = number + skipped + 1, t_ms + dt, rx_ms + rx_off + (dt if live else 0)
        marks.append((number, t_ms, rx_ms))
    return marks


def _decode(steps: bytes) -> list[int]:
    numbers, value, shift = [], 0, 0
    for byte in steps:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            numbers.append(value >> 1 ^ -(value & 1))
            value = shift = 0
        else:
            shift += 7
    return numbers


def _step(run: Run, before: Mark, mark: Mark) -> bytes:
    skipped, dt, drx = mark[0] - before[0] - 1, mark[1] - before[1], mark[2] - before[2]
    out = bytearray()
    for number in (skipped, dt - (skipped + 1) * run.interval_ms, drx - dt if run.grade is _LIVE else drx):
        value = number << 1 if number >= 0 else ~number << 1 | 1
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
    return bytes(out)


def _keep(run: Run, e: Evidence) -> bytes | None:
    """`steps` of the run with `e`; None when there is no room and the run has to end.

    Kept are: of a live good run the first samples, and both sides of a receipt so late that the hold of the sample before may
    have ended (R5.1); of a late good run the last one of each batch (a batch is received at once); of any other run all.
    """
    steps = run.steps
    if run.outcome is _OK and run.grade is not _LIVE and e.rx_ms == run.last_rx_ms:
        return steps
    if len(steps) >= STEPS_BYTES:
        return None
    last = (run.count, run.last_t_ms, run.last_rx_ms)
    new = (run.count + 1, e.t_ms, e.rx_ms)
    if run.outcome is not _OK or (run.grade is _LIVE and run.count < KEPT_FIRST):
        return steps + _step(run, last, new)
    kept = marks_of(run)[-1]
    if kept[0] < last[0]:
        steps += _step(run, kept, last)
    return steps + _step(run, last, new) if run.grade is _LIVE else steps


_GROWING = (Kind.OBS, Kind.REPORT)


def start_run(evidence: Evidence) -> Run:
    """A run of one; `growing` tells whether it may be extended at all."""
    e = evidence
    asleep = e.uptime_ms - e.awake_ms
    return Run(
        0, e.target, e.observer, e.module, e.kind, e.outcome, e.reason, e.detail, e.interval_ms, e.stream, e.boot, e.lane,
        e.grade, e.quality, e.t_ms, e.t_ms, e.rx_ms, e.rx_ms, e.seq, e.seq, 1, e.uptime_ms, e.uptime_ms, asleep, asleep,
        e.wall_ms, e.wall_ms, e.from_ms, e.until_ms, e.delta_ms, e.interval_ms > 0 and e.kind in _GROWING,
    )  # fmt: skip


def extend(run: Run, evidence: Evidence) -> Run | None:
    """The run with `evidence` as its newest report, or None when it does not belong to it.

    It belongs when everything that judgement reads is equal, it is younger than the run's last report and was not received
    before it, and the gap is at most one and a half intervals. Markers and what does not repeat (interval 0) are never merged.
    """
    r, e = run, evidence
    asleep_ms = e.uptime_ms - e.awake_ms
    if not (
        r.growing
        and r.last_seq < e.seq
        and 0 <= (e.t_ms - r.last_t_ms) * 2 <= r.interval_ms * 3
        and r.outcome is e.outcome
        and r.grade is e.grade
        and r.last_rx_ms <= e.rx_ms
        and e.t_ms - r.first_t_ms <= LONGEST_MS
        and -ASLEEP_MS <= asleep_ms - r.first_asleep_ms <= ASLEEP_MS
        and r.reason is e.reason
        and r.quality is e.quality
        and r.interval_ms == e.interval_ms
        and r.kind is e.kind
        and r.lane is e.lane
        and r.boot == e.boot
        and r.stream == e.stream
        and r.module == e.module
        and r.target == e.target
        and r.observer == e.observer
    ):
        return None
    plain = r.count >= KEPT_FIRST and r.outcome is _OK and (e.rx_ms - r.last_t_ms) * 2 <= r.interval_ms * 3
    steps = r.steps if plain and r.grade is _LIVE else _keep(r, e)
    if steps is None:
        return None
    return Run(
        r.id, r.target, r.observer, r.module, r.kind, r.outcome, r.reason, r.detail, r.interval_ms, r.stream, r.boot, r.lane,
        r.grade, r.quality, r.first_t_ms, e.t_ms, r.first_rx_ms, e.rx_ms, r.first_seq, e.seq, r.count + 1, r.first_uptime_ms,
        e.uptime_ms, r.first_asleep_ms, asleep_ms, r.first_wall_ms, e.wall_ms, r.from_ms, r.until_ms, r.delta_ms, True, steps,
    )  # fmt: skip


def last_of(run: Run) -> Evidence:
    """The newest evidence that a run stands for."""
    r = run
    return Evidence(
        r.target, r.observer, r.module, r.kind, r.last_t_ms, r.last_rx_ms, r.outcome, r.reason, r.detail, r.interval_ms,
        r.stream, r.boot, r.lane, r.last_seq, r.last_uptime_ms, r.last_uptime_ms - r.last_asleep_ms, r.last_wall_ms, r.grade,
        r.quality, r.from_ms, r.until_ms, r.delta_ms,
    )  # fmt: skip
