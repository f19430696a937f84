"""The part of the store that people act on: principals, maintenance windows, corrections and the audit trail."""

from __future__ import annotations

from collections.abc import Sequence

from collector.core.acts import Act, ActKind, ActRefusedError, Body, Record, Rulebook
from collector.core.audit import AuditRow
from collector.core.corrections import CorrectionPlan
from collector.core.people import Actor, Person, Role
from collector.core.planned import Planned
from collector.core.windows import WindowPlan
from collector.store import acts, audit, people
from collector.store.engine import Database


class ActsStore:
    """Mixed into `Store`. Each method is one transaction and raises `change.StoreError`; what changes something is audited in
    the same transaction."""

    _database: Database

    async def people(self) -> list[Person]:
        """All principals by name."""
        return await self._database.read(people.every)

    async def token_holder(self, token_hash: bytes) -> Person | None:
        """Whose valid token has this SHA-256."""
        return await self._database.read(lambda connection: people.holder(connection, token_hash))

    async def add_person(self, name: str, role: Role, token_hash: bytes, actor: Actor, *, now_ms: int) -> Person:
        """A new principal, or a revoked one again. Raises `PersonError` (forbidden, bad_name, exists)."""
        person = Person(name, role, now_ms)
        return await self._database.write(lambda connection: people.add(connection, person, token_hash, actor))

    async def rotate_person(self, name: str, token_hash: bytes, actor: Actor, now_ms: int) -> Person:
        """Replace a principal's token at once. Raises `PersonError` (forbidden, unknown, revoked)."""
        return await self._database.write(lambda connection: people.rotate(connection, name, token_hash, actor, now_ms))

    async def revoke_person(self, name: str, actor: Actor, now_ms: int) -> Person:
        """Void a principal's token. Raises `PersonError` (forbidden, unknown, revoked)."""
        return await self._database.write(lambda connection: people.revoke(connection, name, actor, now_ms))

    async def set_person_role(self, name: str, role: Role, actor: Actor, now_ms: int) -> Person:
        """Raises `PersonError` (forbidden, unknown, revoked)."""
        return await self._database.write(lambda connection: people.set_role(connection, name, role, actor, now_ms))

    async def create_window(
        self, body: Body[WindowPlan], actor: Actor, t_ms: int, rules: Rulebook, *, key: str = ""
    ) -> Record[WindowPlan]:
        """A maintenance window that waits for approval. The same `key` from the same person gives the same window again.
        Raises `ActRefusedError`."""
        request = acts.Request(actor, t_ms, rules, key)
        return await self._database.write(lambda connection: acts.create_window(connection, body, request))

    async def take_planned(
        self, planned: Sequence[Planned], t_ms: int, rules: Rulebook
    ) -> list[tuple[Planned, ActRefusedError]]:
        """Take back the windows that the inventory says no more, and ask for those that it says since: all of it or nothing,
        and nothing at all where nothing changed. Answers the entries that the rules of acts refuse, and why."""
        return await self._database.write(lambda connection: acts.take_planned(connection, planned, t_ms, rules))

    async def act_on_window(
        self, id_: str, kind: ActKind, body: Body[WindowPlan], request: tuple[Actor, int, Rulebook]
    ) -> Record[WindowPlan]:
        """Approve, end or cancel; `request` is who, when (milliseconds) and the rules. Raises `ActRefusedError`."""
        asked = acts.Request(*request)
        return await self._database.write(lambda connection: acts.act_on_window(connection, id_, kind, body, asked))

    async def create_correction(
        self, body: Body[CorrectionPlan], actor: Actor, t_ms: int, rules: Rulebook, *, key: str = ""
    ) -> Record[CorrectionPlan]:
        """A correction that waits for approval; as `create_window`. Raises `ActRefusedError`."""
        request = acts.Request(actor, t_ms, rules, key)
        return await self._database.write(lambda connection: acts.create_correction(connection, body, request))

    async def act_on_correction(
        self, id_: str, kind: ActKind, body: Body[CorrectionPlan], request: tuple[Actor, int, Rulebook]
    ) -> Record[CorrectionPlan]:
        """Approve or cancel. Raises `ActRefusedError`."""
        asked = acts.Request(*request)
        return await self._database.write(lambda connection: acts.act_on_correction(connection, id_, kind, body, asked))

    async def window_acts(self, id_: str | None = None) -> list[Act[WindowPlan]]:
        """Every act on maintenance windows, or on one; `core.windows.counted` and `core.acts.fold` read them."""
        return await self._database.read(lambda connection: acts.window_acts_of(connection, id_))

    async def correction_acts(self, id_: str | None = None) -> list[Act[CorrectionPlan]]:
        """Every act on corrections, or on one."""
        return await self._database.read(lambda connection: acts.correction_acts_of(connection, id_))

    async def acts_version(self) -> int:
        """A number that grows with every act on windows and corrections, by whatever process."""
        return await self._database.read(acts.newest)

    async def audit_rows(self, before: int | None, limit: int) -> list[AuditRow]:
        """Audit rows before a number (None: from the end), newest first."""
        return await self._database.read(lambda connection: audit.newest(connection, before, limit))

    async def audit_head(self) -> AuditRow | None:
        """The newest audit row; its hash belongs into the day's chain (R17.4)."""
        return await self._database.read(audit.head)

    async def verify_acts(self) -> str | None:
        """Id of the first window or correction whose acts are not what the audit trail says of them; None if all are. In the
        order in which they were done."""
        return await self._database.read(acts.verify)

    async def verify_audit(self) -> int | None:
        """Number of the first audit row that is missing or altered; None if the chain holds."""
        return await self._database.read(audit.verify)
