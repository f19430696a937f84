"""The group commit and what the committer asks before it: functions of a connection, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.sqlite import pysqlite

from collector.core.change import BootRow, Change, Saved, SequenceRow, StoreError
from collector.core.evidence import Run
from collector.store import rows
from collector.store.tables import agent_schemas, boots, evidence, latest, losses, schemas, sequences

_BOOTS = 1_000
"""Newest boots of the wanted streams that are loaded with an agent."""
_CHUNK = 500
"""Keys in one IN list."""


class Hot:
    """A statement of the ingest path, compiled once: it is run with plain tuples, since turning one dictionary a row into
    driver values costs SQLAlchemy more than SQLite's work on the row."""

    def __init__(self, statement: Any, order: tuple[str, ...]) -> None:
        self._sql: dict[str, str] = {}
        for name, dialect in _DIALECTS.items():
            spelled = statement[name] if isinstance(statement, dict) else statement
            compiled = spelled.compile(dialect=dialect, column_keys=list(order))
            assert tuple(compiled.positiontup) == order, f"{compiled.positiontup} is not {order}"
            self._sql[name] = str(compiled)

    def run(self, connection: Connection, values: list[rows.Fields]) -> int:
        """Run for each row; how many rows were touched, -1 if the driver does not say."""
        return connection.exec_driver_sql(self._sql[connection.dialect.name], values).rowcount if values else 0


_DIALECTS: dict[str, Dialect] = {"sqlite": pysqlite.dialect(), "postgresql": asyncpg.dialect()}  # type: ignore[no-untyped-call]


def _upserts(dialect: Any) -> dict[str, Any]:
    """The statements whose spelling differs between databases only in the module they come from."""
    sequence = dialect.insert(sequences)
    boot = dialect.insert(boots)
    new = dialect.insert(latest)
    return {
        "sequences": sequence.on_conflict_do_update(
            index_elements=["agent", "stream", "lane"],
            set_={name: sequence.excluded[name] for name in ("received", "lost", "rx_ms")},
        ),
        "boots": boot.on_conflict_do_update(
            index_elements=["agent", "stream", "boot"],
            set_={
                "sender": boot.excluded.sender | boots.c.sender,
                "present": boot.excluded.present,
                "last_rx_ms": boot.excluded.last_rx_ms,
                **{
                    name: func.coalesce(boot.excluded[name], boots.c[name])
                    for name in ("instant_ms", "current_ms", "since_ms", "offset_ms")
                },
            },
        ),
        "latest": new.on_conflict_do_update(
            index_elements=["target", "module"],
            set_={column.name: new.excluded[column.name] for column in latest.c if not column.primary_key},
            where=new.excluded.t_ms >= latest.c.t_ms,
        ),
        "schemas": dialect.insert(schemas).on_conflict_do_nothing(index_elements=["hash"]),
        "agent_schemas": dialect.insert(agent_schemas).on_conflict_do_nothing(index_elements=["agent", "hash"]),
    }


_UPSERTS = {"sqlite": _upserts(sqlite), "postgresql": _upserts(postgresql)}
_SEQUENCES = Hot({name: upserts["sequences"] for name, upserts in _UPSERTS.items()}, rows.SEQUENCE)
_LATEST = Hot({name: upserts["latest"] for name, upserts in _UPSERTS.items()}, rows.LATEST)
_OPEN = insert(evidence).returning(evidence.c.id, sort_by_parameter_order=True)
_GROW = Hot(
    update(evidence)
    .where(evidence.c.id == bindparam("run"))
    .values(
        last_t_ms=bindparam("t"),
        last_rx_ms=bindparam("rx"),
        last_seq=bindparam("seq"),
        count=bindparam("n"),
        last_uptime_ms=bindparam("uptime"),
        last_asleep_ms=bindparam("asleep"),
        last_wall_ms=bindparam("wall"),
        steps=bindparam("steps"),
    ),
    rows.GROWTH,
)
_CLOSE = update(evidence).where(evidence.c.id == bindparam("run")).values(growing=False)
_FORGET = delete(agent_schemas).where(agent_schemas.c.agent == bindparam("who"), agent_schemas.c.hash == bindparam("what"))
_BOOT_KEY = tuple_(boots.c.agent, boots.c.stream, boots.c.boot)


