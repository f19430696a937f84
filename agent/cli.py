"""The commands of `haidang-agent` but for a plain `run`, which does without this file's imports."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from agent import __version__, words
from agent.clock import Clock, SystemClock
from agent.settings import DEFAULT_FILE, WINDOWS, Settings

if TYPE_CHECKING:
    from agent.crew import Run
    from agent.spool import SpoolStatus
    from agent.status import ObservingStatus, ReaderStatus, Status

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_CONFIG = 2
_ACCOUNT = "haidang-agent"


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code: 0 done, 1 failed, 2 wrong usage or configuration."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal or a file of another encoding cannot spell gets a stand-in, not a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        return _main(arguments)
    except _OutputError as error:
        if str(error):
            _complain(words.say("output", words.choose(_language_argument(arguments)), why=error))
        return EXIT_FAILED


def _main(arguments: Sequence[str]) -> int:
    language = words.choose(_language_argument(arguments))
    parsed = _parser(language, arguments).parse_args(arguments)
    command: str = parsed.command
    if command == "run":
        from agent.app import run

        return run(parsed.config or DEFAULT_FILE, language)
    if command == "version":
        return _print(f"haidang-agent {__version__}")
    if command == "check":
        return _check(parsed.config or DEFAULT_FILE, language)
    if command == "once":
        return _once(parsed.config, language)
    if command == "status":
        return _status(parsed.config or DEFAULT_FILE, language, SystemClock())
    if command == "probe":
        return _probe(parsed, language)
    return _enrol(parsed, language)


def _language_argument(arguments: Sequence[str]) -> str:
    for index, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            return argument.removeprefix("--lang=")
        if argument == "--lang" and index + 1 < len(arguments):
            return arguments[index + 1]
    return ""


def _parser(language: str, arguments: Sequence[str]) -> argparse.ArgumentParser:
    def say(key: str, **values: object) -> str:
        return words.say(key, language, **values)

    common = _Parser(add_help=False)
    common.add_argument("--lang", choices=words.LANGUAGES, help=say("lang"))
    parser = _Parser(prog="haidang-agent", description=say("about"), parents=[common])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("run", "once", "check", "status"):
        command = commands.add_parser(name, help=say(name), description=say(name), parents=[common])
        command.add_argument("--config", metavar="FILE", help=say("config", default=DEFAULT_FILE))
    if "probe" in arguments:
        from agent.probe_command import add_arguments  # What knows probes is loaded only for them.

        add_arguments(commands.add_parser("probe", help=say("probe"), description=say("probe"), parents=[common]), language)
    else:
        commands.add_parser("probe", help=say("probe"), parents=[common])
    enrol = commands.add_parser("enrol", help=say("enrol"), description=say("enrol"), parents=[common])
    enrol.add_argument("url", metavar="URL", help=say("url"))
    enrol.add_argument("code", metavar="CODE", help=say("code"))
    folder = os.path.dirname(DEFAULT_FILE)
    enrol.add_argument("--config-dir", metavar="DIR", default=folder, help=say("config_dir", default=folder))
    enrol.add_argument("--id", metavar="ID", default="", help=say("id"))
    enrol.add_argument("--user", metavar="NAME", default="", help=say("user"))
    enrol.add_argument("--force", action="store_true", help=say("force"))
    commands.add_parser("version", help=say("version"), description=say("version"), parents=[common])
    return parser


class _Parser(argparse.ArgumentParser):
    """Prints its help as everything else is printed: a failure is said."""

    def print_help(self, file: Any = None) -> None:
        _put(self.format_help())


class _OutputError(Exception):
    """Standard output takes nothing; the text says why. Empty if whoever read has left (`once | head`)."""


def _put(text: str) -> None:
    """Print all of a text. Raises `_OutputError`; what is still in the buffer has nowhere to go either then."""
    if sys.stdout is None:  # the program was started with it closed
        raise _OutputError("closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _OutputError("" if isinstance(error, BrokenPipeError) else error.strerror or str(error)) from error


def _print(text: str) -> int:
    _put(f"{text}\n")
    return EXIT_OK


def _complain(text: str) -> None:
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _check(file: str, language: str) -> int:
    from agent.config import ConfigError, load
    from agent.config_words import told

    try:
        load(file)
    except ConfigError as error:
        _complain(told(error.problems, language))
        count = len(error.problems)
        if any(problem.file != file for problem in error.problems):
            file = words.say("and_named", language, file=file)
        _complain(words.say("problem" if count == 1 else "problems", language, count=count, file=file))
        return EXIT_CONFIG
    return _print(words.say("ok", language))


def _once(file: str | None, language: str) -> int:
    """One collection as text; readers in trouble are named on standard error. Without `--config`, the usual file if there is
    one, else the usual readers."""
    from agent.config import ConfigError, defaults, load
    from agent.config_words import told

    try:
        usual = file or (DEFAULT_FILE if os.path.exists(DEFAULT_FILE) else None)
        settings = load(usual, files=False) if usual else defaults()
    except ConfigError as error:
        _complain(told(error.problems, language))
        return EXIT_CONFIG
    runs = collect(settings, SystemClock())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # as Prometheus reads it, on Windows too
    _put(page(runs))
    for run in runs:
        if _is_of_interest(run.outcome, run.detail):
            outcome = words.name("outcome", run.outcome, language)
            _complain(words.say("bad_reader", language, kind=run.kind, outcome=outcome, detail=run.detail))
    return EXIT_OK


def _is_of_interest(outcome: str, detail: str) -> bool:
    """Whether a reader's run is named: it failed, or it went well and has something to say."""
    return outcome not in ("ok", "no_data") or (outcome == "ok" and detail != "")


