"""Rules of groups and sites (3.15): members that exist and have states, counts within range, no group inside itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.config import shown
from collector.core.graph import cycle_text, levels, walk
from collector.inventory.check import check_promise
from collector.inventory.files import GroupEntry, Selector, Site
from collector.inventory.joined import A_TARGET, PREFIXES, Joined, Place

MOST_LEVELS: Final = 8
"""Groups of groups of groups: no deeper."""
_NO_COLON: Final = "an id without `:`"
_MEMBER: Final = "the id of a target, or group:ID, site:ID or agent:ID of one that exists"


def has_states(site: Site) -> bool:
    """Whether a site is up or down at an instant: it has a link or critical devices."""
    return site.link is not None or site.critical is not None


def check_sites(joined: Joined) -> None:
    """Links and critical devices exist, and no more are required than there are (R15.4)."""
    for id_, site in joined.sites.items():
        place = joined.places["sites", id_]
        if ":" in id_:
            place.problem(("id",), shown(id_), _NO_COLON)
        check_promise(joined, place, site)
        if site.link is not None:
            joined.check_target(place, ("link",), site.link)
        if site.critical is not None:
            _check_ids(joined, place, ("critical", "of"), site.critical.of)
            _check_required(place, ("critical", "require"), site.critical.require, len(site.critical.of))


def _check_ids(joined: Joined, place: Place, below: tuple[str, str], ids: tuple[str, ...]) -> None:
    if not ids:
        place.problem(below, "an empty list", A_TARGET)
    for index, id_ in enumerate(ids):
        joined.check_target(place, (*below, index), id_)
    _check_once(place, below, ids)


def _check_once(place: Place, below: tuple[str, ...], members: tuple[str | Selector, ...]) -> None:
    seen: set[str] = set()
    for index, id_ in enumerate(members):
        if isinstance(id_, str):
            if id_ in seen:
                place.problem((*below, index), shown(id_), "each member once")
            seen.add(id_)


def _check_required(place: Place, below: tuple[str, ...], required: int | None, count: int) -> None:
    if required is not None and required > count > 0:
        place.problem(below, shown(required), f"at most the number of members, {count} (R15.2)")


def check_groups(joined: Joined) -> None:
    """Everything that is wrong with groups."""
    for id_, group in joined.groups.items():
        place = joined.places["groups", id_]
        if ":" in id_:
            place.problem(("id",), shown(id_), _NO_COLON)
        check_promise(joined, place, group)
        if not group.members:
            place.problem(("members",), "an empty list", _MEMBER)
        _check_members(joined, place, group)
        _check_once(place, ("members",), group.members)
        _check_numbers(place, group)
    _check_nesting(joined)


def _check_members(joined: Joined, place: Place, group: GroupEntry) -> None:
    for index, member in enumerate(group.members):
        below = ("members", index)
        if isinstance(member, Selector):
            _check_selector(joined, place, below, member)
        elif not member.startswith(PREFIXES):
            joined.check_target(place, below, member, _MEMBER)
        elif not _exists(joined, member):
            place.problem(below, shown(member), _MEMBER)
        elif group.rule != "pooled" and not _is_composable(joined, member):
            expected = "a member with states of its own: not pooled, and a site with a link or critical devices (R15.3)"
            place.problem(below, shown(member), expected)


def _check_selector(joined: Joined, place: Place, below: tuple[str, int], selector: Selector) -> None:
    if selector == Selector():
        place.problem(below, "a selector that says nothing", "at least one of site, class and labels")
    elif selector.site is not None and selector.site not in joined.sites:
        place.problem((*below, "site"), shown(selector.site), "the id of a site in this inventory")
    elif not any(picks(selector, each.site, each.class_, each.labels) for each in joined.targets.values()):
        expected = "a selector that picks a written target; hosts of agents may follow"
        joined.warnings.append(place.remark(below, "no target", expected))


def picks(selector: Selector, site: str, class_: str, labels: dict[str, str]) -> bool:
    """Whether a target is one that a selector means."""
    return (
        (selector.site is None or selector.site == site)
        and (selector.class_ is None or selector.class_ == class_)
        and (not selector.labels or selector.labels.items() <= labels.items())
    )


def _exists(joined: Joined, member: str) -> bool:
    prefix, _, id_ = member.partition(":")
    if prefix == "agent":
        return joined.agents is None or id_ in joined.agents
    return id_ in (joined.groups if prefix == "group" else joined.sites)


def _is_composable(joined: Joined, member: str) -> bool:
    prefix, _, id_ = member.partition(":")
    if prefix == "group":
        return joined.groups[id_].rule != "pooled"
    return prefix != "site" or has_states(joined.sites[id_])


def _check_numbers(place: Place, group: GroupEntry) -> None:
    only_ids = all(isinstance(member, str) for member in group.members)
    if group.rule == "k_of_n" and group.k is None:
        place.problem(("k",), "nothing", "how many members must work, for k_of_n")
    if group.rule != "k_of_n" and group.k is not None:
        place.problem(("k",), shown(group.k), "no k: only for k_of_n")
    if group.rule == "k_of_n" and only_ids:
        _check_required(place, ("k",), group.k, len(group.members))
    if not group.weights:
        return
    if group.rule != "pooled" or not only_ids:
        place.problem(("weights",), "weights", "no weights: only for pooled with members named one by one (R15.3)")
    elif len(group.weights) != len(group.members):
        place.problem(("weights",), f"{len(group.weights)} weights", f"one for each of {len(group.members)} members (R15.3)")


def _groups_in(group: GroupEntry) -> Iterator[str]:
    for member in group.members:
        if isinstance(member, str) and member.startswith("group:"):
            yield member.removeprefix("group:")


def _check_nesting(joined: Joined) -> None:
    edges = {id_: tuple(_groups_in(group)) for id_, group in joined.groups.items()}
    found = walk(edges)
    for cycle in found.cycles:
        place = joined.places["groups", cycle[0]]
        place.problem(("members",), f"a cycle {cycle_text(cycle)}", "groups that do not contain themselves")
    if found.cycles:
        return
    for id_, depth in levels(found.order, edges).items():
        if depth == MOST_LEVELS + 1:
            place = joined.places["groups", id_]
            place.problem(("members",), f"{depth} levels of groups", f"at most {MOST_LEVELS}")
