"""Agent or collector as a real process whose clocks a test can turn: `python -m tests.e2e.worlds agent|collector ...`.

The clock is handed in where the programs take one (`agent.clock.Clock`); everything else is what runs in production.
`Dial` is the test's side: a small file that is replaced whole and read at every question for the time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import selectors
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

_SLICE_S = 0.05
STILL = 1e-9
"""A speed at which no time passes."""


class Hands(msgspec.Struct, frozen=True):
    """Where the clock stands: at `since_ns` (CLOCK_BOOTTIME) the uptime was `at_ms`; from there it runs `speed` times as fast.
    `born_ms` is the wall clock at uptime 0, `wrong_ms` what the wall clock is ahead of the truth, `boot_ms` the uptime at
    which this machine booted."""

    since_ns: int
    at_ms: float
    speed: float
    born_ms: int
    wrong_ms: int = 0
    boot_ms: int = 0


def _boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Dial:
    """A clock that a test turns. It starts right and at normal speed."""

    def __init__(self, path: Path, wall_ms: int | None = None) -> None:
        """`wall_ms` is when it is; not said, it is now."""
        self.path = path
        now_ns = _boottime_ns()
        now_ms = now_ns / 1e6
        wall_ms = time.time_ns() // 1_000_000 if wall_ms is None else wall_ms
        self._hands = Hands(now_ns, now_ms, 1.0, wall_ms - int(now_ms))
        self._write()

    def _write(self) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(self._hands))
        draft.replace(self.path)

    def twin(self, path: Path) -> Dial:
        """Another clock that stands where this one stands and runs as fast; from there on each is turned by itself."""
        twin = Dial(path)
        twin._hands = self._hands
        twin._write()
        return twin

    def run(self, speed: float) -> None:
        """Go on from here at another speed."""
        now_ns = _boottime_ns()
        self._hands = msgspec.structs.replace(self._hands, since_ns=now_ns, at_ms=_uptime(self._hands, now_ns), speed=speed)
        self._write()

    def jump(self, ms: int) -> None:
        """Let so much time have passed at once: uptime and wall clock go on together."""
        self._hands = msgspec.structs.replace(self._hands, at_ms=self._hands.at_ms + ms)
        self._write()

    def set_wall(self, wrong_ms: int) -> None:
        """Put the wall clock ahead of the truth (or behind)."""
        self._hands = msgspec.structs.replace(self._hands, wrong_ms=wrong_ms)
        self._write()

    def reboot(self) -> None:
        """The machine's uptime counts from now."""
        self._hands = msgspec.structs.replace(self._hands, boot_ms=int(_uptime(self._hands, _boottime_ns())))
        self._write()

    def now_ms(self) -> int:
        """The true time of this world."""
        return self._hands.born_ms + int(_uptime(self._hands, _boottime_ns()))


def _uptime(hands: Hands, now_ns: int) -> float:
    return hands.at_ms + (now_ns - hands.since_ns) / 1e6 * hands.speed


class TurnedClock:
    """An `agent.clock.Clock` that reads a dial."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._decoder = msgspec.json.Decoder(Hands)

    def _hands(self) -> Hands:
        with open(self._path, "rb") as file:
            return self._decoder.decode(file.read())

    def wall_ms(self) -> int:
        hands = self._hands()
        return hands.born_ms + hands.wrong_ms + int(_uptime(hands, _boottime_ns()))

    def uptime_ms(self) -> int:
        hands = self._hands()
        return int(_uptime(hands, _boottime_ns())) - hands.boot_ms

    def awake_ms(self) -> int:
        return self.uptime_ms()

    def speed(self) -> float:
        """How many times as fast as ours it runs."""
        return self._hands().speed

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """In slices, since the speed may change meanwhile."""
        until_ms = self.uptime_ms() + seconds * 1000
        while not event.is_set() and (left_ms := until_ms - self.uptime_ms()) > 0:
            event.wait(min(left_ms / 1000 / self._hands().speed, _SLICE_S))
        return event.is_set()


class HeldClock(TurnedClock):
    """A turned clock that stands while something is under way: a test lets minutes pass faster than a disk takes a batch."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.is_busy: Callable[[], bool] = bool
        self._held: Hands | None = None
        self._held_ms = 0.0

    def _hands(self) -> Hands:
        if not self.is_busy() or self._held is None:
            self._held = super()._hands()
            self._held_ms = _uptime(self._held, _boottime_ns())
        return msgspec.structs.replace(self._held, since_ns=_boottime_ns(), at_ms=self._held_ms)


class _Slices(selectors.DefaultSelector):
    """Waits by a dial, in slices, so that a turned clock is noticed."""

    def __init__(self, clock: TurnedClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout > 0:
            timeout = min(timeout / self._clock.speed(), _SLICE_S / 2)
        return super().select(timeout)


class TurnedLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers follow a dial, so that what is done every ten seconds is done so in its world, too."""

    def __init__(self, clock: TurnedClock) -> None:
        super().__init__(_Slices(clock))
        self._turned = clock

    def time(self) -> float:
        return self._turned.uptime_ms() / 1000


def _agent(options: argparse.Namespace) -> int:
    from agent import app
    from agent.config import load
    from agent.log import Log

    if options.boot:
        app.boot_id = lambda _clock: options.boot
    settings = load(options.config)
    return app.App(settings, options.config, Log(settings.log_level, journal=False), TurnedClock(options.clock)).run()


def _collector(options: argparse.Namespace) -> int:
    import signal

    from collector import config, logs
    from collector.app import Collector
    from tests.e2e import probing

    clock = HeldClock(options.clock) if options.probes else TurnedClock(options.clock)

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        collector = Collector(settings, clock=clock)
        await collector.start()
        if isinstance(clock, HeldClock):
            clock.is_busy = lambda: collector._committer.depth > 0
            await probing.probe_until(stop, collector, clock, Path(options.probes))
        await stop.wait()
        await collector.stop()

    settings = config.load(Path(options.config))
    logs.set_up(settings.log)
    with asyncio.Runner(loop_factory=(lambda: TurnedLoop(TurnedClock(options.clock))) if options.probes else None) as runner:
        runner.run(run())
    return 0


def main() -> int:
    """Run one program under a turned clock; its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=("agent", "collector"))
    parser.add_argument("--config", required=True)
    parser.add_argument("--clock", required=True)
    parser.add_argument("--boot", default="")
    parser.add_argument("--probes", default="")
    options = parser.parse_args()
    return _agent(options) if options.program == "agent" else _collector(options)


def command(program: str, config: Path, dial: Dial, boot: str = "", probes: Path | None = None) -> list[str]:
    """The command line that `main` understands. With `probes`, a collector's timers follow the dial, and it probes what that
    file says (`probing.Script`)."""
    line = [sys.executable, "-m", "tests.e2e.worlds", program, "--config", os.fspath(config), "--clock", str(dial.path)]
    line += ["--probes", os.fspath(probes)] if probes is not None else []
    return [*line, "--boot", boot] if boot else line


if __name__ == "__main__":
    sys.exit(main())
