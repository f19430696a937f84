"""The scripted trouble of the simulated province: what happens when, and what it does to the machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from tests.province import walks
from tests.province.cast import Cast
from tests.province.devices import Scripted
from tests.province.town import EXPIRING_DAYS, Town
from tests.snmp.tinyber import integer

PARTS: Final = ("line", "ups", "room", "page", "host")
FULL: Final = 0.97


class Act(NamedTuple):
    """A trouble begins or ends so many seconds after the start of a round."""

    at_s: float
    part: str
    begins: bool


def acts(step_s: float, last_s: float) -> Iterator[Act]:
    """One round: the troubles begin one after another, `step_s` apart, and each lasts `last_s`."""
    begin = [Act(number * step_s, part, begins=True) for number, part in enumerate(PARTS)]
    end = [Act(act.at_s + last_s, act.part, begins=False) for act in begin]
    yield from sorted((*begin, *end))


class Stage:
    """Does to the town what acts say."""

    def __init__(self, town: Town, cast: Cast, places: Mapping[str, str], devices: Mapping[str, Scripted]) -> None:
        """`places`: target -> address of what is played there; `devices`: target -> its device."""
        self._town, self._cast, self._places, self._devices = town, cast, places, devices

    def target(self, part: str) -> str:
        """Who plays a part; "" for nobody."""
        return str(getattr(self._cast, part))

    def play(self, act: Act) -> dict[str, object]:
        """Do it; what else there is to be said of it."""
        change = getattr(self, f"_{act.part}")
        return dict(change(act.begins) or {})

    def _line(self, begins: bool) -> dict[str, object]:
        behind = {self._places[id_] for id_ in self._cast.cut if self._places.get(id_)}
        if begins:
            self._town.cut |= behind
        else:
            self._town.cut -= behind
        return {"count": len(self._cast.cut) - 1}

    def _ups(self, begins: bool) -> None:
        values = self._devices[self._cast.ups].values
        values[walks.UPS_SOURCE] = walks.BATTERY if begins else walks.MAINS
        values[walks.UPS_SECONDS_ON_BATTERY] = integer(30 if begins else 0)

    def _room(self, begins: bool) -> None:
        values = self._devices[self._cast.room].values
        values.update(dict.fromkeys(walks.REGISTERED, walks.FAILED if begins else walks.GOOD))

    def _page(self, begins: bool) -> dict[str, object]:
        place = self._places[self._cast.page]
        (self._town.expiring.add if begins else self._town.expiring.discard)(place)
        return {"days": EXPIRING_DAYS}

    def _host(self, begins: bool) -> None:
        used = int(walks.DISK_UNITS * (FULL if begins else 0.33))
        self._devices[self._cast.host].values[walks.DISK_USED] = integer(used)
