"""The part of the collector's page that tells of pages, notifications and its own trouble, by the table in `names`."""

from __future__ import annotations

from collector.core.alert import Severity, Trouble
from collector.core.direct_case import Verdict
from collector.core.histogram import Histogram
from collector.core.notify_tally import NotifyTally
from collector.core.page_tally import PageTally, PageView
from collector.expose.templates import escape_label

Lines = list[tuple[str, float]]
_GRAVE = (Severity.CRITICAL, Severity.WARNING)


def page_families(tally: PageTally) -> list[tuple[str, Lines]]:
    """Every plain family of pages."""
    view = tally.view() if tally.view is not None else PageView()
    present = {(one.key.name, one.severity) for one in view.own}
    # Every trouble from the start, so that an alert on it has something to look at.
    troubles = [(trouble.value, severity) for trouble in Trouble for severity in _GRAVE]
    return [
        (
            "haidang_open_incidents",
            [(f'state="{state}",severity="{severity}"', n) for (state, severity), n in sorted(view.incidents.items())],
        ),
        ("haidang_alerts", [(f'kind="{kind}",held="{held}"', count) for (kind, held), count in sorted(view.alerts.items())]),
        ("haidang_silences", [(f'state="{state}"', count) for state, count in view.silences.items()]),
        ("haidang_pager_write_failures_total", [("", tally.write_failures)]),
        ("haidang_heartbeats_total", [(f'outcome="{outcome}"', count) for outcome, count in tally.heartbeats.items()]),
        (
            "haidang_collector_trouble",
            [
                (f'trouble="{name}",severity="{severity}"', float((name, severity) in present))
                for name, severity in sorted({*troubles, *present})
            ],
        ),
        ("haidang_direct_pages_total", [(f'verdict="{one.value}"', tally.direct.get(one.value, 0)) for one in Verdict]),
    ]


def notify_families(tally: NotifyTally, now_ms: int) -> list[tuple[str, Lines]]:
    """Every plain family of notifications."""
    attempts = {(kind, "sent"): count for kind, count in tally.sent.items()} | tally.failed
    oldest_s = max(0, now_ms - tally.oldest_ms) / 1000 if tally.oldest_ms is not None else 0.0
    return [
        ("haidang_outbox_rows", [('state="pending"', tally.pending), ('state="dead"', tally.dead_rows)]),
        ("haidang_outbox_oldest_seconds", [("", oldest_s)]),
        ("haidang_outbox_errors_total", [("", tally.store_errors)]),
        (
            "haidang_notifications_total",
            [
                (f'kind="{escape_label(kind)}",outcome="{escape_label(outcome)}"', count)
                for (kind, outcome), count in sorted(attempts.items())
            ],
        ),
        ("haidang_notifications_in_flight", [("", tally.in_flight)]),
        ("haidang_notifications_dead_total", [("", tally.dead)]),
        ("haidang_notifications_fallback_total", [("", tally.handed)]),
        ("haidang_notifications_remarks_total", [("", tally.remarks)]),
    ]


def page_histograms(tally: PageTally) -> list[tuple[str, Histogram]]:
    """The histograms of pages."""
    return [("haidang_pager_seconds", tally.decisions_s)]


def notify_histograms(tally: NotifyTally) -> list[tuple[str, Histogram]]:
    """The histograms of notifications."""
    return [("haidang_notification_seconds", tally.attempt_s), ("haidang_notification_wait_seconds", tally.waited_s)]
