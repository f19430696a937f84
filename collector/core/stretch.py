"""What judgement reads: stretches of equal samples, the form in which evidence is stored and live reports arrive.

Pure. A single sample is a stretch of one. A good stretch (ok, degraded) needs its two ends only: no two samples in it are more
than the TTL apart, and each was received before the hold of the one before ended. A failed one names every instant,
because a parent's outage may begin or end between two of them.
"""

from __future__ import annotations

import enum
from bisect import bisect_right

import msgspec

from agent.model import Kind


class Result(enum.StrEnum):
    """What a sample says of the target (3.4). *Could not test* is no sample."""

    OK = "ok"
    DEGRADED = "degraded"
    FAIL = "fail"


class Stretch(msgspec.Struct, frozen=True, gc=False):
    """Equal evidence of one target by one observer, as known at some moment (R1.1). Times are milliseconds on the timeline."""

    kind: Kind
    observer: str
    module: str
    result: Result
    first_ms: int
    last_ms: int
    count: int = 1
    times: tuple[int, ...] = ()
    """All instants of a failed stretch of more than one sample."""
    interval_ms: int = 0
    live: bool = True
    """Received within `late_after` (R9.1)."""
    boot: str = ""
    """Which boot of the machine it is about; "" when nothing tells."""
    boot_ms: int | None = None
    """When that boot began, if that is known (R2.2)."""
    first_asleep_ms: int = 0
    """Uptime with suspend minus uptime without, at both ends (R8.5)."""
    last_asleep_ms: int = 0
    ticks: int | None = None
    """sysUpTime in hundredths of a second, modulo 2^32 (R8.3); only on stretches of one."""
    system_ticks: int | None = None
    """hrSystemUptime or snmpEngineTime likewise; preferred (R8.3)."""
    farewell: bool = False
    """An `agent_stop` for shutdown or suspend (R8.5)."""
    until_ms: int = 0
    """End of a stall (R8.1); it begins at `first_ms`."""

    def first_after(self, t_ms: int) -> int | None:
        """The first sample after `t_ms`; None if there is none. Between the ends of a good stretch samples are taken to be
        evenly spaced."""
        if t_ms >= self.last_ms:
            return None
        if t_ms < self.first_ms:
            return self.first_ms
        if self.times:
            return self.times[bisect_right(self.times, t_ms)]
        steps, length = max(1, self.count - 1), self.last_ms - self.first_ms
        return self.first_ms + -(-(t_ms + 1 - self.first_ms) * steps // length) * length // steps

    def part(self, from_ms: int, until_ms: int) -> Stretch | None:
        """The samples in `[from_ms, until_ms)` as a stretch, found as by `first_after`; None if there are none."""
        if from_ms <= self.first_ms and self.last_ms < until_ms:
            return self
        if self.times:
            times = tuple([t for t in self.times if from_ms <= t < until_ms])
            if not times:
                return None
            return msgspec.structs.replace(self, first_ms=times[0], last_ms=times[-1], count=len(times), times=times)
        steps, length = max(1, self.count - 1), self.last_ms - self.first_ms
        if not length:
            return None
        low = max(0, -(-(from_ms - self.first_ms) * steps // length))
        high = min(steps, ((until_ms - self.first_ms) * steps - 1) // length)
        if high < low:
            return None
        first_ms, last_ms = (self.first_ms + place * length // steps for place in (low, high))
        return msgspec.structs.replace(self, first_ms=first_ms, last_ms=last_ms, count=high - low + 1)


class BlindSpan(msgspec.Struct, frozen=True, gc=False):
    """An observer saw nothing in `[from_ms, until_ms)` (R5.3): of anybody, or of one target whose way it had lost."""

    observer: str
    from_ms: int
    until_ms: int
    target: str = ""
