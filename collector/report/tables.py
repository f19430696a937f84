"""The report's tables: which columns there are, what kind of value each holds, and the exact value of every cell.

The page and the workbook draw the same tables, each in its own way; nothing here is put into words.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

import msgspec

from collector.core.causes import Cause
from collector.core.figures import Figures
from collector.core.monthly import IncidentLine, Line, Report, UnknownLine
from collector.report.caps import caps
from collector.report.layout import Layout
from collector.report.percent import coverage, high, is_insufficient, low, objective, reached, unreached


class Kind(enum.StrEnum):
    """What a cell holds. Durations and times are milliseconds, percentages are printed already (R16.2)."""

    TEXT = "text"
    SUBJECT = "subject"
    """An id, shown as the name."""
    SCOPE = "scope"
    """Whom a window names."""
    TERM = "term"
    COUNT = "count"
    SAMPLES = "samples"
    """How many samples in a row."""
    PERCENT = "percent"
    DURATION = "duration"
    SHORT = "short"
    """A setting in seconds."""
    SIGNED = "signed"
    """A duration that may be negative."""
    TIME = "time"
    FLAG = "flag"
    VERDICT = "verdict"


class Column(msgspec.Struct, frozen=True):
    """One column; `key` names its heading in `words`, `width` is in characters. `terms` is the closed list of a TERM's values,
    and of the heading where the values are no terms."""

    key: str
    kind: Kind = Kind.TEXT
    width: int = 12
    terms: str = ""


class Table(msgspec.Struct, frozen=True):
    """Columns and rows of raw values in the columns' order."""

    key: str
    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]

    def only(self, *keys: str) -> Table:
        """The table with these columns, in this order."""
        place = {column.key: index for index, column in enumerate(self.columns)}
        chosen = [place[key] for key in keys]
        return Table(self.key, tuple(self.columns[i] for i in chosen), [tuple([row[i] for i in chosen]) for row in self.rows])


def whole(value: Fraction | None) -> int | None:
    """A fraction of milliseconds cut to whole ones, toward zero; None stays None."""
    return None if value is None else int(value)


def uncertainty(line: Line) -> int | None:
    """Incidents x (interval + timeout), milliseconds (R4.2); None for pools, which have neither."""
    count = line.figures.incidents
    return None if count is None or not line.resolution_ms else count * line.resolution_ms


_T, _C, _P, _D = Kind.TEXT, Kind.COUNT, Kind.PERCENT, Kind.DURATION


def _line_getters(layout: Layout) -> tuple[tuple[Column, Callable[[Line, Figures], Any]], ...]:
    digits, least = layout.digits, layout.min_coverage
    return (
        (Column("name", Kind.SUBJECT, 34), lambda line, _: line.id),
        (Column("id", _T, 16), lambda line, _: line.id),
        (Column("kind", Kind.TERM, 11, "kind"), lambda line, _: line.kind),
        (Column("site", _T, 11), lambda line, _: line.site),
        (Column("class", Kind.TERM, 20, "class"), lambda line, _: line.class_),
        (Column("view", Kind.TERM, 11, "view"), lambda line, _: line.view.value),
        (Column("decides", Kind.FLAG, 11), lambda line, _: line.decides),
        (Column("policy", Kind.TERM, 20, "policy"), lambda line, _: line.policy),
        (Column("slo", _P, 11), lambda _, f: objective(f.slo)),
        (Column("availability", _P, 13), lambda _, f: reached(f, digits)),
        (Column("low", _P, 11), lambda _, f: low(f, digits)),
        (Column("high", _P, 11), lambda _, f: high(f, digits)),
        (Column("unavailability", _P, 14), lambda _, f: unreached(f, digits)),
        (Column("verdict", Kind.VERDICT, 16), lambda _, f: f.verdict.value),
        (Column("coverage", _P, 11), lambda _, f: coverage(f)),
        (Column("insufficient", Kind.FLAG, 14), lambda _, f: is_insufficient(f, least)),
        (Column("resolution", _D, 11), lambda line, _: line.resolution_ms or None),
        (Column("uncertainty", _D, 11), lambda line, _: uncertainty(line)),
        (Column("incident_count", _C, 10), lambda _, f: f.incidents),
        (Column("incidents_started", _C, 10), lambda _, f: f.incidents_started),
    )


