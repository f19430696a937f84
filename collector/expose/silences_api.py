"""The API of silences: lists, a new one, and one ended before its time."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from collector.core.acts import instant_ms
from collector.core.paging_answers import SilencePlan
from collector.core.silence_acts import parse_matchers
from collector.core.silencing import Silence
from collector.expose.incidents_views import SilenceIn, SilenceList, SilenceView, silence_view
from collector.expose.paging_gate import PagingGate
from collector.expose.requests import json_answer, read_body, read_query


class _ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status: Literal["", "current"] = ""
    """`current`: those that are not over."""
    before: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class _ExpireIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    comment: Annotated[str, Meta(max_length=500)] = ""


class Silences:
    """The handlers."""

    def __init__(self, gate: PagingGate) -> None:
        self._gate = gate

    async def listing(self, request: web.Request) -> web.Response:
        """Newest first; those that are not over are told from memory, without the database."""
        await self._gate.reader(request)
        query = read_query(request.query.items(), _ListQuery)
        now_ms = self._gate.now_ms()
        if query.status:
            found = [one for one in self._gate.desk.silences() if one.end_ms > now_ms and _is_before(one, query.before)]
            found.sort(key=_number, reverse=True)
        else:
            found = await self._gate.records.silence_page(query.before, query.limit + 1)
        more = _number(found[query.limit - 1]) if len(found) > query.limit else None
        return json_answer(SilenceList([self._view(one) for one in found[: query.limit]], more))

    async def create(self, request: web.Request) -> web.Response:
        """A silence from now or a time on. Raises `RefusedError`, `RequestError`."""
        actor = await self._gate.actor(request)
        asked = await read_body(request, SilenceIn)
        from_ms = self._gate.now_ms() if asked.from_ is None else instant_ms(asked.from_)
        plan = SilencePlan(parse_matchers(asked.matchers), asked.comment, from_ms, instant_ms(asked.to), asked.notify)
        made = await self._gate.desk.add_silence(plan, actor)
        fits = await self._gate.desk.fits(made)
        return json_answer(msgspec.structs.replace(self._view(made), fits=fits), status=201)

    async def expire(self, request: web.Request) -> web.Response:
        """Ended now. Raises `RefusedError`, `RequestError`."""
        actor = await self._gate.actor(request)
        asked = await read_body(request, _ExpireIn)
        return json_answer(self._view(await self._gate.desk.expire_silence(request.match_info["id"], asked.comment, actor)))

    def _view(self, silence: Silence) -> SilenceView:
        return silence_view(silence, self._gate.desk, self._gate.now_ms(), self._gate.full_match)


def _number(silence: Silence) -> int:
    return int(silence.id[1:]) if silence.id[1:].isdecimal() else 0


def _is_before(silence: Silence, before: int | None) -> bool:
    return before is None or _number(silence) < before
