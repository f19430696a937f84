"""Resource records of DNS as text, in the form that zone files have (RFC 1035 section 5, RFC 3597). For `agent.packets.dns`.

Rules of people match on this text, so its form must not change.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable
from typing import Final

CLASSES: Final = {1: "IN", 2: "CS", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"}
RCODES: Final = {
    0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
    8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE",
}  # fmt: skip
"""Those that fit the four bits of a message without EDNS."""
TYPES: Final = {
    1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 17: "RP", 18: "AFSDB", 24: "SIG",
    25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 36: "KX", 37: "CERT", 39: "DNAME", 41: "OPT", 42: "APL", 43: "DS",
    44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA",
    53: "SMIMEA", 55: "HIP", 59: "CDS", 60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS",
    99: "SPF", 249: "TKEY", 250: "TSIG", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
}  # fmt: skip
_ESCAPED_IN_NAMES: Final = frozenset(b". '@;()\"\\")
_ESCAPED_IN_TEXT: Final = frozenset(b'"\\')
Head = tuple[bytes, int, int, int]


def record_text(head: Head, data: bytes) -> str:
    """A record as one line: owner, TTL, class, type, and its data with all names in full. Data that does not fit its type, or
    a type that is not known here, is told in hexadecimal digits."""
    owner, kind, klass, ttl = head
    try:
        text = _DATA[kind](data) if kind in _DATA else None
    except (ValueError, IndexError):
        text = None
    if text is None:
        return f"{name_text(owner)}\t{ttl}\tCLASS{klass}\tTYPE{kind}\t\\# {len(data)} {data.hex()}"
    return f"{name_text(owner)}\t{ttl}\t{CLASSES.get(klass, f'CLASS{klass}')}\t{TYPES.get(kind, f'TYPE{kind}')}\t{text}"


def name_text(wire: bytes) -> str:
    """An uncompressed name as text, with a dot at its end."""
    found, place = [], 0
    while wire[place]:
        found.append(_escaped(wire[place + 1 : place + 1 + wire[place]], _ESCAPED_IN_NAMES) + ".")
        place += 1 + wire[place]
    return "".join(found) or "."


def _escaped(raw: bytes, special: frozenset[int]) -> str:
    if raw.isalnum():
        return raw.decode("ascii")
    return "".join([f"\\{chr(one)}" if one in special else chr(one) if 32 <= one <= 126 else f"\\{one:03d}" for one in raw])


def _split_name(data: bytes) -> tuple[str, bytes]:
    place = 0
    while data[place]:
        place += 1 + data[place]
    return name_text(data[: place + 1]), data[place + 1 :]


def _strings(data: bytes) -> list[str]:
    found, place = [], 0
    while place < len(data):
        end = place + 1 + data[place]
        if end > len(data):
            raise ValueError("a text that is cut")
        found.append('"' + _escaped(data[place + 1 : end], _ESCAPED_IN_TEXT) + '"')
        place = end
    return found


def _aaaa(data: bytes) -> str:
    address = ipaddress.IPv6Address(data)
    mapped = address.ipv4_mapped
    return str(address) if mapped is None else f"::ffff:{mapped}"


def _soa(data: bytes) -> str:
    server, rest = _split_name(data)
    mailbox, rest = _split_name(rest)
    numbers = [str(int.from_bytes(rest[at : at + 4], "big")) for at in range(0, 20, 4)]
    return " ".join([server, mailbox, *numbers])


def _numbers_and_name(count: int) -> Callable[[bytes], str]:
    def text(data: bytes) -> str:
        numbers = [str(int.from_bytes(data[at : at + 2], "big")) for at in range(0, 2 * count, 2)]
        return " ".join([*numbers, name_text(data[2 * count :])])

    return text


def _caa(data: bytes) -> str:
    tag = data[2 : 2 + data[1]]
    if not tag or len(tag) != data[1]:
        raise ValueError("a tag that is cut")
    return f'{data[0]} {_escaped(tag, _ESCAPED_IN_TEXT)} "{_escaped(data[2 + len(tag) :], _ESCAPED_IN_TEXT)}"'


def _digest(widths: tuple[int, ...], *, upper: bool) -> Callable[[bytes], str]:
    def text(data: bytes) -> str:
        found, place = [], 0
        if len(data) < sum(widths):
            raise ValueError("a record that is cut")
        for width in widths:
            found.append(str(int.from_bytes(data[place : place + width], "big")))
            place += width
        rest = data[place:].hex()
        return " ".join([*found, rest.upper() if upper else rest])

    return text


def _dnskey(data: bytes) -> str:
    if len(data) < 4:
        raise ValueError("a key that is cut")
    return f"{int.from_bytes(data[:2], 'big')} {data[2]} {data[3]} {base64.b64encode(data[4:]).decode('ascii')}"


def _hinfo(data: bytes) -> str:
    found = _strings(data)
    if len(found) != 2:
        raise ValueError("not two texts")
    return " ".join(found)


_DATA: Final[dict[int, Callable[[bytes], str]]] = {
    1: lambda data: str(ipaddress.IPv4Address(data)),
    2: name_text,
    5: name_text,
    6: _soa,
    12: name_text,
    13: _hinfo,
    15: _numbers_and_name(1),
    16: lambda data: " ".join(_strings(data)),
    28: _aaaa,
    33: _numbers_and_name(3),
    39: name_text,
    43: _digest((2, 1, 1), upper=True),
    44: _digest((1, 1), upper=True),
    48: _dnskey,
    52: _digest((1, 1, 1), upper=False),
    99: lambda data: " ".join(_strings(data)),
    257: _caa,
}
