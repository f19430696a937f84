"""Variable bindings as three parallel lists, which is what makes thousands of devices affordable.

An OID is its encoded content octets (X.690 8.19) all the way: comparing, hashing and taking off a prefix are one step of C.
"""

from __future__ import annotations

from typing import Final

Value = int | float | bytes | None
"""INTEGER and the counters, gauges and ticks: int. OCTET STRING, IpAddress, other Opaque: bytes. OBJECT IDENTIFIER: its content
octets. Opaque float and double: float. NULL, noSuchObject, noSuchInstance, endOfMibView: None."""

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OBJECT_IDENTIFIER: Final = 0x06
IP_ADDRESS: Final = 0x40
COUNTER32: Final = 0x41
GAUGE32: Final = 0x42
TIME_TICKS: Final = 0x43
OPAQUE: Final = 0x44
COUNTER64: Final = 0x46
UINTEGER32: Final = 0x47
NO_SUCH_OBJECT: Final = 0x80
NO_SUCH_INSTANCE: Final = 0x81
END_OF_MIB_VIEW: Final = 0x82


class Rows:
    """Bindings in the order they were received: `oids[i]` has `values[i]`, sent with tag `tags[i]`. An Opaque that holds a
    float, double or 64-bit integer (net-snmp's 9f 76..7b) has tag OPAQUE and the number as value."""

    __slots__ = ("oids", "tags", "values")

    def __init__(
        self, oids: list[bytes] | None = None, tags: list[int] | None = None, values: list[Value] | None = None
    ) -> None:
        self.oids: list[bytes] = [] if oids is None else oids
        self.tags: list[int] = [] if tags is None else tags
        self.values: list[Value] = [] if values is None else values

    def __len__(self) -> int:
        return len(self.oids)

    def add(self, oid: bytes, tag: int, value: Value) -> None:
        """Append one binding."""
        self.oids.append(oid)
        self.tags.append(tag)
        self.values.append(value)

    def extend(self, other: Rows) -> None:
        """Append all of `other`."""
        self.oids += other.oids
        self.tags += other.tags
        self.values += other.values
