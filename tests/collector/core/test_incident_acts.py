"""Acts on incidents: what each writes, whom it tells, and what it refuses."""

from __future__ import annotations

import msgspec
import pytest

from collector.core.alert import Alert, AlertKey, AlertKind, Hold, HoldReason, Severity
from collector.core.incident import ActRefusal, EntryKind, Incident, IncidentState, RefusedError
from collector.core.incident_acts import Around, Done, carry_out
from collector.core.notice import MAX_LISTED, EventKind, Named
from collector.core.paging_answers import IncidentAct, IncidentActKind
from collector.core.people import Actor, Role

NOW = 1_764_000_000_000
AN = Actor("an", Role.OPERATOR, "10.0.0.7")
CAUSE = AlertKey("router", AlertKind.DOWN)
INCIDENT = Incident(
    "i" * 16, 7, IncidentState.OPEN, CAUSE, Severity.CRITICAL, "dic", NOW - 90_000, NOW - 60_000, next_ms=NOW + 1,
    told=("sms", "chat"), events=2, level=1, digest=True,
)  # fmt: skip


def alert(subject: str, hold: Hold | None = None, *, gone_ms: int | None = None) -> Alert:
    """An alert of the incident."""
    key = AlertKey(subject, AlertKind.DOWN)
    return Alert(
        f"a-{subject}", key, Severity.CRITICAL, NOW - 90_000, NOW - 60_000, hold=hold, incident="i" * 16, gone_ms=gone_ms
    )


ALERTS = [
    alert("switch", Hold(HoldReason.PARENT_DOWN, "router")),
    alert("web"),
    alert("router"),
    alert("printer", gone_ms=NOW - 5),
]


def name_of(subject: str) -> Named:
    """As the desk does it."""
    return Named(subject, f"Máy {subject}", site="dic", site_vi="Đích", site_en="Dich")


def do(kind: str, *, incident: Incident = INCIDENT, actor: Actor = AN, **more: str) -> Done:
    """An act of this moment."""
    return carry_out(incident, IncidentAct(IncidentActKind(kind), **more), actor, NOW, Around(ALERTS, name_of))


def refused(kind: str, *, incident: Incident = INCIDENT, actor: Actor = AN, **more: str) -> ActRefusal:
    """Why it is refused."""
    with pytest.raises(RefusedError) as caught:
        do(kind, incident=incident, actor=actor, **more)
    return caught.value.problem


def test_who_acknowledges_stops_the_escalation_and_everybody_told_hears_of_it() -> None:
    done = do("acknowledge", text=" on my way ")
    after = done.incident
    assert (after.state, after.acknowledged_by, after.acknowledged_ms, after.next_ms) == (
        IncidentState.ACKNOWLEDGED, "an", NOW, None,
    )  # fmt: skip
    assert [(row.receiver, row.event_id, row.event, row.order, row.seq) for row in done.changes.outgoing] == [
        (name, f"{'i' * 16}-2", EventKind.ACKNOWLEDGED, "i" * 16, 2) for name in ("sms", "chat")
    ]
    assert after.events == 3
    notice = done.changes.outgoing[0].notice
    assert [(one.subject.id, one.is_cause) for one in notice.alerts] == [("router", True), ("web", False)]
    assert [one.subject.id for one in notice.affected] == ["switch"]
    assert (notice.by, notice.text, notice.incident and notice.incident.site_vi) == ("an", "on my way", "Đích")
    assert [(one.kind, one.by, one.text) for one in done.changes.entries] == [(EntryKind.ACKNOWLEDGED, "an", "on my way")]
    assert msgspec.structs.astuple(done.audit) == (
        NOW, "an", "operator", "10.0.0.7", "incident.acknowledge", "7", '{"text":"on my way"}',
    )  # fmt: skip


def test_where_nobody_was_told_nobody_hears_and_no_number_is_used_up() -> None:
    done = do("resolve", incident=msgspec.structs.replace(INCIDENT, told=()))
    assert (done.changes.outgoing, done.incident.events) == ([], 2)


def test_resolved_by_hand_closes_the_open_alerts_and_tells_each_who_got_the_firing() -> None:
    acknowledged = msgspec.structs.replace(INCIDENT, state=IncidentState.ACKNOWLEDGED, resolving_ms=NOW - 1)
    done = do("resolve", incident=acknowledged, text="replaced")
    after = done.incident
    assert (after.state, after.resolved_by, after.resolved_ms, after.next_ms, after.resolving_ms, after.digest) == (
        IncidentState.RESOLVED, "an", NOW, None, None, False,
    )  # fmt: skip
    assert {row.receiver for row in done.changes.outgoing if row.event is EventKind.RESOLVED} == {"sms", "chat"}
    assert {one.uid: one.hold for one in done.changes.alerts} == {
        f"a-{name}": Hold(HoldReason.CLOSED_BY_HAND, "#7", NOW) for name in ("web", "router")
    }


def test_assigned_and_commented_are_lines_of_the_timeline_and_wake_nobody() -> None:
    done = do("assign", assignee="Trực ca A", text="please")
    assert done.incident == msgspec.structs.replace(INCIDENT, assignee="Trực ca A")
    assert [(one.kind, one.text) for one in done.changes.entries] == [
        (EntryKind.ASSIGNED, "Trực ca A"), (EntryKind.COMMENTED, "please"),
    ]  # fmt: skip
    said = do("comment", text="cable was cut", incident=msgspec.structs.replace(INCIDENT, state=IncidentState.RESOLVED))
    assert (said.changes.outgoing, said.changes.incidents, said.audit.act) == ([], [], "incident.comment")


@pytest.mark.parametrize("kind", ["acknowledge", "assign", "resolve"])
def test_what_is_over_stays_over(kind: str) -> None:
    over = msgspec.structs.replace(INCIDENT, state=IncidentState.RESOLVED)
    assert refused(kind, incident=over, assignee="an") is ActRefusal.RESOLVED


@pytest.mark.parametrize("kind", list(IncidentActKind))
def test_who_may_only_look_acts_on_nothing(kind: str) -> None:
    assert refused(kind, actor=Actor("v", Role.VIEWER, ""), text="x", assignee="x") is ActRefusal.FORBIDDEN


def test_what_is_so_already_is_refused_and_texts_are_one_printable_line() -> None:
    acknowledged = do("acknowledge").incident
    assert refused("acknowledge", incident=acknowledged) is ActRefusal.ALREADY
    assert refused("assign", incident=msgspec.structs.replace(INCIDENT, assignee="an"), assignee=" an") is ActRefusal.ALREADY
    for bad in ("", "  ", "a\nb", "\x1b[2J", "x" * 501):
        assert refused("comment", text=bad) is ActRefusal.BAD_TEXT
    assert refused("assign", assignee="x" * 65) is ActRefusal.BAD_TEXT
    assert refused("resolve", text="a\u202eb") is ActRefusal.BAD_TEXT


def test_a_notice_lists_a_bounded_number_and_counts_the_rest() -> None:
    many = [alert(f"t{number:03}") for number in range(MAX_LISTED + 9)]
    act = IncidentAct(IncidentActKind.ACKNOWLEDGE)
    notice = carry_out(INCIDENT, act, AN, NOW, Around(many, name_of)).changes.outgoing[0].notice
    assert (len(notice.alerts), notice.alerts_count, notice.affected_count) == (MAX_LISTED, MAX_LISTED + 9, 0)
