"""The tables, once for both databases. Times are integers, milliseconds UTC.

A change here needs a migration in `migrations/versions`; a test compares the two on SQLite and PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
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

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column that is INTEGER by name."""


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _word(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, String(255), nullable=False, primary_key=primary_key)


meta = Table("meta", metadata, _word("key", primary_key=True), _number("number"))

agents = Table(
    "agents",
    metadata,
    _word("id", primary_key=True),
    _word("site"),
    _word("class"),
    _word("standing"),
    _time("created_ms"),
    _time("enrolled_ms"),
    _time("revoked_ms"),
    _word("agent_version"),
    _word("hostname"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("agent", String(255), ForeignKey("agents.id"), nullable=False, index=True),
    _time("created_ms"),
    _time("revoked_ms"),
)

codes = Table(
    "codes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("agent", String(255), ForeignKey("agents.id"), nullable=False, index=True),
    _time("created_ms"),
    _time("expires_ms"),
    _time("used_ms"),
    Column("void", Boolean, nullable=False),
)

boots = Table(
    "boots",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("agent"),
    _word("stream"),
    _word("boot"),
    Column("sender", Boolean, nullable=False),
    Column("present", Boolean, nullable=False),
    _time("instant_ms", nullable=True),
    _time("current_ms", nullable=True),
    _time("since_ms", nullable=True),
    Column("offset_ms", BigInteger, nullable=True),
    _time("first_rx_ms"),
    _time("last_rx_ms"),
    UniqueConstraint("agent", "stream", "boot"),
)

sequences = Table(
    "sequences",
    metadata,
    _word("agent", primary_key=True),
    _word("stream", primary_key=True),
    _word("lane", primary_key=True),
    Column("received", Text, nullable=False),
    Column("lost", Text, nullable=False),
    _time("rx_ms"),
    sqlite_with_rowid=False,
)

evidence = Table(
    "evidence",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("boot_id", _ID, ForeignKey("boots.id"), nullable=False),
    _word("target"),
    _word("module"),
    _word("kind"),
    _word("outcome"),
    _word("reason"),
    Column("detail", Text, nullable=False),
    _number("interval_ms"),
    _word("lane"),
    _word("grade"),
    _word("quality"),
    _time("first_t_ms"),
    _time("last_t_ms"),
    _time("first_rx_ms"),
    _time("last_rx_ms"),
    _number("first_seq"),
    _number("last_seq"),
    _number("count"),
    _number("first_uptime_ms"),
    _number("last_uptime_ms"),
    _number("first_asleep_ms"),
    _number("last_asleep_ms"),
    _time("first_wall_ms"),
    _time("last_wall_ms"),
    _time("from_ms"),
    _time("until_ms"),
    _number("delta_ms"),
    Column("growing", Boolean, nullable=False),
    Column("steps", LargeBinary, nullable=False),
    Index("ix_evidence_target", "target", "first_t_ms"),
    Index("ix_evidence_growing", "boot_id", sqlite_where=text("growing"), postgresql_where=text("growing")),
    Index("ix_evidence_blind", "from_ms", sqlite_where=text("kind = 'blind'"), postgresql_where=text("kind = 'blind'")),
)
"""One row a run; who observed is in `boots`. Growing a run touches no index."""

losses = Table(
    "losses",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("agent"),
    _word("stream"),
    _number("seq"),
    _word("boot"),
    _word("lane"),
    _number("first_seq"),
    _number("last_seq"),
    _number("count"),
    _time("from_ms"),
    _time("until_ms"),
    _word("reason"),
    _time("at_ms"),
    _number("uptime_ms"),
    _time("t_ms"),
    _time("rx_ms"),
    UniqueConstraint("agent", "stream", "seq"),
)

blinds = Table(
    "blinds",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("observer"),
    _time("from_ms"),
    _time("until_ms", nullable=True),
    _word("cause"),
    Index("ix_blinds_observer", "observer", "from_ms"),
)

heartbeats = Table("heartbeats", metadata, _word("observer", primary_key=True), _time("at_ms"))

clock_steps = Table(
    "clock_steps",
    metadata,
    Column("id", _ID, primary_key=True),
    _word("observer"),
    _time("at_ms"),
    _number("delta_ms"),
    Index("ix_clock_steps_observer", "observer", "at_ms"),
)

latest = Table(
    "latest",
    metadata,
    _word("target", primary_key=True),
    _word("module", primary_key=True),
    _word("agent"),
    _word("stream"),
    _word("boot"),
    _word("lane"),
    _time("t_ms"),
    _time("rx_ms"),
    _word("grade"),
    _word("quality"),
    Column("report", LargeBinary, nullable=False),
)

modules = Table(
    "modules",
    metadata,
    _word("agent", primary_key=True),
    _word("target", primary_key=True),
    _word("module", primary_key=True),
    _time("at_ms"),
    sqlite_with_rowid=False,
)

schemas = Table("schemas", metadata, Column("hash", LargeBinary, primary_key=True), Column("body", LargeBinary, nullable=False))

agent_schemas = Table(
    "agent_schemas",
    metadata,
    _word("agent", primary_key=True),
    Column("hash", LargeBinary, ForeignKey("schemas.hash"), primary_key=True, index=True),
)
