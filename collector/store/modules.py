"""Which modules each target has, so that their number stays bounded: functions of a connection, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from collector.core.change import Change, ModuleRow
from collector.store.tables import latest, modules

_CHUNK = 500
"""Keys in one IN list."""
_ONE_MODULE = (modules.c.agent == bindparam("who"), modules.c.target == bindparam("of"), modules.c.module == bindparam("what"))
_ITS_VALUES = (latest.c.agent == bindparam("who"), latest.c.target == bindparam("of"), latest.c.module == bindparam("what"))


def _insert(dialect: Any) -> Any:
    new = dialect.insert(modules)
    return new.on_conflict_do_update(index_elements=["agent", "target", "module"], set_={"at_ms": new.excluded.at_ms})


_INSERT = {"sqlite": _insert(sqlite), "postgresql": _insert(postgresql)}


def apply(connection: Connection, change: Change) -> None:
    """Forget the modules that made room, with their newest values, and note the new ones."""
    if change.dropped:
        gone = [{"who": agent, "of": target, "what": module} for agent, target, module in change.dropped]
        connection.execute(delete(modules).where(*_ONE_MODULE), gone)
        connection.execute(delete(latest).where(*_ITS_VALUES), gone)
    if change.modules:
        values = [
            {"agent": row.agent, "target": row.target, "module": row.module, "at_ms": row.at_ms} for row in change.modules
        ]
        connection.execute(_INSERT[connection.dialect.name], values)


def load(connection: Connection, agents: Collection[str]) -> dict[str, list[ModuleRow]]:
    """The modules that these agents report."""
    names, found = list(agents), dict[str, list[ModuleRow]]()
    for start in range(0, len(names), _CHUNK):
        wanted = select(modules).where(modules.c.agent.in_(names[start : start + _CHUNK]))
        for row in connection.execute(wanted):
            found.setdefault(row.agent, []).append(ModuleRow(row.agent, row.target, row.module, row.at_ms))
    return found
