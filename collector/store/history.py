"""Configuration as evidence (R1.2): every version of subjects and settings, with author and the moment it was said.

Functions of a connection, in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select

from collector.core.subject import Subject, Version
from collector.store.tables_books import settings_history, subjects

_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(Subject)


def put_subjects(connection: Connection, wanted: Mapping[str, Subject], author: str, now_ms: int) -> list[str]:
    """See `Store.put_subjects`."""
    newest = select(subjects.c.subject, subjects.c.removed, subjects.c.body).where(
        subjects.c.id.in_(select(func.max(subjects.c.id)).group_by(subjects.c.subject))
    )
    known = {row.subject: (bool(row.removed), bytes(row.body)) for row in connection.execute(newest)}
    rows: list[dict[str, Any]] = []

    def write(subject: str, body: bytes, *, removed: bool) -> None:
        said = {"subject": subject, "valid_from_ms": now_ms, "rx_ms": now_ms, "author": author}
        rows.append(said | {"removed": removed, "body": body})

    for id_, subject in wanted.items():
        body = _encoder.encode(subject)
        removed, before = known.get(id_, (True, b""))
        # Bytes may differ and say the same, when a newer program knows more fields.
        if removed or (before != body and _decoder.decode(before) != subject):
            write(id_, body, removed=False)
    for id_, (removed, before) in known.items():
        if id_ not in wanted and not removed:
            write(id_, _encoder.encode(_ended(_decoder.decode(before), now_ms)), removed=True)
    if rows:
        connection.execute(insert(subjects), rows)
    return sorted(row["subject"] for row in rows)


def _ended(subject: Subject, now_ms: int) -> Subject:
    """The subject out of service from now on (R12.3)."""
    scope = tuple((a, now_ms if b is None else min(b, now_ms)) for a, b in subject.scope if a < now_ms)
    return msgspec.structs.replace(subject, scope=scope)


def load_subjects(connection: Connection, known_ms: int | None) -> dict[str, list[Version[Subject]]]:
    """See `Store.load_subjects`."""
    found = select(subjects.c.subject, subjects.c.valid_from_ms, subjects.c.rx_ms, subjects.c.author, subjects.c.body).order_by(
        subjects.c.id
    )
    if known_ms is not None:
        found = found.where(subjects.c.rx_ms <= known_ms)
    versions: dict[str, list[Version[Subject]]] = {}
    for id_, valid_from_ms, rx_ms, author, body in connection.execute(found):
        versions.setdefault(id_, []).append(Version(valid_from_ms, rx_ms, author, _decoder.decode(body)))
    return versions


def put_settings(connection: Connection, wanted: Mapping[str, bytes], author: str, now_ms: int) -> list[str]:
    """See `Store.put_settings`."""
    table = settings_history
    newest = select(table.c.name, table.c.body).where(table.c.id.in_(select(func.max(table.c.id)).group_by(table.c.name)))
    known = {row.name: bytes(row.body) for row in connection.execute(newest)}
    said = {"valid_from_ms": now_ms, "rx_ms": now_ms, "author": author}
    wanted = dict.fromkeys(known, b"") | dict(wanted)
    rows = [said | {"name": name, "body": body} for name, body in wanted.items() if known.get(name, b"") != body]
    if rows:
        connection.execute(insert(table), rows)
    return sorted(str(row["name"]) for row in rows)


def load_settings(connection: Connection, known_ms: int | None) -> dict[str, list[Version[bytes]]]:
    """See `Store.load_settings`."""
    found = select(settings_history).order_by(settings_history.c.id)
    if known_ms is not None:
        found = found.where(settings_history.c.rx_ms <= known_ms)
    versions: dict[str, list[Version[bytes]]] = {}
    for row in connection.execute(found):
        versions.setdefault(row.name, []).append(Version(row.valid_from_ms, row.rx_ms, row.author, bytes(row.body)))
    return versions
