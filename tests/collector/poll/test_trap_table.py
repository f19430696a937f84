"""The table of notifications: every one that comes with the program, both spellings, what it is about, and bad files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.sheets.sheet import SheetError
from collector.poll.trap_file import load_table
from collector.poll.trap_map import Bind, Notice, Type, other_form
from collector.poll.trap_table import UNLISTED, Act, Role, Table

SHIPPED = Path(__file__).parents[3] / "config" / "snmp" / "notifications.yml"
POLY = "1.3.6.1.4.1.13885.101.0"
FORTI = "1.3.6.1.4.1.12356"


@pytest.fixture(scope="module")
def table() -> Table:
    """The one that comes with the program."""
    return load_table([SHIPPED])


KNOWN = [
    ("1.3.6.1.6.3.1.1.5.1", "coldStart", Act.POLL_RESET, Role.EVENT),
    ("1.3.6.1.6.3.1.1.5.2", "warmStart", Act.POLL_RESET, Role.EVENT),
    ("1.3.6.1.6.3.1.1.5.3", "linkDown", Act.POLL, Role.RAISE),
    ("1.3.6.1.6.3.1.1.5.4", "linkUp", Act.POLL, Role.CLEAR),
    ("1.3.6.1.6.3.1.1.5.5", "authenticationFailure", Act.COUNT, Role.EVENT),
    ("1.3.6.1.2.1.47.2.0.1", "entConfigChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.131.0.1", "entStateOperEnabled", Act.POLL, Role.CLEAR),
    ("1.3.6.1.2.1.131.0.2", "entStateOperDisabled", Act.POLL, Role.RAISE),
    ("1.3.6.1.4.1.9.9.91.2.0.1", "entSensorThresholdNotification", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.9.9.13.3.0.3", "ciscoEnvMonTempStatusChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.9.9.13.3.0.7", "ciscoEnvMonTempStatusChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.9.9.13.3.0.8", "ciscoEnvMonFanStatusChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.9.9.13.3.0.9", "ciscoEnvMonSupplyStatusChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.9.9.117.2.0.2", "cefcPowerStatusChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.9.9.117.2.0.4", "cefcFRURemoved", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.9.9.43.2.0.1", "ciscoConfigManEvent", Act.AUDIT, Role.EVENT),
    ("1.3.6.1.4.1.2011.5.25.129.2.2.1", "hwTempRisingAlarm", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.2636.4.1.1", "jnxPowerSupplyFailure", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.2636.4.1.2", "jnxFanFailure", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.2636.4.1.3", "jnxOverTemperature", Act.POLL, Role.EVENT),
    (f"{FORTI}.100.1.3.0.101", "fnTrapCpuThreshold", Act.POLL, Role.EVENT),
    (f"{FORTI}.100.1.3.0.201", "fnTrapIpChange", Act.POLL, Role.EVENT),
    (f"{FORTI}.101.2.0.301", "fgTrapVpnTunUp", Act.POLL, Role.CLEAR),
    (f"{FORTI}.101.2.0.302", "fgTrapVpnTunDown", Act.POLL, Role.RAISE),
    (f"{FORTI}.101.2.0.401", "fgTrapHaSwitch", Act.POLL, Role.EVENT),
    (f"{FORTI}.101.2.0.403", "fgTrapHaHBFail", Act.POLL, Role.EVENT),
    (f"{FORTI}.101.2.0.404", "fgTrapHaMemberDown", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.15.0.1", "bgpEstablished", Act.POLL, Role.CLEAR),
    ("1.3.6.1.2.1.15.7.1", "bgpEstablished", Act.POLL, Role.CLEAR),
    ("1.3.6.1.2.1.15.0.2", "bgpBackwardTransition", Act.POLL, Role.RAISE),
    ("1.3.6.1.2.1.15.7.2", "bgpBackwardTransition", Act.POLL, Role.RAISE),
    ("1.3.6.1.2.1.14.16.2.2", "ospfNbrStateChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.14.16.2.4", "ospfIfConfigError", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.14.16.2.6", "ospfIfAuthFailure", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.14.16.2.16", "ospfIfStateChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.68.0.1", "vrrpTrapNewMaster", Act.POLL, Role.EVENT),
    ("1.3.6.1.4.1.9.9.106.2.0.1", "cHsrpStateChange", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.17.0.1", "newRoot", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.17.0.2", "topologyChange", Act.COUNT, Role.EVENT),
    ("1.3.6.1.2.1.16.0.1", "risingAlarm", Act.POLL, Role.RAISE),
    ("1.3.6.1.2.1.16.0.2", "fallingAlarm", Act.POLL, Role.CLEAR),
    ("1.3.6.1.2.1.105.0.1", "pethPsePortOnOff", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.105.0.2", "pethMainPowerUsageOn", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.33.2.1", "upsTrapOnBattery", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.33.2.2", "upsTrapTestCompleted", Act.POLL, Role.EVENT),
    ("1.3.6.1.2.1.33.2.3", "upsTrapAlarmEntryAdded", Act.POLL, Role.RAISE),
    ("1.3.6.1.2.1.33.2.4", "upsTrapAlarmEntryRemoved", Act.POLL, Role.CLEAR),
    *[
        (f"1.3.6.1.4.1.318.0.{number}", name, Act.POLL, role)
        for number, name, role in (
            (1, "apcCommunicationLost", Role.RAISE),
            (2, "apcUpsOverload", Role.EVENT),
            (4, "apcUpsDischarged", Role.EVENT),
            (5, "apcUpsOnBattery", Role.RAISE),
            (7, "apcLowBattery", Role.EVENT),
            (8, "apcCommunicationEstablished", Role.CLEAR),
            (9, "apcPowerRestored", Role.CLEAR),
            (17, "apcUpsBatteryNeedsReplacement", Role.EVENT),
        )
    ],
    *[
        (f"{POLY}.{number}", name, Act.POLL, role)
        for number, name, role in (
            (70, "polyGatekeeperFailed", Role.RAISE),
            (71, "polyGatekeeperOk", Role.CLEAR),
            (72, "polySipFailed", Role.RAISE),
            (73, "polySipOk", Role.CLEAR),
            (76, "polyCameraDown", Role.RAISE),
            (77, "polyCameraOk", Role.CLEAR),
            (78, "polyCallConnected", Role.EVENT),
            (79, "polyCallDisconnected", Role.EVENT),
            (80, "polyCallFailed", Role.EVENT),
            (81, "polyJitterExcessive", Role.RAISE),
            (82, "polyJitterOk", Role.CLEAR),
            (83, "polyLatencyExcessive", Role.RAISE),
            (84, "polyLatencyOk", Role.CLEAR),
            (85, "polyLossExcessive", Role.RAISE),
            (86, "polyLossOk", Role.CLEAR),
        )
    ],
    ("1.3.6.1.2.1.118.0.2", "alarmActiveState", Act.POLL, Role.RAISE),
    ("1.3.6.1.2.1.118.0.3", "alarmClearState", Act.POLL, Role.CLEAR),
    ("1.3.6.1.4.1.8072.4.0.2", "nsNotifyShutdown", Act.POLL, Role.EVENT),
]


@pytest.mark.parametrize(("oid", "name", "act", "role"), KNOWN)
def test_listed_notifications(table: Table, oid: str, name: str, act: Act, role: Role) -> None:
    """Each is found by its OID and by the form that version 1 makes of it, and does what it should."""
    for spelling in (oid, other_form(oid)):
        found = table.find(spelling)
        assert (found.name, found.act, found.role(Notice(source="", oid=oid))) == (name, act, role)
        assert found.words.en != found.words.vi


def test_alarms_are_raised_and_cleared_by_the_same_object(table: Table) -> None:
    """What clears an alarm finds its object where what raises it has it."""
    entries = {each.raises: each for each in table.notifications if each.raises}
    for each in table.notifications:
        assert not each.clears or each.object == entries[each.clears].object


def test_object_of_interest(table: Table) -> None:
    """A port is known by the index of any column that is sent, and shown by its name if that is sent."""
    entry = table.find("1.3.6.1.6.3.1.1.5.3")
    admin = Bind("1.3.6.1.2.1.2.2.1.7.1073741825", Type.INTEGER, 1)
    named = Bind("1.3.6.1.2.1.31.1.1.1.1.1073741825", Type.OCTETS, b"ge-0/0/1")
    for binds, shown in (((admin,), "1073741825"), ((admin, named), "ge-0/0/1"), ((), "")):
        notice = Notice(source="", oid="", binds=binds)
        assert entry.key(notice) == ("1073741825" if binds else "")
        assert entry.thing(notice) == shown
    assert entry.words.about("").en == "port reports that its link went down"


def test_unlisted_notifications(table: Table) -> None:
    """A vendor's own is found below its prefix, at the boundary of a number; anything else is a reason to look."""
    assert table.find("1.3.6.1.4.1.903.10.0.3").name == "radvision"
    assert table.find("1.3.6.1.4.1.9031.10.0.3") is UNLISTED
    assert UNLISTED.act is Act.POLL


