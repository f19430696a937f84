"""The collector's page: the fleet's states, its agents, ingest and the process itself, by the table in `names`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from agent.model import LossReason
from collector.core.fleet import Fleet, Target
from collector.core.histogram import Histogram
from collector.core.life import Judgement
from collector.core.refusal import RefusalCode
from collector.core.state import State
from collector.core.tally import AgentTally, LaneTally, Tally
from collector.expose.ledger_page import LedgerPage
from collector.expose.ledger_port import LedgerPort
from collector.expose.names import NAMES, heading
from collector.expose.paging_page import notify_families, notify_histograms, page_families, page_histograms
from collector.expose.polling_page import poll_families, poll_histograms, trap_families
from collector.expose.probing_page import probe_families, probe_histograms, sight_families
from collector.expose.stream import Chunk
from collector.expose.templates import escape_label, number, tail_of

STEP_TARGETS = 400
"""Targets rendered between two breaths."""

T = TypeVar("T")
Line = tuple[str, float]
"""Labels beyond the target's (`state="up",`) and the value."""


class OwnPage:
    """Renders `/metrics`. `conflicts` answers how many names agents report with more than one type; without a `ledger` its
    families are absent."""

    def __init__(
        self,
        fleet: Fleet,
        version: str,
        ready: Callable[[], str],
        conflicts: Callable[[], int],
        ledger: LedgerPort | None = None,
    ) -> None:
        self._fleet = fleet
        self._version = version
        self._ready = ready
        self._conflicts = conflicts
        self._ledger = LedgerPage(ledger) if ledger is not None else None
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)

    def page(self, now_ms: int, *, openmetrics: bool) -> Iterator[Chunk]:
        """The page in chunks; each takes the event loop for a few milliseconds at most."""
        judged: list[tuple[Target, Judgement]] = []
        for target in list(self._fleet):
            judged.append((target, self._fleet.judge(target, now_ms)))
            if len(judged) % STEP_TARGETS == 0:
                yield b""
        for name, lines in _target_families(now_ms):
            yield from _per_target(name, judged, lines, openmetrics)
        agents = [
            (target, tally) for target, _ in judged if (tally := self._fleet.tally.agents.get(target.info.id)) is not None
        ]
        for name, agent_lines in _agent_families(now_ms):
            yield from _per_target(name, agents, agent_lines, openmetrics)
        if self._ledger is not None:
            yield from self._ledger.page(now_ms, openmetrics=openmetrics)
        yield self._plain(judged, openmetrics)
        yield _paging(self._fleet.tally, now_ms, openmetrics)
        make: Callable[[CollectorRegistry], bytes] = generate_openmetrics if openmetrics else generate_latest
        yield make(self._process)

    def _plain(self, judged: list[tuple[Target, Judgement]], openmetrics: bool) -> bytes:
        tally = self._fleet.tally
        states = dict.fromkeys(State, 0)
        for _, judgement in judged:
            states[judgement.state] += 1
        book = self._fleet.book
        parts = [
            _family("haidang_build_info", [(f'version="{escape_label(self._version)}"', 1)], openmetrics),
            _family("haidang_collector_ready", [("", 0 if self._ready() else 1)], openmetrics),
            _family("haidang_targets", [(f'state="{state}"', count) for state, count in states.items()], openmetrics),
            _family("haidang_schemas", [("", len(book))], openmetrics),
            _family("haidang_schema_text_bytes", [("", book.text_bytes)], openmetrics),
            _family("haidang_family_conflicts", [("", self._conflicts())], openmetrics),
            *(_family(name, lines, openmetrics) for name, lines in _ingest_families(tally)),
            _histogram("haidang_ingest_commit_duration_seconds", tally.commits, openmetrics),
        ]
        if tally.snmp is not None:
            parts += [_family(name, lines, openmetrics) for name, lines in poll_families(tally.snmp)]
            parts += [_histogram(name, histogram, openmetrics) for name, histogram in poll_histograms(tally.snmp)]
        if tally.probes is not None:
            parts += [_family(name, lines, openmetrics) for name, lines in probe_families(tally.probes)]
            parts += [_histogram(name, histogram, openmetrics) for name, histogram in probe_histograms(tally.probes)]
        if tally.sight is not None:
            parts += [_family(name, lines, openmetrics) for name, lines in sight_families(tally.sight())]
        if tally.traps is not None:
            parts += [_family(name, lines, openmetrics) for name, lines in trap_families(tally.traps)]
        return b"".join(parts)


