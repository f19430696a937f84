"""The province on loopback: a copy of an inventory in which every address is one of 127.0.0.0/8 and every port is free to use.

The copy is what the collector of the simulation reads, so templates are carried out and every probe says its whole address.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import yaml

from agent.probes.module_file import shipped
from agent.probes.probe import Module
from agent.snmp.auth import Auth
from collector.config import Config, Document
from collector.inventory import Equipment, Inventory
from collector.inventory.chosen import Chosen
from collector.inventory.equipment import equip
from collector.inventory.probes import DEFAULT_PORTS, AddressError, address_of, name_of
from collector.inventory.reading import read_documents
from tests.province.cast import Cast

ECHO: Final = "simulated_echo"
"""Module in place of an echo request where a line is cut: the kernel answers echoes for all of 127.0.0.0/8."""
ECHO_PORT: Final = 7
SNMP_PORT: Final = 161
AUTH: Final = "simulated"
QUICK_S: Final = 10
"""Interval of what the script breaks, so that trouble shows while one looks."""
_PLACE: Final = re.compile(r"(?:([a-z]+)://)?(\[[^]]+\]|[^:/\[\]]+)(?::([0-9]+))?(/.*|;.*)?\Z")
_SCHEMES: Final = {"http": 80, "https": 443}
_TLS_KINDS: Final = ("http", "tcp", "tls", "smtp", "imap", "sip", "dns")
_FILE: Final = re.compile(r"(.+)_(?:file|env)\Z")
_REWRITTEN: Final = {"include", "sites", "targets", "uplinks", "templates", "defaults"}


class Ground(NamedTuple):
    """Where the simulation lives: a folder, and the port that is added to every real one."""

    folder: Path
    base: int

    def port(self, real: int) -> int:
        """The port in place of a real one; below 10000 no two share one."""
        return self.base + real % 10_000


def simulated(host: str) -> str:
    """The address in place of a host: 10.x.y.z is 127.x.y.z, everything else has one by its text. The same each time."""
    try:
        place = ipaddress.ip_address(host)
    except ValueError:
        return _hashed(200, host.lower())
    if place.version == 6:
        return _hashed(220, str(place))
    a, b, c, d = place.packed
    if a == 127:
        return host
    return f"127.{b or 250}.{c}.{d}" if a == 10 else _hashed(240, str(place))


def _hashed(second: int, text: str) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return f"127.{second + digest[0] % 10}.{digest[1]}.{1 + digest[2] % 254}"


def placed(address: str, kind: str, ground: Ground, *, tls: bool = False) -> str:
    """The address of a probe on the ground: a host, `host:port` or a URL. Raises `ValueError` for what is none."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        match = _PLACE.match(address)
        if match is None:
            raise ValueError(f"{address!r} is no address") from None
        scheme, host, port, rest = match.groups()
    else:
        scheme, host, port, rest = None, address, None, None
    here = simulated(host.strip("[]"))
    usual = _SCHEMES.get(scheme or "") or (5061 if kind == "sip" and tls else DEFAULT_PORTS.get(kind))
    if port is None and usual is None:
        return here
    number = ground.port(int(port or usual or 0))
    return f"{scheme}://{here}:{number}{rest or '/'}" if scheme else f"{here}:{number}{rest or ''}"


def derive(inventory: Inventory, source: Path, cast: Cast, ground: Ground) -> None:
    """Write the copy of `source`, which `inventory` was read from, below `ground.folder`."""
    folder = ground.folder / "inventory"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.yml"):
        old.unlink()
    sites = [_said(site, without=("template", "values", "targets")) for site in inventory.sites.values()]
    modules = inventory.equipment.modules if inventory.equipment is not None else {}
    targets = [_target(inventory.chosen(entry), modules, cast, ground) for entry in inventory.entries.values()]
    uplinks = [
        _said(uplink) | {"references": [simulated(one) for one in uplink.references]} for uplink in inventory.uplinks.values()
    ]
    plain = _plain(read_documents(source))
    for name, value in {
        "sites": sites,
        "targets": targets,
        "uplinks": uplinks,
        "defaults": _defaults(inventory),
        **plain,
    }.items():
        if value:
            _write(folder / f"{name}.yml", {name: value})
    auths = {AUTH: {"version": 2, "community": "simulated"}}
    file = ground.folder / "auths.yml"
    _write(file, {"auths": auths})
    file.chmod(0o600)


def _write(file: Path, value: Any) -> None:
    file.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")


def _said(value: msgspec.Struct, without: Iterable[str] = ()) -> dict[str, Any]:
    """What a structure says beyond what is said of everything."""
    said: dict[str, Any] = _full(msgspec.to_builtins(value))
    return {key: part for key, part in said.items() if key not in without}


