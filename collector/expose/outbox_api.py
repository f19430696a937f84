"""The API of the outbox and of receivers: what is not delivered, dead letters tried again or dropped, and a test at once."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from collector.core.audit import AuditEntry
from collector.core.notice import RowState
from collector.core.people import Actor
from collector.expose.incidents_views import OutboxList, receiver_view, row_view, tested_view
from collector.expose.paging_gate import PagingGate, unknown
from collector.expose.requests import RequestError, json_answer, read_body, read_query

_TESTS_AT_ONCE: Final = 4
_IDS: Final = 1000
_NAMED: Final = 10
"""Numbers that a refusal names."""
_COUNTED: Final = 10_000
"""Waiting notifications that are counted by receiver; there are hardly ever more."""


class _ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    state: Literal["", "pending", "delivered", "dead", "dropped"] = ""
    before: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class _IdsIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ids: Annotated[tuple[Annotated[int, Meta(ge=1, le=1 << 53)], ...], Meta(min_length=1, max_length=_IDS)]


class _NothingIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Outbox:
    """The handlers. `on_retry` is called after dead letters became due."""

    def __init__(self, gate: PagingGate, on_retry: Callable[[], None]) -> None:
        self._gate = gate
        self._on_retry = on_retry
        self._testing = 0

    async def listing(self, request: web.Request) -> web.Response:
        """Newest first."""
        await self._gate.reader(request)
        query = read_query(request.query.items(), _ListQuery)
        state = RowState(query.state) if query.state else None
        rows = await self._gate.records.outbox_rows(state, query.before, query.limit + 1)
        more = rows[query.limit - 1].id if len(rows) > query.limit else None
        return json_answer(OutboxList([row_view(row) for row in rows[: query.limit]], more))

    async def retry(self, request: web.Request) -> web.Response:
        """Dead letters become due. Raises `RequestError` (404 if none of them is a dead letter)."""
        actor = await self._gate.actor(request)
        ids, now_ms = (await read_body(request, _IdsIn)).ids, self._gate.now_ms()
        done = await self._gate.records.outbox_retry(ids, now_ms, [_audit("outbox.retry", ids, actor, now_ms)])
        self._on_retry()
        return _changed(done, ids, "no dead letter has this number, or its receiver has heard what came after it")

    async def drop(self, request: web.Request) -> web.Response:
        """Dead letters are dropped. Raises as `retry`."""
        actor = await self._gate.actor(request)
        ids, now_ms = (await read_body(request, _IdsIn)).ids, self._gate.now_ms()
        done = await self._gate.records.outbox_drop(ids, now_ms, [_audit("outbox.drop", ids, actor, now_ms)])
        return _changed(done, ids, "no dead letter has this number")

    async def receivers(self, request: web.Request) -> web.Response:
        """Every receiver and how it stands."""
        await self._gate.reader(request)
        rows = await self._gate.records.outbox_rows(RowState.PENDING, None, _COUNTED)
        waiting = Counter(row.outgoing.receiver for row in rows)
        oldest = {row.outgoing.receiver: row.outgoing.created_ms for row in rows}
        found = [
            msgspec.structs.replace(one, pending=waiting[one.name], oldest_ms=oldest.get(one.name))
            for one in self._gate.desk.receivers()
        ]
        return json_answer({"receivers": [receiver_view(one) for one in found]})

    async def test(self, request: web.Request) -> web.Response:
        """Send a test at once and tell how it went; a test that failed is an answer, too. Raises `RequestError`."""
        actor = await self._gate.actor(request)
        await read_body(request, _NothingIn)
        with self._turn():
            return json_answer(tested_view(await self._gate.desk.test_receiver(request.match_info["name"], actor)))

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if self._testing >= _TESTS_AT_ONCE:
            raise RequestError(503, "busy", f"{_TESTS_AT_ONCE} tests are on their way", retry_after_s=5)
        self._testing += 1
        try:
            yield
        finally:
            self._testing -= 1


def _audit(act: str, ids: Sequence[int], actor: Actor, now_ms: int) -> AuditEntry:
    shown = msgspec.json.encode({"ids": ids}).decode()
    return AuditEntry(now_ms, actor.name, actor.role.value, actor.source, act, "outbox", shown)


def _changed(done: Sequence[int], ids: Sequence[int], why_none: str) -> web.Response:
    if not done:
        raise unknown(", ".join(map(str, ids[:_NAMED])), why_none)
    return json_answer({"ids": sorted(done)})
