"""What a poll asks for and what it brings home; and the tally that both ways of asking keep while they work."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping

import msgspec

from agent.snmp.errors import Fault, SnmpError
from agent.snmp.rows import Rows
from agent.snmp.session import Session

GET_SIZE = 20
"""Objects of one GET until a device shows that it takes fewer."""

FORGIVEN = 100

SIZE_FAULTS = frozenset((Fault.TIMEOUT, Fault.MALFORMED, Fault.TOO_BIG, Fault.ERROR_STATUS))
"""Faults that a smaller request may not have. After any other the next request cannot fare better."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Objects and subtrees to ask for. The caps are for each subtree."""

    gets: tuple[bytes, ...] = ()
    walks: tuple[bytes, ...] = ()
    max_repetitions: int | None = None
    """None: the peer's. Up to 1: GETNEXT."""
    max_rows: int = 50_000
    max_bytes: int = 16 << 20
    allow_nonincreasing: bool = False
    """Go on where a name is not after the one before, until one comes a second time."""
    get_only: bool = False
    """The device answers GET only: subtrees fail without being asked for."""


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """What a device taught: carry it from one fetch of a plan to the next."""

    repetitions: int = 0
    """The largest max-repetitions that it is known to bear after larger ones failed; 0 as long as none did."""
    get_size: int = GET_SIZE
    rows: Mapping[bytes, int] = msgspec.field(default_factory=dict)
    """Rows of each subtree at the last fetch: small ones are asked for together, and none for much more than it has."""
    together: bool = True
    """Whether it answers several subtrees in one GETBULK rightly."""
    clean: int = 0
    """Fetches since a request was last too large: after `FORGIVEN` of them a larger one is tried again, since it may have been
    a bad line that lost it."""


class Harvest(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a plan."""

    rows: Rows
    """Objects in the plan's order, then subtrees in theirs; nothing without a value (NULL, noSuchObject ...)."""
    truncated: tuple[tuple[bytes, str], ...]
    """Subtrees of which not everything is in `rows`, though the device answered, and why."""
    failed: tuple[tuple[bytes, SnmpError], ...]
    """Objects and subtrees that gave an error; rows read before it are in `rows`."""
    missing: tuple[bytes, ...]
    """Objects that the device left out of its answers without a word."""
    requests: int
    answered: bool
    """Whether anything at all came back."""
    dead: SnmpError | None
    """Why the rest was not asked for, if so."""
    habits: Habits


class Work:
    """One fetch under way."""

    def __init__(self, session: Session, plan: Plan, until: float, habits: Habits) -> None:
        self.session = session
        self.plan = plan
        self.until = until
        self.rows = Rows()
        self.truncated: list[tuple[bytes, str]] = []
        self.failed: list[tuple[bytes, SnmpError]] = []
        self.missing: list[bytes] = []
        self.requests = 0
        self.answered = False
        self.dead: SnmpError | None = None
        self.together = habits.together
        self.clean = habits.clean + 1
        self.get_size = max(habits.get_size, 1)
        asked = session.peer.max_repetitions if plan.max_repetitions is None else plan.max_repetitions
        self.repetitions = min(asked, habits.repetitions) if habits.repetitions else asked
        self.known_limit = habits.repetitions
        self.known_rows = habits.rows
        self.found_rows: dict[bytes, int] = {}

    async def get(self, oids: tuple[bytes, ...]) -> Rows:
        """One GET, counted."""
        return await self._counted(self.session.get(oids, self.until))

    async def next(self, oid: bytes) -> Rows:
        """One GETNEXT, counted."""
        return await self._counted(self.session.get_next((oid,), self.until))

    async def bulk(self, oids: tuple[bytes, ...], repetitions: int) -> Rows:
        """One GETBULK, counted."""
        return await self._counted(self.session.get_bulk(oids, 0, repetitions, self.until))

    async def _counted(self, request: Coroutine[None, None, Rows]) -> Rows:
        self.requests += 1
        try:
            rows = await request
        except SnmpError as error:
            self.answered |= error.fault in (Fault.ERROR_STATUS, Fault.TOO_BIG)
            raise
        self.answered = True
        return rows

    def stop(self, error: SnmpError) -> None:
        """The device is dead to this fetch: nothing more is asked."""
        self.dead = error

    def limit(self, repetitions: int) -> None:
        """Remember that no more than these repetitions work."""
        self.repetitions = self.known_limit = max(repetitions, 1)
        self.clean = 0

    def smaller_gets(self, objects: int) -> None:
        """Remember that no more than these objects of one GET work."""
        self.get_size = max(objects, 1)
        self.clean = 0

    def harvest(self) -> Harvest:
        """Everything so far."""
        return Harvest(
            rows=self.rows,
            truncated=tuple(self.truncated),
            failed=tuple(self.failed),
            missing=tuple(self.missing),
            requests=self.requests,
            answered=self.answered,
            dead=self.dead,
            habits=self._habits(),
        )

    def _habits(self) -> Habits:
        rows = {**self.known_rows, **self.found_rows}
        if self.clean < FORGIVEN:
            return Habits(
                repetitions=self.known_limit, get_size=self.get_size, rows=rows, together=self.together, clean=self.clean
            )
        return Habits(repetitions=self.known_limit * 2, get_size=min(self.get_size * 2, GET_SIZE), rows=rows)


def with_values(rows: Rows, start: int, stop: int) -> Rows:
    """The bindings `start` to `stop` without those that have no value."""
    if start == 0 and stop == len(rows.oids) and None not in rows.values:
        return rows
    part = Rows(rows.oids[start:stop], rows.tags[start:stop], rows.values[start:stop])
    if None not in part.values:
        return part
    kept = Rows()
    for oid, tag, value in zip(part.oids, part.tags, part.values, strict=True):
        if value is not None:
            kept.add(oid, tag, value)
    return kept
