"""The command line: every command in both languages, wrong use answered with what was expected."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import agent
from agent import enrolment
from collector import logs
from collector.__main__ import main
from collector.config import Agents, Config, Database, Log
from collector.start import StartError, database_url
from collector.store.store import Store
from collector.words import _WORDS, LANGUAGES, word

CODE = re.compile(r"HD1-[A-Z2-7]{24}-[0-9a-f]{32}")


class Cli:
    """Runs commands on a configuration of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "collector.yml"
        self.file.write_text("data: data\nagents: {listen: '127.0.0.1:8601'}\n")
        self._capsys = capsys

    def __call__(self, *arguments: str, lang: str = "en") -> tuple[int, str, str]:
        try:
            code = main([*arguments, "--config", str(self.file), "--lang", lang])
        except SystemExit as end:
            code = int(end.code or 0)
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path, capsys)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"haidang-collector {agent.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--help", "--lang", "vi"], "b? thu th?p"), (["local", "--data", "/dev/null/x", "--lang", "vi"], "Không ghi ???c")],
)
def test_what_the_output_cannot_spell_gets_a_stand_in(arguments: list[str], said: str) -> None:
    """Vietnamese on a terminal of another encoding costs its letters, not the command."""
    ended = subprocess.run(
        [sys.executable, "-m", "collector", *arguments],
        capture_output=True,
        encoding="latin-1",
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )
    assert "Traceback" not in ended.stderr
    assert said in ended.stdout + ended.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["check"], ["agent", "list"], ["local", "--help"]])
def test_an_output_that_takes_nothing_is_said(arguments: list[str], cli: Cli) -> None:
    """A full disk behind `>` is named, in a line, with exit code 1."""
    more = ["--config", str(cli.file)] if arguments[0] in ("check", "agent") else []
    command = [sys.executable, "-m", "collector", *arguments, *more, "--lang", "vi"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", timeout=60, check=False)
    assert ended.stderr == "haidang-collector: không ghi được kết quả: No space left on device\n"
    assert ended.returncode == 1


def test_an_output_that_is_closed_or_left(tmp_path: Path) -> None:
    """`>&-` is said; whoever reads no more needs no message."""
    command = f"exec {sys.executable} -m collector version >&-"
    ended = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, "haidang-collector: the output cannot be written: closed\n")
    reading, writing = os.pipe()
    os.close(reading)
    argv = [sys.executable, "-m", "collector", "version"]
    ended = subprocess.run(argv, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--lang", "vi"], {}, ["thư mục dữ liệu", "cổng của số liệu và API", "cổng nhận báo cáo", "ngôn ngữ"]),
        ([], {"HAIDANG_LANG": "vi"}, ["chạy bộ thu thập và tác tử của máy này"]),
        ([], {"HAIDANG_LANG": "en"}, ["data folder", "port of metrics and API", "port of the agents' listener"]),
    ],
)
def test_help_of_local_in_both_languages(
    arguments: list[str],
    environment: dict[str, str],
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        main(["local", *arguments, "--help"])
    assert end.value.code == 0
    out = " ".join(capsys.readouterr().out.split())
    assert [text for text in said if text not in out] == []


def test_problems_speak_the_language(cli: Cli) -> None:
    cli.file.write_text("web: {listen: x}\n")
    assert cli("check", lang="vi") == (1, "", f'{cli.file}:1: web.listen: thấy "x", cần máy:cổng\n1 lỗi\n')


def test_a_password_file_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "password")
    database = Database(url="postgresql+asyncpg://u@127.0.0.1/d", password_file=str(tmp_path / "password"))
    with pytest.raises(StartError, match="a named pipe"):
        database_url(Config(database=database))


def test_add_prints_a_code_and_how_to_use_it(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli("agent", "add", "srv-1", "--site", "dic")
    assert (code, err) == (0, "")
    found = CODE.findall(out)
    assert len(set(found)) == 1
    assert f"haidang-agent enrol https://127.0.0.1:8601 {found[0]}" in out
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    for file in (tmp_path / "data").rglob("*"):
        if file.is_file():
            assert found[0].split("-")[1].encode() not in file.read_bytes()


@pytest.mark.parametrize(("zone", "suffix", "hours"), [("", "+07", 7), ("time_zone: Asia/Kathmandu\n", "+0545", 5.75)])
def test_times_are_shown_in_the_configured_zone(cli: Cli, zone: str, suffix: str, hours: float) -> None:
    """A code of one hour ends an hour from now, by the clock on the wall of the people who read it."""
    cli.file.write_text(cli.file.read_text() + zone)
    before = datetime.now(UTC)
    out = cli("agent", "add", "srv-1", "--site", "dic", "--ttl", "1h")[1]
    [(shown, named)] = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d) ([+]\d+)", out)
    ends = datetime.strptime(shown, "%Y-%m-%d %H:%M").replace(tzinfo=UTC) - timedelta(hours=hours)
    assert named == suffix
    assert timedelta(minutes=58) < ends - before < timedelta(minutes=62)


