"""The store: everything the collector must still know after a crash, in SQLite or PostgreSQL.

Each method is one transaction and, on SQLite, one hop to the database's own thread. Raises `change.StoreError` when the
database cannot be reached or written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from collector.core.accounts import Account
from collector.core.change import COLLECTOR, Blind, Change, Counts, LossRow, Picture, Saved, SchemaRow
from collector.core.evidence import Run


class Store:
    """Open with `Store.open`, close with `close`; safe for use by many tasks of one loop."""

    @classmethod
    async def open(cls, url: str, *, observer: str = COLLECTOR) -> Store:
        """Connect and migrate. `url` is `sqlite:///var/haidang.db` or `postgresql+asyncpg://user:password@host/name`.

        Raises `change.StoreUnusableError` with what to do (newer database, unknown address, folder not writable).
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Finish what runs, then let go of the database."""

    async def apply(self, change: Change) -> Sequence[int]:
        """Store a group commit whole or not at all; the ids of `change.opened`, in order."""
        raise NotImplementedError

    async def load_agents(self, agents: Sequence[str]) -> dict[str, Saved]:
        """What is stored of these agents; an unknown one has an empty `Saved`."""
        raise NotImplementedError

    async def load_picture(self) -> Picture:
        """Newest evidence of each target and module, for `Fleet.apply` at start."""
        raise NotImplementedError

    async def load_schemas(self) -> list[SchemaRow]:
        """Every schema and who uses it."""
        raise NotImplementedError

    async def begin(self, now_ms: int) -> Blind | None:
        """First thing at start: record how long nobody watched (R5.3). None on the first start of all."""
        raise NotImplementedError

    async def heartbeat(self, now_ms: int) -> None:
        """Durable sign that the collector watches; every 10 s (R5.3)."""

    async def finish(self, now_ms: int) -> None:
        """Last thing at a clean stop: the start of blindness (R5.3); `begin` closes it."""

    async def blind(self, from_ms: int, until_ms: int, cause: str) -> None:
        """Record a stretch in which the collector ran and could not see."""

    async def blinds(self, from_ms: int, until_ms: int, *, observer: str | None = None) -> list[Blind]:
        """Blind records that touch the period, oldest first."""
        raise NotImplementedError

    def evidence(self, target: str, from_ms: int, until_ms: int) -> AsyncIterator[Run]:
        """Runs of a target that touch the period, by first instant."""
        raise NotImplementedError

    async def losses(self, agent: str) -> list[LossRow]:
        """Loss records of an agent, oldest first."""
        raise NotImplementedError

    async def counts(self) -> Counts:
        """How much is stored."""
        raise NotImplementedError

    async def add_agent(self, agent: str, site: str, class_: str, now_ms: int) -> Account:
        """Make an account. Raises `AccountError` (exists)."""
        raise NotImplementedError

    async def agents(self) -> list[Account]:
        """All accounts by id."""
        raise NotImplementedError

    async def tokens(self) -> dict[bytes, str]:
        """SHA-256 of every valid token -> agent id."""
        raise NotImplementedError

    async def agents_version(self) -> int:
        """A number that is different after any change of accounts or tokens, by whatever process."""
        raise NotImplementedError

    async def create_code(self, agent: str, code_hash: bytes, expires_ms: int, now_ms: int) -> None:
        """Invite an agent; earlier unused codes of it become void. A revoked agent becomes `invited`.
        Raises `AccountError` (unknown)."""

    async def redeem_code(
        self, code_hash: bytes, token_hash: bytes, now_ms: int, *, agent_version: str = "", hostname: str = ""
    ) -> Account:
        """Use a code once: its agent is active with this token and no other. Raises `AccountError`
        (code_unknown, code_expired, code_used)."""
        raise NotImplementedError

    async def rotate_token(self, agent: str, token_hash: bytes, now_ms: int) -> None:
        """Replace the agent's token at once. Raises `AccountError` (unknown, revoked)."""

    async def revoke(self, agent: str, now_ms: int) -> None:
        """Void the agent's tokens and codes. Raises `AccountError` (unknown)."""
