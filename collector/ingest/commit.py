"""Group commit: admitted batches of many agents become one transaction, and only then answers.

Serves the agents' door. It must never acknowledge what the store has not confirmed, nor keep a picture of an agent that the
store does not share.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from agent.model import Report
from collector.core.change import AccountsMovedError, Change, Saved, StoreError
from collector.core.draft import Draft
from collector.core.evidence import Evidence
from collector.ingest.intake import AgentBook, IdentityConflictError, Incoming, Receipt, Rules, UnusableBatchError

_log = logging.getLogger(__name__)


class BusyError(Exception):
    """The queue is full or closing: answer 503 with Retry-After `retry_after_s`."""

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RevokedError(Exception):
    """The sender's token was voided while its batch was on the way: 401."""


class CommitLimits(msgspec.Struct, frozen=True):
    """How much may wait."""

    batches: int = 1_024
    reports: int = 100_000
    commit_batches: int = 512
    """Most batches in one transaction."""
    gather_s: float = 0.002
    """How long a commit waits for more batches when the last one ended less than that ago."""
    commit_reports: int = 10_000
    """Most reports in one transaction, but for a single batch."""
    one_agent: float = 0.25
    """Share of `batches` and `reports` that one agent may fill; an honest one waits for each answer."""


class Ledger(Protocol):
    """The part of the store that the committer needs; both raise `change.StoreError`."""

    async def load_agents(self, wanted: Mapping[str, Collection[str]]) -> dict[str, Saved]:
        """What is stored of agents and the streams asked for."""

    async def apply(self, change: Change) -> Sequence[int]:
        """Store whole or not at all; the ids of `change.opened`. Raises `AccountsMovedError` as well."""

    async def confirm_agents(self, version: int) -> None:
        """Raises `AccountsMovedError` if accounts or tokens are of another version by now."""


class Callers(Protocol):
    """Who may speak: `tokens.TokenBook`. What a commit stores is bound to what the store itself says of it."""

    @property
    def stored(self) -> int | None:
        """Version of the store that is known here."""

    def is_known(self, agent: str, version: int) -> bool:
        """Whether who was known by this version of the book still is."""

    async def refresh(self) -> bool:
        """Take over what the store says now. Raises `change.StoreError`."""


Committed = Callable[[list[tuple[Evidence, Report]]], None]


class _Waiting(msgspec.Struct):
    incoming: Incoming
    call: Callable[[Receipt | Exception], None]
    reports: int


