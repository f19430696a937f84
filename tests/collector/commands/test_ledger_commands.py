"""The commands of the ledger as typed, on a store that the ledger itself filled."""

from __future__ import annotations

import argparse
import asyncio
import csv
import io
import json
import os
import pty
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from collector.__main__ import _parser
from collector.commands import ledger as ledger_commands
from collector.commands.agents import CommandError
from collector.commands.ledger_words import _WORDS, word
from collector.config import Config, Web
from collector.core.issued import SealProblem
from collector.core.people import Actor, Role
from collector.expose.auth import hash_token
from collector.expose.reports import add_routes
from collector.ledger_desk import Desk
from collector.ledger_setup import tzdata_version
from tests.collector.ledger.test_issuing import APRIL, MINUTE, late, march, over, restated, turn
from tests.collector.ledger.world import HOUR, World

ROOT = Path(__file__).parents[3]


class Shell:
    """Commands on the data of a world, at the time of that world."""

    def __init__(self, world: World, url: str = "http://127.0.0.1:1") -> None:
        self.world = world
        self.url = url
        self.config = msgspec.structs.replace(world.config, data=str(world.folder))

    async def run(self, *typed: str, language: str = "en") -> int:
        """The exit code; in a thread of its own, as in a process of its own."""
        options = self.parse(typed, language)
        return await asyncio.to_thread(ledger_commands.run, self.config, options, lambda: self.world.now)

    def parse(self, typed: tuple[str, ...], language: str) -> argparse.Namespace:
        options = _parser(language).parse_args(list(typed))
        options.lang = language
        return options

    async def fails(self, *typed: str, language: str = "en") -> str:
        with pytest.raises(CommandError) as caught:
            await self.run(*typed, language=language)
        return str(caught.value)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """March is over and not sealed; in the morning of the first of April."""
    world = World(tmp_path, APRIL - 6 * HOUR)
    async with world.running():
        await march(world)
        await over(world, APRIL + 8 * HOUR)
        yield Shell(world)


def rows(text: str) -> dict[tuple[str, str], dict[str, str]]:
    return {(row["id"], row["view"]): row for row in csv.DictReader(io.StringIO(text))}


