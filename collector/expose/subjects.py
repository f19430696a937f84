"""Subjects of the ledger over HTTP: what they are and how they stand, their spans and incidents. It only puts into words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from collector.core.acts import instant_ms
from collector.core.blame import links_of, power_by_site
from collector.core.counting import primary_view
from collector.core.court import Court
from collector.core.explanation import Episode, Explanation, Sources, Told, ViewTold, Wanted, explain
from collector.core.incidents import Incident
from collector.core.policy import policy_for
from collector.core.printing import ratio
from collector.core.roll import Roll
from collector.core.state import State, View
from collector.core.subject import Subject, SubjectKind
from collector.expose.api import is_planned, time_text
from collector.expose.availability_query import Asked, Choice, HistoryQuery, SubjectsQuery, asked_for, read_history
from collector.expose.availability_views import Objective, Period, Text, period_view
from collector.expose.ledger_desk import EDGE_TIMEOUT_MS, LedgerDesk, breathing
from collector.expose.ledger_port import BenchPort
from collector.expose.requests import RequestError, json_answer, read_query
from collector.expose.words import LANGUAGES, WHY

PEERS: Final = 200
"""Targets of the same site that are judged with it, so that power trouble shows; at larger sites it is not looked for."""


class NowView(msgspec.Struct, frozen=True):
    """One view at present; a pool has no state."""

    state: State | None
    since: str | None
    why: str
    reason: Text
    maintenance: bool


class SubjectView(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """A subject as configuration has it and as it stands."""

    id: str
    kind: str
    site: str
    class_: str
    labels: dict[str, str]
    objective: Objective
    policies: dict[View, str]
    calendar: str
    """"": 24/7 (R12.4)."""
    merge_gap_s: float
    rule: str
    """How members make the group; "" for what is none."""
    members: tuple[str, ...]
    parents: tuple[tuple[str, ...], ...]
    """AND of OR-groups (R7.1)."""
    interval_s: float
    in_service_since: str | None
    views: dict[View, NowView]


class SubjectList(msgspec.Struct, frozen=True):
    """A page of subjects in the order of ids; `next` is the `after` of the following page, "" at the end."""

    now: str
    subjects: list[SubjectView]
    next: str


class SpanView(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A part of one span that counts in one way."""

    from_: str
    to: str
    ms: int
    state: State
    why: str
    reason: Text
    rule: str
    """The rule that made it so."""
    grade: str
    """Of the evidence behind it (3.9)."""
    cause: str
    """Whose lost time it is; "" where nothing is lost."""
    counts: str
    """`good`, `bad`, `excluded`, or the overlay it lies under: `maintenance`, `out_of_hours`."""
    windows: tuple[str, ...]
    correction: str
    observed: State | None
    """What was observed under the correction."""


class IncidentView(msgspec.Struct, frozen=True):
    """One incident (R13.5)."""

    onset: str
    confirmed: str | None
    """None: it had not to be, or it is not known (R4.1)."""
    last: str
    """End of its last charged time."""
    restored: str | None
    charged_ms: int
    """Within the period."""
    charged_whole_ms: int
    started_before: bool
    cause: str
    why: str
    reason: Text
    grade: str


class History(msgspec.Struct, frozen=True, omit_defaults=True):
    """Spans or incidents of one view; `next` is the `after` of the following page, "" at the end."""

    now: str
    as_of: str
    zone: str
    subject: str
    view: View
    policy: str
    period: Period
    next: str
    spans: list[SpanView] | None = None
    incidents: list[IncidentView] | None = None


