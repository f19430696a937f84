"""The agent's last good orders on its own disk, so that it goes on with them when nobody answers.

Known to the light part of the agent: it holds bytes, and never looks into them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from typing import Final

import msgspec

from agent.disk import read_plain

NO_ORDERS: Final = "none"
"""Tag of orders that order nothing: there is nothing to fetch."""
MAX_BYTES: Final = 4 * 1024 * 1024
"""Of encoded orders."""
MAX_TAG: Final = 64
TAG_PATTERN: Final = r"[0-9a-z]{1,64}\Z"
NAME: Final = "orders"
_HEAD: Final = re.compile(rb"haidang-orders 1 ([0-9a-z]{1,64}) ([0-9a-f]{64})\n")
_MAX_HEAD: Final = 256


class CopyError(Exception):
    """There is a file, and it is no copy of orders; says why."""


class Copy(msgspec.Struct, frozen=True):
    """Encoded orders and their tag."""

    tag: str
    body: bytes

    def __repr__(self) -> str:
        """Without the orders, which may hold secrets."""
        return f"Copy(tag={self.tag!r}, {len(self.body)} bytes)"


def path_of(spool_folder: str) -> str:
    """Where the copy of an agent is: beside its spool."""
    return os.path.join(os.path.dirname(spool_folder), NAME)


def read(path: str) -> Copy | None:
    """The copy; None if there is none. Raises `CopyError` for a file that is broken or cannot be read."""
    try:
        data = read_plain(path, MAX_BYTES + _MAX_HEAD)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CopyError(f"{path}: {error.strerror or error}") from error
    head = _HEAD.match(data)
    if head is None:
        raise CopyError(f"{path}: no copy of orders")
    body = data[head.end() :]
    if _digest(head[1], body) != head[2]:
        raise CopyError(f"{path}: its bytes are not what they were")
    return Copy(head[1].decode(), body)


def write(path: str, copy: Copy) -> None:
    """Put a copy in place of the one before: whole or not at all, readable by its owner only. Raises `OSError`."""
    temporary = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(fd, "wb") as file:
        tag = copy.tag.encode()
        file.write(b"haidang-orders 1 %b %b\n" % (tag, _digest(tag, copy.body)))
        file.write(copy.body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _digest(tag: bytes, body: bytes) -> bytes:
    return hashlib.sha256(tag + b"\n" + body).hexdigest().encode()


def remove(path: str) -> None:
    """The agent has no orders any more. Raises `OSError`."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