def apply(connection: Connection, change: Change) -> list[int]:
    """Write a change; the ids of the runs it opens, in order. Raises `StoreError` when a row it builds on is gone."""
    upserts = _UPSERTS[connection.dialect.name]

    def each(statement: Any, values: list[rows.Values]) -> None:
        if values:
            connection.execute(statement, values)

    each(upserts["boots"], [rows.boot_values(row) for row in change.boots])
    ids = _open(connection, change.opened)
    grown = _GROW.run(connection, [rows.growth_values(run) for run in change.extended])
    if grown not in (-1, len(change.extended)):
        raise StoreError(f"{len(change.extended)} runs were to grow and {grown} are there")
    each(_CLOSE, [{"run": id_} for id_ in change.closed])
    _SEQUENCES.run(connection, [rows.sequence_values(row) for row in change.sequences])
    _LATEST.run(connection, [rows.latest_values(row) for row in change.latest])
    each(insert(losses), [rows.loss_values(row) for row in change.losses])
    each(upserts["schemas"], [{"hash": row.hash, "body": row.body} for row in change.schemas])
    each(upserts["agent_schemas"], [{"agent": row.agent, "hash": row.hash} for row in change.schemas])
    each(_FORGET, [{"who": agent, "what": hash_} for agent, hash_ in change.forgotten])
    if change.forgotten:
        unused = ~select(agent_schemas.c.hash).where(agent_schemas.c.hash == schemas.c.hash).exists()
        gone = [hash_ for _, hash_ in change.forgotten]
        connection.execute(delete(schemas).where(schemas.c.hash.in_(gone), unused))
    return ids


def _open(connection: Connection, runs: Sequence[Run]) -> list[int]:
    if not runs:
        return []
    wanted = list({(run.observer, run.stream, run.boot) for run in runs})
    ids: dict[tuple[str, str, str], int] = {}
    for start in range(0, len(wanted), _CHUNK):
        found = select(boots.c.id, boots.c.agent, boots.c.stream, boots.c.boot).where(
            _BOOT_KEY.in_(wanted[start : start + _CHUNK])
        )
        ids.update({(row.agent, row.stream, row.boot): row.id for row in connection.execute(found)})
    if len(ids) != len(wanted):
        raise StoreError(f"{len(wanted) - len(ids)} boots that new runs belong to are gone")
    values = [rows.run_values(run, ids[run.observer, run.stream, run.boot]) for run in runs]
    return [row.id for row in connection.execute(_OPEN, values)]


RUNS = select(evidence, boots.c.agent, boots.c.stream, boots.c.boot).join(boots, boots.c.id == evidence.c.boot_id)
GROWING: ColumnElement[bool] = literal_column("growing", Boolean)
"""Spelled as in the partial index, or the database would not use it."""


def load_agents(connection: Connection, wanted: Mapping[str, Collection[str]]) -> dict[str, Saved]:
    """What is stored of agents and the streams asked for."""
    names = list(wanted)
    saved: dict[str, Saved] = {}
    for start in range(0, len(names), _CHUNK):
        some = names[start : start + _CHUNK]
        saved |= _load_some(connection, {agent: wanted[agent] for agent in some})
    return saved


def _load_some(connection: Connection, wanted: Mapping[str, Collection[str]]) -> dict[str, Saved]:
    mine = boots.c.agent.in_(list(wanted))
    known = _load_boots(connection, wanted)
    involved = {(agent, stream) for agent, streams in wanted.items() for stream in streams}
    involved |= {(row.agent, row.stream) for of_agent in known.values() for row in of_agent if row.present}
    numbers: dict[str, list[SequenceRow]] = {}
    for row in connection.execute(select(sequences).where(sequences.c.agent.in_(list(wanted)))):
        if (row.agent, row.stream) in involved:
            numbers.setdefault(row.agent, []).append(rows.sequence_of(row))
    before = select(boots.c.agent, func.max(boots.c.last_rx_ms).label("rx_ms"))
    before = before.where(mine, boots.c.sender, ~boots.c.present).group_by(boots.c.agent)
    heard: dict[str, int] = {row.agent: row.rx_ms for row in connection.execute(before)}
    runs: dict[str, list[Run]] = {}
    for row in connection.execute(RUNS.where(mine, GROWING)):
        runs.setdefault(row.agent, []).append(rows.run_of(row))
    return {
        agent: Saved(
            heard.get(agent, 0), tuple(known.get(agent, ())), tuple(numbers.get(agent, ())), tuple(runs.get(agent, ()))
        )
        for agent in wanted
    }


def _load_boots(connection: Connection, wanted: Mapping[str, Collection[str]]) -> dict[str, list[BootRow]]:
    """Newest boots of each agent, oldest first, limited by agent: one with very many must not push out another's."""
    asked = {stream for streams in wanted.values() for stream in streams}
    age = func.row_number().over(partition_by=boots.c.agent, order_by=(boots.c.present.desc(), boots.c.id.desc())).label("age")
    ranked = select(boots, age).where(boots.c.agent.in_(list(wanted)), boots.c.stream.in_(asked) | boots.c.present).subquery()
    known: dict[str, list[BootRow]] = {}
    for row in connection.execute(select(ranked).where(ranked.c.age <= _BOOTS).order_by(ranked.c.id)):
        if row.present or row.stream in wanted[row.agent]:
            known.setdefault(row.agent, []).append(rows.boot_of(row))
    return known
