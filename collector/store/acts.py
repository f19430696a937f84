"""Acts on maintenance windows and corrections: functions of a connection, in the caller's transaction.

What the core allows is asked again here, with the actor's present role and everything recorded so far, so that of two acts
that come at once the second is judged after the first (R11.1: author and approver are never one person).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from collector.core import corrections, window_acts
from collector.core import planned as planning
from collector.core.acts import Act, ActKind, ActProblem, ActRefusedError, Body, Family, Record, Rulebook, fold
from collector.core.audit import AuditEntry
from collector.core.corrections import CorrectionPlan
from collector.core.people import Actor, PersonError
from collector.core.planned import Planned
from collector.core.windows import WindowPlan
from collector.store import audit, people
from collector.store.tables import meta
from collector.store.tables_acts import act_keys, acts

P = TypeVar("P")
_CreateCheck = Callable[[Body[P], Iterable[Record[P]], Actor, int, Rulebook], Body[P]]
_Check = Callable[[Record[P], Body[P], Actor, int, Rulebook], Body[P]]
_EVER = 1 << 62
_KEYS_KEPT_MS = 7 * 86_400_000
_PREFIX = {Family.MAINTENANCE: "M", Family.CORRECTION: "C"}
"""Ids are short, for people type them: M17, C3."""


class _Kind(Generic[P]):
    """What differs between windows and corrections."""

    def __init__(self, family: Family, body: Any, create: _CreateCheck[P], checks: dict[ActKind, _Check[P]]) -> None:
        self.family = family
        self.create = create
        self.checks = checks
        self.decoder: msgspec.json.Decoder[Body[P]] = msgspec.json.Decoder(body)


_WINDOWS: _Kind[WindowPlan] = _Kind(
    Family.MAINTENANCE,
    Body[WindowPlan],
    window_acts.check_create,
    {
        ActKind.APPROVE: window_acts.check_approve,
        ActKind.END: window_acts.check_end,
        ActKind.CANCEL: window_acts.check_cancel,
    },
)
_CORRECTIONS: _Kind[CorrectionPlan] = _Kind(
    Family.CORRECTION,
    Body[CorrectionPlan],
    corrections.check_create,
    {ActKind.APPROVE: corrections.check_approve, ActKind.CANCEL: corrections.check_cancel},
)


class Request(msgspec.Struct, frozen=True):
    """Who asks, when, and what it is checked against. `key` makes a create that is sent twice one (empty: none)."""

    actor: Actor
    t_ms: int
    rules: Rulebook
    key: str = ""


def create_window(connection: Connection, body: Body[WindowPlan], request: Request) -> Record[WindowPlan]:
    """See `ActsStore.create_window`."""
    return _create(connection, _WINDOWS, body, request)


def act_on_window(
    connection: Connection, id_: str, kind: ActKind, body: Body[WindowPlan], request: Request
) -> Record[WindowPlan]:
    """See `ActsStore.act_on_window`."""
    return _act(connection, _WINDOWS, (id_, kind), body, request)


def take_planned(
    connection: Connection, planned: Sequence[Planned], t_ms: int, rules: Rulebook
) -> list[tuple[Planned, ActRefusedError]]:
    """See `ActsStore.take_planned`."""
    audit.serialize(connection)
    known = fold(_load(connection, _WINDOWS, None), _EVER)
    ours = planning.of_inventory(known.values())
    t_ms = max([t_ms, *(act.t_ms for record in ours for act in (*record.ends, *record.cancels))])
    request = Request(planning.INVENTORY, t_ms, rules)
    by_entry = {each.entry: each for each in planned}
    for record, kind in planning.no_longer_said(known.values(), by_entry, t_ms):
        known[record.id] = _done(connection, _WINDOWS, (record.id, kind), Body(), (request.actor, request))
    refused = []
    for each in planning.owed(known.values(), planned):
        body = planning.asked(each, t_ms)
        try:
            made = body and _made(connection, _WINDOWS, body, known.values(), (request.actor, request))
        except ActRefusedError as error:
            refused.append((each, error))
        else:
            known |= {made.id: made} if made else {}
    return refused


def create_correction(connection: Connection, body: Body[CorrectionPlan], request: Request) -> Record[CorrectionPlan]:
    """See `ActsStore.create_correction`."""
    return _create(connection, _CORRECTIONS, body, request)


def act_on_correction(
    connection: Connection, id_: str, kind: ActKind, body: Body[CorrectionPlan], request: Request
) -> Record[CorrectionPlan]:
    """See `ActsStore.act_on_correction`."""
    return _act(connection, _CORRECTIONS, (id_, kind), body, request)


def window_acts_of(connection: Connection, id_: str | None = None) -> list[Act[WindowPlan]]:
    """Every act on windows in the order of recording, or those on one."""
    return _load(connection, _WINDOWS, id_)


def correction_acts_of(connection: Connection, id_: str | None = None) -> list[Act[CorrectionPlan]]:
    """Every act on corrections in the order of recording, or those on one."""
    return _load(connection, _CORRECTIONS, id_)


def newest(connection: Connection) -> int:
    """Number of the newest act of all; it grows with each."""
    return connection.execute(select(func.max(acts.c.id))).scalar() or 0


def verify(connection: Connection) -> str | None:
    """What the first act is about that the audit trail does not have as it is, or has and the acts lack; None if they agree."""
    families = tuple(f"{family.value}." for family in Family)
    kept = (
        (row.t_ms, row.actor, row.role, f"{row.family}.{row.kind}", row.object, row.body)
        for row in connection.execute(select(acts).order_by(acts.c.id))
    )
    told = (
        (entry.t_ms, entry.actor, entry.role, entry.act, entry.object, entry.details)
        for page in audit.pages(connection)
        for entry in (row.entry for row in page)
        if entry.act.startswith(families)
    )
    for act, entry in zip_longest(kept, told):
        if act != entry:
            return str((entry or act)[4])
    return None


def _load(connection: Connection, kind: _Kind[P], id_: str | None) -> list[Act[P]]:
    found = select(acts).where(acts.c.family == kind.family.value).order_by(acts.c.id)
    if id_ is not None:
        found = found.where(acts.c.object == id_)
    return [
        Act(row.id, row.object, ActKind(row.kind), row.t_ms, row.actor, kind.decoder.decode(row.body))
        for row in connection.execute(found)
    ]


def _create(connection: Connection, kind: _Kind[P], body: Body[P], request: Request) -> Record[P]:
    actor = _begin(connection, request)
    asked = hashlib.sha256(kind.family.encode() + msgspec.json.encode(body, order="deterministic")).digest()
    before = _remembered(connection, actor, request.key, asked)
    if before is not None:
        return _record(connection, kind, before)
    made = _made(connection, kind, body, fold(_load(connection, kind, None), _EVER).values(), (actor, request))
    if request.key:
        connection.execute(delete(act_keys).where(act_keys.c.t_ms < request.t_ms - _KEYS_KEPT_MS))
        values = {"person": actor.name, "key": request.key, "request": asked, "object": made.id, "t_ms": request.t_ms}
        connection.execute(insert(act_keys).values(values))
    return made


def _made(
    connection: Connection, kind: _Kind[P], body: Body[P], known: Iterable[Record[P]], by: tuple[Actor, Request]
) -> Record[P]:
    actor, request = by
    checked = kind.create(body, known, actor, request.t_ms, request.rules)
    id_ = f"{_PREFIX[kind.family]}{_next_number(connection, kind.family)}"
    _append(connection, kind, Act(0, id_, ActKind.CREATE, request.t_ms, actor.name, checked), by)
    return _record(connection, kind, id_)


def _act(connection: Connection, kind: _Kind[P], what: tuple[str, ActKind], body: Body[P], request: Request) -> Record[P]:
    return _done(connection, kind, what, body, (_begin(connection, request), request))


def _done(
    connection: Connection, kind: _Kind[P], what: tuple[str, ActKind], body: Body[P], by: tuple[Actor, Request]
) -> Record[P]:
    actor, request = by
    id_, act_kind = what
    so_far = _load(connection, kind, id_)
    record = fold(so_far, _EVER).get(id_)
    if record is None:
        raise ActRefusedError(ActProblem.UNKNOWN_OBJECT, id_, "nothing has this id")
    # Acts on one thing never go back in time, or as of some K an approval would stand without what it approves.
    t_ms = max(request.t_ms, *(act.t_ms for act in so_far))
    checked = kind.checks[act_kind](record, body, actor, t_ms, request.rules)
    _append(connection, kind, Act(0, id_, act_kind, t_ms, actor.name, checked), by)
    return _record(connection, kind, id_)


def _begin(connection: Connection, request: Request) -> Actor:
    audit.serialize(connection)
    try:
        return people.present(connection, request.actor)
    except PersonError as error:
        raise ActRefusedError(ActProblem.FORBIDDEN, error.value, error.detail) from error


def _remembered(connection: Connection, actor: Actor, key: str, asked: bytes) -> str | None:
    if not key:
        return None
    found = connection.execute(select(act_keys).where(act_keys.c.person == actor.name, act_keys.c.key == key)).first()
    if found is None:
        return None
    if bytes(found.request) != asked:
        raise ActRefusedError(ActProblem.KEY_REUSED, key, "this idempotency key came before with something else")
    return str(found.object)


def _next_number(connection: Connection, family: Family) -> int:
    name = f"{family.value}_number"
    moved = connection.execute(update(meta).where(meta.c.key == name).values(number=meta.c.number + 1))
    if moved.rowcount == 0:
        connection.execute(insert(meta).values(key=name, number=1))
    return int(connection.execute(select(meta.c.number).where(meta.c.key == name)).scalar_one())


def _append(connection: Connection, kind: _Kind[P], act: Act[P], by: tuple[Actor, Request]) -> None:
    actor, request = by
    body = msgspec.json.encode(act.body, order="deterministic").decode()
    values = {"id": newest(connection) + 1, "family": kind.family.value, "object": act.object, "kind": act.kind.value}
    values |= {"t_ms": act.t_ms, "actor": actor.name, "role": actor.role.value, "body": body}
    connection.execute(insert(acts).values(values))
    name = f"{kind.family.value}.{act.kind.value}"
    entry = AuditEntry(act.t_ms, actor.name, actor.role.value, request.actor.source, name, act.object, body)
    audit.append(connection, entry)


def _record(connection: Connection, kind: _Kind[P], id_: str) -> Record[P]:
    return fold(_load(connection, kind, id_), _EVER)[id_]
