"""Who plays in the scripted trouble: a line, a UPS, a room, a certificate and a disk of the province, whatever their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from collector.inventory import COLLECTOR, Inventory, TargetEntry
from collector.inventory.probes import AddressError, address_of

PREFERRED_SITE: Final = "thanh-mien"
ROOMS: Final = ("room", "vc", "codec", "video-room", "room-codec", "video")
HOSTS: Final = ("server", "vm", "physical-server", "storage", "nas")


class Cast(NamedTuple):
    """Ids of targets; "" where the province has nobody for the part."""

    site: str
    """The site whose line is cut."""
    line: str
    cut: frozenset[str]
    """What the centre does not reach while it is."""
    ups: str
    room: str
    page: str
    """Whose certificate is about to expire."""
    host: str
    """Whose disk fills up."""

    @property
    def quick(self) -> frozenset[str]:
        """All of them."""
        return self.cut | ({self.ups, self.room, self.page, self.host} - {""})


def choose(inventory: Inventory) -> Cast:
    """A player for each part, the same each time."""
    site, line = _line(inventory)
    cut = frozenset(id_ for id_ in _behind(inventory, line) if COLLECTOR in inventory.chosen(inventory.entries[id_]).observers)
    polled = [chosen.entry for observer in _observers(inventory) for chosen in inventory.polled(observer)]
    free = [entry for entry in polled if entry.id not in cut]
    return Cast(
        site=site,
        line=line,
        cut=cut,
        ups=next((entry.id for entry in free if entry.class_ == "ups"), ""),
        room=next((entry.id for entry in free if entry.class_ in ROOMS), ""),
        page=next(_pages(inventory, cut), ""),
        host=next(
            (entry.id for entry in sorted(free, key=lambda one: _is_probed(inventory, one)) if entry.class_ in HOSTS), ""
        ),
    )


def _is_probed(inventory: Inventory, entry: TargetEntry) -> bool:
    """Whether something else than a poll says if it is up: then a good echo stands beside a full disk."""
    return any(probe.judged for probe in inventory.chosen(entry).probes)


def _observers(inventory: Inventory) -> list[str]:
    found = {entry.via for entry in inventory.entries.values()}
    return sorted(found, key=lambda name: (name != COLLECTOR, name))


def _line(inventory: Inventory) -> tuple[str, str]:
    """A site and the target that is its line, which the collector probes; the preferred one if it will do."""
    sites = sorted(inventory.sites.values(), key=lambda site: (site.id != PREFERRED_SITE, site.id))
    for site in sites:
        entry = inventory.entries.get(site.link or "")
        if entry is not None and COLLECTOR in inventory.chosen(entry).observers and inventory.chosen(entry).probes:
            return site.id, entry.id
    return "", ""


def _behind(inventory: Inventory, line: str) -> set[str]:
    """The line, and everything to which only it leads."""
    behind, before = {line} - {""}, -1
    while len(behind) > before:
        before = len(behind)
        for entry in inventory.entries.values():
            needed = [{one} if isinstance(one, str) else set(one) for one in entry.parents]
            if any(each and each <= behind for each in needed):
                behind.add(entry.id)
    return behind


def _pages(inventory: Inventory, cut: frozenset[str]) -> Iterator[str]:
    """Pages over TLS for whose certificates somebody set a least time."""
    modules = inventory.equipment.modules if inventory.equipment is not None else {}
    for entry in inventory.entries.values():
        if entry.id not in cut and _warns(inventory, entry, modules):
            yield entry.id


def _warns(inventory: Inventory, entry: TargetEntry, modules: object) -> bool:
    chosen = inventory.chosen(entry)
    for probe in chosen.probes:
        module = modules[probe.module]  # type: ignore[index]
        if module.kind != "http" or not probe.judged or not module.settings.get("degraded_cert_days"):
            continue
        try:
            return address_of(chosen, probe, module).startswith("https://")
        except AddressError:
            continue
    return False
