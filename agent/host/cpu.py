"""Kind `cpu`: seconds of each CPU in each mode, guests, and thermal throttling, as `node_cpu_*`.

Like node_exporter, it never lets a counter go back for the kernel's own jitter, and starts anew when idle time fell by
three seconds or more (a CPU was taken out and put back).
"""

from __future__ import annotations

from operator import itemgetter
from typing import Final

import msgspec

from agent.host.reading import File, Host, Reader, Series, counter, guarded, text
from agent.host.throttle import Throttles
from agent.model import Readings

SECONDS: Final = counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "cpu", "mode")
GUEST_SECONDS: Final = counter(
    "node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.", "cpu", "mode"
)
_TICKS_PER_SECOND: Final = 100.0  # USER_HZ, fixed on every architecture that Debian has
_MODES: Final = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_GUEST_MODES: Final = ("user", "nice")
_COLUMNS: Final = len(_MODES) + len(_GUEST_MODES)
_IDLE: Final = _MODES.index("idle")
_IDLE_FELL_TICKS: Final = 3 * _TICKS_PER_SECOND


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to set."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of CPU time."""
    if host.platform != "linux":
        from agent.host import psutil_base

        return psutil_base.open_cpu()
    reader = _Cpu(host)
    return guarded(reader.read, f"{host.proc}/stat")


class _Cpu:
    def __init__(self, host: Host) -> None:
        self._file = File(f"{host.proc}/stat", size=65_536)
        self._throttles = Throttles(host)
        self._names: list[bytes] = []
        self._ticks: list[float] = []
        self._modes: Series = ()
        self._guests: Series = ()
        self._pick_modes = self._pick_guests = itemgetter(0, 0)

    def read(self) -> Readings:
        names, ticks = _parse(self._file.read())
        if names != self._names:
            self._lay_out(names)
            self._ticks = ticks
        else:
            self._ticks = _grown(self._ticks, ticks)
        seconds = [value / _TICKS_PER_SECOND for value in self._ticks]
        return [
            (SECONDS, self._modes, self._pick_modes(seconds)),
            (GUEST_SECONDS, self._guests, self._pick_guests(seconds)),
            *self._throttles.read(),
        ]

    def _lay_out(self, names: list[bytes]) -> None:
        cpus = [text(name[3:]) for name in names]
        starts = range(0, len(cpus) * _COLUMNS, _COLUMNS)
        self._modes = tuple((cpu, mode) for cpu in cpus for mode in _MODES)
        self._guests = tuple((cpu, mode) for cpu in cpus for mode in _GUEST_MODES)
        self._pick_modes = itemgetter(*(start + column for start in starts for column in range(len(_MODES))))
        self._pick_guests = itemgetter(*(start + column for start in starts for column in range(len(_MODES), _COLUMNS)))
        self._throttles.look_again()
        self._names = names


def _parse(data: bytes) -> tuple[list[bytes], list[float]]:
    """Names of the CPUs and, CPU by CPU, the ticks in all modes. Raises `ValueError`."""
    names: list[bytes] = []
    ticks: list[float] = []
    for line in data.split(b"\n"):
        if not line.startswith(b"cpu"):
            break
        if line.startswith(b"cpu "):
            continue
        words = line.split()
        if len(words) <= _COLUMNS:
            raise ValueError(f"found {line[:80]!r}, expected a CPU and {_COLUMNS} numbers")
        names.append(words[0])
        ticks.extend(map(float, words[1 : _COLUMNS + 1]))
    if not names:
        raise ValueError(f"found {data[:40]!r}, expected lines 'cpu0 ...'")
    return names, ticks


def _grown(before: list[float], now: list[float]) -> list[float]:
    """Counters that only grow, except for a CPU whose idle time fell far."""
    kept = list(map(max, before, now))
    for idle in range(_IDLE, len(now), _COLUMNS):
        if before[idle] - now[idle] >= _IDLE_FELL_TICKS:
            start = idle - _IDLE
            kept[start : start + _COLUMNS] = now[start : start + _COLUMNS]
    return kept