def test_list_shows_every_agent_and_its_standing(cli: Cli) -> None:
    assert cli("agent", "list")[1].startswith("No agents yet")
    cli("agent", "add", "srv-2", "--site", "dic", "--class", "database")
    cli("agent", "add", "srv-1", "--site", "dic")
    cli("agent", "revoke", "srv-2")
    lines = [line.split() for line in cli("agent", "list")[1].splitlines()]
    assert lines[0] == ["AGENT", "SITE", "CLASS", "STANDING", "VERSION", "HOST", "ORDERS", "HEARD"]
    assert lines[1] == ["srv-1", "dic", "server", "invited", "-", "-", "-", "never"]
    assert lines[2] == ["srv-2", "dic", "database", "revoked", "-", "-", "-", "never"]


def test_an_agent_is_added_once(cli: Cli) -> None:
    cli("agent", "add", "srv-1", "--site", "dic")
    assert cli("agent", "add", "srv-1", "--site", "dic") == (
        1,
        "",
        "agent srv-1 exists: `agent rotate srv-1` makes a new code for it\n",
    )


@pytest.mark.parametrize("verb", ["rotate", "revoke"])
def test_an_unknown_agent_is_said(cli: Cli, verb: str) -> None:
    assert cli("agent", verb, "ghost") == (1, "", "agent ghost is unknown: see `agent list`\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("bad id", "--site", "dic"), "id bad id: expected letters, digits and ._:-"),
        (("collector", "--site", "dic"), "id collector: expected letters, digits and ._:-"),
        (("x", "--site", "no site"), "id no site: expected"),
        (("x", "--site", "dic", "--class", ""), "id : expected"),
        (("x", "--site", "dic", "--ttl", "1"), "--ttl 1: expected 1m to 30d"),
        (("x", "--site", "dic", "--ttl", "31d"), "--ttl 31d: expected 1m to 30d"),
        (("x", "--site", "dic", "--ttl", "-1h"), "--ttl"),
    ],
)
def test_wrong_arguments_are_refused_and_nothing_is_made(
    cli: Cli, arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    code, out, err = cli("agent", "add", *arguments)
    assert code in {1, 2}
    assert out == ""
    assert said in err
    assert not (tmp_path / "data").exists()


def test_a_site_must_be_in_the_inventory_when_there_is_one(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "inv").mkdir()
    (tmp_path / "inv" / "a.yml").write_text(
        "sites: [{id: dic}, {id: xa-1}]\ntargets: [{id: sw, site: dic, class: switch, via: box}]\n"
    )
    cli.file.write_text("data: data\ninventory: inv\n")
    assert cli("agent", "add", "x", "--site", "di")[2] == "site di: expected a site of the inventory: dic, xa-1\n"
    assert cli("agent", "add", "sw", "--site", "dic")[2].startswith("id sw is a target of the inventory reported by box")
    assert cli("agent", "add", "box", "--site", "dic")[0] == 0


def test_check_says_ok_or_every_problem(cli: Cli, tmp_path: Path) -> None:
    assert cli("check") == (0, "ok: 0 targets, 0 sites\n", "")
    cli.file.write_text("colour: red\nweb: {listen: x}\n")
    code, out, err = cli("check")
    assert (code, out) == (1, "")
    assert [line.split(" found ")[0] for line in err.splitlines()[:2]] == [
        f"{cli.file}:1: colour:",
        f"{cli.file}:2: web.listen:",
    ]
    assert err.splitlines()[2] == "2 problems"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("lang", "said"), [("en", "1 problem"), ("vi", "1 lỗi")])
def test_check_counts_a_single_problem_as_one(cli: Cli, lang: str, said: str) -> None:
    cli.file.write_text("colour: red\n")
    code, _, err = cli("check", lang=lang)
    assert (code, err.splitlines()[-1]) == (1, said)


def test_every_word_exists_in_both_languages_with_the_same_blanks() -> None:
    for key, texts in _WORDS.items():
        assert len(texts) == len(LANGUAGES)
        blanks = [set(re.findall(r"{(\w+)}", text)) for text in texts]
        assert blanks[0] == blanks[1], key
        assert all(texts), key
    assert word("vi", "never") == "chưa"
    assert word("xx", "never") == "never"


