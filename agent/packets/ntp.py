"""NTP version 4 (RFC 5905): what a client asks and a server answers, and the clock offset that four time stamps tell.

Time stamps are 64-bit numbers as on the wire (seconds since 1900 in the upper half, modulo 2^64); differences hold over 2036.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

VERSION: Final = 4
CLIENT: Final = 3
SERVER: Final = 4
UNSYNCHRONISED: Final = 3
"""The leap indicator of a server that has no time."""
MAX_STRATUM: Final = 15
SIZE: Final = 48
_UNIX: Final = 2_208_988_800
_ERA: Final = 1 << 64
_SHORT: Final = 65_536
_LAYOUT: Final = Struct("!BBbbII4sQQQQ")


class NtpError(ValueError):
    """These bytes are no NTP message."""


class Message(NamedTuple):
    """An NTP message. `root_delay_s` and `root_dispersion_s` are of the server to its source of time."""

    leap: int
    version: int
    mode: int
    stratum: int
    poll: int
    precision: int
    root_delay_s: float
    root_dispersion_s: float
    reference_id: bytes
    reference: int
    origin: int
    receive: int
    transmit: int

    @property
    def kiss_code(self) -> str:
        """Why a server wants to be left alone (`RATE`, `DENY`, `RSTR` ...); "" for a usual answer."""
        return self.reference_text if self.stratum == 0 else ""

    @property
    def reference_text(self) -> str:
        """The reference id: letters of a primary server (stratum 0 or 1), else four numbers as an address has them."""
        if self.stratum <= 1:
            return "".join(chr(one) for one in self.reference_id.rstrip(b"\0") if 32 <= one <= 126)
        return ".".join(str(one) for one in self.reference_id)


def encode_request(transmit: int) -> bytes:
    """A client's request. Nothing in it tells about the client; `transmit` comes back as the answer's `origin`."""
    return _LAYOUT.pack(VERSION << 3 | CLIENT, 0, 0, 0, 0, 0, bytes(4), 0, 0, 0, transmit)


def encode(message: Message) -> bytes:
    """The bytes of any message; fractions of root delay and dispersion are cut to 1/65536 s."""
    return _LAYOUT.pack(
        (message.leap << 6) | (message.version << 3) | message.mode, message.stratum, message.poll, message.precision,
        int(message.root_delay_s * _SHORT), int(message.root_dispersion_s * _SHORT), *message[8:],
    )  # fmt: skip


def decode(data: bytes) -> Message:
    """The message in a datagram; extension fields behind it are left out. Raises `NtpError`."""
    if len(data) < SIZE:
        raise NtpError("shorter than an NTP message")
    first, stratum, poll, precision, delay, dispersion, *rest = _LAYOUT.unpack_from(data)
    head = (first >> 6, (first >> 3) & 7, first & 7, stratum, poll, precision)
    return Message(*head, delay / _SHORT, dispersion / _SHORT, *rest)


def from_unix_ns(at_ns: int) -> int:
    """The time stamp of a moment in nanoseconds since 1970."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return (((seconds + _UNIX) << 32) + (rest << 32) // 1_000_000_000) % _ERA


def to_unix_s(stamp: int, near_s: float) -> float:
    """The moment of a time stamp in seconds since 1970, of the era that is nearest to `near_s`."""
    return near_s + difference_s(stamp, from_unix_ns(int(near_s * 1e9)))


def difference_s(later: int, earlier: int) -> float:
    """Seconds between two time stamps that are less than 68 years apart."""
    found = (later - earlier) % _ERA
    return (found - _ERA if found >= _ERA >> 1 else found) / (1 << 32)


def offset_and_delay(asked: int, message: Message, answered: int) -> tuple[float, float]:
    """How far the server's clock is ahead of ours, and how long the way there and back took, in seconds; `asked` and `answered`
    are by our clock (RFC 5905 section 8)."""
    there_s = difference_s(message.receive, asked)
    back_s = difference_s(message.transmit, answered)
    return (there_s + back_s) / 2, max(0.0, there_s - back_s)
