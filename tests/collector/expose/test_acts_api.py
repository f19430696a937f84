"""The API of people's acts over real HTTP: who may do what, strict bodies, codes of the closed list."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from collector.core.acts import Names, Rulebook, instant_ms
from collector.core.people import Actor, Role
from collector.expose.acts import add_routes
from collector.expose.auth import Failures, make_token, network_of
from collector.expose.requests import MAX_BODY
from collector.store.store import Store

NOW = instant_ms(datetime.fromisoformat("2026-11-24T08:00+07:00"))
RULES = Rulebook(Names(frozenset({"T", "U"}), frozenset({"hn"}), frozenset({"server"}), frozenset({("rack", "7")})))
LOCAL = Actor("os:root", Role.ADMIN, "local")
PEOPLE = {"v1": Role.VIEWER, "u1": Role.OPERATOR, "u2": Role.APPROVER, "u3": Role.ADMIN}
WINDOW = {"from": "2026-11-24T22:00:00+07:00", "to": "2026-11-24T16:00:00Z", "scope": [{"subjects": ["T"]}]}
CORRECTION = {
    "subject": "T", "from": "2026-11-24T06:00:00+07:00", "to": "2026-11-24T07:00:00+07:00", "state": "up",
    "reason": "probe fault", "change": "CR-7",
}  # fmt: skip


class Api:
    """A collector's API with one store, four people and clocks that stand still until moved."""

    def __init__(self, store: Store, tokens: dict[str, str]) -> None:
        self.store = store
        self.tokens = tokens
        self.now_ms = NOW
        self.steady = 1000.0
        self.changes = 0
        self.app = web.Application(client_max_size=1024)
        add_routes(self.app, store, store, lambda: self.now_ms, self._changed, rules=lambda: RULES, steady=lambda: self.steady)
        self.client: TestClient[Any, Any]

    def _changed(self) -> None:
        self.changes += 1

    async def call(self, who: str, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and decoded answer; `who` is a name, or a token of nobody's."""
        headers["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        async with self.client.request(method, f"/api/v1{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def code(self, who: str, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Status and code of an error."""
        status, answer = await self.call(who, method, path, body)
        return status, answer["error"]["code"]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    tokens = {}
    for name, role in PEOPLE.items():
        tokens[name], token_hash = make_token()
        await store.add_person(name, role, token_hash, LOCAL, now_ms=NOW)
    made = Api(store, tokens)
    async with TestClient(TestServer(made.app)) as client:
        made.client = client
        yield made
    await store.close()


async def test_a_window_from_request_to_real_end(api: Api) -> None:
    status, made = await api.call("u1", "POST", "/maintenance", WINDOW | {"propagate": True})
    assert (status, made["id"], made["status"], made["from"], made["to"]) == (
        201, "M1", "pending", "2026-11-24T15:00:00.000Z", "2026-11-24T16:00:00.000Z",
    )  # fmt: skip
    status, approved = await api.call("u2", "POST", "/maintenance/M1/approve")
    assert (status, approved["status"], approved["approver"], approved["retroactive"]) == (200, "approved", "u2", False)
    api.now_ms = instant_ms(datetime.fromisoformat("2026-11-24T22:30+07:00"))
    status, ended = await api.call("u1", "POST", "/maintenance/M1/end", {"at": "2026-11-24T22:20:00+07:00", "reason": "done"})
    assert (status, ended["status"], ended["next"]) == (200, "ended", [])
    assert ended["ends"] == [
        {
            "by": "u1", "known": "2026-11-24T15:30:00.000Z", "reason": "done", "end": "2026-11-24T15:20:00.000Z",
            "occurrence": None,
        }
    ]  # fmt: skip
    assert await api.call("v1", "GET", "/maintenance/M1") == (200, ended)
    assert api.changes == 3
    rows = (await api.call("v1", "GET", "/audit?limit=3"))[1]["audit"]
    assert [(row["act"], row["actor"], row["role"], row["source"]) for row in rows] == [
        ("maintenance.end", "u1", "operator", "127.0.0.1"),
        ("maintenance.approve", "u2", "approver", "127.0.0.1"),
        ("maintenance.create", "u1", "operator", "127.0.0.1"),
    ]
    assert rows[2]["details"]["plan"]["propagate"] is True


async def test_r11_1_nobody_approves_the_own_window(api: Api) -> None:
    await api.call("u3", "POST", "/maintenance", WINDOW)
    assert await api.code("u3", "POST", "/maintenance/M1/approve") == (403, "self_approval")
    assert await api.code("u1", "POST", "/maintenance/M1/approve") == (403, "forbidden")
    assert (await api.call("v1", "GET", "/maintenance/M1"))[1]["status"] == "pending"
    assert api.changes == 1


async def test_a_series_shows_what_is_to_come(api: Api) -> None:
    repeat = {"start": "22:00", "duration_s": 3600, "first": "2026-12-01", "last": "2027-12-01", "weekdays": ["tue"], "nth": 2}
    _, made = await api.call(
        "u1", "POST", "/maintenance", {"repeat": repeat, "scope": [{"site": "hn"}, {"labels": {"rack": "7"}}]}
    )
    assert made["repeat"] == repeat | {"month_day": 0, "zone": "Asia/Ho_Chi_Minh"}
    assert made["next"][0] == {"from": "2026-12-08T15:00:00.000Z", "to": "2026-12-08T16:00:00.000Z"}
    assert (len(made["next"]), made["to"]) == (10, "2027-11-09T16:00:00.000Z")
    status, less = await api.call("u1", "POST", "/maintenance/M1/cancel", {"occurrence": "2026-12-08T22:00:00+07:00"})
    assert (status, less["status"], less["next"][0]["from"]) == (200, "pending", "2027-01-12T15:00:00.000Z")
    assert await api.code("u1", "POST", "/maintenance/M1/cancel", {"occurrence": "2026-12-09T22:00:00+07:00"}) == (
        422, "no_occurrence",
    )  # fmt: skip


async def test_a_correction_by_two_people(api: Api) -> None:
    status, made = await api.call("u1", "POST", "/corrections", CORRECTION | {"view": "device"})
    assert (status, made["id"], made["status"], made["view"]) == (201, "C1", "pending", "device")
    assert await api.code("u1", "POST", "/corrections/C1/approve") == (403, "forbidden")
    status, approved = await api.call("u2", "POST", "/corrections/C1/approve")
    assert (status, approved["status"], approved["approver"]) == (200, "approved", "u2")
    assert await api.code("u2", "POST", "/corrections/C1/cancel") == (403, "not_own")
    assert (await api.call("u3", "POST", "/corrections/C1/cancel"))[1]["status"] == "cancelled"
    assert (await api.call("v1", "GET", "/corrections"))[1]["corrections"][0]["cancels"][0]["by"] == "u3"
    assert api.changes == 3


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/maintenance", WINDOW | {"to": "2026-11-24T22:00:00+07:00"}, 422, "empty"),
        ("/maintenance", WINDOW | {"to": "2026-11-24T21:00:00+07:00"}, 422, "inverted"),
        ("/maintenance", WINDOW | {"scope": [{"subjects": ["X"]}]}, 422, "unknown_name"),
        ("/maintenance", WINDOW | {"scope": []}, 422, "empty_scope"),
        ("/maintenance", WINDOW | {"scope": [{"sites": "hn"}]}, 422, "bad_body"),
        ("/maintenance", WINDOW | {"from": "2026-11-24T22:00:00"}, 422, "bad_body"),
        ("/maintenance", WINDOW | {"from": "2026-11-23T22:00:00Z"}, 422, "needs_reason"),
        ("/maintenance", WINDOW | {"from": "2026-09-30T22:00:00Z", "reason": "r", "change": "c"}, 422, "too_late"),
        ("/maintenance", {"scope": [{"subjects": ["T"]}]}, 422, "bad_body"),
        ("/maintenance", [], 422, "bad_body"),
        ("/maintenance/M1/approve", {}, 404, "unknown_object"),
        ("/corrections", CORRECTION | {"to": "2026-11-24T09:00:00+07:00"}, 422, "in_future"),
        ("/corrections", CORRECTION | {"state": "maintenance"}, 422, "bad_body"),
        ("/corrections", CORRECTION | {"change": ""}, 422, "needs_reason"),
        ("/users", {"name": "u 1", "role": "viewer"}, 422, "bad_name"),
        ("/users", {"name": "U1", "role": "viewer"}, 409, "exists"),
        ("/users", {"name": "u9", "role": "root"}, 422, "bad_body"),
        ("/users/u9/revoke", {}, 404, "unknown"),
    ],
)
async def test_bad_input_is_refused_with_its_code(api: Api, path: str, body: object, status: int, code: str) -> None:
    before = len((await api.call("v1", "GET", "/audit"))[1]["audit"])
    assert await api.code("u3", "POST", path, body) == (status, code)
    assert len((await api.call("v1", "GET", "/audit"))[1]["audit"]) == before, "nothing recorded"
    assert api.changes == 0


async def test_roles_guard_every_route(api: Api) -> None:
    """What each role gets at each route of the application, before anything else is looked at."""
    least = {
        ("POST", "/maintenance"): "u1", ("POST", "/corrections"): "u1", ("POST", "/maintenance/{id}/end"): "u1",
        ("POST", "/maintenance/{id}/cancel"): "u1", ("POST", "/corrections/{id}/cancel"): "u1",
        ("POST", "/maintenance/{id}/approve"): "u2", ("POST", "/corrections/{id}/approve"): "u2",
        ("GET", "/users"): "u3", ("POST", "/users"): "u3", ("POST", "/users/{name}/rotate"): "u3",
        ("POST", "/users/{name}/revoke"): "u3", ("POST", "/users/{name}/role"): "u3",
    }  # fmt: skip
    routes = {
        (route.method, route.resource.canonical.removeprefix("/api/v1"))
        for route in api.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert set(least) < routes
    names = list(PEOPLE)
    for method, path in sorted(routes):
        place = path.replace("{id}", "M9").replace("{name}", "u9")
        allowed = names.index(least.get((method, path), "v1"))
        for rank, name in enumerate(names):
            status, answer = await api.call(name, method, place)
            is_forbidden = status == 403 and answer["error"]["code"] == "forbidden"
            assert is_forbidden is (rank < allowed), (method, path, name, status)
        async with api.client.request(method, f"/api/v1{place}") as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="haidang"')


async def test_admins_manage_people(api: Api) -> None:
    status, made = await api.call("u3", "POST", "/users", {"name": "u4", "role": "operator"})
    assert (status, made["name"], made["role"], made["revoked"]) == (201, "u4", "operator", None)
    api.tokens["u4"] = made["token"]
    assert await api.call("u4", "GET", "/whoami") == (200, {"name": "u4", "role": "operator"})
    _, rotated = await api.call("u3", "POST", "/users/u4/rotate")
    assert await api.code("u4", "GET", "/whoami") == (401, "bad_token")
    api.tokens["u4"] = rotated["token"]
    await api.call("u3", "POST", "/users/u4/role", {"role": "viewer"})
    assert await api.code("u4", "POST", "/maintenance", WINDOW) == (403, "forbidden")
    assert (await api.call("u3", "POST", "/users/u4/revoke"))[1]["revoked"] == "2026-11-24T01:00:00.000Z"
    assert await api.code("u4", "GET", "/whoami") == (401, "bad_token")
    users = (await api.call("u3", "GET", "/users"))[1]["users"]
    assert [(user["name"], user["role"]) for user in users][:2] == [("u1", "operator"), ("u2", "approver")]
    assert "token" not in str(users)


async def test_a_retry_with_its_key_makes_no_second_window(api: Api) -> None:
    first = await api.call("u1", "POST", "/maintenance", WINDOW, **{"Idempotency-Key": "k1"})
    assert await api.call("u1", "POST", "/maintenance", WINDOW, **{"Idempotency-Key": "k1"}) == first
    assert await api.code("u1", "POST", "/maintenance", WINDOW) == (409, "duplicate")
    other = WINDOW | {"scope": [{"subjects": ["U"]}]}
    status, answer = await api.call("u1", "POST", "/maintenance", other, **{"Idempotency-Key": "k1"})
    assert (status, answer["error"]["code"]) == (409, "key_reused")
    status, answer = await api.call("u1", "POST", "/maintenance", other, **{"Idempotency-Key": "k" * 129})
    assert (status, answer["error"]["code"]) == (422, "bad_key")


async def test_lists_are_paged_filtered_and_as_of(api: Api) -> None:
    for day in range(1, 6):
        body = WINDOW | {"from": f"2026-12-0{day}T22:00:00Z", "to": f"2026-12-0{day}T23:00:00Z"}
        assert (await api.call("u1", "POST", "/maintenance", body))[0] == 201
    api.now_ms += 1000
    await api.call("u2", "POST", "/maintenance/M2/approve")
    _, page = await api.call("v1", "GET", "/maintenance?limit=2")
    assert ([one["id"] for one in page["maintenance"]], page["next"]) == (["M5", "M4"], "M4")
    _, page = await api.call("v1", "GET", "/maintenance?limit=3&before=M4")
    assert ([one["id"] for one in page["maintenance"]], page["next"]) == (["M3", "M2", "M1"], "")
    _, page = await api.call("v1", "GET", "/maintenance?status=approved")
    assert [one["id"] for one in page["maintenance"]] == ["M2"]
    _, page = await api.call("v1", "GET", "/maintenance?status=approved&as_of=2026-11-24T01:00:00Z")
    assert page["maintenance"] == []
    assert await api.code("v1", "GET", "/maintenance?as_of=2026-11-25T00:00:00Z") == (422, "in_future")
    assert await api.code("v1", "GET", "/maintenance?limit=0") == (400, "bad_query")
    assert await api.code("v1", "GET", "/maintenance?colour=red") == (400, "bad_query")


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"{", {}, 400, "bad_json"),
        (b'{"reason": "\xff"}', {}, 400, "bad_json"),
        (b'{"scope": [{}', {}, 400, "bad_json"),
        (b"[" * 60_000, {}, 422, "bad_body"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "bad_type"),
        (b"{}", {"Content-Encoding": "gzip"}, 415, "bad_encoding"),
        (b" " * (MAX_BODY + 1), {}, 413, "too_large"),
    ],
)
async def test_bodies_are_small_plain_json(api: Api, data: bytes, headers: dict[str, str], status: int, code: str) -> None:
    async with ClientSession() as session:
        address = api.client.make_url("/api/v1/maintenance")
        given = {"Authorization": f"Bearer {api.tokens['u1']}", "Content-Type": "application/json"} | headers
        async with session.post(address, data=data, headers=given, skip_auto_headers=["Content-Type"]) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (status, code)


async def test_wrong_tokens_are_slowed_down_and_right_ones_not(api: Api) -> None:
    """Ten at once, then one in six seconds; a token that was right before passes, and one whose owner is gone does not."""
    assert (await api.call("u1", "GET", "/whoami"))[0] == 200
    for attempt in range(10):
        assert await api.code(f"guess{attempt}", "GET", "/whoami") == (401, "bad_token")
    async with api.client.get("/api/v1/whoami", headers={"Authorization": "Bearer guess"}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "6")
    assert (await api.call("u1", "GET", "/whoami"))[0] == 200
    assert await api.code("u2", "GET", "/whoami") == (429, "slow_down")
    api.steady += 6.0
    assert (await api.call("u2", "GET", "/whoami"))[0] == 200
    await api.store.revoke_person("u1", LOCAL, NOW)
    assert await api.code("u1", "GET", "/whoami") == (401, "bad_token")
    assert await api.code("u1", "GET", "/whoami") == (429, "slow_down")


@pytest.mark.parametrize("header", ["Bearer", "Basic dTE6cHc=", "Bearer " + "x" * 300, "bearer x", "Bearer tökén"])
async def test_what_is_no_bearer_token_is_nobody(api: Api, header: str) -> None:
    async with api.client.get("/api/v1/whoami", headers={"Authorization": header}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (401, "bad_token")


def test_failures_remember_only_so_many_addresses() -> None:
    """An attacker with a whole network neither fills memory nor counts as many."""
    failures = Failures()
    for number in range(20_000):
        failures.count(f"a{number}", 0.0)
    for _ in range(10):
        failures.count("b", 0.0)
    assert len(failures._full_at) == 10_000
    assert failures.wait_s("b", 0.0) == 6.0
    assert failures.wait_s("b", 6.0) == 0.0
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::9") != network_of("2001:db8:1:3::9")
    assert network_of("192.0.2.7") == "192.0.2.7"


async def test_a_store_that_fails_is_said(api: Api, tmp_path: Path) -> None:
    """503 and when to come again, not a traceback."""
    with contextlib.closing(sqlite3.connect(tmp_path / "haidang.db")) as other:
        other.execute("ALTER TABLE person_tokens RENAME TO away")
    async with api.client.get("/api/v1/whoami", headers={"Authorization": f"Bearer {api.tokens['u1']}"}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "store")
        assert answer.headers["Retry-After"] == "5"
