"""The page behind the link of a message: the whole of one incident for whoever holds the link, and nothing else for anybody."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from collector.core.acklink import ACKNOWLEDGE, VIEW, Claim, sign
from collector.core.alert import AlertKey, AlertKind, Hold, HoldReason
from collector.core.incident import Entry, EntryKind
from collector.core.notice import Changes, EventKind, Named
from collector.expose.acknowledge_words import PAGE as LINK_WORDS
from collector.expose.incident_page import MOST_SHOWN, add_link_pages
from collector.expose.incident_page_words import ENTRIES, EVENTS, PAGE
from collector.expose.link_page import PageTools
from collector.expose.paging_words import hold_text
from collector.notify.links import Links
from collector.store.store import Store
from tests.collector.expose.paging_kit import ALERTS, INCIDENT, NOW, UID, MemoryDesk, resolved

KEY = b"k" * 32
HOSTILE = "</h2><script>alert(1)</script>\u202e\x00\"'&amp;"


class Hostile(MemoryDesk):
    """A desk whose names may be anything."""

    name = ""

    def name_of(self, subject: str) -> Named:
        return Named(subject, self.name, self.name, "dic", self.name, self.name) if self.name else super().name_of(subject)


class Page:
    """Both pages with a desk, a store and real links."""

    def __init__(self, store: Store) -> None:
        self.desk = Hostile(store)
        self.steady = 1000.0
        self.app = web.Application()
        tools = PageTools(
            Links([KEY], "https://haidang.example.vn"),
            lambda: self.desk.now_ms,
            ZoneInfo("Asia/Ho_Chi_Minh"),
            lambda language, word: f"{word} <{language}>",
            lambda: self.steady,
        )
        add_link_pages(self.app, self.desk, store, tools)
        self.client: TestClient[Any, Any]

    async def look(self, token: str, query: str = "", **headers: str) -> tuple[int, str]:
        """Status and text."""
        async with self.client.get(f"/incidents/{token}{query}", headers=headers) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    made = Page(store)
    await made.desk.begin()
    async with TestClient(TestServer(made.app)) as client:
        made.client = client
        yield made
    await store.close()


def token(purpose: str = VIEW, *, incident: str = UID, expires_ms: int = NOW + 1, key: bytes = KEY) -> str:
    """A link's token as a message carries it."""
    return sign(Claim(purpose, incident, "sms", expires_ms), key)


def words(text: str) -> str:
    """What a person reads."""
    found: list[str] = []
    reader = HTMLParser()
    reader.handle_data = found.append  # type: ignore[method-assign]
    reader.feed(re.sub("<style>.*?</style>", "", text))
    return "|".join(found)


async def test_the_page_tells_what_where_since_when_why_what_else_and_what_was_done(page: Page) -> None:
    status, text = await page.look(token())
    told = words(text)
    assert status == 200
    assert "Máy <router>: ngừng" in told
    assert "|Địa điểm|Đích|" in told
    assert "2026-11-24 12:58 +07" in told
    assert "|Căn cứ|timeout <vi>|" in told
    assert "|Tiếp nhận|chưa có ai|" in told
    assert "Máy <switch> (switch): không tới được – 2026-11-24 12:58 +07 – router đang ngừng, đó là nguyên nhân" in told
    assert "báo cho – chat" in told
    assert "web" not in told, "an alert that is no part of the incident"
    assert "<form" not in text
    assert "/acknowledge/" not in text


@pytest.mark.parametrize(
    ("query", "accepts", "language"),
    [("", "", "vi"), ("", "fr, en-GB;q=0.8", "en"), ("", "vi-VN,en", "vi"), ("?lang=en", "vi", "en"), ("?lang=xx", "", "vi")],
)
async def test_the_language_is_as_asked_or_as_the_browser_says_else_vietnamese(
    page: Page, query: str, accepts: str, language: str
) -> None:
    _, text = await page.look(token(), query, **{"Accept-Language": accepts})
    assert (f'<html lang="{language}">' in text, PAGE["timeline"][language] in text) == (True, True)


async def test_whoever_may_acknowledge_gets_there_from_here_and_back(page: Page) -> None:
    """The page itself acts on nothing; the acknowledge page, which is another link, leads here with that link."""
    acknowledge = token(ACKNOWLEDGE)
    _, text = await page.look(token(), f"?acknowledge={acknowledge}")
    assert f'href="/acknowledge/{acknowledge}"' in text
    async with page.client.get(f"/acknowledge/{acknowledge}") as answer:
        [whole] = re.findall(r'href="(/incidents/[^"]+)"', await answer.text())
    async with page.client.get(whole) as answer:
        assert f'href="/acknowledge/{acknowledge}"' in await answer.text()
    assert page.desk.incident(7) == INCIDENT


@pytest.mark.parametrize(
    "other",
    [token(ACKNOWLEDGE, incident="f" * 16), token(ACKNOWLEDGE, expires_ms=NOW), token(), "x", '"><script>'],
    ids=["incident", "expired", "view", "nothing", "html"],
)
async def test_without_a_good_acknowledge_link_there_is_no_button(page: Page, other: str) -> None:
    status, text = await page.look(token(), f"?acknowledge={other}")
    assert (status, "/acknowledge/" in text, "script" in text) == (200, False, False)


