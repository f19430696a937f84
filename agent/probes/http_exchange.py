"""One request and its answer over a stream: HTTP/1.1 by h11, with bounds on everything that a server can send without end.

The only door of h11. What is no HTTP becomes a `ProbeError` that says what came instead.
"""

from __future__ import annotations

import functools
from typing import Final

import h11

from agent.model import Outcome, Reason
from agent.probes.dial import Stream
from agent.probes.http_body import Body, BodyError
from agent.probes.http_request import Fields, Hop
from agent.probes.probe import ProbeError, Run

MAX_HEAD: Final = 64 * 1024
"""Bytes of an answer's head, of a line before a chunk, and of what follows the last one."""
MOST_INTERIM: Final = 5
"""Answers of 1xx before the one that counts, as many as Go allows."""
_FEW_PIECES: Final = 5_000
_SMALL_PIECE: Final = 64
"""A body of more pieces than so many, smaller than so many bytes each, is made to burn our time."""
_READ: Final = 32 * 1024
_KNOWN: Final = 2048
_BEGINNING: Final = b"HTTP/"
_NO_BODY: Final = frozenset({204, 304})


class Answer:
    """The head of an answer."""

    __slots__ = ("_raw", "phrase", "status", "version")

    def __init__(self, response: h11.Response) -> None:
        self.status = response.status_code
        self.phrase = response.reason.decode("latin-1")[:60]
        self.version = response.http_version.decode("ascii")
        self._raw = list(response.headers)

    def fields(self) -> dict[str, list[str]]:
        """Values by name in lower case."""
        found: dict[str, list[str]] = {}
        for name, value in self._raw:
            found.setdefault(name.decode("ascii"), []).append(_text(value))
        return found

    def field(self, name: bytes) -> str:
        """The first value of a name in lower case; empty if there is none."""
        for known, value in self._raw:
            if known == name:
                return _text(value)
        return ""

    @property
    def content_length(self) -> int:
        """Bytes of the body as the head has it, packed; -1 if it does not say, as Go counts."""
        if self.status in _NO_BODY:
            return 0
        text = self.field(b"content-length")
        if not text or not text.isascii() or not text.isdecimal() or self.field(b"transfer-encoding"):
            return -1
        return int(text)  # h11 takes no more than 20 digits


class Exchange:
    """Over a stream of its own, which it closes. `ask`, then `read` if the body is wanted."""

    __slots__ = ("_state", "_target", "stream")

    def __init__(self, stream: Stream, target: str, fields: Fields = ()) -> None:
        """`target`: what stands in the request line. `fields`: further ones, for a proxy."""
        self.stream = stream
        self._target = (target, fields)
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)

    async def ask(self, run: Run, hop: Hop) -> Answer:
        """Send the request; the head of the answer. Phases `processing` until its first byte, `transfer` after that."""
        target, more = self._target
        with run.during("processing"):
            data = self._state.send(_request(hop.method, target, hop.fields + more)) or b""
            if hop.body:
                data += self._state.send(h11.Data(data=hop.body)) or b""
            data += self._state.send(_END) or b""
            await self.stream.write(data)
            first = await self.stream.read(_READ)
        with run.during("transfer"):
            return Answer(await self._head(first))

    async def read(self, run: Run, body: Body) -> None:
        """The body, as much as is wanted of it. Raises `ProbeError`; phase `transfer`."""
        with run.during("transfer"):
            try:
                await self._all(body)
            except BodyError as error:
                raise ProbeError(Reason.MISMATCH, str(error)) from error
            except ConnectionError as error:
                detail = f"the connection broke after {body.size} bytes of the body: {error}"
                raise ProbeError(Reason.NO_DATA, detail) from error

    def close(self) -> None:
        """Close the connection; see `Stream.close`."""
        self.stream.close()

    async def _head(self, data: bytes) -> h11.Response:
        if not data:
            raise ProbeError(Reason.NO_DATA, "the server closed the connection without an answer")
        _check_beginning(data)
        interim, taken = 0, 0
        while True:
            taken += len(data)
            event = self._received(data)
            while isinstance(event, h11.InformationalResponse):
                interim += 1
                if interim > MOST_INTERIM:
                    raise ProbeError(Reason.MISMATCH, f"more than {MOST_INTERIM} interim answers (1xx) and none that counts")
                event = self._event(taken)
            if isinstance(event, h11.Response):
                return event
            data = await self.stream.read(_READ)

    async def _all(self, body: Body) -> None:
        pieces = 0
        while not body.is_full and (piece := await self._piece()):
            body.feed(piece)
            pieces += 1
            if pieces > _FEW_PIECES and body.size < pieces * _SMALL_PIECE:
                raise BodyError(f"the body comes in {pieces} pieces of a few bytes, which is no use")
        if not body.is_full:
            body.end()

    async def _piece(self) -> bytes:
        """The next bytes of the body; empty at its end."""
        event = self._event(0)
        while event is h11.NEED_DATA:
            event = self._received(await self.stream.read(_READ))
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def _received(self, data: bytes) -> object:
        self._state.receive_data(data)
        return self._event(len(data))

    def _event(self, received: int) -> object:
        try:
            return self._state.next_event()
        except h11.RemoteProtocolError as error:
            is_end = self._state.trailing_data[1] and not received
            what = "the server closed the connection too early" if is_end else "no answer of HTTP/1.1"
            raise ProbeError(Reason.NO_DATA if is_end else Reason.MISMATCH, f"{what}: {error}") from error


_END: Final = h11.EndOfMessage()


@functools.lru_cache(_KNOWN)
def _request(method: str, target: str, fields: Fields) -> h11.Request:
    """Checking a request costs more than sending it, and most are sent again and again."""
    headers = [(name.encode(), value.strip(" \t").encode()) for name, value in fields]
    try:
        return h11.Request(method=method.encode(), target=target.encode(), headers=headers)
    except h11.LocalProtocolError as error:
        raise ProbeError(Reason.INTERNAL, f"the request cannot be sent: {error}", Outcome.ERROR) from error


def _check_beginning(data: bytes) -> None:
    if data.startswith(_BEGINNING[: len(data)]):
        return
    if data[:2] in (b"\x15\x03", b"\x16\x03"):
        raise ProbeError(Reason.MISMATCH, "the server speaks TLS, expected plain HTTP")
    raise ProbeError(Reason.MISMATCH, f"no answer of HTTP/1.1: begins with {_text(data[:24])!r}")


def _text(value: bytes) -> str:
    """UTF-8 where it is, which Vietnamese servers send in `Location` and elsewhere, or else the bytes as Latin-1."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
