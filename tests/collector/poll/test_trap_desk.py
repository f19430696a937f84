"""What is made of a notice: evidence, a reason to poll, a count, or nothing; never a state."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.model import Kind, Outcome
from collector.poll.trap_desk import TRAP, Desk, Fate, Heard, Verdict, report
from collector.poll.trap_file import load_table
from collector.poll.trap_map import Bind, Notice, Type
from collector.poll.trap_table import Act, Role

TABLE = load_table([Path(__file__).parents[3] / "config" / "snmp" / "notifications.yml"])
ROUTER = "192.0.2.1"
LINK_DOWN, LINK_UP = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4"
MINUTE = 60_000


@pytest.fixture
def desk() -> Desk:
    """Knows a router and an address with two targets."""
    desk = Desk(TABLE, 300, {"open-sesame"})
    desk.known = {ROUTER: ("router-01",), "192.0.2.8": ("host-08", "bmc-08")}
    return desk


def link(oid: str, port: int = 3, source: str = ROUTER) -> Notice:
    """A link notification, with an operational state that is the other one."""
    binds = (Bind(f"1.3.6.1.2.1.2.2.1.1.{port}", Type.INTEGER, port), Bind(f"1.3.6.1.2.1.2.2.1.8.{port}", Type.INTEGER, 1))
    return Notice(source=source, oid=oid, binds=binds)


def heard(verdict: Verdict) -> Heard:
    """The only one."""
    [one] = verdict.heard
    return one


def test_a_link_notification_asks_for_a_poll(desk: Desk) -> None:
    """What the notification says of the port's state is shown and not believed."""
    verdict = desk.judge(link(LINK_DOWN), 0, 1_700_000_000_000)
    assert verdict.fate is Fate.ACCEPTED
    one = heard(verdict)
    assert (one.target, one.notification, one.role, one.object) == ("router-01", "linkDown", Role.RAISE, "3")
    assert one.is_poll
    assert one.words.en == "port 3 reports that its link went down"
    assert one.binds == "1.3.6.1.2.1.2.2.1.1.3=3 1.3.6.1.2.1.2.2.1.8.3=1"


def test_a_flapping_link_is_heard_each_time(desk: Desk) -> None:
    """Down, down, up, down: only the second is a duplicate; another port is another matter."""
    fates = [desk.judge(link(oid), 1_000 * at, 0).fate for at, oid in enumerate((LINK_DOWN, LINK_DOWN, LINK_UP, LINK_DOWN))]
    assert fates == [Fate.ACCEPTED, Fate.DUPLICATE, Fate.ACCEPTED, Fate.ACCEPTED]
    assert desk.judge(link(LINK_DOWN, 4), 5_000, 0).fate is Fate.ACCEPTED


def test_a_ups_that_repeats_itself_every_minute(desk: Desk) -> None:
    """RFC 1628 sends it every minute with other minutes and seconds: it is kept every five, with how often it came."""
    kept = []
    for minute in range(11):
        binds = (Bind("1.3.6.1.2.1.33.1.2.3.0", Type.INTEGER, 40 - minute), Bind("1.3.6.1.2.1.33.1.2.2.0", 2, 60 * minute))
        notice = Notice(source=ROUTER, oid="1.3.6.1.2.1.33.2.0.1", binds=binds)
        verdict = desk.judge(notice, minute * MINUTE, 0)
        kept += [(minute, one.repeated) for one in verdict.heard]
    assert kept == [(0, 0), (5, 4), (10, 4)]


def test_restart_takes_the_base_of_counters_away(desk: Desk) -> None:
    """coldStart polls and tells that nothing counted before is a base."""
    assert heard(desk.judge(Notice(source=ROUTER, oid="1.3.6.1.6.3.1.1.5.1"), 0, 0)).act is Act.POLL_RESET


def test_audit_does_not_poll(desk: Desk) -> None:
    """A change of configuration is kept for people."""
    one = heard(desk.judge(Notice(source=ROUTER, oid="1.3.6.1.4.1.9.9.43.2.0.1"), 0, 0))
    assert not one.is_poll


def test_failures_of_authentication_are_counted(desk: Desk) -> None:
    """One is nothing; ten within a minute are kept once, with their own words."""
    notice = Notice(source=ROUTER, oid="1.3.6.1.6.3.1.1.5.5")
    verdicts = [desk.judge(notice, 1_000 * second, 0) for second in range(20)]
    assert {verdict.fate for verdict in verdicts} == {Fate.ACCEPTED}
    kept = [(second, verdict.heard[0].words.en) for second, verdict in enumerate(verdicts) if verdict.heard]
    assert kept == [(9, "many requests with wrong credentials within a minute")]
    assert not verdicts[9].heard[0].is_poll


def test_two_targets_at_one_address(desk: Desk) -> None:
    """The notice is kept with both, for nobody can tell which of them sent it."""
    verdict = desk.judge(link(LINK_DOWN, source="192.0.2.8"), 0, 0)
    assert [one.target for one in verdict.heard] == ["host-08", "bmc-08"]


def test_strangers_are_not_heard(desk: Desk) -> None:
    """Nothing is kept of whom inventory does not know."""
    assert desk.judge(link(LINK_DOWN, source="192.0.2.99"), 0, 0) == Verdict(Fate.UNKNOWN_SOURCE)


def test_unlisted_notifications_are_a_reason_to_look(desk: Desk) -> None:
    """Two unlisted ones are told apart by OID and variables."""
    oids = ("1.3.6.1.4.1.99999.0.1", "1.3.6.1.4.1.99999.0.2", "1.3.6.1.4.1.99999.0.1")
    verdicts = [desk.judge(Notice(source=ROUTER, oid=oid), 0, 0) for oid in oids]
    assert [verdict.fate for verdict in verdicts] == [Fate.ACCEPTED, Fate.ACCEPTED, Fate.DUPLICATE]
    assert heard(verdicts[0]).is_poll
    assert heard(verdicts[0]).oid == "1.3.6.1.4.1.99999.0.1"


def test_report_is_evidence_that_judges_nothing(desk: Desk) -> None:
    """Kind `report`, outcome ok, no interval; a bounded sentence without secrets."""
    binds = tuple([Bind(f"1.3.6.1.4.1.99999.{n}", Type.OCTETS, b"community open-sesame " * 5) for n in range(30)])
    one = heard(desk.judge(Notice(source=ROUTER, oid="1.3.6.1.4.1.99999.0.1", binds=binds), 0, 1_700_000_000_000))
    kept = report(one, 5_000, 4_000)
    assert (kept.target, kept.module, kept.kind, kept.outcome) == ("router-01", TRAP, Kind.REPORT, Outcome.OK)
    assert (kept.at_ms, kept.uptime_ms, kept.awake_ms, kept.interval_ms) == (1_700_000_000_000, 5_000, 4_000, 0)
    assert kept.detail.startswith("unlisted from 192.0.2.1: a notification that has no entry in the table")
    assert len(kept.detail) == 255
    assert "open-sesame" not in kept.detail
