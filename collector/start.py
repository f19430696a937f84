"""What must be had before the collector can run: its data folder for itself alone, its addresses, its database's URL.

Every failure says what is wrong and what to do about it.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, urlsplit

from collector.config import Config, split_address
from collector.files import read_plain

_PASSWORD_BYTES: Final = 64 * 1024


class StartError(Exception):
    """The collector cannot start; the text names the cause and what to do."""


class DataFolder:
    """The data folder, held by one collector at a time."""

    def __init__(self, path: Path) -> None:
        """Make the folder if need be and hold it. Raises `StartError`."""
        self.path = path
        make_folder(path)
        try:
            self._lock = (path / "collector.lock").open("a+")
        except OSError as error:
            raise StartError(unwritable(path, error)) from error
        if not _try_lock(self._lock):
            self._lock.seek(0)
            pid = self._lock.read(20).strip() or "unknown"
            self._lock.close()
            raise StartError(f"{path}: another collector (process {pid}) uses this folder: stop it, or give --data another one")
        self._lock.truncate(0)
        self._lock.write(f"{os.getpid()}\n")
        self._lock.flush()

    def release(self) -> None:
        """Let another collector have it."""
        self._lock.close()


def make_folder(path: Path) -> None:
    """Make the data folder if it is not there. Raises `StartError`."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(unwritable(path, error)) from error


def unwritable(path: Path, error: OSError) -> str:
    """What to say of a folder that cannot be written."""
    advice = "give it to the user that runs the collector, or choose another with --data"
    return f"{error.filename or path}: cannot be written ({error.strerror or error}): {advice}"


if sys.platform == "win32":

    def _try_lock(file: IO[str]) -> bool:
        return True
else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def listen(address: str, setting: str) -> socket.socket:
    """A listening socket for `host:port`. Raises `StartError` naming the setting."""
    host, port = split_address(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family = found[0][0]
        dual = family == socket.AF_INET6 and host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(found[0][4][:2], family=family, backlog=1_024, dualstack_ipv6=dual)
    except OSError as error:
        raise StartError(f"{setting} {address}: {_why_not(error)}") from error


def _why_not(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is taken: stop the program that has it, or choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address: choose one of its own, or 0.0.0.0 for all"
    if error.errno == errno.EACCES:
        return "no permission: ports below 1024 need a privilege; choose a higher one"
    return f"{error.strerror or error}"


def database_url(config: Config) -> str:
    """Where the store is, with the password from its file or environment variable. Raises `StartError`."""
    database = config.database
    if not database.url:
        return f"sqlite:///{Path(config.data) / 'haidang.db'}"
    password = ""
    if database.password_file:
        try:
            text = read_plain(Path(database.password_file), _PASSWORD_BYTES).decode()
            password = text.split("\n", 1)[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise StartError(f"database.password_file {database.password_file}: cannot be read: {error}") from error
    elif database.password_env:
        password = os.environ.get(database.password_env, "")
        if not password:
            raise StartError(f"database.password_env: the environment variable {database.password_env} is not set")
    if not password:
        return database.url
    parts = urlsplit(database.url)
    user, at, place = parts.netloc.rpartition("@")
    if not at or not user:
        raise StartError("database.url: a password needs a user: expected postgresql+asyncpg://user@host/name")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}").geturl()
