"""Who calls: the tokens of all agents as SHA-256 hashes in memory, kept in step with the store.

Another process (the command line) may enrol, rotate or revoke at any time; the store's version number tells.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Protocol

from collector.core.accounts import Account
from collector.ingest.limits import Bucket

_SCHEME = "Bearer "
_MAX_TOKEN_CHARS = 256


class Accounts(Protocol):
    """The part of the store that knows agents; raises `change.StoreError`."""

    async def agents(self) -> list[Account]: ...

    async def tokens(self) -> dict[bytes, str]: ...

    async def agents_version(self) -> int: ...


class TokenBook:
    """Answers `agent_of` from memory. `on_change` gets all accounts after every change, before the new tokens count."""

    def __init__(self, source: Accounts, on_change: Callable[[list[Account]], None]) -> None:
        self._source = source
        self._on_change = on_change
        self._agents: dict[bytes, str] = {}
        self._stored: int | None = None
        self.version = 0
        """Grows with every change of what `agent_of` answers."""
        self._voided: dict[str, int] = {}
        """By agent: the version with which it last lost a token."""
        self._one = asyncio.Lock()
        self._second_looks = Bucket(rate=1.0, burst=3.0, now=0.0)

    def agent_of(self, authorization: str) -> str | None:
        """The agent whose token an `Authorization` header carries; None if nobody's. The lookup is by hash, so its time
        tells nothing about the token."""
        if not authorization.startswith(_SCHEME) or len(authorization) > _MAX_TOKEN_CHARS:
            return None
        return self._agents.get(hashlib.sha256(authorization[len(_SCHEME) :].encode("utf-8", "replace")).digest())

    async def look_again(self, authorization: str, now: float) -> str | None:
        """As `agent_of`, after asking the store whether something changed; at a limited rate, so that a flood of wrong
        tokens is not a flood of queries. Raises `change.StoreError`."""
        if not authorization.startswith(_SCHEME) or self._second_looks.take(now):
            return None
        await self.refresh()
        return self.agent_of(authorization)

    @property
    def stored(self) -> int | None:
        """The store's version of what is known here."""
        return self._stored

    def is_known(self, agent: str, version: int) -> bool:
        """Whether an agent that was known by this version has lost no token since."""
        return self._voided.get(agent, 0) <= version

    async def refresh(self) -> bool:
        """Take over what changed in the store; true if something did. Raises `change.StoreError`."""
        async with self._one:
            return await self._refresh()

    async def _refresh(self) -> bool:
        version = await self._source.agents_version()
        if version == self._stored:
            return False
        accounts = await self._source.agents()
        tokens = await self._source.tokens()
        self._on_change(accounts)
        gone = {agent for token, agent in self._agents.items() if token not in tokens}
        self._agents = tokens
        self._stored = version
        self.version += 1
        self._voided.update(dict.fromkeys(gone, self.version))
        return True
