"""Is a target up, unknown or, by silence, down, right now? SPEC 3.5 and 3.6 for push-only targets.

Pure: told the time. Only signs of life are judged; what probes found is not claimed here. Times are ms, UTC.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from collector.core.state import State, Why

TTL_FACTOR = 2.5
"""Default TTL of a report in intervals (R5.1)."""
DEFAULT_INTERVAL_MS = 15_000
"""Interval of a report that does not say one."""


class Life(msgspec.Struct, frozen=True):
    """The present run of signs of life: no two more than a TTL apart, the first at `since_ms`, the last at `last_ms`."""

    since_ms: int
    last_ms: int
    interval_ms: int


class Blind(msgspec.Struct, frozen=True, order=True):
    """The collector saw nothing in `[from_ms, until_ms)` (R5.3)."""

    from_ms: int
    until_ms: int


class Judgement(msgspec.Struct, frozen=True):
    """A state, the moment it became true (0: for as long as the target is known) and why."""

    state: State
    since_ms: int
    why: Why


def ttl_ms(interval_ms: int, factor: float = TTL_FACTOR) -> int:
    """How long a report with this interval holds (R5.1)."""
    return int((interval_ms or DEFAULT_INTERVAL_MS) * factor)


def live_on(life: Life | None, t_ms: int, interval_ms: int, factor: float = TTL_FACTOR) -> Life:
    """The run of signs of life after one more at `t_ms`. One that is older than the last known changes nothing."""
    if life is None:
        return Life(t_ms, t_ms, interval_ms)
    if t_ms <= life.last_ms:
        return life
    unbroken = t_ms - life.last_ms <= ttl_ms(life.interval_ms, factor)
    return Life(life.since_ms if unbroken else t_ms, t_ms, interval_ms)


def judge(life: Life | None, blinds: Sequence[Blind], silence_means: str, now_ms: int, factor: float = TTL_FACTOR) -> Judgement:
    """The state at `now_ms`. `blinds` are sorted; `silence_means` is `down` or anything else for unknown (R6.3).

    Up while the last report holds (R5.1). After that every due instant at which the collector could see is a missed
    report (R6.2), and the first of them dates what silence means (R6.3). Nothing is claimed before the collector has
    watched the silence for the rest of a TTL: the TTL is the confirmation, and time in which nobody looked confirms nothing.
    """
    if life is None:
        return Judgement(State.UNKNOWN, 0, Why.NEVER)
    ttl = ttl_ms(life.interval_ms, factor)
    if now_ms <= life.last_ms + ttl:
        return Judgement(State.UP, life.since_ms, Why.REPORTING)
    cut = _blind_cut(life.last_ms, ttl, blinds)
    interval = life.interval_ms or DEFAULT_INTERVAL_MS
    missed = _first_missed(life.last_ms, interval, ttl - interval, blinds)
    if now_ms <= missed + ttl - interval:
        return Judgement(State.UNKNOWN, cut or life.last_ms + ttl, Why.BLIND)
    if silence_means == State.DOWN:
        return Judgement(State.DOWN, missed, Why.SILENT)
    return Judgement(State.UNKNOWN, min(missed, cut or missed), Why.SILENT)


def _blind_cut(last_ms: int, ttl: int, blinds: Sequence[Blind]) -> int:
    """Where R5.2 ends the last report's hold early: the first start of blindness within its TTL, or 0."""
    return next((blind.from_ms for blind in blinds if last_ms < blind.from_ms <= last_ms + ttl), 0)


def _first_missed(last_ms: int, interval: int, confirm: int, blinds: Sequence[Blind]) -> int:
    """First due instant `last + k x interval` after which the collector could see for `confirm` ms (R6.2)."""
    due = last_ms + interval
    for blind in blinds:
        if blind.until_ms <= due:
            continue
        if blind.from_ms > due + confirm:
            break
        due = last_ms + -(-(blind.until_ms - last_ms) // interval) * interval
    return due
