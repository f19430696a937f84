"""Availability figures over HTTP: to date from the live ledger, every other period, policy and K recomputed from evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from aiohttp import web

from collector.core import budget
from collector.core.budget import Burn
from collector.core.counting import primary_view, resolution
from collector.core.court import Court
from collector.core.figures import Figures, Verdict
from collector.core.intervals import clip, cut
from collector.core.policy import Policy, policy_for
from collector.core.roll import Roll
from collector.core.standing import BURN_WINDOWS
from collector.core.state import View
from collector.core.subject import Subject, SubjectKind
from collector.expose.api import time_text
from collector.expose.availability_query import (
    MAX_RECOMPUTED,
    Asked,
    Choice,
    FiguresQuery,
    asked_for,
    policies_of,
    read_figures,
)
from collector.expose.availability_views import (
    Answer,
    Counted,
    FiguresView,
    figures_view,
    period_view,
    policy_texts,
)
from collector.expose.ledger_desk import EDGE_TIMEOUT_MS, LedgerDesk, breathing
from collector.expose.requests import RequestError, json_answer
from collector.expose.words import Nothing

_USUAL: Final = 100
Rows = list[FiguresView]


class Availability:
    """The handler of `/api/v1/availability`."""

    def __init__(self, desk: LedgerDesk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.Response:
        """See the module. Raises `RequestError`, `change.StoreError`."""
        query = read_figures(request.query.items())
        policies = policies_of(query)
        now_ms = self._desk.now_ms()
        asked = asked_for(query, self._desk.zone, now_ms, default="month")
        choice = Choice(query.subject, query.site, query.group, query.class_, query.kind)
        choice.check(self._desk.ledger.roll)
        async with self._desk.deadline():
            found = None
            if asked.window and not asked.is_as_of and policies == (None,):
                found = await self._live(query, choice, asked)
            is_live = found is not None
            rows, after = found or await self._recomputed(query, choice, asked, policies)
        return json_answer(
            Answer(
                time_text(now_ms), time_text(asked.known_ms), is_live, self._desk.zone.key,
                period_view(asked.name, asked.period, asked.known_ms), rows, policy_texts({row.policy for row in rows}), after,
            )
        )  # fmt: skip

    # --- from the live ledger

    async def _live(self, query: FiguresQuery, choice: Choice, asked: Asked) -> tuple[Rows, str] | None:
        """None if a subject is out of service, of which the live ledger knows nothing."""
        ledger, now_ms = self._desk.ledger, asked.known_ms
        ids, after = _paged(choice.of(ledger.roll, gone=False), query, query.limit or _USUAL)
        if any(id_ not in ledger.pages for id_ in ids):
            return None
        rows: Rows = []
        async for id_ in breathing(ids):
            if id_ not in ledger.pages:
                continue  # it was taken out of the inventory during a breath
            court = ledger.court(now_ms)
            for view in _views(query):
                figures = ledger.window(id_, view, asked.window, now_ms)
                subject = court.roll.subject(id_)
                policy = policy_for(subject.objective, view)
                rows.append(self._row(court, subject, (view, policy), figures, asked))
        return rows, after

    # --- from evidence

    async def _recomputed(
        self, query: FiguresQuery, choice: Choice, asked: Asked, policies: tuple[Policy | None, ...]
    ) -> tuple[Rows, str]:
        limit = query.limit or min(_USUAL, MAX_RECOMPUTED)
        if limit > MAX_RECOMPUTED:
            raise RequestError(422, "too_many", f"expected a limit of at most {MAX_RECOMPUTED} where figures are recomputed")
        after = ""

        def choose(roll: Roll) -> list[str]:
            nonlocal after
            ids, after = _paged([id_ for id_ in choice.of(roll, gone=True) if _served(roll, id_, asked)], query, limit)
            return ids

        rows: Rows = []
        async with self._desk.court(choose, asked.period, asked.known_ms) as (court, _, ids):
            known = self._desk.ledger.roll
            missing = [id_ for id_ in query.subject if id_ not in ids and id_ > query.after and not after]
            rows += [self._unknown_then(known, (id_, view), asked) for id_ in missing for view in _views(query)]
            async for id_, view, policy in breathing(_triples(ids, query, policies)):
                figures = court.figures(id_, view, asked.period, policy)
                subject = court.roll.subject(id_)
                used = policy or policy_for(subject.objective, view)
                rows.append(self._row(court, subject, (view, used), figures, asked))
        return sorted(rows, key=lambda row: row.subject), after

    def _unknown_then(self, roll: Roll, key: tuple[str, View], asked: Asked) -> FiguresView:
        """What was asked for by name and was not configured in the period as of K."""
        id_, view = key
        subject = roll.subject(id_)
        was_served = bool(clip(roll.scope(id_), *asked.period))
        why = Nothing.NOT_KNOWN_THEN if was_served else Nothing.NOT_IN_SERVICE
        nothing = Figures(*(0,) * 11, subject.objective.slo)
        counted = Counted(view, policy_for(subject.objective, view).name, nothing, False, {}, None, None, why)
        return figures_view(subject, counted, self._desk.settings.printing)

    def _row(self, court: Court, subject: Subject, how: tuple[View, Policy], figures: Figures, asked: Asked) -> FiguresView:
        view, policy = how
        is_sum = subject.group is not None and (
            court.roll.is_pool(subject.id) or (subject.kind is SubjectKind.SITE and view is View.DEVICE)
        )
        counted = Counted(
            view,
            policy.name,
            figures,
            primary_view(court.roll, subject) is view,
            {} if is_sum else _burn(court, subject.id, (view, policy), min(asked.known_ms, asked.period[1])),
            figures.soft_fail,
            None if is_sum else resolution(court.roll, subject, (EDGE_TIMEOUT_MS, {})),
            nothing_in(court, subject, figures, asked) if figures.verdict is Verdict.NO_DATA else None,
        )
        return figures_view(subject, counted, self._desk.settings.printing)


def nothing_in(court: Court, subject: Subject, figures: Figures, asked: Asked) -> Nothing:
    """Why there is no figure (R12.1)."""
    if asked.period[0] >= asked.known_ms:
        return Nothing.NOT_BEGUN
    if figures.ast:
        if figures.ast == figures.maintenance:
            return Nothing.MAINTENANCE
        return Nothing.UNREACHABLE if figures.unreachable else Nothing.NO_EVIDENCE
    served = clip(court.scope(subject.id), asked.period[0], min(asked.period[1], asked.known_ms))
    if not served:
        return Nothing.NOT_IN_SERVICE
    hours = court.hours_within(subject.id, asked.period)
    return Nothing.OUT_OF_HOURS if hours is not None and not cut(served, hours) else Nothing.NO_MEMBERS


def _burn(court: Court, id_: str, how: tuple[View, Policy], until_ms: int) -> Mapping[str, Burn]:
    """Burn rates until a moment (R14.2)."""
    view, policy = how
    spans = court.spans(id_, view)
    question = court.question(id_, view, (until_ms - max(BURN_WINDOWS.values()), until_ms), policy)
    return {name: budget.burn(spans, question, until_ms - ms, until_ms) for name, ms in BURN_WINDOWS.items()}


def _served(roll: Roll, id_: str, asked: Asked) -> bool:
    """Whether it is worth a row: in service in the period, or there at present."""
    return not roll.is_gone(id_) or bool(clip(roll.scope(id_), *asked.period))


def _triples(
    ids: Sequence[str], query: FiguresQuery, policies: tuple[Policy | None, ...]
) -> Iterator[tuple[str, View, Policy | None]]:
    return ((id_, view, policy) for id_ in ids for view in _views(query) for policy in policies)


def _views(query: FiguresQuery) -> tuple[View, ...]:
    return tuple(View) if query.view is None else (query.view,)


def _paged(ids: list[str], query: FiguresQuery, limit: int) -> tuple[list[str], str]:
    """The page of the ids that the query means, and the `after` of the next one."""
    left = [id_ for id_ in ids if id_ > query.after]
    return left[:limit], left[limit - 1] if len(left) > limit else ""
