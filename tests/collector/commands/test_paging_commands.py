"""The commands as typed, against a served API with a store and a desk: two languages, times in the zone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from collector.commands import incidents
from collector.commands.agents import CommandError
from collector.commands.explain_alerts import alert_lines, alerts_of
from collector.commands.paging_options import add_commands, completed
from collector.commands.paging_text import PagingTeller
from collector.commands.paging_words import PROBLEMS, WORDS, problem
from collector.config import Config, Web
from collector.core.incident import ActRefusal, EntryKind
from collector.core.notice import EventKind, RowState
from collector.expose.auth import make_token
from collector.expose.paging_routes import add_paging_routes
from collector.output import Parser
from collector.store.store import Store
from tests.collector.expose.paging_kit import LOCAL, NOW, PEOPLE, MemoryDesk, full_match


class Shell:
    """Commands of people against one running API."""

    def __init__(self, config: Config, desk: MemoryDesk, environment: pytest.MonkeyPatch) -> None:
        self._config = config
        self._environment = environment
        self.desk = desk
        self.tokens: dict[str, str] = {}

    async def run(self, who: str, *typed: str, language: str = "en") -> str:
        """What the command prints; it runs in a thread of its own, as in a process of its own."""
        self._environment.setenv("HAIDANG_TOKEN", self.tokens[who])
        files = Parser(add_help=False)
        files.add_argument("--config", type=Path)
        parser = Parser(prog="haidang-collector")
        add_commands(parser.add_subparsers(dest="command", required=True), files, language)
        options = parser.parse_args(completed(typed))
        options.lang = language
        return await asyncio.to_thread(incidents.run, self._config, options)

    async def fails(self, who: str, *typed: str, language: str = "en") -> str:
        with pytest.raises(CommandError) as caught:
            await self.run(who, *typed, language=language)
        return str(caught.value)


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    store = await Store.open(f"sqlite:///{tmp_path / 'haidang.db'}")
    desk = MemoryDesk(store)
    await desk.begin()
    app = web.Application()
    add_paging_routes(app, desk, store, store, now_ms=lambda: desk.now_ms, full_match=full_match, on_retry=lambda: None)
    runner = web.AppRunner(app)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    made = Shell(Config(data=str(tmp_path), web=Web(listen=f"127.0.0.1:{port}")), desk, monkeypatch)
    for name, role in PEOPLE.items():
        made.tokens[name], token_hash = make_token()
        await store.add_person(name, role, token_hash, LOCAL, now_ms=NOW)
    yield made
    await runner.cleanup()
    await store.close()


async def test_incidents_alone_lists_what_is_open(shell: Shell) -> None:
    text = await shell.run("v1", "incidents")
    assert re.search(
        r"^#7 +open +critical +2026-11-24 12:58 \+07 +router \(Host <router>\) +down +dic +- +-$", text, re.MULTILINE
    )
    held = text.partition("\n\nWrong, and nobody is told\n")[2]
    assert held.startswith("  web (Host <web>): ")
    assert "nobody is told: it has not lasted long enough yet" in held
    assert "router" not in held
    whole = await shell.run("v1", "incidents", "--state", "all", language="vi")
    assert whole.startswith("SỐ")
    assert "chưa báo ai" not in whole


async def test_one_incident_shows_who_was_told_and_why_others_were_not(shell: Shell) -> None:
    text = await shell.run("v1", "incidents", "show", "7")
    assert "router (Host <router>): down, since 2026-11-24 12:58:30 +07: paged 2026-11-24 12:59:00 +07 as incident #7" in text
    assert (
        "switch (Host <switch>): unreachable, since 2026-11-24 12:58:30 +07: nobody is told: router is out, which explains it"
        in text
    )
    assert "rejected: 404" in text
    viet = await shell.run("v1", "incidents", "show", "7", language="vi")
    assert "chưa báo ai: router đang ngừng, đó là nguyên nhân" in viet
    assert "Diễn biến" in viet


async def test_people_act_and_are_told_why_not(shell: Shell) -> None:
    assert "your role (viewer)" in await shell.fails("v1", "incidents", "ack", "7")
    text = await shell.run("u1", "incidents", "ack", "7", "--text", "on my way")
    assert re.search(r"^acknowledged +u1, 2026-11-24 13:00:00 \+07$", text, re.MULTILINE)
    assert "acknowledged by u1" in await shell.fails("u1", "incidents", "ack", "7")
    assert "7: u1 đã tiếp nhận" in await shell.fails("u1", "incidents", "ack", "7", language="vi")
    assert "phụ trách" in await shell.run("u1", "incidents", "assign", "7", "Trực ca A", language="vi")
    assert re.search(r"comment +cable cut +\[u1\]", await shell.run("u1", "incidents", "comment", "7", "cable cut"))
    assert "resolved" in await shell.run("u1", "incidents", "resolve", "7")
    assert "#7 đã khôi phục" in await shell.fails("u1", "incidents", "resolve", "7", language="vi")
    assert (await shell.run("v1", "incidents")).startswith("No incidents.\n\nWrong, and nobody is told\n  web")
    assert await shell.fails("v1", "incidents", "show", "99") == "99: no incident has this number"
    assert "99: không có sự cố nào" in await shell.fails("v1", "incidents", "show", "99", language="vi")
    assert "cần một dòng từ 1 đến 500" in await shell.fails("u1", "incidents", "comment", "7", "", language="vi")


async def test_a_silence_from_typing_to_its_end(shell: Shell) -> None:
    add = ("silence", "add", "site=dic", 'instance=~"w.*"', "--comment", "works")
    assert await shell.fails("u1", *add) == "expected one of --to and --for"
    assert "bad" in await shell.fails("u1", *add, "--for", "bad")
    begin = ("--from", "2026-11-24T13:00")
    text = await shell.run("u1", *add, "--to", "2026-11-24T19:00")
    assert text == "Silence S1 is made, until 2026-11-24 19:00:00 +07.\nIt matches at present: web"
    assert "S1: the same silence was made already" in await shell.fails("u1", *add, *begin, "--to", "2026-11-24T19:00")
    assert "cần ít nhất một điều kiện" in await shell.fails(
        "u1", "silence", "add", "a=~.*", "--comment", "c", *begin, "--for", "1h", language="vi"
    )
    far = await shell.fails("u1", *add, *begin, "--for", "90d", language="vi")
    assert far == "--to: dài tối đa 31 ngày"
    typo = await shell.run("u1", "silence", "add", "rak=7", "--comment", "c", "--to", "2026-11-24T19:00", language="vi")
    assert "Hãy xem lại: hiện không có đối tượng" in typo
    await shell.run("u1", "silence", "expire", "S2")
    listed = await shell.run("v1", "silence", "list")
    assert re.search(r'^S1 +active .*site="dic", instance=~"w\.\*" +u1 +web +works$', listed, re.MULTILINE)
    assert await shell.run("u1", "silence", "expire", "S1", language="vi") == "Lệnh tắt báo S1 đã kết thúc."
    assert await shell.run("v1", "silence", "list") == "No silences."
    assert "over" in await shell.run("v1", "silence", "list", "--all")
    assert "S1 is over already" in await shell.fails("u1", "silence", "expire", "S1")


async def test_a_test_that_is_not_delivered_is_a_failure_of_the_command(shell: Shell) -> None:
    assert await shell.run("u1", "alert", "test", "chat") == "chat: delivered in 1.2 s."
    assert await shell.fails("u1", "alert", "test", "sms", language="vi") == "sms: không gửi được: quá thời gian: 10 s"
    assert await shell.fails("u1", "alert", "test", "nobody") == "nobody: no receiver has this name; there are chat"


async def test_dead_letters_are_found_tried_again_and_dropped(shell: Shell) -> None:
    assert re.search(r"^1 +dead +chat +firing .* rejected: 404$", await shell.run("v1", "outbox", "list"), re.MULTILINE)
    assert await shell.run("u1", "outbox", "retry", "--all") == "Due again: 1"
    assert await shell.run("u1", "outbox", "drop", "--all", language="vi") == "Không có tin nào không gửi được."
    assert "expected numbers" in await shell.fails("u1", "outbox", "drop")
    assert "pending" in await shell.run("v1", "outbox", "list")
    assert await shell.run("v1", "outbox", "list", "--state", "dropped") == "No notifications."
    assert "99: không có tin không gửi được nào" in await shell.fails("u1", "outbox", "drop", "99", language="vi")


async def test_an_explanation_tells_who_was_paged_or_why_nobody_was_and_of_a_target_that_is_fine_nothing(shell: Shell) -> None:
    store, period = shell.desk.store, (NOW - 100_000, NOW)
    paged = alert_lines(await alerts_of(store, "router", {"vi": "Bộ định tuyến"}, period, NOW), "vi", "Asia/Ho_Chi_Minh")
    assert "đã báo lúc 2026-11-24 12:59:00 +07, sự cố #7" in paged
    young = alert_lines(await alerts_of(store, "web", {}, period, NOW), "en", "Asia/Ho_Chi_Minh")
    assert "nobody is told: it has not lasted long enough yet (until 2026-11-24 13:00:50 +07)" in young
    assert alert_lines(await alerts_of(store, "quiet", {}, period, NOW), "en", "UTC") == ""
    assert await alerts_of(store, "web", {}, period, NOW - 10_001) == []


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["incidents"], ["incidents", "list"]),
        (["--lang", "vi", "incidents", "--url", "x"], ["--lang", "vi", "incidents", "list", "--url", "x"]),
        (["incidents", "--help"], ["incidents", "--help"]),
        (["incidents", "ack", "7"], ["incidents", "ack", "7"]),
        (["outbox"], ["outbox"]),
        ([], []),
    ],
)
def test_incidents_without_a_verb_is_its_list(typed: list[str], read: list[str]) -> None:
    assert completed(typed) == read


def test_every_word_of_the_closed_lists_has_both_languages() -> None:
    lists = {"entry": EntryKind, "event": EventKind, "row": RowState}
    assert {f"{name}_{one.value}" for name, some in lists.items() for one in some} <= WORDS.keys()
    assert all(len(pair) == 2 and all(pair) for pair in (*WORDS.values(), *PROBLEMS.values()))
    for refusal in ActRefusal:
        assert problem("vi", refusal.value, "x", "acknowledged by u1") != problem(
            "en", refusal.value, "x", "acknowledged by u1"
        )
        assert "{" not in problem("vi", refusal.value, "x", "y")


@pytest.mark.parametrize("language", ["en", "vi"])
def test_a_list_fits_into_a_terminal_and_what_is_cut_says_so(language: str) -> None:
    """Long names, comments and errors give way, the longest first; numbers, states and times never do."""
    name = "Ủy ban nhân dân thị xã Chí Linh, phòng họp trực tuyến số 2"
    incident = {
        "number": 1234, "state": "acknowledged", "severity": "critical", "onset": "2026-11-24T05:58:30Z", "kind": "collector",
        "name": "outbox", "subject": "room-chi-linh", "names": {"en": name, "vi": name}, "site": "chi-linh", "assignee": "",
        "acknowledged_by": "truc-ca-a",
    }  # fmt: skip
    row = {
        "id": 12345, "state": "pending", "receiver": "sms-binh", "event": "firing", "incident": 1234, "silence": "",
        "attempts": 12, "created": "2026-11-24T05:58:30Z", "next": "2026-11-24T05:59:30Z",
        "error": "tls: " + "certificate verify failed " * 5,
    }  # fmt: skip
    tell = PagingTeller(language, ZoneInfo("Asia/Ho_Chi_Minh"))
    for text in (tell.incidents({"incidents": [incident], "next": None}), tell.outbox({"outbox": [row], "next": None})):
        assert max(map(len, text.splitlines())) <= 120
        assert "…" in text
        assert "2026-11-24 12:58 +07" in text
    short = incident | {"names": {"en": "A", "vi": "A"}, "kind": "down", "name": ""}
    assert "room-chi-linh (A)" in tell.incidents({"incidents": [short], "next": None})


def test_what_an_incident_says_already_is_not_called_untold() -> None:
    """Held as part of an incident of another subject: people know; held for any other reason they do not."""
    tell = PagingTeller("en", ZoneInfo("UTC"))
    alert = {
        "subject": "site:dic", "names": {"en": "site:dic"}, "what": {"en": "error budget burns"}, "ended": None, "paged": None,
        "since": "2026-11-24T05:58:30Z", "incident": None, "held": {"reason": "grouped", "text": {"en": "told"}, "until": None},
    }  # fmt: skip
    silent = alert | {"held": {"reason": "no_route", "text": {"en": "no route"}, "until": None}}
    assert tell.held({"alerts": [alert]}) == ""
    assert tell.held({"alerts": [alert, silent]}).count("error budget burns") == 1
    assert tell.held({"alerts": [silent] * 25}).endswith("… and 5 more: /api/v1/alerts")


def test_nothing_that_a_terminal_obeys_is_shown() -> None:
    row = {
        "id": 1, "state": "dead", "receiver": "chat", "event": "firing", "incident": 7, "silence": "",
        "created": "2026-11-24T06:00:00Z", "attempts": 1, "next": None, "error": "rejected: \x1b[2J",
    }  # fmt: skip
    assert "\x1b" not in PagingTeller("en", ZoneInfo("UTC")).outbox({"outbox": [row], "next": None})
