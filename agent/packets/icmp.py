"""ICMP echo (RFC 792) and ICMPv6 echo (RFC 4443), and the errors that routers send about one: bytes in, values out."""

from __future__ import annotations

import ipaddress
from struct import Struct
from typing import Final, NamedTuple

REQUEST_V4: Final = 8
REPLY_V4: Final = 0
REQUEST_V6: Final = 128
REPLY_V6: Final = 129
ERRORS_V4: Final = (3, 11, 12)
"""Destination unreachable, time exceeded, parameter problem."""
ERRORS_V6: Final = (1, 2, 3, 4)
"""Destination unreachable, packet too big, time exceeded, parameter problem."""
_HEAD: Final = Struct("!BBHHH")
_HEADER: Final = 8
_IPV6_HEADER: Final = 40
_PROTOCOL_V4: Final = 1
_PROTOCOL_V6: Final = 58
_MEANINGS_V4: Final = {
    (3, 0): "network unreachable",
    (3, 1): "host unreachable",
    (3, 2): "protocol unreachable",
    (3, 3): "port unreachable",
    (3, 4): "the packet must not be fragmented and is too large",
    (3, 5): "source route failed",
    (3, 6): "network unknown",
    (3, 7): "host unknown",
    (3, 9): "network administratively prohibited",
    (3, 10): "host administratively prohibited",
    (3, 13): "administratively prohibited",
    (11, 0): "TTL exceeded in transit",
    (11, 1): "fragments did not arrive in time",
}
_MEANINGS_V6: Final = {
    (1, 0): "no route to destination",
    (1, 1): "administratively prohibited",
    (1, 2): "beyond the scope of the source address",
    (1, 3): "address unreachable",
    (1, 4): "port unreachable",
    (1, 5): "source address failed a policy",
    (1, 6): "route rejected",
    (2, 0): "the packet is too large",
    (3, 0): "hop limit exceeded in transit",
    (3, 1): "fragments did not arrive in time",
}


class Echo(NamedTuple):
    """An echo message. `identifier` is the kernel's own on an unprivileged ping socket."""

    type: int
    identifier: int
    sequence: int
    payload: bytes


class Complaint(NamedTuple):
    """An ICMP error about an echo request of ours: its type and code, and of the request what the error quotes. Routers need
    not quote the payload, so it proves no more than that somebody saw the header."""

    type: int
    code: int
    destination: str
    identifier: int
    sequence: int


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071). The ones' complement sum of 16-bit words is their remainder by 65535, in which 0 stands
    for 65535 unless all words are 0."""
    total = int.from_bytes(data, "big") << 8 if len(data) & 1 else int.from_bytes(data, "big")
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))


def encode(echo: Echo) -> bytes:
    """The bytes of an echo message. Of ICMPv6 the kernel makes the checksum, which needs the addresses; it is left 0 here."""
    type_, identifier, sequence, payload = echo
    if type_ in (REQUEST_V6, REPLY_V6):
        return _HEAD.pack(type_, 0, 0, identifier, sequence) + payload
    check = checksum(_HEAD.pack(type_, 0, 0, identifier, sequence) + payload)
    return _HEAD.pack(type_, 0, check, identifier, sequence) + payload


def decode(data: bytes, *, with_ip_header: bool = False, checked: bool = True) -> Echo | None:
    """The echo message in a datagram, or None for anything else. A raw IPv4 socket gives the IP header as well. `checked` may
    be false for one who compares all that comes back with what was sent, which says more than a checksum does."""
    if with_ip_header:
        if not data or data[0] >> 4 != 4:
            return None
        data = data[(data[0] & 0x0F) * 4 :]
    if len(data) < _HEADER or data[1] != 0 or data[0] not in (REQUEST_V4, REPLY_V4, REQUEST_V6, REPLY_V6):
        return None
    if checked and data[0] in (REQUEST_V4, REPLY_V4) and checksum(data) != 0:
        return None
    return Echo(data[0], (data[4] << 8) | data[5], (data[6] << 8) | data[7], data[8:])


def decode_complaint_v4(datagram: bytes) -> Complaint | None:
    """The ICMP error about an echo request in an IPv4 datagram as a raw socket gives it, or None for anything else."""
    if not datagram or datagram[0] >> 4 != 4:
        return None
    message = datagram[(datagram[0] & 0x0F) * 4 :]
    quoted = message[_HEADER:]
    if len(quoted) < 20 or message[0] not in ERRORS_V4 or quoted[0] >> 4 != 4 or quoted[9] != _PROTOCOL_V4:
        return None
    if checksum(message) != 0:
        return None
    start = (quoted[0] & 0x0F) * 4
    return _complaint(message, quoted[start:], REQUEST_V4, str(ipaddress.IPv4Address(quoted[16:20])))


def decode_complaint_v6(message: bytes) -> Complaint | None:
    """The ICMPv6 error about an echo request, or None for anything else. A request behind extension headers is none of ours."""
    quoted = message[_HEADER:]
    if len(quoted) < _IPV6_HEADER or message[0] not in ERRORS_V6 or quoted[0] >> 4 != 6 or quoted[6] != _PROTOCOL_V6:
        return None
    return _complaint(message, quoted[_IPV6_HEADER:], REQUEST_V6, str(ipaddress.IPv6Address(quoted[24:40])))


def _complaint(message: bytes, request: bytes, request_type: int, destination: str) -> Complaint | None:
    if len(request) < _HEADER or request[0] != request_type or request[1] != 0:
        return None
    identifier, sequence = (request[4] << 8) | request[5], (request[6] << 8) | request[7]
    return Complaint(message[0], message[1], destination, identifier, sequence)


def meaning(kind: int, code: int, *, v6: bool) -> str:
    """What an ICMP error says, in a few words."""
    return (_MEANINGS_V6 if v6 else _MEANINGS_V4).get((kind, code), f"ICMP{'v6' if v6 else ''} error {kind}, code {code}")
