"""Arcs of an index -> label values, as snmp_exporter reads them: one part after the other, each by its type.

The same rules show octet strings of values, whose octets are the arcs then. Pure, and never an error: what an index lacks is
zeros, since some agents leave trailing zeros out; what it has too much is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.snmp.values import clean, display, hexadecimal

Arcs = tuple[int, ...]

INTEGERS: Final = frozenset({"Integer32", "Integer", "gauge", "counter"})
COMBINED: Final[dict[str, dict[int, str]]] = {
    "InetAddress": {1: "InetAddressIPv4", 2: "InetAddressIPv6"},
    "InetAddressMissingSize": {1: "InetAddressIPv4", 2: "InetAddressIPv6"},
    "LldpPortId": {1: "DisplayString", 2: "DisplayString", 3: "PhysAddress48", 5: "DisplayString", 7: "DisplayString"},
}
"""Types whose real type stands in the object before them (RFC 4001 InetAddressType; LLDP-MIB LldpPortIdSubtype)."""
_MOST_ARCS: Final = 128
"""An OID has no more (RFC 2578 section 3.5): a longer length is a lie and means what is left."""


class Part:
    """One index: its type, and what is known of its length. `enum_values` give names to the numbers of an `EnumAsInfo`."""

    __slots__ = ("display_hint", "enum_values", "fixed_size", "implied", "kind")

    def __init__(
        self,
        kind: str,
        fixed_size: int = 0,
        implied: bool = False,
        enum_values: Mapping[int, str] | None = None,
        *,
        display_hint: str = "",
    ) -> None:
        self.kind = kind
        self.fixed_size = fixed_size
        self.implied = implied
        self.enum_values = enum_values or {}
        self.display_hint = display_hint

    def read(self, arcs: Arcs) -> tuple[str, Arcs, Arcs]:
        """Text, the arcs that it took (padded with zeros), and those that are left."""
        return _read(arcs, self.kind, self)


_BARE: Final = Part("")


def of_octets(data: bytes, kind: str, hint: str = "") -> str:
    """An octet string of a value as the text that `kind` means; `hint` is for `OctetString` only."""
    if kind in ("DisplayString", "ParseDateAndTime"):
        return clean(data)
    if kind in ("", "Bits", "OctetString"):
        shown = display(hint, data) if hint else None
        return hexadecimal(data) if shown is None else shown
    return _read(tuple(data), kind, _BARE)[0]


def _split(arcs: Arcs, count: int) -> tuple[Arcs, Arcs]:
    head = arcs[:count]
    return head + (0,) * (count - len(head)), arcs[count:]


def _read(arcs: Arcs, kind: str, part: Part) -> tuple[str, Arcs, Arcs]:
    if kind in INTEGERS or kind == "EnumAsInfo":
        used, rest = _split(arcs, 1)
        return (part.enum_values.get(used[0]) if kind == "EnumAsInfo" else None) or str(used[0]), used, rest
    if kind == "PhysAddress48":
        used, rest = _split(arcs, 6)
        return ":".join([f"{arc:02X}" for arc in used]), used, rest
    if kind == "InetAddressIPv4":
        used, rest = _split(arcs, 4)
        return ".".join(map(str, used)), used, rest
    if kind == "InetAddressIPv6":
        used, rest = _split(arcs, 16)
        return ":".join([f"{high:02X}{low:02X}" for high, low in zip(used[::2], used[1::2], strict=True)]), used, rest
    if kind in COMBINED:
        return _combined(arcs, kind, part)
    return _octets(arcs, kind == "DisplayString", part.implied, part.fixed_size, part.display_hint)


def _combined(arcs: Arcs, kind: str, part: Part) -> tuple[str, Arcs, Arcs]:
    """Type, then (but for `InetAddressMissingSize`) length, then the value; of another type than those known, all as octets."""
    head, rest = _split(arcs, 1 if kind == "InetAddressMissingSize" else 2)
    real = COMBINED[kind].get(head[0])
    if real is not None:
        text, used, left = _read(rest, real, _BARE)
        return text, head + used, left
    if kind == "InetAddressMissingSize":
        return _octets(arcs, False, True, 0, "")
    return _octets(arcs, False, False, head[1] + 2, "")


def _octets(arcs: Arcs, is_text: bool, implied: bool, size: int, hint: str) -> tuple[str, Arcs, Arcs]:
    """An octet string of fixed size, of all that is left, or of the size that its first arc says (RFC 2578 section 7.7)."""
    length = len(arcs) if implied else size
    used: Arcs = ()
    rest = arcs
    if length == 0:
        used, rest = _split(arcs, 1)
        length = used[0]
    if length > _MOST_ARCS:
        length = len(rest)
    content, rest = _split(rest, length)
    data = bytes([arc & 0xFF for arc in content])
    shown = display(hint, data) if hint and not is_text else None
    if shown is None:
        shown = clean(data) if is_text else hexadecimal(data)
    return shown, used + content, rest
