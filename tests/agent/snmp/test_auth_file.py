"""Credentials: read from a file, the environment or files of their own; refused when they cannot work; never printed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.settings import WINDOWS
from agent.sheets.sheet import SheetError
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol, Version
from agent.snmp.auth_file import load_auths

SECRET = "hunter2-hunter2"


def _write(folder: Path, text: str, name: str = "auths.yml", mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def _problems(path: Path) -> list[str]:
    with pytest.raises(SheetError) as caught:
        load_auths(path, {"SHORT": "x", "LATIN": "caf\udce9"})
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.problems)
    return [str(problem).replace(f"{path}", "F").replace(f"{path.parent}", "D") for problem in caught.value.problems]


def _revealed(auth: Auth) -> tuple[str, str, str]:
    return auth.community.reveal(), auth.password.reveal(), auth.priv_password.reveal()


def test_generated_file(tmp_path: Path) -> None:
    """The `auths` of snmp_exporter's generator: protocols are there and do not count, and `public` is no secret."""
    common = "security_level: noAuthNoPriv, auth_protocol: MD5, priv_protocol: DES"
    text = f"auths:\n  a: {{community: public, {common}, version: 1}}\n  b: {{{common}, version: 2}}\nmodules: {{}}\n"
    auths = load_auths(_write(tmp_path, text, mode=0o644))
    assert [(auth.name, auth.version) for auth in auths.values()] == [("a", Version.V1), ("b", Version.V2C)]
    assert {_revealed(auth) for auth in auths.values()} == {("public", "", "")}


