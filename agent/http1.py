"""HTTP/1.1 as the agent needs it: the head of a request out, one answer in. Bytes and values, no sockets.

The standard library's `http.client` does the same with `email`, `urllib.parse`, `random` and `calendar` behind it: measured at
import, 1.6 MiB; a running agent takes 16 with this file. Strict where `http.client` is lenient: our collectors speak plainly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

MAX_HEAD_BYTES: Final = 16 * 1024
"""Of an answer's status line and fields, those of interim answers and trailers included."""
_MAX_LINE_BYTES: Final = 256
"""Of the line before a chunk."""
_BEGINNING: Final = b"HTTP/1."
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\x00\r\n]*)?")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00\r\n]*)?")
_CLOSING: Final = re.compile(r"(?:.*,)?[ \t]*close[ \t]*(?:,.*)?", re.IGNORECASE)


class AnswerError(ValueError):
    """The bytes are no answer of HTTP/1.1, or one past its bounds; says what was found."""


class Answer(msgspec.Struct, frozen=True):
    """An answer. Names of `fields` are lower case; values of a repeated field are joined by a comma."""

    status: int
    fields: dict[str, str]
    body: bytes
    is_last: bool
    """The connection must not be used again."""


def post(path: str, fields: Mapping[str, str], length: int) -> bytes:
    """The head of a POST whose body has `length` bytes; Content-Length is its last line, by which the collector recognises
    heads that are equal but for it. Raises `ValueError` naming a field that HTTP cannot carry, not its value."""
    return _head(f"POST {path} HTTP/1.1", fields, f"Content-Length: {length}")


def get(path: str, fields: Mapping[str, str]) -> bytes:
    """The head of a GET. Raises `ValueError` as `post` does."""
    return _head(f"GET {path} HTTP/1.1", fields)


def _head(first: str, fields: Mapping[str, str], *last: str) -> bytes:
    lines = [first]
    for name, value in fields.items():
        if not (value.isascii() and value.isprintable()):
            raise ValueError(f"{name}: found characters that HTTP cannot carry, expected printable ASCII")
        lines.append(f"{name}: {value}")
    return "\r\n".join((*lines, *last, "", "")).encode("ascii")


