"""ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443): bytes in, values out."""

from __future__ import annotations

from typing import Final, NamedTuple

REQUEST_V4: Final = 8
REPLY_V4: Final = 0
REQUEST_V6: Final = 128
REPLY_V6: Final = 129
_HEADER: Final = 8


class Echo(NamedTuple):
    """An echo message. `identifier` is the kernel's own on an unprivileged ping socket."""

    type: int
    identifier: int
    sequence: int
    payload: bytes


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = data + b"\0" if len(data) & 1 else data
    total = sum(memoryview(padded).cast("H")) if padded else 0
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    # The sum was made of words in the machine's own order; its complement read in that order is right in either.
    return int.from_bytes((~total & 0xFFFF).to_bytes(2, _ORDER), "big")


_ORDER: Final = "little" if memoryview(b"\1\0").cast("H")[0] == 1 else "big"


def encode(echo: Echo) -> bytes:
    """The message. Of ICMPv6 the kernel makes the checksum, which needs the addresses; it is left 0 here."""
    rest = echo.identifier.to_bytes(2, "big") + echo.sequence.to_bytes(2, "big") + echo.payload
    head = bytes((echo.type, 0))
    check = 0 if echo.type in (REQUEST_V6, REPLY_V6) else checksum(head + b"\0\0" + rest)
    return head + check.to_bytes(2, "big") + rest


def decode(data: bytes, *, with_ip_header: bool = False) -> Echo | None:
    """The echo message in a datagram, or None for anything else. A raw IPv4 socket gives the IP header as well."""
    if with_ip_header:
        if not data or data[0] >> 4 != 4:
            return None
        data = data[(data[0] & 0x0F) * 4 :]
    if len(data) < _HEADER or data[1] != 0 or data[0] not in (REQUEST_V4, REPLY_V4, REQUEST_V6, REPLY_V6):
        return None
    if data[0] in (REQUEST_V4, REPLY_V4) and checksum(data) != 0:
        return None
    return Echo(data[0], int.from_bytes(data[4:6], "big"), int.from_bytes(data[6:8], "big"), data[8:])