class Committer:
    """Takes batches from any number of tasks; one task of its own commits them in groups.

    `on_committed` is called once a commit, after it and before the answers, with what is new; it must not raise.
    """

    def __init__(
        self,
        ledger: Ledger,
        on_committed: Committed,
        *,
        limits: CommitLimits | None = None,
        rules: Rules | None = None,
        on_commit: Callable[[float, int], None] | None = None,
        on_failure: Callable[[Exception], None] | None = None,
        callers: Callers | None = None,
    ) -> None:
        """`on_commit(seconds, batches)` is told how long each transaction took (for the histogram), `on_failure` why one
        was not made. With `callers` nothing is stored for who is revoked by the moment of the commit."""
        self._callers = callers
        self._ledger = ledger
        self._on_committed = on_committed
        self._limits = limits or CommitLimits()
        self._rules = rules or Rules()
        self._on_commit = on_commit
        self._on_failure = on_failure
        self._books: dict[str, AgentBook] = {}
        self._pending: deque[_Waiting] = deque()
        self._batches = 0
        self._reports = 0
        self._of_agent: dict[str, tuple[int, int]] = {}
        """Batches and reports of each agent that wait or are being written."""
        self._committed_s = float("-inf")
        self._wake = asyncio.Event()
        self._go = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def depth(self) -> int:
        """Batches waiting or being written."""
        return self._batches

    def start(self) -> None:
        """Start the committing task on the running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="committer")

    async def submit(self, incoming: Incoming) -> Receipt:
        """Have a batch stored. Raises `BusyError` (503), `IdentityConflictError` (409), `UnusableBatchError` (400) and
        `change.StoreError` (503).

        A caller that is cancelled gives up the answer, not the commit.
        """
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.offer(incoming, functools.partial(_settle, future))
        return await future

    def offer(self, incoming: Incoming, call: Callable[[Receipt | Exception], None]) -> None:
        """`submit` for a caller without a task: raises `BusyError` at once; `call` gets the receipt or one of the other errors
        later, never from within this call. It must not raise."""
        reports = sum([len(group.reports) + len(group.losses) for group in incoming.groups])
        if self._closing:
            raise BusyError("the collector is stopping", 5)
        full = self._batches >= self._limits.batches or self._reports + reports > self._limits.reports
        if full and self._batches:
            raise BusyError(f"{self._batches} batches wait to be stored", 1)
        self._take_share(incoming.agent, reports)
        self._pending.append(_Waiting(incoming, call, reports))
        self._batches += 1
        self._reports += reports
        self._wake.set()

    def _take_share(self, agent: str, reports: int) -> None:
        batches, waiting = self._of_agent.get(agent, (0, 0))
        limits = self._limits
        over = batches + 1 > limits.batches * limits.one_agent or waiting + reports > limits.reports * limits.one_agent
        if over and batches:
            raise BusyError(f"{batches} batches of this agent wait to be stored", 1)
        self._of_agent[agent] = (batches + 1, waiting + reports)

    def _give_back(self, group: list[_Waiting]) -> None:
        self._batches -= len(group)
        self._reports -= sum([waiting.reports for waiting in group])
        for one in group:
            agent = one.incoming.agent
            batches, reports = self._of_agent[agent]
            if batches == 1:
                del self._of_agent[agent]
            else:
                self._of_agent[agent] = (batches - 1, reports - one.reports)

    async def drain(self) -> None:
        """Refuse new batches (`BusyError`), commit what waits, stop the task. May be called twice."""
        self._closing = True
        self._wake.set()
        self._go.set()
        if self._task is not None:
            await asyncio.shield(self._task)

    def forget(self, agent: str) -> None:
        """Drop what is remembered of an agent (revoked); it is loaded again when the agent comes back."""
        self._books.pop(agent, None)

    async def _run(self) -> None:
        while True:
            if not self._pending:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            await self._wait_for_company()
            group = self._next_group()
            await self._commit(group)
            self._committed_s = asyncio.get_running_loop().time()

    async def _wait_for_company(self) -> None:
        """While batches come thick, a commit waits a moment for more of them, because each costs the disk a sync; one that
        comes alone does not wait. (PostgreSQL knows the same as commit_delay and commit_siblings.)"""
        limits, loop = self._limits, asyncio.get_running_loop()
        since = loop.time() - self._committed_s
        if since < limits.gather_s and len(self._pending) < limits.commit_batches and not self._closing:
            self._go.clear()
            timer = loop.call_later(limits.gather_s, self._go.set)
            await self._go.wait()
            timer.cancel()

    def _next_group(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        reports = 0
        while self._pending and len(group) < self._limits.commit_batches:
            reports += self._pending[0].reports
            if group and reports > self._limits.commit_reports:
                break
            group.append(self._pending.popleft())
        return group

    async def _commit(self, group: list[_Waiting]) -> None:
        """Store a group and answer it. What fails costs this group only; a batch that spoils a group is found by itself."""
        try:
            answers, fresh = await self._store_known(group)
        except StoreError as error:
            self._fail(group, error)
            if error.poison and len(group) > 1:
                for waiting in group:
                    await self._commit([waiting])
                return
            answers, fresh = [error] * len(group), []
        except Exception as error:  # noqa: BLE001  one agent's batch must not end the service for all
            _log.exception("commit of %d batches failed", len(group))
            self._fail(group, error)
            if len(group) > 1:
                for waiting in group:
                    await self._commit([waiting])
                return
            answers, fresh = [StoreError(f"internal: {error!r}", poison=True)], []
        self._tell(fresh)
        self._give_back(group)
        for waiting, answer in zip(group, answers, strict=True):
            self._answer(waiting, answer)

    def _answer(self, waiting: _Waiting, answer: Receipt | Exception) -> None:
        try:
            waiting.call(answer)
        except Exception:  # noqa: BLE001  one caller's answer must not cost the others theirs
            _log.exception("an answer to agent %s failed", waiting.incoming.agent)

    def _fail(self, group: list[_Waiting], error: Exception) -> None:
        if self._on_failure is not None:
            self._on_failure(error)
        for waiting in group:
            self._books.pop(waiting.incoming.agent, None)

    async def _store_known(self, group: list[_Waiting]) -> tuple[list[Receipt | Exception], list[tuple[Evidence, Report]]]:
        """`_store` for those who are still known at the moment of the commit."""
        while True:
            try:
                return await self._store(group)
            except AccountsMovedError:
                for waiting in group:
                    self._books.pop(waiting.incoming.agent, None)
                assert self._callers is not None
                await self._callers.refresh()

    def _is_revoked(self, incoming: Incoming) -> bool:
        known_by, callers = incoming.known_by, self._callers
        return callers is not None and known_by is not None and not callers.is_known(incoming.agent, known_by)

    async def _store(self, group: list[_Waiting]) -> tuple[list[Receipt | Exception], list[tuple[Evidence, Report]]]:
        await self._load(group)
        draft = Draft()
        version = self._callers.stored if self._callers is not None else None
        answers: list[Receipt | Exception] = []
        for waiting in group:
            incoming = waiting.incoming
            if self._is_revoked(incoming):
                answers.append(RevokedError())
                continue
            try:
                answers.append(self._books[incoming.agent].take(incoming, draft))
            except (IdentityConflictError, UnusableBatchError) as error:
                answers.append(error)
        if not draft.empty:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            change = draft.change()
            change.accounts = version
            draft.settle(await self._ledger.apply(change))
            if self._on_commit is not None:
                self._on_commit(loop.time() - begun, len(group))
        elif version is not None:
            await self._ledger.confirm_agents(version)
        return answers, draft.fresh

    async def _load(self, group: list[_Waiting]) -> None:
        """Ask the store about agents and streams that are not remembered; before a draft exists, so nothing is lost."""
        streams: dict[str, set[str]] = {}
        for waiting in group:
            streams.setdefault(waiting.incoming.agent, set()).add(waiting.incoming.batch.stream)
        wanted = {
            agent: some
            for agent, some in streams.items()
            if (book := self._books.get(agent)) is None or not all(map(book.knows, some))
        }
        if not wanted:
            return
        for agent, saved in (await self._ledger.load_agents(wanted)).items():
            self._books[agent] = AgentBook(agent, saved, wanted[agent], self._rules)

    def _tell(self, fresh: list[tuple[Evidence, Report]]) -> None:
        if not fresh:
            return
        try:
            self._on_committed(fresh)
        except Exception:  # noqa: BLE001  what is stored is acknowledged, whatever the picture makes of it
            _log.exception("the live picture failed on %d reports; they are stored", len(fresh))


def _settle(future: asyncio.Future[Receipt], answer: Receipt | Exception) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


__all__ = [
    "BusyError", "Callers", "CommitLimits", "Committed", "Committer", "IdentityConflictError", "Incoming", "Ledger", "Receipt",
    "RevokedError", "Rules", "UnusableBatchError",
]  # fmt: skip
