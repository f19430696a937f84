"""The command line: what each command prints and with which exit code, in both languages."""

from __future__ import annotations

import os
import string
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent import __main__, __version__, cli, kinds, status, words
from agent.crew import ReaderOutcome
from agent.model import Lane, LossReason
from agent.settings import DEFAULT_FILE, ReadersSettings
from agent.spool import SpoolStatus
from agent.uplink import UplinkState, UplinkStatus
from agent.wire import Watermark

GOOD = """id: web-1
collector: {urls: ["https://collector.example.vn:8601"]}
spool: {folder: spool}
readers: {disable: [processes]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration as enrolment leaves it."""
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    (tmp_path / "token").write_text("q7Yw2kd0aVb31mTeXo9c\n")
    (tmp_path / "token").chmod(0o600)
    path = tmp_path / "agent.yml"
    path.write_text(GOOD)
    return path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The package's own."""
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out == f"haidang-agent {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "word"), [(["--help"], "check the configuration"), (["--lang", "vi", "--help"], "kiểm tra")]
)
def test_help_speaks_both_languages(arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command is named."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    out = capsys.readouterr().out
    assert caught.value.code == 0
    assert word in out
    for command in ("run", "once", "check", "enrol", "status", "version"):
        assert f"  {command} " in out


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["run", "--confg", "x"], ["enrol", "https://x"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Code 2 and a usage line."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert "usage: haidang-agent" in capsys.readouterr().err


def test_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`ok`, or every problem and their number."""
    assert cli.main(["check", "--config", str(file)]) == 0
    assert capsys.readouterr().out == "ok\n"
    file.write_text("id: a b\n")
    assert cli.main(["check", "--config", str(file), "--lang=vi"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines == [
        f"{file}:1: collector: thấy để trống, cần các thiết lập bên dưới, ít nhất là urls:",
        f'{file}:1: id: thấy "a b", cần 1 đến 128 ký tự gồm chữ cái, chữ số và . _ : - bắt đầu bằng chữ cái hoặc chữ số',
        f"2 lỗi trong {file}",
    ]
    assert cli.main(["check", "--config", str(file)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{file}:1: collector: found nothing, expected settings below it, at least urls:"
    assert lines[-1] == f"2 problems in {file}"


@pytest.mark.skipif(sys.platform != "linux", reason="asks for names that Linux has")
def test_once_prints_a_page_that_prometheus_reads(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One collection of this machine, without collector, certificate, token or spool."""
    (file.parent / "token").unlink()
    (file.parent / "ca.pem").unlink()
    assert cli.main(["once", "--config", str(file)]) == 0
    families = {family.name: family for family in text_string_to_metric_families(capsys.readouterr().out)}
    assert {"node_cpu_seconds", "node_memory_MemTotal_bytes", "node_filesystem_size_bytes", "node_uname_info"} <= set(families)
    success = {sample.labels["collector"]: sample.value for sample in families["node_scrape_collector_success"].samples}
    assert success["cpu"] == success["meminfo"] == 1
    assert "processes" not in success
    outcomes = [sample.labels["outcome"] for sample in families["haidang_reader_outcome"].samples]
    assert set(outcomes) <= {"ok", "no_data"}
    assert not (file.parent / "spool").exists()


def test_once_names_a_reader_in_trouble(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page alone goes to standard output; why a reader failed stands beside it."""
    usual = ", ".join(kinds.chosen(ReadersSettings()))
    textfile = f"settings: {{textfile: {{folder: {'x' * 5_000}}}}}"
    file.write_text(f"id: a\ncollector: {{urls: ['https://b']}}\nreaders: {{disable: [{usual}], {textfile}}}\n")
    assert cli.main(["once", "--config", str(file), "--lang", "vi"]) == 0
    said = capsys.readouterr()
    assert 'haidang_reader_outcome{reader="textfile",outcome="failed"} 1\n' in said.out
    assert said.err.startswith("bộ đọc textfile: lỗi: ")
    assert said.err.count("\n") == 1


def test_once_names_what_a_good_reader_says(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken `*.prom` file is named beside the page, which is whole."""
    usual = ", ".join(kinds.chosen(ReadersSettings()))
    folder = file.parent / "textfile"
    folder.mkdir()
    (folder / "bad.prom").write_text("a x\n")
    (folder / "good.prom").write_text("a 1\n")
    textfile = f"settings: {{textfile: {{folder: {folder}}}}}"
    file.write_text(f"id: a\ncollector: {{urls: ['https://b']}}\nreaders: {{disable: [{usual}], {textfile}}}\n")
    assert cli.main(["once", "--config", str(file)]) == 0
    said = capsys.readouterr()
    assert "node_textfile_scrape_error 1\n" in said.out
    assert said.err.startswith(f"reader textfile: ok: {folder / 'bad.prom'}, line 1: ")
    assert said.err.count("\n") == 1


def test_a_reader_of_the_output_may_leave() -> None:
    """`haidang-agent once | head` ends without a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "agent", "version"], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=30, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
@pytest.mark.parametrize("arguments", [["version"], ["--help"], ["once"], ["status", "--help"]])
def test_an_output_that_takes_nothing_is_said(arguments: list[str], file: Path) -> None:
    """A full disk behind `>` is named, in a line, with exit code 1."""
    more = ["--config", str(file)] if arguments == ["once"] else []
    command = [sys.executable, "-m", "agent", *arguments, *more, "--lang", "vi"]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", timeout=60, check=False)
    assert ended.stderr == "haidang-agent: không ghi được kết quả: No space left on device\n"
    assert ended.returncode == 1


def test_a_closed_output_is_said() -> None:
    """`>&-` is no traceback either."""
    command = f"exec {sys.executable} -m agent version >&-"
    ended = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (1, "haidang-agent: the output cannot be written: closed\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
@pytest.mark.parametrize("name", ["agent.yml", "token", "ca.pem"])
def test_a_named_pipe_is_no_file(name: str, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, not waited for."""
    place = file.parent / name
    place.unlink()
    os.mkfifo(place, 0o600)
    assert cli.main(["check", "--config", str(file)]) == 2
    assert "found a named pipe" in capsys.readouterr().err.splitlines()[0]
    place.unlink()
    place.mkdir(0o700)
    assert cli.main(["check", "--config", str(file), "--lang", "vi"]) == 2
    assert "thấy một thư mục" in capsys.readouterr().err.splitlines()[0]


def test_what_the_output_cannot_spell_gets_a_stand_in() -> None:
    """Vietnamese on a terminal of another encoding costs its letters, not the command."""
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = [sys.executable, "-m", "agent", "status", "--help", "--lang", "vi"]
    ended = subprocess.run(command, capture_output=True, encoding="latin-1", timeout=30, check=False, env=env)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "t?p c?u hình" in ended.stdout


def test_once_refuses_a_wrong_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is named must be right."""
    file.write_text("id: [")
    assert cli.main(["once", "--config", str(file)]) == 2
    assert "broken syntax" in capsys.readouterr().err


def spool_status(**changes: object) -> SpoolStatus:
    marks = (Watermark(Lane.FACTS, 12, 11, 2, 300), Watermark(Lane.BULK, 10, 9, 1, 5_000))
    usual = SpoolStatus(stream="s", bytes=2 * 1024 * 1024, watermarks=marks, disk_error="", held_reports=0, lost={})
    return msgspec.structs.replace(usual, **changes)


def uplink_status(**changes: object) -> UplinkStatus:
    usual = UplinkStatus(
        state=UplinkState.OK,
        url="https://collector.example.vn:8601",
        detail="",
        last_success_at_ms=999_000,
        batches=9,
        failures=0,
        reports=19,
        refused=0,
        bytes_sent=1,
        config_tag="",
    )
    return msgspec.structs.replace(usual, **changes)


def status_of(**changes: object) -> status.Status:
    readers = (status.ReaderStatus("cpu", "ok", 0.001), status.ReaderStatus("hwmon", "no_data", 0.001, "nothing there"))
    usual = status.Status(
        id="web-1",
        version="0.1.0",
        pid=7,
        boot="b",
        started_at_ms=0,
        at_ms=1_000_000,
        collected_at_ms=999_000,
        interval_s=15,
        collections=10,
        missed_slots=1,
        readers=readers,
        spool=spool_status(),
        uplink=uplink_status(),
    )
    return msgspec.structs.replace(usual, **changes)


def test_status_in_words() -> None:
    """A healthy agent, line by line."""
    lines, healthy = cli.describe(status_of(), 1_001_000, "en")
    assert healthy
    assert lines == [
        "web-1: running (pid 7, version 0.1.0)",
        "collections: 10, the last 2 s ago; every 15 s; missed slots: 1",
        "readers: 1 ok, 1 without data here, 0 with trouble",
        "spool: 3 reports wait, 2.0 MiB; lost since start: 0",
        "uplink: ok (https://collector.example.vn:8601); last stored batch 2 s ago; 19 reports delivered",
    ]


@pytest.mark.parametrize(
    ("value", "now_ms", "line"),
    [
        (status_of(stopped="restart"), 1_001_000, "web-1: stopped (restart)"),
        (status_of(), 1_000_000 + 42_501, "web-1: not running, or stuck: no collection for 42 s"),
        (status_of(), 1_000_000 + 86_400_000, "web-1: not running, or stuck: no collection for 24 h 00 min"),
        (
            status_of(spool=spool_status(disk_error="no space left on device", held_reports=5, lost={LossReason.DISK_FULL: 3})),
            1_001_000,
            "disk: no space left on device; 5 reports held in memory",
        ),
        (
            status_of(spool=spool_status(repairs=2, disk_error="x")),
            1_001_000,
            "spool folder: removed from outside 2 time(s) since the start, made anew; what only it held is stated as lost",
        ),
        (
            status_of(uplink=uplink_status(state=UplinkState.AUTH, detail="the token is revoked")),
            1_001_000,
            "  the token is revoked",
        ),
        (
            status_of(uplink=uplink_status(state=UplinkState.STARTING, last_success_at_ms=0)),
            1_001_000,
            "uplink: starting (https://collector.example.vn:8601); last stored batch never; 19 reports delivered",
        ),
    ],
)
def test_status_names_trouble(value: status.Status, now_ms: int, line: str) -> None:
    """What is wrong stands in a line of its own, and the exit code says so."""
    lines, healthy = cli.describe(value, now_ms, "en")
    assert line in lines
    assert not healthy


def test_a_reader_in_trouble_is_named_but_the_agent_is_well() -> None:
    """One reader is not the agent."""
    value = status_of(readers=(status.ReaderStatus("nfs", "timeout", 5.0, "no answer within 5 s"),))
    lines, healthy = cli.describe(value, 1_001_000, "en")
    assert healthy
    assert "  nfs: timeout: no answer within 5 s" in lines


def test_status_of_an_agent_that_observes() -> None:
    """How much it observes, what came late or not at all, and each way out; in both languages. A way out that is lost is the
    network's trouble, not the agent's."""
    ways = (status.WayStatus("wan", True, 0.0), status.WayStatus("internet", False, 65.0))
    value = status_of(observing=status.ObservingStatus(12, 3, 4, 5, 6, 7, ways))
    lines, healthy = cli.describe(value, 1_001_000, "en")
    assert healthy
    assert lines[-3:] == [
        "observing: 12 probes, 3 devices; under way: 4; late: 5, missed: 6, left out for want of time: 7",
        "  way out wan: a reference answers; without sight since start: 0 s",
        "  way out internet: no reference answers, nobody behind it is accused; without sight since start: 65 s",
    ]
    vietnamese, _ = cli.describe(value, 1_001_000, "vi")
    assert vietnamese[-3].startswith("quan sát: 12 phép thăm dò, 3 thiết bị; đang chạy: 4; trễ: 5, lỡ hẹn: 6")
    assert vietnamese[-1].startswith("  đường ra internet: không điểm mốc nào trả lời")


def test_closed_lists_have_words_in_vietnamese() -> None:
    """Outcomes, states and reasons of a stop; a value of a newer agent stays as it is."""
    for of, values in (
        ("outcome", [outcome.value for outcome in ReaderOutcome]),
        ("state", [state.value for state in UplinkState]),
        ("stop", ["shutdown", "suspend", "restart"]),
    ):
        for value in values:
            assert words.name(of, value, "en") == value
            assert words.name(of, value, "vi") != value
    assert words.name("state", "dreaming", "vi") == "dreaming"


def test_status_in_vietnamese() -> None:
    """Line by line, with the words of the closed lists."""
    value = status_of(
        readers=(status.ReaderStatus("cpu", "ok", 0.1), status.ReaderStatus("nfs", "timeout", 5.0, "no answer within 5 s")),
        uplink=uplink_status(state=UplinkState.CONFLICT, detail="another agent uses this identity"),
    )
    lines, healthy = cli.describe(value, 1_001_000, "vi")
    assert not healthy
    assert lines == [
        "web-1: đang chạy (pid 7, phiên bản 0.1.0)",
        "số lần thu thập: 10, lần cuối cách đây 2 s; mỗi 15 giây; lỡ hẹn: 1",
        "bộ đọc: 1 tốt, 0 không có dữ liệu ở máy này, 1 gặp lỗi",
        "  nfs: quá thời gian: no answer within 5 s",
        "hàng đợi: 3 báo cáo đang chờ, 2.0 MiB; mất từ khi khởi động: 0",
        "đường gửi: trùng danh tính (https://collector.example.vn:8601); lô được lưu gần nhất cách đây 2 s; đã gửi 19 báo cáo",
        "  another agent uses this identity",
    ]


def test_what_a_good_reader_says_is_shown_and_costs_nothing() -> None:
    """It counts as ok; what it said stands in a line."""
    value = status_of(readers=(status.ReaderStatus("textfile", "ok", 0.01, "a.prom, line 1: broken"),))
    lines, healthy = cli.describe(value, 1_001_000, "en")
    assert healthy
    assert "readers: 1 ok, 0 without data here, 0 with trouble" in lines
    assert "  textfile: ok: a.prom, line 1: broken" in lines


def test_status_command_reads_what_the_agent_wrote(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file beside the spool; without it the message says where it was looked for."""
    assert cli.main(["status", "--config", str(file)]) == 1
    assert f"No status in {file.parent / 'status.json'} (No such file or directory)" in capsys.readouterr().err
    written = status.StatusFile(str(file.parent / "status.json"))
    written.write(status_of(stopped="shutdown"))
    written.close()
    assert cli.main(["status", "--config", str(file), "--lang", "vi"]) == 1
    assert "web-1: đã dừng (tắt máy)" in capsys.readouterr().out
    (file.parent / "status.json").write_text("{}")
    assert cli.main(["status", "--config", str(file)]) == 1
    assert "No status" in capsys.readouterr().err


def test_status_survives_the_file(tmp_path: Path) -> None:
    """Read back equal, whether the one before was longer or shorter; made anew if somebody removed it."""
    path = tmp_path / "status.json"
    path.write_text("x" * 100_000)
    file = status.StatusFile(str(path))
    long = status_of(spool=spool_status(disk_error="e" * 500))
    for value in (long, status_of(), long, status_of(missed_slots=2)):
        file.write(value)
        assert status.read(str(path)) == value
    path.unlink()
    file.write(status_of())
    assert status.read(str(path)) == status_of()
    assert list(tmp_path.iterdir()) == [path]
    file.close()
    file.close()


def test_status_is_whole_while_it_is_written(tmp_path: Path) -> None:
    """A reader beside the writer sees one status or the other, never a mixture."""
    path = tmp_path / "status.json"
    values = [status_of(boot=letter * 30_000) for letter in "ab"]
    file = status.StatusFile(str(path))
    file.write(values[0])
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for value in values:
                file.write(value)

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(200):
            assert status.read(str(path)) in values
    finally:
        stop.set()
        writer.join()
        file.close()


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["run"], DEFAULT_FILE),
        (["run", "--config", "x.yml"], "x.yml"),
        (["run", "--config=x.yml"], "x.yml"),
        (["run", "--help"], None),
        (["run", "--config"], None),
        (["run", "x.yml"], None),
        (["once"], None),
        ([], None),
    ],
)
def test_plain_run_is_told_from_the_rest(arguments: list[str], file: str | None) -> None:
    """Only a plain `run` does without the full command line."""
    assert __main__._plain_run(arguments) == file


def test_every_text_exists_in_both_languages() -> None:
    """The same values in both, and both are there."""
    for key in words.known():
        fields = [{name for _, name, _, _ in string.Formatter().parse(words._TEXT[key][index]) if name} for index in (0, 1)]
        assert fields[0] == fields[1], key
        assert all(words._TEXT[key]), key


@pytest.mark.parametrize(
    ("argument", "environment", "language"),
    [("vi", {}, "vi"), ("", {"HAIDANG_LANG": "vi_VN.UTF-8"}, "vi"), ("en", {"HAIDANG_LANG": "vi"}, "en"), ("", {}, "en")],
)
def test_language(argument: str, environment: dict[str, str], language: str) -> None:
    """The argument before the environment, English before nothing."""
    assert words.choose(argument, environment) == language


def test_module_is_a_program() -> None:
    """`python -m agent` is the same command."""
    done = subprocess.run([sys.executable, "-m", "agent", "version"], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == f"haidang-agent {__version__}\n"
