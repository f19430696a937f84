"""Rules of polling by SNMP: an address and credentials where there is a poll, names that exist, nothing polled twice."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Collection, Iterable, Mapping

import msgspec

from agent.probes.probe import Module
from collector.config import shown
from collector.inventory.chosen import Chosen
from collector.inventory.joined import Joined, Place
from collector.inventory.snmp import SnmpEntry


class Names(msgspec.Struct, frozen=True):
    """What there is to be named; None: not known here, so that every name will do."""

    auths: Collection[str] | None = None
    profiles: Collection[str] | None = None
    modules: Collection[str] | None = None
    probes: Mapping[str, Module] | None = None
    """Modules of probes, which are looked at too."""


def is_any_polled(joined: Joined) -> bool:
    """Whether some target is polled by SNMP, so that it matters which names there are."""
    return any(joined.chosen(entry).snmp is not None for entry in joined.targets.values())


def check_snmp(joined: Joined, names: Names) -> None:
    """Everything that is wrong with polling, and what is worth saying of it."""
    for id_, entry in joined.targets.items():
        place = joined.places["targets", id_]
        chosen = joined.chosen(entry)
        if entry.snmp is not None:
            _check_names(place, entry.snmp, names)
        _check_target(joined, place, chosen)
    for place, _, said in joined.defaults():
        if said.snmp is not None:
            _check_names(place, said.snmp, names)
    _warn_of_doubles(joined)


def _check_target(joined: Joined, place: Place, chosen: Chosen) -> None:
    entry, said = chosen.entry, chosen.snmp
    if entry.snmp is not None and entry.snmp.enabled is not False and entry.address is None:
        place.problem(("address",), "nothing", "the host name or IP address under which it is polled")
    if said is None:
        return
    if said.auth is None:
        place.problem(("snmp", "auth"), "nothing", "the name of its credentials")
    if said.full_interval_s is not None and said.full_interval_s < chosen.interval_s:
        expected = f"at least the interval of {chosen.interval_s} s"
        place.problem(("snmp", "full_interval_s"), shown(said.full_interval_s), expected)
    if said.timeout_s is not None and said.timeout_s >= chosen.interval_s:
        place.problem(("snmp", "timeout_s"), shown(said.timeout_s), f"less than the interval of {chosen.interval_s} s")


def _check_names(place: Place, said: SnmpEntry, names: Names) -> None:
    if said.auth is not None and names.auths is not None and said.auth not in names.auths:
        place.problem(("snmp", "auth"), shown(said.auth), expected_auth(said.auth, names.auths))
    if said.profile not in (None, "auto") and names.profiles is not None and said.profile not in names.profiles:
        near = nearest(str(said.profile), names.profiles)
        expected = f"`auto` or the name of a profile, such as {near}" if near else "`auto` or the name of a profile"
        place.problem(("snmp", "profile"), shown(said.profile), expected)
    for index, module in enumerate(said.modules or ()):
        if names.modules is not None and module not in names.modules:
            near = nearest(module, names.modules)
            expected = f"the name of a module, such as {near}" if near else "the name of a module"
            place.problem(("snmp", "modules", index), shown(module), expected)


def expected_auth(name: str, auths: Iterable[str]) -> str:
    """What is expected in place of a name of credentials that there is not."""
    near = nearest(name, auths)
    return f"a name in `snmp.auths_file`, such as {near}" if near else "a name in `snmp.auths_file`"


def nearest(name: str, known: Iterable[str]) -> str:
    """The name that was probably meant; "" where none is near and there are too many to tell."""
    names = sorted(known)
    return next(iter(difflib.get_close_matches(name, names, 1)), names[0] if len(names) == 1 else "")


def _warn_of_doubles(joined: Joined) -> None:
    """The same device under two ids: each would ask it, and both would be right."""
    seen: dict[tuple[str, str, int, str], Place] = {}
    for id_, entry in joined.targets.items():
        said = joined.chosen(entry).snmp
        if said is None or entry.address is None:
            continue
        place = joined.places["targets", id_]
        key = (entry.via, _canonical(entry.address), said.port or 161, said.context or "")
        first = seen.setdefault(key, place)
        if first is not place:
            expected = f"an address, port and context that no other target has (first at {first})"
            joined.warnings.append(place.remark(("address",), shown(entry.address), expected))


def _canonical(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address.lower()