SEVERITY = """
notifications:
  - name: gateway
    oids: [1.3.6.1.4.1.903.7.0.1]
    severity: {object: 1.3.6.1.4.1.903.7.2, clear: [0]}
    words: {en: an alarm of the gateway, vi: cảnh báo của gateway}
"""


def test_severity_tells_raise_from_clear(tmp_path: Path) -> None:
    """Where one notification raises and clears, the key of both is the same and the severity is the role."""
    file = tmp_path / "site.yml"
    file.write_text(SEVERITY, encoding="utf-8")
    entry = load_table([SHIPPED, file]).find("1.3.6.1.4.1.903.7.1")
    port = Bind("1.3.6.1.4.1.903.7.1", Type.INTEGER, 4)
    raised, cleared = (
        Notice(source="", oid="", binds=(port, Bind("1.3.6.1.4.1.903.7.2.0", Type.INTEGER, severity))) for severity in (5, 0)
    )
    assert (entry.role(raised), entry.role(cleared)) == (Role.RAISE, Role.CLEAR)
    assert entry.key(raised) == entry.key(cleared) != entry.key(Notice(source="", oid=""))


def test_site_replaces_an_entry(tmp_path: Path) -> None:
    """A site's entry of the same name counts instead, and takes its OIDs from whatever had them."""
    file = tmp_path / "site.yml"
    file.write_text(
        "notifications:\n"
        "  - {name: linkDown, oids: [1.3.6.1.6.3.1.1.5.3], act: audit, words: {en: a port, vi: một cổng}}\n"
        "  - {name: ours, oids: [1.3.6.1.6.3.1.1.5.1], words: {en: started, vi: khởi động}}\n",
        encoding="utf-8",
    )
    table = load_table([SHIPPED, file])
    assert table.find("1.3.6.1.6.3.1.1.5.3").act is Act.AUDIT
    assert table.find("1.3.6.1.6.3.1.1.5.1").name == "ours"
    assert table.find("1.3.6.1.6.3.1.1.5.4").name == "linkUp"


