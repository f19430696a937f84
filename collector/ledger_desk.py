"""Issued reports as the API asks for them: the ledger seals, the store keeps, the report room writes them out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction

from collector.config import Config
from collector.core.issued import decode
from collector.core.people import Actor
from collector.core.sealing import IssuedReport
from collector.ledger.issuing import Issuing, Library
from collector.report.layout import Layout
from collector.report.render import render


def layout_of(config: Config, language: str) -> Layout:
    """How reports look here."""
    ledger = config.ledger
    organisation = ledger.organisation_vi if language == "vi" else ledger.organisation_en or ledger.organisation_vi
    return Layout(organisation=organisation, digits=ledger.digits, min_coverage=Fraction(ledger.min_coverage) / 100)


class Desk:
    """See the module."""

    def __init__(self, library: Library, issuing: Issuing, config: Config) -> None:
        self._library = library
        self._issuing = issuing
        self._config = config

    async def issued(self) -> Sequence[IssuedReport]:
        """Every version, without bodies, oldest first. Raises `change.StoreError`."""
        return await self._library.issued_reports(bodies=False)

    async def document(self, period: str, version: int | None, language: str) -> bytes | None:
        """A version, or the newest, as the JSON file of it; None if there is none. Raises `change.StoreError`."""
        found = await self._library.issued_report(period, "", version)
        return None if found is None else await asyncio.to_thread(self._written, found, language)

    def _written(self, found: IssuedReport, language: str) -> bytes:
        return render(decode(found.body), "json", language, layout_of(self._config, language))

    async def seal(self, period: str, actor: Actor) -> IssuedReport:
        """Issue version 1 (R17.1). Raises `issued.SealError`, `change.StoreError`."""
        return await self._issuing.seal(period, actor)
