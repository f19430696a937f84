"""The part of an issued report that is about one site or group: its lines as they were issued, pools added up anew (R15.3).

Pure. No figure of a line is computed again, so that a part never says something else than the whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from collector.core import assembly_lists as lists
from collector.core.assembly import ALL
from collector.core.court import Court
from collector.core.figures import Figures, pool
from collector.core.intervals import Interval
from collector.core.monthly import Line, LostTime, Report
from collector.core.roll import Roll
from collector.core.subject import SubjectKind


def limited(report: Report, court: Court, limit: str) -> Report:
    """The part of `report` that is about `limit`. `court` knows the configuration and the windows of the period as of the
    report's K; it is asked for no state. `ValueError` if the report has no line of that id."""
    if limit not in {line.id for line in report.headline}:
        raise ValueError(f"report limited to {limit!r}: expected a site or group of the report")
    roll = court.roll
    single, groups = _single(roll, limit), _inside(roll, limit) | {limit}
    subjects = tuple([line for line in report.subjects if line.id in single])
    fleets = _fleets(report, subjects, roll.subject(limit).site if roll.subject(limit).kind is SubjectKind.SITE else "")
    headline = (*[line for line in report.headline if line.id in groups], *fleets)
    ids = {line.id for line in (*headline, *subjects)}
    classes = {(line.kind, line.class_) for line in subjects}
    named = sorted(id_ for id_ in ids if id_ in roll)
    period: Interval = (report.from_ms, report.to_ms)
    return msgspec.structs.replace(
        report,
        title_site=limit,
        headline=headline,
        subjects=subjects,
        lost=tuple(_lost(report, subjects, headline)),
        incidents=tuple([each for each in report.incidents if each.subject in ids]),
        windows=tuple(lists.windows(court, named, period, whole=False)),
        unknown=tuple([each for each in report.unknown if each.subject in ids]),
        corrections=tuple([each for each in report.corrections if each.subject in ids]),
        restatements=tuple([each for each in report.restatements if each.subject in named]),
        parameters=tuple([each for each in report.parameters if (each.kind, each.class_) in classes]),
    )


def _inside(roll: Roll, limit: str) -> set[str]:
    """Everything that is in it, also through groups in it."""
    out: set[str] = set()
    stack = [limit]
    while stack:
        found = roll.members(stack.pop()) - out
        out |= found
        stack += found
    return out


def _single(roll: Roll, limit: str) -> set[str]:
    """Targets and agents in it; of a site all that are there."""
    subject = roll.subject(limit)
    found = {id_ for id_ in _inside(roll, limit) if id_ in roll and roll.subject(id_).group is None}
    if subject.kind is SubjectKind.SITE:
        found |= {id_ for id_ in roll if roll.subject(id_).site == subject.site and roll.subject(id_).group is None}
    return found


def _fleets(report: Report, subjects: Sequence[Line], site: str) -> list[Line]:
    """Pools of each class and of all targets, against the objective that the whole report has for them."""
    whole = [line for line in report.headline if line.kind == "fleet"]
    out = []
    for line in whole:
        parts = [(1, f) for f in _figures(subjects, line)]
        if parts or line.id == ALL:
            out.append(msgspec.structs.replace(line, site=site, figures=pool(parts, line.figures.slo)))
    return out


def _figures(subjects: Sequence[Line], fleet: Line) -> list[Figures]:
    return [each.figures for each in _members(subjects, fleet)]


def _members(subjects: Sequence[Line], fleet: Line) -> list[Line]:
    return [
        each
        for each in subjects
        if each.kind == SubjectKind.TARGET and each.view is fleet.view and (fleet.id == ALL or each.class_ == fleet.class_)
    ]


def _lost(report: Report, subjects: Sequence[Line], headline: Sequence[Line]) -> list[LostTime]:
    known = {(each.subject, each.view): each for each in report.lost}
    out = []
    for line in (*headline, *subjects):
        found = known.get((line.id, line.view))
        if line.kind == "fleet":
            parts = [known[each.id, each.view] for each in _members(subjects, line) if (each.id, each.view) in known]
            found = _added(line, parts)
        if found is not None and found.total_ms:
            out.append(found)
    return out


def _added(line: Line, parts: Sequence[LostTime]) -> LostTime:
    causes = {name: sum([each.by_cause[name] for each in parts]) for name in (parts[0].by_cause if parts else {})}
    return LostTime(line.id, line.view, sum([each.total_ms for each in parts]), causes)
