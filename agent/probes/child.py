"""One program run on behalf of a probe: in a process group of its own that ends with the run whatever happens, with bounded
output, next to no environment, and no wait that could hold the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from agent.probes.tools import Tools

MAX_OUTPUT: Final = 64 * 1024
_MAX_ERRORS: Final = 4 * 1024
_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
_LAST_WAIT_S: Final = 2.0
MAX_ENDING: Final = 64
"""Programs that do not go although killed (of another user, or stuck in the kernel); after so many none is begun."""


class Ended(msgspec.Struct, frozen=True):
    """How a program ended: its exit code, or minus the signal that ended it."""

    code: int
    output: bytes
    errors: bytes
    is_too_much: bool = False


class Children:
    """Programs that were ended and are not yet gone, shared by all probes of a loop."""

    def __init__(self) -> None:
        self.ending: set[Child] = set()

    def close(self) -> None:
        """Wait for the last ones, which have nothing left but to go; those that will not hold nobody up one by one."""
        end_s = time.monotonic() + _LAST_WAIT_S
        for child in list(self.ending):
            child.reap(max(0.0, end_s - time.monotonic()))


def children_of(tools: Tools) -> Children:
    """The children of a loop's probes."""
    return tools.part("script.children", Children)


class Child:
    """A running program. `end` it in any case, which needs no waiting."""

    def __init__(self, command: Sequence[str], children: Children) -> None:
        """Start it. Raises `OSError` (no such program, no descriptors, no permission) and `ValueError` (a NUL in the line)."""
        self._children = children
        self._loop = asyncio.get_running_loop()
        self._process = subprocess.Popen(  # noqa: S603  # a list of this machine's own file, without a shell
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env=_ENVIRONMENT,
            start_new_session=True, bufsize=0,
        )  # fmt: skip
        self._changed = asyncio.Event()
        self._kept: dict[int, bytearray] = {}
        self._pidfd = -1
        self._has_ended = False
        self._is_too_much = False
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
            self._listen()
        except BaseException:
            self.end()
            raise

    async def ended(self) -> Ended:
        """Wait until the program itself has ended, or printed too much. Programs that it left behind are not waited for."""
        await self._changed.wait()
        for descriptor in list(self._kept):
            self._read(descriptor)
        output, errors = (bytes(self._kept[descriptor]) for descriptor in self._descriptors())
        if self._is_too_much and not self._has_ended:
            return Ended(-signal.SIGKILL, output, errors, is_too_much=True)
        # Not reaped before its group is gone: as long as it is a zombie, nobody else can have its number.
        self._kill()
        return Ended(self._process.wait(), output, errors, is_too_much=self._is_too_much)

    def end(self) -> None:
        """Kill what is left of its group, and have it reaped when it is gone."""
        self._kill()
        for descriptor in self._kept:
            self._loop.remove_reader(descriptor)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        if self._process.poll() is None and self._pidfd >= 0:
            self._children.ending.add(self)
            self._loop.add_reader(self._pidfd, self.reap)
        else:
            self.reap()

    def reap(self, timeout_s: float = 0.0) -> None:
        """Take note that it is gone, after `timeout_s` at most."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)
        self._children.ending.discard(self)
        if self._pidfd >= 0:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _descriptors(self) -> tuple[int, int]:
        output, errors = self._process.stdout, self._process.stderr
        assert output is not None
        assert errors is not None
        return output.fileno(), errors.fileno()

    def _listen(self) -> None:
        for descriptor in self._descriptors():
            os.set_blocking(descriptor, False)
            self._kept[descriptor] = bytearray()
            self._loop.add_reader(descriptor, self._read, descriptor)
        self._loop.add_reader(self._pidfd, self._note_end)

    def _note_end(self) -> None:
        self._has_ended = True
        self._loop.remove_reader(self._pidfd)
        self._changed.set()

    def _read(self, descriptor: int) -> None:
        is_output = descriptor == self._descriptors()[0]
        most, kept = MAX_OUTPUT if is_output else _MAX_ERRORS, self._kept[descriptor]
        try:
            data = os.read(descriptor, MAX_OUTPUT + 1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(descriptor)
            return
        if is_output and len(kept) + len(data) > most:
            self._is_too_much = True
            self._changed.set()
        kept += data[: most - len(kept)]

    def _kill(self) -> None:
        """The whole group, while its leader is not reaped yet; a child that left the group is not ours any more."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
