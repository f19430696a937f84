"""The commands that read the ledger beside a running collector, `explain` and `report`, and the one that has it seal.

`run` prints and returns the exit code. Raises `CommandError` with a text for people, `StartError`, `OutputError`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import quote

from collector.commands.acts_words import problem
from collector.commands.acts_words import word as act_word
from collector.commands.agents import CommandError
from collector.commands.client import ApiError, Client, ClientError, own_url, read_token
from collector.commands.explain import explain
from collector.commands.ledger_files import refuse_terminal, write
from collector.commands.ledger_options import FORMATS
from collector.commands.ledger_reading import Times, reading, wall_ms
from collector.commands.ledger_words import word
from collector.commands.verify import verify
from collector.config import Config, ConfigError
from collector.core.intervals import Interval
from collector.core.issued import SealProblem, decode
from collector.core.limiting import limited
from collector.core.monthly import Report
from collector.garbage import uncollected
from collector.inventory import Inventory, load_inventory
from collector.ledger.reports import Reporter, UnknownLimitError, Wanted
from collector.ledger_desk import layout_of
from collector.ledger_setup import setup_of
from collector.output import put
from collector.report.errors import ReportError
from collector.report.progress import Bar
from collector.report.render import render
from collector.store.store import Store

SEAL_WAIT_S: Final = 300.0


def run(config: Config, options: argparse.Namespace, now_ms: Callable[[], int] = wall_ms) -> int:
    """Carry out `explain`, `report`, `seal` or `audit verify`; `options` as `ledger_options` reads them, with `lang`."""
    if options.command == "seal":
        put(f"{_seal(config, options)}\n")
        return 0
    if options.command == "audit":
        return asyncio.run(verify(config, options.lang, now_ms()))
    if options.command == "explain":
        return asyncio.run(explain(config, options, now_ms()))
    return asyncio.run(_report(config, options, now_ms()))


# --- report


async def _report(config: Config, options: argparse.Namespace, now_ms: int) -> int:
    language, file = options.lang, options.output
    format_ = _format(options.format, file)
    refuse_terminal(format_, file, language)
    asking = _Asking(config, options, now_ms)
    with uncollected(), Bar(sys.stderr, lambda: time.monotonic_ns() // 1_000_000, word(language, "counting")) as bar:
        async with reading(config, language) as store:
            report = await asking.answer(store, bar)
        try:
            data = render(report, format_, language, layout_of(config, language), bar)
        except ReportError as error:
            raise CommandError(str(error)) from error
    write(data, file, language)
    asking.remark(report)
    return 0


def _format(asked: str | None, file: Path | None) -> str:
    """As asked, else by the name of the file."""
    ending = file.suffix.removeprefix(".").lower() if file is not None else ""
    return asked or (ending if ending in FORMATS else "csv")


class _Asking:
    """What is asked for, checked before the store is."""

    def __init__(self, config: Config, options: argparse.Namespace, now_ms: int) -> None:
        self._config, self._options, self._language = config, options, options.lang
        self._times = times = Times(config, options.lang, now_ms)
        self._period: str = options.month or options.period
        self._interval: Interval = times.month(options.month) if options.month else times.period(options.period)
        self._known_ms = times.as_of(options.as_of)
        begins = times.told(self._interval[0])
        if self._interval[0] >= times.now_ms:
            raise CommandError(word(self._language, "future_period", value=self._period, at=begins))
        if self._known_ms is not None and self._interval[0] >= self._known_ms:
            raise CommandError(word(self._language, "unknown_then", value=self._period, at=begins))
        self._computes = bool(options.as_of or options.policy or options.fresh)
        if options.version is not None and self._computes:
            raise CommandError(word(self._language, "version_alone"))
        self._limit = _named("site", options.site) or _named("group", options.group)
        self._first_ms = 0

    async def answer(self, store: Store, bar: Bar) -> Report:
        """The report: an issued version as it is, or one that is worked out now. Raises `CommandError`."""
        reporter = Reporter(store, setup_of(self._config, self._inventory))
        try:
            if not self._computes:
                issued = await store.issued_report(self._period, "", self._options.version)
                if issued is not None:
                    return await self._part(reporter, decode(issued.body))
                if self._options.version is not None:
                    raise CommandError(await self._no_version(store))
            await self._refuse_pruned(store)
            wanted = Wanted(
                self._period, self._interval, self._limit, self._options.policy, self._known_ms, language=self._language
            )
            report = await reporter.report(wanted, self._times.now_ms, bar)
        except UnknownLimitError as error:
            raise CommandError(self._no_limit(list(error.known))) from error
        if not report.subjects:
            said = [version.rx_ms for some in (await store.load_subjects()).values() for version in some]
            self._first_ms = min(said, default=0)
        return report

    async def _part(self, reporter: Reporter, report: Report) -> Report:
        """The whole, or the part of it that is asked for."""
        if not self._limit:
            return report
        court = await reporter.court((), (report.from_ms, report.to_ms), report.provenance.known_ms)
        try:
            return limited(report, court, self._limit)
        except ValueError as error:
            known = {line.id for line in report.headline if line.kind in ("site", "group")}
            raise UnknownLimitError(self._limit, sorted(known)) from error

    async def _refuse_pruned(self, store: Store) -> None:
        pruned_ms = await store.pruned_before() if self._known_ms is not None else None
        if pruned_ms is not None and self._interval[0] < pruned_ms:
            raise CommandError(word(self._language, "pruned", at=self._times.told(pruned_ms)))

    async def _no_version(self, store: Store) -> str:
        newest = await store.issued_report(self._period)
        known = word(self._language, "no_version")
        if newest is not None:
            known = word(self._language, "versions", newest=newest.version)
        return word(self._language, "unknown_version", value=self._period, version=self._options.version, known=known)

    def _no_limit(self, known: list[str]) -> str:
        names = ", ".join(known[:20]) or word(self._language, "none_there")
        return word(self._language, "unknown_limit", value=self._limit, names=names)

    def _inventory(self) -> Inventory:
        if self._named is None:
            try:
                self._named = load_inventory(
                    Path(self._config.inventory) if self._config.inventory else None, None, self._config
                )
            except ConfigError:
                complain(word(self._language, "nameless"))
                self._named = Inventory(sites={}, targets={})
        return self._named

    _named: Inventory | None = None

    def remark(self, report: Report) -> None:
        """What a person at a terminal wants to know beside the file."""
        if not report.subjects:
            since = word(self._language, "since", at=self._times.told(self._first_ms)) if self._first_ms else ""
            complain(word(self._language, "no_data", value=self._period, since=since))
        if self._options.output is not None:
            status = word(self._language, report.status)
            if report.version:
                status = f"{word(self._language, 'version', number=report.version)}, {status}"
            known = self._times.told(report.provenance.known_ms)
            what = word(self._language, "what", period=self._period, status=status, known=known)
            complain(word(self._language, "written", file=self._options.output, what=what))


def _named(prefix: str, id_: str) -> str:
    """The subject's id of a site or group, which may be typed with its prefix or without."""
    return id_ if not id_ or id_.startswith(f"{prefix}:") else f"{prefix}:{id_}"


