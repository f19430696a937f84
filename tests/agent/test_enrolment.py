"""Enrolment trusts what the code's fingerprint proves and nothing else; a real TLS server with a real authority is the peer."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent import cli
from agent.config import load
from agent.credentials import read_token
from agent.enrolment import EnrolmentError, Identity, enrol, parse_code, write_identity
from tests.agent.authority import Authority

SECRET = "MFRGGZDFMZTWQ2LKNNWG23TPOA"
TOKEN = "q7Yw2kd0aVb31mTeXo9cq7Yw2kd0aVb3"
ANSWER = {"agent": "web-1", "token": TOKEN, "interval_s": 30, "urls": ["https://collector.example.vn:8601"]}


class Door:
    """The collector's door for agents: what it answers, and what it was sent."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.ca = authority.ca_pem
        self.status = 200
        self.answer = json.dumps(ANSWER).encode()
        self.asked: list[tuple[str, str, bytes]] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                door.asked.append(("GET", self.path, b""))
                self._send(200 if self.path == "/v1/ca" else 404, door.ca.encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                door.asked.append(("POST", self.path, body))
                self._send(door.status, door.answer)

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
                """Nothing on the test's output."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.server_file)

        class Server(ThreadingHTTPServer):
            def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
                sock, address = super().get_request()
                return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address

            def handle_error(self, request: object, client_address: object) -> None:
                """A peer that breaks TLS off is what some tests are about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server.server_address[1]}"

    @property
    def code(self) -> str:
        return f"HD1-{SECRET}-{self.authority.fingerprint[:32]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), ("127.0.0.1",))


@pytest.fixture
def door(authority: Authority) -> Iterator[Door]:
    served = Door(authority)
    yield served
    served.close()


def test_good_code_gives_an_identity(door: Door) -> None:
    """The certificate first, then the secret over verified TLS; the answer is the identity."""
    identity, pem = enrol(door.url, door.code, hostname="web-1")
    assert identity == Identity("web-1", TOKEN, 30, ("https://collector.example.vn:8601",))
    assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() == door.authority.fingerprint
    assert [(method, path) for method, path, _ in door.asked] == [("GET", "/v1/ca"), ("POST", "/v1/enrol")]
    sent = json.loads(door.asked[1][2])
    assert sent == {"secret": SECRET, "agent_version": "0.1.0", "hostname": "web-1"}


def test_wrong_fingerprint_never_sees_the_secret(door: Door) -> None:
    """Somebody in between has another certificate: the code stays with us."""
    with pytest.raises(EnrolmentError) as caught:
        enrol(door.url, f"HD1-{SECRET}-{'0' * 32}", hostname="web-1")
    assert caught.value.code == "wrong_fingerprint"
    assert [method for method, _, _ in door.asked] == ["GET"]


def test_certificate_that_did_not_sign_the_server_is_not_enough(door: Door, tmp_path: Path) -> None:
    """Showing the right authority without holding its key fails when TLS is verified: again the secret stays."""
    other = Authority(tmp_path, ("127.0.0.1",))
    door.ca = other.ca_pem
    with pytest.raises(EnrolmentError) as caught:
        enrol(door.url, f"HD1-{SECRET}-{other.fingerprint[:32]}", hostname="web-1")
    assert caught.value.code == "tls"
    assert [method for method, _, _ in door.asked] == ["GET"]


def test_what_follows_the_certificate_is_not_trusted(door: Door, tmp_path: Path) -> None:
    """A second certificate behind the proven one never reaches the file."""
    door.ca += Authority(tmp_path, ("127.0.0.1",)).ca_pem
    _, pem = enrol(door.url, door.code, hostname="web-1")
    assert pem.count("BEGIN CERTIFICATE") == 1
    assert pem.split() == door.authority.ca_pem.split()


@pytest.mark.parametrize(
    ("status", "answer", "code", "detail"),
    [
        (401, b'{"error":{"code":"code_expired","detail":"the code expired"}}', "refused", "code_expired: the code expired"),
        (409, b'{"error":{"code":"code_used","detail":"the code was used"}}', "refused", "code_used"),
        (429, b"slow down", "refused", "status 429"),
        (200, b"not json", "bad_answer", ""),
        (200, b'{"agent":"web-1"}', "bad_answer", "token"),
        (200, json.dumps({**ANSWER, "agent": "x\ny: z"}).encode(), "bad_answer", "expected an id"),
        (200, json.dumps({**ANSWER, "token": "short"}).encode(), "bad_answer", "token"),
        (200, json.dumps({**ANSWER, "token": "a b" * 10}).encode(), "bad_answer", "token"),
        (200, json.dumps({**ANSWER, "interval_s": 0}).encode(), "bad_answer", "interval_s"),
        (200, json.dumps({**ANSWER, "urls": ["file:///etc/passwd"]}).encode(), "bad_answer", "urls"),
        (200, b"x" * 70_000, "bad_answer", "more than"),
    ],
)
def test_answers_are_checked(door: Door, status: int, answer: bytes, code: str, detail: str) -> None:
    """A refusal is told in the collector's words, nonsense is named, nothing of it is written."""
    door.status, door.answer = status, answer
    with pytest.raises(EnrolmentError) as caught:
        enrol(door.url, door.code, hostname="web-1")
    assert caught.value.code == code
    assert detail in caught.value.detail


