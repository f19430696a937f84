"""What the agent says of itself as series: how each reader's run ended, and how spool, uplink and process are doing."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from agent import __version__
from agent.crew import ReaderOutcome, Run
from agent.model import Family, Lane, LossReason, MetricType, Readings
from agent.spool import SpoolStatus
from agent.uplink import UplinkState, UplinkStatus

_Series = tuple[tuple[str, ...], ...]


def _counter(name: str, about: str, *labels: str) -> Family:
    return Family(name, MetricType.COUNTER, about, labels)


def _gauge(name: str, about: str, *labels: str) -> Family:
    return Family(name, MetricType.GAUGE, about, labels)


DURATION: Final = _gauge(
    "node_scrape_collector_duration_seconds", "node_exporter: Duration of a collector scrape.", "collector"
)
SUCCESS: Final = _gauge("node_scrape_collector_success", "node_exporter: Whether a collector succeeded.", "collector")
_CONTENT: Final = frozenset({"cpufreq", "edac", "powersupplyclass", "thermal_zone"})
"""Kinds whose counterpart in node_exporter 1.5.0 succeeds on a machine that has no such device; the others then fail there,
and alerts on `node_scrape_collector_success == 0` are written with that in mind."""
OUTCOME: Final = _gauge(
    "haidang_reader_outcome", "How the last run of a reader ended: ok, no_data, failed or timeout.", "reader", "outcome"
)
BUILD: Final = _gauge("haidang_agent_build_info", "Version of the agent and of its Python.", "version", "python")
CPU: Final = _counter("haidang_agent_cpu_seconds_total", "CPU time of the agent's process.")
MEMORY: Final = _gauge("haidang_agent_resident_memory_bytes", "Resident memory of the agent's process.")
MISSED: Final = _counter("haidang_agent_missed_slots_total", "Collections that were due and did not take place.")
STALLS: Final = _counter("haidang_agent_stalls_total", "Times the agent's loop slept longer than its reports hold.")
STEPS: Final = _counter("haidang_agent_clock_steps_total", "Steps of the wall clock of more than two seconds.")
SPOOL_BYTES: Final = _gauge("haidang_agent_spool_bytes", "Size of the spool on disk.")
SPOOL_REPORTS: Final = _gauge("haidang_agent_spool_reports", "Reports in the spool.", "lane")
SPOOL_HELD: Final = _gauge("haidang_agent_spool_held_reports", "Reports in memory because the disk takes nothing.")
SPOOL_LOST: Final = _counter("haidang_agent_spool_lost_reports_total", "Reports lost since the agent's start.", "reason")
UPLINK: Final = _gauge("haidang_agent_uplink_state", "1 for the state the uplink is in.", "state")
UPLINK_BATCHES: Final = _counter("haidang_agent_uplink_batches_total", "Batches that the collector stored.")
UPLINK_FAILURES: Final = _counter("haidang_agent_uplink_failures_total", "Batches that failed to arrive or were refused.")
UPLINK_REPORTS: Final = _counter("haidang_agent_uplink_reports_total", "Reports that the collector stored.")
UPLINK_BYTES: Final = _counter("haidang_agent_uplink_sent_bytes_total", "Bytes of batches sent, as they travelled.")
FAMILIES: Final = (
    DURATION, SUCCESS, OUTCOME, BUILD, CPU, MEMORY, MISSED, STALLS, STEPS, SPOOL_BYTES, SPOOL_REPORTS, SPOOL_HELD, SPOOL_LOST,
    UPLINK, UPLINK_BATCHES, UPLINK_FAILURES, UPLINK_REPORTS, UPLINK_BYTES,
)  # fmt: skip
"""Every family of this module, for the reference."""

_ONE: Final[_Series] = ((),)
_LANES: Final[_Series] = tuple((lane.value,) for lane in Lane)
_LOSSES: Final[_Series] = tuple((reason.value,) for reason in LossReason)
_STATES: Final[_Series] = tuple((state.value,) for state in UplinkState)


class Tally(msgspec.Struct):
    """What the runner counts."""

    missed_slots: int = 0
    stalls: int = 0
    clock_steps: int = 0
    collections: int = 0


class ReaderSeries:
    """Series of the readers' runs; label objects stay the same while kinds and outcomes do."""

    __slots__ = ("_key", "_kinds", "_outcomes")

    def __init__(self) -> None:
        self._key: list[tuple[str, ReaderOutcome]] = []
        self._kinds: _Series = ()
        self._outcomes: _Series = ()

    def readings(self, runs: Sequence[Run]) -> Readings:
        """Duration, success (as node_exporter counts it) and outcome of each run."""
        key = [(run.kind, run.outcome) for run in runs]
        if key != self._key:
            self._key = key
            kinds = tuple((run.kind,) for run in runs)
            self._kinds = self._kinds if kinds == self._kinds else kinds
            self._outcomes = tuple((run.kind, run.outcome.value) for run in runs)
        return (
            (DURATION, self._kinds, [run.duration_s for run in runs]),
            (SUCCESS, self._kinds, [float(_is_success(run)) for run in runs]),
            (OUTCOME, self._outcomes, [1.0] * len(runs)),
        )


def _is_success(run: Run) -> bool:
    """As node_exporter counts it: data came, or there is nothing to read where it does not call that a failure."""
    return run.outcome is ReaderOutcome.OK or (run.outcome is ReaderOutcome.NO_DATA and run.kind in _CONTENT)


class OwnSeries:
    """Series of the agent itself."""

    __slots__ = ("_build", "_has_memory", "_page")

    def __init__(self) -> None:
        version = sys.version_info
        self._build: _Series = ((__version__, f"{version.major}.{version.minor}.{version.micro}"),)
        self._has_memory = os.path.exists("/proc/self/statm")
        self._page = os.sysconf("SC_PAGE_SIZE") if self._has_memory else 0

    def readings(self, tally: Tally, spool: SpoolStatus | None, uplink: UplinkStatus | None) -> Readings:
        """The process' own figures, and those of spool and uplink where there are such."""
        rows: list[tuple[Family, _Series, list[float]]] = [
            (BUILD, self._build, [1.0]),
            (CPU, _ONE, [time.process_time()]),
            (MISSED, _ONE, [tally.missed_slots]),
            (STALLS, _ONE, [tally.stalls]),
            (STEPS, _ONE, [tally.clock_steps]),
        ]
        if self._has_memory:
            rows.append((MEMORY, _ONE, [self._resident()]))
        if spool is not None:
            held = {mark.lane: float(mark.reports) for mark in spool.watermarks}
            rows += [
                (SPOOL_BYTES, _ONE, [spool.bytes]),
                (SPOOL_REPORTS, _LANES, [held.get(lane, 0.0) for lane in Lane]),
                (SPOOL_HELD, _ONE, [spool.held_reports]),
                (SPOOL_LOST, _LOSSES, [float(spool.lost.get(reason, 0)) for reason in LossReason]),
            ]
        if uplink is not None:
            rows += [
                (UPLINK, _STATES, [float(state is uplink.state) for state in UplinkState]),
                (UPLINK_BATCHES, _ONE, [uplink.batches]),
                (UPLINK_FAILURES, _ONE, [uplink.failures]),
                (UPLINK_REPORTS, _ONE, [uplink.reports]),
                (UPLINK_BYTES, _ONE, [uplink.bytes_sent]),
            ]
        return rows

    def _resident(self) -> float:
        fd = os.open("/proc/self/statm", os.O_RDONLY)
        try:
            return float(int(os.read(fd, 256).split()[1]) * self._page)
        finally:
            os.close(fd)
