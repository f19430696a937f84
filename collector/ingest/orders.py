"""The agents' door for orders: each agent gets its own, and says in its batches which ones run and which it refused.

It never hands out orders to whom a token does not name.
"""

from __future__ import annotations

import logging
from typing import Final, Protocol

from agent import wire
from collector.core.tally import Tally
from collector.ingest.answers import Answer, RefusedError

CONTENT_TYPE: Final = "application/vnd.haidang.orders.v1+msgpack"
_log = logging.getLogger("haidang.orders")


class Book(Protocol):
    """`collector.orders.OrderBook`."""

    def tag(self, agent: str) -> str:
        """Tag of the present orders of an agent."""

    def body(self, agent: str) -> tuple[str, bytes]:
        """Tag and encoded orders."""


class NoBook:
    """Of a collector that gives no orders."""

    def tag(self, agent: str) -> str:
        """There are none."""
        return ""

    def body(self, agent: str) -> tuple[str, bytes]:
        """There are none."""
        return "", b""


def answer(book: Book, agent: str, known: str) -> Answer:
    """The answer to an agent that asks for its orders and has those that `known`, its If-None-Match, names. Raises
    `RefusedError` (404)."""
    tag = book.tag(agent)
    if not tag:
        raise RefusedError(404, "no_orders", "there are no orders for this agent")
    etag = f'ETag: "{tag}"\r\nCache-Control: no-store\r\n'
    if known.strip() == f'"{tag}"':
        return Answer(304, CONTENT_TYPE, b"", extra=etag)
    tag, body = book.body(agent)
    return Answer(200, CONTENT_TYPE, body, extra=f'ETag: "{tag}"\r\nCache-Control: no-store\r\n')


def note(tally: Tally, agent: str, batch: wire.Batch, offered: str) -> None:
    """Keep what a stored batch says of its orders; a refusal is told once."""
    entry = tally.agent(agent)
    state = batch.orders
    entry.orders_offered = offered
    if state is None:
        entry.orders = entry.orders_refused = entry.orders_detail = ""
        return
    if state.refused and (state.refused, state.detail) != (entry.orders_refused, entry.orders_detail):
        _log.warning("agent %s refuses its orders %s: %s", agent, state.refused, state.detail)
    elif state.tag != entry.orders and entry.orders:
        _log.info("agent %s runs its orders %s", agent, state.tag)
    entry.orders, entry.orders_refused, entry.orders_detail = state.tag, state.refused, state.detail


__all__ = ["CONTENT_TYPE", "Book", "NoBook", "answer", "note"]
