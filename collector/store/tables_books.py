"""Tables of the ledger's books: configuration history, closed days, the chain, issued reports and what was restated.

Append-only, but for `spans`, `standing` and `restated`, which say how things stand now.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text, UniqueConstraint

from collector.store.tables import metadata

_ID = BigInteger().with_variant(Integer, "sqlite")


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _word(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, String(255), nullable=False, primary_key=primary_key)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


subjects = Table(
    "subjects",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("subject"),
    _time("valid_from_ms"),
    _time("rx_ms"),
    _word("author"),
    Column("removed", Boolean, nullable=False),
    _bytes("body"),
    Index("ix_subjects_subject", "subject"),
)
"""R1.2: each version of each subject, as MessagePack of `core.subject.Subject`."""

settings_history = Table(
    "settings_history",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("name"),
    _time("valid_from_ms"),
    _time("rx_ms"),
    _word("author"),
    _bytes("body"),
    Index("ix_settings_history_name", "name"),
)
"""R1.2: calendars, policies and whatever else figures depend on, by name."""

spans = Table(
    "spans",
    metadata,
    _word("month", primary_key=True),
    _word("subject", primary_key=True),
    _time("base_ms"),
    _time("upto_ms"),
    _bytes("device"),
    _bytes("e2e"),
    _bytes("beside"),
    sqlite_with_rowid=False,
)
"""Closed days of one local month of one subject (`core.sealing.SealedMonth`)."""

standing = Table(
    "standing",
    metadata,
    _word("subject", primary_key=True),
    _time("upto_ms"),
    _bytes("body"),
    sqlite_with_rowid=False,
)

chain = Table(
    "chain",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _word("kind"),
    _word("name"),
    _time("from_ms"),
    _time("until_ms"),
    _time("known_ms"),
    _bytes("spans"),
    _bytes("evidence"),
    _bytes("previous"),
    _bytes("hash"),
)
"""R17.4 (`core.sealing.Link`)."""

reports = Table(
    "reports",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("period"),
    _word("scope"),
    Column("version", Integer, nullable=False),
    _time("from_ms"),
    _time("until_ms"),
    _time("known_ms"),
    _time("issued_ms"),
    _word("issued_by"),
    _bytes("head"),
    _bytes("body"),
    UniqueConstraint("period", "scope", "version"),
)
"""R17.1: issued versions, never edited; `body` is deflated."""

restatements = Table(
    "restatements",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("report"),
    Column("version", Integer, nullable=False),
    _word("subject"),
    _word("view"),
    _time("from_ms"),
    _time("to_ms"),
    _word("from_state"),
    _word("to_state"),
    _word("rule"),
    Column("evidence", Text, nullable=False),
    _time("received_ms"),
    _word("approver"),
    _word("before"),
    _word("after"),
    Index("ix_restatements_report", "report"),
    Index("ix_restatements_subject", "subject", "from_ms"),
)
"""R17.2."""

restated = Table(
    "restated",
    metadata,
    _word("subject", primary_key=True),
    _word("view", primary_key=True),
    _word("from_state", primary_key=True),
    _word("to_state", primary_key=True),
    Column("ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Totals of what was claimed as one state and became another: counters never go back."""

counted = Table(
    "counted",
    metadata,
    _word("subject", primary_key=True),
    _bytes("body"),
    sqlite_with_rowid=False,
)
"""What `/metrics` has shown of counters (`core.restate.CountedRow`); under the subject "", when it last did."""
