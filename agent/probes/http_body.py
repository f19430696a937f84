"""The body of an answer, piece by piece: unpacked if it is packed, counted, and never more of it than its bounds.

A few kilobytes can unpack to gigabytes, so unpacking stops where the bound is and not where the server ends.
"""

from __future__ import annotations

import zlib
from typing import Final

MOST_BYTES: Final = 10 * 1024 * 1024
"""Read of a body without `body_size_limit`; the rest is left."""
_PIECE: Final = 256 * 1024


class BodyError(ValueError):
    """The body is not packed as it must be, or longer than allowed; says which."""


class Body:
    """Takes what the server sends. `size` counts unpacked bytes; `kept` has the first ones, as many as rules look at."""

    __slots__ = ("_coding", "_inflater", "_keep", "_limit", "_raw", "is_full", "kept", "size")

    def __init__(self, compression: str, limit: int, keep: int) -> None:
        """`limit`: more bytes are an error; 0: what is beyond `MOST_BYTES` is left. `keep`: bytes for the rules."""
        self._coding = compression if compression in ("gzip", "deflate") else ""
        self._inflater = _inflater(compression, b"") if self._coding == "gzip" else None
        self._limit = limit
        self._keep = keep
        self._raw = 0
        self.size = 0
        self.kept = bytearray()
        self.is_full = False
        """No more is wanted."""

    def feed(self, data: bytes) -> None:
        """The next bytes as they came. Raises `BodyError`."""
        self._raw += len(data)
        if not self._coding:
            self._take(data)
            return
        if self._inflater is None:
            self._inflater = _inflater(self._coding, data)
        more = bool(data)
        while more and not self.is_full:
            data, more = self._unpack(data)

    def end(self) -> None:
        """There are no more. Raises `BodyError` for a packed body that is not complete."""
        if self._coding and (self._inflater is None or not self._inflater.eof):
            raise BodyError(f"the body is no complete {self._coding}: it ends after {self._raw} bytes")

    def _unpack(self, data: bytes) -> tuple[bytes, bool]:
        """One piece: what is left of the bytes, and whether there is more to unpack, if only of what was taken in."""
        assert self._inflater is not None  # made before the first piece
        if self._inflater.eof:
            if self._coding == "deflate":
                return b"", False  # what comes after its end belongs to nothing
            self._inflater = _inflater(self._coding, data)  # gzip may have several members
        try:
            piece = self._inflater.decompress(data, _PIECE)
        except zlib.error:
            raise BodyError(f"the body is not {self._coding}, as `compression` says it is") from None
        self._take(piece)
        if self._inflater.eof:
            return self._inflater.unused_data, bool(self._inflater.unused_data)
        rest = self._inflater.unconsumed_tail
        return rest, bool(rest) or len(piece) == _PIECE

    def _take(self, data: bytes) -> None:
        bound = self._limit or MOST_BYTES
        room = bound - self.size
        if len(data) > room:
            if self._limit:
                self.size = bound
                raise BodyError(f"the body is longer than {self._limit} bytes (body_size_limit)")
            data = data[:room]
            self.is_full = True
        self.size += len(data)
        if len(self.kept) < self._keep:
            self.kept += data[: self._keep - len(self.kept)]


def _inflater(coding: str, data: bytes) -> zlib._Decompress:
    """`deflate` is zlib's format by RFC 9110, and the bare one by the habit of servers; the first byte tells them apart."""
    if coding == "gzip":
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    is_zlib = data[:1] != b"" and data[0] & 0x0F == 8 and data[0] >> 4 <= 7
    return zlib.decompressobj(wbits=zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
