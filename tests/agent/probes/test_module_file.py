"""Files of modules: a blackbox.yml is taken as it is, every problem is told at its place, secrets stay where they belong."""

from __future__ import annotations

import importlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agent.config_words import vietnamese
from agent.kinds import PROBES
from agent.probes import module_file
from agent.probes.module_file import changed, load, load_modules, settings_of, shipped
from agent.probes.module_values import masked
from agent.probes.probe import Module
from agent.probes.running import open_module
from agent.probes.shapes import bytes_of, seconds
from agent.probes.smtp import Settings as SmtpSettings
from agent.sheets.shapes import expectation
from agent.sheets.sheet import SheetError
from tests.project.test_languages import SAME, SAYS, _kinds, _said

BLACKBOX = r"""
modules:
  http_2xx:
    prober: http
    timeout: 5s
    http:
  http_post_2xx:
    prober: http
    http:
      method: POST
      headers:
        Content-Type: application/json
      body: '{}'
      valid_status_codes: [200, 204]
      basic_auth:
        username: "username"
        password: "mysecret"
      body_size_limit: 1MB
      no_follow_redirects: no
  icmp_test:
    prober: icmp
    timeout: 1m30s
    icmp:
      preferred_ip_protocol: ip4
  grpc:
    prober: grpc
    grpc:
      tls: true
  smtp_login:
    prober: smtp
    degraded_after: 1500ms
    smtp: {starttls: required, username: probe, password_env: MAIL_PASSWORD, tls_config: {ca_file: ca.pem}}
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "modules.yml"
    path.write_text(text)
    return path


def _problems(folder: Path, text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(SheetError) as caught:
        load([_file(folder, text)], names=(), environ={})
    return [(each.line, each.key, each.found, each.expected) for each in caught.value.problems]


def test_a_file_of_blackbox_exporter(tmp_path: Path) -> None:
    """Durations, sizes, Go's booleans and empty sections mean what they mean there; what we do not have is left out aloud."""
    (tmp_path / "ca.pem").write_text("")
    found = load([_file(tmp_path, BLACKBOX)], names=(), environ={"MAIL_PASSWORD": "geheim\n"})
    assert list(found.modules) == ["http_2xx", "http_post_2xx", "icmp_test", "smtp_login"]
    post = found.modules["http_post_2xx"]
    assert post.settings["body_size_limit"] == 1024 * 1024
    assert post.settings["no_follow_redirects"] is False
    assert post.settings["headers"] == {"Content-Type": "application/json"}
    assert (found.modules["icmp_test"].timeout_s, found.modules["http_2xx"].settings) == (90, {})
    login = found.modules["smtp_login"]
    assert login.degraded_after_s == 1.5
    assert login.settings == {"starttls": "required", "username": "probe", "password": "geheim", "tls_config": {"ca": ""}}
    assert [(note.key, note.found) for note in found.notes] == [("modules.grpc.prober", "grpc, which is left out")]


def test_settings_can_be_sent(tmp_path: Path) -> None:
    """What is in a module survives the wire, says the same there, and prints nowhere."""
    (tmp_path / "ca.pem").write_text("")
    for module in load([_file(tmp_path, BLACKBOX)], names=(), environ={"MAIL_PASSWORD": "geheim"}).modules.values():
        sent = msgspec.msgpack.decode(msgspec.msgpack.encode(module), type=Module)
        assert sent == module
        assert open_module(sent)
        assert "geheim" not in f"{module}{settings_of(module)}"


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    """With line, key, what was found and what was expected, in one go."""
    text = """modules:
  a: {prober: stmp}
  b:
    prober: smtp
    timeout: 5
    smtp: {banner: "(", starttls: maybe, usrname: x}
  c:
    prober: script
  d:
    prober: smtp
    degraded: 5s
    smtp: {username: x}
  e: 7
other: 1
"""
    problems = _problems(tmp_path, text)
    assert [(line, key) for line, key, *_ in problems] == [
        (2, "modules.a.prober"),
        (5, "modules.b.timeout"),
        (6, "modules.b.smtp.banner"),
        (6, "modules.b.smtp.starttls"),
        (6, "modules.b.smtp.usrname"),
        (7, "modules.c.script.name"),
        (11, "modules.d.degraded"),
        (12, "modules.d.smtp.username"),
        (13, "modules.e"),
        (14, "other"),
    ]
    told = {key: (found, expected) for _, key, found, expected in problems}
    assert told["modules.a.prober"] == ('"stmp"', "smtp?")
    assert told["modules.b.timeout"] == ("5", "a duration such as 5s, 500ms or 1m30s")
    assert told["modules.b.smtp.usrname"] == ("an unknown key", "username?")
    assert "username and password" in told["modules.d.smtp.username"][1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "an empty file"),
        ("[]", "no mapping"),
        ("modules: 5", "5"),
        ("modules: {a: {prober: smtp}}\n---\n", "broken syntax"),
    ],
)
def test_what_is_no_file_of_modules(tmp_path: Path, text: str, found: str) -> None:
    """Is refused in one line."""
    (problem,) = _problems(tmp_path, text)
    assert problem[2].startswith(found)


