"""A router dies and returns, twenty devices and three services behind it, four levels deep, in every order of discovery: one
page, one resolved, everything else explained.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from collector.core.incident import IncidentState
from collector.core.state import State
from tests.collector.core.storm import Node, Storm, at

DEVICES, SERVICES = 20, 3
FOREVER = 1 << 40
DEEPEST = 3


@st.composite
def networks(draw: Any) -> list[Node]:
    """A router, twenty devices up to three levels below it, services on some of them; each with its own schedule."""
    nodes = [_node(draw, "router", "")]
    depth = {"router": 0}
    for number in range(DEVICES):
        parent = draw(st.sampled_from([name for name in depth if depth[name] < DEEPEST - 1]))
        nodes.append(_node(draw, f"device-{number}", parent))
        depth[nodes[-1].name] = depth[parent] + 1
    for number in range(SERVICES):
        parent = draw(st.sampled_from([name for name in depth if name != "router"]))
        nodes.append(_node(draw, f"service-{number}", parent))
    order = draw(st.permutations(nodes))
    return list(order)


def _node(draw: Any, name: str, parent: str) -> Node:
    interval = draw(st.sampled_from((2, 5, 10, 30)))
    phase = draw(st.integers(0, interval - 1))
    return Node(name, parent, interval, phase, min(interval, draw(st.sampled_from((1, 5, 10)))), draw(st.booleans()))


def _storm(draw: Any, nodes: list[Node]) -> Storm:
    storm = Storm(nodes, looks_count=draw(st.booleans()), is_unsure=draw(st.booleans()), delay=draw(st.integers(0, 3)))
    storm.restarts = set(draw(st.lists(st.integers(0, 700), max_size=4)))
    return storm


SETTINGS = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)  # fmt: skip


@SETTINGS
@given(st.data())
def test_a_dead_router_pages_once_and_resolves_once_whatever_is_discovered_first(data: Any) -> None:
    """No second storm on recovery either, also with restarts in between."""
    nodes = data.draw(networks())
    storm = _storm(data.draw, nodes)
    dies = data.draw(st.integers(60, 100))
    back = dies + data.draw(st.integers(90, 300))
    storm.nodes["router"].dead = [(dies, back)]
    storm.run(back + 300)
    pager = storm.pager
    assert pager.events() == [(1, "firing"), (1, "resolved")]
    assert pager.incidents[pager.alert("router").uid].cause.subject == "router"
    assert all(not alert.is_open for alert in pager.alerts.values())
    assert all(incident.state is IncidentState.RESOLVED for incident in pager.incidents.values())
    assert all(alert.paged_ms is None for alert in pager.alerts.values() if alert.key.subject != "router")


@SETTINGS
@given(st.data())
def test_what_stays_dead_pages_once_after_the_return_and_what_died_before_pages_once(data: Any) -> None:
    """Suppressed never uses up the page, and what was told is not told again."""
    nodes = data.draw(networks())
    storm = _storm(data.draw, nodes)
    others = sorted(name for name in storm.nodes if name != "router")
    stays = data.draw(st.sampled_from(others))
    before = data.draw(st.sampled_from([name for name in others if not _related(storm, name, stays)] or [""]))
    dies = 200
    back = dies + data.draw(st.integers(90, 200))
    storm.nodes["router"].dead = [(dies, back)]
    storm.nodes[stays].dead = [(dies + data.draw(st.integers(-1, 80)), FOREVER)]
    if before:
        storm.nodes[before].dead = [(60, FOREVER)]
    storm.run(back + 300)
    said = _by_cause(storm)
    event(f"died before: {bool(before)}")
    assert said.pop("router") == ["firing", "resolved"]
    assert said.pop(stays) == ["firing"]
    if before:
        assert said.pop(before) == ["firing"]
    assert said == {}
    dead = storm.pager.alert(stays)
    assert dead.paged_ms is not None
    assert dead.paged_ms >= at(back), "while the router was out it explained this"
    resolved = [row for row in storm.pager.sent if row.event == "resolved"]
    assert stays in [named.id for named in resolved[0].notice.still_down]
    assert storm.nodes[stays].state is State.DOWN


def _related(storm: Storm, one: str, other: str) -> bool:
    return other in _line(storm, one) or one in _line(storm, other)


def _line(storm: Storm, name: str) -> list[str]:
    line = []
    while name:
        line.append(name)
        name = storm.nodes[name].parent
    return line


def _by_cause(storm: Storm) -> dict[str, list[str]]:
    said: dict[str, list[str]] = {}
    for number, what in storm.pager.events():
        incident = next(found for found in storm.pager.incidents.values() if found.number == number)
        said.setdefault(incident.cause.subject, []).append(what)
    return said
