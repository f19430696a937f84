"""SMTP as a probe speaks it (RFC 5321, RFC 4954 AUTH): lines of replies -> values, and the commands that hold secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

MAX_LINE: Final = 2_048
"""Bytes of a reply line; RFC 5321 4.5.3.1.5 allows 512, and servers are seen to send more."""
MAX_LINES: Final = 128
_REPLY: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])([^\r\n]*))?\r?\n")


class SmtpError(ValueError):
    """Bytes that are no reply."""


class ReplyLine(NamedTuple):
    """One line of a reply (RFC 5321 4.2)."""

    code: int
    is_last: bool
    text: str


def read_line(data: bytes) -> ReplyLine:
    """A line with its end. Raises `SmtpError`."""
    found = _REPLY.fullmatch(data)
    if found is None or len(data) > MAX_LINE:
        raise SmtpError("no line of an SMTP reply")
    return ReplyLine(int(found[1]), found[2] != b"-", (found[3] or b"").decode("utf-8", errors="replace"))


def extensions(lines: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Keywords that an EHLO reply offers with their parameters, in capitals; the first line is the greeting."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines[1:]:
        words = tuple(line.upper().replace("AUTH=", "AUTH ", 1).split())
        if words:
            found[words[0]] = (*found.get(words[0], ()), *words[1:])
    return found


def own_name(ip: str) -> str:
    """What a machine without a name calls itself in EHLO: an address literal (RFC 5321 4.1.3)."""
    ip = ip.partition("%")[0]
    return f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"


def plain(username: str, password: str) -> str:
    """The message of SASL PLAIN (RFC 4616)."""
    return coded(f"\0{username}\0{password}")


def coded(text: str) -> str:
    """Base64, as the answers of AUTH are."""
    return base64.b64encode(text.encode()).decode("ascii")
