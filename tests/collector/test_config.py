"""The collector's configuration: refused with every problem named, or taken whole."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import config, config_words
from collector.config_forms import DATE_OR_TIME, FORMS, instant_ms, parts_per_million
from collector.settings import Config

CASES = {
    "unknown key": ("web:\n  lisen: 127.0.0.1:1\n", ["2: web.lisen: found an unknown key, expected listen?"]),
    "unknown section": (
        "colour: red\n",
        [
            "1: colour: found an unknown key, expected one of: data, inventory, oncall, web, agents, database, limits,"
            " late_after_s, ttl_factor, snmp, probes, traps, ledger, time_zone, log"
        ],
    ),
    "no port": ("web:\n  listen: localhost\n", ['2: web.listen: found "localhost", expected host:port']),
    "port too large": ("web:\n  listen: localhost:70000\n", ['2: web.listen: found "localhost:70000", expected host:port']),
    "number for address": ("web: {listen: 8600}\n", ["1: web.listen: found 8600, expected host:port"]),
    "text for number": (
        'limits:\n  connections: "many"\n',
        ['2: limits.connections: found "many", expected a whole number >= 1 and <= 100000'],
    ),
    "bool for number": (
        "limits:\n\n  connections: true\n",
        ["3: limits.connections: found true, expected a whole number >= 1 and <= 100000"],
    ),
    "zero": ("late_after_s: 0\n", ["1: late_after_s: found 0, expected a number > 0 and <= 3600"]),
    "not finite": ("late_after_s: .nan\n", ["1: late_after_s: found nan, expected a number > 0 and <= 3600"]),
    "endless": ("limits: {bytes_per_s: .inf}\n", ["1: limits.bytes_per_s: found inf, expected a number > 0"]),
    "zone": ("time_zone: Hai_Duong\n", ['1: time_zone: found "Hai_Duong", expected time zone name']),
    "zone that climbs": ("time_zone: ../etc/passwd\n", ['1: time_zone: found "../etc/passwd", expected time zone name']),
    "choice": ("log: {format: xml}\n", ['1: log.format: found "xml", expected one of: plain, json']),
    "list item": (
        "agents:\n  names:\n    - ok.example.vn\n    - 'not a name'\n",
        ['4: agents.names[1]: found "not a name", expected host name or IP address'],
    ),
    "text for list": ("agents: {names: host}\n", ['1: agents.names: found "host", expected a list']),
    "url": (
        "agents: {public_urls: [ftp://x]}\n",
        ['1: agents.public_urls[0]: found "ftp://x", expected http:// or https:// URL'],
    ),
    "section is text": ("web: yes please\n", ['1: web: found "yes please", expected a mapping']),
    "section is empty": ("web:\n", ["1: web: found nothing, expected a mapping"]),
    "whole file is a list": ("- a\n", ["1: found a list, expected a mapping"]),
    "twice": (
        "late_after_s: 1\nlate_after_s: 2\n",
        ["2: late_after_s: found the key twice, expected once (first on line 1)"],
    ),
    "empty data": ('data: ""\n', ['1: data: found "", expected text that is not empty']),
    "password in url": (
        "database: {url: 'postgresql+asyncpg://u:secret@h/d'}\n",
        [
            '1: database.url: found "postgresql+asyncpg://u:***@h/d", expected postgresql+asyncpg://user@host/name or sqlite:///path'
        ],
    ),
    "password with signs in url": (
        "database: {url: 'postgresql+asyncpg://u:a/b:c@d@h/d'}\n",
        [
            '1: database.url: found "postgresql+asyncpg://u:***@h/d", expected postgresql+asyncpg://user@host/name or sqlite:///path'
        ],
    ),
    "password behind the question mark": (
        "database: {url: 'postgresql+asyncpg://h/d?Password=secret&ssl=on'}\n",
        [
            '1: database.url: found "postgresql+asyncpg://h/d?Password=***&ssl=on", '
            "expected postgresql+asyncpg://user@host/name or sqlite:///path"
        ],
    ),
    "control characters": (
        'data: "a\\0b"\ninventory: "c\\nd"\n',
        [
            '1: data: found "a\\u0000b", expected text without control characters',
            '2: inventory: found "c\\nd", expected text without control characters',
        ],
    ),
    "plain off loopback": (
        "agents:\n  listen: 192.0.2.1:8601\n  transport: plain\n",
        [
            '3: agents.transport: found "plain", expected tls, a loopback agents.listen, or agents.allow_plain_http: true',
        ],
    ),
    "two passwords": (
        "database:\n  password_file: a\n  password_env: B\n",
        ["3: database.password_env: found two passwords, expected either password_file or password_env"],
    ),
    "many at once": (
        "web: {listen: x}\nlog: {level: loud}\nttl_factor: 0.5\n",
        [
            '1: web.listen: found "x", expected host:port',
            '2: log.level: found "loud", expected one of: debug, info, warning, error',
            "3: ttl_factor: found 0.5, expected a number >= 1.5 and <= 100",
        ],
    ),
    "old YAML's yes": (
        "agents: {allow_plain_http: yes}\n",
        ['1: agents.allow_plain_http: found "yes", expected true or false'],
    ),
    "octal": ("agents: {interval_s: 010}\n", ['1: agents.interval_s: found "010", expected a whole number >= 1 and <= 3600']),
    "date": (
        "agents: {interval_s: 2026-01-01}\n",
        ['1: agents.interval_s: found "2026-01-01", expected a whole number >= 1 and <= 3600'],
    ),
    "a factor that is no tenth": (
        "ttl_factor: 2.25\n",
        ["1: ttl_factor: found 2.25, expected a number with at most one decimal"],
    ),
    "flapping that ends before it begins": (
        "ledger:\n  flap_high: 4\n  flap_low: 4\n",
        ["3: ledger.flap_low: found 4, expected a number below flap_high (R10.2)"],
    ),
    "ledger": (
        'ledger:\n  objective: "100"\n  min_coverage: 99\n  digits: 5\n  merge_gap_s: -1\n  retention_days: 365\n'
        '  settle_days: 3.5\n  organisation_vi: "' + "x" * 201 + '"\n',
        [
            '2: ledger.objective: found "100", expected per cent above 0 and below 100, at most 4 decimals',
            "3: ledger.min_coverage: found 99, expected per cent above 0 and below 100, at most 4 decimals, in quotes",
            "4: ledger.digits: found 5, expected a whole number >= 2 and <= 4",
            "5: ledger.merge_gap_s: found -1, expected a whole number >= 0 and <= 86400",
            "6: ledger.retention_days: found 365, expected a whole number >= 400 and <= 36525",
            "7: ledger.settle_days: found 3.5, expected a whole number >= 0 and <= 31",
            f'8: ledger.organisation_vi: found "{"x" * 56}..., expected text of at most 200 characters',
        ],
    ),
    "tag": ("data: !!python/object:os.system x\n", None),
    "not yaml": ("web: [1\n", None),
    "binary": ("\x00\x01", None),
    "two documents": ("data: a\n---\ndata: b\n", None),
    "unhashable key": ("? [a]\n: b\n", None),
}


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_file_is_refused_with_every_problem_at_its_line(tmp_path: Path, name: str) -> None:
    text, expected = CASES[name]
    file = tmp_path / "collector.yml"
    file.write_bytes(text.encode())
    with pytest.raises(config.ConfigError) as caught:
        config.load(file)
    lines = str(caught.value).splitlines()
    if expected is None:
        assert len(lines) == 1
        assert lines[0].startswith(str(file))
        assert "expected" in lines[0]
    else:
        assert lines == [f"{file}:{line}" for line in expected]


VIETNAMESE = {
    "unknown key": ["2: web.lisen: thấy khóa không có trong danh sách, cần listen?"],
    "no port": ['2: web.listen: thấy "localhost", cần máy:cổng'],
    "section is empty": ["1: web: thấy để trống, cần một nhóm thiết lập"],
    "twice": ["2: late_after_s: thấy khóa lặp lại, cần một lần (lần đầu ở dòng 1)"],
    "many at once": [
        '1: web.listen: thấy "x", cần máy:cổng',
        '2: log.level: thấy "loud", cần một trong: debug, info, warning, error',
        "3: ttl_factor: thấy 0.5, cần một số >= 1.5 và <= 100",
    ],
    "two passwords": ["3: database.password_env: thấy hai mật khẩu, cần chỉ password_file hoặc password_env"],
    "ledger": [
        '2: ledger.objective: thấy "100", cần số phần trăm trên 0 và dưới 100, tối đa 4 chữ số thập phân',
        "3: ledger.min_coverage: thấy 99, cần số phần trăm trên 0 và dưới 100, tối đa 4 chữ số thập phân, trong dấu nháy",
        "4: ledger.digits: thấy 5, cần một số nguyên >= 2 và <= 4",
        "5: ledger.merge_gap_s: thấy -1, cần một số nguyên >= 0 và <= 86400",
        "6: ledger.retention_days: thấy 365, cần một số nguyên >= 400 và <= 36525",
        "7: ledger.settle_days: thấy 3.5, cần một số nguyên >= 0 và <= 31",
        f'8: ledger.organisation_vi: thấy "{"x" * 56}..., cần văn bản tối đa 200 ký tự',
    ],
    "a factor that is no tenth": ["1: ttl_factor: thấy 2.25, cần một số có tối đa một chữ số thập phân"],
    "flapping that ends before it begins": ["3: ledger.flap_low: thấy 4, cần một số nhỏ hơn flap_high (R10.2)"],
    "octal": ['1: agents.interval_s: thấy "010", cần một số nguyên >= 1 và <= 3600'],
}


@pytest.mark.parametrize("name", VIETNAMESE)
def test_problems_in_vietnamese(tmp_path: Path, name: str) -> None:
    """The same problems in the same order; what the file itself says is not translated."""
    file = tmp_path / "collector.yml"
    file.write_text(CASES[name][0])
    with pytest.raises(config.ConfigError) as caught:
        config.load(file)
    assert config_words.told(caught.value, "vi").splitlines() == [f"{file}:{line}" for line in VIETNAMESE[name]]
    assert config_words.told(caught.value, "en") == str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "folder.yml").mkdir()
    os.mkfifo(tmp_path / "pipe.yml")
    for name, found in (("folder", "a folder"), ("pipe", "a named pipe")):
        with pytest.raises(config.ConfigError, match=rf"{name}\.yml: found {found}, expected a readable file"):
            config.load(tmp_path / f"{name}.yml")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "collector.yml"
    file.write_bytes(b"#" * (16 * 1024 * 1024 + 1))
    with pytest.raises(config.ConfigError, match="found over 16777216 bytes, expected a smaller file"):
        config.load(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match=r"none\.yml: found No such file or directory, expected a readable file"):
        config.load(tmp_path / "none.yml")


def test_aliases_cannot_blow_up(tmp_path: Path) -> None:
    file = tmp_path / "bomb.yml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    file.write_text("\n".join(lines))
    with pytest.raises(config.ConfigError, match="too deep or too much"):
        config.load(file)


def test_an_alias_to_itself_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "loop.yml"
    file.write_text("a: &a [*a]\n")
    with pytest.raises(config.ConfigError):
        config.load(file)


def test_no_file_means_the_defaults() -> None:
    assert config.load(None) == Config()


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "collector.yml"
    file.write_text("# nothing\n")
    loaded = config.load(file)
    assert msgspec.structs.replace(loaded, data="var") == Config()


def test_relative_paths_count_from_the_folder_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "collector.yml"
    file.write_text("data: ../d\ninventory: i\ndatabase: {password_file: p}\n")
    loaded = config.load(file)
    assert (loaded.data, loaded.inventory) == (str(tmp_path / "../d"), str(tmp_path / "i"))
    assert loaded.database.password_file == str(tmp_path / "p")


@pytest.mark.parametrize("listen", ["127.0.0.1:8601", "[::1]:8601", "localhost:0"])
def test_plain_http_is_allowed_on_loopback(tmp_path: Path, listen: str) -> None:
    file = tmp_path / "collector.yml"
    file.write_text(f'agents: {{listen: "{listen}", transport: plain}}\n')
    assert config.load(file).agents.transport == "plain"


def test_plain_http_is_allowed_elsewhere_only_when_it_is_said(tmp_path: Path) -> None:
    file = tmp_path / "collector.yml"
    file.write_text("agents: {listen: '0.0.0.0:8601', transport: plain, allow_plain_http: true}\n")
    assert config.load(file).agents.allow_plain_http


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("a.example.vn:65535", ("a.example.vn", 65535))],
)
def test_split_address(text: str, expected: tuple[str, int]) -> None:
    assert config.split_address(text) == expected


@pytest.mark.parametrize("factor", [1.5, 1.6, 2.3, 2.5, 2.7, 4.1, 9.9, 33.3, 100])
def test_every_tenth_is_a_factor(tmp_path: Path, factor: float) -> None:
    """Whatever a tenth looks like in binary."""
    file = tmp_path / "collector.yml"
    file.write_text(f"ttl_factor: {factor}\n")
    assert config.load(file).ttl_factor == factor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T07:00:00.001+07:00", 1),
        ("2026-03-02", 1_772_384_400_000),
        ("2026-03-02t00:00:00+07:00", 1_772_384_400_000),
        ("2026-03-01 17:00:00z", 1_772_384_400_000),
    ],
)
def test_instants(text: str, expected: int) -> None:
    """A date is its local midnight; a time says its offset."""
    assert instant_ms(text, "Asia/Ho_Chi_Minh") == expected


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-1-1", "2026-02-29", "20260301", "2026-W10-1", "2026-03-02T00:00:00", "2026-03-02T24:00:00Z",
     "0001-01-01", "9999-12-31", "0001-01-01T00:00:00+07:00", "2026-03-02T00:00Z", "2026-03-02T00:00:00+7", "２026-03-02"],
)  # fmt: skip
def test_instants_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        instant_ms(text, "Asia/Ho_Chi_Minh")
    assert not FORMS[DATE_OR_TIME](text)


@given(ppm=st.integers(1, 999_999))
def test_every_millionth_can_be_written(ppm: int) -> None:
    """Four decimals of per cent, with or without zeros at the end."""
    whole, part = divmod(ppm, 10_000)
    text = f"{whole}.{part:04}"
    assert parts_per_million(text) == ppm
    assert parts_per_million(text.rstrip("0").rstrip(".")) == ppm


@pytest.mark.parametrize("text", ["::1:80", ":80", "a:", "a:-1", "a:1.5", "a", "[::1]", "a:٣", ""])
def test_split_address_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        config.split_address(text)
    assert not FORMS["host:port"](text)


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    """The parser is written in C and overflows its stack, unless it is new enough to count for itself."""
    file = tmp_path / "collector.yml"
    file.write_text("a: " + "[" * 100_000)
    with pytest.raises(config.ConfigError, match=r"too deep or too much|nesting depth"):
        config.load(file)