def test_secrets_in_files(tmp_path: Path) -> None:
    """Only the owner may read them; blanks around them do not count. The path starts where the file of modules is."""
    text = "modules: {a: {prober: smtp, smtp: {username: x, password_file: secret}}}"
    assert _problems(tmp_path, text)[0][2] == f"no such file or directory ({tmp_path / 'secret'})"
    (tmp_path / "secret").write_text(" geheim\n")
    (tmp_path / "secret").chmod(0o640)
    assert _problems(tmp_path, text)[0][2:] == (
        f"mode 0640 ({tmp_path / 'secret'})",
        f"mode 0600 (chmod 0600 {tmp_path / 'secret'})",
    )
    (tmp_path / "secret").chmod(0o600)
    assert load([_file(tmp_path, text)], names=()).modules["a"].settings["password"] == "geheim"
    (tmp_path / "secret").write_text("\n")
    assert _problems(tmp_path, text)[0][2].startswith("an empty file")
    twice = text.replace("password_file", "password: y, password_file")
    assert _problems(tmp_path, twice)[0][2] == "password in several places"
    absent = text.replace("password_file: secret", "password_env: NOT_THERE")
    assert _problems(tmp_path, absent)[0][1:3] == ("modules.a.smtp.password_env", '"NOT_THERE", which is not set')


def test_a_secret_is_in_no_problem(tmp_path: Path) -> None:
    """Also where it makes the settings wrong."""
    (tmp_path / "key").write_text("geheim")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "cert").write_text("nothing")
    text = "modules: {a: {prober: smtp, smtp: {tls_config: {key_file: key, cert_file: cert}}}}"
    assert "geheim" not in str(_problems(tmp_path, text))


def test_the_sites_module_goes_before_ours(tmp_path: Path) -> None:
    """By name; two files of a site must not have the same one."""
    path = _file(tmp_path, "modules: {smtp: {prober: smtp, timeout: 1s}, mine: {prober: imap}}")
    modules = load_modules([path])
    assert modules["smtp"].timeout_s == 1
    assert {"mine", "smtp_starttls"} < modules.keys()
    other = tmp_path / "other.yml"
    other.write_text("modules: {mine: {prober: smtp}}")
    with pytest.raises(SheetError, match=r"a name that .*modules\.yml has too"):
        load([path, other], names=())


def test_what_a_person_changes_by_hand() -> None:
    """Over what the module says, in the form of files or in base units; wrong keys are told by themselves."""
    module = Module(name="m", kind="smtp", timeout_s=3, settings={"username": "x", "password": "y", "tls_config": {"ca": "z"}})
    with pytest.raises(SheetError) as caught:
        changed(module, {"strattls": "never"})
    assert [(each.key, each.expected) for each in caught.value.problems] == [("strattls", "starttls?")]
    good = msgspec.structs.replace(module, settings={"tls_config": {"server_name": "a"}})
    new = changed(good, {"starttls": "never", "tls_config": {"insecure_skip_verify": True}})
    assert new.settings == {"starttls": "never", "tls_config": {"server_name": "a", "insecure_skip_verify": True}}
    assert new.timeout_s == 3