def complain(text: str) -> None:
    """Say something beside the result."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


# --- seal


def _seal(config: Config, options: argparse.Namespace) -> str:
    language = options.lang
    try:
        token = read_token(options.token_file)
        client = Client(options.url or own_url(config), token, allow_plain=options.allow_plain_http, wait_s=SEAL_WAIT_S)
        sealed = client.post(f"/api/v1/reports/{quote(options.period, safe='')}/seal", {})
    except ClientError as error:
        raise CommandError(act_word(language, error.key, **error.values)) from error
    except ApiError as error:
        raise CommandError(_refusal(config, options, error)) from error
    return word(language, "sealed_now", period=sealed["period"], version=sealed["version"], author=sealed["issued_by"])


def _refusal(config: Config, options: argparse.Namespace, error: ApiError) -> str:
    language, period = options.lang, options.period
    if error.code not in set(SealProblem):
        return problem(language, error.code, error.value, error.detail)
    if error.code in (SealProblem.OPEN, SealProblem.SETTLING):
        times = Times(config, language, wall_ms())
        return word(language, error.code, period=period, at=times.told(times.moment(error.value, 0)))
    key = {SealProblem.NO_DATA: "seal_no_data"}.get(SealProblem(error.code), error.code)
    return word(language, key, period=period, value=error.value or period, why=error.detail)
