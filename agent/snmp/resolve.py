"""Names and addresses of devices to what a socket takes, without ever blocking the event loop."""

from __future__ import annotations

import asyncio
import socket

from agent.snmp.errors import Fault, SnmpError
from agent.snmp.sockets import Address

Place = tuple[int, Address]
"""Address family and address."""


def literal(host: str, port: int) -> Place | None:
    """The place of an address; None for a name, which has to be looked up."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
    except (OSError, UnicodeError):
        return None
    return found[0][0], found[0][4]


async def look_up(host: str, port: int, seconds: float) -> list[Place]:
    """All places of a name, in the system's order; `SnmpError` (`UNRESOLVED`) when it has none or none in time."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except TimeoutError:
        raise SnmpError(Fault.UNRESOLVED, f"{host}: no answer from the name service within {seconds:.1f} s") from None
    except (OSError, UnicodeError) as error:
        raise SnmpError(Fault.UNRESOLVED, f"{host}: the name has no address ({error})") from None
    places: list[Place] = [
        (family, address) for family, _, _, _, address in found if family in (socket.AF_INET, socket.AF_INET6)
    ]
    if not places:
        raise SnmpError(Fault.UNRESOLVED, f"{host}: the name has no IPv4 or IPv6 address")
    return places
