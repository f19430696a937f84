"""The collector's process: builds the parts, connects them, starts and stops them in order.

Order of a start: data folder, addresses, store, web listener (not ready), blind record, memory of the store, committer,
agents' listener, ready. A stop goes backwards: nothing that was acknowledged is left uncommitted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine
from fractions import Fraction
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import agent
from agent import wire
from agent.clock import Clock, SystemClock
from agent.model import Report
from collector import logs
from collector.config import Config, ConfigError
from collector.core.accounts import Account, Standing
from collector.core.change import COLLECTOR, SchemaRow, StoreError, StoreUnusableError
from collector.core.evidence import Evidence, Grade
from collector.core.fleet import Fleet
from collector.core.schemas import BookLimits, Packed, SchemaBook, pack
from collector.core.skew import Timeline
from collector.core.tally import Tally
from collector.expose.acts import add_routes
from collector.expose.availability_views import Print
from collector.expose.incident_page import add_link_pages
from collector.expose.ledger_desk import DeskSettings
from collector.expose.ledger_routes import add_ledger_routes
from collector.expose.link_page import PageTools
from collector.expose.paging_routes import add_paging_routes
from collector.expose.polling_api import add_polling_route
from collector.expose.reports import add_routes as add_report_routes
from collector.expose.server import make_app, serve
from collector.garbage import uncollected
from collector.ingest.commit import CommitLimits, Committer, Rules
from collector.ingest.enrol import Authority, EnrolError, open_authority, utc
from collector.ingest.listener import Listener
from collector.ingest.server import Door, Parts
from collector.ingest.tokens import TokenBook
from collector.inventory import Inventory
from collector.ledger_desk import Desk
from collector.ledgers import Ledgers
from collector.notify.terms import term
from collector.orders import OrderBook, key_of
from collector.pages import House, Pages, full_match
from collector.polling import Polling
from collector.start import DataFolder, StartError, database_url, listen
from collector.store.store import Store
from collector.taken import read, read_again
from collector.tasks import end, report_end
from collector.vigil import Times, Vigil

_GRACE_S: Final = 5.0
_TAKE_UP_S: Final = 0.3
"""How long a start waits for picture and ledger: those of a small estate are there at once."""
_OWN_SHARE: Final = BookLimits(schemas=100_000, text_bytes=256 * 1024 * 1024)
"""Layouts of what the collector itself polls: nearly each device has its own."""
_log = logging.getLogger("haidang.collector")


class Collector:
    """One running collector. `start` once, `stop` once; `reload` in between as often as wanted."""

    def __init__(self, config: Config, reread: Callable[[], Config] | None = None, clock: Clock | None = None) -> None:
        """`reread` gives the configuration anew at a reload; without it only the inventory is read again."""
        self.config = config
        self.tally = Tally()
        self.book = SchemaBook(of={COLLECTOR: _OWN_SHARE})
        self.fleet = Fleet(self.book, self.tally, ttl_factor=config.ttl_factor)
        self._reread = reread
        self._clock = clock or SystemClock()
        self._timeline = Timeline(self._clock.wall_ms(), self._clock.uptime_ms())
        self._why_not_ready = "starting"
        self._accounts: dict[str, Account] = {}
        self._inventory = Inventory(sites={}, targets={})
        self._undo = contextlib.AsyncExitStack()

    def now_ms(self) -> int:
        """The collector's timeline (R2.1): jumps of the wall clock do not reach it."""
        return self._timeline.at(self._clock.uptime_ms())

    @property
    def web_port(self) -> int:
        """The real port of the web listener."""
        return int(self._web_socket.getsockname()[1])

    @property
    def agents_port(self) -> int:
        """The real port of the agents' listener."""
        return self._listener.port

    def ready(self) -> str:
        """Empty when ready, else why not."""
        return self._why_not_ready

    async def start(self) -> None:
        """Start everything, or nothing: what was started is undone. Raises `StartError`, `ConfigError`."""
        try:
            await self._start()
        except BaseException:
            await self._undo.aclose()
            raise

    async def _start(self) -> None:
        config = self.config
        folder = DataFolder(Path(config.data))
        self._undo.callback(folder.release)
        self._web_socket = self._bind(config.web.listen, "web.listen")
        agents_socket = self._bind(config.agents.listen, "agents.listen")
        authority = self._open_authority()
        self.store = await self._open_store()
        self._undo.push_async_callback(self.store.close)
        self._build(authority)
        await self._start_web()
        await self._remember()
        self._undo.push_async_callback(self._vigil.finish)
        self._committer.start()
        self._undo.push_async_callback(self._committer.drain)
        await self._start_polling()
        tls = config.agents.transport == "tls"
        await self._listener.start(agents_socket, authority.server_context() if tls else None)
        self._undo.push_async_callback(self._listener.stop, _GRACE_S)
        self._spawn(self._vigil.watch())
        self._spawn(self._vigil.beats())
        self._spawn(self._keep_house())
        self._spawn(self.ledgers.keep())
        self._spawn(self.ledgers.issue())
        self._spawn(self._follow_agents())
        for work in self.pages.run():
            self._spawn(work)
        self._why_not_ready = ""
        _log.info("ready: web on port %d, agents on port %d", self.web_port, self.agents_port)

    async def stop(self) -> None:
        """Take nothing more, commit what waits, write the start of our blindness (R5.3), close."""
        self._why_not_ready = "stopping"
        await self._undo.aclose()
        _log.info("stopped")

    # -- parts of the start, each undone by the stack in reverse order

    def _bind(self, address: str, setting: str) -> socket.socket:
        sock = listen(address, setting)
        self._undo.callback(sock.close)
        return sock

    def _open_authority(self) -> Authority:
        try:
            return open_authority(Path(self.config.data), self.config.agents.names, utc(self.now_ms()))
        except EnrolError as error:
            raise StartError(str(error)) from error

    async def _open_store(self) -> Store:
        try:
            return await Store.open(database_url(self.config))
        except (StoreUnusableError, StoreError) as error:
            raise StartError(f"database: {error}") from error

    def _build(self, authority: Authority) -> None:
        config, limits = self.config, self.config.limits
        self.tally.queue_limit = limits.queue_batches
        self._tokens = TokenBook(self.store, self._take_accounts)
        self._orders = OrderBook(key_of(authority.server_pem.parent))
        self._committer = Committer(
            self.store,
            self._show,
            limits=CommitLimits(batches=limits.queue_batches),
            rules=Rules(late_after_ms=round(config.late_after_s * 1000)),
            on_commit=self._count_commit,
            on_failure=self._count_failure,
            callers=self._tokens,
        )
        times = Times(self.now_ms, lambda: self._timeline.step(self._clock.wall_ms(), self._clock.uptime_ms()))
        self.ledgers = Ledgers(self.store, self.fleet, config, self.now_ms)
        way = (self.store, self._committer, self.book)
        self.polling = Polling(*way, self.tally, clock=self._clock, now_ms=self.now_ms, folder=Path(config.data))
        self.pages = Pages(self._house())
        self._vigil = Vigil(self.store, self.ledgers, self.tally, times, lambda: self._committer.depth)
        self.pages.watch_over(self._vigil)
        parts = Parts(
            agents=config.agents,
            limits=limits,
            tokens=self._tokens,
            enrolment=self.store,
            committer=self._committer,
            book=self.book,
            tally=self.tally,
            now_ms=self.now_ms,
            steady_s=asyncio.get_running_loop().time,
            targets={},
            ca_pem=authority.ca_pem,
            orders=self._orders,
        )
        self._door = Door(parts)
        self._listener = Listener(
            self._door.handle, self._door, connections=limits.connections,
            header_timeout_s=limits.header_timeout_s, body_timeout_s=limits.body_timeout_s,
        )  # fmt: skip

    def _house(self) -> House:
        config = self.config
        parts = (self.store, self.ledgers, self.polling, self.fleet)
        clocks = (self.now_ms, self._clock.wall_ms)
        return House(*parts, Path(config.data), config.time_zone, self.tally, *clocks, self.ready)

    async def _start_web(self) -> None:
        app = make_app(
            self.fleet, version=agent.__version__, now_ms=self._vigil.look, ready=self.ready, ledger=self.ledgers.keeper,
            paging=self.pages.front,
        )  # fmt: skip
        add_routes(app, self.store, self.store, self.now_ms, self.ledgers.acted, rules=self.ledgers.rules)
        add_report_routes(app, Desk(self.store, self.ledgers.issuing, self.config), self.store)
        add_ledger_routes(app, self.ledgers.keeper, self.ledgers.inquire, self.now_ms, self._desk_settings())
        add_polling_route(app, self.polling.look)
        self._add_pages(app)
        self._undo.push_async_callback(await serve(app, self._web_socket, _GRACE_S))

    def _add_pages(self, app: Any) -> None:
        desk, store = self.pages.front, self.store
        add_paging_routes(
            app, desk, store, store, now_ms=self.now_ms, full_match=full_match, on_retry=self.pages.dispatcher.wake
        )
        zone = ZoneInfo(self.config.time_zone)
        tools = PageTools(self.pages, self.now_ms, zone, lambda language, word: term(language, "reason", word))
        add_link_pages(app, desk, store, tools)

    async def _start_polling(self) -> None:
        self._undo.push_async_callback(self.polling.stop)
        try:
            await self.polling.begin(self._inventory)
        except (OSError, StoreError) as error:
            raise StartError(str(error)) from error
        self._spawn(self.polling.run())

    def _desk_settings(self) -> DeskSettings:
        rules = self.config.ledger
        return DeskSettings(printing=Print(rules.digits, Fraction(rules.min_coverage) / 100))

    async def _remember(self) -> None:
        """Record how long nobody watched, then take up the picture where the store has it."""
        await self._vigil.begin()
        accounts = await self.store.agents()
        taken = read(self.config, [account.id for account in accounts])
        self._inventory = taken.inventory
        try:
            await self.pages.begin(taken.oncall)
        except (OSError, ValueError) as error:
            raise StartError(f"pages: {error}") from error
        self._undo.push_async_callback(self.pages.stop)
        await self._tokens.refresh()
        with uncollected():
            await self._load_schemas()
            await self._take_up()

    async def _take_up(self) -> None:
        """Picture and ledger. Of a large estate they take seconds in which agents can be heard already: what they say is on
        disk first, and is newer than what is taken up."""
        work = asyncio.get_running_loop().create_task(self._load())
        self._undo.push_async_callback(end, work)
        await asyncio.wait([work], timeout=_TAKE_UP_S)
        if work.done():
            work.result()
        else:
            work.add_done_callback(report_end)

    async def _load(self) -> None:
        with uncollected(stays=True):
            await self._load_picture()
            await self.ledgers.load(self._inventory, tuple(self._accounts.values()))
        _log.info("everything is taken up: %d targets", len(self.fleet))

    async def _load_schemas(self) -> None:
        known: dict[bytes, Packed | None] = {}
        for row in await self.store.load_schemas():
            if row.hash not in known:
                known[row.hash] = _packed(row)
            packed = known[row.hash]
            if packed is not None:
                self.book.add(row.agent, row.hash, packed)
                self._door.remember_schema(row.agent, row.hash)
                self.polling.remember_schema(row.agent, row.hash)

    async def _load_picture(self) -> None:
        now_ms = self.now_ms()
        since = await self.store.load_beginnings()
        async for part in self.store.picture():
            for evidence, report in part:
                # What we placed in the future, when our clock was wrong, would hide everything newer until then.
                if evidence.t_ms <= now_ms:
                    self.fleet.restore(evidence, report.blocks, since.get((evidence.target, evidence.module), 0))

    # -- what runs all the time

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(report_end)
        self._undo.push_async_callback(end, task)

    def _show(self, news: list[tuple[Evidence, Report]]) -> None:
        tally, apply = self.tally, self.fleet.apply
        tally.reports += len(news)
        for evidence, report in news:
            if evidence.grade is Grade.LATE:
                tally.late += 1
            tally.samples += sum([len(block.values) for block in report.blocks]) >> 3
            apply(evidence, report)
        self.ledgers.see(news)

    def _count_commit(self, seconds: float, batches: int) -> None:
        self.tally.commits.observe(seconds)
        self.tally.queue_depth = self._committer.depth
        self._vigil.stored()

    def _count_failure(self, error: Exception) -> None:
        self.tally.commit_failures += 1
        if isinstance(error, StoreError) and not error.poison:
            self._vigil.failed()

    def _take_accounts(self, accounts: list[Account]) -> None:
        """Agents came, went or moved: their hosts are targets, and who is revoked is forgotten."""
        for account in accounts:
            known = self._accounts.get(account.id)
            if account.standing is Standing.REVOKED and known is not None and known.standing is not Standing.REVOKED:
                _log.info("agent %s is revoked", account.id)
                self._committer.forget(account.id)
                self._door.forget_agent(account.id)
        self._accounts = {account.id: account for account in accounts}
        self._take_inventory(self._inventory)

    def _take_inventory(self, inventory: Inventory) -> None:
        self._inventory = inventory
        targets = inventory.with_agents(self._accounts.values())
        self.fleet.set_targets(targets.values())
        self._door.set_targets(targets)
        self.ledgers.configure(inventory, self._accounts.values())
        self.polling.configure(inventory)
        self.pages.configure(inventory, targets)
        self._orders.configure(inventory)

    async def _keep_house(self) -> None:
        second = 0
        while True:
            await asyncio.sleep(1)
            second += 1
            self.tally.queue_depth = self._committer.depth
            if second % 5 == 0:
                self.fleet.sweep(self.now_ms())

    async def _follow_agents(self) -> None:
        while True:
            await asyncio.sleep(2)
            try:
                await self._tokens.refresh()
            except StoreError as error:
                _log.error("agents could not be read, those known stay valid: %s", error)

    # -- reload

    async def reload(self) -> bool:
        """Read configuration and inventory again and take both, or neither; true if taken."""
        try:
            # In a thread: twenty thousand targets take seconds to read, in which agents are served.
            taken = await asyncio.to_thread(read_again, self._reread, self.config, tuple(self._accounts), self._inventory)
            await self.pages.take(taken.oncall)
        except (ConfigError, OSError, ValueError) as error:
            self.tally.reload_failures += 1
            for line in str(error).splitlines():
                _log.error("reload refused: %s", line)
            return False
        self.config = config = taken.config
        self._take_inventory(taken.inventory)
        self._door.configure(config.agents, config.limits)
        self._listener.configure(config.limits.body_timeout_s)
        logs.set_up(config.log)
        self.tally.reloads += 1
        _log.info("configuration and inventory reloaded: %d targets", len(self.fleet))
        return True


def _packed(row: SchemaRow) -> Packed | None:
    try:
        digest, schema = wire.check_schema(row.body, wire.Limits())
    except wire.WireError:
        digest = b""
    if digest != row.hash:
        _log.error("a stored schema of agent %s and others is not used: its bytes are not what they were", row.agent)
        return None
    return pack(schema)
