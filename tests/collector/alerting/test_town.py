"""The desk over the real ledger: who is woken when a network dies and comes back, whatever is discovered first."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from collector.core.notice import EventKind
from tests.collector.alerting.town import Device, Town

FIRING, RESOLVED = EventKind.FIRING, EventKind.RESOLVED


def _wan(intervals: list[int], phases: list[int]) -> list[Device]:
    """A router, 20 devices and 3 services behind it, four levels deep."""
    names: list[tuple[str, tuple[str, ...]]] = [("router", ())]
    names += [(f"switch-{i}", ("router",)) for i in range(4)]
    names += [(f"host-{i}", (f"switch-{i % 4}",)) for i in range(16)]
    names += [(f"service-{i}", (f"host-{i}",)) for i in range(3)]
    return [
        Device(name, parents, intervals[i % len(intervals)], phases[i % len(phases)]) for i, (name, parents) in enumerate(names)
    ]


async def test_a_dead_service_pages_once_and_is_resolved_once(tmp_path: Path) -> None:
    """Its parent is looked at first, and works."""
    async with Town(tmp_path, [Device("router"), Device("web", ("router",), phase_s=5)]).running() as town:
        await town.run(60)
        town.dead.add("web")
        await town.run(60)
        assert await town.told() == [(FIRING, "web")]
        town.dead.clear()
        await town.run(60)
        assert await town.told() == [(FIRING, "web"), (RESOLVED, "web")]


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    intervals=st.lists(st.sampled_from([5, 10, 15, 30, 60]), min_size=3, max_size=7),
    phases=st.lists(st.integers(0, 59), min_size=3, max_size=11),
    at=st.integers(0, 59),
    for_s=st.integers(150, 260),
    stays=st.sampled_from(["", "host-5", "switch-1", "service-0"]),
)
async def test_a_wan_router_dies_and_returns_with_one_page(
    intervals: list[int], phases: list[int], at: int, for_s: int, stays: str
) -> None:
    """Whatever is missed first: one page, one resolved; what stays dead pages after the return, once."""
    with tempfile.TemporaryDirectory() as folder:
        async with Town(Path(folder), _wan(intervals, phases)).running() as town:
            await town.run(130 + at)
            town.dead |= {"router", stays} - {""}
            await town.run(for_s)
            told = await town.told()
            assert [pair for pair in told if pair[0] is not EventKind.UPDATE] == [(FIRING, "router")]
            town.dead.discard("router")
            await town.run(330)
            told = [pair for pair in await town.told() if pair[0] is not EventKind.UPDATE]
            wanted = [(FIRING, "router"), (RESOLVED, "router")]
            if stays:
                wanted.append((FIRING, stays))
            assert sorted(told) == sorted(wanted)
