"""The collector's own page: by the table, valid in both formats, right in its figures."""

from __future__ import annotations

import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from agent.model import Lane, LossReason, Outcome
from collector.core.alert import Alert, AlertKey, AlertKind, Condition, Hold, HoldReason, Severity
from collector.core.fleet import Fleet
from collector.core.histogram import Histogram
from collector.core.incident import Incident, IncidentState
from collector.core.notify_tally import NotifyTally
from collector.core.page_tally import Beating, PageTally, view_of
from collector.core.poll_tally import PollTally, TrapCounts
from collector.core.poll_view import WayOut
from collector.core.probe_tally import ProbeTally
from collector.core.silencing import Silence
from collector.core.tally import Tally
from collector.expose.names import COUNTER, NAMES
from collector.expose.own import OwnPage
from tests.collector.expose.ledger_kit import busy
from tests.collector.fleet_kit import INTERVAL, NOW, TTL, apply, gauge, info, make_fleet, schema, show, values


def busy_fleet() -> Fleet:
    """One target up, one down by silence, one that never reported; every counter has counted something."""
    fleet = make_fleet()
    fleet.set_targets([info("h1", site='s"1'), info("h2", silence="down"), info("h3")])
    apply(fleet, "h1", module="heartbeat", t=NOW - 5_000)
    apply(fleet, "h2", module="heartbeat", t=NOW - 100_000)
    show(fleet, "h1", (schema((gauge("node_load1"), [()])), values(1)), t=NOW - 5_000)
    tally = fleet.tally
    tally.request(200)
    tally.request(503)
    tally.refuse("target_not_yours", 2)
    tally.drop("size")
    tally.scrape("metrics", 200)
    tally.commits.observe(0.004)
    tally.commits.observe(99.0)
    tally.blind_ms = 12_345
    polls = tally.snmp = PollTally(devices=3, late=1, slow={"sw-1": 2}, answers={"received": 40, "late": 1})
    polls.verdict("ups-1", Outcome.DEGRADED, 0.02)
    polls.verdict("ups-1", Outcome.OK, 0.02)
    polls.walks_s.observe(1.5)
    probes = tally.probes = ProbeTally(jobs=4, shed={"low": 3}, slow={("portal", "https"): 2})
    probes.found("http", Outcome.OK)
    probes.delays_s = Histogram((0.01, 1.0), [5, 1, 0], 0.5)
    tally.sight = lambda: (WayOut("wan", False, 0, 12.5, 3), WayOut("internet", True, 0, 0.0, 0))
    tally.traps = TrapCounts({"accepted": 4, "limited": 0}, {"linkDown": 4})
    _page(tally)
    agent = tally.agent("h1")
    agent.hear(NOW - 60_000, "0.1.0")
    agent.clock_offset_ms = -1_500
    agent.orders, agent.orders_offered, agent.orders_refused = "c1", "c2", "c2"
    agent.lose(LossReason.BYTES, 7)
    agent.mark(Lane.FACTS, 10, 10, NOW - 5_000)
    bulk = agent.mark(Lane.BULK, 100, 40, NOW - 5_000)
    bulk.held_reports, bulk.held_bytes = 60, 180_000
    return fleet


def _page(tally: Tally) -> None:
    """An outage that paged and one that is held, a receiver that failed, a full disk."""
    pages = tally.pages = PageTally(write_failures=2, direct={"sent": 1})
    pages.decisions_s.observe(0.003)
    pages.heartbeats[Beating.WITHHELD] += 4
    alerts = [
        Alert("a", AlertKey("r1", AlertKind.DOWN), Severity.CRITICAL, NOW, NOW, paged_ms=NOW),
        Alert("b", AlertKey("s1", AlertKind.DOWN), Severity.CRITICAL, NOW, NOW, hold=Hold(HoldReason.PARENT_DOWN)),
        Alert("c", AlertKey("s2", AlertKind.DOWN), Severity.CRITICAL, NOW, NOW, gone_ms=NOW),
    ]
    state = IncidentState.ACKNOWLEDGED
    incident = Incident("i", 1, state, AlertKey("r1", AlertKind.DOWN), Severity.CRITICAL, "dc", NOW, NOW)
    silences = [Silence(f"S{n}", (), "an", "", NOW, NOW + n * 60_000, NOW + 90_000) for n in range(2)]
    own = Condition(AlertKey("collector", AlertKind.COLLECTOR, "disk"), Severity.CRITICAL, NOW, NOW)
    pages.view = lambda: view_of(alerts, [incident], silences, [own], NOW)
    notify = tally.notify = NotifyTally(pending=3, dead_rows=1, dead=1, handed=2, oldest_ms=NOW - 90_500)
    notify.count_sent("webhook", 0.2, 0.4)
    notify.count_failed("email", "timeout", 10.0)


