"""The store and the times as the commands of the ledger use them: beside a running collector, and only for reading."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from collector.commands import acts_times
from collector.commands.acts_times import TypedError
from collector.commands.acts_words import word as act_word
from collector.commands.agents import CommandError
from collector.commands.ledger_words import word
from collector.config import Config
from collector.core.intervals import Interval
from collector.core.periods import instant, parse
from collector.opening import opened_store
from collector.store.store import Store

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MONTH: Final = re.compile(r"\d{4}-\d\d", re.ASCII)


@asynccontextmanager
async def reading(config: Config, language: str) -> AsyncIterator[Store]:
    """The store, for the length of a command. Raises `CommandError` where there is none: a wrong folder must not become an
    empty ledger; `StartError`."""
    file = Path(config.data) / "haidang.db"
    if not config.database.url and not file.is_file():
        raise CommandError(word(language, "no_store", file=file))
    async with opened_store(config) as store:
        yield store


def wall_ms() -> int:
    """Now."""
    return time.time_ns() // 1_000_000


class Times:
    """Times as they are typed and shown: in the configured zone."""

    def __init__(self, config: Config, language: str, now_ms: int) -> None:
        self.zone = ZoneInfo(config.time_zone)
        self.now_ms = now_ms
        self._language = language

    def moment(self, text: str, default_ms: int) -> int:
        """A time as people type it, in milliseconds; a date is its local midnight; `default_ms` for none. Raises
        `CommandError`."""
        if not text:
            return default_ms
        if _DATE.fullmatch(text):
            return self.period(text)[0]
        now = datetime.fromtimestamp(self.now_ms / 1000, UTC)
        try:
            return instant(acts_times.moment(text, self.zone, now))
        except TypedError as error:
            raise CommandError(act_word(self._language, error.key, value=error.value)) from error

    def as_of(self, text: str) -> int | None:
        """K as it is typed; None for none. Raises `CommandError` for one in the future (R1.3)."""
        if not text:
            return None
        known_ms = self.moment(text, 0)
        if known_ms > self.now_ms:
            raise CommandError(word(self._language, "future_as_of", value=text))
        return known_ms

    def month(self, text: str) -> Interval:
        """`2026-10`. Raises `CommandError`."""
        if _MONTH.fullmatch(text) is None:
            raise CommandError(word(self._language, "bad_month", value=text))
        return self.period(text)

    def period(self, text: str) -> Interval:
        """A period as people write it; of FROM/TO the times may be local. Raises `CommandError`."""
        first, slash, last = text.partition("/")
        if slash and "T" in text:
            text = "/".join(datetime.fromtimestamp(self.moment(end, 0) / 1000, UTC).isoformat() for end in (first, last))
        try:
            return parse(text, self.zone)
        except ValueError as error:
            raise CommandError(word(self._language, "bad_period", value=text, why=error)) from error

    def told(self, at_ms: int) -> str:
        """A moment as people read it; the zone is named."""
        return datetime.fromtimestamp(at_ms / 1000, self.zone).strftime("%Y-%m-%d %H:%M %Z")
