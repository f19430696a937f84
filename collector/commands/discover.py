"""`haidang-collector discover`: asks the addresses of given ranges what they are and proposes an inventory. Changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from agent.snmp.auth import Auth
from agent.snmp.device import Device
from agent.snmp.library import Library
from collector.commands.discover_text import Found, Wanted, inventory_text, sorted_out, table
from collector.commands.poll import auth_named, opened, read_auths, read_library
from collector.commands.poll_options import check_numbers
from collector.commands.poll_words import word
from collector.config import Config, ConfigError, is_id
from collector.inventory import EMPTY, Inventory, load_inventory
from collector.output import CommandError, put
from collector.poll.sweep import Seen, Sweep
from collector.report.progress import Bar

MOST: Final = 65_536
"""Addresses of a sweep, unless --large is said."""
MOST_LARGE: Final = 1_048_576
NO_SITE: Final = "CHANGE-ME"
_RATE: Final = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)(?:/s)?\Z")
_ROUTES: Final = Path("/proc/net/route")


def run(config: Config, options: argparse.Namespace) -> int:
    """Sweep, write; 0 if anything answered. Raises `CommandError`, `OutputError`."""
    language = options.lang
    check_numbers(options)
    rate = _rate(options)
    addresses = list(addresses_of(options.range, language, large=options.large))
    if options.output is not None and options.output.exists():
        raise CommandError(word(language, "exists_file", file=options.output))
    if not is_id(options.via) or (options.site and not is_id(options.site)):
        raise CommandError(word(language, "bad_name", value=options.site if is_id(options.via) else options.via))
    every = read_auths(config, options)
    auths = [auth_named(every, name, options) for name in options.auth] or [auth_named(every, "", options)]
    library = read_library(config, options)
    inventory = _inventory(config, options)
    with Bar(sys.stderr, lambda: time.monotonic_ns() // 1_000_000, word(language, "sweeping")) as bar:
        seen = asyncio.run(_sweep(library, auths, options, (addresses, rate), bar))
    found = sorted_out(seen, _known(inventory, options), set(inventory.entries), _roots(options))
    wanted = Wanted(
        ranges=options.range,
        addresses=len(addresses),
        date=datetime.now(UTC).astimezone(ZoneInfo(config.time_zone)).strftime("%Y-%m-%d %H:%M"),
        site=options.site or (next(iter(inventory.sites)) if len(inventory.sites) == 1 else NO_SITE),
        via=options.via,
        port=options.port,
        language=language,
    )
    _tell(found, wanted, options)
    return 0 if found.new or found.known else 1


async def _sweep(
    library: Library, auths: list[Auth], options: argparse.Namespace, what: tuple[list[str], float], bar: Bar
) -> list[Seen]:
    addresses, rate = what
    device = Device(
        target="", host="", auth=auths[0], port=options.port, timeout_s=options.timeout, retries=options.retries, ping=False
    )
    async with opened(library, options.lang) as tools:
        return await Sweep(tools, auths, device, rate).all(addresses, bar)


def _tell(found: Found, wanted: Wanted, options: argparse.Namespace) -> None:
    text, language = inventory_text(found, wanted), options.lang
    if options.output is None:
        put(text)
        sys.stderr.write(table(found, language))
    else:
        try:
            with options.output.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise CommandError(word(language, "unwritable", file=options.output, why=error.strerror or error)) from error
        put(table(found, language))
        put(word(language, "written", file=options.output, count=len(found.new)) + "\n")
    if not (found.new or found.known):
        sys.stderr.write(word(language, "nobody", count=wanted.addresses) + "\n")


def addresses_of(ranges: list[str], language: str, *, large: bool) -> Iterator[str]:
    """Every address of the ranges once, in order. Raises `CommandError` for what is no range, and for too many."""
    spans = sorted(_span(text, language) for text in ranges)
    count = sum([last - first + 1 for _, first, last in spans])
    most = MOST_LARGE if large else MOST
    if count > most:
        raise CommandError(word(language, "too_many" if large else "too_many_large", count=count, most=most))
    before: tuple[int, int] | None = None
    for version, first, last in spans:
        if before is not None and before[0] == version:
            first = max(first, before[1] + 1)
        for number in range(first, last + 1):
            yield str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))
        before = (version, max(last, before[1])) if before is not None and before[0] == version else (version, last)


def _span(text: str, language: str) -> tuple[int, int, int]:
    """Version, first and last address of `10.0.0.0/24`, `10.0.0.1` or `10.0.0.1-10.0.0.9`. Of an IPv4 network its own address
    and that of all of it are no devices."""
    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
            if low.version != high.version or int(low) > int(high):
                raise ValueError(text)
            return low.version, int(low), int(high)
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise CommandError(word(language, "bad_range", value=text)) from error
    edge = 1 if network.version == 4 and network.prefixlen < 31 else 0
    return network.version, int(network.network_address) + edge, int(network.broadcast_address) - edge


def _rate(options: argparse.Namespace) -> float:
    match = _RATE.match(options.rate)
    rate = float(match[1]) if match else 0.0
    if not 0.1 <= rate <= 1_000:
        raise CommandError(word(options.lang, "bad_rate", value=options.rate))
    return rate


def _inventory(config: Config, options: argparse.Namespace) -> Inventory:
    """What is known already. One with problems is told and not used."""
    if not config.inventory:
        return EMPTY
    try:
        return load_inventory(Path(config.inventory), None, config)
    except ConfigError:
        raise CommandError(word(options.lang, "bad_inventory", folder=config.inventory)) from None


def _known(inventory: Inventory, options: argparse.Namespace) -> dict[str, str]:
    """Ids by address, of targets that are polled at this port by the same observer."""
    known: dict[str, str] = {}
    for id_, entry in inventory.entries.items():
        said = entry.snmp
        port = said.port if said is not None and said.port is not None else 161
        if entry.address is not None and entry.via == options.via and port == options.port:
            with contextlib.suppress(ValueError):
                known.setdefault(str(ipaddress.ip_address(entry.address)), id_)
    return known


def _roots(options: argparse.Namespace) -> list[str]:
    """Where parents lead to: as the person says, else this machine's way out."""
    gateway = default_gateway(_ROUTES)
    return [*options.root, *([gateway] if gateway else [])]


def default_gateway(file: Path) -> str:
    """The IPv4 gateway of this machine by the kernel's table; empty where it is not to be had."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()[1:]
    except (OSError, UnicodeDecodeError):
        return ""
    for line in lines:
        fields = line.split()
        if len(fields) > 2 and fields[1] == "00000000" and fields[2] != "00000000":
            return str(ipaddress.IPv4Address(int.from_bytes(bytes.fromhex(fields[2]), sys.byteorder)))
    return ""
