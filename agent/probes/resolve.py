"""Names to addresses for all probes: one question a run, both families, under the deadline of the run.

It keeps no answer: a probe wants to know what the name service says now. It never blames a target for a silent name service.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, NamedTuple

import msgspec

from agent.model import Family, MetricType, Outcome, Reason
from agent.probes.probe import ProbeError, Run

LOOKUP: Final = Family(
    "probe_dns_lookup_time_seconds", MetricType.GAUGE, "Returns the time taken for probe dns lookup in seconds"
)
PROTOCOL: Final = Family("probe_ip_protocol", MetricType.GAUGE, "Specifies whether probe ip protocol is IP4 or IP6")
HASH: Final = Family(
    "probe_ip_addr_hash",
    MetricType.GAUGE,
    "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
)
THREADS: Final = 32
"""Questions under way at once; further ones wait."""
MARGIN_S: Final = 0.02
"""A name service is given up so long before the run ends, so that its silence is told as what it is."""
_KNOWN: Final = 16_384
_LONGEST_LITERAL: Final = 64
_LONGEST: Final = 300
"""Characters of a name, of which DNS allows 253, with its port."""
_FAMILIES: Final = {"ip4": socket.AF_INET, "ip6": socket.AF_INET6}
_NO_SUCH_NAME: Final = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)
"""Answers of the name service that the name has no address; all other errors are its own."""


class IpChoice(msgspec.Struct, frozen=True):
    """Which address of a name is probed (blackbox_exporter's `preferred_ip_protocol` and `ip_protocol_fallback`)."""

    preferred: str = "ip6"
    fallback: bool = True
    """Take the other family where the name has none of the preferred one."""


class Place(NamedTuple):
    """An address: `AF_INET` or `AF_INET6`, and its text, with the zone where it has one (`fe80::1%eth0`)."""

    family: int
    ip: str


Answer = tuple[Place, ...]
Ask = Callable[..., list[tuple[Any, ...]]]


async def resolve(run: Run, host: str, choice: IpChoice) -> Place:
    """The address of a host, which may be one already. Gives `probe_ip_protocol`, `probe_dns_lookup_time_seconds` and
    `probe_ip_addr_hash` (all 0 without an address, as blackbox_exporter does). Raises `ProbeError` with `unresolved`: `failed`
    when there is no such address, `error` when the name service did not say."""
    with run.during("resolve"):
        place: Place | None = None
        begun_s = run.elapsed_s()
        try:
            literal = _literal(host)
            place = _chosen(host, (literal,) if literal else await _looked_up(run, host, choice), choice)
        finally:
            run.give(PROTOCOL, 0.0 if place is None else 4.0 if place.family == socket.AF_INET else 6.0)
            run.give(LOOKUP, run.elapsed_s() - begun_s)
            run.give(HASH, 0.0 if place is None else _hash(place))
        if run.is_verbose:
            run.say(f"the address of {host} is {place.ip}")
        return place


@functools.lru_cache(_KNOWN)
def split_address(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Host and port of `host:port`, `[v6]:port`; with a default also of `host`, `[v6]` and a bare IPv6 address. Raises
    `ValueError` that says what is wrong."""
    if len(text) > _LONGEST:
        raise ValueError("too long for a host and its port")
    if default_port is not None and _literal(text) is not None:
        return text, default_port
    host, colon, port = text.rpartition(":")
    if default_port is not None and (not colon or text.endswith("]")):
        host, port = text, str(default_port)
    elif not colon:
        raise ValueError("no port, expected host:port")
    if host.startswith("["):
        host = host[1:-1] if host.endswith("]") else ""
        if ":" not in host:
            raise ValueError("brackets belong around an IPv6 address and nothing else")
    elif ":" in host:
        raise ValueError("an IPv6 address with a port belongs in brackets, as in [2001:db8::1]:443")
    if not host or not host.isprintable() or " " in host or "/" in host:
        raise ValueError("no host, expected host:port")
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise ValueError("the port is not a number from 1 to 65535")
    return host, int(port)


def check_source(ip: str) -> None:
    """Raises `ValueError` unless it is an address, or empty for none."""
    if ip and _literal(ip) is None:
        raise ValueError(f"source_ip_address: {ip!r} is no address")


def socket_address(place: Place, port: int) -> tuple[Any, ...]:
    """What a socket of the family takes. Raises `ProbeError` for a zone that this machine does not have."""
    if place.family == socket.AF_INET:
        return (place.ip, port)
    ip, _, zone = place.ip.partition("%")
    if not zone:
        return (ip, port, 0, 0)
    try:
        return (ip, port, 0, int(zone) if zone.isdecimal() else socket.if_nametoindex(zone))
    except OSError:
        raise ProbeError(Reason.INTERNAL, f"this machine has no interface {zone}", Outcome.ERROR) from None


class Resolver:
    """The part of the tools that asks the system's name service, in a few threads of its own. Probes that ask the same at the
    same time share the answer. The threads are daemons: a name service that hangs does not keep the program from ending."""

    def __init__(self, ask: Ask = socket.getaddrinfo, threads: int = THREADS) -> None:
        self._ask = ask
        self._free = threads
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._started = 0
        self._asked: dict[tuple[str, int], asyncio.Future[Answer]] = {}

    async def addresses(self, host: str, family: int = socket.AF_UNSPEC) -> Answer:
        """All addresses in the order of the system. Raises `OSError` (mostly `gaierror`) or `ValueError`."""
        future = self._asked.get((host, family))
        if future is None:
            future = self._question(host, family)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Let the threads end when they have their answers."""
        for _ in range(self._started):
            self._queue.put(None)

    def _question(self, host: str, family: int) -> asyncio.Future[Answer]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._asked[host, family] = future

        def done(found: Answer, error: Exception | None) -> None:
            del self._asked[host, family]
            if future.done():
                return
            if error is None:
                future.set_result(found)
            else:
                future.set_exception(error)

        def work() -> None:
            found: Answer = ()
            failure: Exception | None = None
            try:
                found = _places(self._ask(host, None, family, socket.SOCK_STREAM))
            except (OSError, ValueError) as error:
                failure = error
            try:
                loop.call_soon_threadsafe(done, found, failure)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more

        self._queue.put(work)
        if len(self._asked) > self._started < self._free:
            threading.Thread(target=self._serve, name="resolve", daemon=True).start()
            self._started += 1
        return future

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            work()


async def _looked_up(run: Run, host: str, choice: IpChoice) -> Answer:
    resolver = run.tools.part("resolver", Resolver)
    family = socket.AF_UNSPEC if choice.fallback else _FAMILIES[choice.preferred]
    begun_s = run.elapsed_s()
    try:
        async with asyncio.timeout_at(run.deadline_s - MARGIN_S):
            return await resolver.addresses(host, family)
    except TimeoutError:
        waited_s = run.elapsed_s() - begun_s
        problem = f"the name service did not answer for {host} within {waited_s:.1f} s"
        raise ProbeError(Reason.UNRESOLVED, problem, Outcome.ERROR) from None
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            kind = "" if choice.fallback else "IPv4 " if choice.preferred == "ip4" else "IPv6 "
            raise ProbeError(Reason.UNRESOLVED, f"{host} has no {kind}address: {error.strerror}") from error
        raise ProbeError(Reason.UNRESOLVED, f"name service, asked for {host}: {error.strerror}", Outcome.ERROR) from error
    except ValueError as error:
        raise ProbeError(Reason.UNRESOLVED, f"{host!r} is no name: {error}") from error
    except OSError as error:
        raise ProbeError(Reason.UNRESOLVED, f"name service, asked for {host}: {error}", Outcome.ERROR) from error


def _chosen(host: str, places: Answer, choice: IpChoice) -> Place:
    wanted = _FAMILIES[choice.preferred]
    for place in places:
        if place.family == wanted:
            return place
    if places and choice.fallback:
        return places[0]
    kind = "IPv4" if choice.preferred == "ip4" else "IPv6"
    raise ProbeError(Reason.UNRESOLVED, f"{host} has no {kind} address, and no other is wanted")


def _places(found: list[tuple[Any, ...]]) -> Answer:
    places = []
    for family, _, _, _, address in found:
        if family == socket.AF_INET:
            places.append(Place(family, address[0]))
        elif family == socket.AF_INET6:
            ip, scope = address[0], address[3] if len(address) > 3 else 0
            places.append(Place(family, f"{ip}%{scope}" if scope and "%" not in ip else ip))
    return tuple(places)


def _literal(host: str) -> Place | None:
    # Longer texts are no addresses, and may come from servers (redirects), who shall not fill the memory.
    return _read(host) if len(host) <= _LONGEST_LITERAL else None


@functools.lru_cache(_KNOWN)
def _read(host: str) -> Place | None:
    ip, percent, zone = host.partition("%")
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        socket.inet_pton(family, ip)
    except (OSError, ValueError):
        return None
    if percent and (family == socket.AF_INET or not zone):
        return None
    return Place(family, host)


@functools.lru_cache(_KNOWN)
def _hash(place: Place) -> float:
    """FNV-1a (32 bits) of the bytes of the address, without its zone."""
    found = 0x811C9DC5
    for byte in socket.inet_pton(place.family, place.ip.partition("%")[0]):
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return float(found)
