"""The command line's client against real sockets: what answers wrongly, slowly, too much, or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import collector.commands.client
from collector.commands.client import ApiError, Client, ClientError, own_url, read_token
from collector.config import Config, Web


class Scripted:
    """A server that answers each connection with the next script, and keeps what was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.asked: list[bytes] = []
        self._answers = list(answers)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._socket.accept()
            with connection, contextlib.suppress(OSError):
                self.asked.append(_request(connection))
                connection.sendall(answer)

    def close(self) -> None:
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive(), "not every answer was fetched"


def _request(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    wanted = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0)
    while len(body) < wanted:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def http(status: str, body: bytes, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def scripted() -> Iterator[type[Scripted]]:
    made: list[Scripted] = []

    class Kept(Scripted):
        def __init__(self, *answers: bytes) -> None:
            super().__init__(*answers)
            made.append(self)

    yield Kept
    for server in made:
        server.close()


def failed(client: Client, path: str = "/x") -> ClientError:
    with pytest.raises(ClientError) as caught:
        client.get(path)
    return caught.value


def test_token_and_path_are_sent(scripted: type[Scripted]) -> None:
    server = scripted(http("200 OK", b'{"a": [1]}'))
    assert Client(f"{server.url}/base/", "tok").get("/api/v1/x?y=1") == {"a": [1]}
    head = server.asked[0].decode()
    assert head.startswith("GET /base/api/v1/x?y=1 HTTP/1.1\r\n")
    assert "\r\nAuthorization: Bearer tok\r\n" in head


def test_refusals_carry_their_code(scripted: type[Scripted]) -> None:
    body = json.dumps({"error": {"code": "too_late", "detail": "d", "value": "v"}}).encode()
    server = scripted(http("422 Unprocessable Entity", body))
    with pytest.raises(ApiError) as caught:
        Client(server.url, "tok").post("/x", {})
    assert (caught.value.status, caught.value.code, caught.value.detail, caught.value.value) == (422, "too_late", "d", "v")


@pytest.mark.parametrize(
    "answer", [http("200 OK", b"<html>"), http("404 Not Found", b"nope"), http("302 Found", b"", Location="/y")]
)
def test_what_is_no_collector_is_said(scripted: type[Scripted], answer: bytes) -> None:
    """A redirection is not followed: the token is for this address."""
    assert failed(Client(scripted(answer).url, "tok")).key == "no_collector"


def test_a_create_whose_answer_is_lost_is_asked_again_with_the_same_key(scripted: type[Scripted]) -> None:
    server = scripted(b"", http("201 Created", b"{}"))
    assert Client(server.url, "tok").create("/x", {"a": 1}) == {}
    keys = [line for asked in server.asked for line in asked.split(b"\r\n") if line.startswith(b"Idempotency-Key: ")]
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert server.asked[0] == server.asked[1]


def test_an_act_whose_answer_is_lost_is_not_repeated(scripted: type[Scripted]) -> None:
    server = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}")
    with pytest.raises(ClientError) as caught:
        Client(server.url, "tok").post("/x", {})
    assert caught.value.key == "cut"
    assert len(server.asked) == 1


def test_an_answer_without_end_is_cut(scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector.commands.client, "MAX_ANSWER", 1000)
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000
    server = scripted(endless, endless)
    error = failed(Client(server.url, "tok"))
    assert (error.key, error.values["why"]) == ("cut", "more than 1000 bytes")


def test_nobody_there_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failed(Client(f"http://127.0.0.1:{port}", "tok"))
    assert (error.key, error.values["why"]) == ("unreached", "Connection refused")


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8600", "ftp://127.0.0.1", "http://", "http://u:p@127.0.0.1", "http://h:99999", "http://[::1"]
)
def test_wrong_addresses_are_refused(url: str) -> None:
    with pytest.raises(ClientError) as caught:
        Client(url, "tok")
    assert caught.value.key == "bad_url"


def test_the_token_does_not_leave_the_machine_in_clear() -> None:
    with pytest.raises(ClientError) as caught:
        Client("http://192.0.2.7:8600", "tok")
    assert caught.value.key == "plain_url"
    assert Client("http://192.0.2.7:8600", "tok", allow_plain=True)
    assert Client("https://collector.example.vn", "tok")


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:8600", "http://127.0.0.1:8600"), ("0.0.0.0:80", "http://127.0.0.1:80"), ("[::]:80", "http://[::1]:80"),
        ("10.0.0.5:8600", "http://10.0.0.5:8600"),
    ],
)  # fmt: skip
def test_own_address_is_reached_from_this_machine(listen: str, url: str) -> None:
    assert own_url(Config(web=Web(listen=listen))) == url


def test_token_comes_from_a_private_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAIDANG_TOKEN", "from-environment\n")
    assert read_token(None) == "from-environment"
    file = tmp_path / "token"
    file.write_text("from-file\nand a note\n")
    file.chmod(0o600)
    assert read_token(file) == "from-file"
    file.chmod(0o640)
    with pytest.raises(ClientError) as caught:
        read_token(file)
    assert (caught.value.key, caught.value.values["mode"]) == ("open_token", "0640")


def test_tokens_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named pipe is not waited for."""
    monkeypatch.delenv("HAIDANG_TOKEN", raising=False)
    os.mkfifo(tmp_path / "pipe", 0o600)
    empty = tmp_path / "empty"
    empty.touch(0o600)
    odd = tmp_path / "odd"
    odd.write_text("two words")
    odd.chmod(0o600)
    cases = [
        (None, "no_token"),
        (tmp_path / "pipe", "token_file"),
        (tmp_path / "gone", "token_file"),
        (empty, "odd_token"),
        (odd, "odd_token"),
    ]
    for file, key in cases:
        with pytest.raises(ClientError) as caught:
            read_token(file)
        assert caught.value.key == key
