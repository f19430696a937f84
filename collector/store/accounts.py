"""Agents, their tokens and enrolment codes: functions of a connection, in the caller's transaction.

Every change also moves `agents_version`, by which running collectors notice it.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from collector.core.accounts import Account, AccountError, AccountProblem, Standing
from collector.store import rows
from collector.store.tables import agents, codes, meta, sequences, tokens

_VERSION = "agents_version"
_SELECT_VERSION = f"SELECT number FROM {meta.name} WHERE key = '{_VERSION}'"  # noqa: S608 - made of constants
"""As text: each commit asks it, and building it costs three times what it costs to run."""
_TEXT = 255


def version(connection: Connection) -> int:
    """See `Store.agents_version`."""
    return connection.exec_driver_sql(_SELECT_VERSION).scalar() or 0


def _touch(connection: Connection) -> None:
    moved = connection.execute(update(meta).where(meta.c.key == _VERSION).values(number=meta.c.number + 1))
    if moved.rowcount == 0:
        connection.execute(insert(meta).values(key=_VERSION, number=1))


def _standing(connection: Connection, agent: str) -> Standing:
    found = connection.execute(select(agents.c.standing).where(agents.c.id == agent)).scalar()
    if found is None:
        raise AccountError(AccountProblem.UNKNOWN, f"no agent is called {agent}")
    return Standing(found)


def add(connection: Connection, agent: str, site: str, class_: str, now_ms: int) -> Account:
    """See `Store.add_agent`."""
    if connection.execute(select(agents.c.id).where(agents.c.id == agent)).scalar() is not None:
        raise AccountError(AccountProblem.EXISTS, f"an agent called {agent} exists")
    values = {"id": agent, "site": site, "class": class_, "standing": Standing.INVITED.value, "created_ms": now_ms}
    connection.execute(insert(agents).values(values | {"enrolled_ms": 0, "revoked_ms": 0, "agent_version": "", "hostname": ""}))
    _touch(connection)
    return Account(agent, site, class_, Standing.INVITED, now_ms)


def every(connection: Connection, only: ColumnElement[bool] | None = None) -> list[Account]:
    """See `Store.agents`; `only` narrows it."""
    heard = select(sequences.c.agent, func.max(sequences.c.rx_ms).label("heard_ms")).group_by(sequences.c.agent).subquery()
    found = select(agents, heard.c.heard_ms).outerjoin(heard, heard.c.agent == agents.c.id).order_by(agents.c.id)
    if only is not None:
        found = found.where(only)
    return [rows.account_of(row, row.heard_ms or 0) for row in connection.execute(found)]


def valid_tokens(connection: Connection) -> dict[bytes, str]:
    """See `Store.tokens`."""
    found = select(tokens.c.hash, tokens.c.agent).where(tokens.c.revoked_ms == 0)
    return {bytes(row.hash): row.agent for row in connection.execute(found)}


def create_code(connection: Connection, agent: str, code_hash: bytes, expires_ms: int, now_ms: int) -> None:
    """See `Store.create_code`."""
    standing = _standing(connection, agent)
    _void_codes(connection, agent)
    values = {"hash": code_hash, "agent": agent, "created_ms": now_ms, "expires_ms": expires_ms, "used_ms": 0, "void": False}
    connection.execute(insert(codes).values(values))
    if standing is Standing.REVOKED:
        connection.execute(update(agents).where(agents.c.id == agent).values(standing=Standing.INVITED.value, revoked_ms=0))
    _touch(connection)


def _void_codes(connection: Connection, agent: str) -> None:
    connection.execute(update(codes).where(codes.c.agent == agent, codes.c.used_ms == 0).values(void=True))


def redeem_code(connection: Connection, code_hash: bytes, now_ms: int) -> str:
    """Mark a code used and name its agent. The condition stands in the UPDATE itself: of two that come at once, one wins."""
    usable = (codes.c.hash == code_hash, codes.c.used_ms == 0, ~codes.c.void, codes.c.expires_ms > now_ms)
    if connection.execute(update(codes).where(*usable).values(used_ms=now_ms)).rowcount == 1:
        return str(connection.execute(select(codes.c.agent).where(codes.c.hash == code_hash)).scalar_one())
    found = connection.execute(select(codes).where(codes.c.hash == code_hash)).first()
    if found is None or found.void:
        raise AccountError(AccountProblem.CODE_UNKNOWN, "the code is not known; ask for a new one")
    if found.used_ms:
        raise AccountError(AccountProblem.CODE_USED, "the code was used before; ask for a new one")
    raise AccountError(AccountProblem.CODE_EXPIRED, "the code has expired; ask for a new one")


def enrol(connection: Connection, agent: str, token_hash: bytes, now_ms: int, described: tuple[str, str]) -> Account:
    """Make an agent active with one token; `described` is its version and host name."""
    _replace_token(connection, agent, token_hash, now_ms)
    agent_version, hostname = (text.replace("\0", "")[:_TEXT] for text in described)
    values = {"standing": Standing.ACTIVE.value, "enrolled_ms": now_ms, "revoked_ms": 0}
    values |= {"agent_version": agent_version, "hostname": hostname}
    connection.execute(update(agents).where(agents.c.id == agent).values(values))
    _touch(connection)
    return every(connection, agents.c.id == agent)[0]


def _replace_token(connection: Connection, agent: str, token_hash: bytes, now_ms: int) -> None:
    _revoke_tokens(connection, agent, now_ms)
    connection.execute(insert(tokens).values(hash=token_hash, agent=agent, created_ms=now_ms, revoked_ms=0))


def _revoke_tokens(connection: Connection, agent: str, now_ms: int) -> None:
    connection.execute(update(tokens).where(tokens.c.agent == agent, tokens.c.revoked_ms == 0).values(revoked_ms=now_ms))


def rotate(connection: Connection, agent: str, token_hash: bytes, now_ms: int) -> None:
    """See `Store.rotate_token`."""
    if _standing(connection, agent) is Standing.REVOKED:
        raise AccountError(AccountProblem.REVOKED, f"agent {agent} is revoked; invite it with a new code")
    _replace_token(connection, agent, token_hash, now_ms)
    connection.execute(update(agents).where(agents.c.id == agent).values(standing=Standing.ACTIVE.value))
    _touch(connection)


def revoke(connection: Connection, agent: str, now_ms: int) -> None:
    """See `Store.revoke`."""
    _standing(connection, agent)
    _revoke_tokens(connection, agent, now_ms)
    _void_codes(connection, agent)
    connection.execute(update(agents).where(agents.c.id == agent).values(standing=Standing.REVOKED.value, revoked_ms=now_ms))
    _touch(connection)


def purge_codes(connection: Connection, before_ms: int) -> None:
    """Delete codes that were over long ago; nobody asks for them any more."""
    connection.execute(delete(codes).where(codes.c.expires_ms < before_ms))