def page(runs: Sequence[Run]) -> str:
    """The Prometheus text of a collection."""
    from agent.own import OwnSeries, ReaderSeries, Tally
    from agent.text import render

    own = [ReaderSeries().readings(runs), OwnSeries().readings(Tally(), None, None)]
    return render([*(run.readings for run in runs), *own])


def collect(settings: Settings, clock: Clock) -> list[Run]:
    """One collection with these settings, made by the same crew that the running agent has."""
    from agent.app import jobs
    from agent.crew import Crew

    wake = threading.Event()
    crew = Crew(jobs(settings), clock, time.perf_counter, int(settings.readers.timeout_s * 1000), wake)
    crew.begin()
    while (left_ms := crew.check()) is not None:
        clock.wait(wake, left_ms / 1000)
    runs = crew.runs()
    crew.close()
    return runs


def _probe(parsed: argparse.Namespace, language: str) -> int:
    """One run of a probe by hand."""
    from agent.probe_command import probe

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # as Prometheus reads it, on Windows too
    answer = probe(parsed, language)
    if answer.err:
        _complain(answer.err.removesuffix("\n"))
    if answer.out:
        _put(answer.out)
    return answer.code


def _status(file: str, language: str, clock: Clock) -> int:
    from agent import status
    from agent.config import ConfigError, load
    from agent.config_words import told

    try:
        settings = load(file, files=False)
    except ConfigError as error:
        _complain(told(error.problems, language))
        return EXIT_CONFIG
    try:
        value = status.read(settings.status_file)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        _complain(words.say("no_status", language, file=settings.status_file, why=why))
        return EXIT_FAILED
    lines, healthy = describe(value, clock.wall_ms(), language)
    _print("\n".join(lines))
    return EXIT_OK if healthy else EXIT_FAILED


