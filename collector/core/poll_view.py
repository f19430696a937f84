"""What people ask about the collector's own polling and find in no target: who is slow, cloned, or unknown to us. Values."""

from __future__ import annotations

import msgspec

from collector.core.poll_tally import PollTally


class SlowDevice(msgspec.Struct, frozen=True):
    """A device that missed slots because its last poll still ran."""

    instance: str
    missed_polls: int


class DuplicateEngine(msgspec.Struct, frozen=True):
    """An SNMPv3 engine id that more than one address answers with: clones of one machine, or one with several addresses. Each
    is polled rightly here; it is a finding all the same, for engine ids are to be unique (RFC 3411 section 3.1.1.1)."""

    engine_id: str
    addresses: tuple[str, ...]


class UnknownSender(msgspec.Struct, frozen=True):
    """Somebody whose traps are counted and not heard, and why the last one was not."""

    source: str
    why: str
    messages: int
    first_ms: int
    last_ms: int


class WayOut(msgspec.Struct, frozen=True):
    """A way out of the collector: whether any reference of it answers, since when (Unix time) that is so, and what it cost."""

    uplink: str
    is_seeing: bool
    since_ms: int
    lost_s: float
    discarded: int
    """Failed results that accused nobody."""


class PollView(msgspec.Struct, frozen=True):
    """See the module. `devices` counts devices by the outcome of their last poll, `waiting` those that had none yet."""

    devices: dict[str, int] = {}
    slow: tuple[SlowDevice, ...] = ()
    duplicate_engines: tuple[DuplicateEngine, ...] = ()
    unknown_senders: tuple[UnknownSender, ...] = ()
    uplinks: tuple[WayOut, ...] = ()


def devices_by_outcome(tally: PollTally) -> dict[str, int]:
    """How many devices had which outcome at their last poll."""
    counts = {"waiting": max(0, tally.devices - len(tally.last))} | dict.fromkeys(map(str, tally.polls), 0)
    for outcome in tally.last.values():
        counts[outcome.value] += 1
    return counts
