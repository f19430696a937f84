"""The figures of one subject over one period (SPEC 3.12 to 3.14) as exact integers."""

from __future__ import annotations

import enum
from fractions import Fraction

import msgspec


class Verdict(enum.StrEnum):
    """R12.1."""

    MET = "MET"
    BREACHED = "BREACHED"
    NO_DATA = "NO_DATA"
    NOT_PROVEN = "NOT_PROVEN"


class Figures(msgspec.Struct, frozen=True, gc=False):
    """Milliseconds and counts; `ast == maintenance + up + degraded + down + unreachable + unknown` holds exactly (3.12).

    Weighted pools have no incident count (R15.3): None. `doubt` is X of 3.12: unknown if the policy excludes it, else 0.
    """

    ast: int
    maintenance: int
    up: int
    degraded: int
    down: int
    unreachable: int
    unknown: int
    good: int
    bad: int
    doubt: int
    future_ast: int
    """Agreed time still to come while the period is open (R14.1)."""
    slo: Fraction
    incidents: int | None = 0
    incidents_started: int | None = 0
    charged: int = 0
    """Charged time of the incidents, clipped to the period (R13.3)."""
    closed_count: int = 0
    closed_ms: int = 0
    """Incidents that ended in the period and their full lengths (R13.4)."""
    maint_up: int = 0
    maint_down: int = 0
    up_backfill: int = 0
    """Part of `up` that rests on late reports (R9.7)."""
    up_inferred: int = 0
    """Part of `up` that rests on boot continuity alone (R9.7)."""
    soft_fail: int = 0
    """Failures that were never confirmed (R4.3)."""
