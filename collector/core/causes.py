"""Whose lost time it is: host, link, power, agent, collector or maintenance; the parts add up exactly. Pure.

It tells causes apart by what judgement wrote down (`Why`) and by power trouble at the site, which the caller knows.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from collector.core.intervals import Interval, Intervals, clip, cut, minus, size, union
from collector.core.state import GOOD_STATES, Span, State, Why


class Cause(enum.StrEnum):
    """Where lost time went."""

    HOST = "host"
    LINK = "link"
    POWER = "power"
    AGENT = "agent"
    COLLECTOR = "collector"
    MAINTENANCE = "maintenance"


UNKNOWN_CAUSES: Final[dict[Why, Cause]] = {Why.BLIND: Cause.COLLECTOR, Why.PATH_UNCLEAR: Cause.LINK, Why.PATH: Cause.LINK}
"""Who is to blame for unknown time. Everything else is the silence of whoever had to report."""


def lost(
    spans: Sequence[Span], agreed: Intervals, planned: Intervals = (), *, is_link: bool = False, power: Intervals = ()
) -> dict[str, int]:
    """Lost milliseconds of agreed time by cause: all planned time, and down, unreachable and unknown time outside it. They add
    up to the agreed time less what was up or degraded outside windows.

    `agreed` is the period within scope and hours; `is_link`: the subject is a line, so that its outages are the link's;
    `power`: power trouble at its site (`power_trouble`, a UPS). An outage with a reboot in it that was not announced, at a
    time of power trouble, is power's. Agreed time that no span speaks for is unknown because of silence.
    """
    out = {cause.value: 0 for cause in Cause}
    out[Cause.MAINTENANCE] = size(cut(agreed, planned))
    counted = minus(agreed, planned)
    left = size(counted)
    at = 0
    for from_ms, to_ms, cause in attributed(spans, is_link=is_link, power=power):
        while at < len(counted) and counted[at][1] <= from_ms:
            at += 1
        i = at
        while i < len(counted) and counted[i][0] < to_ms:
            length = min(to_ms, counted[i][1]) - max(from_ms, counted[i][0])
            left -= length
            if cause is not None:
                out[cause] += length
            i += 1
    out[Cause.AGENT] += left
    return out


def attributed(
    spans: Sequence[Span], *, is_link: bool = False, power: Intervals = ()
) -> Iterator[tuple[int, int, Cause | None]]:
    """Every span with the cause of its loss, in order; None for time that is not lost."""
    dark = _power_outages(spans, power)
    at = 0
    for span in spans:
        while at < len(dark) and dark[at][1] <= span.from_ms:
            at += 1
        by_power = at < len(dark) and dark[at][0] <= span.from_ms
        yield span.from_ms, span.to_ms, _cause(span, is_link, by_power)


def main_cause(spans: Sequence[Span], pieces: Intervals, *, is_link: bool = False, power: Intervals = ()) -> Cause:
    """The cause of most of an incident's charged time (R13.5); of equal ones the first of `Cause`."""
    shares = lost(spans, pieces, is_link=is_link, power=power)
    return max(Cause, key=lambda cause: shares[cause])


def power_trouble(reboots: Mapping[str, Intervals], outages: Iterable[Intervals] = ()) -> list[Interval]:
    """When a site's power was in trouble, as its boot records show: while two of its targets were in unannounced reboots
    (`reboots`, by target, from the last evidence of one boot to the first of the next), or one was while a parent was out."""
    edges = sorted([edge for one in reboots.values() for a, b in union(one) for edge in ((a, 1), (b, -1))])
    several: list[Interval] = []
    held = 0
    for (t, step), (after, _) in pairwise(edges):
        held += step
        if held >= 2:
            several.append((t, after))
    parents = union(interval for one in outages for interval in one)
    return union([*several, *cut(union(interval for one in reboots.values() for interval in one), parents)])


def reboots_of(spans: Sequence[Span], from_ms: int, to_ms: int) -> list[Interval]:
    """A target's unannounced reboots in a period, for `power_trouble`."""
    return clip(union((span.from_ms, span.to_ms) for span in spans if _rebooted(span)), from_ms, to_ms)


def _rebooted(span: Span) -> bool:
    return span.state is State.DOWN and span.why is Why.REBOOT


def _power_outages(spans: Sequence[Span], power: Intervals) -> list[Interval]:
    """Outages, unbroken time down, with an unannounced reboot at a time of power trouble."""
    if not power:
        return []
    dark = cut(reboots_of(spans, spans[0].from_ms, spans[-1].to_ms), power) if spans else []
    out: list[Interval] = []
    at = 0
    for a, b in union((span.from_ms, span.to_ms) for span in spans if span.state is State.DOWN) if dark else []:
        while at < len(dark) and dark[at][1] <= a:
            at += 1
        if at < len(dark) and dark[at][0] < b:
            out.append((a, b))
    return out


def _cause(span: Span, is_link: bool, by_power: bool) -> Cause | None:
    if span.state in GOOD_STATES:
        return None
    if span.state is State.UNREACHABLE:
        return Cause.LINK
    if span.state is State.UNKNOWN:
        return UNKNOWN_CAUSES.get(span.why, Cause.AGENT)
    return Cause.POWER if by_power else Cause.LINK if is_link else Cause.HOST
