"""What the poller says of its own polls: the series that go with every verdict, the same for all devices."""

from __future__ import annotations

from typing import Final

from agent.model import Family, MetricType, Readings

FAMILIES: Final = (
    Family("haidang_snmp_up", MetricType.GAUGE, "Whether the device answered the last poll."),
    Family("haidang_snmp_poll_duration_seconds", MetricType.GAUGE, "How long the last poll took, until now if it still runs."),
    Family("haidang_snmp_poll_requests", MetricType.GAUGE, "Requests of the last poll."),
    Family(
        "haidang_snmp_walk_truncated", MetricType.GAUGE, "Subtrees and objects of which the last full walk did not read all."
    ),
)
_SINGLE: Final = ((),)


def readings(numbers: tuple[float, float, float, float]) -> Readings:
    """The series with these values, in the order of `FAMILIES`."""
    return [(family, _SINGLE, (number,)) for family, number in zip(FAMILIES, numbers, strict=True)]
