"""Settings are refused, never repaired: every wrong file in `tests/data/config/agent` with its exact messages."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import config, config_words, kinds
from agent.config import ConfigError, Problem, load, parse
from agent.credentials import CredentialError, is_loopback, read_token
from agent.settings import (
    DEFAULT_SPOOL,
    CollectorSettings,
    ReadersSettings,
    Secret,
    Settings,
    SnmpSettings,
    SpoolSettings,
    pack,
    unpack,
)

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "data" / "config" / "agent"
TOKEN = "q7Yw2kd0aVb31mTeXo9c"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
GOOD = 'id: web-1\ncollector: {urls: ["https://collector.example.vn:8601"]}\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a certificate and a token, as enrolment leaves it."""
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "token").chmod(0o600)
    return tmp_path


def messages(folder: Path, text: bytes) -> str:
    """What `check` would print for this file, with the folder taken out."""
    file = folder / "agent.yml"
    file.write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    return f"{caught.value}\n".replace(f"{folder}/", "")


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.yml")))
def test_wrong_settings_are_named(case: str, folder: Path) -> None:
    """File, line, key, what was found, what was expected – all problems of a file at once, in its order."""
    found = messages(folder, (CASES / f"{case}.yml").read_bytes())
    expected = CASES / f"{case}.txt"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        expected.write_text(found)
    assert found == expected.read_text()


def test_every_case_has_its_messages() -> None:
    """No expected messages without a file, and a table worth its name."""
    names = {path.stem for path in CASES.glob("*.yml")}
    assert {path.stem for path in CASES.glob("*.txt")} == names
    assert len(names) >= 18


def test_defaults(folder: Path) -> None:
    """The smallest file that enrolment could write; paths are relative to it."""
    (folder / "agent.yml").write_text(GOOD)
    settings = load(str(folder / "agent.yml"))
    assert settings == Settings(
        id="web-1",
        collector=CollectorSettings(
            urls=("https://collector.example.vn:8601",), ca_file=str(folder / "ca.pem"), token_file=str(folder / "token")
        ),
        snmp=SnmpSettings(auths_file=str(folder / "snmp-auths.yml")),
        status_file=os.path.join(os.path.dirname(DEFAULT_SPOOL), "status.json"),
    )
    assert settings.interval_s == 15
    assert unpack(pack(settings)) == settings


def test_every_setting_can_be_set(folder: Path) -> None:
    """A file that sets everything to something else than the default."""
    text = """
id: "room:12.a"
collector:
  urls: ["http://192.0.2.7:8600/prefix", "https://[2001:db8::1]"]
  ca_file: tls/ca.pem
  token_file: secret/token
  allow_plain_http: true
  compress: always
  connect_timeout_s: 2
  answer_timeout_s: 3
interval_s: 60
readers:
  enable: [textfile]
  disable: [cpu]
  timeout_s: 1.5
  settings: {filesystem: {timeout_s: 1}}
probes:
  module_files: [probes.yml]
  scripts: {raid: [/usr/bin/check-raid, -v]}
  max_in_flight: 10
  jobs: [{target: portal, module: http_2xx, address: "https://portal.example.vn/", priority: critical}]
orders: {enabled: false, forbid_kinds: [script], allow_addresses: [10.20.0.0/16]}
spool: {folder: spool, max_bytes: 8_388_608, max_age_s: 7200}
status_file: run/status.json
log_level: debug
"""
    settings = parse(text, str(folder / "agent.yml"), files=False)
    default = Settings(id="x", collector=CollectorSettings(urls=()))
    for part, usual in (
        (settings, default),
        (settings.collector, default.collector),
        (settings.readers, default.readers),
        (settings.probes, default.probes),
        (settings.orders, default.orders),
        (settings.spool, default.spool),
    ):
        same = [name for name in part.__struct_fields__ if getattr(part, name) == getattr(usual, name)]
        assert same == []
    assert settings.spool.folder == str(folder / "spool")
    assert settings.collector.ca_file == str(folder / "tls/ca.pem")
    assert settings.readers.settings == {"filesystem": {"timeout_s": 1}}


