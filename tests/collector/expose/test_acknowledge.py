"""The page behind the link of a message: looking never acts, a genuine link acknowledges once, any other acts on nothing."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.core.acklink import ACKNOWLEDGE, Claim, sign
from collector.core.incident import IncidentState
from collector.core.notice import Changes
from collector.expose.acknowledge import INCIDENTS_PATH, PATH, add_acknowledge_page
from collector.expose.acknowledge_words import PAGE
from collector.expose.link_page import PageTools
from collector.notify.links import ACKNOWLEDGE_PATH, INCIDENT_PATH, Links
from collector.store.store import Store
from tests.collector.expose.paging_kit import INCIDENT, NOW, UID, MemoryDesk, resolved

KEY = b"k" * 32


class Page:
    """The page with a desk, real links, and clocks that stand still until moved."""

    def __init__(self, store: Store) -> None:
        self.desk = MemoryDesk(store)
        self.store = store
        self.steady = 1000.0
        self.app = web.Application(client_max_size=1024)
        tools = PageTools(
            Links([KEY], "https://haidang.example.vn"),
            lambda: self.desk.now_ms,
            ZoneInfo("Asia/Ho_Chi_Minh"),
            steady=lambda: self.steady,
        )
        add_acknowledge_page(self.app, self.desk, tools)
        self.client: TestClient[Any, Any]

    async def ask(self, method: str, token: str, data: object = None) -> tuple[int, str]:
        """Status and text."""
        async with self.client.request(method, f"{PATH}/{token}", data=data) as answer:
            return answer.status, await answer.text()

    async def traces(self) -> tuple[object, int, int]:
        """What an act would leave behind."""
        entries = await self.store.incident_entries(UID)
        return await self.store.incident_by(7), len(entries), len(await self.store.audit_rows(None, 10))


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    made = Page(store)
    await made.desk.begin()
    async with TestClient(TestServer(made.app)) as client:
        made.client = client
        yield made
    await store.close()


def token(purpose: str = ACKNOWLEDGE, *, incident: str = UID, expires_ms: int = NOW + 1, key: bytes = KEY) -> str:
    """A link's token as a message carries it."""
    return sign(Claim(purpose, incident, "sms", expires_ms), key)


def test_links_lead_to_this_page() -> None:
    assert (PATH, INCIDENTS_PATH) == (ACKNOWLEDGE_PATH, INCIDENT_PATH)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_shows_what_would_be_acknowledged_and_never_acts(page: Page, method: str) -> None:
    before = await page.traces()
    for _ in range(3):
        status, text = await page.ask(method, token())
        assert status == 200
    assert await page.traces() == before
    if method == "GET":
        assert '<form method="post">' in text
        assert "Máy &lt;router&gt;" in text
        assert "Host &lt;router&gt;" in text
        assert "2026-11-24 12:58" in text


async def test_the_button_acknowledges_in_the_name_of_whom_the_link_was_sent_to(page: Page) -> None:
    status, text = await page.ask("POST", token(), {"name": " Trực ca A "})
    assert status == 200
    assert PAGE["done"]["vi"] in text
    assert "<form" not in text
    stored, _, _ = await page.traces()
    assert (stored.state, stored.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "link:sms")  # type: ignore[attr-defined]
    last = (await page.store.incident_entries(UID))[-1]
    assert (last.by, last.text) == ("link:sms", "Trực ca A")
    [row] = await page.store.audit_rows(None, 10)
    assert (row.entry.actor, row.entry.source, row.entry.act) == ("link:sms", "127.0.0.1", "incident.acknowledge")