async def test_what_is_over_shows_how_it_ended_and_no_button(page: Page) -> None:
    page.desk.book.adopt(Changes(incidents=[resolved(INCIDENT)]))
    _, text = await page.look(token(), f"?acknowledge={token(ACKNOWLEDGE)}")
    assert "|Kết thúc|2026-11-24 13:00 +07 – an|" in words(text)
    assert 'class="button"' not in text


async def test_an_incident_of_last_week_is_read_from_the_store_and_one_that_never_was_is_gone(page: Page) -> None:
    page.desk.book.incidents.clear()
    status, text = await page.look(token())
    assert (status, "#7" in text) == (200, True)
    assert (await page.look(token(incident="f" * 16)))[0] == 410


async def test_without_a_database_the_page_shows_what_memory_has(page: Page, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "haidang.db")) as file:
        file.execute("DROP TABLE incident_entries")
    status, text = await page.look(token())
    assert (status, PAGE["no_timeline"]["vi"] in text, "Máy &lt;switch&gt;" in text) == (200, True, True)
    page.desk.loaded = False
    assert (await page.look(token()))[0] == 503


@pytest.mark.parametrize(
    "bad",
    [
        token("resolve"),
        token(ACKNOWLEDGE),
        token(expires_ms=NOW),
        token(key=b"x" * 32),
        token()[:-1],
        f"{token().partition('.')[0]}.{token(incident='0' * 16).partition('.')[2]}",
        "7",
        "x" * 1_100,
    ],
    ids=["purpose", "acknowledge", "expired", "key", "cut", "swapped", "number", "long"],
)
async def test_a_link_that_is_forged_expired_or_for_something_else_shows_nothing(page: Page, bad: str) -> None:
    status, text = await page.look(bad)
    assert (status, LINK_WORDS["bad_link"]["vi"] in text, "router" in text) == (403, True, False)


async def test_whoever_guesses_is_slowed_down_and_shuts_nobody_out(page: Page) -> None:
    """Of one address, as all are behind one proxy."""
    assert [(await page.look("guess"))[0] for _ in range(11)] == [403] * 10 + [429]
    assert (await page.look(token()))[0] == 200
    page.steady += 60
    assert (await page.look("guess"))[0] == 403


async def test_nobody_can_post_here(page: Page) -> None:
    async with page.client.post(f"/incidents/{token()}") as answer:
        assert answer.status == 405


async def test_hostile_names_and_comments_stay_text(page: Page) -> None:
    """Of subjects and sites, of people, in reasons and in the timeline; none brings mark-up or turns the line around."""
    page.desk.name = HOSTILE
    cause = msgspec.structs.replace(ALERTS[0], detail=HOSTILE, reason=HOSTILE)
    changed = msgspec.structs.replace(INCIDENT, assignee=HOSTILE, acknowledged_by=HOSTILE, acknowledged_ms=NOW, told=(HOSTILE,))
    entries = [Entry(UID, NOW, kind, HOSTILE, AlertKey(HOSTILE, AlertKind.DOWN), HOSTILE) for kind in EntryKind]
    await page.desk._write(Changes([cause], [changed], entries))
    for language in ("vi", "en"):
        status, text = await page.look(token(), f"?lang={language}")
        assert status == 200
        assert "<script" not in text
        assert text.count("</h2>") == 1
        assert "\u202e" not in text
        assert "\x00" not in text
        assert text.count("alert(1)") > len(EntryKind)


async def test_reasons_and_events_of_the_timeline_are_said_in_words(page: Page) -> None:
    entries = [Entry(UID, NOW, EntryKind.HELD, alert=ALERTS[0].key, text=f"{reason.value} x-1") for reason in HoldReason]
    entries += [Entry(UID, NOW, EntryKind.DELIVERED, "chat", None, event.value) for event in EventKind]
    entries.append(Entry(UID, NOW, EntryKind.UNDELIVERABLE, "chat", None, "firing: rejected: 404"))
    await page.desk._write(Changes(entries=entries))
    told = words((await page.look(token(), "?lang=en"))[1])
    assert [
        reason
        for reason in HoldReason
        if f"held back – Host <router> (router) – {hold_text(Hold(reason, 'x-1'), 'en')}" not in told
    ] == []
    assert all(f"delivered – chat – {EVENTS[event]['en']}" in told for event in EventKind)
    assert "could not be delivered – chat – page: rejected: 404" in told


async def test_a_long_timeline_is_cut_and_what_is_left_out_is_counted(page: Page) -> None:
    await page.desk._write(Changes(entries=[Entry(UID, NOW + each, EntryKind.COMMENTED, "an") for each in range(300)]))
    told = words((await page.look(token(), "?lang=en"))[1])
    assert (told.count("comment – an"), f"and {302 - MOST_SHOWN} more" in told) == (MOST_SHOWN, True)


async def test_the_page_runs_no_script_is_not_kept_and_gives_its_address_to_nobody(page: Page) -> None:
    async with page.client.get(f"/incidents/{token()}") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert ("default-src 'none'" in policy, "script" in policy) == (True, False)
        assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert answer.headers["X-Robots-Tag"] == "noindex"
        assert answer.headers["X-Frame-Options"] == "DENY"


def test_the_page_has_every_text_in_both_languages() -> None:
    assert (set(ENTRIES), set(EVENTS)) == (set(EntryKind), set(EventKind))
    texts = [*PAGE.values(), *ENTRIES.values(), *EVENTS.values()]
    assert all(set(each) == {"vi", "en"} and each["vi"] != each["en"] for each in texts)