BAD = """notifications:
  - name: one
    oids: [1.3.6.1.4.1.99.0.1, 1.3.6.1.4.1.99.0.1]
    act: page
    words: {en: a sentence, vi: một câu}
  - name: one
    under: [not.an.oid]
    words: {en: a sentence}
    colour: red
"""
BAD_WHOLE = """notifications:
  - {name: one, oids: [1.3.6.1.4.1.99.0.1], raises: a, clears: b, words: {en: a sentence, vi: một câu}}
  - {name: one, words: {en: a sentence, vi: một câu}}
  - {name: two, oids: [1.3.6.1.4.1.99.0.1], clears: z, words: {en: a sentence, vi: một câu}}
"""


def problems(tmp_path: Path, text: str) -> list[tuple[int, str, str, str]]:
    file = tmp_path / "site.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SheetError) as caught:
        load_table([SHIPPED, file])
    assert {problem.file for problem in caught.value.problems} == {str(file)}
    return [(each.line, each.key, each.found, each.expected) for each in caught.value.problems]


def test_bad_files_are_refused_with_every_problem(tmp_path: Path) -> None:
    """File, line, key, what was found and what was expected, of all problems at once."""
    found = problems(tmp_path, BAD)
    assert [(line, key) for line, key, _, _ in found] == [
        (4, "notifications[0].act"),
        (7, "notifications[1].under[0]"),
        (8, "notifications[1].words.vi"),
        (9, "notifications[1].colour"),
    ]
    assert found[0][3] == "one of poll, poll_reset, count, audit"


def test_contradictions_are_refused(tmp_path: Path) -> None:
    """An OID with two meanings, a name twice, an alarm that nobody raises and an entry without OID are named."""
    assert [(line, key, found) for line, key, found, _ in problems(tmp_path, BAD_WHOLE)] == [
        (2, "notifications[0].clears", "clears beside raises"),
        (2, "notifications[0].clears", '"b"'),
        (3, "notifications[1].name", '"one" a second time'),
        (3, "notifications[1]", "one without an OID"),
        (4, "notifications[2].oids[0]", "1.3.6.1.4.1.99.0.1, which one has too"),
        (4, "notifications[2].clears", '"z"'),
    ]
