"""What inventory and polling know of the subjects that pages are about: names, observers, whether we can look at them now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from collector.core.alert import COLLECTOR_SUBJECT
from collector.core.change import COLLECTOR
from collector.core.evidence import TargetInfo
from collector.core.notice import Named
from collector.core.roll import Roll
from collector.inventory import Inventory
from collector.polling import Polling

TIMEOUT_MS: Final = 5_000
"""How long one look may take where nothing else is known."""
_OWN: Final = Named(COLLECTOR_SUBJECT, "Bộ thu thập Hải Đăng", "Hải Đăng collector", class_="collector")


class World:
    """One for the life of the collector. `inventory`, `targets` and `roll` give what holds at present."""

    def __init__(
        self,
        inventory: Callable[[], Inventory],
        targets: Callable[[], Mapping[str, TargetInfo]],
        roll: Callable[[], Roll],
        polling: Polling,
    ) -> None:
        self._inventory = inventory
        self._targets = targets
        self._roll = roll
        self._polling = polling
        self._names: dict[str, Named] = {}
        self._of: tuple[Inventory, Roll] | None = None

    def named(self, id_: str) -> Named:
        """A subject as messages show it; one that nothing knows has its id alone."""
        return self.find(id_) or Named(id_)

    def find(self, id_: str) -> Named | None:
        """The same; None for what nothing knows."""
        if id_ == COLLECTOR_SUBJECT:
            return _OWN
        inventory, roll = self._inventory(), self._roll()
        if self._of is None or self._of[0] is not inventory or self._of[1] is not roll:
            self._names, self._of = {}, (inventory, roll)
        known = self._names.get(id_)
        if known is None and id_ in roll and not roll.is_gone(id_):
            subject = roll.subject(id_)
            site = subject.site or (id_.split(":")[1] if id_.startswith("site:") else "")
            place = inventory.sites.get(site)
            known = self._names[id_] = Named(
                id_,
                inventory.name_of(id_, "vi"),
                inventory.name_of(id_, "en"),
                site,
                place.name if place is not None else "",
                (place.name_en or place.name) if place is not None else "",
                subject.class_ or str(subject.kind),
                subject.labels,
            )
        return known

    def subjects(self) -> list[str]:
        """Everything that alerts can be about, by id."""
        roll = self._roll()
        return [id_ for id_ in roll if not roll.is_gone(id_)] + [COLLECTOR_SUBJECT]

    def observers(self, id_: str) -> tuple[str, ...]:
        """Agents that observe a target; empty where the collector does, too, or where it speaks for itself."""
        info = self._targets().get(id_)
        if info is None:
            return ()
        names = info.observers or (info.via,)
        return () if COLLECTOR in names else tuple([name for name in names if name and name != id_])

    def can_look(self, id_: str) -> bool:
        """Whether the collector can look at a target at once."""
        return self._polling.can_look(id_)

    def is_blind(self, id_: str) -> bool:
        """Whether the collector sees nothing over the way out by which it observes a target."""
        return self._polling.is_blind(id_)

    def timeout_ms(self, _id: str) -> int:
        """How long one look at a target may take."""
        return TIMEOUT_MS

    async def look(self, id_: str, timeout_s: float) -> bool | None:
        """Look at a target now; at what is composed, at all its members: that each is seen says more than any rule."""
        roll = self._roll()
        if id_ not in roll or roll.subject(id_).group is None:
            return await self._polling.look_at(id_, timeout_s)
        members = [name for name in roll.members(id_) if self._polling.can_look(name)]
        found = await asyncio.gather(*[self._polling.look_at(name, timeout_s) for name in members])
        return True if found and all(found) else None
