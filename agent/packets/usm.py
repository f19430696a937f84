"""SNMPv3 messages with the user-based security model (RFC 3412, RFC 3414, RFC 3826, RFC 7860): keys, digests, initialisation
vectors, in and out. For `agent.snmp.security`, which hands in the ciphers. Pure; bad bytes are `BerError`.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from typing import Final, Protocol

import msgspec

from agent.packets import ber, snmp
from agent.packets.ber import BerError

AUTH: Final = 1
PRIV: Final = 2
REPORTABLE: Final = 4
MAX_SIZE: Final = 65507
"""The largest answer we take: what one UDP datagram over IPv4 holds."""
TIME_WINDOW_S: Final = 150
_USM: Final = 3
_PASSWORD_OCTETS: Final = 1 << 20
_UINT32: Final = 0xFFFFFFFF

HASHES: Final = {
    "MD5": ("md5", 12),
    "SHA": ("sha1", 12),
    "SHA224": ("sha224", 16),
    "SHA256": ("sha256", 24),
    "SHA384": ("sha384", 32),
    "SHA512": ("sha512", 48),
}
"""Authentication protocol -> hash and octets of the digest in a message (RFC 3414 sections 6 and 7, RFC 7860 section 4)."""

PRIV_KEYS: Final = {"DES": 16, "AES": 16, "AES192": 24, "AES192C": 24, "AES256": 32, "AES256C": 32}
"""Privacy protocol -> octets of its localised key (DES: 8 of key and 8 of pre-IV)."""


class Report(enum.Enum):
    """What an agent reports in place of an answer: the OID of the counter (RFC 3414 section 5, RFC 3412 section 5)."""

    UNSUPPORTED_LEVEL = ber.oid_of("1.3.6.1.6.3.15.1.1.1")
    NOT_IN_TIME_WINDOW = ber.oid_of("1.3.6.1.6.3.15.1.1.2")
    UNKNOWN_USER = ber.oid_of("1.3.6.1.6.3.15.1.1.3")
    UNKNOWN_ENGINE = ber.oid_of("1.3.6.1.6.3.15.1.1.4")
    WRONG_DIGEST = ber.oid_of("1.3.6.1.6.3.15.1.1.5")
    DECRYPTION = ber.oid_of("1.3.6.1.6.3.15.1.1.6")
    UNKNOWN_SECURITY_MODEL = ber.oid_of("1.3.6.1.6.3.11.2.1.1")
    INVALID_MESSAGE = ber.oid_of("1.3.6.1.6.3.11.2.1.2")
    UNAVAILABLE_CONTEXT = ber.oid_of("1.3.6.1.6.3.12.1.4")
    UNKNOWN_CONTEXT = ber.oid_of("1.3.6.1.6.3.12.1.5")


class Cipher(Protocol):
    """A block cipher in the mode that its protocol uses."""

    def encrypt(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """Ciphertext as long as `data`, which is a whole number of blocks where the mode needs it."""

    def decrypt(self, key: bytes, iv: bytes, data: bytes) -> bytes:
        """The reverse; `ValueError` for a length that the mode does not have."""


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Localised keys of one user at one engine; empty protocols for levels without authentication or privacy."""

    auth_protocol: str = ""
    auth: bytes = b""
    priv_protocol: str = ""
    priv: bytes = b""

    def __repr__(self) -> str:
        return f"Keys({self.auth_protocol!r}, {self.priv_protocol!r}, ********)"

    @property
    def level(self) -> int:
        """The security level as msgFlags have it."""
        return (AUTH if self.auth_protocol else 0) | (PRIV if self.priv_protocol else 0)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What an outgoing message says beside its contents."""

    message_id: int
    engine_id: bytes = b""
    boots: int = 0
    time: int = 0
    user: bytes = b""
    salt: int = 0
    """A number that never repeats for a key: 64 bits for AES, the lower 32 for DES."""


class Message(msgspec.Struct, gc=False):
    """A received message, neither verified nor decrypted yet; positions are into its octets."""

    message_id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    digest_at: int
    salt: bytes
    payload: bytes
    """The scoped PDU, encrypted when the flags say so."""
    end: int


def password_key(auth_protocol: str, password: bytes) -> bytes:
    """Ku: the hash of a megabyte of repeated password (RFC 3414 A.2); milliseconds, so keep it. `ValueError` when empty."""
    if not password:
        raise ValueError("an empty password has no key")
    whole, rest = divmod(_PASSWORD_OCTETS, len(password))
    return hashlib.new(HASHES[auth_protocol][0], password * whole + password[:rest], usedforsecurity=False).digest()


def localized(auth_protocol: str, key: bytes, engine_id: bytes) -> bytes:
    """Kul: the key of one engine made from Ku (RFC 3414 section 2.6)."""
    return _hashed(auth_protocol, key + engine_id + key)


def privacy_key(auth_protocol: str, priv_protocol: str, key: bytes, engine_id: bytes) -> bytes:
    """The localised key of a cipher from the privacy password's Ku.

    Where the hash is shorter than the key it is extended: as draft-blumenthal-aes-usm-04 section 3.1.2.1 does for AES192 and
    AES256, and for the C variants as draft-reeder-snmpv3-usm-3desede-00 section 2.1 does, which hashes a megabyte again.
    """
    size = PRIV_KEYS[priv_protocol]
    found = part = localized(auth_protocol, key, engine_id)
    while len(found) < size:
        if priv_protocol.endswith("C"):
            part = localized(auth_protocol, password_key(auth_protocol, part), engine_id)
        else:
            part = _hashed(auth_protocol, found)
        found += part
    return found[:size]


def _hashed(auth_protocol: str, data: bytes) -> bytes:
    return hashlib.new(HASHES[auth_protocol][0], data, usedforsecurity=False).digest()


def encode_scoped(engine_id: bytes, context: bytes, pdu: bytes) -> bytes:
    """A scoped PDU (RFC 3412 section 6)."""
    return ber.tlv(ber.SEQUENCE, ber.tlv(4, engine_id) + ber.tlv(4, context) + pdu)


def decode_scoped(data: bytes) -> tuple[bytes, bytes, snmp.Pdu]:
    """Context engine id, context name and PDU; what padding a cipher left behind them is dropped."""
    at, end = ber.element(data, 0, len(data), ber.SEQUENCE)
    engine_id, at = ber.octets(data, at, end)
    context, at = ber.octets(data, at, end)
    return engine_id, context, snmp.decode_pdu(data, at, end)


def encode_v3(head: Head, keys: Keys, scoped: bytes, cipher: Cipher | None = None) -> bytes:
    """A request with the security level of `keys`; `cipher` is that of the privacy protocol."""
    flags, salt, payload = keys.level | REPORTABLE, b"", scoped
    if cipher is not None:
        salt, key, iv = _initial(head, keys)
        if keys.priv_protocol == "DES":
            payload += b"\0" * (-len(payload) % 8)
        payload = ber.tlv(4, cipher.encrypt(key, iv, payload))
    size = HASHES[keys.auth_protocol][1] if keys.auth_protocol else 0
    security = ber.tlv(4, head.engine_id) + ber.integer(head.boots) + ber.integer(head.time) + ber.tlv(4, head.user)
    last = ber.tlv(4, salt)
    security = ber.tlv(4, ber.tlv(ber.SEQUENCE, security + ber.tlv(4, b"\0" * size) + last))
    globals_ = ber.integer(head.message_id) + ber.integer(MAX_SIZE) + ber.tlv(4, bytes((flags,))) + ber.integer(_USM)
    message = ber.tlv(ber.SEQUENCE, ber.integer(3) + ber.tlv(ber.SEQUENCE, globals_) + security + payload)
    if not size:
        return message
    at = len(message) - len(payload) - len(last) - size
    digest = hmac.digest(keys.auth, message, HASHES[keys.auth_protocol][0])[:size]
    return message[:at] + digest + message[at + size :]


def decode_v3(data: bytes, at: int, end: int) -> Message:
    """The rest of a message of version 3, from `snmp.envelope`."""
    start, stop = ber.element(data, at, end, ber.SEQUENCE)
    message_id, start = ber.number(data, start, stop)
    _, start = ber.number(data, start, stop)
    flags, start = ber.octets(data, start, stop)
    model, _ = ber.number(data, start, stop)
    if len(flags) != 1 or model != _USM:
        raise BerError(f"msgFlags of {len(flags)} octets and security model {model}, expected 1 octet and {_USM}")
    start, at = ber.element(data, stop, end, 4)
    start, stop = ber.element(data, start, at, ber.SEQUENCE)
    engine_id, start = ber.octets(data, start, stop)
    boots, start = ber.number(data, start, stop)
    time, start = ber.number(data, start, stop)
    user, start = ber.octets(data, start, stop)
    digest, start = ber.octets(data, start, stop)
    digest_at = start - len(digest)
    salt, _ = ber.octets(data, start, stop)
    if flags[0] & PRIV:
        payload, _ = ber.octets(data, at, end)
    else:
        payload = data[at:end]
    return Message(
        message_id, flags[0], engine_id, boots, time, user, digest, digest_at, salt, payload, end,
    )  # fmt: skip


def is_authentic(message: Message, data: bytes, keys: Keys) -> bool:
    """Whether the digest of the received octets `data` is that of this user's key (RFC 3414 section 6.3.2)."""
    name, size = HASHES[keys.auth_protocol]
    if len(message.digest) != size:
        return False
    blank = data[: message.digest_at] + b"\0" * size + data[message.digest_at + size : message.end]
    return hmac.compare_digest(hmac.digest(keys.auth, blank, name)[:size], message.digest)