class Subjects:
    """The handlers of `/api/v1/subjects` and what is below."""

    def __init__(self, desk: LedgerDesk) -> None:
        self._desk = desk

    async def listing(self, request: web.Request) -> web.Response:
        """What the ledger has a page for. Raises `RequestError`."""
        query = read_query(request.query.items(), SubjectsQuery)
        ledger, now_ms = self._desk.ledger, self._desk.now_ms()
        choice = Choice((), query.site, query.group, query.class_, query.kind)
        choice.check(ledger.roll)
        left = [id_ for id_ in choice.of(ledger.roll, gone=False) if id_ > query.after and id_ in ledger.pages]
        views = [self._view(id_, now_ms) async for id_ in breathing(left[: query.limit]) if id_ in ledger.pages]
        return json_answer(SubjectList(time_text(now_ms), views, left[query.limit - 1] if len(left) > query.limit else ""))

    async def show(self, request: web.Request) -> web.Response:
        """One of them. Raises `RequestError` (404, also for one that is out of service)."""
        id_ = request.match_info["id"]
        if id_ not in self._desk.ledger.pages:
            raise RequestError(404, "unknown_subject", "no subject has this id at present", value=id_)
        return json_answer(self._view(id_, self._desk.now_ms()))

    async def spans(self, request: web.Request) -> web.Response:
        """Every stretch of a period with its state, reason, grade, cause and what it counts as. Raises `RequestError`."""
        query, asked, told, _ = await self._explained(request)
        after_ms = _after(query)
        left = [one for one in told.spans if one.to_ms > after_ms]
        shown = left[: query.limit]
        more = time_text(shown[-1].to_ms) if len(left) > len(shown) else ""
        return self._history(request, asked, told, more, spans=[_span_view(one) for one in shown])

    async def incidents(self, request: web.Request) -> web.Response:
        """Every incident with charged time in a period (R13.2). Raises `RequestError`."""
        query, asked, told, found = await self._explained(request)
        after_ms = _after(query)
        left = [pair for pair in zip(told.incidents, found, strict=True) if pair[1].last_ms > after_ms]
        shown = left[: query.limit]
        more = time_text(shown[-1][1].last_ms) if len(left) > len(shown) else ""
        views = [_incident_view(one, full, asked) for one, full in shown]
        return self._history(request, asked, told, more, incidents=views)

    # --- parts

    def _view(self, id_: str, now_ms: int) -> SubjectView:
        ledger = self._desk.ledger
        subject = ledger.roll.subject(id_)
        objective, group = subject.objective, subject.group
        slo = objective.slo
        served = [a for a, b in ledger.roll.scope(id_) if a <= now_ms < b]
        return SubjectView(
            id_, subject.kind.value, subject.site, subject.class_ or subject.kind.value, dict(subject.labels),
            Objective(objective.slo_ppm, {language: ratio(slo, language) for language in LANGUAGES}),
            {view: policy_for(objective, view).name for view in View}, objective.calendar, objective.merge_gap_ms / 1000,
            group.rule.value if group is not None else "", group.members if group is not None else (), subject.rules.parents,
            subject.rules.interval_ms / 1000, time_text(served[0]) if served and served[0] > 0 else None,
            {view: self._now(id_, view, now_ms) for view in View},
        )  # fmt: skip

    def _now(self, id_: str, view: View, now_ms: int) -> NowView:
        ledger = self._desk.ledger
        planned = is_planned(ledger.court(now_ms), id_, view, now_ms)
        if ledger.roll.is_pool(id_):
            return NowView(None, None, "", {}, planned)
        span = ledger.state(id_, view, now_ms)
        since = time_text(span.from_ms) if span.from_ms > 0 else None
        return NowView(span.state, since, span.why.value, WHY[span.why], planned)

    async def _explained(self, request: web.Request) -> tuple[HistoryQuery, Asked, ViewTold, Sequence[Incident]]:
        """One view of a subject, explained, and its incidents in full."""
        desk, id_ = self._desk, request.match_info["id"]
        query = read_history(request.query.items())
        Choice((id_,)).check(desk.ledger.roll)
        asked = asked_for(query, desk.zone, desk.now_ms(), default="day")
        async with desk.deadline(), desk.court(lambda roll: _with_peers(roll, id_), asked.period, asked.known_ms) as found:
            court, bench, ids = found
            if id_ not in ids:
                detail = "by what was known then, no subject of this id was configured in this period"
                raise RequestError(404, "unknown_subject", detail, value=id_)
            view = query.view or _deciding(court, id_)
            told = _explain(court, bench, id_, (view, asked), with_power=len(ids) > 1).views[0]
            incidents = court.incidents(id_, view, asked.period) if told.incidents else []
        return query, asked, told, incidents

    def _history(
        self,
        request: web.Request,
        asked: Asked,
        told: ViewTold,
        more: str,
        *,
        spans: list[SpanView] | None = None,
        incidents: list[IncidentView] | None = None,
    ) -> web.Response:
        desk = self._desk
        return json_answer(
            History(
                time_text(desk.now_ms()), time_text(asked.known_ms), desk.zone.key, request.match_info["id"], told.view,
                told.policy, period_view(asked.name, asked.period, asked.known_ms), more, spans, incidents,
            )
        )  # fmt: skip


def _with_peers(roll: Roll, id_: str) -> list[str]:
    """The subject, and the targets of its site, whose reboots tell of its power."""
    if id_ not in roll:
        return []
    subject = roll.subject(id_)
    if not subject.site or subject.kind is SubjectKind.AGENT:
        return [id_]
    peers = [other for other in roll.ids if other != id_ and _is_target_at(roll.subject(other), subject.site)]
    return [id_, *peers] if len(peers) < PEERS else [id_]


def _is_target_at(subject: Subject, site: str) -> bool:
    return subject.kind is SubjectKind.TARGET and subject.site == site


def _explain(court: Court, bench: BenchPort, id_: str, what: tuple[View, Asked], *, with_power: bool) -> Explanation:
    view, asked = what
    judge = bench.judges.get(id_)
    power = power_by_site(court, {}, links_of(court.roll)) if with_power else {}
    sources = Sources(
        asked.known_ms,
        confirmed={view: judge.confirmed(view, asked.known_ms)} if judge is not None else {},
        soft={view: judge.soft_runs(view)} if judge is not None else {},
        power=power,
    )
    return explain(court, Wanted(id_, asked.name, asked.period, (view,), timeout_ms=EDGE_TIMEOUT_MS), sources)


def _deciding(court: Court, id_: str) -> View:
    return primary_view(court.roll, court.roll.subject(id_))


def _after(query: HistoryQuery) -> int:
    return -(1 << 60) if query.after is None else instant_ms(query.after)


def _span_view(one: Told) -> SpanView:
    return SpanView(
        time_text(one.from_ms), time_text(one.to_ms), one.to_ms - one.from_ms, one.state, one.why.value, WHY[one.why], one.rule,
        one.grade, one.cause, one.counts, one.windows, one.correction, one.observed,
    )  # fmt: skip


def _incident_view(one: Episode, full: Incident, asked: Asked) -> IncidentView:
    return IncidentView(
        time_text(one.onset_ms), time_text(one.hard_ms) if one.hard_ms else None, time_text(full.last_ms),
        time_text(one.restored_ms) if one.restored_ms else None, one.charged_ms, full.charged_ms,
        one.onset_ms < asked.period[0], one.cause, full.why.value, WHY[full.why], full.grade,
    )  # fmt: skip
