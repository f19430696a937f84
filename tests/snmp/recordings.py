"""Recorded devices as rows: reads `.snmprec` files (snmpsim's format) without serving them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from agent.snmp.rows import INTEGER, IP_ADDRESS, NULL, OBJECT_IDENTIFIER, OCTET_STRING, OPAQUE, Rows, Value

WALKS = Path(__file__).parents[2] / "../shared/snmp/walks"
"""The recorded devices beside the project; a test that needs them skips with a reason where they are absent."""


def encode(text: str) -> bytes:
    """The content octets of an OID (X.690 8.19)."""
    arcs = [int(arc) for arc in text.strip(".").split(".")]
    if len(arcs) == 1:
        arcs.append(0)
    octets = bytearray()
    for arc in [arcs[0] * 40 + arcs[1], *arcs[2:]]:
        part = [arc & 0x7F]
        while arc := arc >> 7:
            part.append(arc & 0x7F | 0x80)
        octets += bytes(reversed(part))
    return bytes(octets)


def rows_of(path: Path, under: str = "") -> Rows:
    """The rows of a recording in the order of the file; `under` is an OID (or several, separated by blanks) at or below which
    they must be. Lines of snmpsim's variation modules (`67:numeric`) are left out, except that their tag is known to be one."""
    prefixes = [encode(oid) for oid in under.split()]
    rows = Rows()
    for oid, tag, value in _lines(path):
        encoded = encode(oid)
        if not prefixes or any(_is_under(encoded, prefix) for prefix in prefixes):
            rows.add(encoded, *_value(tag, value))
    return rows


def _is_under(oid: bytes, prefix: bytes) -> bool:
    # Octets end an arc when their high bit is clear, so a prefix of octets is a prefix of arcs.
    return oid.startswith(prefix)


def _lines(path: Path) -> Iterator[tuple[str, str, bytes]]:
    for line in path.read_bytes().split(b"\n"):
        oid, _, rest = line.rstrip(b"\r").partition(b"|")
        tag, bar, value = rest.partition(b"|")
        if bar and oid and not oid.startswith(b"#") and b":" not in tag:
            yield oid.decode("ascii"), tag.decode("ascii"), value


def _value(tag: str, text: bytes) -> tuple[int, Value]:
    number = int(tag.rstrip("xe"))
    data = bytes.fromhex(text.decode("ascii")) if tag.endswith("x") else text
    if number == OCTET_STRING:
        return number, data
    if number == IP_ADDRESS:
        parts = text.split(b".")  # some recordings hold the four octets themselves
        return number, bytes(map(int, parts)) if len(parts) == 4 and not tag.endswith("x") else data
    if number == OBJECT_IDENTIFIER:
        return number, encode(text.decode("ascii"))
    if number == NULL:
        return number, None
    if number == OPAQUE:
        return number, _opaque(data)
    value = int(text)
    return number, value if number == INTEGER else value % (1 << 64)


def _opaque(data: bytes) -> Value:
    """net-snmp's floats and doubles inside an Opaque (9f 78 04, 9f 79 08); anything else stays bytes."""
    if data[:3] == b"\x9f\x78\x04" and len(data) == 7:
        return float(struct.unpack(">f", data[3:])[0])
    if data[:3] == b"\x9f\x79\x08" and len(data) == 11:
        return float(struct.unpack(">d", data[3:])[0])
    return data
