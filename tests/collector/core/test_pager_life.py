"""From the confirmed condition to its resolved: one page, one resolved, and a reason wherever there is none."""

from __future__ import annotations

from collector.core.alert import HoldReason
from tests.collector.core.paging import MINUTE, NOW, SECOND, Pager, down, up


def test_an_outage_without_parents_pages_in_the_same_decision_and_resolves_when_good_is_seen() -> None:
    """One firing to each receiver of the first step, one resolved to the same, and the end is dated when it was seen."""
    pager = Pager()
    pager.see(NOW + 10 * SECOND, [down("web", NOW)])
    assert pager.alert("web").paged_ms == NOW + 10 * SECOND
    assert pager.alert("web").hold is None
    pager.see(NOW + 60 * SECOND, [up("web", NOW + 59 * SECOND)])
    assert pager.events() == [(1, "firing"), (1, "resolved")]
    assert {row.receiver for row in pager.sent} == {"noc", "mail"}
    assert pager.alert("web").ended_ms == NOW + 59 * SECOND


def test_a_child_joins_its_parents_incident_without_a_page() -> None:
    """What a dead parent explains is held, part of the parent's incident and affected by it."""
    pager = Pager()
    router, child = down("router", NOW), down("web", NOW, parents=(("router",),))
    pager.see(NOW + 10 * SECOND, [child, router])
    assert pager.events() == [(1, "firing")]
    held = pager.alert("web")
    assert held.hold is not None
    assert (held.hold.reason, held.hold.by, held.incident) == (HoldReason.PARENT_DOWN, "router", pager.alert("router").uid)
    assert [found.subject.id for found in pager.sent[0].notice.affected] == ["web"]


def test_a_reminder_goes_to_the_next_step_until_somebody_acknowledges() -> None:
    """Each step once, in its time, and everybody who was told gets the resolved."""
    pager = Pager()
    for minute in range(60):
        pager.see(NOW + 10 * SECOND + minute * MINUTE, [down("web", NOW)])
    pager.see(NOW + 61 * MINUTE, [up("web", NOW + 61 * MINUTE)])
    assert pager.events() == [(1, "firing"), (1, "reminder"), (1, "reminder"), (1, "resolved")]
    assert {row.receiver for row in pager.sent if row.event == "resolved"} == {"noc", "mail", "lead", "chief"}


def test_a_later_step_is_the_firing_to_those_who_hear_of_it_for_the_first_time() -> None:
    """Whoever wants firing and resolved and no reminders is called by the second step all the same; whoever was told is not."""
    pager = Pager()
    pager.plan.steps["critical"] = [(0, ("noc",)), (15 * MINUTE, ("noc", "lead"))]
    for minute in range(20):
        pager.see(NOW + 10 * SECOND + minute * MINUTE, [down("web", NOW)])
    first, *second = pager.sent
    assert first.event == "firing"
    assert [(row.receiver, row.event, row.notice.event) for row in second] == [
        ("noc", "reminder", "reminder"), ("lead", "firing", "reminder"),
    ]  # fmt: skip
    assert len({row.event_id for row in second}) == 1