def _paging(tally: Tally, now_ms: int, openmetrics: bool) -> bytes:
    parts: list[bytes] = []
    if tally.pages is not None:
        parts += [_family(name, lines, openmetrics) for name, lines in page_families(tally.pages)]
        parts += [_histogram(name, histogram, openmetrics) for name, histogram in page_histograms(tally.pages)]
    if tally.notify is not None:
        parts += [_family(name, lines, openmetrics) for name, lines in notify_families(tally.notify, now_ms)]
        parts += [_histogram(name, histogram, openmetrics) for name, histogram in notify_histograms(tally.notify)]
    return b"".join(parts)


def _target_families(now_ms: int) -> list[tuple[str, Callable[[Target, Judgement], Iterable[Line]]]]:
    def states(_: Target, judgement: Judgement) -> Iterable[Line]:
        return [(f'state="{state}",', 1.0 if judgement.state is state else 0.0) for state in State]

    def since(_: Target, judgement: Judgement) -> Iterable[Line]:
        return [("", judgement.since_ms / 1000)] if judgement.since_ms else []

    def age(target: Target, _: Judgement) -> Iterable[Line]:
        return [("", max(0, now_ms - target.life.last_ms) / 1000)] if target.life is not None else []

    return [
        ("haidang_target_state", states),
        ("haidang_target_state_since_timestamp_seconds", since),
        ("haidang_target_last_report_age_seconds", age),
    ]


def _agent_families(now_ms: int) -> list[tuple[str, Callable[[Target, AgentTally], Iterable[Line]]]]:
    def info(_: Target, agent: AgentTally) -> Iterable[Line]:
        return [(f'version="{escape_label(agent.version)}",', 1.0)] if agent.version else []

    def lanes(value: Callable[[AgentTally, LaneTally], float]) -> Callable[[Target, AgentTally], Iterable[Line]]:
        return lambda _, agent: [(f'lane="{lane}",', value(agent, entry)) for lane, entry in agent.lanes.items()]

    def age(agent: AgentTally, lane: LaneTally) -> float:
        return max(0, now_ms - (lane.caught_up_ms or agent.first_ms)) / 1000

    def offset(_: Target, agent: AgentTally) -> Iterable[Line]:
        return [] if agent.clock_offset_ms is None else [("", agent.clock_offset_ms / 1000)]

    def lost(_: Target, agent: AgentTally) -> Iterable[Line]:
        # Every reason from the start, so that `increase()` sees the first loss.
        return [(f'reason="{reason}",', agent.lost.get(reason, 0)) for reason in LossReason]

    def orders(_: Target, agent: AgentTally) -> Iterable[Line]:
        # Tags are made of digits and small letters.
        return [(f'tag="{agent.orders}",refused="{agent.orders_refused}",', 1.0)] if agent.orders else []

    def current(_: Target, agent: AgentTally) -> Iterable[Line]:
        return [("", float(agent.orders_state == "current"))] if agent.orders and agent.orders_offered else []

    return [
        ("haidang_agent_info", info),
        ("haidang_agent_orders_info", orders),
        ("haidang_agent_orders_current", current),
        ("haidang_agent_watermark_age_seconds", lanes(age)),
        ("haidang_agent_backlog_reports", lanes(lambda _, lane: max(0, lane.produced - lane.acknowledged))),
        ("haidang_agent_held_reports", lanes(lambda _, lane: lane.held_reports)),
        ("haidang_agent_held_bytes", lanes(lambda _, lane: lane.held_bytes)),
        ("haidang_agent_clock_offset_seconds", offset),
        ("haidang_agent_lost_reports_total", lost),
        ("haidang_agent_identity_conflicts_total", lambda _, agent: [("", agent.conflicts)]),
    ]


