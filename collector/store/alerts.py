"""Alerts, incidents, timeline and silences: functions of a connection, in the caller's transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Select, delete, func, or_, select, text
from sqlalchemy.dialects import postgresql, sqlite

from collector.core.alert import Alert
from collector.core.alerting import Loaded, silence_number
from collector.core.change import StoreError
from collector.core.incident import Entry, Incident, IncidentState
from collector.core.silencing import Silence
from collector.store.tables_alerts import alerts, incident_entries, incidents, silences

T = TypeVar("T")
STEP = 5_000
"""Rows that go in one transaction."""
RESOLVED_KEPT_MS = 25 * 3_600_000
ENDED_KEPT_MS = 8 * 86_400_000

_encoder = msgspec.msgpack.Encoder()
_ALERT = msgspec.msgpack.Decoder(Alert)
_INCIDENT = msgspec.msgpack.Decoder(Incident)
_ENTRY = msgspec.msgpack.Decoder(Entry)
_SILENCE = msgspec.msgpack.Decoder(Silence)
# As text: only a condition that is spelled as the index's own makes SQLite use a partial index.
_OPEN = text("gone_ms IS NULL")
_LOOSE = text("incident = ''")


def _upserts(dialect: Any) -> dict[str, Any]:
    def upsert(table: Any, key: str) -> Any:
        new = dialect.insert(table)
        changed = {column.name: new.excluded[column.name] for column in table.c if column.name != key}
        return new.on_conflict_do_update(index_elements=[key], set_=changed)

    return {
        "alerts": upsert(alerts, "uid"),
        "incidents": upsert(incidents, "uid"),
        "silences": upsert(silences, "number"),
        "entries": dialect.insert(incident_entries).on_conflict_do_nothing(index_elements=["incident", "digest"]),
    }


_UPSERTS = {"sqlite": _upserts(sqlite), "postgresql": _upserts(postgresql)}


def decode(decoder: msgspec.msgpack.Decoder[T], body: bytes, name: str) -> T:
    """A value as it was kept. Raises `StoreError` that names what cannot be read."""
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise StoreError(f"{name} cannot be read: {error}") from error


def put_alerts(connection: Connection, changed: Iterable[Alert]) -> None:
    """Write alerts as they stand, by uid."""
    _run(connection, "alerts", [_alert_values(alert) for alert in changed])


def put_incidents(connection: Connection, changed: Iterable[Incident]) -> None:
    """Write incidents as they stand, by uid. A number that another incident has is refused by the database."""
    _run(connection, "incidents", [_incident_values(incident) for incident in changed])


def put_silences(connection: Connection, changed: Iterable[Silence]) -> None:
    """Write silences as they stand, by id."""
    _run(connection, "silences", [_silence_values(silence) for silence in changed])


def append(connection: Connection, entries: Iterable[Entry]) -> None:
    """Add lines to timelines, each once however often it is written."""
    _run(connection, "entries", [_entry_values(entry) for entry in entries])


def _run(connection: Connection, name: str, values: list[dict[str, Any]]) -> None:
    if values:
        connection.execute(_UPSERTS[connection.dialect.name][name], values)


def _alert_values(alert: Alert) -> dict[str, Any]:
    return {
        "uid": alert.uid,
        "subject": alert.key.subject,
        "incident": alert.incident,
        "since_ms": alert.since_ms,
        "known_ms": alert.known_ms,
        "over_ms": alert.gone_ms if alert.ended_ms is None else alert.ended_ms,
        "gone_ms": alert.gone_ms,
        "body": _encoder.encode(alert),
    }


def _incident_values(incident: Incident) -> dict[str, Any]:
    over_ms = incident.opened_ms if incident.resolved_ms is None else incident.resolved_ms
    return {
        "uid": incident.uid,
        "number": incident.number,
        "state": incident.state.value,
        "over_ms": over_ms if incident.state is IncidentState.RESOLVED else None,
        "body": _encoder.encode(incident),
    }


def _silence_values(silence: Silence) -> dict[str, Any]:
    return {
        "number": silence_number(silence.id),
        "end_ms": silence.end_ms,
        "told_end": silence.told_end,
        "body": _encoder.encode(silence),
    }


def _entry_values(entry: Entry) -> dict[str, Any]:
    body = _encoder.encode(entry)
    return {"incident": entry.incident, "digest": hashlib.blake2b(body, digest_size=16).digest(), "body": body}


# --- read back


def load(connection: Connection, now_ms: int) -> Loaded:
    """See `Store.load_alerting`."""
    # Closed by hand, an incident may be over for weeks while its alert is still true: the alert goes nowhere without it.
    lasting = select(alerts.c.incident).where(_OPEN)
    wanted = or_(incidents.c.over_ms.is_(None), incidents.c.over_ms > now_ms - RESOLVED_KEPT_MS, incidents.c.uid.in_(lasting))
    theirs = alerts.c.incident.in_(select(incidents.c.uid).where(wanted))
    kept = or_(silences.c.end_ms > now_ms - ENDED_KEPT_MS, silences.c.told_end.is_(False))
    return Loaded(
        alerts=_alerts_of(
            connection, select(alerts).where(or_(alerts.c.gone_ms.is_(None), theirs)).order_by(alerts.c.known_ms)
        ),
        incidents=_incidents_of(connection, select(incidents).where(wanted).order_by(incidents.c.number)),
        next_number=(connection.execute(select(func.max(incidents.c.number))).scalar() or 0) + 1,
        silences=_silences_of(connection, select(silences).where(kept).order_by(silences.c.number)),
        next_silence=(connection.execute(select(func.max(silences.c.number))).scalar() or 0) + 1,
    )


def page(connection: Connection, state: IncidentState | None, before: int | None, limit: int) -> list[Incident]:
    """See `Store.incident_page`."""
    found = select(incidents).order_by(incidents.c.number.desc()).limit(limit)
    if state is not None:
        found = found.where(incidents.c.state == state.value)
    if before is not None:
        found = found.where(incidents.c.number < before)
    return _incidents_of(connection, found)


def by_number(connection: Connection, number: int) -> Incident | None:
    """See `Store.incident_by`."""
    return next(iter(_incidents_of(connection, select(incidents).where(incidents.c.number == number))), None)


def by_uid(connection: Connection, uid: str) -> Incident | None:
    """See `Store.incident_of`."""
    return next(iter(_incidents_of(connection, select(incidents).where(incidents.c.uid == uid))), None)


def entries_of(connection: Connection, incident: str) -> list[Entry]:
    """See `Store.incident_entries`."""
    found = select(incident_entries).where(incident_entries.c.incident == incident).order_by(incident_entries.c.id)
    return [decode(_ENTRY, row.body, f"timeline of incident {incident}") for row in connection.execute(found)]


def alerts_of(connection: Connection, incident: str) -> list[Alert]:
    """See `Store.incident_alerts`."""
    found = select(alerts).where(alerts.c.incident == incident)
    return _alerts_of(connection, found.order_by(alerts.c.known_ms, alerts.c.uid))


def between(connection: Connection, subject: str, from_ms: int, until_ms: int) -> list[Alert]:
    """See `Store.alerts_between`."""
    a = alerts.c
    touches = or_(a.over_ms.is_(None), a.over_ms > from_ms, a.since_ms >= from_ms)
    found = select(alerts).where(a.subject == subject, a.since_ms < until_ms, touches)
    return _alerts_of(connection, found.order_by(a.since_ms, a.known_ms, a.uid))


def silence_page(connection: Connection, before: int | None, limit: int) -> list[Silence]:
    """See `Store.silence_page`."""
    found = select(silences).order_by(silences.c.number.desc()).limit(limit)
    if before is not None:
        found = found.where(silences.c.number < before)
    return _silences_of(connection, found)


def _alerts_of(connection: Connection, found: Select[Any]) -> list[Alert]:
    return [decode(_ALERT, row.body, f"alert {row.uid} of {row.subject}") for row in connection.execute(found)]


def _incidents_of(connection: Connection, found: Select[Any]) -> list[Incident]:
    return [decode(_INCIDENT, row.body, f"incident {row.number}") for row in connection.execute(found)]


def _silences_of(connection: Connection, found: Select[Any]) -> list[Silence]:
    return [decode(_SILENCE, row.body, f"silence S{row.number}") for row in connection.execute(found)]


# --- retention


def prune(connection: Connection, before_ms: int) -> int:
    """Delete up to `STEP` alerts that were noticed to be over before then and belong to no incident; how many went."""
    due: Sequence[Any] = (_LOOSE, alerts.c.gone_ms < before_ms)
    some = select(alerts.c.uid).where(*due).limit(STEP)
    return connection.execute(delete(alerts).where(alerts.c.uid.in_(some))).rowcount
