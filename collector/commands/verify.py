"""`haidang-collector audit verify`: the audit trail, the chain of days and reports, and the bytes that the links speak of.

Nothing is changed. The first fault ends it, by its place.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from collector.commands.ledger_reading import reading
from collector.commands.ledger_words import word
from collector.config import Config
from collector.core import sealing
from collector.core.issued import title
from collector.core.periods import local_date
from collector.core.sealing import Link
from collector.ledger.closing import DAY
from collector.ledger.issuing import REPORT
from collector.output import put
from collector.report.progress import Bar
from collector.store.store import Store

_TITLE: Final = re.compile(r"(.+) v([1-9][0-9]*)", re.ASCII)
Interval = tuple[int, int]


class FaultError(Exception):
    """Something is not what it was when it was written; the text names the place."""


async def verify(config: Config, language: str, now_ms: int) -> int:
    """Print what was checked; 0 if all holds, 1 with the first fault. Raises `StartError`, `CommandError`, `OutputError`."""
    async with reading(config, language) as store:
        checking = _Checking(store, ZoneInfo(config.time_zone), language, now_ms)
        try:
            await checking.all()
        except FaultError as error:
            put(f"{error}\n")
            return 1
    return 0


class _Checking:
    def __init__(self, store: Store, zone: ZoneInfo, language: str, now_ms: int) -> None:
        self._store, self._zone, self._language, self._now_ms = store, zone, language, now_ms

    def _say(self, key: str, **values: object) -> None:
        put(f"{word(self._language, key, **values)}\n")

    def _fault(self, key: str, **values: object) -> FaultError:
        return FaultError(word(self._language, key, **values))

    async def all(self) -> None:
        """Everything. Raises `FaultError`."""
        await self._audit()
        links = [link async for link in self._store.chain()]
        broken = sealing.verify(links)
        if broken is not None:
            name = next((link.name for link in links if link.number == broken), "-")
            raise self._fault("chain_bad", number=broken, name=name)
        self._say("chain_ok", count=len(links))
        await self._reports([link for link in links if link.kind == REPORT])
        with Bar(sys.stderr, lambda: time.monotonic_ns() // 1_000_000, word(self._language, "checking")) as bar:
            await self._days([link for link in links if link.kind == DAY], bar)
        if links:
            self._say("head", hash=links[-1].hash.hex(), number=links[-1].number)
        else:
            self._say("no_head")

    async def _audit(self) -> None:
        fault = await self._store.verify_audit()
        if fault is not None:
            raise self._fault("audit_bad", number=fault)
        differing = await self._store.verify_acts()
        if differing is not None:
            raise self._fault("acts_bad", id=differing)
        head = await self._store.audit_head()
        self._say("audit_ok", count=head.seq if head is not None else 0)

    async def _reports(self, links: Sequence[Link]) -> None:
        """Each version has its link, and each link its version as it was issued (R17.1)."""
        linked = set()
        for link in links:
            found = _TITLE.fullmatch(link.name)
            issued = await self._store.issued_report(found[1], "", int(found[2])) if found else None
            if issued is None or hashlib.sha256(issued.body).digest() != link.spans:
                raise self._fault("reports_bad", number=link.number, name=link.name)
            linked.add(link.name)
        for one in await self._store.issued_reports(bodies=False):
            if title(one.period, one.version) not in linked:
                raise self._fault("report_unlinked", name=title(one.period, one.version))
        self._say("reports_ok", count=len(linked))

    async def _days(self, links: Sequence[Link], bar: Bar) -> None:
        pruned_ms = await self._store.pruned_before() or 0
        newest: dict[Interval, Link] = {(link.from_ms, link.until_ms): link for link in links}
        changed, gone = set[Interval](), 0
        for done, link in enumerate(links):
            bar(done, len(links) + len(newest))
            if link.from_ms < pruned_ms:
                gone += 1
                continue
            if await self._evidence(link, link.known_ms) != link.evidence:
                raise self._fault("evidence_bad", number=link.number, name=link.name)
        self._say("evidence_ok", count=len(links) - gone, gone=gone)
        for done, (day, link) in enumerate(newest.items()):
            bar(len(links) + done, len(links) + len(newest))
            if await self._spans(day) == link.spans:
                continue
            # Late evidence changes closed days at once, and they are linked anew when their evidence is complete.
            if link.from_ms < pruned_ms or await self._evidence(link, self._now_ms) == link.evidence:
                raise self._fault("spans_bad", number=link.number, name=link.name)
            changed.add(day)
            self._say("waiting", number=link.number, name=link.name)
        self._say("spans_ok", count=len(newest) - len(changed), all=len(newest))

    async def _evidence(self, link: Link, known_ms: int) -> bytes:
        return await self._store.evidence_digest(link.from_ms, link.until_ms, known_ms)

    async def _spans(self, day: Interval) -> bytes:
        month = local_date(self._zone, day[0]).strftime("%Y-%m")
        return sealing.day_digest(await self._store.sealed_months([month]), *day)
