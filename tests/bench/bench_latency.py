"""From the death of a service to the webhook that says so: ours beside Debian's Prometheus, Alertmanager and blackbox_exporter.

Both sides watch the same services at the same time, every 5 s. Each service is killed once, at a moment of its own:
connections are refused from that moment. The moments cover the interval between two looks of `fast` evenly; between those of
the others they fall by chance, for each has its slots at places of its own. The peer is told to be as quick as it can be:
evaluation 5 s, `for: 0s`, `group_wait: 0s`; it pages after one failed look. Ours pages after three: `fast` looks again after
0.2 s while a failure is not confirmed, which costs two more looks at each failure and none while all is well; `usual` is
what holds where nothing is said, a second at this interval; `parent` is `fast` behind a parent, which gets a fresh look first.
`ratio` is the peer's median divided by ours. What it costs to decide is measured as well (`latency_cost`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from latency_cost import main as measure_cost
from latency_sides import INTERVAL_S, OURS, Receiver, Service, has_peers, our_side, peer_side, scraped, states, steps

from agent.clock import SystemClock
from agent.schedule import offset_ms

TRIALS = int(os.environ.get("HAIDANG_TRIALS", "60"))
SPREAD_S = float(os.environ.get("HAIDANG_SPREAD", "60"))
"""The deaths are spread over so long."""
LATEST_S = 30.0
"""A page that comes later counts as lost, which ends the bench."""
AIM_S = 3.0


async def until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something holds; raises after so many seconds."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds:.0f} s: {what}")
        await asyncio.sleep(0.25)


async def kill_all(services: Sequence[Service]) -> None:
    """Each at a moment of its own."""
    pick, period_ms = random.Random(6), INTERVAL_S * 1000
    phases = pick.sample(range(len(services)), len(services))
    now_ms = SystemClock().uptime_ms()
    moments = []
    for number, (service, phase) in enumerate(zip(services, phases, strict=True)):
        at_ms = now_ms + round(number * SPREAD_S * 1000 / len(services))
        after_ms = at_ms - offset_ms(f"fast-{service.id}\n{service.module}", period_ms)
        wanted_ms = round((phase + pick.random()) * period_ms / len(services))
        moments.append((at_ms + (wanted_ms - after_ms) % period_ms, service))
    for at_ms, service in sorted(moments, key=lambda moment: moment[0]):
        await asyncio.sleep(max(0.0, (at_ms - SystemClock().uptime_ms()) / 1000))
        service.die()


def is_all_up(found: Mapping[str, str]) -> bool:
    """Whether every target of ours is there and up."""
    return len(found) == TRIALS * len(OURS) + 1 and set(found.values()) == {"up"}


class Trial:
    """All services, both sides, and when each was told of what."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = [Service(number) for number in range(TRIALS)]
        self.gate = Service(TRIALS)
        self.ours, self.theirs = Receiver(), Receiver()

    async def run(self, *, is_beside: bool) -> None:
        """Everything lives, then dies, and is told."""
        for each in (*self.services, self.gate):
            await each.live()
        await self.ours.open()
        await self.theirs.open()
        with contextlib.ExitStack() as stack:
            (self.folder / "ours").mkdir()
            (self.folder / "theirs").mkdir()
            # Starting waits for processes, which must find the services at work.
            web = await asyncio.to_thread(
                stack.enter_context, our_side(self.folder / "ours", self.services, self.gate, self.ours.port)
            )
            if is_beside:
                prometheus = await asyncio.to_thread(
                    stack.enter_context, peer_side(self.folder / "theirs", self.services, self.theirs.port)
                )
                await until(lambda: scraped(prometheus) == TRIALS, 60, "Prometheus sees every service up")
            await until(lambda: is_all_up(states(web)), 60, "we see every service up")
            await kill_all(self.services)
            ids = {service.id for service in self.services}
            wanted = {f"{kind}-{id_}" for kind in OURS for id_ in ids}
            await until(lambda: wanted <= self.ours.told_s.keys(), LATEST_S, "our pages")
            if is_beside:
                await until(lambda: ids <= self.theirs.told_s.keys(), LATEST_S, "the peer's pages")
            extra = self.ours.told_s.keys() - wanted
            if any(not name.startswith("site:") for name in extra):
                raise RuntimeError(f"pages about what lives: {sorted(extra)}")
        self.ours.close()
        self.theirs.close()

    def took(self, kind: str) -> list[float]:
        """Seconds from each death to our page of a kind of target."""
        return [self.ours.told_s[f"{kind}-{service.id}"] - service.killed_s for service in self.services]

    def peer_took(self) -> list[float]:
        """The same of the peer."""
        return [self.theirs.told_s[service.id] - service.killed_s for service in self.services]

    def stages(self, kind: str) -> str:
        """Where the time of ours goes: medians of each step."""
        found = steps(self.folder / "ours" / "data" / "haidang.db")
        names = ("until the first failed look", "until confirmed", "until decided", "until told")
        parts: list[list[float]] = [[] for _ in names]
        for service in self.services:
            name = f"{kind}-{service.id}"
            step = found[name]
            moments = (service.killed_s, step.missed_s, step.known_s, step.decided_s, self.ours.told_s[name])
            for part, before, after in zip(parts, moments, moments[1:], strict=False):
                part.append(after - before)
        return ", ".join(f"{name} {statistics.median(part):.2f} s" for name, part in zip(names, parts, strict=True))


def figures(took: Sequence[float]) -> tuple[float, float, float]:
    """Median, 90th percentile, longest."""
    ordered = sorted(took)
    return statistics.median(ordered), ordered[round(0.9 * (len(ordered) - 1))], ordered[-1]


def shown(took: Sequence[float]) -> str:
    """The same for people."""
    return "median {:.2f} s, p90 {:.2f} s, longest {:.2f} s".format(*figures(took))


def main() -> None:
    """Print what was measured and the closing lines."""
    measure_latency()
    measure_cost()


def measure_latency() -> None:
    """The latency of both sides."""
    is_beside = has_peers()
    with tempfile.TemporaryDirectory() as name:
        trial = Trial(Path(name))
        asyncio.run(trial.run(is_beside=is_beside))
        print(f"{TRIALS} services looked at every {INTERVAL_S} s, killed within {SPREAD_S:.0f} s")
        for kind in OURS:
            print(f"{kind:7} {shown(trial.took(kind))}; {trial.stages(kind)}")
        ours = figures(trial.took("fast"))
        line = "ours={:.2f}s p90={:.2f}s max={:.2f}s".format(*ours)
        if not is_beside:
            print(f"BENCH latency {line} aim={AIM_S:.0f}s (no peer: Debian's Prometheus, Alertmanager or blackbox_exporter)")
            return
        theirs = trial.peer_took()
        print(f"peer    {shown(theirs)}")
        print(
            f"BENCH latency {line} aim={AIM_S:.0f}s peer={figures(theirs)[0]:.2f}s ratio={figures(theirs)[0] / ours[0]:.2f}"
            f" usual={figures(trial.took('usual'))[0]:.2f}s parent={figures(trial.took('parent'))[0]:.2f}s"
        )


if __name__ == "__main__":
    main()
