"""What the ledger judges, made of what people wrote: rules and objectives, agents, groups and sites; and who said what."""

from __future__ import annotations

import typing
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.accounts import Account, Standing
from collector.core.calendar import Calendar, expand
from collector.core.configuration import config_version
from collector.core.policy import POLICIES
from collector.core.subject import GapPolicy, Group, GroupRule, Objective, Rules, Sign, Subject, SubjectKind
from collector.inventory import EMPTY, Inventory, Origin, critical_of, devices_of, load_inventory
from collector.inventory.files import PolicyName
from collector.settings import Agents, Config, Ledger

SITES = "sites:\n  - {id: dic}\n"
DAY = 86_400_000
MONDAY = 1_772_384_400_000
"""2026-03-02 00:00 in Asia/Ho_Chi_Minh, epoch of the golden vector V33."""


def account(name: str, standing: Standing = Standing.ACTIVE, class_: str = "server", created_ms: int = 1000) -> Account:
    return Account(id=name, site="dic", class_=class_, standing=standing, created_ms=created_ms, enrolled_ms=9000)


def inventory(folder: Path, text: str, agents: tuple[str, ...] = (), **settings: Any) -> Inventory:
    (folder / "a.yml").write_text(text, encoding="utf-8")
    return load_inventory(folder, agents, Config(**settings))


def subject(folder: Path, keys: str, via: str = "collector", class_: str = "switch", more: str = "") -> Subject:
    """Target `a` with these keys."""
    text = f"{SITES}targets:\n  - {{id: a, site: dic, class: {class_}, via: {via}{keys and ', ' + keys}}}\n{more}"
    return inventory(folder, text, ("box",)).subjects([account("box")])["a"]


def test_a_target_that_says_nothing_has_the_built_in_rules(tmp_path: Path) -> None:
    """SPEC 3.20; decision 5 of SPEC 5 for the interval."""
    assert subject(tmp_path, "") == Subject(
        id="a",
        site="dic",
        class_="switch",
        rules=Rules(sign=Sign.PROBE, interval_ms=15_000, ttl_ms=0, ttl_tenths=25, fail_after=3, recover_after=1),
        objective=Objective(slo_ppm=990_000, merge_gap_ms=300_000),
        scope=((0, None),),
    )


def test_every_key_of_a_target_reaches_its_subject(tmp_path: Path) -> None:
    keys = (
        "objective: '99.95', policy: degraded_bad, calendar: office, merge_gap_s: 0, judged_by: probe+push,"
        " silence_means: down, fail_after: 2, recover_after: 4, interval_s: 20, ttl_s: 30, dep_slack_s: 7,"
        " gap_policy: bridge_down, accept_uptime_evidence: false, labels: {role: core}, parents: [b, [c, box]],"
        " in_service: [{from: 2026-03-01T00:00:00.250Z}, {from: 2026-01-01, to: 2026-02-01}]"
    )
    more = (
        "  - {id: b, site: dic, class: x, via: collector}\n  - {id: c, site: dic, class: x, via: collector}\n"
        "  - {id: box, site: dic, class: x, via: box}\n"
        "calendars:\n  - {id: office, hours: {mon: ['07:30-11:30']}}\n"
    )
    assert subject(tmp_path, keys, via="box", more=more) == Subject(
        id="a",
        site="dic",
        class_="switch",
        labels={"role": "core"},
        rules=Rules(
            sign=Sign.BOTH,
            interval_ms=20_000,
            ttl_ms=30_000,
            fail_after=2,
            recover_after=4,
            dep_slack_ms=7000,
            silence_is_down=True,
            gap_policy=GapPolicy.BRIDGE_DOWN,
            accept_uptime_evidence=False,
            parents=(("b",), ("c", "box")),
        ),
        objective=Objective(slo_ppm=999_500, policy="degraded_bad", calendar="office", merge_gap_ms=0),
        scope=((1_767_200_400_000, 1_769_878_800_000), (1_772_323_200_250, None)),
    )


@pytest.mark.parametrize(
    ("written", "ppm"),
    [("99.9999", 999_999), ("99.9", 999_000), ("99.90", 999_000), ("99", 990_000), ("5", 50_000), ("0.0001", 1)],
)
def test_objectives_are_exact(tmp_path: Path, written: str, ppm: int) -> None:
    """Four decimals of per cent are millionths."""
    assert subject(tmp_path, f"objective: '{written}'").objective.slo_ppm == ppm


