"""Kind `processes`: how many processes and threads there are, by state, as `node_processes_*`.

Each process and each thread is a file to read, so a collection reads only some of them and the figures are those of the
last full round (at `per_collection: 25`, a machine with 150 tasks has new figures every sixth collection).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agent.host.reading import SINGLE, File, Host, Reader, Series, gauge, guarded, malformed
from agent.model import Family, Readings


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much one collection may read."""

    per_collection: Annotated[
        int, Meta(ge=1, description="Processes and threads read in one collection; more is fresher and dearer.")
    ] = 25


_MAX_PROCESSES: Final = gauge("node_processes_max_processes", "Number of max PIDs limit")
_MAX_THREADS: Final = gauge("node_processes_max_threads", "Limit of threads in the system")
_PIDS: Final = gauge("node_processes_pids", "Number of PIDs")
_THREADS: Final = gauge("node_processes_threads", "Allocated threads in system")
_STATE: Final = gauge("node_processes_state", "Number of processes in each state.", "state")
_THREADS_STATE: Final = gauge("node_processes_threads_state", "Number of threads in each state.", "thread_state")
_THREADS_WORD: Final = 17
"""Place of the number of threads after the state in `/proc/PID/stat` (proc_pid_stat(5), field 20; the state is field 3)."""


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the machine's processes. The first run reads all of them."""
    if host.platform != "linux":
        from agent.host import psutil_io

        return psutil_io.open_processes()
    processes = _Processes(host.proc, settings.per_collection)
    return guarded(processes.read, host.proc)


class _Processes:
    def __init__(self, proc: str, per_collection: int) -> None:
        self._proc = proc
        self._per_collection = per_collection
        self._limits = tuple(
            (family, File(f"{proc}/sys/kernel/{name}", size=64, whole=False))
            for family, name in ((_MAX_PROCESSES, "pid_max"), (_MAX_THREADS, "threads-max"))
        )
        self._round: Iterator[_Counts | None] | None = None
        self._counts: _Counts | None = None
        self._seen: dict[str, tuple[list[str], Series]] = {}

    def read(self) -> Readings:
        """Limits now, counts of the last full round."""
        round_ = self._round or _round(self._proc, self._per_collection)
        self._round = None  # a round that fails is over; the next collection begins anew
        counts = next(round_)
        while counts is None and self._counts is None:
            counts = next(round_)
        if counts is None:
            self._round = round_
        else:
            self._counts = counts
        return self._readings(self._counts or _Counts())

    def _readings(self, counts: _Counts) -> Readings:
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]] = [
            (family, SINGLE, [float(file.read())]) for family, file in self._limits
        ]
        readings.append((_PIDS, SINGLE, [float(counts.pids)]))
        readings.append((_THREADS, SINGLE, [float(counts.threads)]))
        for family, by_state in ((_STATE, counts.states), (_THREADS_STATE, counts.thread_states)):
            states, series = self._states(family, by_state)
            readings.append((family, series, [float(by_state.get(state, 0)) for state in states]))
        return readings

    def _states(self, family: Family, by_state: dict[str, int]) -> tuple[list[str], Series]:
        """States to serve: one that was seen once stays, at zero, because a layout that comes and goes costs more."""
        states, series = self._seen.get(family.name, ([], ()))
        if not by_state.keys() <= set(states):
            states = sorted(by_state.keys() | set(states))
            series = tuple((state,) for state in states)
            self._seen[family.name] = (states, series)
        return states, series


class _Counts(msgspec.Struct):
    """What a round counted."""

    pids: int = 0
    threads: int = 0
    states: dict[str, int] = {}
    thread_states: dict[str, int] = {}


def _round(proc: str, per_collection: int) -> Iterator[_Counts | None]:
    """Counts at the end of the round; before that a `None` whenever one collection has read enough."""
    counts = _Counts()
    taken = 0
    for entry in os.listdir(proc):
        if not entry.isdigit():
            continue
        found = _stat(f"{proc}/{entry}/stat")
        if found is None:
            continue
        state, threads = found
        counts.pids += 1
        counts.threads += threads
        counts.states[state] = counts.states.get(state, 0) + 1
        if threads == 1:  # its only thread is in the process's state
            counts.thread_states[state] = counts.thread_states.get(state, 0) + 1
        for path in _threads(f"{proc}/{entry}/task") if threads != 1 else ("",):
            if path and (thread := _stat(path)):
                counts.thread_states[thread[0]] = counts.thread_states.get(thread[0], 0) + 1
            taken += 1
            if taken % per_collection == 0:
                yield None
    yield counts


def _threads(folder: str) -> list[str]:
    try:
        return [f"{folder}/{thread}/stat" for thread in os.listdir(folder)]
    except OSError:
        return []


def _stat(path: str) -> tuple[str, int] | None:
    """State and number of threads; `None` if the process ended meanwhile."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        data = os.read(fd, 512)
    except OSError:
        return None
    finally:
        os.close(fd)
    words = data[data.rfind(b")") + 1 :].split(None, _THREADS_WORD + 1)  # a name may hold blanks and parentheses
    try:
        return words[0].decode("ascii"), int(words[_THREADS_WORD])
    except (IndexError, ValueError):
        raise malformed(path, data, "a state and the number of threads after the name in parentheses") from None