class Parser:
    """Reads one final answer out of pieces of any size; interim answers (1xx) are skipped. Holds at most `body_bytes` of body
    and one piece."""

    def __init__(self, body_bytes: int) -> None:
        self._most = body_bytes
        self._buffer = bytearray()
        self._body = bytearray()
        self._head_left = MAX_HEAD_BYTES
        self._left = 0
        self._step: Callable[[], bool] = self._head
        self._status = 0
        self._fields: dict[str, str] = {}
        self._is_last = False
        self._is_done = False
        self.has_begun = False
        """Whether a byte has come."""

    def feed(self, data: bytes) -> Answer | None:
        """The answer if `data` completes it. Raises `AnswerError`."""
        self.has_begun = self.has_begun or bool(data)
        self._buffer += data
        while not self._is_done:
            if not self._step():
                return None
        return self._answer()

    def finish(self) -> Answer:
        """The answer that the end of the connection completes, one without a length. Raises `AnswerError` for any other."""
        if self._step == self._rest:
            self._is_last = True
            return self._answer()
        if self._step == self._head:
            raise AnswerError("the connection ends within the answer's head")
        raise AnswerError(
            f"the connection ends {self._left} bytes early" if self._left else "the connection ends within a chunk"
        )

    def _answer(self) -> Answer:
        # Bytes after the answer belong to nothing that was asked.
        return Answer(self._status, self._fields, bytes(self._body), self._is_last or bool(self._buffer))

    # -- steps: each takes what it can from the buffer; false if it needs more ------------------------------------------

    def _head(self) -> bool:
        buffer = self._buffer
        if not buffer.startswith(_BEGINNING[: len(buffer)]):
            raise AnswerError(f"found {bytes(buffer[:40])!r}, expected HTTP/1.1")
        head = self._take_head(buffer.find(b"\r\n\r\n"))
        if head is None:
            return False
        first, *lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(first)
        if status is None:
            raise AnswerError(f"found {first[:40]!r}, expected HTTP/1.1 and a status")
        self._status = int(status[2])
        if self._status == 101:
            raise AnswerError("found status 101, nothing was asked to change")
        if self._status >= 200:
            self._fields = _fields(lines)
            self._is_last = status[1] == b"0" or bool(_CLOSING.fullmatch(self._fields.get("connection", "")))
            self._choose_body()
        return True

    def _take_head(self, end: int) -> bytes | None:
        """The bytes before the blank line at `end`; None if it has not come. Raises `AnswerError` past the bound."""
        if (end if end >= 0 else len(self._buffer)) > self._head_left:
            raise AnswerError(f"found a head of more than {MAX_HEAD_BYTES} bytes")
        if end < 0:
            return None
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        self._head_left -= len(head)
        return head

    def _choose_body(self) -> None:
        length, encoding = self._fields.get("content-length"), self._fields.get("transfer-encoding")
        if self._status in (204, 304):
            self._is_done = True
        elif encoding is not None:
            if encoding.lower() != "chunked" or length is not None:
                raise AnswerError(f"found Transfer-Encoding {encoding[:40]!r}, expected chunked, without Content-Length")
            self._step = self._chunk_line
        elif length is not None:
            if not (length.isascii() and length.isdigit() and len(length) < 19):
                raise AnswerError(f"found Content-Length {length[:40]!r}, expected a number")
            self._left = int(length)
            self._check(self._left)
            self._step = self._counted
        else:
            self._step = self._rest

    def _check(self, more: int) -> None:
        if len(self._body) + more > self._most:
            raise AnswerError(f"found an answer of more than {self._most} bytes")

    def _take(self) -> bool:
        """Move what is there of the `_left` bytes; whether that was all."""
        part = self._buffer[: self._left]
        del self._buffer[: len(part)]
        self._body += part
        self._left -= len(part)
        return not self._left

    def _counted(self) -> bool:
        self._is_done = self._take()
        return self._is_done

    def _rest(self) -> bool:
        self._check(len(self._buffer))
        self._left = len(self._buffer)
        self._take()
        return False

    def _chunk_line(self) -> bool:
        end = self._buffer.find(b"\r\n", 0, _MAX_LINE_BYTES + 2)
        if end < 0 and len(self._buffer) <= _MAX_LINE_BYTES:
            return False
        line = _CHUNK.fullmatch(self._buffer, 0, max(end, 0))
        if line is None:
            raise AnswerError(f"found {bytes(self._buffer[:40])!r}, expected the size of a chunk")
        self._left = int(line[1], 16)
        self._check(self._left)
        # The line's own end stays when it may be the first half of the blank line after the last chunk.
        del self._buffer[: end + 2 if self._left else end]
        self._step = self._chunk if self._left else self._trailers
        return True

    def _chunk(self) -> bool:
        if not self._take():
            return False
        self._step = self._chunk_end
        return True

    def _chunk_end(self) -> bool:
        if not self._buffer.startswith(b"\r\n"):
            if not b"\r\n".startswith(self._buffer):
                raise AnswerError(f"found {bytes(self._buffer[:40])!r}, expected the end of a chunk")
            return False
        del self._buffer[:2]
        self._step = self._chunk_line
        return True

    def _trailers(self) -> bool:
        head = self._take_head(self._buffer.find(b"\r\n\r\n"))
        if head is not None:
            _fields(head.split(b"\r\n")[1:])
        self._is_done = head is not None
        return self._is_done


def _fields(lines: list[bytes]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise AnswerError(f"found {line[:40]!r}, expected NAME: VALUE")
        name, value = field[1].decode("ascii").lower(), field[2].decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields
