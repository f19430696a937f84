"""A real Prometheus scrapes a real collector that a real agent reports to: names, states and every expression of the boards."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import debian
from tests.servers import ROOT, Agent, Collector, Prometheus, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

HOST = "web-01"
BORROWED = re.compile(r"node_(memory|netstat|entropy)_\w+ (metric names should be written in 'snake_case'|use base unit)")
"""Names that node_exporter serves just so, and that promtool finds fault with there too."""

PAGES = ("/metrics", "/metrics/targets", f"/metrics/targets/{HOST}")


def _configuration(collector: Collector) -> str:
    """`config/prometheus.yml` as shipped, with the alternative job taken in, for this collector and scraping each second."""
    shipped = (ROOT / "config" / "prometheus.yml").read_text(encoding="utf-8")
    alternative = re.sub(r"^  # (- job_name:|  )", r"  \1", shipped, flags=re.MULTILINE)
    assert alternative.count("- job_name:") == 3
    quick = re.sub(r"(scrape_interval|refresh_interval): \d+s", r"\1: 1s", alternative).replace("timeout: 10s", "timeout: 1s")
    return quick.replace("127.0.0.1:8600", f"127.0.0.1:{collector.port}")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector to which one agent reports each second."""
    folder = tmp_path_factory.mktemp("fleet")
    with Collector(folder / "collector") as running, Agent(running, folder / "agent", HOST) as agent:
        wait_for(lambda: "node_cpu_seconds_total" in running.page(f"/metrics/targets/{HOST}")[1], 60, agent.said)
        yield running


