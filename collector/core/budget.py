"""Burn rates and their alerts (SPEC 3.14): how fast the error budget is used. Pure; fractions, compared exactly."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final

import msgspec

from collector.core.figures import Question, compute
from collector.core.policy import Role
from collector.core.state import Span

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE


class Burn(msgspec.Struct, frozen=True):
    """Bad and counted milliseconds of a window, and the objective (R14.2)."""

    bad: int
    denom: int
    slo: Fraction

    @property
    def rate(self) -> Fraction | None:
        """1 uses up the budget exactly; None without a denominator (R14.2), and for an objective of 100 %: its budget is 0."""
        return Fraction(self.bad, self.denom) / (1 - self.slo) if self.denom and self.slo != 1 else None

    def exceeds(self, limit: Fraction) -> bool:
        """The rate is above the limit. Without a denominator it never is (R14.2); at an objective of 100 % any bad time is."""
        return self.denom > 0 and self.bad > limit * (1 - self.slo) * self.denom


class BurnAlert(msgspec.Struct, frozen=True):
    """Fires while both windows exceed the limit (R14.3)."""

    name: str
    long_ms: int
    short_ms: int
    limit: Fraction


ALERTS: Final = (
    BurnAlert("page_fast", _HOUR, 5 * _MINUTE, Fraction(144, 10)),
    BurnAlert("page_slow", 6 * _HOUR, 30 * _MINUTE, Fraction(6)),
    BurnAlert("ticket", 72 * _HOUR, 6 * _HOUR, Fraction(1)),
)
"""R14.3."""

WINDOWS: Final = tuple(sorted({length for alert in ALERTS for length in (alert.long_ms, alert.short_ms)}))
"""Window lengths that the alerts look at, in milliseconds."""


def burn(spans: Sequence[Span], question: Question, from_ms: int, to_ms: int) -> Burn:
    """What was burnt in a window (R14.2), by the question's policy, scope, hours and maintenance, as far as it is known.

    Observed states alone count here: time under a window is in neither side, even where the policy calls it good.
    """
    until = to_ms if question.known_ms is None else max(from_ms, min(to_ms, question.known_ms))
    first = bisect_right(spans, from_ms, key=lambda span: span.to_ms)
    last = bisect_left(spans, until, key=lambda span: span.from_ms)
    figures = compute(spans[first:last], msgspec.structs.replace(question, period=(from_ms, until), known_ms=None))
    covered = figures.maintenance if question.policy.maintenance is Role.GOOD else 0
    return Burn(figures.bad, figures.denom - covered, question.slo)


def burns(spans: Sequence[Span], question: Question, now_ms: int) -> dict[int, Burn]:
    """The burn over every window of the alerts that ends now, by length."""
    return {length: burn(spans, question, now_ms - length, now_ms) for length in WINDOWS}


def pooled(parts: Iterable[tuple[int, Burn]], slo: Fraction) -> Burn:
    """The burn of a pool of `(weight, burn)`: seconds are added (R14.4, R15.3)."""
    bad = denom = 0
    for weight, part in parts:
        bad += weight * part.bad
        denom += weight * part.denom
    return Burn(bad, denom, slo)


def firing(burnt: Mapping[int, Burn]) -> dict[str, bool | None]:
    """Which alerts fire (R14.3); None where a window has no denominator: that neither fires nor resolves (R14.2)."""
    out: dict[str, bool | None] = {}
    for alert in ALERTS:
        both = (burnt[alert.long_ms], burnt[alert.short_ms])
        out[alert.name] = all(one.exceeds(alert.limit) for one in both) if all(one.denom for one in both) else None
    return out
