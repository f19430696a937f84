"""How grave a number is, with a margin on the way back so that what lies at a bound does not flap. Pure."""

from __future__ import annotations

import msgspec

from collector.core.alert import Severity


class Threshold(msgspec.Struct, frozen=True):
    """A bound that begins to hold beyond `begin` and ceases to hold on the near side of `end`. `begin < end`: low is bad;
    `begin > end`: high is bad."""

    begin: float
    end: float

    def holds(self, value: float, was: bool) -> bool:
        """Whether it holds, given whether it did before."""
        bound = self.end if was else self.begin
        return value < bound if self.begin <= self.end else value > bound


class Scale(msgspec.Struct, frozen=True):
    """Two bounds for one number."""

    warning: Threshold
    critical: Threshold

    def grade(self, value: float, before: Severity | None) -> Severity | None:
        """How grave the number is, given how grave it was found before; None: it is well."""
        if self.critical.holds(value, before is Severity.CRITICAL):
            return Severity.CRITICAL
        return Severity.WARNING if self.warning.holds(value, before is not None) else None


def gravest(*found: Severity | None) -> Severity | None:
    """The gravest of several; None if all are."""
    known = [one for one in found if one is not None]
    return min(known, key=lambda one: one.rank) if known else None
