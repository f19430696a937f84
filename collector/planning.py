"""Asks for the maintenance that the inventory plans, each time an inventory was taken. Figures never wait for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from collector.config import Problem
from collector.core.acts import ActProblem, ActRefusedError, Rulebook
from collector.core.planned import Planned
from collector.inventory import Inventory

_log = logging.getLogger("haidang.planning")


class PlanningPort(Protocol):
    """The part of the store that is needed; raises `change.StoreError`."""

    async def take_planned(
        self, planned: Sequence[Planned], t_ms: int, rules: Rulebook
    ) -> list[tuple[Planned, ActRefusedError]]: ...


class Planning:
    """One for the life of the collector."""

    def __init__(self, store: PlanningPort) -> None:
        self._store = store
        self._wanted: Inventory | None = None
        self._told: frozenset[Problem] = frozenset()
        """What was refused the last time: it is told once, however often agents come and go."""

    def want(self, inventory: Inventory) -> None:
        """An inventory is taken: its subjects are on disk."""
        self._wanted = inventory

    async def take(self, now_ms: int, rules: Callable[[], Rulebook]) -> None:
        """Do what is due. Raises `change.StoreError`: nothing was done, and it is due again."""
        inventory = self._wanted
        if inventory is None:
            return
        refused = await self._store.take_planned(inventory.planned(), now_ms, rules())
        if self._wanted is inventory:
            self._wanted = None
        problems = frozenset(_problem(inventory, planned, error) for planned, error in refused)
        for problem in sorted(problems - self._told, key=str):
            _log.warning("%s", problem)
        self._told = problems


def _problem(inventory: Inventory, planned: Planned, error: ActRefusedError) -> Problem:
    """Why a window is not asked for, at the place of its entry."""
    file, _, line = inventory.places.get(("maintenance", planned.entry), "").rpartition(":")
    is_beside = error.problem in (ActProblem.OVERLAPS, ActProblem.DUPLICATE)
    found = f"a window that is refused: {error}"
    expected = "times of its own, or that the other one is ended or cancelled" if is_beside else "what the rules of acts take"
    return Problem(file, int(line or 0), f"maintenance {planned.entry}", found, expected)
