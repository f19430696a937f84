"""Connects the ledger to the running collector: store, inventory, commits, blindness, and the states that pages show.

What the ledger works on in the background may fail and is tried again; the collector goes on without it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from agent.model import Report
from collector.config import Config
from collector.core.accounts import Account
from collector.core.acts import Names, Rulebook
from collector.core.calendar import Calendar
from collector.core.change import COLLECTOR, StoreError
from collector.core.evidence import Evidence
from collector.core.flap import FlapRule
from collector.core.fleet import Fleet
from collector.core.life import Judgement
from collector.core.people import CONFIGURATION
from collector.core.state import View
from collector.core.stretch import BlindSpan
from collector.garbage import uncollected
from collector.inventory import Inventory
from collector.ledger.clerk import Clerk
from collector.ledger.inquiry import CALENDAR, DAY_MS, Inquiry
from collector.ledger.issuing import Issuing
from collector.ledger.keeper import Keeper
from collector.ledger.reports import Reporter
from collector.ledger.valid import ValidRecords
from collector.ledger_setup import setup_of
from collector.planning import Planning
from collector.store.store import Store
from collector.waiting import woken

AUTHOR: Final = CONFIGURATION
"""Who says what configuration says (R1.2)."""
AFTER_FAILURE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 600.0
DELIVERED_KEPT_DAYS: Final = 90
"""How long what was delivered can be looked at: incidents and their timelines stay."""
"""After reports failed again and again."""
_log = logging.getLogger("haidang.ledger")


class Ledgers:
    """One for the life of the collector."""

    def __init__(self, store: Store, fleet: Fleet, config: Config, now_ms: Callable[[], int]) -> None:
        rules = config.ledger
        self._store = store
        self._fleet = fleet
        self._now_ms = now_ms
        flaps = FlapRule(rules.flap_window_s * 1_000, rules.flap_high, rules.flap_low)
        self._config = config
        self._inventory = Inventory(sites={}, targets={})
        self.inquiry = Inquiry(store)
        self.keeper = Keeper(ZoneInfo(config.time_zone), now_ms, flaps)
        self.clerk = Clerk(self.keeper, store, self.inquiry, round(config.late_after_s * 1_000))
        self.reporter = Reporter(store, setup_of(config, lambda: self._inventory))
        self.issuing = Issuing(self.reporter, store, self.clerk, self.keeper)
        self._planning = Planning(store)
        self._wanted: tuple[Inventory, tuple[Account, ...]] | None = None
        self._is_new = False
        """Configuration on disk is newer than what the clerk has."""
        self.turned_ms = 0
        """When what is due was last done without an error."""
        self.failures = 0
        """How often it failed in a row."""
        self.issue_failures = 0
        """How often issuing failed in a row."""
        self._pruned_ms = 0
        self._early: list[Evidence] = []
        """What came while pages were taken up."""
        self._loaded = asyncio.Event()
        self._wake = asyncio.Event()
        self._asked = asyncio.Event()
        self.issuing.on_ask = self._asked.set
        self.on_seen: Callable[[Iterable[Evidence]], None] = _nobody
        """Told of evidence once the judges have it."""
        fleet.state_of = self._state_of

    def inquire(self, until_ms: int) -> Inquiry:
        """Answers from evidence, by the configuration that was valid before `until_ms` (R1.2)."""
        return Inquiry(ValidRecords(self._store, until_ms))

    def _state_of(self, target: str, now_ms: int) -> Judgement | None:
        page = self.keeper.pages.get(target) if self.keeper.is_loaded else None
        if page is None or not page.is_taken_up:
            return None
        span = self.keeper.state(target, View.DEVICE, now_ms)
        return Judgement(span.state, span.from_ms, span.why)

    async def load(self, inventory: Inventory, accounts: Iterable[Account]) -> None:
        """Write down configuration and take up every page. Agents may be heard meanwhile: what they say is on disk first."""
        self.keeper.is_loaded, self._wanted = False, None
        now_ms = self._now_ms()
        self._inventory = inventory
        await self._store.put_settings(calendar_settings(inventory.calendars), AUTHOR, now_ms)
        await self._store.put_subjects(inventory.subjects(accounts), AUTHOR, now_ms)
        await self.clerk.load(now_ms)
        self._planning.want(inventory)
        early, self._early = self._early, []
        self.keeper.is_loaded = True
        self.keeper.see(early)
        self._pruned_ms = now_ms
        self._loaded.set()

    def configure(self, inventory: Inventory, accounts: Iterable[Account]) -> None:
        """Configuration or the agents changed: it is written down and taken soon."""
        self._wanted = (inventory, tuple(accounts))
        self._wake.set()

    def see(self, news: Iterable[tuple[Evidence, Report]]) -> None:
        """Evidence that is on disk now."""
        found = [evidence for evidence, _ in news]
        if self.keeper.is_loaded:
            self.keeper.see(found)
            self.on_seen(found)
        else:
            self._early += found

    def blind(self, from_ms: int, until_ms: int) -> None:
        """The collector saw nothing (R5.3)."""
        self._fleet.blind(from_ms, until_ms)
        self.keeper.blind(BlindSpan(COLLECTOR, from_ms, until_ms))

    def rules(self) -> Rulebook:
        """The names that windows and corrections may use at present, and the limits of what changes the past (R11.3)."""
        roll, ledger = self.keeper.roll, self._config.ledger
        subjects = [roll.subject(id_) for id_ in self.keeper.pages]
        names = Names(
            subjects=self.keeper.pages.keys(),
            sites={*self._inventory.sites, *(subject.site for subject in subjects)},
            classes={subject.class_ for subject in subjects},
            labels={label for subject in subjects for label in subject.labels.items()},
        )
        return Rulebook(names, self._config.time_zone, ledger.retro_limit_days, self._inventory.free_days())

    def acted(self) -> None:
        """A person acted on a window or a correction: figures follow soon."""
        self._wake.set()

    async def keep(self) -> None:
        """Do what is due, once a second and when configuration changed, for ever."""
        await self._loaded.wait()
        while True:
            self._wake.clear()
            pause_s = await self._do_due()
            await woken(self._wake, pause_s)

    async def _do_due(self) -> float:
        """How long to wait before it is done again, in seconds."""
        try:
            await self._configure()
            await self.clerk.tick(self._now_ms())
            await self._prune()
            # Last, for it waits on people: whatever is wrong with it holds up no figures.
            await self._planning.take(self._now_ms(), self.rules)
        except StoreError as error:
            _log.error("the ledger could not be written and will be again: %s", error)
            self.failures += 1
            return AFTER_FAILURE_S
        except Exception:  # noqa: BLE001  one subject's mistake must not end all figures until a restart
            _log.exception("the ledger came upon something that it does not know; it goes on")
            self.failures += 1
            return AFTER_FAILURE_S
        self.turned_ms, self.failures = self._now_ms(), 0
        return 1.0

    async def issue(self) -> None:
        """Seal and restate what is due, one report at a time, for ever: beside `keep`, for it may take minutes."""
        await self._loaded.wait()
        try:
            while True:
                self._asked.clear()
                failures = self.issue_failures = 0 if await self._issue_due() else self.issue_failures + 1
                pause_s = min(AFTER_FAILURE_S * 2 ** min(failures - 1, 10), LONGEST_PAUSE_S) if failures else 1.0
                await woken(self._asked, pause_s)
        finally:
            self.issuing.close()

    async def _issue_due(self) -> bool:
        """Whether nothing failed."""
        try:
            # A report of a large estate is a million values and no cycles: a look for cycles would hold the loop for a while.
            with uncollected():
                await self.issuing.tick(self._now_ms())
        except StoreError as error:
            _log.error("a report could not be issued and will be again: %s", error)
        except Exception:  # noqa: BLE001  one report's mistake must not keep all others from being issued
            _log.exception("a report could not be issued: the ledger came upon something that it does not know; it goes on")
        else:
            return True
        self.keeper.issue_failures += 1
        return False

    async def _prune(self) -> None:
        """Once a day, let go of evidence that is older than it is to be kept, and of what was delivered long ago; closed days,
        issued reports and incidents stay."""
        now_ms = self._now_ms()
        if now_ms - self._pruned_ms >= DAY_MS:
            self._pruned_ms = now_ms
            gone = await self._store.prune(now_ms - self._config.ledger.retention_days * DAY_MS)
            if gone:
                _log.info("%d rows of evidence were older than %d days", gone, self._config.ledger.retention_days)
            await self._store.prune_alerting(now_ms - DELIVERED_KEPT_DAYS * DAY_MS)

    async def _configure(self) -> None:
        wanted, self._wanted = self._wanted, None
        if wanted is None:
            return
        inventory, accounts = wanted
        try:
            self._inventory = inventory
            # Each is on disk when the next one fails, and is not new any more when all is tried again.
            if await self._store.put_settings(calendar_settings(inventory.calendars), AUTHOR, self._now_ms()):
                self._is_new = True
            if await self._store.put_subjects(inventory.subjects(accounts), AUTHOR, self._now_ms()):
                self._is_new = True
            if self._is_new:
                await self.clerk.take_roll(self._now_ms())
                self._is_new = False
            self._planning.want(inventory)
        except BaseException:
            self._wanted = self._wanted or wanted
            raise


def _nobody(_news: Iterable[Evidence]) -> None:
    """Nobody wants to know."""


def calendar_settings(calendars: Mapping[str, Calendar]) -> dict[str, bytes]:
    """Calendars as the configuration history keeps them (R1.2): equal ones as equal bytes."""
    return {f"{CALENDAR}{name}": msgspec.json.encode(_in_order(calendar)) for name, calendar in calendars.items()}


def _in_order(calendar: Calendar) -> dict[str, object]:
    days = {"holidays": sorted(calendar.holidays), "special": dict(sorted(calendar.special.items()))}
    return msgspec.structs.asdict(calendar) | days
