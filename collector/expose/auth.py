"""Who speaks to the API: a bearer token, known by its SHA-256 only, is a principal with a role.

There are no cookies, so no other page can act in somebody's name. An address that brings wrong tokens is slowed down.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import hdrs, web

from collector.core.people import Actor, Person, Right, Role, may
from collector.expose.requests import RequestError

_SCHEME: Final = "Bearer "
_MAX_TOKEN_CHARS: Final = 256
_FAILURES: Final = 10
"""Wrong tokens an address may bring at once."""
_FORGIVEN_EVERY_S: Final = 6.0
"""After which one of them is forgotten."""
_ADDRESSES: Final = 10_000
_TRUSTED: Final = 1_000


class PeoplePort(Protocol):
    """The part of the store that knows principals; raises `change.StoreError` and `people.PersonError`."""

    async def token_holder(self, token_hash: bytes) -> Person | None: ...

    async def people(self) -> list[Person]: ...

    async def add_person(self, name: str, role: Role, token_hash: bytes, actor: Actor, *, now_ms: int) -> Person: ...

    async def rotate_person(self, name: str, token_hash: bytes, actor: Actor, now_ms: int) -> Person: ...

    async def revoke_person(self, name: str, actor: Actor, now_ms: int) -> Person: ...

    async def set_person_role(self, name: str, role: Role, actor: Actor, now_ms: int) -> Person: ...


def make_token() -> tuple[str, bytes]:
    """A new token of 256 random bits, to be shown once, and the hash that is kept."""
    token = secrets.token_urlsafe(32)
    return token, hash_token(token)


def hash_token(token: str) -> bytes:
    """SHA-256: tokens are random and long, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


class Failures:
    """Wrong tokens by address: each is forgotten after a while; at most `_ADDRESSES` are remembered, the oldest go first.
    Pure: steady seconds are passed in."""

    def __init__(self) -> None:
        self._full_at: OrderedDict[str, float] = OrderedDict()
        """When the last of an address' failures is forgotten."""

    def wait_s(self, address: str, now: float) -> float:
        """Seconds until the address may try again, 0 if it may now."""
        ahead = self._full_at.get(address, now) - now
        return max(0.0, ahead - (_FAILURES - 1) * _FORGIVEN_EVERY_S)

    def count(self, address: str, now: float) -> None:
        """A wrong token came."""
        self._full_at[address] = max(now, self._full_at.get(address, now)) + _FORGIVEN_EVERY_S
        self._full_at.move_to_end(address)
        if len(self._full_at) > _ADDRESSES:
            self._full_at.popitem(last=False)


class Gatekeeper:
    """Tells from a request who acts. The store is asked each time, so that a revoked token is void at once."""

    def __init__(self, people: PeoplePort, steady: Callable[[], float]) -> None:
        self._people = people
        self._steady = steady
        self._failures = Failures()
        self._trusted: OrderedDict[bytes, None] = OrderedDict()
        """Hashes that were right before: they are not slowed down by wrong ones from the same address, such as a proxy's."""

    async def admit(self, request: web.Request, right: Right) -> Actor:
        """The principal that sent the request. Raises `RequestError` (401, 403, 429) and `change.StoreError`."""
        actor = await self._identify(request)
        if not may(actor.role, right):
            detail = f"{actor.name} is {actor.role.value}, which may not {right.value.replace('_', ' ')}"
            raise RequestError(403, "forbidden", detail, value=actor.role.value)
        return actor

    async def _identify(self, request: web.Request) -> Actor:
        source = request.remote or ""
        authorization = request.headers.get(hdrs.AUTHORIZATION, "")
        if not authorization:
            raise RequestError(401, "no_token", "expected Authorization: Bearer TOKEN")
        key = network_of(source)
        token_hash = hash_token(authorization[len(_SCHEME) :])
        if token_hash not in self._trusted:
            wait_s = self._failures.wait_s(key, self._steady())
            if wait_s > 0:
                raise RequestError(429, "slow_down", "too many wrong tokens", retry_after_s=math.ceil(wait_s))
        is_token = authorization.startswith(_SCHEME) and len(authorization) <= _MAX_TOKEN_CHARS
        person = await self._people.token_holder(token_hash) if is_token else None
        if person is None:
            self._trusted.pop(token_hash, None)
            self._failures.count(key, self._steady())
            raise RequestError(401, "bad_token", "the token is not known or not valid any more")
        self._trust(token_hash)
        return Actor(person.name, person.role, source)

    def _trust(self, token_hash: bytes) -> None:
        self._trusted[token_hash] = None
        self._trusted.move_to_end(token_hash)
        if len(self._trusted) > _TRUSTED:
            self._trusted.popitem(last=False)


def network_of(address: str) -> str:
    """What is counted as one address: of IPv6 the first 64 bits, which one customer has all of."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