def decrypted(message: Message, keys: Keys, cipher: Cipher) -> bytes:
    """The scoped PDU of an encrypted message; `BerError` when its lengths cannot be those of the cipher."""
    if len(message.salt) != 8:
        raise BerError(f"privacy parameters of {len(message.salt)} octets, expected 8")
    if keys.priv_protocol == "DES":
        key, iv = keys.priv[:8], _xor(message.salt, keys.priv[8:16])
    else:
        key, iv = keys.priv, _clock(message.boots) + _clock(message.time) + message.salt
    try:
        return cipher.decrypt(key, iv, message.payload)
    except ValueError:
        raise BerError(f"{len(message.payload)} encrypted octets are no whole number of blocks") from None


def _initial(head: Head, keys: Keys) -> tuple[bytes, bytes, bytes]:
    """Salt as sent, key and initialisation vector (RFC 3414 section 8.1.1.1, RFC 3826 section 3.1.2)."""
    if keys.priv_protocol == "DES":
        salt = _clock(head.boots) + _clock(head.salt)
        return salt, keys.priv[:8], _xor(salt, keys.priv[8:16])
    salt = (head.salt & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big")
    return salt, keys.priv, _clock(head.boots) + _clock(head.time) + salt


def _clock(number: int) -> bytes:
    return (number & _UINT32).to_bytes(4, "big")


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(8, "big")


def report_of(oids: list[bytes]) -> Report | None:
    """Which counter a report is about, or None for one that we do not know."""
    return next((report for oid in oids for report in Report if oid.startswith(report.value)), None)
