"""Where a new agent redeems its code: JSON in, an identity out, once."""

from __future__ import annotations

from typing import Protocol

import msgspec

from collector.core.accounts import Account, AccountError
from collector.ingest import enrol
from collector.ingest.answers import RefusedError

BODY_BYTES = 4_096
_MAX_TEXT = 255


class Enrolment(Protocol):
    """The part of the store that redeems codes; raises `AccountError`, `StoreError`."""

    async def redeem_code(
        self, code_hash: bytes, token_hash: bytes, now_ms: int, *, agent_version: str = "", hostname: str = ""
    ) -> Account: ...


class EnrolRequest(msgspec.Struct, frozen=True):
    """What an agent sends to `/v1/enrol`."""

    secret: str
    agent_version: str = ""
    hostname: str = ""


class Enrolled(msgspec.Struct, frozen=True):
    """What it gets."""

    agent: str
    token: str
    interval_s: int
    urls: tuple[str, ...]


def read_request(body: bytes) -> EnrolRequest:
    """The request in a body. Raises `RefusedError` (400)."""
    try:
        asked = msgspec.json.decode(body, type=EnrolRequest)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise RefusedError(400, "bad_request", f"expected JSON with secret, agent_version, hostname: {error}") from error
    for name, text in (("secret", asked.secret), ("agent_version", asked.agent_version), ("hostname", asked.hostname)):
        if len(text) > _MAX_TEXT or not text.isprintable():
            raise RefusedError(400, "bad_request", f"{name}: expected at most {_MAX_TEXT} printable characters")
    return asked


async def redeem(asked: EnrolRequest, enrolment: Enrolment, now_ms: int) -> tuple[Account, str]:
    """The account behind a code and its new token. Raises `RefusedError` (403), `change.StoreError`."""
    token, token_hash = enrol.make_token()
    secret_hash = enrol.hash_secret(asked.secret)
    try:
        account = await enrolment.redeem_code(
            secret_hash, token_hash, now_ms, agent_version=asked.agent_version, hostname=asked.hostname
        )
    except AccountError as error:
        raise RefusedError(403, error.problem, error.detail, close=True) from error
    return account, token
