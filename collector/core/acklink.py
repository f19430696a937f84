"""The token of a link in a message: who may acknowledge or see which incident until when, signed. Pure: keys and time are
given.

`base64url(msgpack [purpose, incident, receiver, expires_ms]) "." base64url(HMAC-SHA-256 of the first part, 20 bytes)`, both
without padding. A token allows nothing but its one purpose, and nobody can make or change one without a key.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

ACKNOWLEDGE: Final = "ack"
"""The purpose of a link by which its receiver acknowledges."""
VIEW: Final = "view"
"""The purpose of a link by which its receiver looks at the incident."""
LEAST_KEY: Final = 32
"""Bytes of a key."""
MOST_TOKEN: Final = 1_024
"""Characters; nothing longer is looked at."""
_TAG_BYTES: Final = 20
_CONTEXT: Final = b"haidang acknowledge link v1\n"
"""What is signed begins with it: a signature made with the same key for something else is none here."""


class LinkProblem(enum.StrEnum):
    """Why a token is refused: a closed list, in the order in which it is looked for."""

    MALFORMED = "malformed"
    FORGED = "forged"
    WRONG_PURPOSE = "wrong_purpose"
    EXPIRED = "expired"


class LinkError(Exception):
    """A token is refused."""

    def __init__(self, problem: LinkProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class Claim(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a token says."""

    purpose: str
    incident: str
    """Uid."""
    receiver: str
    """To whom it was sent."""
    expires_ms: int


def sign(claim: Claim, key: bytes) -> str:
    """The token. `ValueError` for a key under `LEAST_KEY` bytes."""
    if len(key) < LEAST_KEY:
        raise ValueError(f"a key of {LEAST_KEY} bytes or more is needed")
    payload = _text(msgspec.msgpack.encode(claim))
    return f"{payload}.{_text(_tag(payload, key))}"


def verify(token: str, keys: Sequence[bytes], now_ms: int, purpose: str = ACKNOWLEDGE) -> Claim:
    """What a genuine token says that has not expired. Raises `LinkError`. Every key is tried, in constant time, and nothing of
    a token is believed before its signature holds."""
    payload, separator, tag = token.partition(".")
    if not separator or not payload or not tag or len(token) > MOST_TOKEN or not token.isascii():
        raise LinkError(LinkProblem.MALFORMED)
    found = _bytes(tag)
    matches = [hmac.compare_digest(found, _tag(payload, key)) for key in keys if len(key) >= LEAST_KEY]
    if not any(matches):
        raise LinkError(LinkProblem.FORGED)
    try:
        claim = msgspec.msgpack.decode(_bytes(payload), type=Claim)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise LinkError(LinkProblem.MALFORMED) from None
    if claim.purpose != purpose:
        raise LinkError(LinkProblem.WRONG_PURPOSE)
    if now_ms >= claim.expires_ms:
        raise LinkError(LinkProblem.EXPIRED)
    return claim


def _tag(payload: str, key: bytes) -> bytes:
    return hmac.digest(key, _CONTEXT + payload.encode(), hashlib.sha256)[:_TAG_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Exactly one text stands for some bytes: padding, other alphabets and loose last bits are refused."""
    try:
        data = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise LinkError(LinkProblem.MALFORMED) from None
    if _text(data) != text:
        raise LinkError(LinkProblem.MALFORMED)
    return data
