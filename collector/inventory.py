"""The inventory: sites and targets as people write them, in a folder of `*.yml` files.

Hosts of enrolled agents are targets without being written down (id = agent id). An inventory is taken whole or refused
whole, with every problem named by file, line and key.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from collector.config import ConfigError, Document, Problem, load_struct, shown
from collector.core.accounts import Account, Standing
from collector.core.evidence import TargetInfo

COLLECTOR: Final = "collector"
"""`via` of what the collector itself polls; no agent may have this id."""
_ID_FORM: Final = "letters, digits and ._:- (1 to 128, first a letter or digit)"
Id = Annotated[str, Meta(extra={"form": _ID_FORM})]


class Site(msgspec.Struct, frozen=True):
    """A place."""

    id: Annotated[Id, Meta(description="Value of the label `site`.")]
    name: Annotated[str, Meta(description="Name that people read.")] = ""


class TargetEntry(msgspec.Struct, frozen=True, rename={"class_": "class"}):
    """One thing we have an opinion about."""

    id: Annotated[Id, Meta(description="Value of the label `instance`; stays when a device is replaced (R12.3).")]
    site: Annotated[Id, Meta(description="Id of its site.")]
    class_: Annotated[Id, Meta(description="Value of the label `class`, for example `server` or `switch`.")]
    via: Annotated[Id, Meta(description="The agent that reports it, or `collector`.")]
    silence_means: Annotated[Literal["unknown", "down"], Meta(description="What silence of the target counts as (R6.3).")] = (
        "unknown"
    )


class InventoryFile(msgspec.Struct, frozen=True):
    """What one file may say."""

    sites: Annotated[tuple[Site, ...], Meta(description="Places.")] = ()
    targets: Annotated[tuple[TargetEntry, ...], Meta(description="Targets; hosts of enrolled agents need no entry.")] = ()


class Inventory(msgspec.Struct, frozen=True):
    """Sites and written targets; `targets` are complete only with the agents' hosts (`with_agents`)."""

    sites: dict[str, Site]
    targets: dict[str, TargetInfo]

    def with_agents(self, accounts: Iterable[Account]) -> dict[str, TargetInfo]:
        """Every target: the hosts of enrolled agents, then what inventory says, which wins."""
        hosts = {
            account.id: TargetInfo(id=account.id, site=account.site, class_=account.class_, via=account.id)
            for account in accounts
            if account.standing is Standing.ACTIVE
        }
        return hosts | self.targets


EMPTY: Final = Inventory(sites={}, targets={})


def load_inventory(folder: Path | None, agents: Iterable[str] | None) -> Inventory:
    """The inventory of `folder` (None: empty). `agents` are the ids that `via` may name; None skips that rule, for a check
    without a database. Raises `ConfigError`."""
    if folder is None:
        return EMPTY
    if not folder.is_dir():
        raise ConfigError([Problem(str(folder), 0, "inventory", "no folder", "a folder of *.yml files")])
    parts = [(document, load_struct(document, InventoryFile)) for document in map(Document, sorted(folder.glob("*.yml")))]
    building = _Building(None if agents is None else frozenset(agents))
    for document, part in parts:
        if part is not None:
            building.add_sites(document, part)
    for document, part in parts:
        if part is not None:
            building.add_targets(document, part)
    problems = [problem for document, _ in parts for problem in document.problems]
    if problems:
        raise ConfigError(problems)
    return Inventory(sites=building.sites, targets=building.targets)


class _Building:
    """An inventory while its files are joined: names resolve across files."""

    def __init__(self, agents: frozenset[str] | None) -> None:
        self.sites: dict[str, Site] = {}
        self.targets: dict[str, TargetInfo] = {}
        self._agents = agents
        self._where: dict[tuple[str, str], str] = {}

    def add_sites(self, document: Document, part: InventoryFile) -> None:
        for index, site in enumerate(part.sites):
            if self._is_first(document, ("sites", index, "id"), site.id):
                self.sites[site.id] = site

    def add_targets(self, document: Document, part: InventoryFile) -> None:
        for index, entry in enumerate(part.targets):
            place = ("targets", index)
            self._check_target(document, place, entry)
            if self._is_first(document, (*place, "id"), entry.id):
                self.targets[entry.id] = TargetInfo(
                    id=entry.id, site=entry.site, class_=entry.class_, via=entry.via, silence_means=entry.silence_means
                )

    def _check_target(self, document: Document, place: tuple[str, int], entry: TargetEntry) -> None:
        if entry.site not in self.sites:
            document.problem((*place, "site"), shown(entry.site), "the id of a site in this inventory")
        if self._agents is None:
            return
        if entry.via != COLLECTOR and entry.via not in self._agents:
            document.problem((*place, "via"), shown(entry.via), "`collector` or an agent made with `agent add`")
        if entry.id in self._agents and entry.via != entry.id:
            document.problem(
                (*place, "via"), shown(entry.via), f'"{entry.id}": this id is an agent, which reports its own host'
            )

    def _is_first(self, document: Document, place: tuple[str, int, str], id_: str) -> bool:
        here = f"{document.file}:{document.lines.get(place, 0)}"
        first = self._where.setdefault((place[0], id_), here)
        if first is not here:
            document.problem(place, shown(id_), f"an id used once (first at {first})")
        return first is here
