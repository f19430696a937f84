"""Kind `systemd`: states of the systemd units that the configuration names, as `node_systemd_unit_state`.

One `systemctl show` for all of them, with a time limit and a size limit, at a slower pace than the other readers.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agent.host.reading import Host, NoData, Reader, ReaderError, Series, gauge, guarded, text
from agent.model import Readings, Reason

MAX_BYTES: Final = 256 * 1024
"""Size of systemctl's answer at most; a unit takes about 60 bytes."""
_UNIT: Final = re.compile(
    r"[A-Za-z0-9:_.\\@-]{1,240}\.(service|socket|target|timer|mount|automount|path|slice|scope|swap|device)\Z"
)
_STATES: Final = ("active", "activating", "deactivating", "inactive", "failed")
_FAMILY: Final = gauge("node_systemd_unit_state", "Systemd unit", "name", "state", "type")
_PROPERTIES: Final = "Id,ActiveState,Type"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which units are watched. Without any the kind has no data."""

    units: Annotated[
        tuple[str, ...], Meta(max_length=500, description="Units by their full names, such as nginx.service.")
    ] = ()
    every: Annotated[int, Meta(ge=1, le=100, description="Collections from one question to the next.")] = 4
    timeout_s: Annotated[float, Meta(gt=0, le=10, description="Seconds that systemctl may take.")] = 2.0

    def __post_init__(self) -> None:
        for unit in self.units:
            if not _UNIT.match(unit) or unit.startswith("-"):
                raise ValueError(f"units: {unit!r} is no unit, expected a full name such as nginx.service")
        if len(set(self.units)) != len(self.units):
            raise ValueError("units: a unit stands there twice")


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the named units. A unit that does not exist is `inactive`, as systemd says."""
    units = _Units(settings, host)
    return guarded(units.read, "systemctl")


class _Units:
    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._booted = host.in_root("/run/systemd/system")
        self._turn = 0
        self._readings: Readings = ()
        self._series: Series = ()

    def read(self) -> Readings:
        """States as of the last answer; a failure is raised again until systemctl answers."""
        if not self._settings.units:
            raise NoData("no unit is named in the configuration")
        if not os.path.isdir(self._booted):
            raise NoData(f"{self._booted}: systemd does not run here")
        if self._turn == 0 or not self._readings:
            self._readings = ()
            self._readings = self._parse(_systemctl(self._settings))
        self._turn = (self._turn + 1) % self._settings.every
        return self._readings

    def _parse(self, answer: bytes) -> Readings:
        """Blocks of `Name=value` lines, one a unit, in the order asked for."""
        blocks = [block for block in answer.split(b"\n\n") if block.strip()]
        if len(blocks) != len(self._settings.units):
            detail = f"systemctl: {len(blocks)} units in the answer, expected {len(self._settings.units)}"
            raise ReaderError(Reason.MISMATCH, detail)
        series: list[tuple[str, str, str]] = []
        values: list[float] = []
        for unit, block in zip(self._settings.units, blocks, strict=True):
            properties = dict(line.partition("=")[::2] for line in text(block).splitlines())
            state = properties.get("ActiveState", "")
            if not state:
                raise ReaderError(Reason.MISMATCH, f"systemctl: no ActiveState of {unit}")
            series += [(unit, known, properties.get("Type", "")) for known in _STATES]
            # reloading, refreshing and maintenance are active units at work
            now = state if state in _STATES else "active"
            values += [float(known == now) for known in _STATES]
        if tuple(series) != self._series:
            self._series = tuple(series)
        return [(_FAMILY, self._series, values)]


def _systemctl(settings: Settings) -> bytes:
    """The answer. Raises `NoData` without systemctl, `ReaderError` if it fails, is too slow or says too much.

    A timer ends the whole process group; the child is reaped only after the timer is off, so no stranger is hit.
    """
    read_end, write_end = os.pipe()
    try:
        child = _spawn(["systemctl", "show", f"--property={_PROPERTIES}", "--", *settings.units], write_end)
    except FileNotFoundError:
        os.close(read_end)
        raise NoData("systemctl: no such program") from None
    except OSError:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    timer = threading.Timer(settings.timeout_s, os.killpg, (child, signal.SIGKILL))
    timer.daemon = True
    timer.start()
    try:
        answer = _read_to_end(read_end)
        if len(answer) > MAX_BYTES:
            os.killpg(child, signal.SIGKILL)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    finally:
        os.close(read_end)
        was_in_time = timer.is_alive()
        timer.cancel()
        timer.join()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if len(answer) > MAX_BYTES:
        raise ReaderError(Reason.MISMATCH, f"systemctl: answer of more than {MAX_BYTES} bytes")
    if code == -signal.SIGKILL and not was_in_time:
        raise ReaderError(Reason.TIMEOUT, f"systemctl: no answer within {settings.timeout_s:g} s")
    if code != 0:
        raise ReaderError(Reason.INTERNAL, f"systemctl: ended with {code}, expected 0")
    return answer


def _spawn(command: list[str], output: int) -> int:
    """Start a program in its own process group with its output to a pipe; its number. Raises `OSError`."""
    nothing = os.devnull
    return os.posix_spawnp(
        command[0],
        command,
        {**os.environ, "LC_ALL": "C"},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, nothing, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output, 1),
            (os.POSIX_SPAWN_OPEN, 2, nothing, os.O_WRONLY, 0),
        ],
        setpgroup=0,
    )


def _read_to_end(fd: int) -> bytes:
    """Everything until the pipe closes, or a little more than `MAX_BYTES`."""
    parts: list[bytes] = []
    size = 0
    while size <= MAX_BYTES and (part := os.read(fd, 65_536)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