def test_r12_3_dates_in_service_are_local(tmp_path: Path) -> None:
    """Local midnight, from the first moment in service to the first moment out of it."""
    scope = subject(tmp_path, "in_service: [{from: 2026-03-02, to: 2026-03-03}]").scope
    assert scope == ((MONDAY, MONDAY + DAY),)


DEFAULTS = "defaults:\n  class:\n    server: {objective: '99.5', fail_after: 5, silence_means: unknown, interval_s: 30}\n"


def test_the_target_wins_over_its_class_and_that_over_what_is_built_in(tmp_path: Path) -> None:
    found = subject(tmp_path, "fail_after: 2", class_="server", more=DEFAULTS)
    assert (found.rules.fail_after, found.objective.slo_ppm, found.rules.recover_after) == (2, 995_000, 1)
    assert found.rules.interval_ms == 30_000
    assert subject(tmp_path, "", class_="other", more=DEFAULTS).rules.fail_after == 3


def test_it_is_told_who_said_what(tmp_path: Path) -> None:
    text = f"{SITES}targets:\n  - {{id: a, site: dic, class: server, via: collector, fail_after: 2, parents: [b]}}\n"
    text += "  - {id: b, site: dic, class: server, via: collector}\n" + DEFAULTS
    told = {each.key: each for each in inventory(tmp_path, text).told("a")}
    file = tmp_path / "a.yml"
    assert told["fail_after"] == msgspec.structs.replace(told["fail_after"], value=2, origin=Origin.TARGET, place=f"{file}:4")
    assert (told["objective"].value, told["objective"].origin, told["objective"].place) == ("99.5", "class", f"{file}:8")
    assert (told["recover_after"].value, told["recover_after"].origin, told["recover_after"].place) == (1, "built-in", "")
    assert (told["dep_slack_s"].value, told["dep_slack_s"].origin) == (35, "built-in")
    assert (told["ttl_s"].value, told["merge_gap_s"].value, told["judged_by"].value) == (75.0, 300, "probe")
    assert all(each.value is not None for each in told.values())


def test_an_unwritten_host_is_told_of_too(tmp_path: Path) -> None:
    found = inventory(tmp_path, SITES + DEFAULTS, ("srv",))
    told = {each.key: (each.value, each.origin) for each in found.told("srv", [account("srv")])}
    assert told["judged_by"] == ("push", "built-in")
    assert told["objective"] == ("99.5", "class")
    with pytest.raises(KeyError):
        found.told("nobody", [account("srv")])


@pytest.mark.parametrize(
    ("keys", "via", "down"),
    [
        ("objective: '99.9'", "a", True),
        ("", "a", False),
        ("objective: '99.9'", "box", False),
        ("objective: '99.9', judged_by: probe+push", "a", False),
        ("objective: '99.9', silence_means: unknown", "a", False),
        ("silence_means: down", "a", True),
        ("judged_by: push, objective: '99.9'", "box", True),
    ],
)
def test_r6_3_silence_is_down_for_what_only_pushes_and_has_an_objective(
    tmp_path: Path, keys: str, via: str, down: bool
) -> None:
    """SPEC 5, decision 3; the live picture is told the same."""
    text = f"{SITES}targets:\n  - {{id: a, site: dic, class: server, via: {via}{keys and ', ' + keys}}}\n"
    found = inventory(tmp_path, text, ("a",) if via == "a" else ("box",))
    assert found.subjects([])["a"].rules.silence_is_down is down
    assert found.targets["a"].silence_means == ("down" if down else "unknown")


def test_an_objective_of_the_class_counts_for_hosts_that_are_not_written(tmp_path: Path) -> None:
    text = SITES + "defaults: {class: {server: {objective: '99.9'}}}\n"
    found = inventory(tmp_path, text, ("srv",))
    assert found.with_agents([account("srv")])["srv"].silence_means == "down"
    assert found.subjects([account("srv")])["srv"].rules.silence_is_down
    assert found.with_agents([account("pc", class_="pc")])["pc"].silence_means == "unknown"


@pytest.mark.parametrize(
    ("keys", "parents", "slack"),
    [
        ("parents: [p, q]", ("interval_s: 60", "interval_s: 30"), 65),
        ("parents: [p, q]", ("interval_s: 60", ""), 60),
        ("parents: [p, q]", ("interval_s: 3600", ""), 60),
        ("parents: [p, q], dep_slack_s: 0", ("interval_s: 60", "interval_s: 30"), 0),
        ("", ("interval_s: 300", ""), 60),
    ],
)
def test_r7_3_slack_is_the_parents_interval_and_the_childs_timeout(
    tmp_path: Path, keys: str, parents: tuple[str, str], slack: int
) -> None:
    more = "".join(
        f"  - {{id: {id_}, site: dic, class: x, via: collector{said and ', ' + said}}}\n"
        for id_, said in zip("pq", parents, strict=True)
    )
    assert subject(tmp_path, keys, more=more).rules.dep_slack_ms == slack * 1000


