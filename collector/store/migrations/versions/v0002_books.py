"""The ledger's books: configuration history, closed days, the chain, issued reports and what was restated.

A copy of `collector/store/tables_books.py` as it was then, on purpose: a migration must go on meaning what it meant.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

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

counted = Table(
    "counted",
    metadata,
    _word("subject", primary_key=True),
    _bytes("body"),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind(), checkfirst=False)
