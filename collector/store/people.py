"""Principals and their tokens: functions of a connection, in the caller's transaction. Every change is audited with it."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, insert, select, update

from collector.core.audit import AuditEntry
from collector.core.people import Actor, Person, PersonError, PersonProblem, Right, Role, is_name, may
from collector.store import audit
from collector.store.tables_acts import people, person_tokens

LOCAL = "local"
"""`Actor.source` of a command at the machine itself: whoever may write the data folder is admin there."""


def every(connection: Connection) -> list[Person]:
    """All principals by name."""
    return [_person(row) for row in connection.execute(select(people).order_by(people.c.key))]


def holder(connection: Connection, token_hash: bytes) -> Person | None:
    """Whose token this is; None if nobody's or not valid any more."""
    found = select(people).join(person_tokens, person_tokens.c.person == people.c.name)
    found = found.where(person_tokens.c.hash == token_hash, person_tokens.c.revoked_ms == 0, people.c.revoked_ms == 0)
    row = connection.execute(found).first()
    return None if row is None else _person(row)


def find(connection: Connection, name: str) -> Person | None:
    """The principal of a name, however it is spelled in capitals."""
    row = connection.execute(select(people).where(people.c.key == name.casefold())).first()
    return None if row is None else _person(row)


def add(connection: Connection, person: Person, token_hash: bytes, actor: Actor) -> Person:
    """A new principal, or one that was revoked, with this token. Raises `PersonError` (forbidden, bad_name, exists)."""
    _begin(connection, actor)
    if not is_name(person.name):
        expected = "expected letters, digits and ._@- (1 to 64, first a letter or digit)"
        raise PersonError(PersonProblem.BAD_NAME, person.name, expected)
    known = find(connection, person.name)
    if known is not None and not known.revoked_ms:
        raise PersonError(PersonProblem.EXISTS, known.name, "a person of this name exists")
    now_ms = person.created_ms
    if known is None:
        values = {"name": person.name, "key": person.name.casefold(), "role": person.role.value}
        connection.execute(insert(people).values(**values, created_ms=now_ms, revoked_ms=0))
    else:
        person = msgspec.structs.replace(known, role=person.role, revoked_ms=0)
        changed = update(people).where(people.c.name == known.name)
        connection.execute(changed.values(role=person.role.value, revoked_ms=0))
    _give(connection, person, token_hash, now_ms)
    _note(connection, actor, "user.add" if known is None else "user.restore", person, now_ms)
    return person


def rotate(connection: Connection, name: str, token_hash: bytes, actor: Actor, now_ms: int) -> Person:
    """Replace a principal's token at once. Raises `PersonError` (forbidden, unknown, revoked)."""
    _begin(connection, actor)
    person = _active(connection, name)
    _give(connection, person, token_hash, now_ms)
    _note(connection, actor, "user.rotate", person, now_ms)
    return person


def revoke(connection: Connection, name: str, actor: Actor, now_ms: int) -> Person:
    """Void a principal's token; what it did stays. Raises `PersonError` (forbidden, unknown, revoked)."""
    _begin(connection, actor)
    person = msgspec.structs.replace(_active(connection, name), revoked_ms=now_ms)
    connection.execute(update(people).where(people.c.name == person.name).values(revoked_ms=now_ms))
    _void(connection, person, now_ms)
    _note(connection, actor, "user.revoke", person, now_ms)
    return person


def set_role(connection: Connection, name: str, role: Role, actor: Actor, now_ms: int) -> Person:
    """Raises `PersonError` (forbidden, unknown, revoked)."""
    _begin(connection, actor)
    person = msgspec.structs.replace(_active(connection, name), role=role)
    connection.execute(update(people).where(people.c.name == person.name).values(role=role.value))
    _note(connection, actor, "user.role", person, now_ms)
    return person


def present(connection: Connection, actor: Actor) -> Actor:
    """The actor with the role it has in this very transaction: it may have changed since its token was read. Raises
    `PersonError` (forbidden) when it is no principal any more."""
    person = find(connection, actor.name)
    if person is None or person.revoked_ms:
        raise PersonError(PersonProblem.FORBIDDEN, actor.name, "no valid token")
    return msgspec.structs.replace(actor, name=person.name, role=person.role)


def _begin(connection: Connection, actor: Actor) -> None:
    audit.serialize(connection)
    now = actor if actor.source == LOCAL else present(connection, actor)
    if not may(now.role, Right.PEOPLE):
        raise PersonError(PersonProblem.FORBIDDEN, now.role.value, "this role may not manage people")


def _active(connection: Connection, name: str) -> Person:
    person = find(connection, name)
    if person is None:
        raise PersonError(PersonProblem.UNKNOWN, name, "nobody has this name")
    if person.revoked_ms:
        raise PersonError(PersonProblem.REVOKED, person.name, "this person is revoked; add the name again")
    return person


def _give(connection: Connection, person: Person, token_hash: bytes, now_ms: int) -> None:
    _void(connection, person, now_ms)
    connection.execute(insert(person_tokens).values(hash=token_hash, person=person.name, created_ms=now_ms, revoked_ms=0))


def _void(connection: Connection, person: Person, now_ms: int) -> None:
    valid = update(person_tokens).where(person_tokens.c.person == person.name, person_tokens.c.revoked_ms == 0)
    connection.execute(valid.values(revoked_ms=now_ms))


def _note(connection: Connection, actor: Actor, act: str, person: Person, now_ms: int) -> None:
    details = msgspec.json.encode({"role": person.role.value}).decode()
    audit.append(connection, AuditEntry(now_ms, actor.name, actor.role.value, actor.source, act, person.name, details))


def _person(row: object) -> Person:
    return msgspec.convert(row, Person, from_attributes=True)
