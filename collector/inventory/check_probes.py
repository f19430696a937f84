"""Rules of probing: modules, observers and ways out that exist, names told apart, addresses that the kinds can use."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from agent import kinds
from agent.kinds import READERS
from agent.probes.probe import Module
from collector.config import Path_, shown
from collector.inventory.check_snmp import Names, nearest
from collector.inventory.chosen import Chosen
from collector.inventory.files import COLLECTOR, ClassDefaults, TargetEntry
from collector.inventory.joined import Joined, Place
from collector.inventory.probes import AddressError, address_of, interval_of, name_of
from collector.inventory.watching import ProbeEntry, ReadersEntry

A_NAME: Final = "a `name` of lower-case letters, digits and ._:- (1 to 128, first a letter or digit)"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,127}")
_TAKEN: Final = frozenset({"snmp", "heartbeat", "local", "trap", *READERS})
"""Modules of the reports of polls and readers; a probe of this name could not be told from them."""
_AN_OBSERVER: Final = "`collector` or an agent made with `agent add`"
_A_HOST: Final = "only on the host of an agent, whose id is that of the agent"


def is_any_probed(joined: Joined) -> bool:
    """Whether some target is probed, so that it matters which modules there are."""
    return any(entry.probes for entry in joined.targets.values()) or any(said.probes for _, _, said in joined.defaults())


def check_probes(joined: Joined, names: Names) -> None:
    """Everything that is wrong with probes and with who runs them."""
    for place, _, said in joined.defaults():
        _check_said(joined, place, said, names.probes)
    for id_, entry in joined.targets.items():
        place = joined.places["targets", id_]
        _check_said(joined, place, entry, names.probes)
        chosen = joined.chosen(entry)
        _check_host(place, chosen)
        _check_way(joined, place, chosen)
        for below, probe in _probes(chosen):
            _check_times(place, below, chosen, probe)
            module = (names.probes or {}).get(probe.module)
            if module is not None:
                _check_job(joined, place.at(below), (chosen, probe, module))


def _probes(chosen: Chosen) -> Iterator[tuple[Path_, ProbeEntry]]:
    """Its probes, each with its key below the target; those of defaults have none."""
    is_own = chosen.entry.probes is not None
    for index, probe in enumerate(chosen.probes):
        yield ("probes", index) if is_own else (), probe


def _check_said(joined: Joined, place: Place, said: ClassDefaults, modules: Mapping[str, Module] | None) -> None:
    """What a target or defaults say, whatever it is said of."""
    _check_names(joined, place, said.probes or (), modules)
    for index, observer in enumerate(said.also_via or ()):
        _check_observer(joined, place, ("also_via", index), observer)
        if observer in (said.also_via or ())[:index]:
            place.problem(("also_via", index), shown(observer), "each observer once")
    if said.uplink is not None and said.uplink not in joined.uplinks:
        place.problem(("uplink",), shown(said.uplink), expected_uplink(joined, said.uplink))
    if said.readers is not None:
        _check_readers(place, said.readers)


def expected_uplink(joined: Joined, name: str) -> str:
    """What is expected in place of a way out that there is not."""
    near = nearest(name, joined.uplinks)
    return f"the id of a way out under `uplinks`, such as {near}" if near else "the id of a way out under `uplinks`"


def _check_names(
    joined: Joined, place: Place, probes: Sequence[str | ProbeEntry], modules: Mapping[str, Module] | None
) -> None:
    seen: set[str] = set()
    for index, each in enumerate(probes):
        bare = isinstance(each, str)
        probe = ProbeEntry(module=each) if isinstance(each, str) else each
        below: Path_ = ("probes", index) if bare else ("probes", index, "module")
        named: Path_ = ("probes", index) if bare or probe.name is None else ("probes", index, "name")
        name = name_of(probe)
        if modules is not None and probe.module not in modules:
            near = nearest(probe.module, modules)
            expected = f"the name of a module of probes, such as {near}" if near else "the name of a module of probes"
            place.problem(below, shown(probe.module), expected)
        if not _NAME.fullmatch(name):
            place.problem(named, shown(name), A_NAME)
        elif name in _TAKEN:
            place.problem(named, shown(name), "a `name` that no reader and no poll has")
        if name in seen:
            place.problem(named, shown(name), "a `name` that no other probe of the target has")
        seen.add(name)
        if probe.via is not None:
            _check_observer(joined, place, ("probes", index, "via"), probe.via)


def _check_observer(joined: Joined, place: Place, below: Path_, observer: str) -> None:
    if observer != COLLECTOR and joined.agents is not None and observer not in joined.agents:
        place.problem(below, shown(observer), _AN_OBSERVER)


def _check_readers(place: Place, said: ReadersEntry) -> None:
    """Kinds that exist, none enabled and disabled at once, and settings that each takes."""
    for key, listed in (("enable", said.enable), ("disable", said.disable), ("settings", tuple(said.settings))):
        for index, kind in enumerate(listed):
            below: Path_ = ("readers", key, kind) if key == "settings" else ("readers", key, index)
            if kind not in READERS:
                near = nearest(kind, READERS)
                place.problem(below, shown(kind), f"a kind of reader, such as {near}" if near else "a kind of reader")
            elif key != "disable" and kind in said.disable:
                place.problem(below, shown(kind), "a kind that is not in `disable` as well")
            elif key == "settings":
                _check_settings(place, below, kind, said.settings[kind])


def _check_settings(place: Place, below: Path_, kind: str, given: dict[str, Any]) -> None:
    try:
        msgspec.convert(given, kinds.load(kind).Settings)
    except msgspec.ValidationError as error:
        place.problem(below, "settings that it does not take", f"what the reader {kind} takes: {error}")


def _check_host(place: Place, chosen: Chosen) -> None:
    entry = chosen.entry
    for key in ("readers", "reflector"):
        if getattr(entry, key) is not None and not chosen.is_own_host:
            place.problem((key,), key, _A_HOST)


def _check_way(joined: Joined, place: Place, chosen: Chosen) -> None:
    """A way out that a target itself names is one of somebody who observes it."""
    uplink = joined.uplinks.get(chosen.entry.uplink or "")
    if uplink is not None and uplink.via not in chosen.observers:
        place.problem(("uplink",), f"the way out {shown(uplink.id)} of {uplink.via}", "a way out of one of its observers")


def _check_times(place: Place, below: Path_, chosen: Chosen, probe: ProbeEntry) -> None:
    interval_s = interval_of(chosen, probe)
    if below and probe.retry_s is not None and probe.retry_s > interval_s:
        place.problem((*below, "retry_s"), f"{probe.retry_s:g}", f"no more than the interval of {interval_s} s")
    if probe.judged and chosen.ttl_s and 2 * chosen.ttl_s < 3 * interval_s and interval_s != chosen.interval_s:
        place.problem(("ttl_s",), shown(chosen.ttl_s), f"at least 1.5 times the interval of {interval_s} s (R5.1)")


def _check_job(joined: Joined, place: Place, of: tuple[Chosen, ProbeEntry, Module]) -> None:
    """What only the target and the module tell together. `place` is that of the probe, or of a target with that of defaults."""
    chosen, probe, module = of
    entry = chosen.entry
    if not (probe.address or entry.address) and entry.probes is None:
        return  # of defaults: nothing is probed where nothing is known
    if module.kind == "script" and COLLECTOR in chosen.observers_of(probe):
        script = str(module.settings.get("name", ""))
        if script not in joined.settings.probes.scripts:
            found = f"the module {shown(probe.module)} that runs {script}"
            place.problem((), found, "a module whose program is one of `probes.scripts` of `collector.yml`")
    if module.kind == "rtp" and not probe.address and chosen.said("reflector", None) is None:
        place.problem(
            (), f"the module {shown(probe.module)} on a target without reflector", "`reflector` on the target, or an `address`"
        )
    try:
        address_of(chosen, probe, module)
    except AddressError as error:
        below: Path_ = ("address",) if probe.address is not None and isinstance(_own(entry, place), ProbeEntry) else ()
        place.problem(below, error.found, error.expected)


def _own(entry: TargetEntry, place: Place) -> str | ProbeEntry | None:
    """The probe that stands at a place, if it is one of the target's own."""
    index = place.path[-1] if place.path else None
    return entry.probes[index] if entry.probes is not None and isinstance(index, int) and index < len(entry.probes) else None


def check_uplinks(joined: Joined) -> None:
    """References are addresses, and whose way out it is exists."""
    for id_, uplink in joined.uplinks.items():
        place = joined.places["uplinks", id_]
        _check_observer(joined, place, ("via",), uplink.via)
        if not uplink.references:
            place.problem(("references",), "an empty list", "IP addresses that answer echoes")
        for index, reference in enumerate(uplink.references):
            if not _is_ip(reference):
                place.problem(("references", index), shown(reference), "an IP address: names may not resolve when it matters")
            elif reference in uplink.references[:index]:
                place.problem(("references", index), shown(reference), "each address once")
    for id_, site in joined.sites.items():
        place = joined.places["sites", id_]
        if site.agent is not None:
            _check_observer(joined, place, ("agent",), site.agent)
        if site.uplink is not None and site.uplink not in joined.uplinks:
            place.problem(("uplink",), shown(site.uplink), expected_uplink(joined, site.uplink))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
