"""`haidang-collector local`: the collector and an agent of this very machine, as two processes, watched until Ctrl-C.

What `make run` starts. It only arranges: the two programs are the ordinary ones, and everything they need stands in the
data folder, so that the next start continues. The children never outlive this process.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import http.client
import os
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

from collector.local.children import Child, LocalError, Stopped, finish, run_to_end, say
from collector.local.words import Words, addresses, describe, language, read_figures, read_state
from collector.output import Parser
from collector.words import LANGUAGES, word

SITE: Final = "local"
INTERVAL_S: Final = 5
READY_S: Final = 60.0
"""Longest wait for the collector to answer; the first start makes a certificate authority and a database."""
REPORT_S: Final = 60.0
"""Longest wait for the agent's first report."""
_LEASE: Final = ".local.lock"
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - agents come from other machines, over TLS and with a token

_CONFIG: Final = """\
# Written anew by each `haidang-collector local` (`make run`). For a collector of your own, start from config/collector.yml.
data: .
web:
  listen: 127.0.0.1:{port}
agents:
  listen: {everywhere}:{agent_port}
  interval_s: {interval_s}
"""


class Waiter:
    """Sleeps that a signal ends: SIGINT, SIGTERM and SIGHUP raise `Stopped` from the next or the running `pause`."""

    def __init__(self) -> None:
        self.stopping = False
        self._wake, self._woken = socket.socketpair()
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def pause(self, seconds: float) -> None:
        """Wait for `seconds`, or until a signal (also a child's end). Raises `Stopped` once a stop was asked for."""
        if not self.stopping:
            select.select([self._woken], [], [], seconds)
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
        if self.stopping:
            raise Stopped


class Local:
    """The two programs and the folder they share; `words` says everything to the person in front."""

    def __init__(self, data: Path, port: int, agent_port: int, words: Words) -> None:
        self.data = data
        self.port = port
        self.agent_port = agent_port
        self.words = words
        self.name = host_id(socket.gethostname())
        self.config = data / "local.yml"
        self.agent_folder = data / "agent"
        self.waiter = Waiter()
        self.children: list[Child] = []
        self.agent_started_at = 0.0

    def run(self) -> int:
        """Start, say what is seen, wait; 0 after a stop that was asked for. Raises `LocalError`."""
        try:
            self._start()
            self._watch()
        except Stopped:
            say(f"\n{self.words.stopping}")
            return 0
        finally:
            for child in reversed(self.children):
                finish(child, self.words)
        return 0

    def _start(self) -> None:
        words = self.words
        # Both at once, so that the same number twice is found as well.
        with try_port(self.port, "PORT", words), try_port(self.agent_port, "AGENT_PORT", words, _EVERYWHERE):
            pass
        text = _CONFIG.format(port=self.port, everywhere=_EVERYWHERE, agent_port=self.agent_port, interval_s=INTERVAL_S)
        self.config.write_text(text, encoding="utf-8")
        say(words.starting.format(data=self.data))
        collector = self._child("collector", "-m", "collector", "run", "--config", str(self.config))
        self._until(self._is_ready, READY_S, words.not_ready, collector)
        self._enrol()
        self.agent_started_at = time.time()
        agent = self._child("agent", "-m", "agent", "run", "--config", str(self.agent_folder / "agent.yml"))
        say(words.waiting.format(seconds=INTERVAL_S))
        self._until(self._has_report, REPORT_S, words.no_report, agent)
        self._tell()

    def _tell(self) -> None:
        figures = read_figures(self._page(f"/metrics/targets/{self.name}"))
        state = read_state(self._page("/metrics"), self.name)
        say(f"\n{describe(figures, state, self.name, self.words)}\n")
        say(addresses(self.port, self.name, self.words))

    def _child(self, name: str, *arguments: str) -> Child:
        child = Child.start(name, [sys.executable, *arguments], self.data / "log" / f"{name}.log")
        self.children.append(child)
        return child

    def _watch(self) -> None:
        while True:
            self._check_children()
            self.waiter.pause(1.0)

    def _check_children(self) -> None:
        for child in self.children:
            code = child.process.poll()
            if code is not None:
                raise LocalError(self.words.ended.format(name=child.name, code=code, log=child.log, tail=child.tail()))

    def _until(self, done: Callable[[], bool], seconds: float, message: str, child: Child) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            self._check_children()
            if time.monotonic() > deadline:
                raise LocalError(message.format(seconds=int(seconds), log=child.log, tail=child.tail()))
            self.waiter.pause(0.1)

    def _page(self, path: str) -> str:
        """A page of the collector, or "" while it does not answer 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(64 * 1024 * 1024).decode("utf-8", "replace")
            return body if answer.status == http.HTTPStatus.OK else ""
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()

    def _is_ready(self) -> bool:
        return self._page("/-/ready") != ""

    def _has_report(self) -> bool:
        figures = read_figures(self._page(f"/metrics/targets/{self.name}"))
        # A collector that continues shows the last report of the time before at once; we wait for one of now.
        return figures.complete and (not figures.now or figures.now >= self.agent_started_at)

    def _enrol(self) -> None:
        """Give the agent its identity, unless it has one that this collector knows and that points to this port."""
        url = f"https://127.0.0.1:{self.agent_port}"
        file = self.agent_folder / "agent.yml"
        known = self._is_known()
        if known and file.exists() and (self.agent_folder / "token").exists() and url in file.read_text(encoding="utf-8"):
            return
        verb = ("rotate", self.name) if known else ("add", self.name, "--site", SITE)
        said = self._collector("agent", *verb)
        code = re.search(r"HD1-[A-Za-z0-9]+-[0-9a-f]+", said)
        if code is None:
            raise LocalError(self.words.no_code.format(output=said))
        options = ("--config-dir", str(self.agent_folder), "--force")
        run_to_end(["-m", "agent", "enrol", url, code[0], *options], self.words)

    def _is_known(self) -> bool:
        listed = self._collector("agent", "list")
        return any(line.split()[:1] == [self.name] for line in listed.splitlines())

    def _collector(self, *arguments: str) -> str:
        return run_to_end(["-m", "collector", *arguments, "--config", str(self.config), "--lang", "en"], self.words)


def host_id(name: str) -> str:
    """A host name as an id that agent and collector accept."""
    cleaned = re.sub(r"[^0-9A-Za-z._-]", "-", name).lstrip("._-")[:128]
    return cleaned or "localhost"


def try_port(port: int, option: str, words: Words, address: str = "127.0.0.1") -> socket.socket:
    """A socket that listens on a port of this machine, to be closed again. Raises `LocalError` with what to do if none can."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((address, port))
        probe.listen()
    except (OSError, OverflowError) as error:
        probe.close()
        other = port + 100 if 1024 <= port < 60_000 else 8700
        cause = error.strerror if isinstance(error, OSError) else "not a number from 0 to 65535"
        raise LocalError(words.port.format(port=port, error=cause, option=option, other=other)) from error
    return probe


