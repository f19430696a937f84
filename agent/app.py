"""Builds the agent's parts, connects them, starts and stops them in order; the program behind `haidang-agent run`."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Final, NoReturn

import msgspec

from agent import __version__, allocator, kinds, status
from agent.clock import Clock, SystemClock
from agent.credentials import CredentialError, read_token
from agent.crew import Job, ReaderOutcome
from agent.host.reading import Host, Reader
from agent.identity import boot_id
from agent.log import Log
from agent.model import Readings
from agent.orders_desk import Closed, Desk, Orders
from agent.others import Others
from agent.own import OwnSeries, Tally
from agent.runner import Runner, RunnerSettings, Wake
from agent.service_systemd import READY, STOPPING, WATCHDOG, Notifier, is_shutting_down
from agent.settings import Settings, unpack
from agent.spool import Spool, SpoolLimits
from agent.spool_folder import SpoolError
from agent.transport import HttpTransport, TransportSettings
from agent.uplink import Uplink, UplinkSettings

FLUSH_S: Final = 2.0
"""So long a stopping agent tries to deliver its last facts."""
CHECK_S: Final = 30
RELOAD: Final = "reload"
AGAIN: Final = "again"
STOP: Final = "stop"
GIVE_UP: Final = "give up"
EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 2
_COMPRESS: Final = {"auto": "auto", "always": "on", "never": "off"}


def run(file: str, language: str = "") -> int:
    """Run the agent until it is told to stop; the exit code. What is wrong with the file is said on standard error, in
    `language` or what HAIDANG_LANG says."""
    data = _checked(file, language)
    if data is None:
        return EXIT_CONFIG
    allocator.one_arena()
    settings = unpack(data)
    log = Log(settings.log_level, journal="JOURNAL_STREAM" in os.environ)
    try:
        app = App(settings, file, log, SystemClock())
    except ModuleNotFoundError as error:
        log.write("error", f"{file}: the package {error.name} is missing: pip install 'haidang[snmp]'")
        return EXIT_FAILED
    except (CredentialError, ValueError) as error:
        log.write("error", f"{file}: {error}")
        return EXIT_CONFIG
    except (SpoolError, OSError) as error:
        log.write("error", str(error))
        return EXIT_FAILED
    return app.run()


def _checked(file: str, language: str) -> bytes | None:
    """The packed settings, or `None` after the problems were written. Where the system can fork, a child loads them: the
    YAML parser, and whatever checking needs, then never take memory in the process that stays."""
    if not hasattr(os, "fork"):
        return _load(file, language)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _load_in_child(file, language, writing)
    os.close(writing)
    with open(reading, "rb") as pipe:
        data = pipe.read()
    _, code = os.waitpid(child, 0)
    return data if code == 0 and data else None


def _load(file: str, language: str) -> bytes | None:
    from agent import words
    from agent.config import ConfigError, load
    from agent.config_words import told
    from agent.settings import pack

    try:
        return pack(load(file))
    except ConfigError as error:
        sys.stderr.write(f"{told(error.problems, words.choose(language))}\n")
        sys.stderr.flush()
        return None


def _load_in_child(file: str, language: str, writing: int) -> NoReturn:
    code = EXIT_FAILED
    try:
        data = _load(file, language)
        if data is not None:
            with open(writing, "wb") as pipe:
                pipe.write(data)
        code = EXIT_OK if data is not None else EXIT_CONFIG
    finally:
        # Nothing of the parent's may run in the child: no exit handlers, no buffers written twice.
        if code == EXIT_FAILED:
            sys.excepthook(*sys.exc_info())
        os._exit(code)


def lazy_reader(kind: str, raw: dict[str, object], host: Host) -> Reader:
    """A reader that is opened by its first run, so that opening is under the same time limit and the same care."""
    opened: list[Reader] = []

    def read() -> Readings:
        if not opened:
            opened.append(kinds.open_reader(kind, raw, host))
        return opened[0]()

    return read


def jobs(settings: Settings, host: Host | None = None) -> list[Job]:
    """The readers that run with these settings."""
    place = host or Host()
    return [
        Job(kind, lazy_reader(kind, settings.readers.settings.get(kind, {}), place)) for kind in kinds.chosen(settings.readers)
    ]


def _random() -> float:
    return int.from_bytes(os.urandom(7), "big") / (1 << 56)


class App:
    """One running agent. Raises `SpoolError`, `CredentialError`, `ValueError` and `OSError` while it is built."""

    def __init__(
        self, settings: Settings, file: str, log: Log, clock: Clock, stopwatch: Callable[[], float] = time.perf_counter
    ) -> None:
        self.settings = settings
        self._file = file
        self._log = log
        self._clock = clock
        self._boot = boot_id(clock)
        self._notifier = Notifier(os.environ, os.getpid())
        self._own = OwnSeries()
        self._seen = 0
        self._said: dict[str, str] = {}
        self._started_ms = clock.wall_ms()
        self._desk = self._make_desk(settings)
        if (ordered := self._desk.begin()) is not None:
            self.settings = settings = unpack(ordered.verdict.settings)
        self._status_file = status.StatusFile(settings.status_file)
        transport = HttpTransport(_transport_settings(settings))
        self._spool = Spool.open(settings.spool.folder, _limits(settings), clock, self._boot)
        self._uplink = self._make_uplink(transport)
        self.runner = Runner(
            RunnerSettings(
                target=settings.id,
                interval_ms=settings.interval_s * 1000,
                timeout_ms=int(settings.readers.timeout_s * 1000),
                pulse_ms=int(self._notifier.watchdog_s * 500),
            ),
            jobs(settings),
            self._spool,
            clock,
            stopwatch=stopwatch,
            own=self._own_readings,
            stored=self._stored,
            pulse=self._pulse,
            wake=Wake(),
        )
        self._others = self._make_others(ordered)

    def _make_others(self, ordered: Orders | None) -> Others:
        wake, say, again = self._uplink.wake, self._say_of_others, self._ask_again
        others = Others(self.settings, self._spool, self._clock, self._boot, stored=wake, say=say, again=again)
        others.begin(ordered)
        return others

    def _make_desk(self, settings: Settings) -> Desk | Closed:
        def say(text: str, good: bool) -> None:
            self._say("orders", text, good=good)

        if not settings.orders.enabled:
            return Closed()
        return Desk(settings, self._clock, apply=lambda ordered: self._others.apply(ordered), say=say, random=_random)

    def _ask_again(self) -> None:
        if not self._is_new_file_good():
            raise ValueError("the agent's own file is not good any more")
        self.runner.ask(AGAIN)

    def _say_of_others(self, about: str, text: str, good: bool) -> None:
        self._say(about, text, good=good)

    def _make_uplink(self, transport: HttpTransport) -> Uplink:
        collector = self.settings.collector
        return Uplink(
            self._spool,
            transport,
            self._clock,
            UplinkSettings(urls=collector.urls, compress=_COMPRESS[collector.compress]),
            boot=self._boot,
            agent_version=__version__,
            random=_random,
            orders=self._desk,
        )

    def run(self) -> int:
        """Start everything, run until asked to stop, stop everything in order; the exit code."""
        self._listen()
        self._log.write("info", f"agent {self.settings.id} starts, every {self.settings.interval_s} s to {self._where()}")
        self._uplink.start()
        self._others.start()
        while (request := self.runner.run()) in (RELOAD, AGAIN):
            if request == AGAIN or self._is_new_file_good():
                return self._begin_again()
        self._notifier.send(STOPPING)
        self._stop("shutdown" if is_shutting_down() else "restart")
        return EXIT_OK if request == STOP else EXIT_FAILED

    def _where(self) -> str:
        return ", ".join(self.settings.collector.urls)

    def _listen(self) -> None:
        def ask_stop(_number: int, _frame: object) -> None:
            self.runner.ask(STOP)

        def ask_reload(_number: int, _frame: object) -> None:
            self.runner.ask(RELOAD)

        signal.signal(signal.SIGTERM, ask_stop)
        signal.signal(signal.SIGINT, ask_stop)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, ask_reload)

    def _own_readings(self, tally: Tally) -> Readings:
        return (*self._own.readings(tally, self._spool.status(), self._uplink.status()), *self._others.readings())

    def _pulse(self) -> None:
        self._notifier.send(WATCHDOG)

    def _stored(self) -> None:
        self._uplink.wake()
        done = self.runner.tally.collections
        if done == self._seen:
            return
        if self._seen == 0:
            self._notifier.send(READY)
            # Everything long-lived exists now: never look through it again.
            gc.collect()
            gc.freeze()
        self._seen = done
        self._say_changes()
        if self._spool.is_replaced:
            self.runner.ask(GIVE_UP)  # The log says why; the service manager starts it anew, with the folder that is there.
        self._write_status()

    def _say_changes(self) -> None:
        """What changed since the last collection, once: a reader that fails, the uplink's state, a disk that takes nothing."""
        uplink, spool = self._uplink.status(), self._spool.status()
        self._say("uplink", f"{uplink.state.value} {uplink.detail}".strip(), good=uplink.state.value in ("ok", "starting"))
        self._say("spool", spool.disk_error or "ok", good=not spool.disk_error)
        if spool.repairs:
            text = f"removed from outside {spool.repairs} time(s), made anew; what only it held is stated as lost"
            self._say("spool folder", text, good=False)
        latest = self.runner.latest
        for run_ in latest.runs if latest else ():
            good = run_.outcome in (ReaderOutcome.OK, ReaderOutcome.NO_DATA)
            is_noted = run_.outcome is ReaderOutcome.OK and run_.detail != ""
            text = "ok" if good and not is_noted else f"{run_.outcome.value}: {run_.detail}"
            self._say(f"reader {run_.kind}", text, good=good and not is_noted)

    def _say(self, about: str, text: str, *, good: bool) -> None:
        before = self._said.get(about)
        if before == text or (before is None and good):
            return
        self._said[about] = text
        self._log.write("info" if good else "warning", f"{about}: {text}")

    def _write_status(self, stopped: str = "") -> None:
        latest = self.runner.latest
        value = status.Status(
            id=self.settings.id,
            version=__version__,
            pid=os.getpid(),
            boot=self._boot,
            started_at_ms=self._started_ms,
            at_ms=self._clock.wall_ms(),
            collected_at_ms=latest.at_ms if latest else 0,
            interval_s=self.settings.interval_s,
            collections=self.runner.tally.collections,
            missed_slots=self.runner.tally.missed_slots,
            readers=tuple(
                status.ReaderStatus(run_.kind, run_.outcome.value, round(run_.duration_s, 6), run_.detail)
                for run_ in (latest.runs if latest else ())
            ),
            spool=self._spool.status(),
            uplink=self._uplink.status(),
            stopped=stopped,
            observing=self._others.status(),
        )
        try:
            self._status_file.write(value)
        except OSError as error:
            self._say("status file", f"{self.settings.status_file}: {error.strerror}", good=False)

    def _is_new_file_good(self) -> bool:
        """Whether the file as it is now would be taken, asked of a process of its own; its problems go to standard error."""
        import subprocess

        command = [sys.executable, "-m", "agent", "check", "--config", self._file, "--lang", "en"]
        try:
            good = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=CHECK_S, check=False).returncode == 0  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            self._log.write("error", f"reload: {error}")
            return False
        if not good:
            self._log.write("error", f"reload refused, the present settings stay: {self._file}")
        return good

    def _begin_again(self) -> int:
        """Stop in order and become a new process with the new settings: one way to start, nothing half changed."""
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        self._stop("restart")
        # A second SIGHUP before the new process listens must not end it; ignoring survives exec, handlers do not.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606

    def _stop(self, reason: str) -> None:
        self._others.stop()
        self.runner.stop(reason)
        flushed = self._uplink.stop(FLUSH_S)
        self._write_status(reason)
        self._status_file.close()
        self._spool.close()
        self._log.write("info", f"stopped ({reason}), {'all' if flushed else 'not all'} fresh reports delivered")


def _limits(settings: Settings) -> SpoolLimits:
    limits = SpoolLimits(max_bytes=settings.spool.max_bytes, max_age_s=settings.spool.max_age_s)
    # A small spool gives the facts an eighth, which is days of heartbeats; a large one no more than they need.
    return msgspec.structs.replace(limits, facts_bytes=min(limits.facts_bytes, settings.spool.max_bytes // 8))


def _transport_settings(settings: Settings) -> TransportSettings:
    collector = settings.collector
    secure = any(url.startswith("https://") for url in collector.urls)
    return TransportSettings(
        token=read_token(collector.token_file).reveal(),
        ca_file=collector.ca_file if secure else "",
        allow_plain_http=collector.allow_plain_http,
        connect_timeout_s=float(collector.connect_timeout_s),
        answer_timeout_s=float(collector.answer_timeout_s),
    )
