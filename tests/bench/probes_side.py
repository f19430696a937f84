"""The processes of `bench_probes`:

    python tests/bench/probes_side.py serve PORT
    python tests/bench/probes_side.py rate KIND JOBS SECONDS PORT kept|stored
    python tests/bench/probes_side.py delays JOBS SECONDS PORT

`serve` accepts connections and answers HTTP with a kilobyte. The others run a crew of probes as the collector does, each of its
own address of 127.0.0.0/8, and print a line of JSON. `stored` goes on into SQLite and the picture that is scraped.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress

from processes import pss_bytes
from snmp_sides import Storing

from agent.clock import SystemClock
from agent.model import Outcome
from agent.probes.crew import Crew
from agent.probes.crew_stats import CrewStats
from agent.probes.probe import Job, Module
from agent.probes.prober import Prober, Shared, pace_of
from agent.probes.tools import Tools
from agent.results import Result
from collector.garbage import Sweeper
from collector.store.store import Store

BODY = b"x" * 1024
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
KINDS = ("icmp", "tcp", "http")
INTERVALS_S = (5, 10, 15, 30, 60, 120, 300)
WARM_S = 3.0


class Web(asyncio.Protocol):
    """Answers a request, and takes connections that say nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody is here."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """A request, whole by its size."""
        self.transport.write(ANSWER)
        self.transport.close()


async def serve(port: int) -> None:
    """Answer at a port of all addresses of this machine."""
    server = await asyncio.get_running_loop().create_server(Web, "0.0.0.0", port, backlog=8192)
    async with server:
        await server.serve_forever()


def address(number: int) -> str:
    """One of sixteen million."""
    return f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def job(number: int, kind: str, interval_s: int, port: int) -> Job:
    """A probe of an address of its own."""
    host = address(number)
    where = {"icmp": host, "tcp": f"{host}:{port}", "http": f"http://{host}:{port}/"}[kind]
    module = Module(name=kind, kind=kind, timeout_s=5.0)
    return Job(target=f"t-{number:05}", name=kind, module=module, address=where, interval_s=interval_s)


class Delays(CrewStats):
    """Keeps every start delay."""

    def __init__(self) -> None:
        super().__init__()
        self.all_ms: list[int] = []

    def started(self, delay_ms: int) -> None:
        """A run began."""
        super().started(delay_ms)
        self.all_ms.append(delay_ms)


class Side:
    """A crew at work, and what comes out of it."""

    def __init__(self, jobs: list[Job], deliver: Callable[[Result], None]) -> None:
        self.results = self.good = 0
        self._deliver = deliver
        clock = SystemClock()
        self._tools = Tools()
        shared = Shared(self._tools, self._take, clock)
        self.crew: Crew[Job] = Crew(lambda each: Prober(each, shared), clock, pace=pace_of)
        self.stats = self.crew.stats = Delays()
        self.crew.configure(jobs)

    def _take(self, result: Result) -> None:
        self.results += 1
        self.good += result.outcome is Outcome.OK
        self._deliver(result)

    async def measured(self, seconds: float, warm_s: float) -> dict[str, float]:
        """Run for a while, and the figures of the last so many seconds."""
        tasks = [asyncio.create_task(self.crew.run()), asyncio.create_task(Sweeper(time.monotonic()).sweep())]
        await asyncio.sleep(warm_s)
        stats = self.stats
        before = self.results, self.good, stats.late, stats.missed, sum(stats.shed)
        stats.all_ms.clear()
        cpu, at = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        figures = {"cpu": time.process_time() - cpu, "elapsed": time.monotonic() - at}
        after = self.results, self.good, stats.late, stats.missed, sum(stats.shed)
        names = ("results", "good", "late", "missed", "shed")
        figures |= {name: new - old for name, new, old in zip(names, after, before, strict=True)}
        delays = sorted(stats.all_ms) or [0]
        last = len(delays) - 1
        figures |= {"p50": delays[last // 2], "p99": delays[last * 99 // 100], "max": delays[last], "pss": pss_bytes("self")}
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._tools.close()
        return figures


async def run(jobs: list[Job], seconds: float, warm_s: float, *, is_stored: bool) -> dict[str, float]:
    """The figures of a crew with these jobs."""
    if not is_stored:
        return await Side(jobs, lambda result: None).measured(seconds, warm_s)
    with tempfile.TemporaryDirectory() as folder:
        storing = Storing(await Store.open(f"sqlite:///{folder}/haidang.db"), [each.target for each in jobs])
        storing.committer.start()
        gathering = asyncio.create_task(storing.gathering.run())
        figures = await Side(jobs, storing.gathering.take).measured(seconds, warm_s)
        gathering.cancel()
        with suppress(asyncio.CancelledError):
            await gathering
        return figures


def mixed(jobs: int, port: int) -> list[Job]:
    """What an estate has: mostly echoes and connections, some web pages, at all intervals."""
    pick = random.Random(1)
    kinds = pick.choices(KINDS, (60, 35, 5), k=jobs)
    return [job(number, kind, pick.choice(INTERVALS_S), port) for number, kind in enumerate(kinds)]


async def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "serve":
        await serve(int(rest[0]))
    elif what == "rate":
        kind, jobs, seconds, port, how = rest
        every = [job(number, kind, 1, int(port)) for number in range(int(jobs))]
        print(json.dumps(await run(every, float(seconds), WARM_S, is_stored=how == "stored")))
    else:
        count, seconds, port = rest
        # Warm once everybody with an interval of a minute or less has run.
        print(json.dumps(await run(mixed(int(count), int(port)), float(seconds), 65.0, is_stored=True)))


if __name__ == "__main__":
    asyncio.run(main())
