"""Availability figures as the API tells them: exact milliseconds beside printed texts. Values only.

Nothing is rounded but what is printed, and that is cut as `core.printing` cuts it (R16.2). Milliseconds add up exactly (3.12).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import msgspec

from collector.core.budget import Burn
from collector.core.figures import Figures, Verdict
from collector.core.intervals import Interval
from collector.core.policy import POLICIES
from collector.core.printing import display, duration, localised, ratio, seconds, truncated, unavailability
from collector.core.state import View
from collector.core.subject import Subject
from collector.expose.api import time_text
from collector.expose.words import LANGUAGES, NO_DATA, Nothing

MS: Final = (
    "ast", "maintenance", "up", "degraded", "down", "unreachable", "unknown", "good", "bad", "doubt", "future_ast", "charged",
    "maint_up", "maint_down", "up_backfill", "up_inferred",
)  # fmt: skip
"""Numbers of `Figures` that are told as they are, in milliseconds."""
COVERAGE_DIGITS: Final = 2
Text = dict[str, str]
"""By language."""


class Period(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """What was asked for, its bounds, and until when it counts (K or its end)."""

    name: str
    from_: str
    to: str
    until: str


class Objective(msgspec.Struct, frozen=True):
    """What is aimed at."""

    ppm: int
    percent: Text


class Budget(msgspec.Struct, frozen=True):
    """Bad seconds that the objective allows in the whole period, and what is left; negative when overspent (R14.1)."""

    total_s: str | None
    left_s: str | None
    burn: dict[str, str | None]
    """By window; None: nothing counts in it (R14.2)."""


class Incidents(msgspec.Struct, frozen=True):
    """Counts and means of 3.13; None for weighted pools and without incidents. Means in seconds."""

    count: int | None
    started: int | None
    closed: int
    mttr_s: str | None
    mtbf_s: str | None
    mtbsi_s: str | None
    mttr_closed_s: str | None


class Printed(msgspec.Struct, frozen=True):
    """As a report prints it, in per cent without the sign; None where there is nothing to say."""

    availability: Text | None
    low: Text | None
    high: Text | None
    unavailability: Text | None
    coverage: Text | None
    downtime: Text


class FiguresView(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """One subject in one view by one policy."""

    subject: str
    kind: str
    site: str
    class_: str
    view: View
    decides: bool
    """It is the view whose figure decides for this subject (SPEC 5, decision 1)."""
    policy: str
    objective: Objective
    verdict: Verdict
    provisional: bool
    sufficient: bool
    """Enough was measured for a headline (R12.5)."""
    reason: Text | None
    """Why there is no figure; None if there is one."""
    printed: Printed
    ms: dict[str, int]
    soft_fail_ms: int | None
    """Failures that were never confirmed (R4.3); of sums those of their parts; None where nothing was configured."""
    incidents: Incidents
    budget: Budget
    uncertainty_ms: int | None
    """Incidents x (interval + timeout) (R4.2); None for sums of several subjects."""


class Answer(msgspec.Struct, frozen=True):
    """A page of figures in the order of ids; `next` is the `after` of the following page, "" at the end."""

    now: str
    as_of: str
    """K (R1.3): ask with it again and the answer is the same."""
    live: bool
    """From the running ledger; else recomputed from evidence as of K."""
    zone: str
    period: Period
    figures: list[FiguresView]
    policies: dict[str, Text]
    """The text that belongs beside every figure (R12.2)."""
    next: str


class Counted(msgspec.Struct, frozen=True):
    """What a view is made of, beside the subject."""

    view: View
    policy: str
    figures: Figures
    decides: bool
    burn: Mapping[str, Burn]
    soft_ms: int | None
    edge_ms: int | None
    """Uncertainty of one edge (R4.2); None for sums."""
    nothing: Nothing | None


class Print(msgspec.Struct, frozen=True):
    """How figures are printed."""

    digits: int = 4
    min_coverage: Fraction = Fraction(99, 100)


def figures_view(subject: Subject, counted: Counted, printing: Print) -> FiguresView:
    """One row of the answer."""
    f, slo = counted.figures, counted.figures.slo
    coverage = f.coverage
    return FiguresView(
        subject.id, subject.kind.value, subject.site, subject.class_ or subject.kind.value, counted.view, counted.decides,
        counted.policy, Objective(int(slo * 1_000_000), {language: ratio(slo, language) for language in LANGUAGES}), f.verdict,
        f.provisional, coverage is None or coverage >= printing.min_coverage,
        None if counted.nothing is None else NO_DATA[counted.nothing], printed_view(f, printing.digits),
        {name: getattr(f, name) for name in MS}, counted.soft_ms, _incidents(f), _budget(f, counted.burn),
        None if counted.edge_ms is None or f.incidents is None else f.incidents * counted.edge_ms,
    )  # fmt: skip


def printed_view(f: Figures, digits: int) -> Printed:
    """The printed texts of figures."""

    def texts(good: int, bad: int) -> Text:
        return {language: display(good, bad, digits, language) for language in LANGUAGES}

    agreed = f.ast - f.maintenance
    covered = truncated(100 * f.coverage, COVERAGE_DIGITS) if f.coverage is not None and agreed else None
    return Printed(
        texts(f.good, f.bad) if f.denom else None,
        texts(f.good, f.bad + f.doubt) if f.denom else None,
        texts(f.good + f.doubt, f.bad) if f.denom else None,
        {language: unavailability(f.good, f.bad, digits, language) for language in LANGUAGES} if f.denom else None,
        {language: localised(covered, language) for language in LANGUAGES} if covered is not None else None,
        {language: duration(f.bad, language) for language in LANGUAGES},
    )


def _incidents(f: Figures) -> Incidents:
    means = (f.mttr, f.mtbf, f.mtbsi, f.mttr_closed)
    return Incidents(f.incidents, f.incidents_started, f.closed_count, *[seconds(mean) for mean in means])


def _budget(f: Figures, burn: Mapping[str, Burn]) -> Budget:
    rates = {name: truncated(one.rate, 3) for name, one in burn.items()}
    return Budget(seconds(f.budget_total), seconds(f.budget_left), rates)


def period_view(name: str, period: Interval, known_ms: int) -> Period:
    """The period as it is told."""
    until_ms = max(period[0], min(period[1], known_ms))
    return Period(name, *[time_text(ms) for ms in (*period, until_ms)])


def policy_texts(names: set[str]) -> dict[str, Text]:
    """Name and text of policies (R12.2)."""
    return {name: dict(POLICIES[name].text) for name in sorted(names)}
