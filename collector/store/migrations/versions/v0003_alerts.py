"""What is paged: alerts, incidents with their timeline, silences, and the outbox.

A copy of `collector/store/tables_alerts.py` as it was then, on purpose: a migration must go on meaning what it meant.
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
    text,
)

revision = "0003"
down_revision = "0002"
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


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _word(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, String(255), nullable=False, primary_key=primary_key)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _index(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


alerts = Table(
    "alerts",
    metadata,
    _word("uid", primary_key=True),
    _word("subject"),
    _word("incident"),
    _time("since_ms"),
    _time("known_ms"),
    _time("over_ms", nullable=True),
    _time("gone_ms", nullable=True),
    _bytes("body"),
    Index("ix_alerts_subject", "subject", "since_ms"),
    Index("ix_alerts_incident", "incident"),
    _index("ix_alerts_open", "known_ms", where="gone_ms IS NULL"),
    _index("ix_alerts_loose", "gone_ms", where="incident = ''"),
)

incidents = Table(
    "incidents",
    metadata,
    _word("uid", primary_key=True),
    Column("number", BigInteger, nullable=False),
    _word("state"),
    _time("over_ms", nullable=True),
    _bytes("body"),
    UniqueConstraint("number"),
    Index("ix_incidents_state", "state", "number"),
    Index("ix_incidents_over_ms", "over_ms"),
)

incident_entries = Table(
    "incident_entries",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("incident"),
    _bytes("digest"),
    _bytes("body"),
    UniqueConstraint("incident", "digest"),
)

silences = Table(
    "silences",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _time("end_ms"),
    Column("told_end", Boolean, nullable=False),
    _bytes("body"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("event_id"),
    _word("receiver"),
    _word("order_key"),
    Column("seq", BigInteger, nullable=False),
    _word("event"),
    _word("severity"),
    _time("created_ms"),
    _word("first_receiver"),
    _word("state"),
    Column("is_head", Boolean, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    _time("next_ms"),
    _time("last_ms", nullable=True),
    _time("done_ms", nullable=True),
    _time("fallback_ms", nullable=True),
    Column("error", Text, nullable=False),
    _bytes("body"),
    UniqueConstraint("event_id", "receiver"),
    Index("ix_outbox_order_key", "order_key", "receiver", "id"),
    Index("ix_outbox_state", "state", "id"),
    _index("ix_outbox_head", "receiver", "next_ms", "id", where="is_head"),
    _index("ix_outbox_pending", "created_ms", where="done_ms IS NULL"),
    _index("ix_outbox_unasked", "receiver", "created_ms", "id", where="state = 'pending' AND fallback_ms IS NULL"),
    sqlite_autoincrement=True,
)


def upgrade() -> None:
    """Make the tables."""
    metadata.create_all(op.get_bind(), checkfirst=False)
