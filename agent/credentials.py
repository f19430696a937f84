"""The agent's token and where it may be sent: read from a file that only its owner can read, refused otherwise."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final

from agent.disk import read_plain
from agent.settings import WINDOWS, Secret

_EXPECTED: Final = "a file with the agent's token (made by haidang-agent enrol)"


class CredentialError(Exception):
    """The token cannot be used; says what was found and what was expected."""


def token_troubles(path: str) -> Iterator[tuple[str, str]]:
    """What is wrong with a token file, as pairs of found and expected: absent, readable by others, not one token."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        token = _content(path)
    except OSError as error:
        yield f"{(error.strerror or 'no readable file').lower()} ({path})", _EXPECTED
        return
    except UnicodeDecodeError:
        yield f"bytes that are no token ({path})", _EXPECTED
        return
    except ValueError:
        yield "no path", _EXPECTED
        return
    if not WINDOWS and mode & 0o077:
        yield f"mode {mode:04o} ({path})", f"mode 0600 (chmod 0600 {path})"
    if not 16 <= len(token) <= 4_096 or len(token.split()) != 1:
        yield f"{len(token)} characters ({path})", "one token of 16 to 4096 characters"


def read_token(path: str) -> Secret:
    """The agent's token. Raises `CredentialError` if the file is absent, readable by others or holds no token."""
    for found, expected in token_troubles(path):
        raise CredentialError(f"collector.token_file: found {found}, expected {expected}")
    return Secret(_content(path))


def _content(path: str) -> str:
    return read_plain(path, 8_192).decode("ascii").strip()


def is_loopback(url: str) -> bool:
    """Whether an address of a collector stays on this machine."""
    host = url.split("://", 1)[-1].split("/", 1)[0]
    host = host if host.endswith("]") else host.rsplit(":", 1)[0]
    return host in ("localhost", "[::1]") or (host.startswith("127.") and host.replace(".", "").isdigit())
