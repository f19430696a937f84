"""The on-call file: who is told of what, when, and who is on call. Taken whole or refused whole, every problem with its place.

It reads and checks; the plan that comes out (`core.routing.OnCall`) decides, the receivers are opened by `collector.notify`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from collector.config import ConfigError, Document, Problem, load_struct
from collector.config_forms import length_of
from collector.core.routing import NOBODY, OnCall
from collector.inventory import Inventory
from collector.notify.settings import ReceiverEntry
from collector.oncall.check import Checking, check_file
from collector.oncall.check_rota import coming
from collector.oncall.files import HeartbeatEntry, OnCallEntry
from collector.oncall.reading import plan_of
from collector.settings import Config

TemplateProblem = Callable[[Path], str]
"""What is wrong with a template, in English; empty: nothing."""


class OnCallFile(msgspec.Struct, frozen=True):
    """What an on-call file says; without one everything is recorded and nobody is told."""

    policy: OnCall = NOBODY
    receivers: dict[str, ReceiverEntry] = {}
    folder: Path = Path()
    """Relative paths of receivers and heartbeats count from it."""
    link: str = ""
    """Base of links in messages, without a slash at its end; empty: no links."""
    language: str = "vi"
    heartbeats: tuple[HeartbeatEntry, ...] = ()
    silence_receivers: tuple[str, ...] = ()
    longest_silence_ms: int = 30 * 86_400_000
    emergency: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()
    """What is worth saying and no reason to refuse."""


NO_FILE: Final = OnCallFile()


def load_oncall(
    file: Path | None,
    inventory: Inventory | None,
    config: Config,
    *,
    now_ms: int | None = None,
    template_problem: TemplateProblem | None = None,
) -> OnCallFile:
    """The on-call file (None: `NO_FILE`). `inventory` gives groups, calendars, holidays and sites; without one their names are
    not looked up. `now_ms` (not said: now) is where the look ahead for gaps of rotas begins; what the calendar brings is never
    a reason to refuse. `template_problem` judges templates. Raises `ConfigError` with every problem."""
    if file is None:
        return NO_FILE
    document = Document(file)
    entry = load_struct(document, OnCallEntry)
    warnings: list[Problem] = []
    if entry is not None:
        warnings = check_file(Checking(document, entry, inventory, config, template_problem))
    if entry is None or document.problems:
        raise ConfigError(document.problems)
    plan = plan_of(entry, inventory, config.time_zone)
    warnings += coming(document, plan, time.time_ns() // 1_000_000 if now_ms is None else now_ms)
    return OnCallFile(
        policy=OnCall(plan),
        receivers=entry.receivers,
        folder=file.parent,
        link=(entry.link or "").rstrip("/"),
        language=entry.language,
        heartbeats=entry.heartbeat,
        silence_receivers=entry.silences.notify,
        longest_silence_ms=int(length_of(entry.silences.longest).total_seconds() * 1000),
        emergency=entry.emergency,
        warnings=tuple(sorted(warnings, key=lambda problem: problem.line)),
    )


__all__ = ["NO_FILE", "HeartbeatEntry", "OnCallEntry", "OnCallFile", "TemplateProblem", "load_oncall"]
