"""Notifications as bytes, of every version: written here so that they can be wrong, and a table of three entries."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from agent.packets.ber import integer, oid_of, tlv
from agent.settings import Secret
from agent.snmp.auth import Auth, AuthProtocol, Version
from collector.poll.trap_frame import INFORM, TRAP_V1, TRAP_V2
from collector.poll.trap_map import SYS_UP_TIME, TRAP_OID
from collector.poll.trap_users import Credential

COMMUNITY = b"open-sesame"
LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
ENGINE = bytes.fromhex("8000000001020304")
LINK = ((f"1.3.6.1.2.1.2.2.1.1.{3}", integer(3)), ("1.3.6.1.2.1.2.2.1.2.3", tlv(4, b"eth3")))

Binds = Sequence[tuple[str, bytes]]

AUTH = Auth(name="mon", version=Version.V3, username="mon", auth_protocol=AuthProtocol.SHA256, password=Secret("authpass12"))
OPEN = Auth(name="open", community=Secret(COMMUNITY.decode()))


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE of them."""
    return tlv(0x30, b"".join(parts))


def name(oid: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    return tlv(6, oid_of(oid))


def bindings(binds: Binds) -> bytes:
    """A list of variables, whose values are encoded already."""
    return sequence(*[sequence(name(oid), value) for oid, value in binds])


def pdu_v2(oid: str = LINK_DOWN, binds: Binds = LINK, tag: int = TRAP_V2, number: int = 7) -> bytes:
    """An SNMPv2-Trap-PDU or InformRequest-PDU."""
    head = [(SYS_UP_TIME, integer(4711, 0x43)), (TRAP_OID, name(oid))]
    return tlv(tag, integer(number) + integer(0) + integer(0) + bindings([*head, *binds]))


def v2c(oid: str = LINK_DOWN, binds: Binds = LINK, community: bytes = COMMUNITY, tag: int = TRAP_V2) -> bytes:
    """A message of version 2c."""
    return sequence(integer(1), tlv(4, community), pdu_v2(oid, binds, tag))


def inform(oid: str = LINK_DOWN) -> bytes:
    """An inform of version 2c."""
    return v2c(oid, tag=INFORM)


def v1(
    enterprise: str = "1.3.6.1.4.1.318",
    generic: int = 6,
    specific: int = 5,
    address: bytes = bytes(4),
    binds: Binds = (),
) -> bytes:
    """A message of version 1."""
    pdu = name(enterprise) + tlv(0x40, address) + integer(generic) + integer(specific) + integer(99, 0x43)
    return sequence(integer(0), tlv(4, COMMUNITY), tlv(TRAP_V1, pdu + bindings(binds)))


def v3(
    auth: Auth = AUTH,
    engine_id: bytes = ENGINE,
    boots: int = 1,
    time_s: int = 100,
    *,
    user: str = "",
    pdu: bytes = b"",
) -> bytes:
    """A message of version 3 that is not encrypted; with a digest if the entry has a password. Without an engine id it asks
    for a report."""
    credential = Credential(auth)
    flags = bytes([(1 if credential.level else 0) | (0 if engine_id else 4)])
    header = sequence(integer(1), integer(65507), tlv(4, flags), integer(3))
    scoped = sequence(tlv(4, engine_id), tlv(4, b""), pdu or pdu_v2())

    def whole(digest: bytes) -> bytes:
        fields = (
            tlv(4, engine_id),
            integer(boots),
            integer(time_s),
            tlv(4, (user or auth.username).encode()),
            tlv(4, digest),
            tlv(4, b""),
        )
        return sequence(integer(3), header, tlv(4, sequence(*fields)), scoped)

    if not credential.level:
        return whole(b"")
    key = hashlib.sha256(credential.auth_key + engine_id + credential.auth_key).digest()
    return whole(hmac.digest(key, whole(bytes(24)), "sha256")[:24])