def test_secrets_are_masked() -> None:
    """By their names, by their types, and in headers."""
    shown = masked({"username": "u", "password": "p", "tls_config": {"key": "k", "ca": "c"}}, SmtpSettings)
    assert shown == {"username": "u", "password": "<secret>", "tls_config": {"key": "<secret>", "ca": "c"}}
    assert masked({"headers": {"Authorization": "b", "Accept": "a"}}) == {
        "headers": {"Authorization": "<secret>", "Accept": "a"}
    }
    assert masked({"list": [{"password": "p"}], "password": ""}) == {"list": [{"password": "<secret>"}], "password": ""}


@pytest.mark.parametrize(
    ("text", "value"),
    [("5s", 5), ("1m30s", 90), ("1.5h", 5400), ("500ms", 0.5), (".5s", 0.5), ("250us", 0.00025), ("0", 0), ("1d", 86400)],
)
def test_durations(text: str, value: float) -> None:
    """As Go writes them."""
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5s5", "5x", "1h" * 40, "٥s"])
def test_no_durations(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="no duration"):
        seconds(text)


def test_sizes() -> None:
    """Of 1024 in either spelling; whole bytes."""
    assert [bytes_of(text) for text in ("0", "4096", "1KB", "1KiB", "1.5MB", "2g")] == [0, 4096, 1024, 1024, 1572864, 2**31]
    for text in ("", "-1", "1XB", "1 KB", "KB"):
        with pytest.raises(ValueError, match="no size"):
            bytes_of(text)


@given(st.text(max_size=20))
@hypothesis_settings(max_examples=200, deadline=None)
def test_any_text_for_a_measure(text: str) -> None:
    """A number, or the one error."""
    for read in (seconds, bytes_of):
        try:
            assert read(text) >= 0
        except ValueError:
            continue


def test_shipped_modules() -> None:
    """All of them load, and every kind that needs nothing of a site has one; none holds a secret."""
    found = load([])
    assert [str(note) for note in found.notes] == []
    assert {module.kind for module in found.modules.values()} == PROBES.keys() - {"rtp", "script"}
    assert shipped().name == "modules.yml"
    for module in found.modules.values():
        assert masked(module.settings, type(settings_of(module))) == module.settings
        assert 0 < module.timeout_s <= 10


def test_what_a_kind_refuses_is_told_at_its_place(tmp_path: Path) -> None:
    """As deep as the kind names it and the file has it."""
    text = """modules:
  a:
    prober: tcp
    tcp:
      query_response:
        - {send: a}
        - labels: [{name: a, value: b}]
  b: {prober: smtp, smtp: {tls_config: {ca: nothing}}}
  c: {prober: http, http: {oauth2: {client_id: a, client_secret: b, token_url: "c:d"}}}
"""
    assert [(line, key) for line, key, *_ in _problems(tmp_path, text)] == [
        (5, "modules.a.tcp.query_response"),
        (8, "modules.b.smtp.tls_config.ca"),
        (9, "modules.c.http.oauth2.token_url"),
    ]


@pytest.mark.parametrize("name", ["module_file", "module_values"])
def test_every_problem_has_words(name: str) -> None:
    """What is said of files of modules can be said in Vietnamese, also what the types of settings expect."""
    said = {*_said(Path(f"agent/probes/{name}.py"), (*SAYS, "remark"))} - {*SAME, "modules"}
    kinds = [importlib.import_module(where.partition(":")[0]).Settings for where in PROBES.values()]
    said |= {expectation(hint) for kind in kinds for hint in _kinds(kind)}
    assert len(said) > 20
    assert {text for text in said if vietnamese(text) == text} == set()


def test_a_kind_whose_packages_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a problem where a site wants it, and none of the shipped modules."""
    monkeypatch.setitem(PROBES, "smtp", "agent.probes.nowhere:open_probe")
    (problem,) = _problems(tmp_path, "modules: {a: {prober: smtp}}")
    assert problem[1] == "modules.a.prober"
    assert "cannot run here" in problem[2]
    found = module_file.load([], names=("smtp", "imap"))
    assert (list(found.modules), len(found.notes)) == (["imap"], 1)