async def test_a_report_from_closed_days_is_the_one_from_evidence(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert await shell.run("report", "--month", "2026-03") == 0
    closed = rows(capsys.readouterr().out)
    as_of = "2026-04-01T08:00"
    assert await shell.run("report", "--period", "2026-03", "--as-of", as_of) == 0
    judged = rows(capsys.readouterr().out)
    assert closed == judged
    assert closed["web-02", "e2e"]["status"] == "settling"
    assert closed["web-02", "e2e"]["unknown_ms"] == str(4 * HOUR)
    assert await shell.run("report", "--month", "2026-03", "--as-of", "2026-03-31T20:00") == 0
    early = rows(capsys.readouterr().out)
    assert early["web-02", "e2e"]["status"] == "open"
    assert early["web-02", "e2e"]["ast_ms"] == str(2 * HOUR)


async def test_an_open_period_reaches_behind_the_closed_days(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert await shell.run("report", "--period", "2026-03-31/2026-04-02") == 0
    row = rows(capsys.readouterr().out)["web-01", "device"]
    assert (row["status"], row["ast_ms"]) == ("open", str(14 * HOUR))
    assert await shell.run("report", "--period", "2026-03-31T20:00/2026-03-31T22:00", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["from"], document["to"]) == ("2026-03-31T13:00:00.000Z", "2026-03-31T15:00:00.000Z")


async def test_a_sealed_period_prints_what_was_issued(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    world = shell.world
    await over(world)
    await late(world)
    await restated(world)
    assert await shell.run("report", "--month", "2026-03") == 0
    second = rows(capsys.readouterr().out)["agent:web-02", "device"]
    assert (second["status"], second["version"], second["unknown_ms"]) == ("sealed", "2", str(210 * MINUTE))
    assert await shell.run("report", "--month", "2026-03", "--version", "1") == 0
    first = capsys.readouterr().out
    assert rows(first)["agent:web-02", "device"]["unknown_ms"] == str(240 * MINUTE)
    assert await shell.run("report", "--month", "2026-03", "--version", "1") == 0
    assert capsys.readouterr().out == first, "R17.4: to the byte"
    assert await shell.run("report", "--month", "2026-03", "--fresh") == 0
    assert rows(capsys.readouterr().out)["agent:web-02", "device"]["version"] == "0"
    assert await shell.run("report", "--month", "2026-03", "--site", "dic") == 0
    part = rows(capsys.readouterr().out)
    assert part["agent:web-02", "device"]["unknown_ms"] == second["unknown_ms"]
    text = await shell.fails("report", "--month", "2026-03", "--version", "3")
    assert text == "2026-03: version 3 is not issued; there is version 1 to 2"
    assert "leave out --as-of" in await shell.fails("report", "--month", "2026-03", "--version", "1", "--fresh")
    assert "site:dic" in await shell.fails("report", "--month", "2026-03", "--site", "x")


async def test_one_policy_for_everything(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert await shell.run("report", "--month", "2026-03", "--policy", "unknown_as_down") == 0
    row = rows(capsys.readouterr().out)["web-02", "e2e"]
    assert (row["policy"], row["bad_ms"]) == ("unknown_as_down", row["unknown_ms"])


async def test_periods_that_cannot_be_reported(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    assert await shell.fails("report", "--month", "2026-05") == (
        "2026-05 begins 2026-05-01 00:00 +07, which is still to come: there is nothing to report yet"
    )
    assert "is in the future" in await shell.fails("report", "--month", "2026-03", "--as-of", "2026-04-02T00:00")
    assert "later than --as-of" in await shell.fails("report", "--month", "2026-03", "--as-of", "2026-02-01T00:00")
    assert await shell.fails("report", "--month", "2026-3") == "--month 2026-3: expected a month such as 2026-10"
    assert "expected 2026, 2026-Q4" in await shell.fails("report", "--period", "March")
    assert "kỳ March không hợp lệ" in await shell.fails("report", "--period", "March", language="vi")
    assert "there are site:dic" in await shell.fails("report", "--month", "2026-03", "--group", "core")
    assert await shell.run("report", "--month", "2025-03") == 0
    said = capsys.readouterr()
    assert {row["verdict"] for row in rows(said.out).values()} == {"NO_DATA"}
    assert said.err == "NO_DATA: nothing was in service in 2025-03; the first subject was configured 2026-03-31 18:00 +07\n"
    await shell.world.store.prune(APRIL)
    assert "evidence from before 2026-04-01 00:00 +07 is no longer kept" in await shell.fails(
        "report", "--month", "2026-03", "--as-of", "2026-04-01T07:00"
    )


async def test_a_folder_without_data_is_refused_and_not_filled(shell: Shell, tmp_path: Path) -> None:
    shell.config = Config(data=str(tmp_path / "elsewhere"))
    for typed in (("report", "--month", "2026-03"), ("explain", "web-01"), ("audit", "verify")):
        assert "there is no data here" in await shell.fails(*typed)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.html", "a.xlsx"])
async def test_a_file_is_written_whole_or_not_at_all(shell: Shell, tmp_path: Path, name: str) -> None:
    file = tmp_path / "out" / name
    assert "No such file or directory" in await shell.fails("report", "--month", "2026-03", "-o", str(file))
    file.parent.mkdir()
    file.write_text("before")
    assert "which is still to come" in await shell.fails("report", "--month", "2026-05", "-o", str(file))
    assert file.read_text() == "before"
    assert await shell.run("report", "--month", "2026-03", "-o", str(file), language="vi") == 0
    starts = {"csv": b"period,", "json": b'{"format"', "html": b"<!DOCTYPE html>", "xlsx": b"PK"}
    assert file.read_bytes().lower().startswith(starts[name[2:]].lower())
    assert [path.name for path in file.parent.iterdir()] == [name], "nothing is left beside it"
    assert stat.S_IMODE(file.stat().st_mode) == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def test_a_workbook_is_not_for_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    main, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        text = await shell.fails("report", "--month", "2026-03", "--format", "xlsx")
        monkeypatch.undo()
    os.close(main)
    assert text == "XLSX is not for a terminal: give -o FILE or send it elsewhere"


async def test_explain_tells_the_span_and_its_evidence(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ("explain", "web-02", "--from", "2026-03-31T19:00", "--to", "2026-03-31T20:00")
    assert await shell.run(*typed) == 0
    text = capsys.readouterr().out
    assert "boot continuity" in text
    assert "2026-03-31 19:01:00" in text
    assert "heartbeat, by web-02" in text
    assert await shell.run(*typed, "--view", "e2e", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    (view,) = document["views"]
    assert [span["state"] for span in view["spans"]] == ["up", "unknown", "up"]
    assert view["spans"][1]["evidence"]
    assert await shell.run(*typed, language="vi") == 0
    assert "Góc nhìn" in capsys.readouterr().out
    by_date = ("explain", "web-02", "--from", "2026-03-31", "--to", "2026-04-01")
    assert await shell.run(*by_date) == 0
    assert "2026-03-31 00:00" in capsys.readouterr().out
    assert await shell.run("explain", "site:dic") == 0
    assert "adds up the seconds of its members" in capsys.readouterr().out


async def test_explain_as_of_then(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ("explain", "agent:web-02", "--from", "2026-03-31T19:10", "--to", "2026-03-31T19:20", "--format", "json")
    then = ("--as-of", "2026-04-01T07:00")

    async def states() -> list[str]:
        assert await shell.run(*typed, *then) == 0
        return [span["state"] for span in json.loads(capsys.readouterr().out)["views"][0]["spans"]]

    before = await states()
    await late(shell.world)
    assert await states() == before == ["unknown"]
    assert await shell.run(*typed) == 0
    assert [span["state"] for span in json.loads(capsys.readouterr().out)["views"][0]["spans"]] == ["up"]


async def test_what_explain_refuses(shell: Shell) -> None:
    assert (
        await shell.fails("explain", "web-2") == "web-2: there is no such subject; did you mean web-02, web-01, agent:web-02?"
    )
    assert "did you mean site:dic?" in await shell.fails("explain", "dic")
    assert "is not before" in await shell.fails("explain", "web-01", "--from", "2026-03-02T10:00", "--to", "2026-03-02T09:00")
    assert "at most 400 days" in await shell.fails("explain", "web-01", "--from", "2020-03-02T10:00")
    assert "is in the future" in await shell.fails("explain", "web-01", "--as-of", "2027-01-01T00:00")
    assert "still to come" in await shell.fails("explain", "web-01", "--from", "2026-04-02T00:00", "--to", "2026-04-03T00:00")


# --- audit verify


async def verified(shell: Shell, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = await shell.run("audit", "verify")
    return code, capsys.readouterr().out


async def test_r17_4_everything_holds(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    await over(shell.world)
    links = [link async for link in shell.world.store.chain()]
    code, text = await verified(shell, capsys)
    assert code == 0
    assert f"chain: {len(links)} links, whole" in text
    assert "issued reports: 1 versions, as they were issued" in text
    days = len([link for link in links if link.kind == "day"])
    assert f"evidence: {days} links agree with the stored evidence" in text
    assert f"closed days: {days} of {days} are what their newest link says" in text
    assert f"head of the chain: {links[-1].hash.hex()} (link {len(links)})" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE chain SET known_ms = known_ms + 1 WHERE number = 1", "chain: link 1 (2026-03-31) is altered"),
        ("DELETE FROM chain WHERE number = 1", "chain: link 1 (-) is altered, missing"),
        ("UPDATE evidence SET last_t_ms = last_t_ms - 60000, count = count - 1 WHERE id = 2", "the evidence of 2026-03-31"),
        ("UPDATE spans SET device = e2e WHERE subject = 'web-02'", "the spans of 2026-03-31 are not what was linked"),
        ("UPDATE reports SET body = (SELECT x'789c030000000001')", "report 2026-03 v1 is not what was issued"),
        ("UPDATE reports SET version = 2", "report 2026-03 v1 is not what was issued"),
        ("DELETE FROM reports", "report 2026-03 v1 is not what was issued"),
        ("INSERT INTO reports SELECT id + 1, period, scope, 2, from_ms, until_ms, known_ms, issued_ms, issued_by, head, body "
         "FROM reports", "report 2026-03 v2 is in no link of the chain"),
        ("UPDATE audit SET actor = 'u9' WHERE id = 2", "audit trail: entry 2 is missing or altered"),
    ],
)  # fmt: skip
async def test_r17_4_what_was_changed_is_named(
    shell: Shell, capsys: pytest.CaptureFixture[str], change: str, said: str
) -> None:
    await people(shell)
    await over(shell.world)
    with sqlite3.connect(shell.world.folder / "haidang.db") as database:
        assert database.execute(change).rowcount > 0
    code, text = await verified(shell, capsys)
    assert code == 1
    assert said in text.splitlines()[-1]


async def test_r17_4_late_evidence_waits_for_its_link_and_is_no_fault(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    world = shell.world
    await over(world)
    world.machines["web-02"].spool = world.machines["web-02"].spool[:]
    await world.send("web-02")
    world.now += 6_000
    await turn(world)
    code, text = await verified(shell, capsys)
    assert (code, "2026-03-31 was changed by late evidence and waits for its next link" in text) == (0, True)
    world.now += 3 * MINUTE
    await turn(world, 3)
    code, text = await verified(shell, capsys)
    assert (code, "waits" in text) == (0, False)


# --- seal


async def people(shell: Shell) -> None:
    here = Actor("os:root", Role.ADMIN, "local")
    for name, role in (("u1", Role.OPERATOR), ("u2", Role.APPROVER)):
        await shell.world.store.add_person(name, role, hash_token(name), here, now_ms=shell.world.now)


@pytest.fixture
async def served(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    """The same with its API, and a ledger that is woken by who asks."""
    ledgers, store = shell.world.ledgers, shell.world.store
    tasks: set[asyncio.Task[None]] = set()
    ledgers.issuing.on_ask = lambda: tasks.add(asyncio.get_running_loop().create_task(turn(shell.world)))
    app = web.Application()
    add_routes(app, Desk(store, ledgers.issuing, shell.config), store)
    runner = web.AppRunner(app)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    shell.config = msgspec.structs.replace(shell.config, web=Web(listen=f"127.0.0.1:{port}"))
    shell.url = f"http://127.0.0.1:{port}"
    await people(shell)
    monkeypatch.setenv("HAIDANG_TOKEN", "u2")
    yield shell
    await runner.cleanup()


async def ask(shell: Shell, path: str, token: str = "u2", method: str = "GET") -> tuple[int, bytes]:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    def call() -> tuple[int, bytes]:
        request = Request(f"{shell.url}/api/v1{path}", method=method, headers={"Authorization": f"Bearer {token}"})
        try:
            with urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    return await asyncio.to_thread(call)


async def test_r17_1_seal(served: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert await served.fails("seal", "--period", "2026-04") == (
        "2026-04 is not over: it may be sealed from 2026-05-04 00:00 +07 on"
    )
    assert await served.fails("seal", "--period", "2026-03", language="vi") == (
        "2026-03 đang chờ dữ liệu đến muộn: có thể chốt từ 2026-04-04 00:00 +07"
    )
    assert "expected a year, quarter" in await served.fails("seal", "--period", "March/April")
    await over(served.world)
    assert await served.run("seal", "--period", "2026-Q1") == 0
    assert capsys.readouterr().out.startswith("2026-Q1 is sealed: version 1, issued by u2.\n")
    assert await served.fails("seal", "--period", "2026-Q1") == "2026-Q1 is sealed already: version 1 is the newest one"
    assert "nothing was in service in 2025" in await served.fails("seal", "--period", "2025")
    monkeypatch.setenv("HAIDANG_TOKEN", "u1")
    assert "your role (operator)" in await served.fails("seal", "--period", "2026-Q1")


async def test_reports_by_api(served: Shell) -> None:
    assert (await ask(served, "/reports", token="x"))[0] == 401
    assert json.loads((await ask(served, "/reports"))[1]) == {"reports": []}
    status, body = await ask(served, "/reports/2026-03")
    assert (status, json.loads(body)["error"]["code"]) == (404, "unknown_report")
    world = served.world
    await over(world)
    await late(world)
    await restated(world)
    listed = json.loads((await ask(served, "/reports"))[1])["reports"]
    assert [(one["period"], one["version"], one["issued_by"]) for one in listed] == [
        ("2026-03", 2, "collector"), ("2026-03", 1, "collector"),
    ]  # fmt: skip
    newest = json.loads((await ask(served, "/reports/2026-03"))[1])
    assert (newest["format"], newest["version"], newest["status"]) == ("haidang-report-1", 2, "sealed")
    assert {one["rule"] for one in newest["restatements"]} >= {"R9.3"}
    assert json.loads((await ask(served, "/reports/2026-03?version=1&lang=vi"))[1])["version"] == 1
    for bad in ("?version=0", "?version=x", "?lang=fr", "?what=1"):
        assert (await ask(served, f"/reports/2026-03{bad}"))[0] == 400
    assert (await ask(served, "/reports/2026-03?version=7"))[0] == 404
    assert (await ask(served, "/reports/2026-03/seal", token="u1", method="POST"))[0] == 403
    status, body = await ask(served, "/reports/2026-03/seal", method="POST")
    assert (status, json.loads(body)["error"]["value"]) == (409, "2")


# --- replay, words, versions


def test_replay_loads_nothing_of_the_database() -> None:
    vectors = ROOT / "tests" / "data" / "availability" / "vectors.json"
    program = (
        "import sys; from collector.__main__ import main; code = main(['replay', sys.argv[1]]); "
        "loaded = {name.partition('.')[0] for name in sys.modules}; "
        "print(sorted(loaded & {'sqlalchemy', 'alembic', 'aiohttp', 'cryptography'})); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(vectors)], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "[]"
    done = subprocess.run(
        [sys.executable, "-m", "collector", "replay", "none.json", "--lang", "vi"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "không đọc được none.json" in done.stderr


def test_every_text_has_two_languages_with_the_same_values() -> None:
    for key, (english, vietnamese) in _WORDS.items():
        assert english
        assert vietnamese
        if key != "bad_period":
            assert fields(english) == fields(vietnamese), key
    assert {str(one) for one in SealProblem} <= {*_WORDS}
    assert word("fr", "sealed") == word("en", "sealed")


def fields(text: str) -> set[str]:
    from string import Formatter

    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_tzdata_has_a_version() -> None:
    assert tzdata_version("Asia/Ho_Chi_Minh") != "unknown"
    assert tzdata_version("../../etc/passwd/x") != ""
