"""How long a device has been up, from several clocks that each may lie, and whether it restarted since the last poll. Pure.

sysUpTime is the agent's and wraps after 497.1 days; snmpEngineTime is the engine's and is 0 or negative on some devices;
hrSystemUptime is the host's and wraps as well. 0 and no answer are unknown, never a restart.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

TICKS: Final = 100
WRAP_S: Final = 2**32 / TICKS
"""A TimeTicks (RFC 2578 section 7.1.8) begins anew after so long."""
_NEAR_S: Final = 60.0
"""So far may two clocks of one device be apart that started together."""
_WRAP_NEAR_S: Final = 600.0
_SLACK_S: Final = 120.0
_DRIFT: Final = 0.01


class Clock(enum.StrEnum):
    """Whose uptime it is."""

    HOST = "host"
    ENGINE = "engine"
    AGENT = "agent"


class Clocks(msgspec.Struct, frozen=True, kw_only=True):
    """What a device answered: sysUpTime and hrSystemUptime in ticks, snmpEngineTime in seconds, snmpEngineBoots; None for no
    answer."""

    agent_ticks: int | None = None
    engine_s: int | None = None
    boots: int | None = None
    host_ticks: int | None = None

    @property
    def agent_s(self) -> float | None:
        """The agent's uptime, without what has wrapped away."""
        return _seconds(self.agent_ticks)

    @property
    def host_s(self) -> float | None:
        """The host's."""
        return _seconds(self.host_ticks)


class Verdict(enum.Enum):
    """What became of a device between two polls."""

    UNKNOWN = "unknown"
    """One of the two times no clock was read."""
    RUNNING = "running"
    AGENT_RESTARTED = "agent_restarted"
    """The SNMP agent began anew; the host went on, or has no clock of its own."""
    REBOOTED = "rebooted"
    """The host began anew."""
    UNSURE = "unsure"
    """A clock went back in a way that neither a restart nor a wrap explains."""

    @property
    def is_break(self) -> bool:
        """Whether counters may have begun anew."""
        return self in (Verdict.AGENT_RESTARTED, Verdict.REBOOTED, Verdict.UNSURE)


def _seconds(ticks: int | None) -> float | None:
    return ticks / TICKS if ticks is not None and ticks > 0 else None


def real_uptime(clocks: Clocks) -> tuple[float, Clock] | None:
    """Seconds and whose clock they are from: the host's if it is plausible (at least the agent's, and not wrapped beside the
    engine's), else the engine's if it is at least the agent's, else the agent's. None if nothing was read."""
    agent, host = clocks.agent_s, clocks.host_s
    engine = float(clocks.engine_s) if clocks.engine_s is not None and clocks.engine_s > 0 else None
    least = (agent or 0.0) - _NEAR_S
    if host is not None and host >= least and not (engine is not None and _is_wrapped(host, engine)):
        return host, Clock.HOST
    if engine is not None and engine >= least:
        return engine, Clock.ENGINE
    return (agent, Clock.AGENT) if agent is not None else None


def _is_wrapped(ticks_s: float, seconds: float) -> bool:
    """Whether a clock of ticks stands as if it had started with one of seconds and wrapped since."""
    if seconds <= ticks_s + _NEAR_S:
        return False
    rest = (seconds - ticks_s) % WRAP_S
    return min(rest, WRAP_S - rest) <= _WRAP_NEAR_S


def judge(old: Clocks, new: Clocks, elapsed_s: float) -> Verdict:
    """What became of the device in the `elapsed_s` seconds between two answers, by each clock that was read both times. More
    engine boots are a restart of the agent whatever its clocks say; a clock that stands where its wrap would put it is none."""
    host = _of_clock(old.host_s, new.host_s, elapsed_s)
    agent = _of_clock(old.agent_s, new.agent_s, elapsed_s)
    if host is Verdict.REBOOTED:
        return Verdict.REBOOTED
    if old.boots and new.boots and new.boots > old.boots:
        return Verdict.AGENT_RESTARTED
    if agent is Verdict.REBOOTED:
        return Verdict.AGENT_RESTARTED
    if agent is Verdict.UNKNOWN:
        engine = _of_clock(_positive(old.engine_s), _positive(new.engine_s), elapsed_s)
        if engine is Verdict.REBOOTED:
            return Verdict.AGENT_RESTARTED
        agent = engine
    return agent if agent is not Verdict.UNKNOWN else host


def _positive(seconds: int | None) -> float | None:
    return float(seconds) if seconds is not None and seconds > 0 else None


def _of_clock(old: float | None, new: float | None, elapsed_s: float) -> Verdict:
    if old is None or new is None:
        return Verdict.UNKNOWN
    slack = _SLACK_S + elapsed_s * _DRIFT
    expected = old + elapsed_s
    if abs(new - expected) <= slack or abs(new - (expected - WRAP_S)) <= slack:
        return Verdict.RUNNING if new >= old or abs(new - (expected - WRAP_S)) <= slack else _back(old, new)
    if new <= elapsed_s + slack:
        return Verdict.REBOOTED
    return Verdict.RUNNING if new > old else Verdict.UNSURE


def _back(old: float, new: float) -> Verdict:
    """The clock is where it is expected within the slack, and yet before where it was: a restart just now, or a clock that was
    set back a little."""
    return Verdict.REBOOTED if new < min(old, _SLACK_S) else Verdict.UNSURE


def boots_of_host(verdict: Verdict, new: Clocks) -> bool:
    """Whether a verdict counts as a restart of the device: of the host where it has a clock, else of its agent."""
    if verdict is Verdict.REBOOTED:
        return True
    return verdict is Verdict.AGENT_RESTARTED and new.host_s is None
