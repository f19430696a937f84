"""The part of the collector's page that tells of its own polling and of traps, by the table in `names`."""

from __future__ import annotations

from collector.core.histogram import Histogram
from collector.core.poll_tally import PollTally, TrapCounts
from collector.core.poll_view import devices_by_outcome
from collector.expose.templates import escape_label

Lines = list[tuple[str, float]]


def poll_families(tally: PollTally) -> list[tuple[str, Lines]]:
    """Every plain family of polling."""
    return [
        ("haidang_snmp_devices", _by("outcome", devices_by_outcome(tally))),
        ("haidang_snmp_polls_total", _by("outcome", {outcome.value: count for outcome, count in tally.polls.items()})),
        ("haidang_snmp_late_polls_total", [("", tally.late)]),
        ("haidang_snmp_missed_polls_total", [("", tally.missed)]),
        ("haidang_snmp_slow_device_missed_polls", _by("instance", tally.slow)),
        ("haidang_snmp_in_flight_polls", [("", tally.in_flight)]),
        ("haidang_snmp_waiting_polls", [("", tally.waiting)]),
        ("haidang_snmp_requests_total", [("", tally.requests)]),
        ("haidang_snmp_request_timeouts_total", [("", tally.timeouts)]),
        ("haidang_snmp_datagrams_total", _by("kind", tally.answers)),
        ("haidang_snmp_sent_bytes_total", [("", tally.sent_bytes)]),
        ("haidang_snmp_received_bytes_total", [("", tally.received_bytes)]),
        ("haidang_snmp_dropped_results_total", _by("reason", tally.dropped)),
    ]


def poll_histograms(tally: PollTally) -> list[tuple[str, Histogram]]:
    """The histograms of polling."""
    return [("haidang_snmp_poll_seconds", tally.polls_s), ("haidang_snmp_walk_seconds", tally.walks_s)]


def trap_families(counts: TrapCounts) -> list[tuple[str, Lines]]:
    """Every family of traps."""
    return [
        ("haidang_traps_total", _by("outcome", counts.fates)),
        ("haidang_trap_notifications_total", _by("notification", counts.notifications)),
        ("haidang_trap_polls_total", [("", counts.polls)]),
        ("haidang_trap_queue_messages", [("", counts.waiting)]),
        ("haidang_trap_unknown_senders", [("", counts.strangers)]),
        ("haidang_trap_learnt_engines", [("", counts.learnt_engines)]),
    ]


def _by(label: str, counts: dict[str, int]) -> Lines:
    return [(f'{label}="{escape_label(key)}"', count) for key, count in sorted(counts.items())]
