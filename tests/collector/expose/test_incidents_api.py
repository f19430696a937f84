"""The API of incidents, silences, duties and the outbox over real HTTP: who may do what, strict bodies, everything audited."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.core.alert import HoldReason
from collector.core.incident import IncidentState
from collector.expose.alert_views import hold_view
from collector.expose.auth import make_token
from collector.expose.paging_routes import add_paging_routes
from collector.expose.paging_words import HOLDS, hold_text
from collector.expose.requests import MAX_BODY
from collector.expose.server import make_app
from collector.store.store import Store
from tests.collector.expose.paging_kit import ALERTS, LOCAL, NOW, PEOPLE, UID, MemoryDesk, full_match
from tests.collector.fleet_kit import make_fleet

UNTIL = "2030-01-01T00:00:00Z"


class Served:
    """The API with a desk, a store, two people and clocks that stand still."""

    def __init__(self, store: Store, tokens: dict[str, str]) -> None:
        self.store = store
        self.tokens = tokens
        self.desk = MemoryDesk(store)
        self.retries = 0
        self.app = web.Application(client_max_size=1024)
        add_paging_routes(
            self.app, self.desk, store, store, now_ms=lambda: self.desk.now_ms, full_match=full_match,
            on_retry=self._retried, steady=lambda: 1000.0,
        )  # fmt: skip
        self.client: TestClient[Any, Any]

    def _retried(self) -> None:
        self.retries += 1

    async def call(self, who: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and decoded answer."""
        headers = {"Authorization": f"Bearer {self.tokens.get(who, who)}"} if who else {}
        async with self.client.request(method, f"/api/v1{path}", json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    async def code(self, who: str, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Status and code of an error."""
        status, answer = await self.call(who, method, path, body)
        return status, answer["error"]["code"]

    async def audited(self) -> list[tuple[str, str, str, str]]:
        """What the trail says of acts on incidents, silences and the outbox, oldest first."""
        rows = [row.entry for row in await self.store.audit_rows(None, 100)]
        return [(one.act, one.object, one.actor, one.source) for one in reversed(rows) if not one.act.startswith("user.")]


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    store = await Store.open(f"sqlite:///{folder / 'haidang.db'}")
    tokens = {}
    for name, role in PEOPLE.items():
        tokens[name], token_hash = make_token()
        await store.add_person(name, role, token_hash, LOCAL, now_ms=NOW)
    made = Served(store, tokens)
    await made.desk.begin()
    async with TestClient(TestServer(made.app)) as client:
        made.client = client
        yield made
    await store.close()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path) as made:
        yield made


async def test_an_incident_from_the_page_to_its_end(api: Served) -> None:
    status, listed = await api.call("v1", "GET", "/incidents?state=active")
    assert (status, [one["number"] for one in listed["incidents"]], listed["next"]) == (200, [7], None)
    assert listed["incidents"][0]["names"] == {"en": "Host <router>", "vi": "Máy <router>"}
    status, after = await api.call("u1", "POST", "/incidents/7/acknowledge", {"text": "on my way"})
    assert (status, after["state"], after["acknowledged_by"], after["next_step"]) == (200, "acknowledged", "u1", None)
    await api.call("u1", "POST", "/incidents/7/assign", {"assignee": "Trực ca A"})
    await api.call("u1", "POST", "/incidents/7/comment", {"text": "cáp đứt"})
    api.desk.now_ms += 1000
    status, after = await api.call("u1", "POST", "/incidents/7/resolve", {})
    assert (status, after["state"], after["resolved_by"], after["assignee"]) == (200, "resolved", "u1", "Trực ca A")
    assert await api.call("v1", "GET", "/incidents?state=active") == (200, {"incidents": [], "next": None})
    _, shown = await api.call("v1", "GET", "/incidents/7")
    assert [(one["kind"], one["by"], one["text"]) for one in shown["timeline"]][-4:] == [
        ("acknowledged", "u1", "on my way"), ("assigned", "u1", "Trực ca A"), ("commented", "u1", "cáp đứt"),
        ("resolved", "u1", ""),
    ]  # fmt: skip
    events = [(row["event"], row["event_id"], row["state"]) for row in reversed(shown["outbox"])]
    assert events == [
        ("firing", f"{UID}-0", "dead"), ("acknowledged", f"{UID}-1", "pending"), ("resolved", f"{UID}-2", "pending"),
    ]  # fmt: skip
    assert await api.audited() == [
        (f"incident.{act}", "7", "u1", "127.0.0.1") for act in ("acknowledge", "assign", "comment", "resolve")
    ]


async def test_one_incident_tells_its_cause_first_and_of_each_alert_who_was_told_or_why_nobody_was(api: Served) -> None:
    _, shown = await api.call("v1", "GET", "/incidents/7")
    cause, child = shown["alerts"]
    assert (cause["subject"], cause["paged"] is not None, cause["held"]) == ("router", True, None)
    assert (child["subject"], child["paged"], child["incident"]) == ("switch", None, 7)
    assert (child["held"]["reason"], child["held"]["by"], child["what"]["vi"]) == ("parent_down", "router", "không tới được")
    _, open_ = await api.call("v1", "GET", "/alerts?held=true")
    assert [one["subject"] for one in open_["alerts"]] == ["switch", "web"]
    assert open_["alerts"][1]["held"]["until"] == "2026-11-24T06:00:50.000Z"
    assert [one["uid"] for one in (await api.call("v1", "GET", "/alerts?subject=router"))[1]["alerts"]] == ["a1"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/incidents/8/acknowledge", {}, 404, "unknown_object"),
        ("/incidents/x/acknowledge", {}, 404, "unknown_object"),
        ("/incidents/7/assign", {}, 422, "bad_body"),
        ("/incidents/7/assign", {"assignee": " "}, 422, "bad_text"),
        ("/incidents/7/comment", {}, 422, "bad_body"),
        ("/incidents/7/comment", {"text": "a\nb"}, 422, "bad_text"),
        ("/incidents/7/acknowledge", {"who": "an"}, 422, "bad_body"),
        ("/incidents/7/acknowledge", [], 422, "bad_body"),
        ("/incidents/7/comment", {"text": "x" * 501}, 422, "bad_body"),
        ("/silences", {"matchers": ["a=~.*"], "comment": "c", "to": UNTIL}, 422, "bad_matchers"),
        ("/silences", {"matchers": [], "comment": "c", "to": UNTIL}, 422, "bad_body"),
        ("/silences", {"matchers": ["a=b"], "comment": "c"}, 422, "bad_body"),
        ("/silences", {"matchers": ["a=b"], "comment": "c", "to": "2026-11-24T08:00:00"}, 422, "bad_body"),
        ("/silences", {"matchers": ["a=b"], "comment": "c", "to": UNTIL}, 422, "bad_times"),
        ("/silences/S9/expire", {}, 404, "unknown_object"),
        ("/outbox/retry", {"ids": []}, 422, "bad_body"),
        ("/outbox/retry", {"ids": [99]}, 404, "unknown_object"),
        ("/outbox/drop", {"ids": ["1"]}, 422, "bad_body"),
        ("/receivers/nobody/test", {}, 404, "unknown_object"),
    ],
)
async def test_what_is_not_understood_is_refused_and_changes_nothing(
    api: Served, path: str, body: object, status: int, code: str
) -> None:
    assert await api.code("u1", "POST", path, body) == (status, code)
    assert await api.audited() == []
    assert api.desk.incident(7) == (await api.store.incident_by(7))


ACTS = [
    *(f"/incidents/7/{act}" for act in ("acknowledge", "assign", "comment", "resolve")), "/silences", "/silences/S1/expire",
    "/receivers/chat/test", "/outbox/retry", "/outbox/drop",
]  # fmt: skip
READS = [
    "/incidents", "/incidents/7", "/alerts", "/silences", "/oncall/now", "/oncall/week", "/routes/explain?target=web",
    "/receivers", "/outbox",
]  # fmt: skip


async def test_reading_needs_a_token_and_acting_an_operator(api: Served) -> None:
    for path in READS:
        assert await api.code("", "GET", path) == (401, "no_token")
        assert (await api.call("v1", "GET", path))[0] == 200
    for path in ACTS:
        assert await api.code("", "POST", path, {}) == (401, "no_token")
        assert await api.code("v1", "POST", path, {}) == (403, "forbidden")
    assert (await api.audited(), api.desk.tests) == ([], [])


async def test_before_the_desk_is_loaded_nothing_is_told_and_nothing_is_done(api: Served) -> None:
    api.desk.loaded = False
    assert await api.code("v1", "GET", "/incidents") == (503, "loading")
    assert await api.code("u1", "POST", "/incidents/7/resolve", {}) == (503, "loading")
    assert (await api.store.incident_by(7)).state is IncidentState.OPEN  # type: ignore[union-attr]


async def test_a_body_that_is_too_large_is_not_read(api: Served) -> None:
    status, answer = await api.call("u1", "POST", "/silences", {"comment": "x" * MAX_BODY})
    assert (status, answer["error"]["code"]) == (413, "too_large")


async def test_a_silence_tells_whom_it_hits_and_is_ended_by_anybody(api: Served) -> None:
    asked = {"matchers": ["site=dic", 'instance=~"w.*"'], "comment": "works", "to": "2026-11-24T12:00:00Z", "notify": ["sms"]}
    status, made = await api.call("u1", "POST", "/silences", asked)
    assert (status, made["id"], made["status"], made["mutes"], made["author"]) == (201, "S1", "active", ["web"], "u1")
    assert made["matchers"] == ['site="dic"', 'instance=~"w.*"']
    assert await api.code("u1", "POST", "/silences", asked) == (409, "already")
    later = asked | {"matchers": ["rack=7"], "from": "2026-11-24T10:00:00Z"}
    assert (await api.call("u1", "POST", "/silences", later))[1]["status"] == "pending"
    _, listed = await api.call("v1", "GET", "/silences?status=current&limit=1")
    assert ([one["id"] for one in listed["silences"]], listed["next"]) == (["S2"], 2)
    assert (await api.call("u1", "POST", "/silences/S1/expire", {"comment": "done"}))[1]["status"] == "expired"
    assert await api.code("u1", "POST", "/silences/S1/expire", {}) == (409, "expired")
    assert [one["id"] for one in (await api.call("v1", "GET", "/silences?status=current"))[1]["silences"]] == ["S2"]
    assert [one["id"] for one in (await api.call("v1", "GET", "/silences"))[1]["silences"]] == ["S2", "S1"]
    assert [act for act, *_ in await api.audited()] == ["silence.create", "silence.create", "silence.expire"]


async def test_dead_letters_are_listed_tried_again_and_dropped(api: Served) -> None:
    _, dead = await api.call("v1", "GET", "/outbox?state=dead")
    [row] = dead["outbox"]
    assert (row["receiver"], row["error"], row["attempts"], row["next"]) == ("chat", "rejected: 404", 1, None)
    assert await api.call("u1", "POST", "/outbox/retry", {"ids": [row["id"]]}) == (200, {"ids": [row["id"]]})
    assert (api.retries, (await api.call("v1", "GET", "/outbox?state=dead"))[1]["outbox"]) == (1, [])
    assert await api.code("u1", "POST", "/outbox/drop", {"ids": [row["id"]]}) == (404, "unknown_object")
    await api.store.outbox_dead(row["id"], NOW, "rejected: 404")
    assert (await api.call("u1", "POST", "/outbox/drop", {"ids": [row["id"]]}))[0] == 200
    assert (await api.call("v1", "GET", "/outbox?state=dropped"))[1]["outbox"][0]["id"] == row["id"]
    assert [act for act, *_ in await api.audited()] == ["outbox.retry", "outbox.drop"]


async def test_duties_routes_receivers_and_a_test(api: Served) -> None:
    _, now = await api.call("v1", "GET", "/oncall/now?at=2026-12-01T00:00:00%2B07:00")
    assert (now["duties"][0]["person"], now["duties"][0]["from"]) == ("an", "2026-11-30T17:00:00.000Z")
    _, week = await api.call("v1", "GET", "/oncall/week")
    assert (week["duties"][0]["from"], week["duties"][0]["to"]) == ("2026-11-24T06:00:00.000Z", "2026-12-01T06:00:00.000Z")
    _, route = await api.call("v1", "GET", "/routes/explain?target=web&severity=warning")
    assert (route["route"], route["labels"]["severity"], [one["after_s"] for one in route["steps"]]) == (
        "night",
        "warning",
        [0, 300],
    )
    assert await api.code("v1", "GET", "/routes/explain?target=nobody") == (404, "unknown_object")
    assert await api.code("v1", "GET", "/routes/explain?severity=bad&target=web") == (400, "bad_query")
    assert (await api.call("v1", "GET", "/receivers"))[1]["receivers"][0]["pending"] == 0
    await api.store.outbox_retry([1], NOW, [])
    chat = (await api.call("v1", "GET", "/receivers"))[1]["receivers"][0]
    assert (chat["pending"], chat["oldest"]) == (1, "2026-11-24T05:59:00.000Z"), "what waits is counted from the outbox"
    assert (await api.call("u1", "POST", "/receivers/chat/test", {}))[1]["delivered"] is True
    assert (await api.call("u1", "POST", "/receivers/sms/test"))[1]["error"] == "timeout: 10 s"
    assert api.desk.tests == ["chat by u1", "sms by u1"]


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "matchers", "to", "ids"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(ACTS), JSONS | st.binary(max_size=40))
async def test_whatever_comes_as_a_body_is_answered_with_json(api: Served, path: str, body: object) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {api.tokens['u1']}", "Content-Type": "application/json"}
    async with api.client.post(f"/api/v1{path}", data=data, headers=headers) as answer:
        assert answer.status < 500
        assert isinstance(await answer.json(), dict)


async def test_targets_tell_of_their_open_alerts_and_one_that_is_fine_of_none(api: Served) -> None:
    app = make_app(make_fleet("router", "quiet"), version="1", now_ms=lambda: NOW, ready=lambda: "", paging=api.desk)
    async with TestClient(TestServer(app)) as client, client.get("/api/v1/targets") as answer:
        told = {one["id"]: one for one in (await answer.json())["targets"]}
    assert "alerts" not in told["quiet"]
    assert (told["router"]["alerts"][0]["incident"], told["router"]["alerts"][0]["held"]) == (7, None)


def test_every_reason_is_told_in_both_languages_with_and_without_what_holds_it() -> None:
    for reason in HoldReason:
        for by in ("S3", ""):
            hold = msgspec.structs.replace(ALERTS[1].hold, reason=reason, by=by)  # type: ignore[type-var]
            said = {language: hold_text(hold, language) for language in ("en", "vi")}
            assert said["en"] != said["vi"]
            assert not any(mark in text for text in said.values() for mark in "{}")
    assert set(HOLDS) == set(HoldReason)


def test_of_a_new_alert_it_is_told_that_it_is_decided_and_of_a_paged_one_that_is_over_nothing() -> None:
    new = msgspec.structs.replace(ALERTS[0], paged_ms=None)
    assert (hold_view(new).reason, hold_view(new).text["vi"]) == (None, "đang được xem xét")  # type: ignore[union-attr]
    over = msgspec.structs.replace(ALERTS[0], gone_ms=NOW, ended_ms=NOW, hold=ALERTS[1].hold)
    assert hold_view(over) is None
    assert hold_view(msgspec.structs.replace(over, paged_ms=None)).by == "router"  # type: ignore[union-attr]
