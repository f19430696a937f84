"""IMAP as a probe speaks it (RFC 9051, RFC 3501): lines of the server -> values, and the commands of a login."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

MAX_BYTES: Final = 64 * 1024
"""Of all that a server says to one command, literals counted."""
MAX_LINES: Final = 256
_LITERAL: Final = re.compile(rb"\{([0-9]{1,10})\+?\}\r?\n\Z")
_CONDITION: Final = re.compile(r"(OK|NO|BAD|BYE|PREAUTH)(?: (?:\[([^\]]*)\] ?)?(.*))?", re.IGNORECASE | re.DOTALL)
_CAPABILITY: Final = re.compile(r"CAPABILITY +(.*)", re.IGNORECASE | re.DOTALL)


class ImapError(ValueError):
    """Bytes that are no line of a server."""


class Line(NamedTuple):
    """A line of a server. `tag` is `*` (untagged), `+` (it wants more) or that of the command that it answers; `condition` is
    `OK`, `NO`, `BAD`, `BYE`, `PREAUTH`, or empty; `code` what stands in brackets behind it."""

    tag: str
    condition: str
    code: str
    text: str


def read_line(data: bytes) -> Line:
    """A whole line, its literals within. Raises `ImapError`."""
    text = data.decode("utf-8", errors="replace").rstrip("\r\n")
    tag, blank, rest = text.partition(" ")
    if not tag or not data.endswith(b"\n") or (not blank and tag != "+") or not tag.isprintable():
        raise ImapError("no line of an IMAP server")
    found = _CONDITION.fullmatch(rest) if tag != "+" else None
    if found is None:
        if tag not in ("*", "+"):
            raise ImapError("an answer that is neither OK nor NO nor BAD")
        return Line(tag, "", "", rest)
    return Line(tag, found[1].upper(), found[2] or "", found[3] or "")


def literal_size(data: bytes) -> int | None:
    """Bytes of the literal that follows this line (RFC 9051 4.3), None if none does."""
    found = _LITERAL.search(data)
    return int(found[1]) if found else None


def capabilities(line: Line) -> frozenset[str] | None:
    """What a line says that the server can, in capitals: an untagged CAPABILITY or the code of a greeting; None for others."""
    said = line.code if line.condition else line.text
    found = _CAPABILITY.fullmatch(said) if line.condition in ("", "OK", "PREAUTH") else None
    return frozenset(found[1].upper().split()) if found else None


def quoted(text: str) -> str | None:
    """A quoted string (RFC 9051 4.3), None for text that only a literal could hold."""
    if not text.isascii() or not text.isprintable():
        return None
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
