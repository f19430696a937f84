"""Kind `processes`: how many processes and threads there are, by state, as `node_processes_*`.

Each process and each thread is a file to read, so a collection reads only some of them and the figures are those of the
last full round (at `per_collection: 20`, a machine with 120 tasks has new figures every sixth collection).
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
    ] = 20


_MAX_PROCESSES: Final = gauge("node_processes_max_processes", "Number of max PIDs limit")
_MAX_THREADS: Final = gauge("node_processes_max_threads", "Limit of threads in the system")
_PIDS: Final = gauge("node_processes_pids", "Number of PIDs")
_THREADS: Final = gauge("node_processes_threads", "Allocated threads in system")
_STATE: Final = gauge("node_processes_state", "Number of processes in each state.", "state")
_THREADS_STATE: Final = gauge("node_processes_threads_state", "Number of threads in each state.", "thread_state")
_THREADS_WORD: Final = 17
"""Place of the number of threads after the state in `/proc/PID/stat` (proc_pid_stat(5), field 20; the state is field 3)."""


_Stat = tuple[str, int]
"""State and number of threads of a process; of a thread, only the state means something."""


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
    for taken, (process, thread) in enumerate(_tasks(proc), 1):
        if process is not None:
            state, threads = process
            counts.pids += 1
            counts.threads += threads
            counts.states[state] = counts.states.get(state, 0) + 1
        if thread is not None:
            counts.thread_states[thread[0]] = counts.thread_states.get(thread[0], 0) + 1
        if taken % per_collection == 0:
            yield None
    yield counts


def _tasks(proc: str) -> Iterator[tuple[_Stat | None, _Stat | None]]:
    """Every process and every thread, one file read for each; a process with one thread is both at once."""
    folder = os.open(proc, os.O_RDONLY)  # paths from here are cheaper than whole ones
    try:
        for entry in filter(str.isdigit, os.listdir(folder)):
            process = _stat(f"{entry}/stat", folder)
            is_alone = process is not None and process[1] == 1
            yield process, process if is_alone else None
            for thread in () if is_alone else _threads(f"{proc}/{entry}/task"):
                yield None, _stat(f"{entry}/task/{thread}/stat", folder)
    finally:
        os.close(folder)


def _threads(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # the process ended meanwhile
        return []


def _stat(path: str, folder: int) -> _Stat | None:
    """State and number of threads; `None` if the process ended meanwhile."""
    try:
        fd = os.open(path, os.O_RDONLY, dir_fd=folder)
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
