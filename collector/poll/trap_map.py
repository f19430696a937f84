"""From a PDU of any version to one kind of notice (RFC 3584 section 3), and from a notice to whom it is about.

Pure. Nothing here decides what a notice means; text made here holds no secret and no control character.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

SYS_UP_TIME: Final = "1.3.6.1.2.1.1.3.0"
TRAP_OID: Final = "1.3.6.1.6.3.1.1.4.1.0"
TRAP_ENTERPRISE: Final = "1.3.6.1.6.3.1.1.4.3.0"
TRAP_ADDRESS: Final = "1.3.6.1.6.3.18.1.3.0"
TRAP_COMMUNITY: Final = "1.3.6.1.6.3.18.1.4.0"
GENERIC: Final = "1.3.6.1.6.3.1.1.5"
ENTERPRISE_SPECIFIC: Final = 6
HIDDEN: Final = "********"

MAX_TEXT: Final = 255
_MAX_VALUE: Final = 64
_MAX_LISTED: Final = 12
_LEAST_SECRET: Final = 4
"""Shorter secrets would blot out half of every text without hiding anything."""
_ABOUT_THE_TRAP: Final = frozenset({SYS_UP_TIME, TRAP_OID, TRAP_ENTERPRISE, TRAP_ADDRESS, TRAP_COMMUNITY})


class Type:
    """Types of values as a text or a key needs to tell them apart; tags are X.690's and RFC 2578's."""

    INTEGER: Final = 0x02
    OCTETS: Final = 0x04
    NULL: Final = 0x05
    OID: Final = 0x06
    ADDRESS: Final = 0x40
    COUNTER32: Final = 0x41
    GAUGE: Final = 0x42
    TICKS: Final = 0x43
    COUNTER64: Final = 0x46


_MOVING: Final = frozenset({Type.TICKS, Type.COUNTER32, Type.COUNTER64})
"""Types whose values differ between two repetitions of one notification."""


class Bind(msgspec.Struct, frozen=True):
    """One variable: its name as dotted numbers, the tag of its type, and its value (an OID as dotted numbers)."""

    oid: str
    tag: int
    value: int | bytes | str | None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A notification as it came, in the form of version 2. `about` is the address that it names itself, "" for none."""

    source: str
    oid: str
    binds: tuple[Bind, ...] = ()
    about: str = ""
    version: int = 1


class NoticeError(ValueError):
    """A PDU that is whole and still no notification."""


def from_v1(source: str, head: tuple[str, int, int], agent_address: str, binds: Iterable[Bind]) -> Notice:
    """The notice of a Trap-PDU (RFC 3584 section 3.1); `head` is enterprise, generic and specific trap.

    Raises `NoticeError` for a generic trap that there is none of.
    """
    enterprise, generic, specific = head
    if generic == ENTERPRISE_SPECIFIC:
        oid = f"{enterprise}.0.{specific}"
    elif 0 <= generic < ENTERPRISE_SPECIFIC:
        oid = f"{GENERIC}.{generic + 1}"
    else:
        raise NoticeError(f"generic trap {generic}, expected 0 to 6")
    kept = tuple([bind for bind in binds if bind.oid not in _ABOUT_THE_TRAP])
    return Notice(source=source, oid=oid, binds=kept, about=_named(agent_address), version=0)


def from_v2(source: str, binds: Sequence[Bind], version: int = 1) -> Notice:
    """The notice of an SNMPv2-Trap or InformRequest (RFC 3416 section 4.2.6). Variables that are about the trap itself, and
    the community that a proxy adds, are taken out. Raises `NoticeError` if it does not say what it is."""
    oid = next((bind.value for bind in binds if bind.oid == TRAP_OID and bind.tag == Type.OID), None)
    if not isinstance(oid, str) or not oid:
        raise NoticeError("no snmpTrapOID.0 among the variables")
    named = next((bind.value for bind in binds if bind.oid == TRAP_ADDRESS), None)
    about = address_of(named) if isinstance(named, bytes) and len(named) == 4 else ""
    kept = tuple([bind for bind in binds if bind.oid not in _ABOUT_THE_TRAP])
    return Notice(source=source, oid=oid, binds=kept, about=_named(about), version=version)


def address_of(octets: bytes) -> str:
    """An IPv4 address of four octets as text."""
    return str(ipaddress.IPv4Address(octets))


def plain_address(host: str) -> str:
    """One spelling for every address: no zone, IPv4 where IPv6 only wraps it (RFC 4291 section 2.5.5.2)."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _named(address: str) -> str:
    """An address that can name a device; not 0.0.0.0 or loopback, which devices fill in when they do not know theirs."""
    if not address:
        return ""
    found = ipaddress.ip_address(address)
    return "" if found.is_unspecified or found.is_multicast or address == "127.0.0.1" else str(found)


def whose(notice: Notice, known: Mapping[str, Sequence[str]], proxies: Collection[str]) -> Sequence[str]:
    """The targets that a notice is about; none if nobody trusted says so.

    Only a sender that inventory or the list of proxies knows is believed about another address. What it names and inventory
    does not know is its own affair: a device that reports from its loopback interface.
    """
    trusted = known.get(notice.source, ())
    if notice.about and (trusted or notice.source in proxies):
        return known.get(notice.about, trusted)
    return trusted


def other_form(oid: str) -> str:
    """The spelling that RFC 3584 makes of the same notification on its way through version 1: with the zero before the last
    number, or without it."""
    rest, _, last = oid.rpartition(".")
    return f"{rest[:-2]}.{last}" if rest.endswith(".0") else f"{rest}.0.{last}"


def lasting(binds: Iterable[Bind]) -> tuple[tuple[str, int | bytes | str | None], ...]:
    """The variables that tell two notifications of one kind apart: times and counters always differ and say nothing."""
    return tuple([(bind.oid, bind.value) for bind in binds if bind.tag not in _MOVING])


def shown(binds: Sequence[Bind], secrets: Iterable[str] = ()) -> str:
    """The variables for people, at most 255 characters: `1.3.6.1.2.1.2.2.1.1.3=3 …`."""
    parts = [f"{bind.oid}={_value(bind, secrets)}" for bind in binds[:_MAX_LISTED]]
    text = " ".join(parts)
    cut = len(binds) > _MAX_LISTED or len(text) > MAX_TEXT
    return f"{text[: MAX_TEXT - 2]} …" if cut else text


def value_text(bind: Bind, secrets: Iterable[str] = ()) -> str:
    """The value of one variable as a word without quotes."""
    value = bind.value
    if isinstance(value, bytes):
        return address_of(value) if bind.tag == Type.ADDRESS and len(value) == 4 else _octets(value, secrets)
    if value is None:
        return "null"
    return str(value)[:_MAX_VALUE]


def _value(bind: Bind, secrets: Iterable[str]) -> str:
    text = value_text(bind, secrets)
    quoted = isinstance(bind.value, bytes) and bind.tag != Type.ADDRESS and not text.startswith("0x")
    return f'"{text}"' if quoted else text


def _octets(value: bytes, secrets: Iterable[str]) -> str:
    try:
        text = value.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        return f"0x{value[:24].hex()}"
    for secret in secrets:
        if len(secret) >= _LEAST_SECRET and secret in text:
            text = text.replace(secret, HIDDEN)
    if any(ord(character) < 32 and character not in "\t\r\n" for character in text):
        return f"0x{value[:24].hex()}" if HIDDEN not in text else HIDDEN
    return "".join([character if character.isprintable() else " " for character in text])[:_MAX_VALUE]