def prepare(data: Path, words: Words) -> None:
    """Make the data folder; raises `LocalError` with what to do if nothing can be written there."""
    try:
        for folder in (data, data / "log", data / "agent"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = data / f".write-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise LocalError(words.folder.format(folder=error.filename or data, error=error.strerror)) from error


@contextlib.contextmanager
def lease(data: Path, words: Words) -> Iterator[TextIO]:
    """Holds the data folder for this process alone; raises `LocalError` if another `local` runs on it."""
    with (data / _LEASE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise LocalError(words.twice.format(data=data, pid=file.read().strip() or "?")) from error
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file


def main(arguments: list[str] | None = None) -> int:
    """The command `local`: 0 after Ctrl-C or SIGTERM, 1 if something is in the way (said on standard error)."""
    options = _parser(arguments).parse_args(arguments)
    words = Words.of(options.lang)
    data = options.data.absolute()
    try:
        prepare(data, words)
        with lease(data, words):
            return Local(data, options.port, options.agent_port, words).run()
    except LocalError as failure:
        with contextlib.suppress(OSError, AttributeError):
            sys.stderr.write(f"\n{failure}\n")
        return 1


def _parser(arguments: list[str] | None) -> argparse.ArgumentParser:
    """The parser, which speaks the language that the arguments ask for."""
    first = Parser(add_help=False)
    first.add_argument("--lang", default=language(os.environ))
    asked: str = first.parse_known_args(arguments)[0].lang
    parser = Parser(prog="haidang-collector local", description=word(asked, "local"))
    parser.add_argument("--data", type=Path, default=Path("var"), metavar="DIR", help=word(asked, "local_data"))
    parser.add_argument("--port", type=int, default=8600, metavar="PORT", help=word(asked, "local_port"))
    parser.add_argument("--agent-port", type=int, default=8601, metavar="PORT", help=word(asked, "local_agent_port"))
    parser.add_argument("--lang", choices=LANGUAGES, default=asked, help=word(asked, "opt_lang"))
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
