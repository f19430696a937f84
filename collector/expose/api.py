"""Targets as JSON for people's programs and as Prometheus' service discovery. Bytes out; the server does HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

import msgspec

from collector.core.court import Court
from collector.core.fleet import Fleet, Target
from collector.core.state import State, View
from collector.expose.alert_views import AlertView, alert_view, number_in
from collector.expose.figures import FigureReader, Figures
from collector.expose.ledger_port import LedgerPort
from collector.expose.paging_port import PagingDesk
from collector.expose.times import time_text as time_text
from collector.expose.words import LANGUAGES, reason

LIMIT = 1_000
MAX_LIMIT = 10_000


class Module(msgspec.Struct, frozen=True):
    """Last report of one module."""

    module: str
    kind: str
    outcome: str
    reason: str
    detail: str
    at: str
    received: str
    grade: str
    interval_s: float
    series: int
    """Values shown at present."""


class TargetView(msgspec.Struct, frozen=True, omit_defaults=True, rename={"class_": "class"}):
    """One target as `/api/v1/targets` tells it; times are RFC 3339, UTC."""

    id: str
    site: str
    class_: str
    via: str
    state: State
    since: str | None
    why: str
    reason: dict[str, str]
    """The same in words, by language."""
    last_report: str | None
    series: int
    maintenance: bool
    """A maintenance window counts for it now."""
    figures: Figures
    modules: tuple[Module, ...] = ()
    alerts: tuple[AlertView, ...] = ()
    """Its open alerts, and whether anybody was told; absent where all is well."""


class TargetList(msgspec.Struct, frozen=True):
    """A page of targets in the order of ids; `next` is the `after` of the following page, "" at the end."""

    now: str
    targets: list[TargetView]
    next: str


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `/api/v1/targets` may be asked."""

    limit: int = LIMIT
    after: str = ""
    site: str = ""
    class_: str = msgspec.field(default="", name="class")
    state: State | None = None


class QueryError(ValueError):
    """A query that is not understood; the text says what was expected."""


def parse_query(pairs: Iterable[tuple[str, str]]) -> Query:
    """The query string's pairs, checked. Raises `QueryError`."""
    try:
        query = msgspec.convert(dict(pairs), Query, strict=False)
    except msgspec.ValidationError as error:
        raise QueryError(str(error)) from error
    if not 1 <= query.limit <= MAX_LIMIT:
        raise QueryError(f"limit {query.limit}: expected 1 to {MAX_LIMIT}")
    return query


class Api:
    """Views of the fleet; without a `ledger` nobody is under maintenance, without `paging` there are no alerts."""

    def __init__(self, fleet: Fleet, ledger: LedgerPort | None = None, paging: PagingDesk | None = None) -> None:
        self._fleet = fleet
        self._ledger = ledger
        self._paging = paging
        self._figures = FigureReader(fleet.book)

    def find(self, query: Query) -> Iterator[Target]:
        """The targets that a query means, in the order of ids and without its limit."""
        for target in sorted(self._fleet, key=lambda target: target.info.id):
            info = target.info
            if info.id > query.after and query.site in ("", info.site) and query.class_ in ("", info.class_):
                yield target

    def view(self, target: Target, now_ms: int, *, modules: bool = False) -> TargetView:
        """One target; `modules` adds the last report of each."""
        judgement = self._fleet.judge(target, now_ms)
        info, life = target.info, target.life
        shown = {name: _series(target, name, now_ms) for name in target.modules}
        planned = self._is_planned(info.id, now_ms)
        return TargetView(
            id=info.id,
            site=info.site,
            class_=info.class_,
            via=info.via,
            state=judgement.state,
            since=time_text(judgement.since_ms) if judgement.since_ms else None,
            why=judgement.why,
            reason={language: reason(judgement, life, now_ms, language, planned=planned) for language in LANGUAGES},
            last_report=time_text(life.last_ms) if life is not None else None,
            series=sum(shown.values()),
            maintenance=planned,
            figures=self._figures.read(target, now_ms),
            modules=tuple(_module(target, name, count) for name, count in shown.items()) if modules else (),
            alerts=self._alerts(info.id),
        )

    def _alerts(self, id_: str) -> tuple[AlertView, ...]:
        desk = self._paging
        if desk is None or not desk.is_loaded():
            return ()
        found = sorted(desk.alerts_of(id_), key=lambda one: (one.severity.rank, one.since_ms, one.key))
        return tuple(alert_view(one, desk.name_of(id_), number_in(desk, one.incident)) for one in found)

    def _is_planned(self, id_: str, now_ms: int) -> bool:
        if self._ledger is None or not self._ledger.is_loaded or id_ not in self._ledger.pages:
            return False
        return is_planned(self._ledger.court(now_ms), id_, View.DEVICE, now_ms)

    def discovery(self, address: str) -> bytes:
        """Prometheus HTTP service discovery: one entry a target, all at `address` (host:port)."""
        groups = [
            {
                "targets": [address],
                "labels": {
                    "__metrics_path__": f"/metrics/targets/{quote(target.info.id, safe='')}",
                    "instance": target.info.id,
                    "site": target.info.site,
                    "class": target.info.class_,
                },
            }
            for target in self._fleet
        ]
        return msgspec.json.encode(groups)


_HOST = re.compile(r"(?:[0-9A-Za-z](?:[0-9A-Za-z.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?\Z")


def is_address(text: str) -> bool:
    """Is this `host` or `host:port` as a Host header has it?"""
    return _HOST.match(text) is not None


def is_planned(court: Court, id_: str, view: View, t_ms: int) -> bool:
    """Whether a maintenance window counts for a subject just before an instant (R11.1)."""
    return any(a <= t_ms - 1 < b for a, b in court.maintenance(id_, view))


def _series(target: Target, name: str, now_ms: int) -> int:
    live = target.modules[name]
    if live.expires_ms < now_ms:
        return 0
    return sum(len(data) for data, entry in zip(live.values, live.entries, strict=True) if entry is not None) // 8


def _module(target: Target, name: str, series: int) -> Module:
    evidence = target.modules[name].evidence
    assert evidence is not None, "a module is made for its first evidence"
    return Module(
        name, evidence.kind, evidence.outcome, evidence.reason, evidence.detail, time_text(evidence.t_ms),
        time_text(evidence.rx_ms), evidence.grade, evidence.interval_ms / 1000, series,
    )  # fmt: skip
