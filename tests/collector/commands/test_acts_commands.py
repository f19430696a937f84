"""The commands as typed, against a served API with a store: two people, two languages, times in the zone."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from collector.commands import acts as acts_commands
from collector.commands import acts_problems, acts_words
from collector.commands.acts_options import add_commands
from collector.commands.agents import CommandError
from collector.config import Config, Web
from collector.core.acts import ActProblem, Names, Rulebook
from collector.core.people import PersonProblem
from collector.expose.acts import add_routes
from collector.output import Parser
from collector.store.store import Store

RULES = Rulebook(Names(frozenset({"T"}), frozenset({"hn"}), frozenset({"server"}), frozenset({("rack", "7")})))


def parse(typed: list[str], language: str) -> argparse.Namespace:
    """As the program does it."""
    files = Parser(add_help=False)
    files.add_argument("--config", type=Path)
    parser = Parser(prog="haidang-collector")
    add_commands(parser.add_subparsers(dest="command", required=True), files, language)
    options = parser.parse_args(typed)
    options.lang = language
    return options


class Shell:
    """Commands of people against one running API."""

    def __init__(self, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
        self._config = config
        self._environment = monkeypatch
        self.tokens: dict[str, str] = {}

    async def run(self, who: str, *typed: str, language: str = "en") -> str:
        """What the command prints; it runs in a thread of its own, as in a process of its own."""
        self._environment.setenv("HAIDANG_TOKEN", self.tokens.get(who, who))
        options = parse(list(typed), language)
        return await asyncio.to_thread(lambda: asyncio.run(acts_commands.run(self._config, options)))

    async def fails(self, who: str, *typed: str, language: str = "en") -> str:
        with pytest.raises(CommandError) as caught:
            await self.run(who, *typed, language=language)
        return str(caught.value)

    async def add(self, name: str, role: str) -> None:
        text = await self.run("", "user", "add", name, "--role", role)
        self.tokens[name] = text.split()[-1]


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    data = tmp_path / "data"
    data.mkdir()
    store = await Store.open(f"sqlite:///{data / 'haidang.db'}")
    app = web.Application()
    add_routes(app, store, store, lambda: int(datetime.now(UTC).timestamp() * 1000), lambda: None, rules=lambda: RULES)
    runner = web.AppRunner(app)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    made = Shell(Config(data=str(data), web=Web(listen=f"127.0.0.1:{port}")), monkeypatch)
    for name, role in (("u1", "operator"), ("u2", "approver"), ("u3", "admin")):
        await made.add(name, role)
    yield made
    await runner.cleanup()
    await store.close()


def ahead(**more: int) -> str:
    """A local time from now, as typed."""
    return (datetime.now(UTC) + timedelta(hours=7, **more)).strftime("%Y-%m-%dT%H:%M")


async def test_a_window_by_two_people(shell: Shell) -> None:
    begin = ahead(days=2)
    text = await shell.run("u1", "maintenance", "add", "--from", begin, "--for", "2h", "--target", "T", "--change", "CR-1")
    assert text.startswith("M1\n")
    assert f"{begin.replace('T', ' ')} +07" in text
    assert "haidang-collector maintenance approve M1" in text
    assert "your role (operator)" in await shell.fails("u1", "maintenance", "approve", "M1")
    assert "u2" in await shell.run("u2", "maintenance", "approve", "M1")
    listed = await shell.run("u3", "maintenance", "list")
    assert re.search(r"^M1 +approved .*target=T +u1 +u2 +CR-1$", listed, re.MULTILINE)
    assert "cannot end before its start" in await shell.fails("u1", "maintenance", "end", "M1")
    assert "cancelled" in await shell.run("u1", "maintenance", "cancel", "M1", "--reason", "postponed")
    assert "M1" in await shell.run("u1", "maintenance", "list", "--status", "cancelled")
    assert await shell.run("u1", "maintenance", "list", "--status", "approved") == "No maintenance windows."


async def test_the_same_in_vietnamese(shell: Shell) -> None:
    text = await shell.run(
        "u1", "maintenance", "add", "--from", ahead(days=2), "--for", "90m", "--site", "hn", "--propagate", language="vi"
    )
    assert "Đang chờ người khác duyệt" in text
    assert re.search(r"trạng thái +chờ duyệt", text)
    assert "vai trò của bạn (operator)" in await shell.fails("u1", "maintenance", "approve", "M1", language="vi")
    assert "không có mục nào mang mã này" in await shell.fails("u2", "maintenance", "approve", "M9", language="vi")
    assert (await shell.run("u2", "maintenance", "list", language="vi")).startswith("MÃ")


async def test_a_series(shell: Shell) -> None:
    text = await shell.run(
        "u1", "maintenance", "add", "--monthly", "2-tue", "--at", "22:00", "--for", "1h30m", "--last", "2027-12-31",
        "--scope", "class=server,label.rack=7",
    )  # fmt: skip
    assert "Tuesday (number 2 of the month), 22:00 (Asia/Ho_Chi_Minh), 1h30m" in text
    assert "class=server,label.rack=7" in text
    begin = re.findall(r"to come +(\S+) (\S+) \+07", text)[0]
    less = await shell.run("u1", "maintenance", "cancel", "M1", "--occurrence", "T".join(begin))
    assert f"only that of {begin[0]} {begin[1]} +07" in less
    assert re.findall(r"to come +(\S+) (\S+) \+07", less)[0] != begin
    assert "--last is needed" in await shell.fails(
        "u1", "maintenance", "add", "--weekly", "mon", "--at", "22:00", "--for", "1h"
    )


async def test_a_correction_by_two_people(shell: Shell) -> None:
    typed = ["correct", "add", "T", "--from", ahead(minutes=-30), "--to", ahead(minutes=-10), "--state", "up", "--view", "e2e"]
    assert "--reason and --change (R11.3); missing: reason" in await shell.fails("u1", *typed)
    text = await shell.run("u1", *typed, "--reason", "probe fault", "--change", "CR-7")
    assert "T (end to end)" in text
    assert "approved" in await shell.run("u2", "correct", "approve", "C1")
    other = ["correct", "add", "T", "--from", ahead(minutes=-9), "--to", ahead(minutes=-5), "--state", "unreachable"]
    assert "không tới được" in await shell.run("u1", *other, "--reason", "r", "--change", "c", language="vi")
    assert re.search(r"^C1 +approved +T +end to end ", await shell.run("u3", "correct", "list"), re.MULTILINE)
    assert "cancelled" in await shell.run("u3", "correct", "cancel", "C1", "--reason", "was right")
    assert "C1 is cancelled already" in await shell.fails("u2", "correct", "approve", "C1")


async def test_audit_names_who_did_what(shell: Shell) -> None:
    await shell.run("u1", "maintenance", "add", "--from", ahead(days=2), "--for", "2h", "--target", "T")
    text = await shell.run("u1", "audit", "list", "--limit", "2")
    assert re.search(r"^4 .* u1 +operator +127\.0\.0\.1 +maintenance\.create +M1 ", text, re.MULTILINE)
    assert re.search(r"^3 .* os:\S+ +admin +local +user\.add +u3 ", text, re.MULTILINE)
    assert text.endswith("More: --before 3")


async def test_people_are_made_on_the_store(shell: Shell) -> None:
    assert re.search(r"^u2 +approver +\d{4}-\d\d-\d\d \d\d:\d\d \+07 +-$", await shell.run("", "user", "list"), re.MULTILINE)
    assert "u1 exists" in await shell.fails("", "user", "add", "u1", "--role", "admin")
    assert "không có ai tên này" in await shell.fails("", "user", "revoke", "u9", language="vi")
    old = shell.tokens["u2"]
    shell.tokens["u2"] = (await shell.run("", "user", "rotate", "u2")).split()[-1]
    assert "not known or not valid" in await shell.fails(old, "maintenance", "list")
    assert await shell.run("u2", "maintenance", "list") == "No maintenance windows."
    assert "vai trò xem" in await shell.run("", "user", "role", "u2", "viewer", language="vi")
    assert "u2 is revoked." in await shell.run("", "user", "revoke", "u2")
    assert "not known or not valid" in await shell.fails("u2", "maintenance", "list")


async def test_what_is_mistyped_reaches_no_collector(shell: Shell) -> None:
    add = ["maintenance", "add", "--target", "T"]
    assert "tomorrow: expected a time" in await shell.fails("u1", *add, "--from", "tomorrow", "--for", "1h")
    assert "2x: cần độ dài" in await shell.fails("u1", *add, "--from", "now", "--for", "2x", language="vi")
    assert "--to or --for is needed" in await shell.fails("u1", *add, "--from", "now")
    assert "HAIDANG_TOKEN" in await shell.fails("", "maintenance", "list")
    assert "say for what" in await shell.fails("u1", "maintenance", "add", "--from", ahead(days=1), "--for", "1h")
    with pytest.raises(SystemExit):
        parse(["correct", "add", "T", "--state", "fine"], "en")


def test_every_refusal_has_words() -> None:
    """Each code of the closed lists, in two languages that differ."""
    assert {problem.value for problem in ActProblem} <= set(acts_problems.PROBLEMS)
    assert {problem.value for problem in PersonProblem} <= set(acts_problems.PERSONS)
    for english, vietnamese in (*acts_problems.PROBLEMS.values(), *acts_problems.PERSONS.values()):
        assert english != vietnamese or english.startswith("{")
    assert acts_words.problem("vi", "unheard_of", "", "d") == "bộ thu thập từ chối (unheard_of): d"
