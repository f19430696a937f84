"""`haidang-collector explain`: asks the evidence about one subject and shows what core.explanation says of it."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import Final

from agent.model import HEARTBEAT, Kind
from collector.commands.agents import CommandError
from collector.commands.explain_alerts import alert_lines, alerts_of
from collector.commands.explain_text import render_json, render_text
from collector.commands.ledger_reading import Times, reading
from collector.commands.ledger_words import word
from collector.config import Config, ConfigError
from collector.core.evidence import Run
from collector.core.explanation import Explanation, Sources, Wanted
from collector.core.explanation import explain as explained
from collector.core.flap import FlapRule
from collector.core.intervals import Interval
from collector.core.roll import Roll
from collector.core.state import View
from collector.core.subject import SubjectKind
from collector.inventory import Inventory, load_inventory
from collector.ledger.inquiry import DAY_MS, Inquiry, target_of
from collector.ledger.valid import ValidRecords
from collector.ledger_setup import setup_of
from collector.output import put
from collector.store.store import Store

LONGEST_DAYS: Final = 400
REACH_MS: Final = 8 * DAY_MS
"""How far before a period incidents are followed that reach into it."""


async def explain(config: Config, options: argparse.Namespace, now_ms: int) -> int:
    """Print the explanation; the exit code. Raises `CommandError`, `StartError`, `OutputError`."""
    language = options.lang
    times = Times(config, language, now_ms)
    known_ms = times.as_of(options.as_of)
    known_ms = times.now_ms if known_ms is None else known_ms
    interval = _interval(options, times, known_ms)
    async with reading(config, language) as store:
        found = await _ask(store, config, options, (interval, known_ms))
        alerts = await alerts_of(store, options.target, found.name, interval, known_ms)
    if options.format == "json":
        put(render_json(found, digits=config.ledger.digits, alerts=alerts).decode())
        return 0
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    text = render_text(found, language, config.time_zone, digits=config.ledger.digits, colour=is_terminal)
    put(text + alert_lines(alerts, language, config.time_zone))
    return 0


def _interval(options: argparse.Namespace, times: Times, known_ms: int) -> Interval:
    to_ms = times.moment(options.to, known_ms)
    from_ms = times.moment(getattr(options, "from"), to_ms - DAY_MS)
    if from_ms >= to_ms:
        start, end = times.told(from_ms), times.told(to_ms)
        raise CommandError(word(options.lang, "inverted", start=start, end=end))
    if from_ms >= times.now_ms:
        raise CommandError(word(options.lang, "future_period", value="--from", at=times.told(from_ms)))
    if from_ms >= known_ms:
        raise CommandError(word(options.lang, "unknown_then", value="--from", at=times.told(from_ms)))
    if to_ms - from_ms > LONGEST_DAYS * DAY_MS:
        days = -(-(to_ms - from_ms) // DAY_MS)
        raise CommandError(word(options.lang, "too_long", days=LONGEST_DAYS, found=days))
    return from_ms, to_ms


async def _ask(store: Store, config: Config, options: argparse.Namespace, when: tuple[Interval, int]) -> Explanation:
    interval, known_ms = when
    inquiry = Inquiry(ValidRecords(store, interval[1]))
    await _refuse_unknown(store, inquiry, options, known_ms)
    await _refuse_pruned(store, config, options, interval)
    reach = (interval[0] - REACH_MS, min(interval[1] + DAY_MS, known_ms))
    court, bench = await inquiry.court([options.target], reach, known_ms)
    judge = bench.judges.get(options.target)
    rules = config.ledger
    sources = Sources(
        known_ms,
        await _runs(store, court.roll, options.target, reach),
        await store.blind_spans(*reach, known_ms),
        {view: judge.confirmed(view, known_ms) for view in View} if judge is not None else {},
        {view: judge.soft_runs(view) for view in View} if judge is not None else {},
        judge.boots.reboots() if judge is not None else (),
        flap=FlapRule(rules.flap_window_s * 1_000, rules.flap_high, rules.flap_low),
    )
    names = setup_of(config, lambda: _inventory(config)).names(options.target)
    views = (View(options.view),) if options.view else tuple(View)
    times = Times(config, options.lang, known_ms)
    period = f"{times.told(interval[0])} – {times.told(interval[1])}"
    return explained(court, Wanted(options.target, period, interval, views, names), sources)


async def _refuse_unknown(store: Store, inquiry: Inquiry, options: argparse.Namespace, known_ms: int) -> None:
    roll = await inquiry.roll(known_ms)
    if options.target in roll:
        return
    known = list((await Inquiry(store).roll()).ids)
    near = difflib.get_close_matches(options.target, known, 3, 0.5)
    near += [id_ for id_ in known if id_.partition(":")[2] == options.target and id_ not in near]
    hint = word(options.lang, "hint", names=", ".join(near)) if near else ""
    raise CommandError(word(options.lang, "unknown_subject", value=options.target, hint=hint))


async def _refuse_pruned(store: Store, config: Config, options: argparse.Namespace, interval: Interval) -> None:
    pruned_ms = await store.pruned_before()
    if pruned_ms is not None and interval[0] < pruned_ms:
        at = Times(config, options.lang, pruned_ms).told(pruned_ms)
        raise CommandError(word(options.lang, "pruned", at=at))


async def _runs(store: Store, roll: Roll, id_: str, reach: Interval) -> list[Run]:
    """The stored evidence that judgement reads of a subject; none of a group."""
    subject = roll.subject(id_)
    if subject.group is not None:
        return []
    runs = await store.runs(target_of(id_), *reach)
    is_agent = subject.kind is SubjectKind.AGENT
    return [
        run
        for run in runs
        if (run.kind is not Kind.REPORT or run.module == HEARTBEAT) and not (is_agent and run.kind is Kind.OBS)
    ]


def _inventory(config: Config) -> Inventory:
    """For names alone: one with problems has none."""
    try:
        return load_inventory(Path(config.inventory) if config.inventory else None, None, config)
    except ConfigError:
        return Inventory(sites={}, targets={})