def _full(value: Any) -> Any:
    """Without what is empty."""
    if isinstance(value, dict):
        return {key: _full(part) for key, part in value.items() if part not in (None, "", [], (), {})}
    return [_full(part) for part in value] if isinstance(value, list | tuple) else value


def _defaults(inventory: Inventory) -> dict[str, Any]:
    layers = {"class": inventory.classes, "site": inventory.site_defaults, "site_kind": inventory.kind_defaults}
    without = ("probes", "snmp", "reflector")
    return {
        place: {name: _said(each, without) for name, each in said.items()} for place, said in layers.items() if said
    }  # fmt: skip


def _plain(documents: Iterable[Document]) -> dict[str, list[Any]]:
    """What has no addresses, as it is written."""
    found: dict[str, list[Any]] = {}
    for document in documents:
        for key in set(document.value or {}) - _REWRITTEN:
            found.setdefault(key, []).extend(document.value[key] or [])
    return found


def _target(chosen: Chosen, modules: Mapping[str, Module], cast: Cast, ground: Ground) -> dict[str, Any]:
    entry = chosen.entry
    said = _said(entry, without=("probes", "snmp", "reflector"))
    if entry.address is not None:
        said["address"] = simulated(entry.address)
    probes = [_probe(chosen, probe, modules, cast, ground) for probe in chosen.probes]
    said["probes"] = [probe for probe in probes if probe is not None]
    if chosen.snmp is not None:
        # What is simulated is no device of that make.
        said["snmp"] = {"auth": AUTH, "port": ground.port(SNMP_PORT), "profile": "auto", "timeout_s": 3, "ping": False}
    if chosen.is_own_host and (reflector := chosen.said("reflector", None)) is not None:
        said["reflector"] = {"port": ground.port(reflector.port)}
    if entry.id in cast.quick:
        said.pop("ttl_s", None)
        said["interval_s"] = QUICK_S
    return said


def _probe(chosen: Chosen, probe: Any, modules: Mapping[str, Module], cast: Cast, ground: Ground) -> dict[str, Any] | None:
    module = modules[probe.module]
    try:
        address = address_of(chosen, probe, module)
    except AddressError:
        return None
    said = _said(probe, without=("port",)) | {"name": name_of(probe)}
    said["address"] = placed(address, module.kind, ground, tls=module.settings.get("transport") == "tls")
    if chosen.entry.id in cast.cut and module.kind == "icmp":
        said |= {"module": ECHO, "address": f"{said['address']}:{ground.port(ECHO_PORT)}"}
    if chosen.entry.id in cast.quick:
        said |= {"interval_s": QUICK_S, "retry_s": 3}
    return said


def derive_modules(files: Iterable[Path], authority: Path, ground: Ground) -> Path:
    """Write all modules, shipped ones too, in a form that trusts the authority of the simulation; secrets are made up."""
    modules: dict[str, Any] = {}
    for file in (shipped(), *files):
        modules |= (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("modules") or {}
    for said in modules.values():
        kind = said.get("prober")
        section = said[kind] = _inside(said.get(kind) or {}, ground)
        if kind in _TLS_KINDS:
            section["tls_config"] = {"ca_file": str(authority)}
    modules[ECHO] = {"prober": "tcp", "timeout": "3s", "tcp": {"query_response": [{"expect": "^alive"}]}}
    written = ground.folder / "modules.yml"
    _write(written, {"modules": modules})
    return written


def _inside(section: dict[str, Any], ground: Ground) -> dict[str, Any]:
    """A section whose files and variables are those of the simulation."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        named = _FILE.match(key)
        if isinstance(value, dict):
            found[key] = _inside(value, ground)
        elif named is None or not isinstance(value, str):
            found[key] = value
        else:
            found[f"{named[1]}_file"] = str(_secret(ground, f"{named[1]}-{Path(value).name}"))
    return found


def _secret(ground: Ground, name: str) -> Path:
    file = ground.folder / "secrets" / re.sub(r"[^0-9A-Za-z.-]", "-", name)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    if not file.exists():
        file.touch(0o600)
        file.write_text(f"{secrets.token_hex(16)}\n", encoding="ascii")
    return file


def any_credentials(settings: Config) -> Equipment:
    """What polling and probing need, where every name of credentials will do: the simulation has its own."""
    plain = msgspec.structs.replace(settings, snmp=msgspec.structs.replace(settings.snmp, auths_file=""))
    found = {name for document in read_documents(Path(settings.inventory)) for name in _auths(document.value)}
    return msgspec.structs.replace(equip(plain), auths={name: Auth(name=name) for name in found})


def _auths(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "auth" and isinstance(part, str):
                yield part
            else:
                yield from _auths(part)
    elif isinstance(value, list):
        for part in value:
            yield from _auths(part)
