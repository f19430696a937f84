"""Plain counts of the collector's own notifications, which the exposition reads; ints to increment, nothing that formats."""

from __future__ import annotations

import msgspec

from collector.core.histogram import Histogram

NOTIFY_BOUNDS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0)


class Last(msgspec.Struct):
    """How deliveries to one receiver ended last, since the start; milliseconds UTC."""

    success_ms: int | None = None
    failure_ms: int | None = None
    error: str = ""
    """`class: text` of the last failure, without secrets."""


class NotifyTally(msgspec.Struct):
    """Everything counted since the collector notifies. What is a gauge is of the last look at the outbox."""

    sent: dict[str, int] = {}
    """Deliveries that were confirmed, by kind of receiver."""
    failed: dict[tuple[str, str], int] = {}
    """Attempts that failed, by kind of receiver and word of `channel.Failure`."""
    dead: int = 0
    """Events given up."""
    handed: int = 0
    """Events with which a second channel was asked."""
    remarks: int = 0
    """Deliveries with a remark: a template failed and the default text was sent."""
    attempt_s: Histogram = msgspec.field(default_factory=lambda: Histogram.of(NOTIFY_BOUNDS_S))
    """Seconds of an attempt."""
    waited_s: Histogram = msgspec.field(default_factory=lambda: Histogram.of(NOTIFY_BOUNDS_S))
    """Seconds from the writing of an event to its confirmation."""
    last: dict[str, Last] = {}
    """By receiver."""
    in_flight: int = 0
    pending: int = 0
    """Rows in the outbox that were not sent yet."""
    dead_rows: int = 0
    """Dead letters that nobody has dealt with."""
    oldest_ms: int | None = None
    """When the oldest unsent event was written, milliseconds UTC; None: there is none."""
    store_errors: int = 0
    """Times that the outbox could not be read or written."""

    def count_sent(self, kind: str, attempt_s: float, waited_s: float) -> None:
        """An event was confirmed."""
        self.sent[kind] = self.sent.get(kind, 0) + 1
        self.attempt_s.observe(attempt_s)
        self.waited_s.observe(max(waited_s, 0.0))

    def count_failed(self, kind: str, failure: str, attempt_s: float) -> None:
        """An attempt failed."""
        self.failed[kind, failure] = self.failed.get((kind, failure), 0) + 1
        self.attempt_s.observe(attempt_s)
