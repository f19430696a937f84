"""The names people know: what the collector serves of a machine is what Debian's node_exporter serves on it."""

from __future__ import annotations

import http.client
import subprocess
from collections.abc import Iterator
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.debian import binary
from tests.e2e.ground import Centre, Station
from tests.servers import free_port, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

Key = tuple[str, frozenset[tuple[str, str]]]
Page = dict[Key, float]
HOST = "web-01"
OURS = {"instance", "site", "class"}
"""Labels that the collector sets on every series."""
RUNS = "node_scrape_collector_duration_seconds"
"""How long each program's own runs took is nothing that the machine has."""
TIME: Key = ("node_time_seconds", frozenset())
"""When a page's values were read, in a series of both."""

ROUNDS = 8
"""A value that moves while it is read may miss in one round; what is right agrees in some."""
SHARE = 0.95


def parse(page: str) -> tuple[Page, dict[str, str]]:
    """Samples called `node_*` and the type of each name."""
    samples: Page = {}
    types: dict[str, str] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name.startswith("node_"):
                labels = frozenset(item for item in sample.labels.items() if item[0] not in OURS)
                samples[sample.name, labels] = sample.value
                types[sample.name] = family.type
    return samples, types


class Served:
    """A page of a running program, asked for over one connection that stays open: asking does not change socket counts."""

    def __init__(self, connection: http.client.HTTPConnection, path: str) -> None:
        self._connection = connection
        self._path = path

    def page(self) -> str:
        self._connection.request("GET", self._path)
        answer = self._connection.getresponse()
        body = answer.read().decode()
        return body if answer.status == 200 else ""


@pytest.fixture(scope="module")
def exporter() -> Iterator[Served]:
    """Debian's node_exporter with its usual settings."""
    program = binary("prometheus-node-exporter")
    port = free_port()
    command = [str(program), f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "TLS is disabled" in line or "Listening on" in line:
                    break
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                yield Served(connection, "/metrics")
        finally:
            process.kill()


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What a collector serves of this machine, to which a real agent with its usual readers reports each second."""
    folder = tmp_path_factory.mktemp("names")
    centre = Centre(folder / "collector")
    enrolled = centre.enrol(HOST)[HOST]
    asked = closing(http.client.HTTPConnection("127.0.0.1", centre.port, timeout=10))
    with centre, Station(folder / "agent", HOST, enrolled, centre.url, few=False) as agent, asked as connection:
        served = Served(connection, f"/metrics/targets/{HOST}")
        wait_for(lambda: "node_cpu_seconds_total" in served.page(), 60, agent.said)
        yield served


def label_sets(page: Page, name: str) -> set[frozenset[tuple[str, str]]]:
    return {labels for known, labels in page if known == name}


def test_the_names_are_node_exporters(exporter: Served, collector: Served) -> None:
    """At least 95 % of its names with the very same label sets, and of each of these the same type."""
    theirs, their_types = parse(exporter.page())
    ours, our_types = parse(collector.page())
    names = sorted({name for name, _ in theirs})
    absent = [name for name in names if name not in our_types]
    differing = [name for name in names if name in our_types and label_sets(theirs, name) != label_sets(ours, name)]
    print(f"{len(names)} names, {len(absent)} absent: {absent}")
    for name in differing:
        lacking = label_sets(theirs, name) - label_sets(ours, name)
        print(f"{name}: lacking {sorted(map(sorted, lacking))}, extra {len(label_sets(ours, name) - label_sets(theirs, name))}")
    assert len(names) > 150
    assert 1 - (len(absent) + len(differing)) / len(names) >= SHARE
    assert [name for name in names if name in our_types and our_types[name] != their_types[name]] == []


def next_report(collector: Served, after: float) -> Page:
    """The first page served whose values were read after that moment."""

    def look() -> Page | None:
        page, _ = parse(collector.page())
        return page if page.get(TIME, 0.0) > after else None

    found = wait_for(look, 30)
    assert found is not None
    return found


def agrees(before: float, ours: float, after: float) -> bool:
    """Within 1 % of what the exporter says, or within the value's own movement between its two answers."""
    low, high = sorted((before, after))
    return low - 0.01 * abs(low) <= ours <= high + 0.01 * abs(high)


def test_the_values_are_node_exporters(exporter: Served, collector: Served) -> None:
    """A report that was made between two of its answers agrees; a value that moves both ways gets several rounds."""
    doubtful: dict[Key, tuple[float, float, float]] = {}
    compared: set[Key] = set()
    for number in range(ROUNDS):
        before, _ = parse(exporter.page())
        ours = next_report(collector, before[TIME])
        after, _ = parse(exporter.page())
        shared = {key for key in before.keys() & ours.keys() & after.keys() if not key[0].startswith(RUNS)}
        compared |= shared
        for key in shared if number == 0 else shared & doubtful.keys():
            if agrees(before[key], ours[key], after[key]):
                doubtful.pop(key, None)
            else:
                doubtful[key] = (before[key], ours[key], after[key])
        if not doubtful:
            break
    for (name, labels), values in sorted(doubtful.items(), key=lambda item: item[0][0]):
        print(f"{name} {dict(labels)}: before, ours, after {values}")
    assert len(compared) > 300
    assert doubtful == {}


@pytest.mark.parametrize(("ours", "fits"), [(99.0, True), (100.5, True), (111.2, False), (98.9, False)])
def test_agreement_is_one_per_cent_or_the_movement(ours: float, fits: bool) -> None:
    assert agrees(100.0, ours, 110.0) is fits
    assert agrees(110.0, ours, 100.0) is fits
