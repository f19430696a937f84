"""Tables of people, what they did to the ledger, and the audit trail. Append-only, but for roles and the end of tokens."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table, Text

from collector.store.tables import metadata


def _word(name: str, *, primary_key: bool = False, unique: bool = False) -> Column[str]:
    return Column(name, String(255), nullable=False, primary_key=primary_key, unique=unique or None)


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


people = Table(
    "people",
    metadata,
    _word("name", primary_key=True),
    _word("key", unique=True),
    _word("role"),
    _time("created_ms"),
    _time("revoked_ms"),
)
"""`key` is the name in the form in which names are compared."""

person_tokens = Table(
    "person_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", String(255), ForeignKey("people.name"), nullable=False, index=True),
    _time("created_ms"),
    _time("revoked_ms"),
)

acts = Table(
    "acts",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _word("family"),
    _word("object"),
    _word("kind"),
    _time("t_ms"),
    _word("actor"),
    _word("role"),
    Column("body", Text, nullable=False),
    Index("ix_acts_family", "family", "object"),
)

act_keys = Table(
    "act_keys",
    metadata,
    _word("person", primary_key=True),
    _word("key", primary_key=True),
    Column("request", LargeBinary, nullable=False),
    _word("object"),
    _time("t_ms"),
)
"""Idempotency keys: what a person asked for, as a hash, and what it became."""

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _time("t_ms"),
    _word("actor"),
    _word("role"),
    _word("source"),
    _word("act"),
    _word("object"),
    Column("details", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)
"""Numbered without holes from 1."""
