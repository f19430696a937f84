"""The API of people's acts on the ledger: maintenance windows, corrections, principals, the audit trail.

Every route needs a token, and every act is audited with its principal and address. `on_change` is called after each act that
may change figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, Protocol, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from collector.core.acts import Act, ActKind, Body, Record, Rulebook, fold, instant_ms
from collector.core.audit import AuditRow
from collector.core.corrections import CorrectionPlan
from collector.core.people import Actor, Person, Right, Role
from collector.core.windows import WindowPlan
from collector.expose.acts_views import (
    ApproveIn,
    AuditList,
    CancelIn,
    CorrectionIn,
    CorrectionList,
    EndIn,
    Moment,
    WindowIn,
    WindowList,
    audit_view,
    correction_view,
    window_view,
)
from collector.expose.api import time_text
from collector.expose.auth import Gatekeeper, PeoplePort, make_token
from collector.expose.requests import RequestError, answering, json_answer, read_body, read_query

_EVER: Final = 1 << 62
_MAX_KEY: Final = 128
P = TypeVar("P")


class ActsPort(Protocol):
    """The part of the store that keeps acts; raises `change.StoreError` and `core.acts.ActRefusedError`."""

    async def create_window(
        self, body: Body[WindowPlan], actor: Actor, t_ms: int, rules: Rulebook, *, key: str = ""
    ) -> Record[WindowPlan]: ...

    async def act_on_window(
        self, id_: str, kind: ActKind, body: Body[WindowPlan], request: tuple[Actor, int, Rulebook]
    ) -> Record[WindowPlan]: ...

    async def create_correction(
        self, body: Body[CorrectionPlan], actor: Actor, t_ms: int, rules: Rulebook, *, key: str = ""
    ) -> Record[CorrectionPlan]: ...

    async def act_on_correction(
        self, id_: str, kind: ActKind, body: Body[CorrectionPlan], request: tuple[Actor, int, Rulebook]
    ) -> Record[CorrectionPlan]: ...

    async def window_acts(self, id_: str | None = None) -> list[Act[WindowPlan]]: ...

    async def correction_acts(self, id_: str | None = None) -> list[Act[CorrectionPlan]]: ...

    async def audit_rows(self, before: int | None, limit: int) -> list[AuditRow]: ...


class _ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    before: str = ""
    status: str = ""
    as_of: Moment | None = None


class _AuditQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    before: int | None = None


class _UserIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    role: Role


class _RoleIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Role


class _NothingIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _Desk:
    """What all handlers share: who acts, when, by which rules."""

    def __init__(
        self, people: PeoplePort, now_ms: Callable[[], int], rules: Callable[[], Rulebook], steady: Callable[[], float]
    ) -> None:
        self.gate = Gatekeeper(people, steady)
        self.now_ms = now_ms
        self.rules = rules

    def request(self, actor: Actor) -> tuple[Actor, int, Rulebook]:
        """What the store needs to judge an act."""
        return actor, self.now_ms(), self.rules()

    def known_ms(self, query: _ListQuery) -> int:
        """K of a list (R1.3). Raises `RequestError` (422)."""
        if query.as_of is None:
            return _EVER
        known_ms = instant_ms(query.as_of)
        if known_ms > self.now_ms():
            raise RequestError(422, "in_future", "expected an as_of that is not in the future", value=query.as_of.isoformat())
        return known_ms


def add_routes(
    app: web.Application,
    acts: ActsPort,
    people: PeoplePort,
    now_ms: Callable[[], int],
    on_change: Callable[[], None],
    *,
    rules: Callable[[], Rulebook],
    steady: Callable[[], float] = time.monotonic,
) -> None:
    """Add the routes to the web application before it serves. `now_ms` is the collector's timeline; `rules` are the names of
    inventory and the limits at present; `steady` only paces those who bring wrong tokens."""
    desk = _Desk(people, now_ms, rules, steady)
    windows = _Windows(desk, acts, on_change)
    corrections = _Corrections(desk, acts, on_change)
    others = _Others(desk, acts, people)
    routes = [
        ("POST", "/maintenance", windows.create),
        ("GET", "/maintenance", windows.listing),
        ("GET", "/maintenance/{id}", windows.show),
        ("POST", "/maintenance/{id}/approve", windows.approve),
        ("POST", "/maintenance/{id}/end", windows.end),
        ("POST", "/maintenance/{id}/cancel", windows.cancel),
        ("POST", "/corrections", corrections.create),
        ("GET", "/corrections", corrections.listing),
        ("GET", "/corrections/{id}", corrections.show),
        ("POST", "/corrections/{id}/approve", corrections.approve),
        ("POST", "/corrections/{id}/cancel", corrections.cancel),
        ("GET", "/audit", others.audit),
        ("GET", "/whoami", others.whoami),
        ("GET", "/users", others.users),
        ("POST", "/users", others.add_user),
        ("POST", "/users/{name}/rotate", others.rotate_user),
        ("POST", "/users/{name}/revoke", others.revoke_user),
        ("POST", "/users/{name}/role", others.set_role),
    ]
    app.add_routes([web.route(method, f"/api/v1{path}", answering(handler)) for method, path, handler in routes])


class _Windows:
    def __init__(self, desk: _Desk, acts: ActsPort, on_change: Callable[[], None]) -> None:
        self._desk = desk
        self._acts = acts
        self._on_change = on_change

    async def create(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.CREATE)
        asked = await read_body(request, WindowIn)
        actor, t_ms, rules = self._desk.request(actor)
        record = await self._acts.create_window(asked.body(rules.zone), actor, t_ms, rules, key=_key(request))
        return self._changed(record, 201)

    async def listing(self, request: web.Request) -> web.Response:
        await self._desk.gate.admit(request, Right.READ)
        query = read_query(request.query.items(), _ListQuery)
        known_ms = self._desk.known_ms(query)
        now_ms = min(known_ms, self._desk.now_ms())
        found = _newest_first(fold(await self._acts.window_acts(), known_ms).values(), query)
        views = [view for record in found if _has_status(view := window_view(record, now_ms), query)]
        return json_answer(WindowList(views[: query.limit], _next(views, query)))

    async def show(self, request: web.Request) -> web.Response:
        await self._desk.gate.admit(request, Right.READ)
        id_ = request.match_info["id"]
        record = _only(fold(await self._acts.window_acts(id_), _EVER), id_)
        return json_answer(window_view(record, self._desk.now_ms()))

    async def approve(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.APPROVE)
        asked = await read_body(request, ApproveIn)
        return await self._act(request, ActKind.APPROVE, Body(reason=asked.reason, change=asked.change), actor)

    async def end(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.TAKE_BACK)
        return await self._act(request, ActKind.END, (await read_body(request, EndIn)).body(), actor)

    async def cancel(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.TAKE_BACK)
        asked = await read_body(request, CancelIn)
        one = None if asked.occurrence is None else instant_ms(asked.occurrence)
        return await self._act(request, ActKind.CANCEL, Body(occurrence_ms=one, reason=asked.reason), actor)

    async def _act(self, request: web.Request, kind: ActKind, body: Body[WindowPlan], actor: Actor) -> web.Response:
        record = await self._acts.act_on_window(request.match_info["id"], kind, body, self._desk.request(actor))
        return self._changed(record, 200)

    def _changed(self, record: Record[WindowPlan], status: int) -> web.Response:
        self._on_change()
        return json_answer(window_view(record, self._desk.now_ms()), status=status)


class _Corrections:
    def __init__(self, desk: _Desk, acts: ActsPort, on_change: Callable[[], None]) -> None:
        self._desk = desk
        self._acts = acts
        self._on_change = on_change

    async def create(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.CREATE)
        asked = await read_body(request, CorrectionIn)
        actor, t_ms, rules = self._desk.request(actor)
        record = await self._acts.create_correction(asked.body(), actor, t_ms, rules, key=_key(request))
        return self._changed(record, 201)

    async def listing(self, request: web.Request) -> web.Response:
        await self._desk.gate.admit(request, Right.READ)
        query = read_query(request.query.items(), _ListQuery)
        found = _newest_first(fold(await self._acts.correction_acts(), self._desk.known_ms(query)).values(), query)
        views = [view for record in found if _has_status(view := correction_view(record), query)]
        return json_answer(CorrectionList(views[: query.limit], _next(views, query)))

    async def show(self, request: web.Request) -> web.Response:
        await self._desk.gate.admit(request, Right.READ)
        id_ = request.match_info["id"]
        return json_answer(correction_view(_only(fold(await self._acts.correction_acts(id_), _EVER), id_)))

    async def approve(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.APPROVE)
        await read_body(request, _NothingIn)
        return await self._act(request, ActKind.APPROVE, Body(), actor)

    async def cancel(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.TAKE_BACK)
        asked = await read_body(request, CancelIn)
        if asked.occurrence is not None:
            raise RequestError(422, "bad_body", "a correction has no occurrences")
        return await self._act(request, ActKind.CANCEL, Body(reason=asked.reason), actor)

    async def _act(self, request: web.Request, kind: ActKind, body: Body[CorrectionPlan], actor: Actor) -> web.Response:
        record = await self._acts.act_on_correction(request.match_info["id"], kind, body, self._desk.request(actor))
        return self._changed(record, 200)

    def _changed(self, record: Record[CorrectionPlan], status: int) -> web.Response:
        self._on_change()
        return json_answer(correction_view(record), status=status)


class _Others:
    """The audit trail and principals."""

    def __init__(self, desk: _Desk, acts: ActsPort, people: PeoplePort) -> None:
        self._desk = desk
        self._acts = acts
        self._people = people

    async def audit(self, request: web.Request) -> web.Response:
        await self._desk.gate.admit(request, Right.READ)
        query = read_query(request.query.items(), _AuditQuery)
        rows = await self._acts.audit_rows(query.before, query.limit)
        more = len(rows) == query.limit and rows[-1].seq > 1
        return json_answer(AuditList([audit_view(row) for row in rows], rows[-1].seq if more else None))

    async def whoami(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.READ)
        return json_answer({"name": actor.name, "role": actor.role})

    async def users(self, request: web.Request) -> web.Response:
        await self._desk.gate.admit(request, Right.PEOPLE)
        return json_answer({"users": [_person_view(person) for person in await self._people.people()]})

    async def add_user(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.PEOPLE)
        asked = await read_body(request, _UserIn)
        token, token_hash = make_token()
        person = await self._people.add_person(asked.name, asked.role, token_hash, actor, now_ms=self._desk.now_ms())
        return json_answer(_person_view(person) | {"token": token}, status=201)

    async def rotate_user(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.PEOPLE)
        await read_body(request, _NothingIn)
        token, token_hash = make_token()
        person = await self._people.rotate_person(request.match_info["name"], token_hash, actor, self._desk.now_ms())
        return json_answer(_person_view(person) | {"token": token})

    async def revoke_user(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.PEOPLE)
        await read_body(request, _NothingIn)
        return json_answer(
            _person_view(await self._people.revoke_person(request.match_info["name"], actor, self._desk.now_ms()))
        )

    async def set_role(self, request: web.Request) -> web.Response:
        actor = await self._desk.gate.admit(request, Right.PEOPLE)
        asked = await read_body(request, _RoleIn)
        name = request.match_info["name"]
        return json_answer(_person_view(await self._people.set_person_role(name, asked.role, actor, self._desk.now_ms())))


def _person_view(person: Person) -> dict[str, Any]:
    revoked = time_text(person.revoked_ms) if person.revoked_ms else None
    return {"name": person.name, "role": person.role, "created": time_text(person.created_ms), "revoked": revoked}


def _key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > _MAX_KEY or not key.isprintable():
        raise RequestError(422, "bad_key", f"Idempotency-Key: expected at most {_MAX_KEY} printable characters")
    return key


def _number(id_: str) -> int:
    return int(id_[1:]) if id_[1:].isdecimal() and len(id_) < 20 else 0


def _newest_first(records: Iterable[Record[P]], query: _ListQuery) -> list[Record[P]]:
    before = _number(query.before) if query.before else _EVER
    return sorted(
        (record for record in records if _number(record.id) < before), key=lambda record: _number(record.id), reverse=True
    )


def _has_status(view: Any, query: _ListQuery) -> bool:
    return query.status in ("", view.status)


def _next(views: list[Any], query: _ListQuery) -> str:
    return str(views[query.limit - 1].id) if len(views) > query.limit else ""


def _only(records: dict[str, Record[P]], id_: str) -> Record[P]:
    if id_ not in records:
        raise RequestError(404, "unknown_object", "nothing has this id", value=id_)
    return records[id_]