_SECONDS: Final[tuple[tuple[Column, Callable[[Line, Figures], Any]], ...]] = (
    (Column("ast", _D, 14), lambda _, f: f.ast),
    (Column("maintenance", _D, 12), lambda _, f: f.maintenance),
    (Column("up", _D, 14), lambda _, f: f.up),
    (Column("degraded", _D, 12), lambda _, f: f.degraded),
    (Column("down", _D, 12), lambda _, f: f.down),
    (Column("unreachable", _D, 13), lambda _, f: f.unreachable),
    (Column("unknown_s", _D, 12), lambda _, f: f.unknown),
    (Column("good", _D, 14), lambda _, f: f.good),
    (Column("bad", _D, 12), lambda _, f: f.bad),
    (Column("future_ast", _D, 12), lambda _, f: f.future_ast),
    (Column("mttr", _D, 12), lambda _, f: whole(f.mttr)),
    (Column("mtbf", _D, 14), lambda _, f: whole(f.mtbf)),
    (Column("mtbsi", _D, 14), lambda _, f: whole(f.mtbsi)),
    (Column("mttr_closed", _D, 12), lambda _, f: whole(f.mttr_closed)),
    (Column("budget_total", _D, 12), lambda _, f: whole(f.budget_total)),
    (Column("budget_left", Kind.SIGNED, 12), lambda _, f: whole(f.budget_left)),
    (Column("up_backfill", _D, 14), lambda _, f: f.up_backfill),
    (Column("up_inferred", _D, 14), lambda _, f: f.up_inferred),
    (Column("soft_fail", _D, 14), lambda _, f: f.soft_fail),
    (Column("maint_up", _D, 14), lambda _, f: f.maint_up),
    (Column("maint_down", _D, 14), lambda _, f: f.maint_down),
)


def lines(key: str, rows: Iterable[Line], layout: Layout) -> Table:
    """Headline lines or single subjects, with everything that is known of each."""
    pairs = (*_line_getters(layout), *_SECONDS)
    getters = [get for _, get in pairs]
    return Table(
        key, tuple(column for column, _ in pairs), [tuple([get(line, line.figures) for get in getters]) for line in rows]
    )


CAUSES: Final = tuple(cause.value for cause in Cause)


def causes(report: Report) -> Table:
    """Lost time by cause, of every subject of which it is stated; each row adds up to its total."""
    columns = (
        Column("name", Kind.SUBJECT, 34),
        Column("id", _T, 16),
        Column("view", Kind.TERM, 12, "view"),
        *(Column(cause, _D, 12, "cause") for cause in CAUSES),
        Column("total", _D, 12),
    )
    rows: list[tuple[Any, ...]] = [
        (
            lost.subject,
            lost.subject,
            lost.view.value,
            *(lost.by_cause.get(cause, 0) for cause in CAUSES),
            lost.total_ms,
        )
        for lost in report.lost
    ]
    return Table("causes", columns, rows)


def incidents(some: Iterable[IncidentLine]) -> Table:
    """Every incident (R13.5); its duration is from onset to restoration, unclipped."""
    columns = (
        Column("subject", Kind.SUBJECT, 34),
        Column("id", _T, 16),
        Column("view", Kind.TERM, 12, "view"),
        Column("onset", Kind.TIME, 19),
        Column("hard", Kind.TIME, 19),
        Column("delay", _D, 12),
        Column("restored", Kind.TIME, 19),
        Column("duration", _D, 12),
        Column("charged", _D, 12),
        Column("cause", Kind.TERM, 14, "cause"),
        Column("why", Kind.TERM, 20, "why"),
        Column("grade", _T, 7),
        Column("before", Kind.FLAG, 12),
        Column("reclassified", _T, 14),
    )
    rows: list[tuple[Any, ...]] = [
        (
            each.subject,
            each.subject,
            each.view.value,
            each.onset_ms,
            each.hard_ms,
            each.hard_ms - each.onset_ms if each.hard_ms else None,
            each.restored_ms,
            each.restored_ms - each.onset_ms if each.restored_ms else None,
            each.charged_ms,
            each.cause,
            each.why,
            each.grade,
            each.started_before,
            each.reclassified,
        )
        for each in some
    ]
    return Table("incidents", columns, rows)


def windows(report: Report) -> Table:
    """Maintenance windows that counted, with the people (R11.1, R17.5)."""
    columns = (
        Column("number", _T, 12),
        Column("scope", Kind.SCOPE, 34),
        Column("from", Kind.TIME, 19),
        Column("to", Kind.TIME, 19),
        Column("counted", _D, 12),
        Column("author", _T, 16),
        Column("approver", _T, 16),
        Column("change", _T, 14),
        Column("reason", _T, 32),
        Column("retroactive", Kind.FLAG, 11),
    )
    rows: list[tuple[Any, ...]] = [
        (w.id, w.scope, w.from_ms, w.to_ms, w.counted_ms, w.author, w.approver, w.change, w.reason, w.retroactive)
        for w in report.windows
    ]
    return Table("windows", columns, rows)


