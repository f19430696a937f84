"""The ledger's books: closed days, standing, the chain, issued reports, restatements. Functions of a connection in the caller's
transaction.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from collector.core.change import StoreError
from collector.core.monthly import RestatementLine
from collector.core.restate import CountedRow, Restated
from collector.core.sealing import Entries, IssuedReport, Link, SealedMonth, StandingRow
from collector.core.state import View
from collector.store import audit
from collector.store.ledger import Hot
from collector.store.tables_books import chain, counted, reports, restated, restatements, spans, standing

CHUNK = 500
"""Keys in one IN list."""
_MONTH = ("month", "subject", "base_ms", "upto_ms", "device", "e2e", "beside")
_STANDING = ("subject", "upto_ms", "body")
_RESTATED = ("subject", "view", "from_state", "to_state", "ms")
_COUNTED = ("subject", "body")
_SHOWN = ""
"""In place of a subject: when counters were last shown."""


def _upserts(dialect: Any) -> dict[str, Any]:
    month, place, moved = dialect.insert(spans), dialect.insert(standing), dialect.insert(restated)
    shown = dialect.insert(counted)
    return {
        "spans": month.on_conflict_do_update(
            index_elements=["month", "subject"], set_={name: month.excluded[name] for name in _MONTH[2:]}
        ),
        "standing": place.on_conflict_do_update(
            index_elements=["subject"], set_={name: place.excluded[name] for name in _STANDING[1:]}
        ),
        "restated": moved.on_conflict_do_update(
            index_elements=list(_RESTATED[:4]), set_={"ms": restated.c.ms + moved.excluded.ms}
        ),
        "counted": shown.on_conflict_do_update(index_elements=["subject"], set_={"body": shown.excluded.body}),
    }


_UPSERTS = {"sqlite": _upserts(sqlite), "postgresql": _upserts(postgresql)}


def _hot(name: str, order: tuple[str, ...]) -> Hot:
    return Hot({dialect: upserts[name] for dialect, upserts in _UPSERTS.items()}, order)


_PUT_MONTHS = _hot("spans", _MONTH)
_PUT_STANDING = _hot("standing", _STANDING)
_PUT_RESTATED = _hot("restated", _RESTATED)
_PUT_COUNTED = _hot("counted", _COUNTED)
_DROP_STANDING = delete(standing).where(standing.c.subject == bindparam("who"))


def enter(connection: Connection, entries: Entries) -> None:
    """See `Store.enter`."""
    _PUT_MONTHS.run(connection, [(m.month, m.subject, m.base_ms, m.upto_ms, m.device, m.e2e, m.beside) for m in entries.months])
    _PUT_STANDING.run(connection, [(s.subject, s.upto_ms, s.body) for s in entries.standing])
    if entries.forgotten:
        connection.execute(_DROP_STANDING, [{"who": subject} for subject in entries.forgotten])
    _PUT_RESTATED.run(connection, [(r.subject, r.view.value, r.from_state, r.to_state, r.ms) for r in entries.restated])
    if entries.restatements:
        connection.execute(insert(restatements), [_restatement_values(line) for line in entries.restatements])
    if entries.audited:
        audit.serialize(connection)
        for entry in entries.audited:
            audit.append(connection, entry)
    for report in entries.issued:
        if issue(connection, report).version != report.version:
            raise StoreError(f"report {report.period}: version {report.version} does not follow the newest one")
    if entries.links:
        _append(connection, entries.links)


def show(connection: Connection, shown_ms: int, rows: Sequence[CountedRow], moved: Sequence[Restated]) -> None:
    """See `Store.show`."""
    _PUT_COUNTED.run(connection, [(_SHOWN, str(shown_ms).encode()), *[(row.subject, row.body) for row in rows]])
    _PUT_RESTATED.run(connection, [(r.subject, r.view.value, r.from_state, r.to_state, r.ms) for r in moved])


def all_counted(connection: Connection) -> tuple[int, list[CountedRow]]:
    """See `Store.load_counted`."""
    found = {row.subject: row.body for row in connection.execute(select(counted))}
    return int(found.pop(_SHOWN, b"0")), [CountedRow(subject, body) for subject, body in found.items()]


def _append(connection: Connection, links: Sequence[Link]) -> None:
    last = head(connection)
    number, before = (last.number, last.hash) if last else (0, links[0].previous)
    for found in links:
        number += 1
        if found.number != number or found.previous != before:
            raise StoreError(f"chain: found link {found.number}, expected link {number} after the newest one")
        before = found.hash
    connection.execute(insert(chain), [_link_values(found) for found in links])


def _link_values(found: Link) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Link.__struct_fields__}


def _link_of(row: Any) -> Link:
    m = row._mapping
    return Link(
        m["number"], m["kind"], m["name"], m["from_ms"], m["until_ms"], m["known_ms"], bytes(m["spans"]), bytes(m["evidence"]),
        bytes(m["previous"]), bytes(m["hash"]),
    )  # fmt: skip


def head(connection: Connection) -> Link | None:
    """See `Store.chain_head`."""
    row = connection.execute(select(chain).order_by(chain.c.number.desc()).limit(1)).first()
    return _link_of(row) if row is not None else None


def links(connection: Connection, after: int, limit: int) -> list[Link]:
    """Links behind number `after`, oldest first."""
    found = select(chain).where(chain.c.number > after).order_by(chain.c.number).limit(limit)
    return [_link_of(row) for row in connection.execute(found)]


def months(connection: Connection, wanted: Collection[str], subjects: Collection[str] | None) -> list[SealedMonth]:
    """See `Store.sealed_months`."""
    found = select(*[spans.c[name] for name in SealedMonth.__struct_fields__]).order_by(spans.c.month, spans.c.subject)
    found = found.where(spans.c.month.in_(sorted(wanted)))
    if subjects is None:
        return [SealedMonth(*row) for row in connection.execute(found)]
    names, out = sorted(subjects), list[SealedMonth]()
    for start in range(0, len(names), CHUNK):
        some = found.where(spans.c.subject.in_(names[start : start + CHUNK]))
        out += [SealedMonth(*row) for row in connection.execute(some)]
    return sorted(out, key=lambda one: (one.month, one.subject)) if len(names) > CHUNK else out


def all_standing(connection: Connection) -> list[StandingRow]:
    """See `Store.load_standing`."""
    return [StandingRow(*row) for row in connection.execute(select(standing.c.subject, standing.c.upto_ms, standing.c.body))]


def totals(connection: Connection) -> list[Restated]:
    """See `Store.load_restated`."""
    found = select(restated).order_by(*restated.primary_key.columns)
    return [
        Restated(row.subject, View(row.view), row.from_state, row.to_state, int(row.ms)) for row in connection.execute(found)
    ]


# --- reports and their restatements


def issue(connection: Connection, report: IssuedReport) -> IssuedReport:
    """See `Store.issue_report`."""
    mine = (reports.c.period == report.period, reports.c.scope == report.scope)
    version = int(connection.execute(select(func.max(reports.c.version)).where(*mine)).scalar() or 0) + 1
    values = {name: getattr(report, name) for name in IssuedReport.__struct_fields__}
    connection.execute(insert(reports).values(values | {"version": version, "body": zlib.compress(report.body, 6)}))
    return IssuedReport(**(values | {"version": version}))


_HEADINGS = tuple([column for column in reports.c if column.name != "body"])


def issued(connection: Connection, period: str | None, scope: str | None, *, bodies: bool = True) -> list[IssuedReport]:
    """See `Store.issued_reports`."""
    found = (select(reports) if bodies else select(*_HEADINGS)).order_by(reports.c.id)
    if period is not None:
        found = found.where(reports.c.period == period)
    if scope is not None:
        found = found.where(reports.c.scope == scope)
    return [_issued_of(row, bodies=bodies) for row in connection.execute(found)]


def one_issued(connection: Connection, period: str, scope: str, version: int | None) -> IssuedReport | None:
    """See `Store.issued_report`."""
    found = select(reports).where(reports.c.period == period, reports.c.scope == scope)
    if version is not None:
        found = found.where(reports.c.version == version)
    row = connection.execute(found.order_by(reports.c.version.desc()).limit(1)).first()
    return _issued_of(row, bodies=True) if row is not None else None


def _issued_of(row: Any, *, bodies: bool) -> IssuedReport:
    return IssuedReport(
        row.period, row.scope, row.version, row.from_ms, row.until_ms, row.known_ms, row.issued_ms, row.issued_by,
        bytes(row.head), zlib.decompress(row.body) if bodies else b"",
    )  # fmt: skip


def _restatement_values(line: RestatementLine) -> dict[str, Any]:
    values = {name: getattr(line, name) for name in RestatementLine.__struct_fields__}
    return values | {"view": line.view.value, "evidence": " ".join(map(str, line.evidence))}


def restatement_lines(connection: Connection, report: str | None, period: tuple[int, int] | None) -> list[RestatementLine]:
    """See `Store.restatements`."""
    found = select(restatements).order_by(restatements.c.id)
    if report is not None:
        found = found.where(restatements.c.report == report)
    if period is not None:
        found = found.where(restatements.c.from_ms < period[1], restatements.c.to_ms > period[0])
    return [
        RestatementLine(
            row.report, row.version, row.subject, View(row.view), row.from_ms, row.to_ms, row.from_state, row.to_state,
            row.rule, tuple(map(int, row.evidence.split())), row.received_ms, row.approver, row.before, row.after,
        )
        for row in connection.execute(found)
    ]  # fmt: skip
