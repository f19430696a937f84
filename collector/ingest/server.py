"""The agents' door: identity, limits, decoding, admission, commit, answer – in this order, so that nothing is spent on
a caller before it is known who it is.

Status codes: 400 undecodable or over a limit, 401 unknown or revoked token, 403 nothing here is this agent's to report,
408 body too slow, 409 identity conflict, 413 too large, 415 wrong type, 429 too often, 503 busy; each with a JSON body
`{"error": {"code", "detail"}}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from aiohttp import web

from agent import wire
from collector.config import Agents, Limits
from collector.core.change import StoreError
from collector.core.evidence import TargetInfo
from collector.core.refusal import Refusal, RefusalCode
from collector.core.schemas import SchemaBook
from collector.core.skew import OffsetLevel, offset_level
from collector.core.tally import Tally
from collector.ingest import desk, orders
from collector.ingest.admission import Admission, admit
from collector.ingest.answers import Answer, RefusedError, told
from collector.ingest.commit import Committer, IdentityConflictError, Incoming, Receipt
from collector.ingest.decoding import BUSY_RETRY_S, LARGE_BYTES, Decoded, decode, explain, inflate_small, wire_refusal
from collector.ingest.fast import Head
from collector.ingest.limits import Bucket, Buckets, Budget, credit
from collector.ingest.listener import Reply, read_body
from collector.ingest.tokens import TokenBook

_REMEMBERED: Final = 10_000
_CONFLICTS_A_LINE: Final = 100
_log = logging.getLogger("haidang.ingest")


class Parts(msgspec.Struct):
    """What the door works with. `now_ms` is the collector's timeline (R2.1), `steady_s` any steady clock; `ca_pem` is
    empty where there is no TLS."""

    agents: Agents
    limits: Limits
    tokens: TokenBook
    enrolment: desk.Enrolment
    committer: Committer
    book: SchemaBook
    tally: Tally
    now_ms: Callable[[], int]
    steady_s: Callable[[], float]
    targets: Mapping[str, TargetInfo]
    ca_pem: bytes = b""
    wire_limits: wire.Limits = wire.Limits()
    orders: orders.Book = orders.NoBook()


class Door:
    """Handles every request of the agents' listener. One for the life of the process; `limits`, `agents` and `targets`
    may be replaced at a reload."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._one_large = asyncio.Lock()
        self._budget = Budget(parts.limits.in_flight_bytes)
        self._held: dict[str, set[bytes]] = {}
        self._bad: OrderedDict[tuple[str, bytes], None] = OrderedDict()
        self.configure(parts.agents, parts.limits)

    def configure(self, agents: Agents, limits: Limits) -> None:
        """Take new settings; what callers have used up of the old rates is forgotten, bodies that are held stay counted."""
        self._parts.agents = agents
        self._parts.limits = limits
        self._paces: dict[str, tuple[Bucket, Bucket]] = {}
        self._said: set[tuple[str, RefusalCode]] = set()
        self._strangers = Buckets(limits.enrol_per_minute / 60, limits.enrol_per_minute, _REMEMBERED)
        self._budget.limit = limits.in_flight_bytes

    def set_targets(self, targets: Mapping[str, TargetInfo]) -> None:
        """Take a new inventory."""
        self._parts.targets = targets

    def remember_schema(self, agent: str, digest: bytes) -> None:
        """A schema that the store already holds for this agent, at start."""
        self._held.setdefault(agent, set()).add(digest)

    def forget_agent(self, agent: str) -> None:
        """An agent was revoked."""
        self._held.pop(agent, None)
        self._paces.pop(agent, None)

    async def handle(self, request: web.BaseRequest) -> Reply:
        """Answer one request; never raises but for a caller that is gone."""
        try:
            answer = await self._route(request)
        except Exception as error:  # noqa: BLE001 - the last line of a public door: a request must not cost more than itself
            answer = explain(error)
        self.count(answer.status)
        return Reply(answer)

    async def _route(self, request: web.BaseRequest) -> Answer:
        path = request.raw_path
        if path == "/v1/batches":
            _require(request, "POST")
            return await self._batches(request)
        if path == "/v1/enrol":
            _require(request, "POST")
            return await self._enrol(request)
        if path == "/v1/ca" and self._parts.ca_pem:
            _require(request, "GET")
            return Answer(200, "application/x-pem-file", self._parts.ca_pem)
        if path == "/v1/orders":
            _require(request, "GET")
            return await self._orders(request)
        raise RefusedError(404, "not_found", "expected /v1/batches, /v1/orders, /v1/enrol or /v1/ca", close=True)

    async def _orders(self, request: web.BaseRequest) -> Answer:
        agent, version = await self._identify(request)
        self._check_rates(agent, 0)
        # They may hold credentials: whoever was revoked a second ago must not get them.
        await self._parts.tokens.refresh()
        if not self._parts.tokens.is_known(agent, version):
            raise RefusedError(401, "unknown_token", "the token is unknown or revoked", close=True)
        return orders.answer(self._parts.orders, agent, request.headers.get("If-None-Match", ""))

    def count(self, status: int) -> None:
        """An answer was given."""
        self._parts.tally.request(status)

    @property
    def tokens_version(self) -> int:
        """`fast.Door`."""
        return self._parts.tokens.version

    def agent_of(self, head: Head) -> str | None:
        """`fast.Door`: whatever is not plain sailing goes the long way, which says what is wrong."""
        return self._parts.tokens.agent_of(head.authorization) if head.content_type == wire.CONTENT_TYPE else None

    def reserve(self, length: int) -> bool:
        """`fast.Door`."""
        return self._budget.reserve(length)

    def release(self, length: int) -> None:
        """`fast.Door`."""
        self._budget.release(length)

    def take(self, agent: str, body: bytes, deliver: Callable[[Answer], None], *, deflated: bool) -> Answer | bool:
        """`fast.Door`."""
        parts = self._parts
        try:
            if deflated:
                body, deflated = inflate_small(body)
                if deflated:
                    return False
            self._check_rates(agent, len(body))
            parts.tally.received_bytes += len(body)
            rx_ms = parts.now_ms()
            decoded = decode(body, parts.wire_limits, deflated=False)
            incoming, admission = self._admit((agent, parts.tokens.version), decoded, rx_ms)
            parts.committer.offer(incoming, lambda outcome: deliver(self._conclude(incoming, admission, outcome)))
        except Exception as error:  # noqa: BLE001 - as in `handle`
            return explain(error)
        return True

    def _conclude(self, incoming: Incoming, admission: Admission, outcome: Receipt | Exception) -> Answer:
        try:
            if isinstance(outcome, Exception):
                raise outcome
            return self._stored(incoming, admission, outcome)
        except IdentityConflictError as error:
            self._conflict(incoming.agent, error)
            return explain(error)
        except Exception as error:  # noqa: BLE001 - as in `handle`
            return explain(error)

    async def _batches(self, request: web.BaseRequest) -> Answer:
        parts = self._parts
        caller = agent, _ = await self._identify(request)
        deflated = _check_headers(request)
        limit = parts.wire_limits.body_bytes
        length = request.content_length
        held = limit if length is None else length
        if held > limit:
            raise RefusedError(413, "too_large", f"body of {length} bytes, at most {limit}", close=True)
        self._check_rates(agent, held)
        budget = self._budget
        if not budget.reserve(held):
            raise RefusedError(503, "busy", "too many bodies at once", retry_after_s=BUSY_RETRY_S, close=True)
        try:
            body = await read_body(request, limit, parts.limits.body_timeout_s)
            parts.tally.received_bytes += len(body)
            rx_ms = parts.now_ms()
            decoded = await self._decode(body, deflated=deflated)
            growth = max(0, decoded.size - held)
            if not budget.reserve(growth):
                raise RefusedError(503, "busy", "too many bodies at once", retry_after_s=BUSY_RETRY_S)
            held += growth
            incoming, admission = self._admit(caller, decoded, rx_ms)
            del decoded  # its schemas need not wait for the disk
            try:
                outcome: Receipt | Exception = await parts.committer.submit(incoming)
            except Exception as error:  # noqa: BLE001 - as in `handle`
                outcome = error
            return self._conclude(incoming, admission, outcome)
        finally:
            budget.release(held)

    async def _identify(self, request: web.BaseRequest) -> tuple[str, int]:
        """The agent that calls, and the version of the tokens by which it is known. Raises `RefusedError`."""
        authorization, tokens = request.headers.get("Authorization", ""), self._parts.tokens
        agent = tokens.agent_of(authorization)
        if agent is not None:
            return agent, tokens.version
        self._check_stranger(request)
        agent = await tokens.look_again(authorization, self._parts.steady_s())
        if agent is None:
            raise RefusedError(401, "unknown_token", "the token is unknown or revoked", close=True)
        return agent, tokens.version

    def _check_stranger(self, request: web.BaseRequest) -> None:
        wait_s = self._strangers.take(request.remote or "", self._parts.steady_s())
        if wait_s:
            detail = "too many attempts without a valid token from this address"
            raise RefusedError(429, "too_many_attempts", detail, retry_after_s=math.ceil(wait_s), close=True)

    def _check_rates(self, agent: str, size: int) -> None:
        now = self._parts.steady_s()
        pace = self._paces.get(agent)
        if pace is None:
            limits = self._parts.limits
            pace = self._paces[agent] = (
                Bucket(limits.requests_per_s, limits.requests_burst, now),
                Bucket(limits.bytes_per_s, limits.bytes_burst, now),
            )
        wait_s = pace[0].take(now)
        if wait_s:
            raise RefusedError(429, "too_often", "too many batches", retry_after_s=math.ceil(wait_s), close=True)
        wait_s = pace[1].take(now, size)
        if wait_s:
            raise RefusedError(429, "too_much", "too many bytes", retry_after_s=math.ceil(wait_s), close=True)

    async def _decode(self, body: bytes, *, deflated: bool) -> Decoded:
        limits = self._parts.wire_limits
        try:
            if deflated and len(body) <= LARGE_BYTES:
                body, deflated = inflate_small(body)
            if not deflated and len(body) <= LARGE_BYTES:
                return decode(body, limits, deflated=False)
            async with self._one_large:
                return await asyncio.to_thread(decode, body, limits, deflated=deflated)
        except wire.WireError as error:
            raise wire_refusal(error) from error

    def _admit(self, caller: tuple[str, int], decoded: Decoded, rx_ms: int) -> tuple[Incoming, Admission]:
        """What of a decoded batch is for the committer. Raises `RefusedError`."""
        (agent, known_by), parts = caller, self._parts
        admission = admit(decoded.batch, agent, parts.targets)
        self._refuse(agent, admission.refused)
        if admission.is_forbidden:
            raise RefusedError(403, "not_yours", _said(admission))
        schemas, forgotten = self._take_schemas(agent, decoded) if decoded.batch.schemas else ((), ())
        return Incoming(agent, decoded.batch, admission.groups, rx_ms, schemas, forgotten, known_by), admission

    def _stored(self, incoming: Incoming, admission: Admission, receipt: Receipt) -> Answer:
        """The answer to a batch that is on disk."""
        agent = incoming.agent
        if incoming.schemas or incoming.forgotten:
            held = self._held.setdefault(agent, set())
            held.difference_update(incoming.forgotten)
            held.update(digest for digest, _ in incoming.schemas)
        now_ms = self._parts.now_ms()
        self._count(agent, incoming.batch, receipt, now_ms)
        return self._answer(agent, admission, receipt, now_ms)

    def _conflict(self, agent: str, error: IdentityConflictError) -> None:
        """A batch came from another holder of this identity. Said at first and then now and then, for it goes on for hours."""
        tally = self._parts.tally.agent(agent)
        tally.conflicts += 1
        if tally.conflicts % _CONFLICTS_A_LINE == 1:
            _log.warning("agent %s: a batch is refused, %s (%d so far)", agent, error, tally.conflicts)

    def _refuse(self, agent: str, refused: tuple[Refusal, ...]) -> None:
        """Count what is refused; say each reason once for an agent, for it comes with every batch."""
        for one in refused:
            self._parts.tally.refuse(one.code)
            if (agent, one.code) not in self._said:
                self._said.add((agent, one.code))
                _log.warning("agent %s: reports are refused for good, such as %s: %s", agent, one.code, one.detail)

    def _take_schemas(self, agent: str, decoded: Decoded) -> tuple[tuple[tuple[bytes, bytes], ...], tuple[bytes, ...]]:
        """Put new schemas into the book: what the store shall keep and what it shall drop for it."""
        parts = self._parts
        for digest, problem in decoded.bad:
            parts.tally.schemas_refused += 1
            if (agent, digest) not in self._bad:
                _log.warning("agent %s: a schema is refused: %s", agent, problem)
                self._bad[(agent, digest)] = None
                if len(self._bad) > _REMEMBERED:
                    self._bad.popitem(last=False)
        kept: list[tuple[bytes, bytes]] = []
        for digest, packed in decoded.schemas:
            if parts.book.add(agent, digest, packed):
                kept.append((digest, packed.body))
            else:
                parts.tally.schemas_refused += 1
        gone = tuple(digest for digest in self._held.get(agent, ()) if not parts.book.known(digest))
        return tuple(kept), gone

    def _wanted(self, agent: str, admission: Admission) -> tuple[bytes, ...]:
        """Schemas that the agent must send; one that was refused is not asked for again."""
        book, missing = self._parts.book, []
        for group in admission.groups:
            for report in group.reports:
                missing += book.missing(report.blocks)
        if not missing:
            return ()
        missing = [digest for digest in missing if (agent, digest) not in self._bad]
        return book.wanted(agent, missing)[: self._parts.wire_limits.schemas]

    def _answer(self, agent: str, admission: Admission, receipt: Receipt, now_ms: int) -> Answer:
        parts = self._parts
        limits = parts.limits
        answer = wire.Answer(
            now_ms=now_ms,
            acknowledged=receipt.acknowledged,
            wanted=self._wanted(agent, admission),
            credit=credit(parts.committer.depth, limits.queue_batches, limits.backlog_reports),
            refused=tuple([told(one) for one in admission.refused + receipt.refused]),
            config_tag=parts.tally.agent(agent).orders_offered,
        )
        return Answer(200, "application/msgpack", wire.encode(answer))

    def _count(self, agent: str, batch: wire.Batch, receipt: Receipt, now_ms: int) -> None:
        tally = self._parts.tally
        tally.batches += 1
        tally.duplicates += receipt.duplicates
        self._refuse(agent, receipt.refused)
        entry = tally.agent(agent)
        entry.hear(now_ms, batch.agent_version)
        level = offset_level(receipt.offset_ms)
        if level is not offset_level(entry.clock_offset_ms or 0):
            said = (
                f"is {receipt.offset_ms / 1000:+.1f} s off ours ({level})"
                if level is not OffsetLevel.FINE
                else "agrees with ours"
            )
            _log.warning("agent %s: its wall clock %s; reports are placed by uptime all the same", agent, said)
        orders.note(tally, agent, batch, self._parts.orders.tag(agent))
        entry.clock_offset_ms = receipt.offset_ms
        for loss in receipt.losses:
            entry.lose(loss.reason, loss.count)
        for mark in batch.watermarks:
            lane = entry.mark(mark.lane, mark.produced, receipt.acknowledged.get(mark.lane, 0), now_ms)
            lane.held_reports = mark.reports
            lane.held_bytes = mark.bytes

    async def _enrol(self, request: web.BaseRequest) -> Answer:
        parts = self._parts
        self._check_stranger(request)
        asked = desk.read_request(await read_body(request, desk.BODY_BYTES, parts.limits.body_timeout_s))
        account, token = await desk.redeem(asked, parts.enrolment, parts.now_ms())
        # The code is used up by now: the agent must get its token even if the book can only be brought up to date later.
        with contextlib.suppress(StoreError):
            await parts.tokens.refresh()
        _log.info("agent %s enrolled from %s", account.id, request.remote)
        urls = parts.agents.public_urls or (f"{request.scheme}://{request.host}",)
        enrolled = desk.Enrolled(agent=account.id, token=token, interval_s=parts.agents.interval_s, urls=urls)
        return Answer(200, "application/json", msgspec.json.encode(enrolled))


def _require(request: web.BaseRequest, method: str) -> None:
    if request.method != method:
        raise RefusedError(405, "bad_method", f"expected {method}", close=True)


def _check_headers(request: web.BaseRequest) -> bool:
    """Whether the body is deflated. Raises `RefusedError` (415)."""
    headers = request.headers
    content_type = headers.get("Content-Type", "")
    if content_type != wire.CONTENT_TYPE and content_type.split(";")[0].strip().lower() != wire.CONTENT_TYPE:
        raise RefusedError(415, "bad_type", f"Content-Type: expected {wire.CONTENT_TYPE}", close=True)
    encoding = headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "deflate"):
        raise RefusedError(415, "bad_encoding", "Content-Encoding: expected deflate or none", close=True)
    return encoding == "deflate"


def _said(admission: Admission) -> str:
    reasons = sorted({one.code for one in admission.refused})
    return f"{len(admission.refused)} reports refused: {', '.join(reasons)}"