def corrections(report: Report) -> Table:
    """States that people set, with the people (R9.4, 3.17)."""
    columns = (
        Column("number", _T, 12),
        Column("subject", Kind.SUBJECT, 34),
        Column("id", _T, 16),
        Column("from", Kind.TIME, 19),
        Column("to", Kind.TIME, 19),
        Column("to_state", Kind.TERM, 14, "state"),
        Column("author", _T, 16),
        Column("approver", _T, 16),
        Column("change", _T, 14),
        Column("reason", _T, 32),
    )
    rows: list[tuple[Any, ...]] = [
        (c.id, c.subject, c.subject, c.from_ms, c.to_ms, c.to_state, c.author, c.approver, c.change, c.reason)
        for c in report.corrections
    ]
    return Table("corrections", columns, rows)


def unknown(some: Iterable[UnknownLine]) -> Table:
    """Stretches that nobody can speak for, with their causes (R17.5)."""
    columns = (
        Column("subject", Kind.SUBJECT, 34),
        Column("id", _T, 16),
        Column("view", Kind.TERM, 12, "view"),
        Column("from", Kind.TIME, 19),
        Column("to", Kind.TIME, 19),
        Column("duration", _D, 12),
        Column("why", Kind.TERM, 22, "why"),
        Column("cause", Kind.TERM, 14, "cause"),
    )
    rows: list[tuple[Any, ...]] = [
        (u.subject, u.subject, u.view.value, u.from_ms, u.to_ms, u.to_ms - u.from_ms, u.why, u.cause) for u in some
    ]
    return Table("unknown", columns, rows)


def restatements(report: Report) -> Table:
    """Changes of figures that were issued already (R17.2)."""
    columns = (
        Column("report", _T, 14),
        Column("version_column", _C, 9),
        Column("subject", Kind.SUBJECT, 34),
        Column("id", _T, 16),
        Column("view", Kind.TERM, 12, "view"),
        Column("from", Kind.TIME, 19),
        Column("to", Kind.TIME, 19),
        Column("from_state", Kind.TERM, 14, "state"),
        Column("new_state", Kind.TERM, 14, "state"),
        Column("rule", _T, 8),
        Column("rule_meaning", Kind.TERM, 26, "rule"),
        Column("received", Kind.TIME, 19),
        Column("approver", _T, 16),
        Column("figure_before", _P, 11),
        Column("figure_after", _P, 11),
        Column("evidence", _T, 18),
    )
    rows: list[tuple[Any, ...]] = [
        (
            r.report, r.version, r.subject, r.subject, r.view.value, r.from_ms, r.to_ms, r.from_state, r.to_state, r.rule,
            r.rule, r.received_ms, r.approver, r.before, r.after, evidence_text(r.evidence),
        )
        for r in report.restatements
    ]  # fmt: skip
    return Table("restatements", columns, rows)


def maintenance_caps(report: Report, layout: Layout) -> Table:
    """Maintenance against the contract's cap (R11.6)."""
    columns = (
        Column("name", Kind.SUBJECT, 34),
        Column("id", _T, 16),
        Column("targets_count", _C, 10),
        Column("used_most", _D, 13),
        Column("used_by", Kind.SUBJECT, 34),
        Column("cap", _D, 12),
        Column("cap_left", Kind.SIGNED, 12),
        Column("beyond", _C, 12),
    )
    rows: list[tuple[Any, ...]] = [
        (c.id, c.id, c.targets, c.used_ms, c.most, c.cap_ms, c.cap_ms - c.used_ms, c.beyond) for c in caps(report, layout)
    ]
    return Table("caps", columns, rows)


def parameters(report: Report) -> Table:
    """How targets of each class are judged (SPEC 3.20)."""
    columns = (
        Column("kind", Kind.TERM, 12, "kind"),
        Column("class", Kind.TERM, 22, "class"),
        Column("interval", Kind.SHORT, 12),
        Column("timeout", Kind.SHORT, 12),
        Column("ttl", Kind.SHORT, 12),
        Column("fail_after", Kind.SAMPLES, 12),
        Column("recover_after", Kind.SAMPLES, 12),
        Column("merge_gap", Kind.SHORT, 12),
        Column("silence", Kind.TERM, 14, "state"),
    )
    rows: list[tuple[Any, ...]] = [
        (
            p.kind, p.class_, p.interval_ms, p.timeout_ms, p.ttl_ms, p.fail_after, p.recover_after, p.merge_gap_ms,
            "down" if p.silence_is_down else "unknown",
        )
        for p in report.parameters
    ]  # fmt: skip
    return Table("judged", columns, rows)


EVIDENCE_SHOWN: Final = 12


def evidence_text(ids: Sequence[int]) -> str:
    """Numbers of evidence records; of a long list the first ones and how many follow."""
    text = ", ".join(str(each) for each in ids[:EVIDENCE_SHOWN])
    return text if len(ids) <= EVIDENCE_SHOWN else f"{text} … (+{len(ids) - EVIDENCE_SHOWN})"