def test_hosts_and_agents_have_ledgers_of_their_own() -> None:
    """R12.3: in service since the agent was made, which a new enrolment does not change."""
    subjects = EMPTY.subjects([account("srv"), account("new", Standing.INVITED), account("old", Standing.REVOKED)])
    assert subjects.keys() == {"srv", "agent:srv", "site:dic", "site:dic:devices"}
    assert subjects["srv"] == Subject(
        id="srv", site="dic", class_="server", rules=Rules(sign=Sign.PUSH), objective=Objective(), scope=((1000, None),)
    )
    assert subjects["agent:srv"] == Subject(
        id="agent:srv",
        kind=SubjectKind.AGENT,
        site="dic",
        class_="server",
        rules=Rules(sign=Sign.PUSH, accept_uptime_evidence=False),
        scope=((1000, None),),
    )


def test_a_written_host_keeps_what_is_written(tmp_path: Path) -> None:
    text = f"{SITES}targets:\n  - {{id: wan, site: dic, class: link, via: collector}}\n"
    text += "  - {id: srv, site: dic, class: branch, via: srv, parents: [wan], labels: {a: b}}\n"
    subjects = inventory(tmp_path, text, ("srv",)).subjects([account("srv", created_ms=77)])
    again = [account("srv", Standing.INVITED, created_ms=77)]
    assert inventory(tmp_path, text, ("srv",)).subjects(again)["srv"] == subjects["srv"]
    for id_ in ("srv", "agent:srv"):
        found = subjects[id_]
        assert (found.class_, found.labels, found.rules.parents, found.scope) == (
            "branch", {"a": "b"}, (("wan",),), ((77, None),),
        )  # fmt: skip


def test_settings_give_what_nobody_wrote(tmp_path: Path) -> None:
    settings = Config(
        agents=Agents(interval_s=60),
        late_after_s=12.5,
        ttl_factor=1.5,
        ledger=Ledger(objective="99.25", merge_gap_s=120),
    )
    (tmp_path / "a.yml").write_text(SITES, encoding="utf-8")
    subjects = load_inventory(tmp_path, ("srv",), settings).subjects([account("srv")])
    rules = subjects["srv"].rules
    assert (rules.interval_ms, rules.late_after_ms, rules.ttl_tenths, rules.ttl_of(0)) == (60_000, 12_500, 15, 90_000)
    agent = subjects["agent:srv"].rules
    assert (agent.interval_ms, agent.late_after_ms, agent.ttl_tenths) == (60_000, 12_500, 15)
    assert {each.objective for each in subjects.values()} == {Objective(slo_ppm=992_500, merge_gap_ms=120_000)}


def test_no_folder_is_an_empty_inventory_with_the_settings() -> None:
    settings = Config(ledger=Ledger(objective="99.5"))
    assert load_inventory(None, [], settings).subjects([account("srv")])["srv"].objective.slo_ppm == 995_000


def test_parents_whose_agent_is_not_enrolled_say_nothing(tmp_path: Path) -> None:
    """A path that nobody watches excuses nothing."""
    keys = "parents: [[ghost, b], [ghost]]"
    text = f"{SITES}targets:\n  - {{id: a, site: dic, class: x, via: collector, {keys}}}\n"
    text += "  - {id: b, site: dic, class: x, via: collector}\n"
    found = inventory(tmp_path, text, ("ghost",))
    assert found.subjects([account("ghost", Standing.INVITED)])["a"].rules.parents == (("b",),)
    assert found.subjects([account("ghost")])["a"].rules.parents == (("ghost", "b"), ("ghost",))


GROUPS = """groups:
  - {id: some, rule: k_of_n, k: 2, members: [b, a, c], objective: "99.9", policy: e2e, merge_gap_s: 0}
  - {id: every, rule: all, members: ["group:some", "agent:srv", srv]}
  - {id: first, rule: any, members: [a, {class: switch}]}
  - {id: pool, rule: pooled, members: [a, b], weights: [3, 1]}
  - {id: picked, rule: pooled, members: [{site: dic, labels: {role: core}}, {class: server}]}
  - {id: nobody, rule: all, members: [{class: nothing}]}
"""
THREE = """targets:
  - {id: c, site: dic, class: switch, via: collector}
  - {id: b, site: dic, class: switch, via: collector, labels: {role: core, x: y}}
  - {id: a, site: dic, class: switch, via: collector, labels: {role: edge}}
"""