def test_version_3(tmp_path: Path) -> None:
    """Levels and protocols; a secret beside the file, in the environment, in the file."""
    _write(tmp_path, "from a file\r\n", "secret")
    text = f"""auths:
  none: {{version: 3, username: u, context_name: c}}
  some: {{version: 3, username: u, security_level: authNoPriv, auth_protocol: SHA256, password_env: PW}}
  full:
    version: 3
    username: u
    security_level: authPriv
    password: {SECRET}
    priv_protocol: AES256C
    priv_password_file: secret
"""
    auths = load_auths(_write(tmp_path, text), {"PW": "from the environment"})
    assert auths["none"] == Auth(name="none", version=Version.V3, username="u", context_name="c")
    some, full = auths["some"], auths["full"]
    assert (some.auth_protocol, some.priv_protocol) == (AuthProtocol.SHA256, PrivProtocol.NONE)
    assert _revealed(some) == ("", "from the environment", "")
    assert (full.auth_protocol, full.priv_protocol) == (AuthProtocol.MD5, PrivProtocol.AES256C)
    assert _revealed(full) == ("", SECRET, "from a file")
    assert SECRET not in repr(full)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{version: 4}", ".version: found 4, expected 1, 2 or 3"),
        ("{comunity: %s}", ".comunity: found an unknown key, expected community?"),
        ("%s", "F:2: auths.a: found no mapping, expected settings below it"),
        ("{community: [%s]}", ".community: found a list, expected text or nothing"),
        ("{community: !%s x}", ".community: found a tagged value, expected a plain value"),
        ("{community: *%s}", "F:2: found broken syntax, expected one YAML document"),
        ("{community: a, community_env: b}",
         ".community: found the secret in several places, expected one of community, community_env, community_file"),
        ("{community_env: NONE}",
         ".community_env: found NONE, which is not set or empty, expected a variable of the environment with the secret"),
        ("{community_file: none}",
         ".community_file: found no such file or directory, expected a readable file with the secret, relative to D"),
        ("{community_file: %s}",
         ".community_file: found no such file or directory, expected a readable file with the secret, relative to D"),
        ("{community_env: %s}",
         ".community_env: found no variable that is set, expected a variable of the environment with the secret"),
        ("{community_file: .}", ".community_file: found a folder (D/.), expected a readable file with the secret"),
        ("{community_file: open}", ".community_file: found mode 0644 (D/open), expected mode 0600 (chmod 0600 D/open)"),
        ("{community_file: two}", ".community_file: found several lines (D/two), expected one line with the secret"),
        ("{community_file: empty}", ".community_file: found nothing (D/empty), expected one line with the secret"),
        ("{community_file: latin}", ".community_file: found no text (D/latin), expected a readable file with the secret"),
        ("{community_env: LATIN}",
         ".community_env: found no text (LATIN), expected a variable of the environment with the secret"),
        ("{username: u}", ".username: found a setting of version 3, expected version: 3, or no such setting"),
        ("{security_level: authPriv}", ".security_level: found authPriv, expected version: 3, or no such setting"),
        ("{version: 3}", ".username: found nothing, expected the name of a user, which version 3 needs"),
        ("{version: 3, username: u, security_level: authNoPriv}",
         ".password: found nothing, expected password, password_env or password_file, which authNoPriv needs"),
        ("{version: 3, username: u, password: %s}",
         ".security_level: found password at the level noAuthNoPriv, expected authNoPriv or authPriv"),
        ("{version: 3, username: u, security_level: authNoPriv, password: %s, priv_password: %s}",
         ".security_level: found priv_password at the level authNoPriv, expected authPriv"),
        ("{version: 3, username: u, security_level: authNoPriv, password_env: SHORT}",
         ".password: found too few characters (1), expected at least 8 characters (RFC 3414)"),
        ("{version: 3, username: u, security_level: authNoPriv, auth_protocol: SHA3, password: %s}",
         '.auth_protocol: found "SHA3", expected one of MD5, SHA, SHA224, SHA256, SHA384, SHA512'),
        ("{version: 3, username: u, security_level: strong, password: %s}",
         '.security_level: found "strong", expected one of noAuthNoPriv, authNoPriv, authPriv or nothing'),
    ],
)  # fmt: skip
def test_refused(tmp_path: Path, entry: str, problem: str) -> None:
    """Each mistake with its place and what was expected; the secret itself is nowhere in the message."""
    _write(tmp_path, "x", "open", 0o644)
    _write(tmp_path, "x\ny\n", "two")
    _write(tmp_path, "\n", "empty")
    (tmp_path / "latin").write_bytes(b"\xe9")
    (tmp_path / "latin").chmod(0o600)
    assert _problems(_write(tmp_path, f"auths:\n  a: {entry.replace('%s', SECRET)}\n")) == [
        f"F:2: auths.a{problem}" if problem[0] == "." else problem
    ]


@pytest.mark.skipif(WINDOWS, reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_open_file(tmp_path: Path, mode: int) -> None:
    """A file with secrets in it is for its owner only."""
    path = _write(tmp_path, f"auths: {{a: {{community: {SECRET}}}}}\n", mode=mode)
    assert _problems(path) == [f"F:1: found mode {mode:04o} (F), expected mode 0600 (chmod 0600 F)"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "F: found nothing, expected auths:, with names and settings below it"),
        ("modules: {}", "F:1: auths: found nothing, expected auths:, with names and settings below it"),
        ("auths: [x]", "F:1: auths: found no mapping, expected auths:, with names and settings below it"),
    ],
)
def test_no_auths(tmp_path: Path, text: str, problem: str) -> None:
    """A file without credentials is no file of credentials."""
    assert _problems(_write(tmp_path, text)) == [problem]


def test_absent_file(tmp_path: Path) -> None:
    """So is one that is not there."""
    assert _problems(tmp_path / "none.yml") == ["F: found no such file or directory, expected a readable file"]


def test_environment_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another one given, variables are the process's own."""
    monkeypatch.setitem(os.environ, "HAIDANG_TEST_COMMUNITY", SECRET)
    auths = load_auths(_write(tmp_path, "auths: {a: {community_env: HAIDANG_TEST_COMMUNITY}}\n"))
    assert auths["a"].community.reveal() == SECRET
