"""Makes jobs for observers out of what the inventory says of probes: which module, which address, how often."""

from __future__ import annotations

import importlib
import ipaddress
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol, cast

from agent.kinds import PROBES
from agent.probes.probe import Job, Module
from agent.probes.running import timeout_of
from collector.config import shown
from collector.inventory.chosen import PROBE_INTERVAL_S, Chosen
from collector.inventory.files import TargetEntry
from collector.inventory.watching import PRIORITIES, ProbeEntry

if TYPE_CHECKING:
    from collector.inventory import Inventory

FAIL_AFTER: Final = 3
"""Failed samples in a row until it is down (SPEC 3.20)."""
RETRY_SHARE: Final = 4
"""The distance of retries is the interval divided by this where nothing is said: 15 s after 60 s (R4.3)."""
TIMEOUT_S: Final = 5
"""Timeout of a child whose probes are not known (R4.3, SPEC 3.20)."""
DEFAULT_PORTS: Final[dict[str, int]] = {
    "dns": 53,
    "h323": 1720,
    "imap": 143,
    "ntp": 123,
    "rtp": 8603,
    "sip": 5060,
    "smtp": 25,
    "tls": 443,
}
"""Completes the address of a kind that wants a port, where nothing says one."""
MAX_NAME: Final = 128
"""Characters of a report's module."""
PLACEHOLDERS: Final = ("address", "id", "site")
_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z0-9_]*)\}")


class _Door(Protocol):
    """What the module of a kind offers."""

    def address_problem(self, address: str) -> str:
        """What was expected in place of the address; "" if it will do."""


class AddressError(ValueError):
    """A probe has no address that its kind can use; `found` and `expected` say why, in the words of problems."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"{found}, expected {expected}")
        self.found = found
        self.expected = expected


def jobs_of(inventory: Inventory, observer: str, entries: Iterable[TargetEntry] | None = None) -> list[Job]:
    """What `observer`, an agent or `collector`, is to probe; of `entries` only, if somebody knows which concern it. Empty where
    the inventory was loaded without modules; names and addresses were checked when it was loaded."""
    modules = inventory.equipment.modules if inventory.equipment is not None else {}
    ways = {id_: uplink.via for id_, uplink in inventory.uplinks.items()}
    found: list[Job] = []
    for entry in inventory.entries.values() if entries is None else entries:
        chosen = inventory.chosen(entry)
        for probe in chosen.probes:
            if probe.module in modules and observer in chosen.observers_of(probe):
                found += _job(chosen, probe, modules[probe.module], ways, observer)
    return found


def _job(chosen: Chosen, probe: ProbeEntry, module: Module, ways: Mapping[str, str], observer: str) -> list[Job]:
    try:
        address = address_of(chosen, probe, module)
    except AddressError:  # of defaults that do not fit a target without an address: nothing is probed
        return []
    interval_s = interval_of(chosen, probe)
    uplink = chosen.said("uplink", "")
    return [
        Job(
            target=chosen.entry.id,
            name=name_at(chosen, probe, observer),
            module=module,
            address=address,
            interval_s=interval_s,
            retry_s=retry_of(probe, interval_s),
            fail_after=chosen.said("fail_after", FAIL_AFTER),
            judged=probe.judged,
            priority=PRIORITIES[chosen.said("priority", "normal")],
            uplink=uplink if ways.get(uplink) == observer else "",
        )
    ]


def name_of(probe: ProbeEntry) -> str:
    """Its name among the probes of its target."""
    return probe.name or probe.module


def name_at(chosen: Chosen, probe: ProbeEntry, observer: str) -> str:
    """Module of the reports of one observer: of several the first one's is the name, the others' bear the observer, so that the
    values of both are kept and told apart."""
    first = chosen.observers_of(probe)[0]
    name = name_of(probe)
    return name if observer == first else f"{name}:{observer.lower()}"[:MAX_NAME]


def interval_of(chosen: Chosen, probe: ProbeEntry) -> int:
    """Seconds between two runs."""
    return probe.interval_s or chosen.said("interval_s", PROBE_INTERVAL_S)


def retry_of(probe: ProbeEntry, interval_s: int) -> float:
    """Seconds between runs after a failed one; a whole number is an `int`, which agents of older versions understand."""
    retry_s = min(interval_s, probe.retry_s or max(1, interval_s // RETRY_SHARE))
    return int(retry_s) if retry_s == int(retry_s) else retry_s


def longest_timeout_s(chosen: Chosen, modules: Mapping[str, Module]) -> int:
    """The longest that a judged probe of a target waits, in whole seconds; 5 where none is known."""
    found = [
        timeout_of(modules[probe.module], interval_of(chosen, probe))
        for probe in chosen.probes
        if probe.judged and probe.module in modules
    ]
    return math.ceil(max(found)) if found else TIMEOUT_S


def address_of(chosen: Chosen, probe: ProbeEntry, module: Module) -> str:
    """What a probe is given: its own address with the placeholders filled in, else the target's, completed as its kind needs
    it: with a port, or as the URL of the root page. Raises `AddressError`."""
    entry = chosen.entry
    if probe.address is not None:
        address = _filled(probe.address, entry)
    elif entry.address is not None:
        address = entry.address
    else:
        raise AddressError("nothing", "the host name or IP address that is probed")
    expected = _address_problem(module.kind, address)
    if module.kind == "http":
        completed = address if "://" in address else _url(address, probe, module)
    elif not expected and probe.port is None and module.kind != "rtp":
        return address
    else:
        completed = address if _has_port(address) else _with_port(address, _port(chosen, probe, module))
    problem = _address_problem(module.kind, completed)
    if problem:
        raise AddressError(shown(completed), f"an address for a probe of kind {module.kind}: {expected or problem}")
    return completed


def _filled(text: str, entry: TargetEntry) -> str:
    values = {"address": entry.address, "id": entry.id, "site": entry.site}

    def value_of(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if match[1] not in values:
            raise AddressError(match[0], f"one of: {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}")
        if value is None:
            raise AddressError(match[0], "an address of the target, for which it stands")
        is_part = text[: match.start()].endswith("//") or text[match.end() :].startswith(":")
        return f"[{value}]" if is_part and ":" in value else value

    return _PLACEHOLDER.sub(value_of, text)


def _url(address: str, probe: ProbeEntry, module: Module) -> str:
    """The page, or the root page of a host; over TLS if the module would refuse anything else."""
    scheme = "https" if module.settings.get("fail_if_not_ssl") else "http"
    host = f"[{address}]" if _is_v6(address) else address
    host, slash, path = host.partition("/")
    port = f":{probe.port}" if probe.port is not None else ""
    return f"{scheme}://{host}{port}/{path if slash else ''}"


def _port(chosen: Chosen, probe: ProbeEntry, module: Module) -> int | None:
    if probe.port is not None:
        return probe.port
    reflector = chosen.said("reflector", None) if module.kind == "rtp" else None
    return reflector.port if reflector is not None else DEFAULT_PORTS.get(module.kind)


def _with_port(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if _is_v6(address) else f"{address}:{port}"


def _has_port(address: str) -> bool:
    return "]:" in address or address.count(":") == 1


def _is_v6(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).version == 6
    except ValueError:
        return False


@cache
def _door(kind: str) -> _Door:
    return cast("_Door", importlib.import_module(PROBES[kind].partition(":")[0]))


def _address_problem(kind: str, address: str) -> str:
    return _door(kind).address_problem(address)


__all__ = ["DEFAULT_PORTS", "AddressError", "address_of", "interval_of", "jobs_of", "longest_timeout_s", "name_of", "retry_of"]
