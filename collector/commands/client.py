"""The command line's way to a running collector: its JSON API by HTTP, with limits on time and size."""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import ssl
import stat
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from collector.config import Config, is_loopback, split_address

TIMEOUT_S: Final = 10.0
"""For each wait on the network."""
WHOLE_S: Final = 30.0
"""For an answer as a whole."""
MAX_ANSWER: Final = 16 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_MAX_TOKEN: Final = 256


class ApiError(Exception):
    """The collector refused; `code` is of the closed lists of `core.acts`, `core.people` and `expose.requests`."""

    def __init__(self, status: int, code: str, detail: str, value: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.value = value


class ClientError(Exception):
    """The collector could not be asked; `key` names a text of `acts_words`."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


class _Problem(msgspec.Struct):
    code: str
    detail: str = ""
    value: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Problem


def read_token(file: Path | None) -> str:
    """The token from a private file, else from HAIDANG_TOKEN. Raises `ClientError`."""
    if file is None:
        token = os.environ.get("HAIDANG_TOKEN", "").strip()
        if not token:
            raise ClientError("no_token")
    else:
        token = _read_private(file)
    if not token.isascii() or not token.isprintable() or " " in token or not 0 < len(token) <= _MAX_TOKEN:
        raise ClientError("odd_token")
    return token


def _read_private(file: Path) -> str:
    try:
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(handle, "rb") as stream:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise ClientError("token_file", file=file, why="no regular file")
            if os.name == "posix" and status.st_mode & 0o077:
                raise ClientError("open_token", file=file, mode=f"{stat.S_IMODE(status.st_mode):04o}")
            return stream.read(_MAX_TOKEN + 2).decode("ascii", "replace").split("\n", 1)[0].strip()
    except OSError as error:
        raise ClientError("token_file", file=file, why=error.strerror or error) from error


def own_url(config: Config) -> str:
    """Where the collector of this configuration listens, as seen from its own machine."""
    host, port = split_address(config.web.listen)
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Client:
    """Asks one collector. `url` is `http://HOST:PORT` or `https://HOST`; plain HTTP leaves this machine only when allowed, for
    the token would be read on the way."""

    def __init__(self, url: str, token: str, *, allow_plain: bool = False, wait_s: float = TIMEOUT_S) -> None:
        """`wait_s`: for each wait on the network. Raises `ClientError`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ClientError("bad_url", url=url) from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ClientError("bad_url", url=url)
        if parts.scheme == "http" and not allow_plain and not is_loopback(parts.hostname):
            raise ClientError("plain_url", url=url)
        self._url = url
        self._host = parts.hostname
        self._port = port
        self._base = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._token = token
        self._wait_s = wait_s

    def get(self, path: str) -> Any:
        """The decoded answer. Raises `ApiError`, `ClientError`."""
        return self._twice("GET", path, None, {})

    def post(self, path: str, body: object) -> Any:
        """As `get`. Nobody knows whether it was done if the answer does not come."""
        return self._once("POST", path, msgspec.json.encode(body), {})

    def create(self, path: str, body: object) -> Any:
        """As `post`; asked a second time if the answer does not come, with a key by which the collector makes one of it."""
        return self._twice("POST", path, msgspec.json.encode(body), {"Idempotency-Key": secrets.token_hex(16)})

    def _twice(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        try:
            return self._once(method, path, body, headers)
        except ClientError as error:
            if error.key != "cut":
                raise
            return self._once(method, path, body, headers)

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        headers = headers | {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connect()
        try:
            connection.request(method, self._base + path, body, headers)
            with connection.getresponse() as answer:
                data = _read(answer)
        except (OSError, http.client.HTTPException) as error:
            raise ClientError("cut", url=self._url, why=_why(error)) from error
        finally:
            connection.close()
        return self._decode(answer.status, data)

    def _connect(self) -> http.client.HTTPConnection:
        connection = (
            http.client.HTTPConnection(self._host, self._port, timeout=self._wait_s)
            if self._tls is None
            else http.client.HTTPSConnection(self._host, self._port, timeout=self._wait_s, context=self._tls)
        )
        try:
            connection.connect()
        except OSError as error:
            raise ClientError("unreached", url=self._url, why=_why(error)) from error
        return connection

    def _decode(self, status: int, data: bytes) -> Any:
        try:
            if status < 300:
                return msgspec.json.decode(data)
            problem = msgspec.json.decode(data, type=_ErrorBody).error
        except msgspec.MsgspecError:
            raise ClientError("no_collector", url=self._url, status=status) from None
        raise ApiError(status, problem.code, problem.detail, problem.value)


def _read(answer: http.client.HTTPResponse) -> bytes:
    until = time.monotonic() + WHOLE_S
    data = bytearray()
    while chunk := answer.read1(_CHUNK):
        data += chunk
        if len(data) > MAX_ANSWER:
            raise http.client.HTTPException(f"more than {MAX_ANSWER} bytes")
        if time.monotonic() > until:
            raise TimeoutError(f"not whole after {WHOLE_S:.0f} s")
    if answer.length:  # `read1` takes a connection that was cut for the end
        raise http.client.IncompleteRead(bytes(data), answer.length)
    return bytes(data)


def _why(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the name is not known"
    if isinstance(error, TimeoutError):
        return str(error) or f"no answer within {TIMEOUT_S:.0f} s"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