def test_groups(tmp_path: Path) -> None:
    """R15.1 to R15.3; selectors pick hosts of agents too, and a group of nobody is not up: it is not there."""
    subjects = inventory(tmp_path, SITES + THREE + GROUPS, ("srv",)).subjects([account("srv")])
    groups = {id_.removeprefix("group:"): each for id_, each in subjects.items() if id_.startswith("group:")}
    assert {id_: each.group for id_, each in groups.items()} == {
        "some": Group(GroupRule.K_OF_N, ("b", "a", "c"), 2),
        "every": Group(GroupRule.ALL, ("group:some", "agent:srv", "srv")),
        "first": Group(GroupRule.ANY, ("a", "b", "c")),
        "pool": Group(GroupRule.POOLED, ("a", "b"), 0, (3, 1)),
        "picked": Group(GroupRule.POOLED, ("b", "srv")),
    }
    assert {each.kind for each in groups.values()} == {SubjectKind.GROUP}
    assert groups["some"].objective == Objective(slo_ppm=999_000, policy="e2e", merge_gap_ms=0)


def test_r15_4_a_site_is_its_link_and_enough_critical_devices(tmp_path: Path) -> None:
    """End to end all-of(link, k-of-n(critical)); the device view pools the devices, without the link."""
    text = "sites:\n  - {id: dic, kind: centre, link: wan, critical: {require: 1, of: [b, a]}, objective: '99.5'}\n"
    text += THREE + "  - {id: wan, site: dic, class: link, via: collector}\n"
    subjects = inventory(tmp_path, text).subjects([])
    objective = Objective(slo_ppm=995_000)
    site, critical, devices = (subjects[id_] for id_ in ("site:dic", critical_of("dic"), devices_of("dic")))
    assert site == Subject(
        id="site:dic",
        kind=SubjectKind.SITE,
        site="dic",
        class_="centre",
        objective=objective,
        group=Group(GroupRule.ALL, ("wan", "site:dic:critical")),
    )
    assert (critical.kind, critical.group) == (SubjectKind.GROUP, Group(GroupRule.K_OF_N, ("b", "a"), 1))
    assert (devices.kind, devices.group) == (SubjectKind.GROUP, Group(GroupRule.POOLED, ("a", "b", "c")))
    assert devices.objective == critical.objective == objective


@pytest.mark.parametrize(
    ("keys", "group"),
    [
        (", link: a", Group(GroupRule.ALL, ("a",))),
        (", critical: {of: [a, b]}", Group(GroupRule.ALL, ("site:dic:critical",))),
        ("", Group(GroupRule.POOLED, ("a", "b", "c"))),
    ],
)
def test_a_site_of_fewer_parts(tmp_path: Path, keys: str, group: Group) -> None:
    subjects = inventory(tmp_path, f"sites:\n  - {{id: dic{keys}}}\n{THREE}").subjects([])
    assert subjects["site:dic"].group == group
    if "critical" in keys:
        assert subjects["site:dic:critical"].group == Group(GroupRule.K_OF_N, ("a", "b"), 2)


def test_an_empty_site_has_no_ledger(tmp_path: Path) -> None:
    assert inventory(tmp_path, SITES).subjects([]) == {}


def test_every_id_of_a_subject_is_its_key(tmp_path: Path) -> None:
    text = "sites:\n  - {id: dic, link: a, critical: {of: [b]}}\n" + THREE + GROUPS
    subjects = inventory(tmp_path, text, ("srv",)).subjects([account("srv")])
    assert {id_: each.id for id_, each in subjects.items()} == {id_: id_ for id_ in subjects}
    parts = {member for each in subjects.values() if each.group for member in each.group.members}
    assert parts <= subjects.keys()


def test_names(tmp_path: Path) -> None:
    text = "sites:\n  - {id: dic, name: Trung tâm, name_en: Centre}\n  - {id: xa, name: Xã}\n"
    text += "targets:\n  - {id: a, site: dic, class: x, via: collector, name: Máy chủ}\n"
    text += "  - {id: 'a:b', site: dic, class: x, via: collector}\n"
    text += "groups:\n  - {id: g, name: Nhóm, name_en: Group, rule: all, members: [a]}\n"
    found = inventory(tmp_path, text)
    assert [found.name_of(id_) for id_ in ("a", "a:b", "site:dic", "site:dic:devices", "group:g", "agent:x", "site:no")] == [
        "Máy chủ", "a:b", "Trung tâm", "Trung tâm", "Nhóm", "agent:x", "site:no",
    ]  # fmt: skip
    assert [found.name_of(id_, "en") for id_ in ("a", "site:dic", "site:xa", "group:g")] == ["Máy chủ", "Centre", "Xã", "Group"]


