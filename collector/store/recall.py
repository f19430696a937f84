"""Evidence read back for judgement: of many targets at once, with what has to be known from before and after a period.
Functions of a connection, in the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal_column, select, tuple_

from agent.model import Kind, Outcome
from collector.core.evidence import LONGEST_MS, Grade, Run, TimeQuality
from collector.core.sealing import run_bytes
from collector.core.stretch import BlindSpan, Result, Stretch
from collector.core.waypoints import blind_at, stretch_at
from collector.store import rows
from collector.store.books import CHUNK
from collector.store.ledger import RUNS
from collector.store.tables import blinds, boots, evidence

REACH_MS: Final = 86_400_000
"""Evidence is read from so long before a period, and until so long after it: samples that hold into it, runs that are confirmed
behind it (R4.1, R5.6)."""
HORIZON_MS: Final = 400 * 86_400_000
"""A target without evidence within reach is asked for its nearest: silence may have begun long ago (R6.3)."""
PAGE: Final = 2_000
T = TypeVar("T")
_BLIND: ColumnElement[bool] = literal_column("kind = 'blind'")
"""Spelled as in the partial index, or the database would not use it."""


def runs_of(connection: Connection, targets: Sequence[str], from_ms: int, until_ms: int) -> dict[str, list[Run]]:
    """See `Store.runs_of`."""
    return _gather(connection, targets, (from_ms, until_ms), rows.run_of)


def stretches_of(
    connection: Connection, targets: Sequence[str], period: tuple[int, int], known_ms: int
) -> dict[str, list[Stretch]]:
    """See `Store.stretches_of`."""
    found = _gather(connection, targets, period, lambda row: _stretch_of(row, known_ms))
    return {target: [stretch for stretch in some if stretch is not None] for target, some in found.items()}


def _gather(
    connection: Connection, targets: Sequence[str], period: tuple[int, int], read: Callable[[Row[Any]], T]
) -> dict[str, list[T]]:
    from_ms, until_ms = period[0] - REACH_MS, period[1] + REACH_MS
    out: dict[str, list[T]] = {target: [] for target in targets}
    e = evidence.c
    touching = RUNS.where(e.first_t_ms < until_ms, e.first_t_ms >= from_ms - LONGEST_MS, e.last_t_ms >= from_ms)
    for start in range(0, len(targets), CHUNK):
        some = list(targets[start : start + CHUNK])
        without_before, without_after = set(some), set(some)
        for row in connection.execute(touching.where(e.target.in_(some)).order_by(e.target, e.first_t_ms, e.id)):
            target = row.target
            out[target].append(read(row))
            if row.first_t_ms <= period[0]:
                without_before.discard(target)
            if row.last_t_ms >= period[1]:
                without_after.discard(target)
        before = (e.last_t_ms < from_ms, e.first_t_ms >= from_ms - HORIZON_MS)
        earlier: dict[str, list[T]] = {}
        for row in connection.execute(_nearest(sorted(without_before), before, e.last_t_ms.desc())):
            earlier.setdefault(row.target, []).append(read(row))
        for target, found in earlier.items():
            out[target][:0] = found
        after = (e.first_t_ms >= until_ms, e.first_t_ms < until_ms + HORIZON_MS)
        for row in connection.execute(_nearest(sorted(without_after), after, e.first_t_ms)):
            out[row.target].append(read(row))
    return out


def _nearest(targets: Sequence[str], where: tuple[ColumnElement[bool], ...], order: Any) -> Select[Any]:
    """The nearest run of each observer, module and kind of these targets."""
    e = evidence.c
    place = func.row_number().over(partition_by=(e.target, boots.c.agent, e.module, e.kind), order_by=(order, e.id))
    ranked = select(e.id, place.label("place")).join(boots, boots.c.id == e.boot_id)
    ranked_few = ranked.where(e.target.in_(targets), *where).subquery()
    nearest = select(ranked_few.c.id).where(ranked_few.c.place == 1)
    return RUNS.where(e.id.in_(nearest)).order_by(e.target, e.first_t_ms, e.id)


_KINDS: Final = {kind.value: kind for kind in (Kind.OBS, Kind.REPORT)}
_LIVE: Final = Grade.LIVE.value
_OK: Final = Outcome.OK.value
_CLAMPED: Final = TimeQuality.CLAMPED.value


def _stretch_of(row: Row[Any], known_ms: int) -> Stretch | None:
    """`stretch_at` of a row; what is good and wholly known, which nearly all is, without a `Run` in between."""
    kind = _KINDS.get(row.kind)
    if kind is None or row.outcome != _OK or row.last_rx_ms > known_ms:
        return stretch_at(rows.run_of(row), known_ms)
    if kind is Kind.OBS and row.agent != row.target:
        return Stretch(
            kind, row.agent, row.module, Result.OK, row.first_t_ms, row.last_t_ms, row._mapping["count"], (), row.interval_ms,
            row.grade == _LIVE,
        )  # fmt: skip
    boot_ms = None if row.quality == _CLAMPED or not row.boot else row.first_t_ms - row.first_uptime_ms
    return Stretch(
        kind, row.agent, row.module, Result.OK, row.first_t_ms, row.last_t_ms, row._mapping["count"], (), row.interval_ms,
        row.grade == _LIVE, row.boot, boot_ms, row.first_asleep_ms, row.last_asleep_ms,
    )  # fmt: skip


def blind_spans(connection: Connection, from_ms: int, until_ms: int, known_ms: int) -> list[BlindSpan]:
    """See `Store.blind_spans`."""
    until_ms = min(until_ms, known_ms)
    own = select(blinds).where(blinds.c.from_ms < until_ms, blinds.c.until_ms.is_(None) | (blinds.c.until_ms > from_ms))
    spans = [
        BlindSpan(row.observer, row.from_ms, known_ms if row.until_ms is None else row.until_ms)
        for row in connection.execute(own)
    ]
    told = RUNS.where(_BLIND, evidence.c.from_ms < until_ms, evidence.c.until_ms > from_ms)
    for row in connection.execute(told):
        span = blind_at(rows.run_of(row), known_ms)
        if span is not None:
            spans.append(span)
    return sorted(spans, key=lambda span: (span.from_ms, span.observer, span.until_ms))


Place = tuple[str, int, int]
"""Where a page ended: target, first instant and id of its last run."""


def digest_page(
    connection: Connection, period: tuple[int, int], known_ms: int, after: Place | None
) -> tuple[bytes, Place | None]:
    """Canonical bytes of up to `PAGE` runs that touch the period, by target, first instant and id; and where it ended."""
    e, (from_ms, until_ms) = evidence.c, period
    found = RUNS.where(e.first_t_ms < until_ms, e.first_t_ms >= from_ms - LONGEST_MS, e.last_t_ms >= from_ms)
    key = tuple_(e.target, e.first_t_ms, e.id)
    if after is not None:
        found = found.where(key > tuple_(*after))
    out, place = bytearray(), None
    page = list(connection.execute(found.order_by(e.target, e.first_t_ms, e.id).limit(PAGE)))
    for row in page:
        out += run_bytes(rows.run_of(row), until_ms, known_ms)
    if len(page) == PAGE:
        place = (page[-1].target, page[-1].first_t_ms, page[-1].id)
    return bytes(out), place


def blind_bytes(connection: Connection, period: tuple[int, int], known_ms: int) -> Iterator[bytes]:
    """Canonical bytes of the blindness that began in the period; when it ended may not be known yet."""
    found = select(blinds).where(blinds.c.from_ms >= period[0], blinds.c.from_ms < min(period[1], known_ms))
    for row in connection.execute(found.order_by(blinds.c.from_ms, blinds.c.id)):
        yield hashlib.sha256(f"{row.observer} {row.from_ms} {row.cause}".encode()).digest()
