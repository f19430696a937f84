"""What is read back: evidence, losses, the live picture, schemas, counts. Functions of a connection."""

from __future__ import annotations

from sqlalchemy import Column, Connection, func, literal_column, select, tuple_

from agent.model import Kind, Report
from collector.core.change import Counts, Latest, LossRow, Picture, SchemaRow
from collector.core.evidence import LONGEST_MS, Evidence, Run, last_of
from collector.store import rows
from collector.store.ledger import GROWING, RUNS
from collector.store.tables import agent_schemas, agents, blinds, boots, evidence, latest, losses, schemas

PAGE = 1_000
"""Runs read in one transaction."""

VALUES_PAGE = 128
"""Reports with values read in one transaction; one may have 400 kB."""

Newest = dict[str, dict[str, Evidence]]
Key = tuple[str, str]
"""Target and module."""
Place = tuple[int, int]
"""Where a page ended: `first_t_ms` and id of its last run."""


def page(connection: Connection, target: str, period: tuple[int, int], after: Place | None) -> list[Run]:
    """Up to `PAGE` runs of a target that touch the period, by first instant, from behind `after`."""
    from_ms, until_ms = period
    found = RUNS.where(
        evidence.c.target == target,
        evidence.c.first_t_ms < until_ms,
        evidence.c.first_t_ms >= from_ms - LONGEST_MS,
        evidence.c.last_t_ms >= from_ms,
    )
    if after is not None:
        found = found.where(tuple_(evidence.c.first_t_ms, evidence.c.id) > tuple_(*after))
    ordered = found.order_by(evidence.c.first_t_ms, evidence.c.id).limit(PAGE)
    return [rows.run_of(row) for row in connection.execute(ordered)]


def losses_of(connection: Connection, agent: str) -> list[LossRow]:
    """See `Store.losses`."""
    found = select(losses).where(losses.c.agent == agent).order_by(losses.c.id)
    return [rows.loss_of(row) for row in connection.execute(found)]


def newest_runs(connection: Connection) -> Newest:
    """The newest evidence, without values, of everything that may still grow."""
    newest: Newest = {}
    for row in connection.execute(RUNS.where(GROWING)):
        seen = last_of(rows.run_of(row))
        modules = newest.setdefault(seen.target, {})
        if seen.module not in modules or modules[seen.module].t_ms <= seen.t_ms:
            modules[seen.module] = seen
    return newest


def values_page(connection: Connection, after: Key | None) -> list[Latest]:
    """Up to `VALUES_PAGE` newest reports with values by target and module, from behind `after`."""
    found = select(latest).order_by(latest.c.target, latest.c.module).limit(VALUES_PAGE)
    if after is not None:
        found = found.where(tuple_(latest.c.target, latest.c.module) > tuple_(*after))
    return [rows.latest_of(row) for row in connection.execute(found)]


def merge(found: list[Latest], newest: Newest) -> Picture:
    """A part of the picture: whole targets with their values, and what is newer than these, taken out of `newest`."""
    part: Picture = [(rows.evidence_of(one), one.report) for one in found]
    values = {(one.target, one.module): one.t_ms for one in found}
    for target in {one.target for one in found}:
        for seen in newest.pop(target, {}).values():
            if values.get((target, seen.module), seen.t_ms - 1) < seen.t_ms:
                part.append((seen, _bare(seen)))
    part.sort(key=lambda pair: pair[0].t_ms)
    return part


def merge_rest(newest: Newest) -> Picture:
    """The last part: targets without any values."""
    part = [(seen, _bare(seen)) for modules in newest.values() for seen in modules.values()]
    part.sort(key=lambda pair: pair[0].t_ms)
    return part


def beginnings(connection: Connection) -> dict[tuple[str, str], int]:
    """See `Store.load_beginnings`."""
    growing = select(evidence.c.target, evidence.c.module, evidence.c.first_t_ms, evidence.c.last_t_ms).where(GROWING)
    newest: dict[tuple[str, str], tuple[int, int]] = {}
    for target, module, first_ms, last_ms in connection.execute(growing):
        key = (target, module)
        newest[key] = max(newest.get(key, (0, 0)), (last_ms, first_ms))
    return {key: first for key, (_, first) in newest.items()}


def _bare(e: Evidence) -> Report:
    """The report that a run remembers, without values."""
    return Report(
        e.seq, e.target, e.module, Kind(e.kind), e.wall_ms, e.uptime_ms, e.awake_ms, e.outcome, e.reason, 0.0, e.interval_ms,
        e.detail,
    )  # fmt: skip


def schemas_in_use(connection: Connection) -> list[SchemaRow]:
    """See `Store.load_schemas`."""
    # Few bodies have many users: joined, each would be read once for every one of these.
    bodies = {bytes(hash_): bytes(body) for hash_, body in connection.execute(select(schemas.c.hash, schemas.c.body))}
    users = connection.execute(select(agent_schemas.c.agent, agent_schemas.c.hash))
    return [SchemaRow(agent, digest, bodies[digest]) for agent, digest in users if digest in bodies]


def counts(connection: Connection) -> Counts:
    """See `Store.counts`."""

    def of(statement: object) -> int:
        return int(connection.execute(statement).scalar() or 0)  # type: ignore[call-overload]

    def rows_in(table: object) -> int:
        return of(select(func.count()).select_from(table))  # type: ignore[arg-type]

    def total(column: Column[int]) -> int:
        # In halves: SQLite's sum ends with an error past 63 bits, and an agent may state a loss of 2^53 reports.
        halves = select(func.sum(column.bitwise_rshift(literal_column("32"))), func.sum(column.bitwise_and(0xFFFFFFFF)))
        high, low = connection.execute(halves).one()
        return (int(high or 0) << 32) + int(low or 0)

    return Counts(
        agents=rows_in(agents),
        boots=rows_in(boots),
        runs=rows_in(evidence),
        reports=total(evidence.c.count),
        losses=rows_in(losses),
        lost_reports=total(losses.c.count),
        blinds=rows_in(blinds),
        latest=rows_in(latest),
        schemas=rows_in(schemas),
    )
