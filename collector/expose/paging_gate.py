"""What the handlers of incidents, silences, the outbox and duties share: who acts, when, and by whom it is carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from aiohttp import web

from collector.core.people import Actor, Right
from collector.core.silencing import FullMatch
from collector.expose.auth import Gatekeeper
from collector.expose.paging_port import PagingDesk, PagingRecords
from collector.expose.requests import RequestError

_MAX_DIGITS: Final = 15


class PagingGate:
    """Made once for all routes."""

    def __init__(
        self,
        desk: PagingDesk,
        records: PagingRecords,
        gate: Gatekeeper,
        now_ms: Callable[[], int],
        full_match: FullMatch,
    ) -> None:
        self.desk = desk
        self.records = records
        self.gate = gate
        self.now_ms = now_ms
        self.full_match = full_match

    async def reader(self, request: web.Request) -> Actor:
        """Who reads. Raises `RequestError` (401, 403, 429, 503 while the desk is loading)."""
        return await self._admit(request, Right.READ)

    async def actor(self, request: web.Request) -> Actor:
        """Who acts. Raises as `reader`."""
        return await self._admit(request, Right.CREATE)

    async def _admit(self, request: web.Request, right: Right) -> Actor:
        actor = await self.gate.admit(request, right)
        if not self.desk.is_loaded():
            detail = "alerts and incidents are being taken up after a start; ask again in some seconds"
            raise RequestError(503, "loading", detail, retry_after_s=2)
        return actor


def number_of(request: web.Request) -> int:
    """The number in the path. Raises `RequestError` (404)."""
    text = request.match_info["number"]
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
        raise unknown(text)
    return int(text)


def unknown(value: str, expected: str = "no incident has this number") -> RequestError:
    """Nothing has this id."""
    return RequestError(404, "unknown_object", expected, value=value)
