"""A report of a period as values: everything its page says, before it is put into words, a table or a file.

Pure. Seconds are exact milliseconds; nothing is rounded here (R16.1).
"""

from __future__ import annotations

import msgspec

from collector.core.figures import Figures
from collector.core.state import View


class Line(msgspec.Struct, frozen=True, gc=False):
    """One row of a headline table: a subject, group, site or fleet and what it reached against its objective."""

    id: str
    name: str
    """Name that people read; the id where inventory gives none."""
    kind: str
    """`target`, `agent`, `group`, `site`, or `fleet` for a pool of a site's or class's devices (R15.3)."""
    site: str
    class_: str
    view: View
    policy: str
    figures: Figures
    resolution_ms: int = 0
    """Uncertainty of one edge, interval + timeout (R4.2), printed next to the objective; 0 for pools."""
    merge_gap_ms: int = 0
    """Good time shorter than this does not part two incidents (R10.3), printed with the method; 0 for pools."""
    names: dict[str, str] = {}
    """`name` by language (`en`, `vi`), where inventory or the report itself has more than one."""
    decides: bool = True
    """It is the view whose figure decides for this subject (SPEC 5, decision 1); the other one stands beside it."""


class LostTime(msgspec.Struct, frozen=True, gc=False):
    """Where lost time went (LESSONS 1.3): milliseconds by cause; the parts add up to `total_ms` exactly."""

    subject: str
    view: View
    total_ms: int
    by_cause: dict[str, int]
    """Keys: `host`, `link`, `power`, `agent`, `collector`, `maintenance`."""


class IncidentLine(msgspec.Struct, frozen=True, gc=False):
    """One incident (3.13), as `R13.5` keeps it. Milliseconds UTC; 0 for *not yet* or *not known*."""

    subject: str
    view: View
    onset_ms: int
    hard_ms: int
    """When it was confirmed; detection delay is `hard_ms - onset_ms` (R4.1)."""
    restored_ms: int
    """0 while it lasts."""
    charged_ms: int
    """Charged within the period."""
    cause: str
    why: str
    """A `state.Why`."""
    grade: str
    started_before: bool = False
    """Its first charged second lies before the period."""
    reclassified: str = ""
    """Id of the restatement by which it is another than it was issued, or is none any more (then nothing is charged; R17.3)."""


class WindowLine(msgspec.Struct, frozen=True):
    """A maintenance window that counted in the period, with who asked and who approved (R11.1)."""

    id: str
    from_ms: int
    to_ms: int
    scope: str
    author: str
    approver: str
    reason: str
    change: str
    retroactive: bool
    counted_ms: int
    """Within the period, by the union with the other windows of the same subjects."""


class UnknownLine(msgspec.Struct, frozen=True, gc=False):
    """A stretch that nobody can speak for, and why."""

    subject: str
    view: View
    from_ms: int
    to_ms: int
    why: str
    cause: str


class RestatementLine(msgspec.Struct, frozen=True):
    """A change of a sealed figure (R17.2)."""

    report: str
    version: int
    subject: str
    view: View
    from_ms: int
    to_ms: int
    from_state: str
    to_state: str
    rule: str
    evidence: tuple[int, ...]
    received_ms: int
    approver: str
    before: str
    """Printed availability before and after."""
    after: str


class CorrectionLine(msgspec.Struct, frozen=True):
    """A person's correction that counts (R9.4, 3.17)."""

    id: str
    subject: str
    from_ms: int
    to_ms: int
    to_state: str
    author: str
    approver: str
    reason: str
    change: str


class Provenance(msgspec.Struct, frozen=True):
    """What makes the report reproducible (R17.4)."""

    known_ms: int
    """K: only evidence received until then was used (R1.3)."""
    chain_head: str
    """Hexadecimal SHA-256 of the newest sealed day; "" before the first."""
    code_version: str
    tzdata_version: str
    config_version: str
    """Hexadecimal SHA-256 of the configuration history in force."""


class ParameterLine(msgspec.Struct, frozen=True):
    """How targets of a kind and class are judged (SPEC 3.20); a class in which they differ has several lines. Milliseconds."""

    kind: str
    class_: str
    interval_ms: int
    timeout_ms: int
    """A later answer is a failure (RFC 7680: loss is defined against a stated waiting time)."""
    ttl_ms: int
    """How long a sample holds (R5.1)."""
    fail_after: int
    recover_after: int
    merge_gap_ms: int
    """R10.3."""
    silence_is_down: bool
    """R6.3."""


class Report(msgspec.Struct, frozen=True):
    """A period's report for some scope."""

    title_site: str
    """Site or group the report is limited to; "" for everything."""
    period: str
    """As asked for: `2026-10`, `2026-Q4`, `2026`, or `FROM/TO`."""
    from_ms: int
    to_ms: int
    zone: str
    status: str
    """`open`, `settling` or `sealed` (R17.1)."""
    version: int
    """0 until it is issued (sealed)."""
    headline: tuple[Line, ...]
    """Groups and sites, then fleets."""
    subjects: tuple[Line, ...]
    """Every single subject in scope."""
    lost: tuple[LostTime, ...]
    incidents: tuple[IncidentLine, ...]
    windows: tuple[WindowLine, ...]
    unknown: tuple[UnknownLine, ...]
    corrections: tuple[CorrectionLine, ...]
    restatements: tuple[RestatementLine, ...]
    collector_coverage_ppm: int
    """Share of the period in which the collector watched, in millionths, floored (R12.5)."""
    provenance: Provenance
    incidents_left_out: int = 0
    """Incidents that count in the figures and are not in the list, which is bounded."""
    unknown_left_out: int = 0
    """Stretches that count as unknown and are not in the list, which has the longest ones."""
    parameters: tuple[ParameterLine, ...] = ()
    """By kind and class; empty in reports that were issued before there was such a list."""
