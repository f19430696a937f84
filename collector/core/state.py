"""The words of judgement: states (SPEC 3.3), views, why a second has its state, and the span that carries them.

Pure. Times are integers, milliseconds UTC, intervals half-open `[from, to)` (R1.4).
"""

from __future__ import annotations

import enum

import msgspec


class State(enum.StrEnum):
    """Observed states (SPEC 3.3). Overlays (out of scope, out of hours, maintenance) never erase them."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class View(enum.StrEnum):
    """Did the thing run, or could the centre use it (SPEC decision 5)?"""

    DEVICE = "device"
    E2E = "e2e"


class Why(enum.StrEnum):
    """Why a second has its state: a closed list, put into words where it is shown. `EVIDENCE` and `RANK` sort them."""

    OBSERVED = "observed"
    """A probe or poll said so."""
    REPORTING = "reporting"
    """A self-report, received live, said so."""
    NEVER = "never_reported"
    """Before the first sample in scope (R5.6)."""
    SILENT = "silent"
    """From the first missed report (R6.3): down by absence, unreachable or unknown."""
    STALE = "stale"
    """The last sample's hold ran out (R5.2)."""
    BLIND = "collector_blind"
    """Its observer was blind (R5.2, R5.3)."""
    PENDING = "unconfirmed"
    """A run that was cut short by a gap, or still is unconfirmed (R4.4, R4.6)."""
    PATH = "path_broken"
    """Failed while every path to it was down (R7.2)."""
    PATH_UNCLEAR = "path_unclear"
    """Failed while it is not known whether there was a path (R7.2)."""
    REBOOT = "reboot"
    """Between the last evidence of one boot and the first of the next (R8.2)."""
    SHUTDOWN = "shutdown"
    """From an announced shutdown or suspend to the next evidence (R8.5)."""
    STALL = "stall"
    """The agent's own loop stood still for more than a TTL (R8.1)."""
    BACKFILL = "late_reports"
    """Self-reports on schedule that came late: grade E2 (R9.2)."""
    CONTINUITY = "boot_continuity"
    """The same boot before and after: grade E3 (R9.2)."""
    BRIDGED = "bridged"
    """Between two outages, charged by `gap_policy: bridge_down` (R5.5)."""
    CORRECTED = "corrected"
    """A person corrected it and another approved (3.17)."""
    MEMBERS = "members"
    """Composed from members, instant by instant (3.15)."""
    STATED = "stated"
    """Given as it is (golden vectors of accounting)."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """A stretch of one state in the ledger."""

    from_ms: int
    to_ms: int
    state: State
    why: Why


GOOD_STATES = (State.UP, State.DEGRADED)
E2 = Why.BACKFILL
E3 = Why.CONTINUITY


def grade_of(why: Why) -> str:
    """Grade of the evidence behind a span (3.9): `E1`, `E2` or `E3`."""
    return "E2" if why is E2 else "E3" if why is E3 else "E1"
