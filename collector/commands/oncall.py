"""`haidang-collector oncall now | week | check` and `route explain`: out of the files alone, no collector needs to run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from collector.commands import route_explain
from collector.commands.ledger_reading import Times, wall_ms
from collector.commands.oncall_text import aligned, when_text
from collector.commands.oncall_words import word
from collector.config import Config
from collector.config_words import told_all
from collector.core.periods import local_date, midnight
from collector.core.rota import Turn, Why, on_call, turns
from collector.core.routing import OnCall
from collector.inventory import Inventory, load_inventory
from collector.notify.template import file_problem
from collector.oncall import OnCallFile, load_oncall
from collector.output import CommandError, put

_WEEKS: Final = range(1, 54)


def run(config: Config, options: argparse.Namespace, now_ms: Callable[[], int] = wall_ms) -> int:
    """Carry out one verb; the exit code. Raises `CommandError`, `ConfigError`, `OutputError`."""
    language, now = options.lang, now_ms()
    if not config.oncall:
        raise CommandError(word(language, "no_file"))
    inventory, file = _read(config, now)
    times = Times(config, language, now)
    if options.command == "route":
        put(_lines(route_explain.explained(file.policy, inventory, options, times.moment(options.at, now))))
        return 0
    if options.verb == "check":
        return _check(file, language)
    if not file.policy.plan.rotas:
        raise CommandError(word(language, "no_rotas"))
    if options.verb == "now":
        put(_lines(_now(file.policy, language, times.moment(options.at, now))))
    else:
        put(_lines(_week(file.policy, options, times)))
    return 0


def _read(config: Config, now_ms: int) -> tuple[Inventory, OnCallFile]:
    inventory = load_inventory(Path(config.inventory) if config.inventory else None, None, config)
    return inventory, checked(config, inventory, now_ms)


def checked(config: Config, inventory: Inventory, now_ms: int | None = None) -> OnCallFile:
    """The on-call file that is configured, its templates tried too. Raises `ConfigError`."""
    return load_oncall(Path(config.oncall), inventory, config, now_ms=now_ms, template_problem=file_problem)


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _check(file: OnCallFile, language: str) -> int:
    if file.warnings:
        sys.stderr.write(f"{told_all(file.warnings, language)}\n")
    put(f"{summary(file, language)}\n")
    return 0


def summary(file: OnCallFile, language: str) -> str:
    """What there is, in one line."""
    plan = file.policy.plan
    counts = {name: len(getattr(plan, name)) for name in ("people", "rotas", "escalations", "routes")}
    return word(language, "ok", receivers=len(file.receivers), **counts)


# --- who is on call


def _now(policy: OnCall, language: str, at_ms: int) -> Iterator[str]:
    rows = [word(language, "columns_now").split("\t")]
    for name, rota in policy.plan.rotas.items():
        turn = on_call(rota, at_ms)
        person = policy.plan.people.get(turn.person)
        zone = ZoneInfo(rota.zone)
        when = [when_text(zone, turn.from_ms, language), when_text(zone, turn.to_ms, language)]
        receivers = ", ".join(person.receivers) if person is not None else "-"
        whose = [turn.person or word(language, "nobody"), person.name if person is not None else "-"]
        rows.append([name, *whose, *when, _why(turn, language), receivers])
    yield from aligned(rows)


def _week(policy: OnCall, options: argparse.Namespace, times: Times) -> Iterator[str]:
    language, plan = options.lang, policy.plan
    if options.rota and options.rota not in plan.rotas:
        raise CommandError(word(language, "unknown_rota", value=options.rota, known=", ".join(plan.rotas)))
    if options.weeks not in _WEEKS:
        raise CommandError(word(language, "bad_weeks", value=options.weeks))
    zone = times.zone
    first = local_date(zone, times.moment(options.from_, times.now_ms))
    if not options.from_:
        first -= timedelta(days=first.weekday())
    stretch = midnight(zone, first), midnight(zone, first + timedelta(weeks=options.weeks))
    wanted = [options.rota] if options.rota else list(plan.rotas)
    for index, name in enumerate(wanted):
        rota = plan.rotas[name]
        if index:
            yield ""
        yield word(language, "title_week", rota=name, zone=rota.zone)
        if not rota.only.is_always:
            yield word(language, "only_hours")
        found = [turn for turn in turns(rota, *stretch) if turn.why is not Why.GAP or rota.only.is_always]
        rows = [word(language, "columns_week").split("\t")]
        for turn in found:
            person = plan.people.get(turn.person)
            whose = [turn.person or word(language, "nobody"), person.name if person is not None else "-"]
            ends = turn.from_ms, turn.to_ms
            if turn.why is Why.GAP:
                ends = max(turn.from_ms, stretch[0]), min(turn.to_ms, stretch[1])
            rows.append([*(when_text(zone, end, language) for end in ends), *whose, _why(turn, language)])
        yield from aligned(rows)


def _why(turn: Turn, language: str) -> str:
    why = word(language, turn.why.value)
    return word(language, "in_place_of", why=why, person=turn.instead_of) if turn.instead_of else why
