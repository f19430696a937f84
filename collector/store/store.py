"""The store: everything the collector must still know after a crash, in SQLite or PostgreSQL.

Each method is one transaction and, on SQLite, one hop to the database's own thread. Raises `change.StoreError` when the
database cannot be reached or written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from collector.core.accounts import Account
from collector.core.change import (
    COLLECTOR,
    AccountsMovedError,
    Blind,
    Change,
    ClockStep,
    Counts,
    Latest,
    LossRow,
    Picture,
    Saved,
    SchemaRow,
    StoreError,
    StoreUnusableError,
)
from collector.core.evidence import Run
from collector.store import accounts, ledger, modules, reading, watch
from collector.store.acts_store import ActsStore
from collector.store.alerts_store import AlertsStore
from collector.store.books_store import BooksStore
from collector.store.engine import Database, connect, printable
from collector.store.migrate import migrate

_CODE_KEPT_MS = 30 * 86_400_000
"""How long a code is remembered after its end, to say `expired` rather than `unknown`."""


class Store(ActsStore, BooksStore, AlertsStore):
    """Open with `Store.open`, close with `close`; safe for use by many tasks of one loop."""

    def __init__(self, database: Database, observer: str) -> None:
        self._database = database
        self._observer = observer

    @classmethod
    async def open(cls, url: str, *, observer: str = COLLECTOR) -> Store:
        """Connect and migrate. `url` is `sqlite:///var/haidang.db` or `postgresql+asyncpg://user:password@host/name`.

        Raises `change.StoreUnusableError` with what to do (newer database, unknown address, folder not writable).
        """
        database = connect(url)
        try:
            await database.write(migrate)
        except StoreError as error:
            await database.close()
            raise StoreUnusableError(f"{printable(url)}: {error}") from error
        except StoreUnusableError:
            await database.close()
            raise
        return cls(database, observer)

    async def close(self) -> None:
        """Finish what runs, then let go of the database."""
        await self._database.close()

    async def apply(self, change: Change) -> Sequence[int]:
        """Store a group commit whole or not at all; the ids of `change.opened`, in order. Raises `AccountsMovedError` if
        `change.accounts` is not the present version: asked in the same transaction, so a revocation is never too late."""

        def work(connection: Connection) -> Sequence[int]:
            if change.accounts is not None and accounts.version(connection) != change.accounts:
                raise AccountsMovedError
            if change.modules or change.dropped:
                modules.apply(connection, change)
            return ledger.apply(connection, change)

        return await self._database.write(work)

    async def load_agents(self, wanted: Mapping[str, Collection[str]]) -> dict[str, Saved]:
        """What is stored of agents (keys) and the streams asked for; an unknown one has an empty `Saved`."""

        def work(connection: Connection) -> dict[str, Saved]:
            known = modules.load(connection, wanted)
            found = ledger.load_agents(connection, wanted)
            return {
                agent: msgspec.structs.replace(saved, modules=tuple(known.get(agent, ()))) for agent, saved in found.items()
            }

        return await self._database.read(work)

    async def picture(self) -> AsyncIterator[Picture]:
        """Newest evidence of each target and module, for the live picture at start. It comes in parts, for all values together
        may be more than memory holds; a target is whole in one part, and in it the oldest comes first."""
        newest = await self._database.read(reading.newest_runs)
        held: list[Latest] = []
        place: reading.Key | None = None
        while True:
            after = place
            page = await self._database.read(lambda connection: reading.values_page(connection, after))  # noqa: B023
            is_last = len(page) < reading.VALUES_PAGE
            held += page
            ready = held if is_last else [one for one in held if one.target != page[-1].target]
            held = held[len(ready) :]
            yield reading.merge(ready, newest)
            if is_last:
                break
            place = (page[-1].target, page[-1].module)
        yield reading.merge_rest(newest)

    async def load_beginnings(self) -> dict[tuple[str, str], int]:
        """Since when (milliseconds UTC) each target and module reports the same: the first instant of its newest run."""
        return await self._database.read(reading.beginnings)

    async def load_schemas(self) -> list[SchemaRow]:
        """Every schema and who uses it."""
        return await self._database.read(reading.schemas_in_use)

    async def begin(self, now_ms: int) -> Blind | None:
        """First thing at start: record how long nobody watched (R5.3). None on the first start of all."""
        return await self._database.write(lambda connection: watch.begin(connection, self._observer, now_ms))

    async def heartbeat(self, now_ms: int) -> None:
        """Durable sign that the collector watches; every 10 s (R5.3)."""
        await self._database.write(lambda connection: watch.heartbeat(connection, self._observer, now_ms))

    async def finish(self, now_ms: int) -> None:
        """Last thing at a clean stop: the start of blindness (R5.3); `begin` closes it."""
        await self._database.write(lambda connection: watch.finish(connection, self._observer, now_ms))

    async def blind(self, from_ms: int, until_ms: int, cause: str) -> None:
        """Record a stretch in which the collector ran and could not see."""
        record = Blind(self._observer, from_ms, until_ms, cause)
        await self._database.write(lambda connection: watch.blind(connection, record))

    async def blinds(self, from_ms: int, until_ms: int, *, observer: str | None = None) -> list[Blind]:
        """Blind records that touch the period, oldest first."""
        return await self._database.read(lambda connection: watch.between(connection, from_ms, until_ms, observer))

    async def clock_step(self, at_ms: int, delta_ms: int) -> None:
        """Record that the collector's wall clock was set by `delta_ms` (R2.1)."""
        step = ClockStep(self._observer, at_ms, delta_ms)
        await self._database.write(lambda connection: watch.clock_step(connection, step))

    async def clock_steps(self, from_ms: int, until_ms: int, *, observer: str | None = None) -> list[ClockStep]:
        """Steps of observers' wall clocks in the period, oldest first."""
        return await self._database.read(lambda connection: watch.steps_between(connection, from_ms, until_ms, observer))

    async def evidence(self, target: str, from_ms: int, until_ms: int) -> AsyncIterator[Run]:
        """Runs of a target that touch the period, by first instant."""
        period = (from_ms, until_ms)
        after: reading.Place | None = None
        while True:
            place = after
            runs = await self._database.read(lambda connection: reading.page(connection, target, period, place))  # noqa: B023
            for run in runs:
                yield run
            if len(runs) < reading.PAGE:
                return
            after = (runs[-1].first_t_ms, runs[-1].id)

    async def losses(self, agent: str) -> list[LossRow]:
        """Loss records of an agent, oldest first."""
        return await self._database.read(lambda connection: reading.losses_of(connection, agent))

    async def counts(self) -> Counts:
        """How much is stored."""
        return await self._database.read(reading.counts)

    async def add_agent(self, agent: str, site: str, class_: str, now_ms: int) -> Account:
        """Make an account. Raises `AccountError` (exists)."""
        return await self._database.write(lambda connection: accounts.add(connection, agent, site, class_, now_ms))

    async def agents(self) -> list[Account]:
        """All accounts by id."""
        return await self._database.read(accounts.every)

    async def tokens(self) -> dict[bytes, str]:
        """SHA-256 of every valid token -> agent id."""
        return await self._database.read(accounts.valid_tokens)

    async def agents_version(self) -> int:
        """A number that is different after any change of accounts or tokens, by whatever process."""
        return await self._database.read(accounts.version)

    async def confirm_agents(self, version: int) -> None:
        """Raises `AccountsMovedError` if `agents_version` is another by now. Never waits for those who read."""

        def work(connection: Connection) -> None:
            if accounts.version(connection) != version:
                raise AccountsMovedError

        await self._database.write(work)

    async def create_code(self, agent: str, code_hash: bytes, expires_ms: int, now_ms: int) -> None:
        """Invite an agent; earlier unused codes of it become void. A revoked agent becomes `invited`.
        Raises `AccountError` (unknown)."""

        def work(connection: Connection) -> None:
            accounts.purge_codes(connection, now_ms - _CODE_KEPT_MS)
            accounts.create_code(connection, agent, code_hash, expires_ms, now_ms)

        await self._database.write(work)

    async def redeem_code(
        self, code_hash: bytes, token_hash: bytes, now_ms: int, *, agent_version: str = "", hostname: str = ""
    ) -> Account:
        """Use a code once: its agent is active with this token and no other. Raises `AccountError`
        (code_unknown, code_expired, code_used)."""

        def work(connection: Connection) -> Account:
            agent = accounts.redeem_code(connection, code_hash, now_ms)
            return accounts.enrol(connection, agent, token_hash, now_ms, (agent_version, hostname))

        return await self._database.write(work)

    async def rotate_token(self, agent: str, token_hash: bytes, now_ms: int) -> None:
        """Replace the agent's token at once. Raises `AccountError` (unknown, revoked)."""
        await self._database.write(lambda connection: accounts.rotate(connection, agent, token_hash, now_ms))

    async def revoke(self, agent: str, now_ms: int) -> None:
        """Void the agent's tokens and codes. Raises `AccountError` (unknown)."""
        await self._database.write(lambda connection: accounts.revoke(connection, agent, now_ms))