async def test_of_two_who_press_the_button_one_acknowledges_and_both_see_who(page: Page) -> None:
    answers = await asyncio.gather(page.ask("POST", token()), page.ask("POST", token()))
    assert [status for status, _ in answers] == [200, 200]
    assert all("link:sms" in text for _, text in answers)
    assert len(await page.store.audit_rows(None, 10)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        token("resolve"),
        token(expires_ms=NOW),
        token(key=b"x" * 32),
        token()[:-1],
        f"{token().partition('.')[0]}.{token(incident='0' * 16).partition('.')[2]}",
        "x",
        "x" * 1_100,
    ],
    ids=["purpose", "expired", "key", "cut", "swapped", "short", "long"],
)
async def test_a_link_that_is_forged_expired_or_for_something_else_acts_on_nothing(page: Page, bad: str) -> None:
    before = await page.traces()
    for method in ("GET", "POST"):
        status, text = await page.ask(method, bad)
        assert (status, PAGE["bad_link"]["vi"] in text, "<form" in text, "router" in text) == (403, True, False, False)
    assert await page.traces() == before


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="/?#%\\."), min_size=1, max_size=60))
async def test_whatever_stands_in_the_link_is_refused(page: Page, text: str) -> None:
    page.steady += 100
    status, _ = await page.ask("POST", text)
    assert status in (400, 403, 404)
    assert page.desk.incident(7) == INCIDENT


async def test_whoever_guesses_is_slowed_down_and_shuts_out_nobody(page: Page) -> None:
    """Not even behind the same proxy: a genuine link acknowledges while guesses come."""
    statuses = [(await page.ask("POST", "guess"))[0] for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    assert (await page.ask("POST", token()))[0] == 200
    assert (await page.ask("POST", "guess"))[0] == 429
    page.steady += 60
    assert (await page.ask("POST", "guess"))[0] == 403


async def test_of_an_incident_that_is_over_or_long_gone_the_page_says_so(page: Page) -> None:
    page.desk.book.adopt(Changes(incidents=[resolved(INCIDENT)]))
    status, text = await page.ask("GET", token())
    assert (status, "đã khôi phục (an)" in text, "<form" in text) == (200, True, False)
    assert (await page.ask("POST", token()))[0] == 200
    assert (await page.ask("POST", token(incident="f" * 16)))[0] == 410
    assert await page.store.audit_rows(None, 10) == []


@pytest.mark.parametrize("name", ["x" * 65, "a\nb", "\x1b[2J", "x" * 5000])
async def test_a_name_that_is_none_is_refused(page: Page, name: str) -> None:
    status, text = await page.ask("POST", token(), {"name": name})
    assert (status in (413, 422), PAGE["bad_name"]["en"] in text) == (True, True)
    assert page.desk.incident(7) == INCIDENT


async def test_a_form_that_is_no_text_is_refused(page: Page) -> None:
    assert (await page.ask("POST", token(), b"name=\xff\xfe"))[0] == 422
    assert (await page.ask("POST", token(), b"&".join([b"a=1"] * 9)))[0] == 422
    assert page.desk.incident(7) == INCIDENT


async def test_the_page_runs_no_script_is_not_kept_and_gives_its_address_to_nobody(page: Page) -> None:
    async with page.client.get(f"{PATH}/{token()}") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'" in policy
        assert "script" not in policy
        assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert "<script" not in await answer.text()


async def test_before_the_desk_is_loaded_and_without_a_database_nothing_is_claimed(page: Page, tmp_path: Path) -> None:
    page.desk.loaded = False
    assert (await page.ask("POST", token()))[0] == 503
    page.desk.loaded = True
    with contextlib.closing(sqlite3.connect(tmp_path / "haidang.db")) as file:
        file.execute("DROP TABLE incidents")
    status, text = await page.ask("POST", token())
    assert (status, PAGE["store"]["en"] in text, PAGE["done"]["en"] in text) == (503, True, False)
    assert page.desk.incident(7) == INCIDENT


def test_the_page_has_every_text_in_both_languages() -> None:
    assert all(set(texts) == {"vi", "en"} and texts["vi"] != texts["en"] for texts in PAGE.values())
    assert msgspec.json.encode(PAGE)
