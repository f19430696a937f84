"""For the tests of words: one delivery of each kind of event, as an on-call person of the example province would get it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collector.core.alert import COLLECTOR_SUBJECT, AlertKey, AlertKind, HoldReason, Severity, uid_of
from collector.core.incident import IncidentState
from collector.core.notice import Affected, AlertFacts, EventKind, IncidentFacts, Named, Notice
from collector.core.state import State
from collector.notify.channel import Delivery

BEGUN_MS = 1_795_500_200_000
"""13:03:20 on 24 November 2026 in Ho Chi Minh City."""
MINUTE_MS = 60_000
SITE = ("q1", "Chi nhánh Quận 1", "District 1 branch")


def named(id_: str, vietnamese: str = "", english: str = "", class_: str = "server") -> Named:
    """A subject of the branch."""
    return Named(id_, vietnamese, english, *SITE, class_, {"floor": "2"})


ROUTER = named("q1-router", "Bộ định tuyến Quận 1", "District 1 router", "router")
SWITCH = named("q1-switch", "Thiết bị chuyển mạch tầng 2", "Second floor switch", "switch")
PORTAL = named("q1-portal", "Cổng dịch vụ công", "Public service portal", "service")
LEADING = named(COLLECTOR_SUBJECT)


def alert(subject: Named = ROUTER, kind: AlertKind = AlertKind.DOWN, **more: Any) -> AlertFacts:
    """An alert of a subject; `of` is the rest of its key."""
    key = AlertKey(subject.id, kind, more.pop("of", ""))
    values: dict[str, Any] = {
        "severity": Severity.CRITICAL, "state": State.DOWN, "since_ms": BEGUN_MS, "known_ms": BEGUN_MS + 10_000,
    }  # fmt: skip
    return AlertFacts(uid_of(key, BEGUN_MS), key, subject=subject, **(values | more))


CAUSE = alert(is_cause=True, reason="timeout", detail="no reply within 2 s")


def incident(**more: Any) -> IncidentFacts:
    """Incident 12 of the branch."""
    site, site_vi, site_en = SITE
    values: dict[str, Any] = {
        "state": IncidentState.OPEN, "severity": Severity.CRITICAL, "route": "mạng", "site": site, "site_vi": site_vi,
        "site_en": site_en, "onset_ms": BEGUN_MS, "opened_ms": BEGUN_MS + 10_000,
    }  # fmt: skip
    return IncidentFacts("00112233aabbccdd", 12, **(values | more))


def delivery(notice: Notice, language: str = "vi", **more: Any) -> Delivery:
    """One attempt for a person on duty."""
    has_incident = notice.incident is not None
    is_asking = notice.event in (EventKind.FIRING, EventKind.UPDATE, EventKind.REMINDER) and has_incident
    values: dict[str, Any] = {
        "event_id": "00112233aabbccdd-3" if has_incident else "S3-1",
        "attempt": 1,
        "receiver": "truc-ca",
        "zone": "Asia/Ho_Chi_Minh",
        "sent_ms": notice.made_ms + 1_000,
        "url": "https://giamsat.example.vn/incidents/token" if has_incident else "",
        "acknowledge_url": "https://giamsat.example.vn/acknowledge/token" if is_asking else "",
    }
    return Delivery(notice=notice, language=language, **(values | more))


def of_incident(event: EventKind, minutes: float = 0.2, alerts: tuple[AlertFacts, ...] = (CAUSE,), **more: Any) -> Notice:
    """An event of incident 12, so many minutes after it began."""
    facts = more.pop("incident", incident())
    made_ms = BEGUN_MS + int(minutes * MINUTE_MS)
    return Notice(event, made_ms, facts, alerts, more.pop("alerts_count", len(alerts)), **more)


def of_silence(word: str, *alerts: AlertFacts) -> Notice:
    """Word about silence S3."""
    return Notice(
        EventKind.NOTICE, BEGUN_MS + 15 * MINUTE_MS, alerts=alerts, alerts_count=len(alerts), text=word, by="binh",
        silence="S3", matchers='site="q1" severity!="critical"',
    )  # fmt: skip


def _affected() -> tuple[Affected, ...]:
    behind = [named(f"q1-pc-{number}", f"Máy trạm {number}", f"Workstation {number}", "pc") for number in range(1, 10)]
    lines = [Affected(subject, State.UNREACHABLE, BEGUN_MS, HoldReason.PARENT_DOWN) for subject in behind]
    return (*lines, Affected(SWITCH, State.DOWN, BEGUN_MS, HoldReason.MAINTENANCE))


def _resolved(**more: Any) -> Notice:
    ended = alert(is_cause=True, reason="timeout", ended_ms=BEGUN_MS + 65 * MINUTE_MS)
    facts = incident(state=IncidentState.RESOLVED, resolved_ms=BEGUN_MS + 66 * MINUTE_MS, acknowledged_by="an")
    return of_incident(EventKind.RESOLVED, 66, (ended,), incident=facts, **more)


CASES: dict[str, Callable[[], Notice]] = {
    "firing": lambda: of_incident(EventKind.FIRING),
    "firing_storm": lambda: of_incident(
        EventKind.FIRING,
        1,
        (CAUSE, alert(PORTAL, AlertKind.DEGRADED, severity=Severity.WARNING, since_ms=BEGUN_MS + 30_000)),
        affected=_affected(),
        affected_count=23,
    ),
    "firing_reopened": lambda: of_incident(EventKind.FIRING, 12, incident=incident(reopened=2, assignee="chi")),
    "firing_unreachable": lambda: of_incident(
        EventKind.FIRING, 1, (alert(state=State.UNREACHABLE, reason="path_broken", is_cause=True),)
    ),
    "firing_certificate": lambda: of_incident(
        EventKind.FIRING,
        0.5,
        (alert(PORTAL, AlertKind.CERTIFICATE, of="https", value=6.4, severity=Severity.WARNING, is_cause=True),),
        incident=incident(severity=Severity.WARNING),
    ),
    "firing_burn": lambda: of_incident(
        EventKind.FIRING,
        0.5,
        (alert(PORTAL, AlertKind.BURN, of="fast", value=14.4, severity=Severity.CRITICAL, is_cause=True),),
    ),
    "firing_collector": lambda: Notice(
        EventKind.FIRING,
        BEGUN_MS + MINUTE_MS,
        alerts=(alert(LEADING, AlertKind.COLLECTOR, of="disk", value=0.034, is_cause=True),),
        alerts_count=1,
    ),
    "update": lambda: of_incident(EventKind.UPDATE, 3, affected=_affected(), affected_count=10),
    "reminder": lambda: of_incident(EventKind.REMINDER, 16, level=2),
    "acknowledged": lambda: of_incident(
        EventKind.ACKNOWLEDGED,
        5,
        incident=incident(state=IncidentState.ACKNOWLEDGED, acknowledged_by="an", assignee="an"),
        by="an",
        text="đang gọi nhà mạng",
    ),
    "resolved": lambda: _resolved(),
    "resolved_partly": lambda: _resolved(still_down=(SWITCH, PORTAL)),
    "closed": lambda: _resolved(by="binh", text="thay thiết bị"),
    "notice_hides": lambda: of_silence("hides", CAUSE),
    "notice_ended_down": lambda: of_silence("ended_down", CAUSE, alert(PORTAL, AlertKind.DEGRADED)),
    "notice_forgotten": lambda: of_silence("forgotten"),
    "digest": lambda: Notice(
        EventKind.DIGEST,
        BEGUN_MS + 600 * MINUTE_MS,
        alerts=(
            alert(PORTAL, AlertKind.DEGRADED, severity=Severity.WARNING),
            alert(SWITCH, severity=Severity.WARNING, ended_ms=BEGUN_MS + 40 * MINUTE_MS),
        ),
        alerts_count=14,
    ),
    "test": lambda: Notice(EventKind.TEST, BEGUN_MS, by="an"),
}
"""Name -> facts of an event."""


def late() -> Delivery:
    """A page that could not be delivered for hours."""
    return delivery(CASES["firing"](), sent_ms=BEGUN_MS + 185 * MINUTE_MS, attempt=41)
