"""The percentages of a line as `core.printing` cuts them (R16.2, R16.3), with a decimal point and without the per cent sign."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from collector.core.figures import Figures
from collector.core.printing import display, percent, ratio, unavailability

COVERAGE_DIGITS: Final = 2
NOT_AVAILABLE: Final = "n/a"
"""What `core.printing` writes for a figure without a denominator."""


def reached(f: Figures, digits: int) -> str | None:
    """Availability; None without a denominator."""
    return display(f.good, f.bad, digits) if f.denom else None


def unreached(f: Figures, digits: int) -> str | None:
    """Unavailability: 100 minus the printed availability (R16.3); None without a denominator."""
    return unavailability(f.good, f.bad, digits) if f.denom else None


def low(f: Figures, digits: int) -> str | None:
    """Availability if all unknown time was bad; None without a denominator."""
    return display(f.good, f.bad + f.doubt, digits) if f.denom else None


def high(f: Figures, digits: int) -> str | None:
    """Availability if all unknown time was good; None without a denominator."""
    return display(f.good + f.doubt, f.bad, digits) if f.denom else None


def coverage(f: Figures) -> str | None:
    """Share of the agreed time outside windows that is known (R12.5); None if there is none."""
    agreed = f.ast - f.maintenance
    return percent(agreed - f.unknown, agreed, COVERAGE_DIGITS)


def is_insufficient(f: Figures, least: Fraction) -> bool:
    """Coverage is below what a figure needs (R12.5); compared as integers (R16.4). False when there is nothing to cover."""
    agreed = f.ast - f.maintenance
    return (agreed - f.unknown) * least.denominator < agreed * least.numerator


def objective(slo: Fraction) -> str:
    """The objective in per cent, without needless zeros."""
    return _objective(slo.numerator, slo.denominator)


@lru_cache(maxsize=1024)
def _objective(part: int, whole: int) -> str:
    """Found by two integers: a fraction's own hash takes longer than printing it."""
    return ratio(Fraction(part, whole))