def describe(value: Status, now_ms: int, language: str) -> tuple[list[str], bool]:
    """A status in words, and whether all is well: running, and the collector stores what it sends."""

    def say(key: str, **values: object) -> str:
        return words.say(key, language, **values)

    age_s = (now_ms - value.at_ms) / 1000
    silent = age_s > 2.5 * value.interval_s + 5
    if value.stopped:
        head = say("s_stopped", id=value.id, why=words.name("stop", value.stopped, language))
    elif silent:
        head = say("s_silent", id=value.id, age=words.span(age_s))
    else:
        head = say("s_running", id=value.id, pid=value.pid, version=value.version)
    collected = words.span((now_ms - value.collected_at_ms) / 1000) if value.collected_at_ms else say("never")
    uplink = value.uplink
    state = words.name("state", uplink.state.value, language)
    sent_at = uplink.last_success_at_ms
    sent = say("ago", age=words.span((now_ms - sent_at) / 1000)) if sent_at else say("never")
    lines = [
        head,
        say("s_collected", count=value.collections, age=collected, interval=value.interval_s, missed=value.missed_slots),
        *_describe_readers(value.readers, language),
        *_describe_spool(value.spool, language),
        say("s_uplink", state=state, url=uplink.url, age=sent, reports=uplink.reports),
    ]
    if uplink.detail:
        lines.append(f"  {uplink.detail}")
    if value.observing is not None:
        lines += _describe_observing(value.observing, language)
    return lines, not value.stopped and not silent and uplink.state.value == "ok" and not value.spool.disk_error


def _describe_readers(readers: Sequence[ReaderStatus], language: str) -> Iterator[str]:
    counts = {name: sum(reader.outcome == name for reader in readers) for name in ("ok", "no_data")}
    bad = len(readers) - sum(counts.values())
    yield words.say("s_readers", language, ok=counts["ok"], no_data=counts["no_data"], bad=bad)
    for reader in readers:
        if _is_of_interest(reader.outcome, reader.detail):
            yield f"  {reader.kind}: {words.name('outcome', reader.outcome, language)}: {reader.detail}"


def _describe_observing(observing: ObservingStatus, language: str) -> Iterator[str]:
    counts = {name: getattr(observing, name) for name in ("probes", "devices", "in_flight", "late", "missed", "shed")}
    yield words.say("s_observing", language, **counts)
    for way in observing.uplinks:
        state = words.say("s_seeing" if way.is_seeing else "s_blind", language)
        yield "  " + words.say("s_way", language, id=way.id, state=state, lost=words.span(way.lost_s))


def _describe_spool(spool: SpoolStatus, language: str) -> Iterator[str]:
    waiting, lost = sum(mark.reports for mark in spool.watermarks), sum(spool.lost.values())
    yield words.say("s_spool", language, reports=waiting, size=words.size(spool.bytes), lost=lost)
    if spool.disk_error:
        yield words.say("s_disk", language, error=spool.disk_error, held=spool.held_reports)
    if spool.repairs:
        yield words.say("s_repairs", language, count=spool.repairs)


def _enrol(parsed: argparse.Namespace, language: str) -> int:
    from agent.enrolment import EnrolmentError, check_folder, enrol, write_identity

    try:
        check_folder(parsed.config_dir, force=parsed.force)
        identity, pem = enrol(parsed.url, parsed.code, hostname=socket.gethostname())
        if parsed.id and parsed.id != identity.agent:
            detail = words.say("other_id", language, found=identity.agent, expected=parsed.id)
            raise EnrolmentError("bad_answer", detail)
        file = write_identity(identity, pem, parsed.url, parsed.config_dir, force=True)
        _give_away(os.path.dirname(file), parsed.user)
    except EnrolmentError as error:
        _complain(words.say(error.code, language, detail=error.detail))
        return EXIT_FAILED
    return _print(words.say("enrolled", language, id=identity.agent, file=file))


def _give_away(folder: str, user: str) -> None:
    """Let the account that runs the agent own the token; only root can, and only where there is such an account."""
    from agent.enrolment import TOKEN_NAME, EnrolmentError

    if WINDOWS or (os.geteuid() != 0 and not user):
        return
    import pwd

    try:
        account = pwd.getpwnam(user or _ACCOUNT)
    except KeyError:
        if user:
            raise EnrolmentError("files", f"user {user}: no such account") from None
        return
    try:
        os.chown(os.path.join(folder, TOKEN_NAME), account.pw_uid, account.pw_gid)
    except OSError as error:
        raise EnrolmentError("files", f"{error.filename}: {error.strerror}") from error