def test_example_is_valid_and_shows_the_defaults() -> None:
    """The commented example loads, and what it shows is what it is without it."""
    shown = load(str(ROOT / "config" / "agent.yml"), files=False)
    plain = parse(GOOD, str(ROOT / "config" / "agent.yml"), files=False)
    assert msgspec.structs.replace(shown, id=plain.id, collector=plain.collector) == plain
    assert msgspec.structs.replace(shown.collector, urls=plain.collector.urls) == plain.collector


def test_example_names_every_setting() -> None:
    """An operator finds every key in the example, set or commented out."""
    text = (ROOT / "config" / "agent.yml").read_text(encoding="utf-8")
    for struct in (Settings, CollectorSettings, ReadersSettings, SpoolSettings):
        for field in struct.__struct_fields__:
            assert f"{field}:" in text, field
    for kind in kinds.READERS:
        assert kind in text, kind


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_token_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    """The message says what is wrong and which command repairs it."""
    (folder / "token").chmod(mode)
    text = messages(folder, GOOD.encode())
    assert text == (
        f"agent.yml:2: collector.token_file: found mode {mode:04o} (token), expected mode 0600 (chmod 0600 token)\n"
    )
    with pytest.raises(CredentialError, match="0600"):
        read_token(str(folder / "token"))


def test_missing_or_broken_identity_is_named(folder: Path) -> None:
    """No token, no certificate, an empty token: one message each, both at once."""
    (folder / "token").unlink()
    (folder / "ca.pem").write_text("no certificate here")
    assert messages(folder, GOOD.encode()) == (
        "agent.yml:2: collector.ca_file: found no certificate (ca.pem), expected a file with a PEM certificate\n"
        "agent.yml:2: collector.token_file: found no such file or directory (token), "
        "expected a file with the agent's token (made by haidang-agent enrol)\n"
    )
    (folder / "token").touch(0o600)
    (folder / "ca.pem").unlink()
    assert messages(folder, GOOD.encode()) == (
        "agent.yml:2: collector.ca_file: found no such file or directory (ca.pem), expected a file with a PEM certificate\n"
        "agent.yml:2: collector.token_file: found 0 characters (token), expected one token of 16 to 4096 characters\n"
    )
    (folder / "token").write_bytes(b"\xff" * 20)
    (folder / "ca.pem").write_text(CERTIFICATE)
    assert "found bytes that are no token (token)" in messages(folder, GOOD.encode())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "id: web-1\nintervall_s: 5\n",
            "agent.yml:1: collector: thấy để trống, cần các thiết lập bên dưới, ít nhất là urls:\n"
            "agent.yml:2: intervall_s: thấy khóa không có trong danh sách, "
            "cần một trong: id, collector, interval_s, readers, snmp, probes, orders, spool, status_file, log_level",
        ),
        (
            GOOD + "interval_s: 0\nreaders: {enable: [cpuu, printer], settings: {filesystem: {timeout_s: 60}}}\n",
            "agent.yml:3: interval_s: thấy 0, cần số giây nguyên, từ 1 đến 3600\n"
            'agent.yml:4: readers.enable[0]: thấy "cpuu", cần một loại bộ đọc, có lẽ là cpu\n'
            'agent.yml:4: readers.enable[1]: thấy "printer", cần một loại bộ đọc, như trong config/REFERENCE.md\n'
            "agent.yml:4: readers.settings.filesystem.timeout_s: thấy 60, cần một số (lớn hơn 0, đến 5)",
        ),
        (
            GOOD + "readers: {settings: {filesystem: {exclude_types: '('}}}\n",
            "agent.yml:3: readers.settings.filesystem: thấy các thiết lập không khớp nhau, cần exclude_types: '(' "
            "không phải biểu thức chính quy: thiếu dấu ) đóng nhóm, ở vị trí 0",
        ),
        ("id: a\nid: nothing\n", "agent.yml:2: id: thấy khóa lặp lại lần hai (lần đầu ở dòng 1), cần chỉ một lần"),
        (
            GOOD + "interval_s: 'a list (of 1)'\n",
            'agent.yml:3: interval_s: thấy "a list (of 1)", cần số giây nguyên, từ 1 đến 3600',
        ),
    ],
)
def test_problems_in_vietnamese(text: str, told: str, folder: Path) -> None:
    """The same problems in the same order; what the file itself says is not translated."""
    file = folder / "agent.yml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    lines = config_words.told(caught.value.problems, "vi").replace(f"{folder}/", "").splitlines()
    assert [line for line in told.splitlines() if line not in lines] == []
    assert len(lines) == len(caught.value.problems)
    assert config_words.told(caught.value.problems, "en") == str(caught.value)