def test_messages_speak_vietnamese(cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli("agent", "rotate", "ghost", lang="vi")[2] == "không có tác tử ghost: xem `agent list`\n"
    for command in (("add", "srv-1", "--site", "dic"), ("revoke", "srv-1")):
        cli("agent", *command)
    told = "tác tử srv-1 đã bị thu hồi: `agent rotate srv-1` không kèm --now mời lại tác tử này\n"
    assert cli("agent", "rotate", "srv-1", "--now", lang="vi")[2] == told
    monkeypatch.setenv("HAIDANG_LANG", "vi")
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "Bộ thu thập Hải Đăng" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [(), ("agent",), ("dance",), ("agent", "add", "x")])
def test_wrong_usage_is_2(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert end.value.code == 2
    assert "usage:" in capsys.readouterr().err


async def test_a_code_enrols_a_real_agent_while_the_collector_runs(
    start: Any, make_config: Callable[..., Config], tmp_path: Path, sender: Any
) -> None:
    """`agent add` beside a running collector, the agent's own client over TLS, a first batch; then rotate and revoke."""
    running = await start(make_config(agents=Agents(listen="127.0.0.1:0")))
    port = running.collector.agents_port
    file = tmp_path / "cli.yml"
    file.write_text(f"data: data\nagents: {{listen: '127.0.0.1:{port}'}}\n")

    async def command(*arguments: str) -> str:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "collector", *arguments, "--config", str(file), stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate()
        assert child.returncode == 0
        return out.decode()

    async def enrol(text: str) -> enrolment.Identity:
        code = CODE.findall(text)[0]
        identity, pem = await asyncio.to_thread(enrolment.enrol, f"https://127.0.0.1:{port}", code, hostname="h")
        assert pem.encode().strip() == running.collector._open_authority().ca_pem.strip()
        return identity

    async def post(token: str) -> int:
        return int((await running.post(token, one.batch(one.report()), context=context())).status)

    def context() -> Any:
        import ssl

        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(cadata=running.collector._open_authority().ca_pem.decode())
        return made

    one = sender("srv-1")
    first = await enrol(await command("agent", "add", "srv-1", "--site", "dic"))
    assert (first.agent, first.urls) == ("srv-1", (f"https://127.0.0.1:{port}",))
    assert await post(first.token) == 200
    second = await enrol(await command("agent", "rotate", "srv-1"))
    assert [await post(first.token), await post(second.token)] == [401, 200]
    await command("agent", "rotate", "srv-1", "--now")
    await running.collector._tokens.refresh()
    assert await post(second.token) == 401
    assert "srv-1" in await command("agent", "revoke", "srv-1")
    assert "revoked" in await command("agent", "list")


async def test_agents_can_be_added_before_the_first_start(cli: Cli, tmp_path: Path) -> None:
    await asyncio.to_thread(cli, "agent", "add", "srv-1", "--site", "dic")
    store = await Store.open(database_url(Config(data=str(tmp_path / "data"))))
    assert [account.id for account in await store.agents()] == ["srv-1"]
    await store.close()


# --- the log


def logged(settings: Log, *records: tuple[str, object]) -> list[str]:
    import io
    import logging

    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.set_up(settings, stream)
        for text, value in records:
            logging.getLogger("haidang.test").info(text, value)
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
        logging.getLogger("haidang").setLevel(logging.NOTSET)
    return stream.getvalue().splitlines()


def test_text_of_agents_cannot_forge_a_line_of_the_log() -> None:
    (line,) = logged(Log(), ("agent said %s", "x\n2026-01-01 error forged\x1b[2J"))
    assert line.endswith("info    haidang.test: agent said x\\n2026-01-01 error forged\\x1b[2J")


def test_json_log_is_one_object_a_line() -> None:
    (line,) = logged(Log(format="json"), ("agent said %s", 'x"\n'))
    entry = json.loads(line)
    assert (entry["level"], entry["logger"], entry["message"]) == ("info", "haidang.test", 'agent said x"\n')


def test_the_level_is_kept() -> None:
    assert logged(Log(level="warning"), ("quiet %s", 1)) == []


def test_example_configuration_is_the_default_but_for_its_folders() -> None:
    from collector import config

    example = config.load(Path("config/collector.yml"))
    defaults = Config()
    assert msgspec.structs.replace(example, data=defaults.data, inventory=defaults.inventory) == defaults