def _ingest_families(tally: Tally) -> list[tuple[str, list[Line]]]:
    def by(label: str, counts: dict[str, int]) -> list[Line]:
        return [(f'{label}="{escape_label(key)}"', count) for key, count in sorted(counts.items())]

    reloads = {"ok": tally.reloads, "refused": tally.reload_failures}
    scrapes: list[Line] = [
        (f'page="{escape_label(page)}",code="{code}"', count) for (page, code), count in sorted(tally.scrapes.items())
    ]
    return [
        ("haidang_collector_blind_seconds_total", [("", tally.blind_ms / 1000)]),
        ("haidang_config_reloads_total", by("result", reloads)),
        ("haidang_ingest_requests_total", by("code", {str(code): count for code, count in tally.requests.items()})),
        ("haidang_ingest_received_bytes_total", [("", tally.received_bytes)]),
        ("haidang_ingest_batches_total", [("", tally.batches)]),
        ("haidang_ingest_reports_total", [("", tally.reports)]),
        ("haidang_ingest_samples_total", [("", tally.samples)]),
        ("haidang_ingest_duplicate_reports_total", [("", tally.duplicates)]),
        ("haidang_ingest_late_reports_total", [("", tally.late)]),
        ("haidang_ingest_refused_reports_total", by("reason", dict.fromkeys(RefusalCode, 0) | tally.refused)),
        ("haidang_ingest_refused_schemas_total", [("", tally.schemas_refused)]),
        ("haidang_ingest_orphan_reports_total", [("", tally.orphan_reports)]),
        ("haidang_ingest_older_reports_total", [("", tally.older_reports)]),
        ("haidang_ingest_dropped_blocks_total", by("reason", tally.dropped_blocks)),
        ("haidang_ingest_commit_failures_total", [("", tally.commit_failures)]),
        ("haidang_ingest_queue_batches", [("", tally.queue_depth)]),
        ("haidang_ingest_queue_limit_batches", [("", tally.queue_limit)]),
        ("haidang_scrapes_total", scrapes),
    ]


def _per_target(
    name: str, rows: list[tuple[Target, T]], lines: Callable[[Target, T], Iterable[Line]], openmetrics: bool
) -> Iterator[bytes]:
    start = heading(NAMES[name], openmetrics)
    for index in range(0, len(rows), STEP_TARGETS):
        texts = []
        for target, value in rows[index : index + STEP_TARGETS]:
            if not target.tail:
                target.tail = tail_of(target.info)
            tail = target.tail.decode()
            texts.extend([f"{name}{{{labels}{tail}{number(figure)}\n" for labels, figure in lines(target, value)])
        if texts:
            yield start + "".join(texts).encode()
            start = b""


def _family(name: str, lines: list[Line], openmetrics: bool) -> bytes:
    texts = [f"{name}{{{labels}}} {number(value)}\n" if labels else f"{name} {number(value)}\n" for labels, value in lines]
    return heading(NAMES[name], openmetrics) + "".join(texts).encode() if texts else b""


def _histogram(name: str, histogram: Histogram, openmetrics: bool) -> bytes:
    total, lines = 0, []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        total += count
        lines.append(f'{name}_bucket{{le="{number(bound)}"}} {total}\n')
    lines.append(f"{name}_sum {number(histogram.sum)}\n{name}_count {total}\n")
    return heading(NAMES[name], openmetrics) + "".join(lines).encode()
