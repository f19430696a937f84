"""Whether this agent can and may obey orders: in a process of its own, for what checking loads would make the agent heavy, and
a mistake in it ends nobody else.

Nothing here touches the network. Orders are good as a whole or refused as a whole, with every reason.
"""

from __future__ import annotations

import importlib
import ipaddress
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from agent import kinds
from agent.orders import Orders, OrdersError, decode
from agent.orders_carry import write_files
from agent.orders_desk import Question, Verdict
from agent.probes.probe import Job, Module
from agent.probes.references import parts_of
from agent.probes.running import open_module
from agent.settings import ID_PATTERN, ReadersSettings, Settings, pack, unpack

_ID: Final = re.compile(ID_PATTERN)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,127}\Z")
"""What the collector takes as the module of a report."""
_MAX_PROBLEMS: Final = 20
_SHOWN: Final = 200
_EXTRAS: Final = {"cryptography": "snmp"}
"""Packages that come with an extra other than `probes`."""
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def check_orders(orders: Orders, settings: Settings) -> list[str]:
    """Everything for which the orders cannot be obeyed with these settings, in words and without secrets; empty: they can."""
    try:
        networks = tuple([ipaddress.ip_network(each, strict=False) for each in settings.orders.allow_addresses])
    except ValueError as error:
        return [f"orders.allow_addresses of the agent: {error}"]
    problems = [
        *_readers(orders.readers, settings),
        *_jobs(orders, settings, networks),
        *_devices(orders, settings, networks),
        *_uplinks(orders, networks),
        *_reflector(orders),
    ]
    return [problem[:_SHOWN] for problem in dict.fromkeys(problems)]


def overlaid(settings: Settings, orders: Orders) -> Settings:
    """The settings with what the orders say of the host itself."""
    return msgspec.structs.replace(
        settings,
        readers=settings.readers if orders.readers is None else orders.readers,
        interval_s=orders.interval_s or settings.interval_s,
    )


# -- the host


def _readers(readers: ReadersSettings | None, settings: Settings) -> Iterator[str]:
    if readers is None:
        return
    for kind in (*readers.enable, *readers.disable, *readers.settings):
        if kind not in kinds.READERS:
            yield f"readers: this agent knows no reader {kind!r}"
    for kind in (*readers.enable, *readers.settings):
        if kind in settings.orders.forbid_kinds:
            yield f"readers: {kind} is forbidden here (orders.forbid_kinds)"
    for kind, part in readers.settings.items():
        if kind in kinds.READERS and kinds.runs_here(kind):
            try:
                msgspec.convert(part, kinds.load(kind).Settings)
            except msgspec.ValidationError as error:
                yield f"readers: settings of {kind}: {error}"
            except ModuleNotFoundError as error:
                yield f"readers: {_missing(error)}"


# -- probes


def _jobs(orders: Orders, settings: Settings, networks: Networks) -> Iterator[str]:
    seen: set[str] = set()
    opened: dict[bytes, str] = {}
    for job in orders.jobs:
        where = f"probe {job.name[:64]!r} of {job.target[:64]!r}"
        if not _ID.match(job.target) or not _NAME.match(job.name):
            yield f"{where}: no name that the collector takes"
        if job.key in seen:
            yield f"{where}: ordered twice"
        seen.add(job.key)
        if not (1 <= job.interval_s <= 86_400 and 0 <= job.retry_s <= 86_400 and job.fail_after > 0):
            yield f"{where}: interval_s {job.interval_s}, retry_s {job.retry_s}, fail_after {job.fail_after} are no schedule"
        key = msgspec.msgpack.encode((job.module.kind, job.module.settings))
        if key not in opened:
            opened[key] = _module_problem(job, settings)
        if opened[key]:
            yield f"{where}: {opened[key]}"
        else:
            yield from _address_problems(job, where, networks)


def _module_problem(job: Job, settings: Settings) -> str:
    module = job.module
    if module.kind in settings.orders.forbid_kinds:
        return f"{module.kind} is forbidden here (orders.forbid_kinds)"
    if module.kind == "script" and (name := module.settings.get("name")) not in settings.probes.scripts:
        return f"there is no script {str(name)[:64]!r} in probes.scripts of this agent"
    try:
        open_module(module)
    except ModuleNotFoundError as error:
        return _missing(error)
    except ValueError as error:
        return f"module {module.name[:64]!r}: {error}"
    return ""


def _missing(error: ModuleNotFoundError) -> str:
    package = (error.name or "").partition(".")[0]
    return f"the package {package} is missing: pip install 'haidang[{_EXTRAS.get(package, 'probes')}]'"


def _address_problems(job: Job, where: str, networks: Networks) -> Iterator[str]:
    kind = importlib.import_module(kinds.PROBES[job.module.kind].partition(":")[0])
    if expected := kind.address_problem(job.address):
        yield f"{where}: address {job.address[:64]!r}, expected {expected}"
    elif networks and not _is_allowed(host := _host(job), networks):
        yield f"{where}: {host[:64]!r} is no address in orders.allow_addresses of this agent"
    elif networks and job.module.kind == "http":
        yield from (f"{where}: {problem}" for problem in _ways_elsewhere(job.module, networks))