def test_nobody_answers() -> None:
    """A closed port is unreachable, by name."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(EnrolmentError) as caught:
            enrol(f"https://127.0.0.1:{port}", f"HD1-{SECRET}-{'0' * 32}", hostname="web-1", timeout_s=5)
    assert caught.value.code == "unreachable"
    assert str(port) in caught.value.detail


def test_silent_peer_is_not_waited_for_ever() -> None:
    """A port that accepts and says nothing ends with the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        url = f"https://127.0.0.1:{sock.getsockname()[1]}"
        with pytest.raises(EnrolmentError) as caught:
            enrol(url, f"HD1-{SECRET}-{'0' * 32}", hostname="web-1", timeout_s=0.2)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:8601",
        "collector.example.vn",
        "https://",
        "https://a:b@c.example.vn",
        "https://127.0.0.1:0",
        "https://127.0.0.1:99999",
        "",
    ],
)
def test_bad_addresses_are_refused(url: str) -> None:
    """The secret goes over TLS only."""
    with pytest.raises(EnrolmentError) as caught:
        enrol(url, f"HD1-{SECRET}-{'0' * 32}", hostname="web-1")
    assert caught.value.code == "bad_url"


@pytest.mark.parametrize(
    "code",
    [
        "",
        "HD1",
        "HD1-AB-00",
        f"HD2-{SECRET}-{'0' * 32}",
        f"HD1-{SECRET}-{'g' * 32}",
        f"HD1-{'1' * 26}-{'0' * 32}",
        f"HD1-{SECRET}",
    ],
)
def test_bad_codes_are_refused(code: str) -> None:
    """A code with a typing mistake is refused before anything is sent."""
    with pytest.raises(EnrolmentError) as caught:
        parse_code(code)
    assert caught.value.code == "bad_code"


def test_code_may_be_typed_in_any_case() -> None:
    """Letters of a code read over the telephone."""
    code = parse_code(f"  hd1-{SECRET.lower()}-{'AB' * 16}\n")
    assert (code.secret.reveal(), code.fingerprint) == (SECRET, "ab" * 16)
    assert SECRET not in repr(code)


def test_identity_is_written_for_its_owner_only(tmp_path: Path) -> None:
    """Token 0600 whatever the umask, a configuration that loads, and no leftovers."""
    folder = tmp_path / "new" / "agent"
    before = os.umask(0)
    try:
        path = write_identity(Identity("web-1", TOKEN, 30, ()), AUTHORITY, "https://collector.example.vn:8601/", str(folder))
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert read_token(str(folder / "token")).reveal() == TOKEN
    settings = load(path)
    assert (settings.id, settings.interval_s, settings.collector.urls) == ("web-1", 30, ("https://collector.example.vn:8601",))
    assert settings.spool.folder == str(folder / "spool")
    assert sorted(file.name for file in folder.iterdir()) == ["agent.yml", "ca.pem", "token"]


AUTHORITY = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"


def test_existing_identity_is_kept_unless_forced(tmp_path: Path) -> None:
    """No second enrolment by accident; with force the new one replaces the old whole."""
    first, second = Identity("web-1", TOKEN), Identity("web-2", TOKEN[::-1])
    url = "https://collector.example.vn:8601"
    write_identity(first, AUTHORITY, url, str(tmp_path))
    with pytest.raises(EnrolmentError) as caught:
        write_identity(second, AUTHORITY, url, str(tmp_path))
    assert caught.value.code == "exists"
    assert load(str(tmp_path / "agent.yml")).id == "web-1"
    path = write_identity(second, AUTHORITY, url, str(tmp_path), force=True)
    assert load(path).id == "web-2"
    assert read_token(str(tmp_path / "token")).reveal() == TOKEN[::-1]


def test_folder_that_is_none_is_named(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EnrolmentError) as caught:
        write_identity(Identity("web-1", TOKEN), "", "https://collector.example.vn", str(tmp_path / "file" / "x"))
    assert caught.value.code == "files"


def test_command_enrols(door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`haidang-agent enrol URL CODE`, in Vietnamese; a second time it spends no code."""
    folder = str(tmp_path / "agent")
    assert cli.main(["enrol", door.url, door.code, "--config-dir", folder, "--lang", "vi"]) == 0
    assert "Đã ghi danh với mã web-1" in capsys.readouterr().out
    assert load(f"{folder}/agent.yml").id == "web-1"
    door.asked.clear()
    assert cli.main(["enrol", door.url, door.code, "--config-dir", folder]) == 1
    assert "There is an identity already" in capsys.readouterr().err
    assert door.asked == []


def test_command_refuses_another_id(door: Door, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--id` guards against the code of another machine: nothing is written."""
    assert cli.main(["enrol", door.url, door.code, "--config-dir", str(tmp_path), "--id", "web-2"]) == 1
    assert "web-1, expected web-2" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