def test_files_of_the_identity_in_vietnamese(folder: Path) -> None:
    """Places and file modes stay, words change; a file that is not there is said as well."""
    (folder / "agent.yml").write_text(GOOD)
    (folder / "token").chmod(0o640)
    (folder / "ca.pem").unlink()
    for name in ("agent.yml", "missing.yml"):
        with pytest.raises(ConfigError) as caught:
            load(str(folder / name))
        found = config_words.told(caught.value.problems, "vi").replace(f"{folder}/", "")
        if name == "agent.yml":
            assert found == (
                "agent.yml:2: collector.ca_file: thấy không có tệp hoặc thư mục này (ca.pem), cần tệp chứa chứng chỉ PEM\n"
                "agent.yml:2: collector.token_file: thấy quyền 0640 (token), cần quyền 0600 (chmod 0600 token)"
            )
        else:
            assert found == (
                "missing.yml: thấy không có tệp hoặc thư mục này, "
                "cần tệp thiết lập đọc được (haidang-agent enrol tạo ra một tệp)"
            )


def test_files_that_are_no_text(folder: Path) -> None:
    """A file that cannot be read, is no UTF-8 or is huge is refused by name."""
    assert messages(folder, b"id: web-1\n# \xff\n") == "agent.yml:2: found byte 0xff, expected text in UTF-8\n"
    assert messages(folder, b"#" * 1_048_577) == "agent.yml: found more than 1 MiB, expected a smaller file\n"
    with pytest.raises(ConfigError, match=r"missing\.yml: found no such file or directory, expected"):
        load(str(folder / "missing.yml"))


def test_secret_never_shows() -> None:
    """A token prints as a placeholder in every way Python prints things."""
    secret = Secret(TOKEN)
    shown = f"{secret} {secret!r} {secret!s} {[secret]} {ValueError(secret)}"
    assert TOKEN not in shown
    assert secret.reveal() == TOKEN


def test_read_token_takes_what_enrolment_wrote(folder: Path) -> None:
    """The line end is no part of the token."""
    assert read_token(str(folder / "token")).reveal() == TOKEN


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8600", True),
        ("http://127.3.2.1", True),
        ("http://localhost:1/x", True),
        ("http://[::1]:8600", True),
        ("http://127.0.0.1.example.vn", False),
        ("http://10.0.0.1:8600", False),
        ("http://localhost.example.vn:1", False),
        ("http://[2001:db8::1]:8600", False),
    ],
)
def test_loopback(url: str, loopback: bool) -> None:
    """Plain HTTP stays on this machine, and a name that only looks like it does not count."""
    assert is_loopback(url) is loopback


def refusal(text: str) -> tuple[Problem, ...] | None:
    """The problems of a text, `None` if it is taken."""
    try:
        parse(text, "agent.yml", files=False)
    except ConfigError as error:
        return error.problems
    return None


@given(st.text(max_size=300))
def test_any_text_is_taken_or_refused(text: str) -> None:
    """Whatever stands in the file: settings or a `ConfigError`, never anything else."""
    problems = refusal(text)
    assert problems is None or problems


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_trees = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=8
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "collector", "interval_s", "readers", "spool", "status_file", "log_level"]), _trees, max_size=7
    )
)
def test_any_tree_is_taken_or_refused(tree: dict[str, object]) -> None:
    """Any value at any known key is taken or refused with a line that the file has."""
    text = json.dumps(tree, indent=1)
    for problem in refusal(text) or ():
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.found
        assert problem.expected


def test_defaults_for_once_need_no_file() -> None:
    """`once` without a file runs the usual readers."""
    chosen = kinds.chosen(config.defaults().readers, "linux")
    assert {"cpu", "meminfo", "filesystem"} <= set(chosen)
