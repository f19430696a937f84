"""Fresh looks: what is asked for, what a verdict waits for and how long at most, also over a restart."""

from __future__ import annotations

import msgspec

from collector.core.alert import HoldReason
from collector.core.paging import Look
from collector.core.state import State
from tests.collector.core.paging import MINUTE, NOW, SECOND, Pager, down, silence, up

T0 = NOW + 10 * SECOND
CHILD = down("web", NOW, parents=(("router",),))


def reason(pager: Pager) -> HoldReason | None:
    """Why the child is held."""
    hold = pager.alert("web").hold
    return hold.reason if hold is not None else None


def test_a_child_waits_for_a_look_at_its_parent_and_pages_with_the_good_answer() -> None:
    pager = Pager()
    router = up("router", can_look=True)
    pager.see(T0, [CHILD, router])
    assert (pager.decision.looks, reason(pager), pager.sent) == ({"router"}, HoldReason.PARENT_CHECKED, [])
    pager.see(T0 + 200, [CHILD, router], {"router": Look(T0)})
    assert pager.decision.looks == frozenset()
    pager.see(T0 + 400, [CHILD, router], {"router": Look(T0, T0 + 300, True)})
    assert pager.events() == [(1, "firing")]


def test_a_sample_from_before_the_outage_was_known_does_not_count_and_one_from_after_does() -> None:
    pager = Pager()
    pager.see(T0, [CHILD, up("router", good=T0 - 1)])
    assert pager.sent == []
    pager.see(T0 + SECOND, [CHILD, up("router", good=T0)])
    assert pager.events() == [(1, "firing")]


def test_a_pending_parent_is_looked_at_each_second_until_its_verdict() -> None:
    pager = Pager()
    router = up("router", good=NOW, is_pending=True, failed_ms=T0, can_look=True, confirm_ms=20 * SECOND)
    looks: dict[str, Look] = {}
    asked = []
    for tenth in range(50):
        now = T0 + tenth * 100
        pager.see(now, [CHILD, router], looks)
        if pager.decision.looks:
            asked.append(now - T0)
            looks["router"] = Look(now, now, False)
    assert asked == [0, 1_000, 2_000, 3_000, 4_000]
    assert reason(pager) is HoldReason.PARENT_CHECKED
    pager.see(T0 + 6 * SECOND, [CHILD, down("router", T0)], looks)
    assert reason(pager) is HoldReason.PARENT_DOWN


def test_the_verdict_over_parents_is_waited_for_so_long_and_no_longer_also_over_a_restart() -> None:
    """Bounded by what confirms the pending ones up to the root, at most by the limit; the timeline names who was not seen."""
    pending = {"good": NOW, "is_pending": True, "failed_ms": T0}
    root = up("root", confirm_ms=30 * SECOND, **pending)
    router = up("router", confirm_ms=20 * SECOND, parents=(("root",),), **pending)
    pager = Pager()
    pager.see(T0, [CHILD, router, root])
    assert pager.decision.next_ms == T0 + 55 * SECOND
    pager.restart()
    pager.see(T0 + 54 * SECOND, [CHILD, router, root])
    assert pager.sent == []
    pager.see(T0 + 55 * SECOND, [CHILD, router, root])
    assert pager.events() == [(1, "firing")]
    assert any("router" in entry.text for entry in pager.entries)
    slow = Pager()
    unseen = up("router", good=NOW)
    slow.see(T0, [CHILD, unseen])
    slow.see(T0 + 119 * SECOND, [CHILD, unseen])
    assert slow.sent == []
    slow.see(T0 + 120 * SECOND, [CHILD, unseen])
    assert slow.events() == [(1, "firing")]


def test_one_good_parent_of_an_or_group_is_enough_and_every_group_needs_one() -> None:
    pager = Pager()
    child = msgspec.structs.replace(CHILD, parents=(("a", "b"), ("c",)))
    dead, good = down("a", NOW), up("b", good=T0)
    pager.see(T0, [child, dead, good, up("c", good=NOW)])
    assert reason(pager) is HoldReason.PARENT_CHECKED
    pager.see(T0 + SECOND, [child, dead, good, up("c", good=T0)])
    assert pager.alert("web").paged_ms == T0 + SECOND


