"""Reads what a start and a reload take: configuration, inventory and on-call file, each taken whole or refused whole."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from collector.config import Config, ConfigError, Problem, shown
from collector.inventory import Equipment, Inventory, load_inventory
from collector.inventory.equipment import equip
from collector.inventory.taken import keep_taken
from collector.notify.template import file_problem
from collector.oncall import OnCallFile, load_oncall

FIXED: Final = (
    "data", "database", "late_after_s", "ttl_factor", "time_zone", "web.listen", "agents.listen", "agents.transport",
    "agents.names", "limits.connections", "limits.header_timeout_s", "limits.queue_batches", "traps.listen",
)  # fmt: skip
"""Settings that only a restart changes."""
_log = logging.getLogger("haidang.collector")


class Taken(msgspec.Struct, frozen=True):
    """What holds from now on."""

    config: Config
    inventory: Inventory
    oncall: OnCallFile


def read(config: Config, agents: Iterable[str], before: Equipment | None = None) -> Taken:
    """What a configuration names. Raises `ConfigError`, `OSError`."""
    folder = Path(config.inventory) if config.inventory else None
    inventory = load_inventory(folder, agents, config, functools.partial(equip, before=before))
    oncall = load_oncall(Path(config.oncall) if config.oncall else None, inventory, config, template_problem=file_problem)
    for warning in (*inventory.warnings, *oncall.warnings):
        _log.warning("%s", warning)
    keep_taken(Path(config.data), inventory)
    return Taken(config, inventory, oncall)


def read_again(reread: Callable[[], Config] | None, present: Config, agents: Iterable[str], before: Inventory) -> Taken:
    """What a reload takes. Raises `ConfigError`, also for what only a restart changes, and `OSError`."""
    config = reread() if reread else present
    problems = [
        Problem("reload", 0, name, shown(_setting(config, name)), f"{shown(_setting(present, name))} until a restart")
        for name in FIXED
        if _setting(config, name) != _setting(present, name)
    ]
    if problems:
        raise ConfigError(problems)
    return read(config, agents, before.equipment)


def _setting(config: Config, name: str) -> object:
    value: object = config
    for part in name.split("."):
        value = getattr(value, part)
    return value
