"""Child processes of `haidang-collector local`: started apart from the terminal, ended in order, never left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from collector.local.words import Words
from collector.output import OutputError, put

STOP_S: Final = 20.0
"""How long a child may take to leave in order before it is killed."""
COMMAND_S: Final = 60.0
_LOG_BYTES: Final = 1024 * 1024
_TAIL_LINES: Final = 12
_PR_SET_PDEATHSIG: Final = 1


class LocalError(Exception):
    """Something is in the way; the text says what, and what to do."""


class Stopped(Exception):  # noqa: N818 -- not an error
    """A person or the system asked to stop."""


class Child(NamedTuple):
    """A running program and the file that takes what it says."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, command: list[str], log: Path) -> Child:
        """Start `command` in a process group of its own, so that a terminal's Ctrl-C reaches only its parent."""
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 -- the program is this interpreter
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, preexec_fn=_bind()
            )
        return cls(name, process, log)

    def tail(self) -> str:
        """The last lines of what it said."""
        with contextlib.suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
            return "\n".join(f"    {line}" for line in lines)
        return ""


def _bind() -> Callable[[], None] | None:
    """What makes a child end with its parent, however that ends (Linux); None elsewhere."""
    if sys.platform != "linux":
        return None
    parent, libc = os.getpid(), ctypes.CDLL(None)

    def bind() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def say(text: str) -> None:
    """Print one text at once. Raises `OutputError`."""
    put(f"{text}\n")


def finish(child: Child, words: Words) -> None:
    """Ask a child to stop, wait, and say that it stopped; a second signal to us or too long a wait kills it."""
    if child.process.poll() is not None:
        return
    child.process.terminate()
    try:
        child.process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.process.kill()
        child.process.wait()
        said = words.killed.format(name=child.name, seconds=int(STOP_S), log=child.log)
    else:
        said = words.stopped.format(name=child.name)
    with contextlib.suppress(OutputError):  # The other child is still to be ended.
        say(said)


def run_to_end(arguments: list[str], words: Words) -> str:
    """Run one of our commands and return what it printed. Raises `LocalError` with its own words if it fails."""
    try:
        ended = subprocess.run(  # noqa: S603 -- the program is this interpreter
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(words.command.format(command=" ".join(arguments[1:4]), output="timeout")) from error
    if ended.returncode != 0:
        output = (ended.stdout + ended.stderr).strip()
        raise LocalError(words.command.format(command=" ".join(arguments[1:4]), output=output))
    return ended.stdout
