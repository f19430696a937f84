"""Alerts as Alertmanager's API v2 takes them: labels by which it knows them again, ends that keep them alive or end them. Pure.

Labels are an alert's identity there, so nothing stands among them that may change while it lasts but its severity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from collector.core.alert import labels_of
from collector.core.notice import AlertFacts, EventKind
from collector.notify.channel import Delivery
from collector.notify.message import Speech
from collector.notify.moments import say_iso
from collector.notify.presets_alertmanager import payload

LIVES: Final = 4
"""An alert that was not told for so many times `resend_s` is over for Alertmanager."""
_INVALID: Final = re.compile(r"[^A-Za-z0-9_]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class Posted(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """An alert of API v2 (`postableAlert`)."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str
    generator_url: str = msgspec.field(default="", name="generatorURL")


Identity = frozenset[tuple[str, str]]
"""What Alertmanager tells alerts by: their labels."""


class Told(msgspec.Struct, frozen=True):
    """An alert as it was told to this receiver."""

    uid: str
    said_ms: int
    """When the facts were as told: of two tellings the later one holds."""
    since_ms: int
    ended_ms: int | None
    """None while it lasts."""
    posted: Posted
    """Without its end, which is that of the moment of sending."""

    @property
    def identity(self) -> Identity:
        """What Alertmanager tells it by."""
        return frozenset(self.posted.labels.items())

    def at(self, now_ms: int, resend_s: int) -> Posted:
        """As it is sent at that moment. Never an end before the beginning: Alertmanager refuses it."""
        ends_ms = now_ms + LIVES * resend_s * 1000 if self.ended_ms is None else min(self.ended_ms, now_ms)
        return msgspec.structs.replace(self.posted, ends_at=say_iso(max(ends_ms, self.since_ms)))


def valid_name(name: str) -> str:
    """A label's name as Alertmanager takes it: `[a-zA-Z_][a-zA-Z0-9_]*`; what it does not take becomes `_`."""
    plain = _INVALID.sub("_", name)
    return f"_{plain}" if not plain or plain[0].isdigit() else plain


def valid_labels(own: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Labels of an alert and those that its receiver adds: valid names, no empty value. `own` wins over `more`, and a name that
    was valid all along over one that was made so."""
    given = [*sorted(own.items(), key=_was_changed), *sorted(more.items(), key=_was_changed)]
    labels: dict[str, str] = {}
    for name, value in given:
        if text := _CONTROL.sub(" ", value).strip():
            labels.setdefault(valid_name(name), text)
    return labels


def told_by(delivery: Delivery, more: Mapping[str, str]) -> list[Told]:
    """The alerts of an incident's event; none for what belongs to no incident."""
    if delivery.notice.incident is None:
        return []
    return [_told(delivery, alert, more) for alert in delivery.notice.alerts]


def passing(delivery: Delivery, more: Mapping[str, str], resend_s: int) -> list[Posted]:
    """Of what belongs to no incident (a test, word about a silence, a digest) one alert of its own, which ends by itself. Its
    labels hold the event, so that two of them are two."""
    [shown] = payload(delivery)["alerts"]
    labels = valid_labels(shown["labels"] | {"event_id": delivery.event_id}, more)
    ends_at = say_iso(delivery.sent_ms + LIVES * resend_s * 1000)
    return [_posted(delivery, labels, shown["annotations"], say_iso(delivery.sent_ms), ends_at)]


def _was_changed(item: tuple[str, str]) -> tuple[bool, str]:
    return valid_name(item[0]) != item[0], item[0]


def _told(delivery: Delivery, alert: AlertFacts, more: Mapping[str, str]) -> Told:
    notice, incident = delivery.notice, delivery.notice.incident
    ended_ms = alert.ended_ms
    if notice.event is EventKind.RESOLVED and ended_ms is None:  # closed by hand
        ended_ms = notice.made_ms if incident is None or incident.resolved_ms is None else incident.resolved_ms
    subject = (alert.subject.site, alert.subject.class_, alert.subject.labels)
    labels = valid_labels(labels_of(alert.key, alert.severity, subject), more)
    speech = Speech(delivery)
    annotations = {"summary": speech.what(alert), "description": speech.why(alert)}
    if incident is not None:
        annotations["incident"] = str(incident.number)
    posted = _posted(delivery, labels, annotations, say_iso(alert.since_ms), "")
    return Told(alert.uid, notice.made_ms, alert.since_ms, ended_ms, posted)


def _posted(delivery: Delivery, labels: dict[str, str], annotations: Mapping[str, str], starts_at: str, ends_at: str) -> Posted:
    texts = {name: clean for name, text in annotations.items() if (clean := _CONTROL.sub(" ", text).strip())}
    return Posted(labels, texts, starts_at, ends_at, delivery.url or delivery.notice.url)