def test_after_the_parents_return_a_child_is_looked_at_and_pages_only_by_a_sample_of_its_own() -> None:
    pager = Pager()
    back = NOW + 5 * MINUTE
    behind = msgspec.structs.replace(CHILD, can_look=True)
    pager.see(T0, [behind, down("router", NOW)])
    router = up("router", back, back + SECOND)
    pager.see(back + SECOND, [behind, router])
    assert (reason(pager), pager.decision.looks) == (HoldReason.RECHECKED, {"web"})
    assert pager.events() == [(1, "firing")]
    pager.restart()
    pager.see(back + 10 * SECOND, [msgspec.structs.replace(behind, failed_ms=back + 9 * SECOND), router])
    assert pager.events()[1] == (2, "firing")
    assert pager.events()[2:] == [(1, "resolved")]
    resolved = [row for row in pager.sent if row.event == "resolved"]
    assert [named.id for named in resolved[0].notice.still_down] == ["web"]


def test_a_child_that_nobody_sees_after_the_return_is_held_on_and_the_parents_resolved_goes_out_at_the_bound() -> None:
    pager = Pager()
    back = NOW + 5 * MINUTE
    behind = down("web", NOW, State.UNREACHABLE, parents=(("router",),))
    pager.see(T0, [behind, down("router", NOW)])
    for second in (0, 60, 119):
        pager.see(back + second * SECOND, [behind, up("router", back, back + second * SECOND)])
        assert pager.events() == [(1, "firing")]
        pager.restart()
    pager.see(back + 120 * SECOND, [behind, up("router", back, back + 120 * SECOND)])
    assert pager.events() == [(1, "firing"), (1, "resolved")]
    hold = pager.alert("web").hold
    assert hold is not None
    assert (hold.reason, hold.until_ms) == (HoldReason.RECHECKED, None)
    found = down("web", back + 150 * SECOND, parents=(("router",),))
    pager.see(back + 160 * SECOND, [found, up("router", back, back + 160 * SECOND)])
    assert pager.events()[-1] == (2, "firing")


def test_parents_that_form_a_cycle_after_all_end_the_search() -> None:
    pager = Pager()
    ring = [down(name, NOW, parents=((other,),)) for name, other in (("a", "b"), ("b", "c"), ("c", "a"))]
    pager.see(T0, ring)
    assert all(alert.hold is not None for alert in pager.alerts.values())


def test_a_parent_that_fails_just_when_a_silence_ends_is_asked_although_it_was_good_since() -> None:
    pager = Pager()
    pager.silences["S1"] = silence("web", NOW + 10 * MINUTE, told_hides=("-",))
    pager.see(T0, [CHILD, up("router", good=T0)])
    end = NOW + 10 * MINUTE
    failing = up("router", good=end - 5 * SECOND, is_pending=True, failed_ms=end - SECOND)
    pager.see(end, [CHILD, failing])
    assert reason(pager) is HoldReason.PARENT_CHECKED
    assert [row.event for row in pager.sent] == ["notice"]
    pager.see(end + SECOND, [CHILD, failing], {"router": Look(end, end + 500, True)})
    assert pager.events() == [(1, "firing")]


def test_a_child_that_is_dead_itself_is_not_grouped_with_the_router_behind_which_it_was_explained() -> None:
    """Its own parent is seen to be back before the router is: only the moment of its own outage tells what belongs together."""
    pager = Pager()
    middle = ("switch", (("router",),))
    child = down("web", NOW, State.UNREACHABLE, parents=(("switch",),), site="dic")
    router = down("router", NOW, site="dic")
    pager.see(T0, [router, down(middle[0], NOW, State.UNREACHABLE, parents=middle[1], site="dic"), child])
    back = NOW + 5 * MINUTE
    own = down("web", back, parents=(("switch",),), site="dic")
    late = back + 10 * SECOND
    pager.see(late, [router, up("switch", back, late, parents=middle[1], site="dic"), own])
    assert pager.events() == [(1, "firing"), (2, "firing")]


def test_children_that_are_dead_together_after_the_return_are_one_incident_and_not_the_routers() -> None:
    """However short the outage was: power came back to the line and not to the rack."""
    pager = Pager()
    names, parents = ("a", "b"), (("router",),)
    behind = [down(name, NOW, State.UNREACHABLE, parents=parents, site="dic") for name in names]
    pager.see(T0, [down("router", NOW, site="dic"), *behind])
    back = NOW + 20 * SECOND
    dead = [down(name, back, parents=parents, site="dic") for name in names]
    pager.see(back + 10 * SECOND, [up("router", back, back + 10 * SECOND, site="dic"), *dead])
    assert sorted(pager.events()) == [(1, "firing"), (1, "resolved"), (2, "firing")]
    assert [pager.alert(name).incident for name in names] == [pager.alert("a").uid] * 2
