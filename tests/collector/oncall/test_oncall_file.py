"""What a good on-call file becomes: the shipped example, and what its words mean for decisions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from collector import config
from collector.config import ConfigError
from collector.core.alert import AlertKey, AlertKind, Severity, labels_of
from collector.core.rota import on_call
from collector.inventory import Inventory, load_inventory
from collector.oncall import NO_FILE, OnCallFile, load_oncall
from collector.settings import Config

CONFIG = Path(__file__).parents[3] / "config"


def at(text: str) -> int:
    """A time in the province."""
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).timestamp() * 1000)


@pytest.fixture(scope="module")
def province() -> tuple[Inventory, OnCallFile]:
    """The example of a province as it is shipped."""
    settings = config.load(CONFIG / "province.yml")
    inventory = load_inventory(Path(settings.inventory), None, settings)
    return inventory, load_oncall(Path(settings.oncall), inventory, settings, now_ms=at("2026-11-24T12:00"))


def labels(inventory: Inventory, target: str, kind: AlertKind = AlertKind.DOWN) -> dict[str, str]:
    """As the pager has them."""
    entry = inventory.entries[target]
    return labels_of(AlertKey(target, kind), Severity.CRITICAL, (entry.site, entry.class_, dict(entry.labels)))


def test_the_example_loads_and_lacks_nothing_but_its_secrets(province: tuple[Inventory, OnCallFile]) -> None:
    """Every receiver, person, rota and escalation of it is used; no gap, no idle change."""
    _, file = province
    found = {warning.expected for warning in file.warnings}
    assert found == {"a file with the secret: without it nothing is sent"}
    assert file.link == "https://haidang.example.vn"
    assert file.silence_receivers == ("mail-noc",)
    assert file.longest_silence_ms == 30 * 86_400_000
    assert file.emergency == ("noc", "mail-noc")
    assert [beat.method for beat in file.heartbeats] == ["POST"]
    assert {entry.kind for entry in file.receivers.values()} == {"webhook", "email", "alertmanager"}


def test_the_example_pages_whom_it_says(province: tuple[Inventory, OnCallFile]) -> None:
    """The portal at night wakes who is on call; a video room in the office's evening waits for the morning."""
    inventory, file = province
    policy, night = file.policy, at("2026-11-24T23:00")
    portal = policy.route(labels(inventory, "portal"), Severity.CRITICAL, night)
    assert portal is not None
    assert (portal.route, portal.quiet_until_ms) == ("default", None)
    assert policy.recipients(portal.escalation, 0, night) == ("sms-binh", "noc", "prometheus")
    rooms = [id_ for id_, entry in inventory.entries.items() if entry.class_ == "room"]
    room = policy.route(labels(inventory, rooms[0]), Severity.WARNING, night)
    assert room is not None
    assert (room.route, room.quiet_until_ms) == ("rooms", at("2026-11-25T07:30"))
    warning = policy.route(labels(inventory, "portal"), Severity.WARNING, night)
    assert warning is not None
    assert (warning.route, warning.quiet_until_ms) == ("warnings", at("2026-11-25T06:30"))


def test_members_of_groups_are_found_however_deep(province: tuple[Inventory, OnCallFile]) -> None:
    """The group of all rooms names groups and sites; every target of these is in it, and nothing of the data centre."""
    inventory, file = province
    policy, noon = file.policy, at("2026-11-24T12:00")
    route = policy.plan.routes[0]
    rooms = [id_ for id_, entry in inventory.entries.items() if entry.class_ == "room"]
    assert len(rooms) == 28
    assert all(route.match.groups[0].has(labels(inventory, id_)) for id_ in rooms)
    assert not any(route.match.groups[0].has(labels(inventory, id_)) for id_ in ("portal", "fw-1", "ups-a"))
    assert policy.route(labels(inventory, rooms[0]), Severity.CRITICAL, noon) is not None


def test_holidays_of_the_inventory_are_those_of_the_rota(province: tuple[Inventory, OnCallFile]) -> None:
    """The first of the year is the first person's."""
    rota = province[1].policy.plan.rotas["noc"]
    assert on_call(rota, at("2027-01-01T12:00")).person == "binh"
    assert on_call(rota, at("2027-02-05T12:00")).person == "chi"


def test_without_a_file_nobody_is_told() -> None:
    """And nothing is wrong with that."""
    file = load_oncall(None, None, Config())
    assert file is NO_FILE
    assert file.policy.route({}, Severity.CRITICAL, 0) is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """As every other file."""
    with pytest.raises(ConfigError, match=r"oncall\.yml: found No such file or directory, expected a readable file"):
        load_oncall(tmp_path / "oncall.yml", None, Config())


def test_without_an_inventory_its_names_are_not_looked_up(tmp_path: Path) -> None:
    """Groups and calendars may be named; who asks without one decides nothing by them."""
    file = tmp_path / "oncall.yml"
    file.write_text(
        'receivers: {noc: {webhook: {url: "https://noc.example.vn/"}}}\n'
        'escalations: {noc: {steps: [{notify: ["receiver:noc"]}]}}\n'
        "routes:\n"
        "  - {name: a, escalation: noc, match: {group: rooms, calendar: office, site: x}}\n"
        "  - {name: b, escalation: noc, match: {group: rooms, calendar: other, site: x}}\n"
        "  - {name: c, escalation: noc}\n"
        "emergency: [noc]\n",
        encoding="utf-8",
    )
    assert load_oncall(file, None, Config()).warnings == ()


def test_what_is_said_of_kinds_goes_before_what_is_built_in(tmp_path: Path) -> None:
    """Each part of it for itself."""
    file = tmp_path / "oncall.yml"
    file.write_text(
        "alerts:\n"
        "  down: {severity: {critical: critical, normal: warning, low: info}}\n"
        "  no_data: {pages: false}\n"
        "  degraded: {after: 0m, severity: info}\n",
        encoding="utf-8",
    )
    policy = load_oncall(file, None, Config()).policy
    severities = [policy.severity_of(AlertKind.DOWN, name, Severity.INFO) for name in ("critical", "normal", "low")]
    assert severities == [Severity.CRITICAL, Severity.WARNING, Severity.INFO]
    assert (policy.alert_rule(AlertKind.NO_DATA).after_ms, policy.alert_rule(AlertKind.NO_DATA).pages) == (15 * 60_000, False)
    assert policy.alert_rule(AlertKind.DEGRADED).after_ms == 0
    assert policy.severity_of(AlertKind.DEGRADED, "critical", Severity.CRITICAL) is Severity.INFO
    assert policy.severity_of(AlertKind.BURN, "low", Severity.CRITICAL) is Severity.CRITICAL