def _ways_elsewhere(module: Module, networks: Networks) -> Iterator[str]:
    """Where a page on an allowed address would lead the probe besides, or what stands in between."""
    from agent.probes import http_settings, http_url

    http = msgspec.convert(module.settings, http_settings.Settings)
    if http.follows:
        yield "follows redirects, which lead anywhere, and orders.allow_addresses is set here; expected follow_redirects: false"
    found = [("proxy_url", http_settings.proxy_of("", http.proxy_url))]
    if http.oauth2 is not None:
        token = http_settings.Proxy(url=http_url.parse(http.oauth2.token_url))
        found += [("oauth2.token_url", token), ("oauth2.proxy_url", http_settings.proxy_of("", http.oauth2.proxy_url))]
    for name, place in found:
        if place is not None and not _is_allowed(place.url.host, networks):
            yield f"{name} is no address in orders.allow_addresses of this agent"


def _host(job: Job) -> str:
    """The host that its kind will speak to: two readings of one URL would be a way around the rules."""
    if job.module.kind != "http":
        return host_of(job.address)
    from agent.probes import http_url

    return http_url.parse(job.address).host


def host_of(address: str) -> str:
    """The host in what a probe is given: a host, `host:port`, `[v6]:port` or a URL."""
    if "://" in address:
        try:
            return urlsplit(address).hostname or ""
        except ValueError:
            return ""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _is_allowed(host: str, networks: Networks) -> bool:
    if not networks:
        return True
    try:
        place = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(place in network for network in networks if network.version == place.version)


def _uplinks(orders: Orders, networks: Networks) -> Iterator[str]:
    for uplink in orders.uplinks:
        for reference in uplink.references:
            try:
                host, _ = parts_of(reference)
            except ValueError:
                yield f"uplink {uplink.id[:64]!r}: {reference[:64]!r}, expected an IP address, or one with a port"
                continue
            if not _is_allowed(host, networks):
                yield f"uplink {uplink.id[:64]!r}: {host[:64]!r} is no address in orders.allow_addresses of this agent"


def _reflector(orders: Orders) -> Iterator[str]:
    if orders.reflector_port:
        from agent.packets.rtp import key_of

        try:
            key_of(orders.reflector_key.reveal())
        except ValueError as error:
            yield f"reflector: its key is {error}"


# -- devices


def _devices(orders: Orders, settings: Settings, networks: Networks) -> Iterator[str]:
    if not orders.devices:
        return
    if "snmp" in settings.orders.forbid_kinds:
        yield "devices: snmp is forbidden here (orders.forbid_kinds)"
        return
    auths = {auth.name: auth for auth in orders.auths}
    seen: set[str] = set()
    for device in orders.devices:
        where = f"device {device.target[:64]!r}"
        if device.target in seen:
            yield f"{where}: ordered twice"
        seen.add(device.target)
        if device.auth not in auths:
            yield f"{where}: its credentials {device.auth[:64]!r} are not in the orders"
        if not _is_allowed(device.address, networks):
            yield f"{where}: {device.address[:64]!r} is no address in orders.allow_addresses of this agent"
    yield from _library_problems(orders, settings)
    yield from _cipher_problems(orders)


def _cipher_problems(orders: Orders) -> Iterator[str]:
    if any(auth.priv_protocol for auth in orders.auths):
        try:
            importlib.import_module("cryptography")
        except ModuleNotFoundError as error:
            yield f"devices: {_missing(error)}"


def _library_problems(orders: Orders, settings: Settings) -> Iterator[str]:
    from agent.sheets.sheet import SheetError
    from agent.snmp.library import Library

    with tempfile.TemporaryDirectory(prefix="haidang-orders-") as folder:
        write_files(orders, Path(folder))
        own = [settings.snmp.folder] if settings.snmp.folder else []
        try:
            library = Library.load([*own, folder])
        except SheetError as error:
            for problem in error.problems:
                yield f"devices: {str(problem).replace(folder, 'snmp')}"
            return
    for device in orders.devices:
        if device.profile != "auto" and device.profile not in library.profile_names:
            yield f"device {device.target[:64]!r}: this agent has no profile {device.profile[:64]!r}"
        for module in device.modules:
            if module not in library.module_names:
                yield f"device {device.target[:64]!r}: this agent has no module {module[:64]!r}"


# -- the process


def judge(body: bytes, settings: Settings) -> Verdict:
    """What is to be made of encoded orders."""
    try:
        orders = decode(body)
    except OrdersError as error:
        return Verdict(problems=(f"no orders that this agent understands: {error}",))
    problems = check_orders(orders, settings)
    if len(problems) > _MAX_PROBLEMS:
        problems = [*problems[:_MAX_PROBLEMS], f"and {len(problems) - _MAX_PROBLEMS} more"]
    if problems:
        return Verdict(tag=orders.tag, problems=tuple(problems))
    return Verdict(tag=orders.tag, settings=pack(overlaid(settings, orders)), observes=orders.observes)


def main() -> None:
    """A question on standard input, its verdict on standard output."""
    question = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Question)
    verdict = judge(question.body, unpack(question.settings))
    sys.stdout.buffer.write(msgspec.msgpack.encode(verdict))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
