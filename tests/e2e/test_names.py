"""The names people know: beside Debian's node_exporter on the same machine, the agent has the same series and values."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent import kinds, text
from agent.config import defaults
from agent.host.reading import Host, Reader, ReaderError
from agent.model import Readings
from tests.e2e.debian import binary

pytestmark = [pytest.mark.e2e, pytest.mark.debian]

Key = tuple[str, frozenset[tuple[str, str]]]
Page = dict[Key, float]

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
                samples[sample.name, frozenset(sample.labels.items())] = sample.value
                types[sample.name] = family.type
    return samples, types


class Exporter:
    """A running node_exporter, asked over one connection that stays open, so that asking does not change socket counts."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def page(self) -> str:
        self._connection.request("GET", "/metrics")
        return self._connection.getresponse().read().decode()


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def exporter() -> Iterator[Exporter]:
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
                yield Exporter(connection)
        finally:
            process.kill()


def once() -> str:
    """The page that `haidang-agent once` prints."""
    command = [sys.executable, "-m", "agent", "once"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def label_sets(page: Page, name: str) -> set[frozenset[tuple[str, str]]]:
    return {labels for known, labels in page if known == name}


def test_the_names_are_node_exporters(exporter: Exporter) -> None:
    """At least 95 % of its names with the very same label sets, and of each of these the same type."""
    theirs, their_types = parse(exporter.page())
    ours, our_types = parse(once())
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


def open_readers() -> list[Reader]:
    chosen = kinds.chosen(defaults().readers)
    readers = []
    for kind in chosen:
        try:
            readers.append(kinds.open_reader(kind, {}, Host()))
        except ReaderError:
            continue  # nothing for it on this machine
    return readers


def collect(readers: list[Reader]) -> Page:
    parts: list[Readings] = []
    for read in readers:
        try:
            parts.append(read())
        except ReaderError:
            continue
    return parse(text.render(parts))[0]


def agrees(before: float, ours: float, after: float) -> bool:
    """Within 1 % of what the exporter says, or within the value's own movement between its two answers."""
    low, high = sorted((before, after))
    return low - 0.01 * abs(low) <= ours <= high + 0.01 * abs(high)


def test_the_values_are_node_exporters(exporter: Exporter) -> None:
    """Ours, read between two of its answers, agrees; a value that moves both ways gets several rounds."""
    readers = open_readers()
    collect(readers)
    doubtful: dict[Key, tuple[float, float, float]] = {}
    compared: set[Key] = set()
    for number in range(ROUNDS):
        before, _ = parse(exporter.page())
        ours = collect(readers)
        after, _ = parse(exporter.page())
        shared = before.keys() & ours.keys() & after.keys()
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