def page(fleet: Fleet, *, openmetrics: bool = False, ready: str = "") -> str:
    own = OwnPage(fleet, "0.1.0", lambda: ready, lambda: 0)
    return b"".join(own.page(NOW, openmetrics=openmetrics)).decode()


def read(text: str, openmetrics: bool = False) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = (parse_openmetrics if openmetrics else parse_text)(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def figure(text: str, name: str, **labels: str) -> float:
    found = {key: value for key, value in read(text).items() if key[0] == name and labels.items() <= dict(key[1]).items()}
    assert len(found) == 1, found
    return next(iter(found.values()))


@pytest.mark.parametrize("openmetrics", [False, True])
def test_every_metric_of_the_table_is_there_with_its_type_help_and_labels_and_no_other(openmetrics: bool) -> None:
    own_page = OwnPage(busy_fleet(), "0.1.0", lambda: "", lambda: 0, busy().keeper)
    text = b"".join(own_page.page(NOW, openmetrics=openmetrics)).decode()
    read(text, openmetrics)
    heads = dict(re.findall(r"^# TYPE (haidang_\S+) (\S+)$", text, re.MULTILINE))
    strip = openmetrics
    table = {own.name.removesuffix("_total") if strip and own.type == COUNTER else own.name: own for own in NAMES.values()}
    assert heads == {name: own.type for name, own in table.items()}
    for name, own in table.items():
        assert f"# HELP {name} {own.help}\n" in text
        suffix = "_bucket" if own.type == "histogram" else ""
        line = re.search(rf"^{own.name}{suffix}(?:{{(.*)}})? ", text, re.MULTILINE)
        assert line is not None, own.name
        keys = set(re.findall(r'(\w+)="', re.sub(r"\\.", "", line[1] or "")))
        assert keys == set(own.labels) | ({"le"} if suffix else set()), own.name
        if openmetrics and own.unit:
            assert f"# UNIT {name} {own.unit}\n" in text


def test_states_are_zero_or_one_and_sum_to_one_for_each_target() -> None:
    text = page(busy_fleet())
    assert figure(text, "haidang_target_state", instance="h1", state="up") == 1
    assert figure(text, "haidang_target_state", instance="h2", state="down") == 1
    assert figure(text, "haidang_target_state", instance="h3", state="unknown") == 1
    states = [value for (name, _), value in read(text).items() if name == "haidang_target_state"]
    assert sorted(states) == [0] * 12 + [1] * 3
    assert figure(text, "haidang_targets", state="down") == 1


def test_states_are_dated_and_ages_counted() -> None:
    text = page(busy_fleet())
    assert figure(text, "haidang_target_state_since_timestamp_seconds", instance="h2") == (NOW - 100_000 + INTERVAL) / 1000
    assert figure(text, "haidang_target_last_report_age_seconds", instance="h2") == 100
    assert not any(name.startswith("haidang_target_last") and ("instance", "h3") in labels for name, labels in read(text))
    assert TTL < 100_000


def test_figures_of_an_agent() -> None:
    text = page(busy_fleet())
    assert figure(text, "haidang_agent_watermark_age_seconds", instance="h1", lane="facts") == 5
    assert figure(text, "haidang_agent_watermark_age_seconds", instance="h1", lane="bulk") == 60, "not once since it was heard"
    assert figure(text, "haidang_agent_backlog_reports", lane="bulk") == 60
    assert figure(text, "haidang_agent_held_bytes", lane="bulk") == 180_000
    assert figure(text, "haidang_agent_clock_offset_seconds") == -1.5
    assert figure(text, "haidang_agent_lost_reports_total", reason="bytes") == 7
    assert figure(text, "haidang_agent_lost_reports_total", reason="torn") == 0, "there before the first loss"


def test_figures_of_the_collector() -> None:
    text = page(busy_fleet())
    assert figure(text, "haidang_collector_blind_seconds_total") == 12.345
    assert figure(text, "haidang_ingest_requests_total", code="503") == 1
    assert figure(text, "haidang_ingest_refused_reports_total", reason="target_not_yours") == 2
    assert figure(text, "haidang_ingest_refused_reports_total", reason="bad_module") == 0, "there before the first refusal"
    assert figure(text, "haidang_ingest_commit_duration_seconds_bucket", le="0.0025") == 0
    assert figure(text, "haidang_ingest_commit_duration_seconds_bucket", le="0.005") == 1
    assert figure(text, "haidang_ingest_commit_duration_seconds_bucket", le="+Inf") == 2
    assert figure(text, "haidang_ingest_commit_duration_seconds_count") == 2
    assert figure(text, "process_resident_memory_bytes") > 1e6
    assert figure(text, "haidang_collector_ready") == 1
    assert figure(page(busy_fleet(), ready="starting"), "haidang_collector_ready") == 0


def test_figures_of_polling() -> None:
    """A device counts by its last verdict, one that has none yet as waiting; outcomes are there before the first of them."""
    text = page(busy_fleet())
    assert figure(text, "haidang_snmp_devices", outcome="ok") == 1
    assert figure(text, "haidang_snmp_devices", outcome="waiting") == 2
    assert figure(text, "haidang_snmp_polls_total", outcome="degraded") == 1
    assert figure(text, "haidang_snmp_polls_total", outcome="failed") == 0
    assert figure(text, "haidang_snmp_poll_seconds_bucket", le="0.025") == 2
    assert figure(text, "haidang_snmp_walk_seconds_count") == 1
    assert figure(text, "haidang_traps_total", outcome="accepted") == 4
    assert "haidang_snmp" not in page(make_fleet())
    assert "haidang_trap" not in page(make_fleet())


def test_figures_of_probing() -> None:
    """Runs by kind and outcome, what was left out by priority, and how late runs began."""
    text = page(busy_fleet())
    assert figure(text, "haidang_probe_runs_total", kind="http", outcome="ok") == 1
    assert figure(text, "haidang_probe_shed_total", priority="low") == 3
    assert figure(text, "haidang_probe_slow_missed_runs", module="https") == 2
    assert figure(text, "haidang_probe_start_delay_seconds_bucket", le="0.01") == 5
    assert figure(text, "haidang_probe_dropped_results_total", reason="refused") == 0, "there before the first of them"
    assert "haidang_probe" not in page(make_fleet())


def test_figures_of_sight() -> None:
    """What is known of each way out; nothing while there is none."""
    fleet = busy_fleet()
    text = page(fleet)
    assert figure(text, "haidang_sight_up", uplink="wan") == 0
    assert figure(text, "haidang_sight_up", uplink="internet") == 1
    assert figure(text, "haidang_sight_lost_seconds_total", uplink="wan") == 12.5
    assert figure(text, "haidang_sight_discarded_total", uplink="wan") == 3
    fleet.tally.sight = tuple
    assert "haidang_sight" not in page(fleet)
    assert "haidang_sight" not in page(make_fleet())


def test_an_empty_fleet_is_a_valid_page_too() -> None:
    for openmetrics in (False, True):
        assert read(page(make_fleet(), openmetrics=openmetrics), openmetrics)


def test_names_keep_the_rules() -> None:
    """Counters end in _total and nothing else does; a unit is the end of the name; help is a sentence."""
    for own in NAMES.values():
        assert re.fullmatch(r"haidang(_[a-z]+)+", own.name)
        assert own.name.endswith("_total") == (own.type == COUNTER)
        assert own.name.removesuffix("_total").endswith(f"_{own.unit}" if own.unit else "")
        assert own.help.endswith(".")
        assert "\\" not in own.help
        assert "\n" not in own.help


def test_pages_and_the_collectors_own_trouble_are_told() -> None:
    """What is held is counted by its reason, and every trouble has a line before it is one."""
    text = page(busy_fleet())
    for line in (
        'haidang_alerts{kind="down",held="paged"} 1',
        'haidang_alerts{kind="down",held="parent_down"} 1',
        'haidang_open_incidents{state="acknowledged",severity="critical"} 1',
        'haidang_silences{state="active"} 1',
        'haidang_silences{state="pending"} 1',
        'haidang_collector_trouble{trouble="disk",severity="critical"} 1.0',
        'haidang_collector_trouble{trouble="disk",severity="warning"} 0.0',
        'haidang_collector_trouble{trouble="clock",severity="critical"} 0.0',
        'haidang_heartbeats_total{outcome="withheld"} 4',
        'haidang_heartbeats_total{outcome="sent"} 0',
        'haidang_direct_pages_total{verdict="sent"} 1',
        'haidang_notifications_total{kind="webhook",outcome="sent"} 1',
        'haidang_notifications_total{kind="email",outcome="timeout"} 1',
        "haidang_outbox_oldest_seconds 90.5",
        'haidang_outbox_rows{state="dead"} 1',
    ):
        assert f"{line}\n" in text, line
