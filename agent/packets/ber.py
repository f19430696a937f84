"""BER as SNMP uses it (X.690, RFC 3417 section 8), and object identifiers that stay encoded.

For the SNMP codec and for whoever compares or prints OIDs. Pure: whatever the bytes are, the only error is `BerError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

SEQUENCE: Final = 0x30
ARC_MAX: Final = 0xFFFFFFFF
"""Largest sub-identifier (RFC 2578 section 3.5): unsigned 32 bits, so five octets of seven bits."""
INTEGER_OCTETS: Final = 9
"""An unsigned 64-bit number with its sign octet; nothing longer is an integer of SNMP."""

_OID: Final = re.compile(rb"(?:[\x00-\x7f]|[\x81-\xff][\x80-\xff]{0,2}[\x00-\x7f]|[\x81-\x8f][\x80-\xff]{3}[\x00-\x7f])+")
_LONG_ARC: Final = re.compile(rb"[\x80-\xff]{2}")
_ARC: Final = re.compile(r"[0-9]+")


class BerError(ValueError):
    """The bytes are not what BER and SNMP allow; the text says what was found and where."""


def length(size: int) -> bytes:
    """The length octets of `size` content octets, in the shortest form."""
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, content: bytes) -> bytes:
    """Tag, length and content."""
    return bytes((tag,)) + length(len(content)) + content


def integer(number: int, tag: int = 0x02) -> bytes:
    """An integer (or, by `tag`, one of SMI's unsigned types) with as few octets as it needs."""
    return tlv(tag, number.to_bytes((~number if number < 0 else number).bit_length() // 8 + 1, "big", signed=True))


def header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, and where the content begins and ends, of the element at `at`; all of it lies before `end`.

    Lengths in more octets than needed are taken (`81 05`, `83 00 00 05`); the indefinite form is refused, as RFC 3417 does.
    """
    if at + 2 > end:
        raise BerError(f"octet {at}: an element begins where the enclosing one ends")
    tag, size, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise BerError(f"octet {at}: tag {tag:#04x} has more than one octet, which SNMP does not use")
    if size > 0x7F:
        octets = size & 0x7F
        if octets == 0:
            raise BerError(f"octet {at + 1}: indefinite length")
        if start + octets > end:
            raise BerError(f"octet {at + 1}: a length of {octets} octets reaches over the end")
        size = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + size > end:
        raise BerError(f"octet {at}: {size} octets of content, {end - start} are left")
    return tag, start, start + size


def element(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the content begins and ends of the element at `at`, which must have this `tag`."""
    found, start, stop = header(data, at, end)
    if found != tag:
        raise BerError(f"octet {at}: tag {found:#04x}, expected {tag:#04x}")
    return start, stop


def number(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The INTEGER at `at`, signed, and where the next element begins."""
    start, stop = element(data, at, end, 0x02)
    if not 0 < stop - start <= INTEGER_OCTETS:
        raise BerError(f"octet {at}: an integer of {stop - start} octets")
    return int.from_bytes(data[start:stop], "big", signed=True), stop


def octets(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """The OCTET STRING at `at`, and where the next element begins."""
    start, stop = element(data, at, end, 0x04)
    return data[start:stop], stop


def oid_of(text: str) -> bytes:
    """Content octets of a dotted OID; a leading dot is allowed. `ValueError` says what is wrong with another text."""
    parts = text.removeprefix(".").split(".")
    for part in parts:
        if not _ARC.fullmatch(part):
            raise ValueError(f"{text!r} is no OID: {part!r} is not a number")
    return oid_from([int(part) for part in parts])


def oid_from(arcs: Sequence[int]) -> bytes:
    """Content octets of an OID given by its arcs."""
    if len(arcs) < 2:
        raise ValueError(f"an OID has at least two arcs, found {len(arcs)}")
    first, second = arcs[0], arcs[1]
    if not 0 <= first <= 2 or second < 0 or (first < 2 and second > 39):
        raise ValueError(f"an OID begins with 0.0 to 0.39, 1.0 to 1.39 or 2, found {first}.{second}")
    return tail_from((first * 40 + second, *arcs[2:]))


def tail_from(arcs: Iterable[int]) -> bytes:
    """Octets of arcs that follow others, as in an index."""
    return b"".join([bytes((arc,)) if 0 <= arc < 0x80 else _long_arc(arc) for arc in arcs])


def _long_arc(arc: int) -> bytes:
    if not 0 <= arc <= ARC_MAX:
        raise ValueError(f"an arc is 0 to {ARC_MAX}, found {arc}")
    found = [arc & 0x7F]
    while arc := arc >> 7:
        found.append(0x80 | arc & 0x7F)
    return bytes(reversed(found))


def is_oid(oid: bytes) -> bool:
    """Whether these are content octets of an OID: whole, shortest, and no arc above 2^32-1."""
    return (oid.isascii() and bool(oid)) or _OID.fullmatch(oid) is not None


def are_oids(oids: Sequence[bytes]) -> bool:
    """`is_oid` of each of them, for the price of one as long as all arcs are below 128."""
    return all(oids) and (b"".join(oids).isascii() or all(map(_OID.fullmatch, oids)))


def tail_of(octets: bytes) -> tuple[int, ...]:
    """The arcs in a part of an OID that is not its beginning, such as an index; `BerError` for anything else."""
    if octets.isascii():
        return tuple(octets)
    if not _OID.fullmatch(octets):
        raise BerError(f"{octets.hex()} are not octets of an OID")
    arcs, arc = [], 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    return tuple(arcs)


def arcs_of(oid: bytes) -> tuple[int, ...]:
    """The arcs of an OID; `BerError` when these are not its octets."""
    if not oid:
        raise BerError("an OID without octets")
    first, *rest = tail_of(oid)
    return (*divmod(min(first, 80), 40), *rest) if first <= 80 else (2, first - 80, *rest)


def text_of(oid: bytes) -> str:
    """The OID as people write it, without a leading dot; `BerError` when these are not its octets."""
    return ".".join(map(str, arcs_of(oid)))


def is_after(new: bytes, old: bytes) -> bool:
    """Whether OID `new` comes after `old` in the order of a walk (RFC 3416 section 4.2.2)."""
    if (new.isascii() and old.isascii()) or not (_LONG_ARC.search(new) or _LONG_ARC.search(old)):
        return new > old  # one octet is below 128 and two begin above it, so that the order of octets is that of arcs
    shared = min(len(new), len(old))
    difference = int.from_bytes(new[:shared], "big") ^ int.from_bytes(old[:shared], "big")
    if not difference:
        return len(new) > len(old)
    at = shared - (difference.bit_length() + 7) // 8
    while at and new[at - 1] > 0x7F:
        at -= 1
    return _first_arc(new, at) > _first_arc(old, at)


def _first_arc(oid: bytes, at: int) -> tuple[int, bytes]:
    """Something that sorts as the arc at `at`: more octets are a larger arc."""
    stop = at
    while oid[stop] > 0x7F:
        stop += 1
    return stop - at, oid[at : stop + 1]


def rising(oids: list[bytes]) -> int:
    """How many of them from the first on are each after the one before; in a sane walk all, which costs little."""
    joined = b"".join(oids)
    if (joined.isascii() or not _LONG_ARC.search(joined)) and len(set(oids)) == len(oids) and sorted(oids) == oids:
        return len(oids)
    for at in range(1, len(oids)):
        if not is_after(oids[at], oids[at - 1]):
            return at
    return len(oids)
