"""The part of the collector's page that tells of its own probing and of its sight, by the table in `names`."""

from __future__ import annotations

from collector.core.histogram import Histogram
from collector.core.poll_view import WayOut
from collector.core.probe_tally import ProbeTally
from collector.expose.templates import escape_label

Lines = list[tuple[str, float]]


def probe_families(tally: ProbeTally) -> list[tuple[str, Lines]]:
    """Every plain family of probing."""
    runs: Lines = [
        (f'kind="{escape_label(kind)}",outcome="{outcome}"', count) for (kind, outcome), count in sorted(tally.runs.items())
    ]
    slow: Lines = [
        (f'instance="{escape_label(target)}",module="{escape_label(name)}"', count)
        for (target, name), count in sorted(tally.slow.items())
    ]
    return [
        ("haidang_probe_jobs", [("", tally.jobs)]),
        ("haidang_probe_runs_total", runs),
        ("haidang_probe_late_runs_total", [("", tally.late)]),
        ("haidang_probe_missed_runs_total", [("", tally.missed)]),
        ("haidang_probe_slow_missed_runs", slow),
        ("haidang_probe_shed_total", [(f'priority="{name}"', count) for name, count in tally.shed.items()]),
        ("haidang_probe_in_flight_runs", [("", tally.in_flight)]),
        ("haidang_probe_waiting_runs", [("", tally.waiting)]),
        ("haidang_probe_dropped_results_total", [(f'reason="{name}"', count) for name, count in tally.dropped.items()]),
    ]


def sight_families(ways: tuple[WayOut, ...]) -> list[tuple[str, Lines]]:
    """What is known of the ways out; nothing where there are none."""
    if not ways:
        return []
    lines = [(f'uplink="{escape_label(way.uplink)}"', way) for way in ways]
    return [
        ("haidang_sight_up", [(label, float(way.is_seeing)) for label, way in lines]),
        ("haidang_sight_lost_seconds_total", [(label, way.lost_s) for label, way in lines]),
        ("haidang_sight_discarded_total", [(label, way.discarded) for label, way in lines]),
    ]


def probe_histograms(tally: ProbeTally) -> list[tuple[str, Histogram]]:
    """The histograms of probing."""
    return [("haidang_probe_start_delay_seconds", tally.delays_s)]