@pytest.fixture(scope="module")
def prometheus(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus that has scraped that collector for a while: rates need more than one scrape."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = folder / "prometheus.yml"
    config.write_text(_configuration(collector))
    with Prometheus(debian.binary("prometheus"), folder, config) as running:
        wait_for(lambda: running.query("sum_over_time(up[1m]) > 6"), 60, running.said)
        yield running


def _expressions() -> list[tuple[str, str]]:
    """Every expression of every board with the title of its panel, as Grafana would send it."""
    found = []
    for file in sorted((ROOT / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            found += [(f"{file.stem}: {panel['title']}", target["expr"]) for target in panel.get("targets", [])]
    return [(title, expr.replace("$__rate_interval", "1m").replace("$instance", ".*")) for title, expr in found]


def _value(result: list[dict[str, Any]]) -> float:
    [one] = result
    return float(one["value"][1])


def test_every_way_of_scraping_works(prometheus: Prometheus) -> None:
    """The collector's page, the targets' page and each target through service discovery are up."""
    up = {one["metric"]["job"]: one["value"][1] for one in prometheus.query("up")}
    assert up == {"haidang": "1", "haidang-targets": "1", "haidang-target": "1"}, prometheus.scraped()
    [found] = [one for one in prometheus.scraped() if one["labels"]["job"] == "haidang-target"]
    assert found["labels"]["instance"] == HOST
    assert found["scrapeUrl"].endswith(f"/metrics/targets/{HOST}")


def test_host_series_come_back(prometheus: Prometheus) -> None:
    """The host's counters have rates, and carry the labels that the collector sets."""
    rates = prometheus.query('rate(node_cpu_seconds_total{job="haidang-targets"}[1m])')
    assert {(one["metric"]["instance"], one["metric"]["site"], one["metric"]["class"]) for one in rates} == {
        (HOST, "dic", "server")
    }
    assert sum(float(one["value"][1]) for one in rates) > 0


def test_fleet_state_comes_back(prometheus: Prometheus) -> None:
    """The state of the fleet is a query away."""
    states = prometheus.query(f'haidang_target_state{{instance="{HOST}"}}')
    shown = {one["metric"]["state"]: one["value"][1] for one in states}
    assert shown == {"up": "1", "degraded": "0", "down": "0", "unreachable": "0", "unknown": "0"}
    assert _value(prometheus.query('sum(haidang_target_state{state="up"})')) == 1


def test_availability_comes_back(prometheus: Prometheus) -> None:
    """Figures to date of the host and of its agent are a query away, in both views, with one verdict each."""
    chosen = f'instance="{HOST}",window="day"'
    assert {one["metric"]["view"] for one in prometheus.query(f"haidang_availability_ratio{{{chosen}}}")} == {"device", "e2e"}
    assert _value(prometheus.query(f'sum(haidang_availability_verdict{{{chosen},view="e2e"}})')) == 1
    assert _value(prometheus.query(f'sum(increase(haidang_target_seconds_total{{instance="{HOST}",view="device"}}[1m]))')) > 0
    assert prometheus.query(f'haidang_target_seconds_total{{instance="agent:{HOST}",kind="agent",state="up"}}')


@pytest.mark.parametrize(("title", "expression"), _expressions(), ids=[title for title, _ in _expressions()])
def test_board_expression_returns_data(prometheus: Prometheus, title: str, expression: str) -> None:
    """No panel of a board is empty."""
    result = prometheus.query(expression)
    assert result, f"{title}: {expression}"
    assert all(one["value"][1] != "NaN" for one in result), f"{title}: {result}"


@pytest.mark.parametrize("page", PAGES)
def test_promtool_is_content(collector: Collector, page: str) -> None:
    """`promtool check metrics` finds no error, and no fault but the spelling of names that are node_exporter's."""
    status, body = collector.page(page)
    assert status == 200
    assert body.count("# TYPE ") > 20
    ended = subprocess.run(
        [debian.binary("promtool"), "check", "metrics"], input=body, capture_output=True, text=True, timeout=60, check=False
    )
    faults = ended.stderr.splitlines()
    assert [fault for fault in faults if not BORROWED.match(fault)] == []
    assert ended.returncode == (3 if faults else 0)


@pytest.mark.parametrize("config", ["prometheus.yml"])
def test_shipped_configuration_is_valid(config: str, tmp_path: Path) -> None:
    """promtool accepts the file as it is shipped, and the rules that it names."""
    command = [debian.binary("promtool"), "check", "config", str(ROOT / "config" / config)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


RULES: list[tuple[str, dict[str, str], set[str]]] = [
    ("all is well", {}, set()),
    ("the collector is gone", {"up": "1x5 0x25"}, {"HaidangCollectorGone"}),
    ("it is not even a target any more", {"up": "1x5 stale"}, {"HaidangCollectorGone"}),
    ("beats stop", {"haidang_heartbeats_total{outcome='sent'}": "0+1x5 5x25"}, {"HaidangHeartbeatStopped"}),
    (
        "none was ever sent",
        {"haidang_heartbeats_total{outcome='sent'}": "0x30", "haidang_heartbeats_total{outcome='withheld'}": "0+1x30"},
        {"HaidangHeartbeatStopped"},
    ),
    ("nobody asked for beats", {"haidang_heartbeats_total{outcome='sent'}": "0x30"}, set()),
    ("a page waits", {"haidang_outbox_oldest_seconds": "0+60x30"}, {"HaidangPagesNotDelivered"}),
    ("a dead letter", {"haidang_outbox_rows{state='dead'}": "0x5 1x25"}, {"HaidangDeadLetters"}),
    ("nothing can be written", {"haidang_pager_write_failures_total": "0+10x30"}, {"HaidangDecisionsNotWritten"}),
]
WELL = {
    "up": "1x30",
    "haidang_heartbeats_total{outcome='sent'}": "0+1x30",
    "haidang_heartbeats_total{outcome='withheld'}": "0x30",
    "haidang_outbox_oldest_seconds": "0x30",
    "haidang_outbox_rows{state='dead'}": "0x30",
    "haidang_outbox_rows{state='pending'}": "3x30",
    "haidang_pager_write_failures_total": "0x30",
}
"""Series by the minute: what a collector says when all is well."""


@pytest.mark.parametrize(("case", "said", "fires"), RULES, ids=[case for case, _, _ in RULES])
def test_shipped_rules_fire_when_they_should(case: str, said: dict[str, str], fires: set[str], tmp_path: Path) -> None:
    """By promtool, twenty minutes into each case: that rule, and no other."""
    series = [
        {"series": name.replace("{", "{job='haidang',") if "{" in name else f"{name}{{job='haidang'}}", "values": values}
        for name, values in (WELL | said).items()
    ]
    rules = yaml.safe_load((ROOT / "config" / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    expected = [
        {
            "expr": f"count by (alertname) (ALERTS{{alertname='{rule['alert']}',alertstate='firing'}})",
            "eval_time": "20m",
            "exp_samples": [{"labels": f"{{alertname='{rule['alert']}'}}", "value": 1}] if rule["alert"] in fires else [],
        }
        for rule in rules
    ]
    test = {"interval": "1m", "input_series": series, "promql_expr_test": expected}
    file = tmp_path / "test.yml"
    named = {"rule_files": [str(ROOT / "config" / "alerts.yml")], "evaluation_interval": "1m", "tests": [test]}
    file.write_text(yaml.safe_dump(named), encoding="utf-8")
    command = [debian.binary("promtool"), "test", "rules", str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
