"""When a run is due: slots on the uptime counter, one offset per agent, missed slots counted and never made up in a burst.

Pure: told the time, never asks for it.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Due(NamedTuple):
    """The slot after a given moment and how many slots passed unused before it."""

    slot_ms: int
    missed: int


class Span(NamedTuple):
    """A stretch `[from_ms, until_ms)` of uptime."""

    from_ms: int
    until_ms: int


def offset_ms(agent: str, period_ms: int) -> int:
    """Where in the period this agent's slots lie: the same for ever for one name, spread evenly over many agents."""
    digest = hashlib.sha256(agent.encode()).digest()
    return int.from_bytes(digest[:8], "big") % period_ms


def first_slot(now_ms: int, period_ms: int, offset_ms: int) -> int:
    """The first slot at or after `now_ms`; slots are `offset + n * period` of uptime, so a wall clock step moves nothing."""
    _check(period_ms)
    return now_ms + (offset_ms - now_ms) % period_ms


def next_slot(slot_ms: int, now_ms: int, period_ms: int) -> Due:
    """The slot to wait for after the run of `slot_ms` ended at `now_ms`. Slots that passed meanwhile are missed: they are
    counted and not run later. A slot exactly at `now_ms` is still met."""
    _check(period_ms)
    following = slot_ms + period_ms
    if now_ms <= following:
        return Due(following, 0)
    missed = -(-(now_ms - following) // period_ms)
    return Due(following + missed * period_ms, missed)


def stall(last_ms: int, now_ms: int, ttl_ms: int) -> Span | None:
    """The span in which the loop did not run though it should have (SPEC R8.1): more than `ttl_ms` lie between the collection
    before, which is worth something for so long, and this one."""
    return Span(last_ms, now_ms) if now_ms - last_ms > ttl_ms else None


def _check(period_ms: int) -> None:
    if period_ms <= 0:
        raise ValueError(f"period_ms {period_ms}: expected a positive number of milliseconds")
