"""The version of a configuration: equal for equal content, printed beside every figure that rests on it (R17.4). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from collector.core.calendar import Calendar
from collector.core.subject import Subject


def config_version(
    subjects: Mapping[str, Subject], calendars: Mapping[str, Calendar], ledger: msgspec.Struct, zone: str
) -> str:
    """SHA-256, in hexadecimal, over everything that figures depend on: subjects with their rules, calendars, settings of the
    ledger and the zone of days and months. The order in which things are written does not matter."""
    digest = hashlib.sha256()
    encode = msgspec.json.Encoder(order="deterministic").encode
    digest.update(encode(("ledger", ledger, "zone", zone, "calendars", len(calendars), "subjects", len(subjects))) + b"\n")
    for id_ in sorted(calendars):
        digest.update(encode((id_, plain_calendar(calendars[id_]))) + b"\n")
    for id_ in sorted(subjects):
        digest.update(encode((id_, subjects[id_])) + b"\n")
    return digest.hexdigest()


def plain_calendar(calendar: Calendar) -> dict[str, object]:
    """A calendar with its days in order, equal for equal ones; days are no keys that an encoder could put in order."""
    in_order = {"holidays": sorted(calendar.holidays), "special": sorted(calendar.special.items())}
    return msgspec.structs.asdict(calendar) | in_order
