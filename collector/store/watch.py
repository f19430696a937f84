"""When the collector watched (R5.3) and how its clock was set (R2.1): functions of a connection in the caller's transaction."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from collector.core.change import Blind, ClockStep
from collector.store import rows
from collector.store.tables import blinds, clock_steps, heartbeats

STOPPED = "stopped"
"""Cause of a blindness that a clean stop announced."""
DIED = "died"
"""Cause of a blindness that only the last heartbeat tells of."""


def begin(connection: Connection, observer: str, now_ms: int) -> Blind | None:
    """See `Store.begin`. A wall clock that was set back since leaves a stretch of no length, which is still written down."""
    announced = connection.execute(
        select(blinds).where(blinds.c.observer == observer, blinds.c.until_ms.is_(None)).order_by(blinds.c.id)
    ).first()
    beat = connection.execute(select(heartbeats.c.at_ms).where(heartbeats.c.observer == observer)).scalar()
    heartbeat(connection, observer, now_ms)
    if announced is not None:
        until_ms = max(now_ms, announced.from_ms)
        open_ones = (blinds.c.observer == observer, blinds.c.until_ms.is_(None))
        connection.execute(update(blinds).where(*open_ones).values(until_ms=until_ms))
        return Blind(observer, announced.from_ms, until_ms, announced.cause)
    if beat is None:
        return None
    return blind(connection, Blind(observer, beat, max(now_ms, beat), DIED))


def heartbeat(connection: Connection, observer: str, now_ms: int) -> None:
    """See `Store.heartbeat`."""
    moved = connection.execute(update(heartbeats).where(heartbeats.c.observer == observer).values(at_ms=now_ms))
    if moved.rowcount == 0:
        connection.execute(insert(heartbeats).values(observer=observer, at_ms=now_ms))


def finish(connection: Connection, observer: str, now_ms: int) -> None:
    """See `Store.finish`."""
    heartbeat(connection, observer, now_ms)
    blind(connection, Blind(observer, now_ms, None, STOPPED))


def blind(connection: Connection, record: Blind) -> Blind:
    """Write a blind record."""
    values = {"observer": record.observer, "from_ms": record.from_ms, "until_ms": record.until_ms, "cause": record.cause}
    connection.execute(insert(blinds).values(values))
    return record


def between(connection: Connection, from_ms: int, until_ms: int, observer: str | None) -> list[Blind]:
    """See `Store.blinds`."""
    found = select(blinds).where(blinds.c.from_ms < until_ms, blinds.c.until_ms.is_(None) | (blinds.c.until_ms > from_ms))
    if observer is not None:
        found = found.where(blinds.c.observer == observer)
    return [rows.blind_of(row) for row in connection.execute(found.order_by(blinds.c.from_ms, blinds.c.id))]


def clock_step(connection: Connection, step: ClockStep) -> None:
    """See `Store.clock_step`."""
    values = {"observer": step.observer, "at_ms": step.at_ms, "delta_ms": step.delta_ms}
    connection.execute(insert(clock_steps).values(values))


def steps_between(connection: Connection, from_ms: int, until_ms: int, observer: str | None) -> list[ClockStep]:
    """See `Store.clock_steps`."""
    found = select(clock_steps).where(clock_steps.c.at_ms >= from_ms, clock_steps.c.at_ms < until_ms)
    if observer is not None:
        found = found.where(clock_steps.c.observer == observer)
    ordered = found.order_by(clock_steps.c.at_ms, clock_steps.c.id)
    return [ClockStep(row.observer, row.at_ms, row.delta_ms) for row in connection.execute(ordered)]
