"""The commands of `haidang-agent` but for a plain `run`, which does without this file's imports."""

from __future__ import annotations

import argparse
import io
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent import __version__, words
from agent.clock import Clock, SystemClock
from agent.settings import DEFAULT_FILE, WINDOWS, Settings

if TYPE_CHECKING:
    from agent.crew import Run

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
    except BrokenPipeError:
        # Whoever read has left (`once | head`). What is still in the buffer has nowhere to go either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def _main(arguments: Sequence[str]) -> int:
    language = words.choose(_language_argument(arguments))
    parsed = _parser(language).parse_args(arguments)
    command: str = parsed.command
    if command == "run":
        from agent.app import run

        return run(parsed.config or DEFAULT_FILE)
    if command == "version":
        return _print(f"haidang-agent {__version__}")
    if command == "check":
        return _check(parsed.config or DEFAULT_FILE, language)
    if command == "once":
        return _once(parsed.config, language)
    if command == "status":
        return _status(parsed.config or DEFAULT_FILE, language, SystemClock())
    return _enrol(parsed, language)


def _language_argument(arguments: Sequence[str]) -> str:
    for index, argument in enumerate(arguments):
        if argument.startswith("--lang="):
            return argument.removeprefix("--lang=")
        if argument == "--lang" and index + 1 < len(arguments):
            return arguments[index + 1]
    return ""


def _parser(language: str) -> argparse.ArgumentParser:
    def say(key: str, **values: object) -> str:
        return words.say(key, language, **values)

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--lang", choices=words.LANGUAGES, help=say("lang"))
    parser = argparse.ArgumentParser(prog="haidang-agent", description=say("about"), parents=[common])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in ("run", "once", "check", "status"):
        command = commands.add_parser(name, help=say(name), description=say(name), parents=[common])
        command.add_argument("--config", metavar="FILE", help=say("config", default=DEFAULT_FILE))
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


def _print(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    return EXIT_OK


def _complain(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _check(file: str, language: str) -> int:
    from agent.config import ConfigError, load

    try:
        load(file)
    except ConfigError as error:
        _complain(str(error))
        _complain(words.say("problems", language, count=len(error.problems), file=file))
        return EXIT_CONFIG
    return _print(words.say("ok", language))


def _once(file: str | None, language: str) -> int:
    """One collection as text; readers in trouble are named on standard error. Without `--config`, the usual file if there is
    one, else the usual readers."""
    from agent.config import ConfigError, defaults, load

    try:
        usual = file or (DEFAULT_FILE if os.path.exists(DEFAULT_FILE) else None)
        settings = load(usual, files=False) if usual else defaults()
    except ConfigError as error:
        _complain(str(error))
        return EXIT_CONFIG
    runs = collect(settings, SystemClock())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # as Prometheus reads it, on Windows too
    sys.stdout.write(page(runs))
    sys.stdout.flush()
    for run in runs:
        if _is_of_interest(run.outcome, run.detail):
            _complain(words.say("bad_reader", language, kind=run.kind, outcome=run.outcome, detail=run.detail))
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


def _status(file: str, language: str, clock: Clock) -> int:
    from agent import status
    from agent.config import ConfigError, load

    try:
        settings = load(file, files=False)
    except ConfigError as error:
        _complain(str(error))
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


def describe(value: object, now_ms: int, language: str) -> tuple[list[str], bool]:
    """A status in words, and whether all is well: running, and the collector stores what it sends."""
    from agent.status import Status

    assert isinstance(value, Status)

    def say(key: str, **values: object) -> str:
        return words.say(key, language, **values)

    age_s = (now_ms - value.at_ms) / 1000
    silent = age_s > 2.5 * value.interval_s + 5
    if value.stopped:
        head = say("s_stopped", id=value.id, why=value.stopped)
    elif silent:
        head = say("s_silent", id=value.id, age=words.span(age_s))
    else:
        head = say("s_running", id=value.id, pid=value.pid, version=value.version)
    collected = words.span((now_ms - value.collected_at_ms) / 1000) if value.collected_at_ms else say("never")
    counts = {name: sum(reader.outcome == name for reader in value.readers) for name in ("ok", "no_data")}
    bad = len(value.readers) - sum(counts.values())
    lines = [
        head,
        say("s_collected", count=value.collections, age=collected, interval=value.interval_s, missed=value.missed_slots),
        say("s_readers", ok=counts["ok"], no_data=counts["no_data"], bad=bad),
        *(f"  {r.kind}: {r.outcome}: {r.detail}" for r in value.readers if _is_of_interest(r.outcome, r.detail)),
    ]
    spool, uplink = value.spool, value.uplink
    waiting = sum(mark.reports for mark in spool.watermarks)
    lines.append(say("s_spool", reports=waiting, size=words.size(spool.bytes), lost=sum(spool.lost.values())))
    if spool.disk_error:
        lines.append(say("s_disk", error=spool.disk_error, held=spool.held_reports))
    if spool.repairs:
        lines.append(say("s_repairs", count=spool.repairs))
    sent_at = uplink.last_success_at_ms
    sent = say("ago", age=words.span((now_ms - sent_at) / 1000)) if sent_at else say("never")
    lines.append(say("s_uplink", state=uplink.state.value, url=uplink.url, age=sent, reports=uplink.reports))
    if uplink.detail:
        lines.append(f"  {uplink.detail}")
    return lines, not value.stopped and not silent and uplink.state.value == "ok" and not spool.disk_error


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
