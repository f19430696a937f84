"""One module of `snmp.yml`: what to ask of a device and which series come of it, as snmp_exporter's generator writes it.

The structs are the file's format, key by key; what the keys mean together is `agent.snmp.module_file`'s to check.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from agent.snmp.index import COMBINED, INTEGERS

OID_PATTERN: Final = r"^\.?[0-2](\.(0|[1-9][0-9]{0,9})){1,127}\Z"
DURATION_PATTERN: Final = r"^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+\Z"
METRIC_PATTERN: Final = r"^[a-zA-Z_:][a-zA-Z0-9_:]{0,254}\Z"
LABEL_PATTERN: Final = r"^(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,254}\Z"

TEXTS: Final = frozenset({
    "OctetString", "DisplayString", "PhysAddress48", "InetAddressIPv4", "InetAddressIPv6", "IpAddr", *COMBINED,
})  # fmt: skip
"""Types whose value becomes a label, on a gauge that is 1."""
ENUMS: Final = frozenset({"EnumAsInfo", "EnumAsStateSet", "Bits"})
PARSED: Final = frozenset({"DateAndTime", "ParseDateAndTime", "NTPTimeStamp", "ParseFloatString"})
"""Types whose value is a number inside an octet string."""
NUMBERS: Final = frozenset({"Float", "Double", *INTEGERS})
TYPES: Final = (*sorted(NUMBERS), *sorted(TEXTS), *sorted(ENUMS), *sorted(PARSED))

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def _expect(text: str) -> dict[str, str]:
    return {"expected": text}


Oid = Annotated[str, Meta(pattern=OID_PATTERN, extra=_expect("an OID in numbers, such as 1.3.6.1.2.1.2"))]
Label = Annotated[str, Meta(pattern=LABEL_PATTERN, extra=_expect("a label name: [a-zA-Z_][a-zA-Z0-9_]*, without __ before it"))]
Type = Literal[TYPES]  # type: ignore[valid-type]  # the list above is one, spelled once


class Index(msgspec.Struct, frozen=True):
    """One part of a table's index. `fixed_size` is the number of octets if the MIB fixes it; `implied`: no length before it."""

    labelname: Label
    type: Type
    fixed_size: Annotated[int, Meta(ge=0, le=128)] = 0
    implied: bool = False
    enum_values: dict[int, str] = {}
    display_hint: str = ""


class Lookup(msgspec.Struct, frozen=True):
    """`labelname` becomes the value found under `oid` at the index that `labels` make; without `labels` it is taken away."""

    labelname: Label
    labels: tuple[str, ...] | None = ()
    oid: Oid | None = None
    type: Type | None = None
    enum_values: dict[int, str] = {}
    display_hint: str = ""


class RegexExtract(msgspec.Struct, frozen=True):
    """A number in a text: the whole text matches `regex`, and `value` expanded with its groups is the number."""

    regex: str
    value: str = "$1"


Extracts = dict[str, tuple[RegexExtract, ...]]


class Metric(msgspec.Struct, frozen=True):
    """An object or a column, and the metric that its values become."""

    name: Annotated[str, Meta(pattern=METRIC_PATTERN, extra=_expect("a metric name: [a-zA-Z_:][a-zA-Z0-9_:]*"))]
    oid: Oid
    type: Type
    help: str | None = ""
    indexes: tuple[Index, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    regex_extracts: Extracts = {}
    datetime_pattern: str = ""
    enum_values: dict[int, str] = {}
    offset: float = 0.0
    scale: float = 0.0
    """0 is as good as 1, as in snmp_exporter."""
    display_hint: str = ""


class Override(msgspec.Struct, frozen=True):
    """What is said of one metric beside its definition, in the words of `generator.yml`; the generator itself leaves none."""

    ignore: bool = False
    name: str | None = None
    type: Type | None = None
    help: str | None = None
    regex_extracts: Extracts | None = None
    datetime_pattern: str | None = None
    offset: float | None = None
    scale: float | None = None


class Filter(msgspec.Struct, frozen=True):
    """Of the columns `targets` only the rows whose value under `oid` matches one of the regular expressions `values`."""

    oid: Oid
    targets: tuple[Oid, ...] = ()
    values: tuple[str, ...] = ()


class Module(msgspec.Struct, frozen=True):
    """What is asked (`walk`, `get`) and made of the answers (`metrics`), and how the asking is done."""

    walk: tuple[Oid, ...] = ()
    get: tuple[Oid, ...] = ()
    metrics: tuple[Metric, ...] = ()
    filters: tuple[Filter, ...] = ()
    overrides: dict[str, Override] = {}
    max_repetitions: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 25
    retries: Annotated[int, Meta(ge=0, le=100)] | None = None
    """Further tries; None leaves them to the poller, and so does `timeout`."""
    timeout: Annotated[str, Meta(pattern=DURATION_PATTERN, extra=_expect("a duration such as 5s, 500ms or 1m30s"))] | None = (
        None
    )
    use_unconnected_udp_socket: bool = False
    """Accepted and not needed: answers are matched by what they say, not by where they come from."""
    allow_nonincreasing_oids: bool = False

    @property
    def timeout_s(self) -> float | None:
        """The time for one try of a request."""
        return None if self.timeout is None else seconds(self.timeout)


def seconds(duration: str) -> float:
    """A Go duration (`1m30s`) in seconds."""
    return sum(float(count) * _UNITS[unit] for count, unit in re.findall(r"([0-9.]+)(ns|us|µs|μs|ms|s|m|h)", duration))
