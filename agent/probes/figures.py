"""What an agent says of its own observing: runs, polls, what came late or not at all, and its sight; as series and as a status.

Counted in the thread that observes, read in any other. Names and meanings are the collector's, which says the same of itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from agent.model import Family, MetricType, Outcome, Readings
from agent.probes.crew_stats import PRIORITIES, CrewStats
from agent.status import ObservingStatus, WayStatus

if TYPE_CHECKING:
    from agent.probes.probe import Finding, Job
    from agent.probes.sight import View
    from agent.results import Result
    from agent.snmp.peer import Stats


def _counter(name: str, about: str, *labels: str) -> Family:
    return Family(name, MetricType.COUNTER, about, labels)


def _gauge(name: str, about: str, *labels: str) -> Family:
    return Family(name, MetricType.GAUGE, about, labels)


_RUN: Final = "Runs of probes by kind and outcome: ok, degraded, failed or error (could not test)."
_LEFT_OUT: Final = "because the one before still ran, or the agent stood still."
JOBS: Final = _gauge("haidang_probe_jobs", "Probes that the agent runs.")
RUNS: Final = _counter("haidang_probe_runs_total", _RUN, "kind", "outcome")
LATE: Final = _counter("haidang_probe_late_runs_total", "Runs that began more than a second after their time.")
MISSED: Final = _counter("haidang_probe_missed_runs_total", f"Runs that were left out {_LEFT_OUT}")
SHED: Final = _counter("haidang_probe_shed_total", "Runs left out because there was too much to do, by priority.", "priority")
IN_FLIGHT: Final = _gauge("haidang_probe_in_flight_runs", "Runs that go on now.")
WAITING: Final = _gauge("haidang_probe_waiting_runs", "Runs that are due and wait for others to end.")
DELAY: Final = _counter("haidang_probe_start_delay_seconds_total", "How long after they were due runs began, all together.")
DELAY_MAX: Final = _gauge("haidang_probe_start_delay_max_seconds", "The longest of these since the agent began to probe.")
DEVICES: Final = _gauge("haidang_snmp_devices", "Devices polled by their last verdict; waiting: none yet.", "outcome")
POLLS: Final = _counter("haidang_snmp_polls_total", "Verdicts of polls by outcome: ok, degraded, failed or error.", "outcome")
POLLS_LATE: Final = _counter("haidang_snmp_late_polls_total", "Polls that began more than a second after their time.")
POLLS_MISSED: Final = _counter("haidang_snmp_missed_polls_total", f"Polls that were left out {_LEFT_OUT}")
POLLS_IN_FLIGHT: Final = _gauge("haidang_snmp_in_flight_polls", "Polls that run now.")
POLLS_WAITING: Final = _gauge("haidang_snmp_waiting_polls", "Polls that are due and wait for others to end.")
REQUESTS: Final = _counter("haidang_snmp_requests_total", "Requests sent, every try of one counted.")
TIMEOUTS: Final = _counter("haidang_snmp_request_timeouts_total", "Tries that got no answer in their time.")
SIGHT_UP: Final = _gauge("haidang_sight_up", "Whether a reference of the way out answers, so that it can be judged.", "uplink")
SIGHT_LOST: Final = _counter("haidang_sight_lost_seconds_total", "Time in which no reference of it answered.", "uplink")
DISCARDED: Final = _counter("haidang_sight_discarded_total", "Failed results that accused nobody for want of sight.", "uplink")
FAMILIES: Final = (
    JOBS, RUNS, LATE, MISSED, SHED, IN_FLIGHT, WAITING, DELAY, DELAY_MAX, DEVICES, POLLS, POLLS_LATE, POLLS_MISSED,
    POLLS_IN_FLIGHT, POLLS_WAITING, REQUESTS, TIMEOUTS, SIGHT_UP, SIGHT_LOST, DISCARDED,
)  # fmt: skip
"""Every family of this module, for the reference."""
_ONE: Final = ((),)
_PRIORITIES: Final = tuple([(name,) for name in PRIORITIES])


class Figures:
    """One for each time that an agent begins to observe. Whoever reads it from another thread takes copies, which Python makes
    in one step; figures of one moment need not fit to each other to the last run."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, Outcome], int] = {}
        self._polls = dict.fromkeys(Outcome, 0)
        self._last: dict[str, Outcome] = {}

    def found(self, job: Job, finding: Finding) -> None:
        """A run of a probe ended."""
        key = (job.module.kind, finding.outcome)
        self._runs[key] = self._runs.get(key, 0) + 1

    def judged(self, result: Result) -> None:
        """A device was judged."""
        self._polls[result.outcome] += 1
        self._last[result.target] = result.outcome

    def keep(self, targets: set[str]) -> None:
        """Only these devices are polled from now on."""
        for gone in self._last.keys() - targets:
            del self._last[gone]

    def of_probes(self, jobs: int, stats: CrewStats) -> Readings:
        """The series of probing."""
        runs = sorted(self._runs.copy().items())
        labels = tuple([(kind, outcome.value) for (kind, outcome), _ in runs])
        return [
            (JOBS, _ONE, [jobs]),
            *([(RUNS, labels, [count for _, count in runs])] if runs else []),
            (LATE, _ONE, [stats.late]),
            (MISSED, _ONE, [stats.missed]),
            (SHED, _PRIORITIES, stats.shed.copy()),
            (IN_FLIGHT, _ONE, [stats.in_flight]),
            (WAITING, _ONE, [stats.waiting]),
            (DELAY, _ONE, [stats.delay_sum_ms / 1000]),
            (DELAY_MAX, _ONE, [stats.delay_max_ms / 1000]),
        ]

    def of_polls(self, devices: int, stats: CrewStats, client: Stats) -> Readings:
        """The series of polling."""
        last = list(self._last.copy().values())
        counts = {"waiting": max(0, devices - len(last))} | {outcome.value: last.count(outcome) for outcome in Outcome}
        return [
            (DEVICES, tuple([(name,) for name in counts]), [*counts.values()]),
            (POLLS, tuple([(outcome.value,) for outcome in self._polls]), [*self._polls.copy().values()]),
            (POLLS_LATE, _ONE, [stats.late]),
            (POLLS_MISSED, _ONE, [stats.missed]),
            (POLLS_IN_FLIGHT, _ONE, [stats.in_flight]),
            (POLLS_WAITING, _ONE, [stats.waiting]),
            (REQUESTS, _ONE, [client.sent]),
            (TIMEOUTS, _ONE, [client.timeouts]),
        ]


def of_sight(views: tuple[View, ...]) -> Readings:
    """The series of the ways out; none without such."""
    if not views:
        return []
    names = tuple([(view.id,) for view in views])
    return [
        (SIGHT_UP, names, [float(view.is_seeing) for view in views]),
        (SIGHT_LOST, names, [view.lost_s for view in views]),
        (DISCARDED, names, [view.discarded for view in views]),
    ]


def status_of(crews: Mapping[str, tuple[int, CrewStats]], views: tuple[View, ...]) -> ObservingStatus:
    """For `haidang-agent status`, from the crews of `probes` and `devices`: how many each has, and what it did."""
    stats = [each for _, each in crews.values()]
    return ObservingStatus(
        probes=crews["probes"][0] if "probes" in crews else 0,
        devices=crews["devices"][0] if "devices" in crews else 0,
        in_flight=sum(each.in_flight for each in stats),
        late=sum(each.late for each in stats),
        missed=sum(each.missed for each in stats),
        shed=sum(sum(each.shed) for each in stats),
        uplinks=tuple([WayStatus(view.id, view.is_seeing, round(view.lost_s, 1)) for view in views]),
    )