CALENDARS = """calendars:
  - id: office
    hours: {mon: ["13:30-17:00", "07:30-11:30"], sun: ["00:00-24:00"]}
    holidays: [vn, 2026-03-09]
    special_days: {2026-03-02: ["08:00-09:00"], 2026-03-08: []}
  - {id: abroad, time_zone: UTC, hours: {tue: ["10:00-11:00"]}, holidays: vn}
  - {id: day, hours: {}, special_days: {2026-03-02: ["08:00-09:00"]}, holidays: 2026-01-01}
holidays:
  - {id: vn, days: [2026-09-02, 2026-04-30]}
  - {id: other, days: [2026-12-24]}
"""


def test_r12_4_calendars(tmp_path: Path) -> None:
    found = inventory(tmp_path, CALENDARS)
    office = found.calendars["office"]
    vietnam = {date(2026, 9, 2), date(2026, 4, 30)}
    assert office == Calendar(
        zone="Asia/Ho_Chi_Minh",
        weekly=(((450, 690), (810, 1020)), (), (), (), (), (), ((0, 1440),)),
        holidays=frozenset(vietnam | {date(2026, 3, 9)}),
        special={date(2026, 3, 2): ((480, 540),), date(2026, 3, 8): ()},
    )
    assert (found.calendars["abroad"].zone, found.calendars["abroad"].holidays) == ("UTC", frozenset(vietnam))
    assert found.calendars["day"].holidays == {date(2026, 1, 1)}
    assert expand(office, MONDAY, MONDAY + 14 * DAY) == [
        (MONDAY + 28_800_000, MONDAY + 32_400_000),
        (MONDAY + 13 * DAY, MONDAY + 14 * DAY),
    ]
    assert found.free_days() == {"2026-09-02", "2026-04-30", "2026-12-24"}


def test_policies_are_those_of_the_core() -> None:
    """SPEC 3.12: the inventory knows the same names in the same order."""
    assert typing.get_args(PolicyName) == tuple(POLICIES)


def version(found: Inventory) -> str:
    return found.version(found.subjects([account("srv")]))


def test_the_version_depends_on_what_is_said_and_not_on_how(tmp_path: Path) -> None:
    """R17.4."""
    first = version(inventory(tmp_path, SITES + "  - {id: xa}\n" + THREE + CALENDARS))
    swapped = THREE.splitlines(keepends=True)
    swapped[1:] = reversed(swapped[1:])
    three = "".join(swapped).replace("role: core, x: y", "x: y, role: core")
    calendars = CALENDARS.replace("[2026-09-02, 2026-04-30]", "[2026-04-30, 2026-09-02]").replace(
        "2026-03-08: []", "2026-03-08: [ ]"
    )
    assert version(inventory(tmp_path, "# new\n" + calendars + three + "sites:\n  - {id: xa}\n  - {id: dic}\n")) == first
    assert len(bytes.fromhex(first)) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"more": "targets:\n  - {id: a, site: dic, class: x, via: collector}\n"},
        {"more": "calendars:\n  - {id: c, hours: {mon: ['07:30-11:30']}}\n"},
        {"more": "calendars:\n  - {id: c, hours: {mon: ['07:30-11:31']}}\n"},
        {"more": "defaults: {class: {server: {fail_after: 4}}}\n"},
        {"ledger": Ledger(digits=3)},
        {"ledger": Ledger(settle_days=4)},
        {"time_zone": "UTC"},
        {"late_after_s": 31.0},
    ],
    ids=str,
)
def test_the_version_changes_with_all_that_figures_depend_on(tmp_path: Path, change: dict[str, Any]) -> None:
    more = change.pop("more", "")
    assert version(inventory(tmp_path, SITES + more, ("srv",), **change)) != version(inventory(tmp_path, SITES, ("srv",)))


def test_the_version_cannot_be_shifted_between_parts() -> None:
    """A subject is no calendar, whatever it is called."""
    calendar = Calendar(zone="UTC")
    versions = {
        config_version({}, {}, Ledger(), "UTC"),
        config_version({"a": Subject(id="a")}, {}, Ledger(), "UTC"),
        config_version({"b": Subject(id="a")}, {}, Ledger(), "UTC"),
        config_version({}, {"a": calendar}, Ledger(), "UTC"),
        config_version({}, {"b": calendar}, Ledger(), "UTC"),
    }
    assert len(versions) == 5
