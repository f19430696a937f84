"""The group commit and what the committer asks before it: functions of a connection, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
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

from collector.core.change import Change, Saved, StoreError
from collector.core.evidence import Run
from collector.store import rows
from collector.store.tables import agent_schemas, boots, evidence, latest, losses, schemas, sequences

_BOOTS = 1_000
"""Newest boots of the wanted streams that are loaded with an agent."""
_CHUNK = 500
"""Keys in one IN list."""


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
_OPEN = insert(evidence).returning(evidence.c.id, sort_by_parameter_order=True)
_GROW = (
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
    )
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
    if change.extended:
        grown = connection.execute(_GROW, [rows.growth_values(run) for run in change.extended])
        if grown.rowcount not in (-1, len(change.extended)):
            raise StoreError(f"{len(change.extended)} runs were to grow and {grown.rowcount} are there")
    each(_CLOSE, [{"run": id_} for id_ in change.closed])
    each(upserts["sequences"], [rows.sequence_values(row) for row in change.sequences])
    each(upserts["latest"], [rows.latest_values(row) for row in change.latest])
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
    return {agent: _load_agent(connection, agent, streams) for agent, streams in wanted.items()}


def _load_agent(connection: Connection, agent: str, streams: Collection[str]) -> Saved:
    mine = boots.c.agent == agent
    asked = boots.c.stream.in_(streams) | boots.c.present
    found = connection.execute(select(boots).where(mine, asked).order_by(boots.c.id.desc()).limit(_BOOTS))
    known = [rows.boot_of(row) for row in reversed(found.all())]
    if not known:
        return Saved()
    involved = {row.stream for row in known}.union(streams)
    numbers = select(sequences).where(sequences.c.agent == agent, sequences.c.stream.in_(involved))
    before = select(func.max(boots.c.last_rx_ms)).where(mine, boots.c.sender, ~boots.c.present)
    return Saved(
        before_ms=connection.execute(before).scalar() or 0,
        boots=tuple(known),
        sequences=tuple(rows.sequence_of(row) for row in connection.execute(numbers)),
        open_runs=tuple(rows.run_of(row) for row in connection.execute(RUNS.where(mine, GROWING))),
    )
