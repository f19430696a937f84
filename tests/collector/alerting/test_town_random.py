"""Random towns: any tree of parents, deaths and returns, windows, silences and restarts. What must hold at every second, and in
the end.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from collector.core.alert import AlertKey, AlertKind, HoldReason
from collector.core.alert_rules import KindRule
from collector.core.notice import EventKind
from tests.collector.alerting.town import Device, Town, plan

FIRING, RESOLVED = EventKind.FIRING, EventKind.RESOLVED
EVENTS_S, CALM_S = 360, 360
SITES = "sites:\n" + "".join(f"  - id: s{n}\n" for n in range(8))


@st.composite
def devices(draw: Any) -> list[Device]:
    """Up to eight, each behind some of those before it, of which all or one must work; half of them at one site."""
    found: list[Device] = []
    for number in range(draw(st.integers(3, 8))):
        names = st.sampled_from([one.name for one in found] or [""])
        groups = draw(st.lists(st.lists(names, min_size=1, max_size=2, unique=True), max_size=2)) if found else []
        parents = tuple("|".join(group) for group in groups)
        interval = draw(st.sampled_from((5, 10, 15, 30)))
        site = f"s{draw(st.sampled_from((0, number)))}"
        found.append(Device(f"d{number}", parents, interval, draw(st.integers(0, interval - 1)), site=site))
    return found


Happening = tuple[int, str, int, int]
happenings = st.lists(
    st.tuples(
        st.integers(30, EVENTS_S),
        st.sampled_from(("dies", "dies", "dies", "returns", "window", "silence", "stop", "kill")),
        st.integers(0, 7),
        st.integers(20, 300),
    ),
    min_size=4,
    max_size=14,
)


@settings(max_examples=4, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(devices(), happenings)
async def test_whatever_happens_every_outage_is_told_once_or_has_a_reason(
    town_of: list[Device], events: list[Happening]
) -> None:
    """And every page has its end, as soon as all is well."""
    with tempfile.TemporaryDirectory() as folder:
        said = plan(kinds={AlertKind.BURN: KindRule(pages=False)})
        async with Town(Path(folder), town_of, said, sites=SITES).running() as town:
            deaths = 0
            for second in range(EVENTS_S):
                for event in sorted(one for one in events if one[0] == second):
                    deaths += await _happen(town, event)
                await town.step()
                _check(town)
            await town.run(CALM_S)
            _check_told(town)
            town.dead.clear()
            await town.run(CALM_S)
            await _check_end(town, deaths)


async def _happen(town: Town, event: Happening) -> int:
    """Whether something died by it."""
    _, what, number, seconds = event
    name = [*town.devices][number % len(town.devices)]
    if what == "dies" and name not in town.dead:
        town.dead.add(name)
        return 1
    if what == "returns":
        town.dead.discard(name)
    if what == "window" and not town.world.ledgers.keeper.terms.windows:
        await town.maintain(name, seconds=seconds, propagate=bool(seconds % 2))
    if what == "silence":
        await town.silence(name, seconds)
    if what in ("stop", "kill"):
        await town.restart(kill=what == "kill")
    return 0


def _check(town: Town) -> None:
    """Page or reason, never neither; no reason waits longer than it says."""
    for alert in town.desk.book.open_alerts():
        assert alert.paged_ms is not None or alert.hold is not None, alert
        hold = alert.hold
        assert hold is None or hold.until_ms is None or hold.until_ms > town.world.now, alert


def _check_told(town: Town) -> None:
    """Windows and silences are over: what is dead by itself is told, as its own or as part of what was told."""
    book = town.desk.book
    for name in town.dead:
        parents = town.devices[name].parents
        if all(any(town.is_reachable(one) for one in group.split("|")) for group in parents):
            alert = book.alerts[book.open[AlertKey(name, AlertKind.DOWN)]]
            is_flapping = alert.hold is not None and alert.hold.reason is HoldReason.FLAPPING
            assert is_flapping or (alert.incident in book.live and book.incidents[alert.incident].told), alert


async def _check_end(town: Town, deaths: int) -> None:
    assert [alert for alert in town.desk.book.open_alerts() if alert.key.kind is not AlertKind.BURN] == []
    assert town.desk.book.live == {}
    begun: Counter[str] = Counter()
    causes: set[str] = set()
    for row in await town.rows():
        one = row.outgoing
        if one.event is FIRING:
            assert begun[one.order] == 0, "a second page of one incident without an end"
            begun[one.order] += 1
            causes.add(one.order)
        if one.event is RESOLVED:
            assert begun[one.order] == 1, "an end without a beginning"
            begun[one.order] -= 1
    assert not +begun, "a page without an end"
    assert len(causes) <= deaths
