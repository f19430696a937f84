"""H.225.0 call signalling as far as a sign of life needs it: TPKT (RFC 1006), Q.931, and the few user-user parts (packed
encoding rules, X.691) of a SETUP, a status inquiry and a release. Values in, bytes out, and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

PORT: Final = 1720
MAX_MESSAGE: Final = 16_384
"""Bytes of a message with its TPKT header; a longer one is refused."""
MAX_ELEMENTS: Final = 64
_TPKT: Final = 4
_Q931: Final = 0x08
_USER_USER: Final = 0x7E
_CAUSE: Final = 0x08
_BEARER_CAPABILITY: Final = 0x04
_BEARER: Final = b"\x88\xc0\xa5"
"""Unrestricted digital information, packet mode, H.221 and H.242 (H.225.0 7.2.2)."""
_ASN1: Final = b"\x05"
"""Protocol discriminator of user-user information that is X.680 coded (Q.931 4.5.30)."""
_PROTOCOL: Final = bytes.fromhex("06 0008914a0004")
"""itu-t recommendation h 2250 version 4, with its length."""

ALERTING: Final = 0x01
CALL_PROCEEDING: Final = 0x02
PROGRESS: Final = 0x03
SETUP: Final = 0x05
CONNECT: Final = 0x07
SETUP_ACKNOWLEDGE: Final = 0x0D
RELEASE_COMPLETE: Final = 0x5A
FACILITY: Final = 0x62
NOTIFY: Final = 0x6E
STATUS_INQUIRY: Final = 0x75
INFORMATION: Final = 0x7B
STATUS: Final = 0x7D
MESSAGES: Final[Mapping[int, str]] = {
    ALERTING: "alerting",
    CALL_PROCEEDING: "call proceeding",
    PROGRESS: "progress",
    SETUP: "setup",
    CONNECT: "connect",
    SETUP_ACKNOWLEDGE: "setup acknowledge",
    RELEASE_COMPLETE: "release complete",
    FACILITY: "facility",
    NOTIFY: "notify",
    STATUS_INQUIRY: "status inquiry",
    INFORMATION: "information",
    STATUS: "status",
}
"""Message types (Q.931 table 4-2, H.225.0 table 4)."""

NORMAL_CLEARING: Final = 16
CAUSES: Final[Mapping[int, str]] = {
    1: "unallocated number", 2: "no route to transit network", 3: "no route to destination", 6: "channel unacceptable",
    16: "normal call clearing", 17: "user busy", 18: "no user responding", 19: "no answer from user", 20: "subscriber absent",
    21: "call rejected", 22: "number changed", 27: "destination out of order", 28: "invalid number format",
    29: "facility rejected", 30: "response to status enquiry", 31: "normal, unspecified", 34: "no channel available",
    38: "network out of order", 41: "temporary failure", 42: "switching equipment congestion",
    43: "access information discarded", 44: "requested channel not available", 47: "resource unavailable",
    50: "requested facility not subscribed",
    55: "incoming calls barred", 57: "bearer capability not authorized", 58: "bearer capability not available",
    63: "service not available", 65: "bearer capability not implemented", 69: "requested facility not implemented",
    79: "service not implemented", 81: "invalid call reference", 88: "incompatible destination", 95: "invalid message",
    96: "mandatory element missing", 97: "message type not implemented", 98: "message not compatible with call state",
    99: "element not implemented", 100: "invalid element contents", 101: "message not compatible with call state",
    102: "recovery on timer expiry", 111: "protocol error", 127: "interworking, unspecified",
}  # fmt: skip
"""Causes (Q.850)."""

_REASONS: Final = (
    "no bandwidth", "gatekeeper resources", "unreachable destination", "destination rejection", "invalid revision",
    "no permission", "unreachable gatekeeper", "gateway resources", "bad format address", "adaptive busy", "in conference",
    "undefined reason",
)  # fmt: skip
_LATER_REASONS: Final = (
    "facility call deflection", "security denied", "called party not registered", "caller not registered",
    "new connection needed", "non-standard reason", "replace with conference invite", "generic data reason",
    "needed feature not supported", "tunnelled signalling rejected", "invalid conference id", "security error",
    "hop count exceeded",
)  # fmt: skip
"""Alternatives of ReleaseCompleteReason (H.225.0 Annex H), those before and after its extension mark."""
_RELEASE_BODY: Final = 5
"""Number of releaseComplete among the bodies of a message."""
_STATUS_INQUIRY_BODY: Final = 3
"""Its number among the later bodies."""
GOALS: Final[Mapping[str, int]] = {"create": -1, "capability_negotiation": 0, "call_independent": 1}
"""What a SETUP is for (conferenceGoal): a call, or, for those that know it, only to learn what the other side can do, or
only signalling; the numbers are those after the extension mark."""


class H323Error(ValueError):
    """What is no call signalling, or none that is to be read."""


class Message(msgspec.Struct, frozen=True):
    """A Q.931 message. `reference` has its flag (0x8000) set when it comes from the side that was called."""

    type: int
    reference: int
    elements: tuple[tuple[int, bytes], ...] = ()

    @property
    def name(self) -> str:
        """In words."""
        return MESSAGES.get(self.type, f"message {self.type}")

    def element(self, number: int) -> bytes | None:
        """Content of the first element of that number."""
        return next((content for each, content in self.elements if each == number), None)


def cause_of(message: Message) -> int:
    """Number of the cause (Q.850); 0 where there is none."""
    content = message.element(_CAUSE) or b""
    # An octet whose highest bit is clear is continued (Q.931 4.5.1): octet 3a before the value.
    at = 1 if content[:1] and content[0] & 0x80 else 2
    return content[at] & 0x7F if len(content) > at else 0


def reason_of(message: Message) -> str:
    """Why a release says that it is one, "" where it does not: many terminals tell it there and give no cause."""
    content = message.element(_USER_USER)
    if content is None or len(content) < 4 or content[:1] != _ASN1:
        return ""
    # One bit each: extended, user data, extended, non-standard, later body; three of the body. Then extended, has a reason.
    if content[1] & 0x0F != _RELEASE_BODY or not content[2] & 0x40:
        return ""
    at = 4 + content[3]
    if len(content) <= at:
        return ""
    choice = content[at]
    if choice & 0x80:
        later = choice & 0x3F
        return _LATER_REASONS[later] if not choice & 0x40 and later < len(_LATER_REASONS) else "other reason"
    number = choice >> 3
    return _REASONS[number] if number < len(_REASONS) else "other reason"


def encode(message: Message) -> bytes:
    """The message in its TPKT."""
    body = bytearray((_Q931, 2, message.reference >> 8 & 0xFF, message.reference & 0xFF, message.type))
    for number, content in message.elements:
        # H.225.0 7.2.2: the length of user-user information has two octets, unlike in Q.931.
        width = 2 if number == _USER_USER else 1
        body += bytes((number,)) + len(content).to_bytes(width, "big") + content
    length = _TPKT + len(body)
    if length > MAX_MESSAGE:
        raise H323Error(f"message of {length} bytes")
    return b"\x03\x00" + length.to_bytes(2, "big") + bytes(body)


def take(buffer: bytes) -> tuple[bytes | None, bytes]:
    """The content of the first whole TPKT of a stream and what is behind it; None: it is not whole yet. Raises `H323Error` for
    what is none."""
    if buffer[:1] not in (b"", b"\x03"):
        raise H323Error(f"TPKT of version {buffer[0]}")
    if len(buffer) < _TPKT:
        return None, buffer
    length = int.from_bytes(buffer[2:4], "big")
    if not _TPKT <= length <= MAX_MESSAGE:
        raise H323Error(f"TPKT of {length} bytes")
    return (buffer[_TPKT:length], buffer[length:]) if len(buffer) >= length else (None, buffer)


def decode(content: bytes) -> Message:
    """The message in a TPKT. Raises `H323Error`."""
    if len(content) < 3 or content[0] != _Q931 or content[1] & 0xF0 or content[1] > 2:
        raise H323Error("no Q.931 message")
    width = content[1]
    at = 2 + width
    reference = int.from_bytes(content[2:at], "big") if width != 1 else (content[2] & 0x80) << 8 | content[2] & 0x7F
    if len(content) <= at:
        raise H323Error("no Q.931 message type")
    kind = content[at] & 0x7F
    return Message(kind, reference, _elements(content, at + 1))


def _elements(content: bytes, at: int) -> tuple[tuple[int, bytes], ...]:
    found: list[tuple[int, bytes]] = []
    while at < len(content):
        if len(found) >= MAX_ELEMENTS:
            raise H323Error(f"more than {MAX_ELEMENTS} elements")
        number = content[at]
        if number & 0x80:  # A whole element in one octet (Q.931 4.5.1).
            found.append((number, b""))
            at += 1
            continue
        width = 2 if number == _USER_USER else 1
        start = at + 1 + width
        length = int.from_bytes(content[at + 1 : start], "big")
        if start > len(content) or start + length > len(content):
            raise H323Error(f"element {number} is longer than its message")
        found.append((number, content[start : start + length]))
        at = start + length
    return tuple(found)


class _Packed:
    """Bits of a value in the aligned packed encoding rules (X.691)."""

    __slots__ = ("_count", "_value")

    def __init__(self) -> None:
        self._value = self._count = 0

    def bits(self, text: str) -> _Packed:
        """Bits as they are; blanks only show their parts."""
        for each in text.replace(" ", ""):
            self._value, self._count = self._value << 1 | (each == "1"), self._count + 1
        return self

    def octets(self, data: bytes) -> _Packed:
        """Whole octets, from the next border of an octet on."""
        gap = -self._count % 8
        self._value = self._value << gap + 8 * len(data) | int.from_bytes(data, "big")
        self._count += gap + 8 * len(data)
        return self

    def open(self, content: bytes) -> _Packed:
        """A value of open type, shorter than 128 octets: its length goes before it."""
        return self.octets(bytes((len(content),)) + content)

    def finished(self) -> bytes:
        """The octets, the last one filled up."""
        gap = -self._count % 8
        return (self._value << gap).to_bytes((self._count + gap) // 8, "big")


_FALSE: Final = b"\x00"


def _call_identifier(call: bytes) -> bytes:
    return _Packed().bits("0").octets(call).finished()


def _user_user(packed: _Packed) -> tuple[int, bytes]:
    """The element around a body; behind it the later part of H323-UU-PDU that says: no H.245 through this channel."""
    return _USER_USER, _ASN1 + packed.bits("0 000001 01").open(_FALSE).finished()


def setup(reference: int, conference: bytes, call: bytes, goal: str = "create") -> bytes:
    """A SETUP of a terminal without a name to whoever is at the address (H.225.0 7.3.10). `conference` and `call` are 16 random
    bytes each, `goal` is one of `GOALS`."""
    # H323-UserInformation without user data; H323-UU-PDU with later parts; body 0: setup.
    packed = _Packed().bits("0 0 1 0 0 000")
    # Setup-UUIE with later parts, without its seven optional ones; EndpointType: `terminal` alone, which is empty, no MC.
    packed.bits("1 0000000").octets(_PROTOCOL).bits("0 000001 0 0 0 0")
    packed.bits("0").octets(conference)  # activeMC
    if GOALS[goal] < 0:
        packed.bits("0 00")
    else:
        packed.bits(f"1 0 {GOALS[goal]:06b}").open(b"\x00")
    packed.bits("0 00")  # callType: pointToPoint
    # Of twelve later parts: callIdentifier, mediaWaitForConnect, canOverlapSend, multipleCalls, maintainConnection.
    packed.bits("0 001011 0010 0001 1011").open(_call_identifier(call))
    for _ in range(4):
        packed.open(_FALSE)
    return encode(Message(SETUP, reference, ((_BEARER_CAPABILITY, _BEARER), _user_user(packed))))


def status_inquiry(reference: int, call: bytes) -> bytes:
    """A status inquiry (Q.931 3.1.16, H.225.0 7.3.13) about a call that need not exist."""
    inquiry = _Packed().bits("0 00").octets(_PROTOCOL).bits("0").octets(call).finished()
    packed = _Packed().bits(f"0 0 1 0 1 0 {_STATUS_INQUIRY_BODY:06b}").open(inquiry)
    return encode(Message(STATUS_INQUIRY, reference, (_user_user(packed),)))


def release(reference: int, call: bytes, cause: int = NORMAL_CLEARING) -> bytes:
    """A RELEASE COMPLETE, after which there is no call (H.225.0 7.3.9)."""
    undefined = _REASONS.index("undefined reason")
    packed = _Packed().bits(f"0 0 1 0 0 {_RELEASE_BODY:03b} 1 1").octets(_PROTOCOL).bits(f"0 {undefined:04b}")
    packed.bits("0 000000 1").open(_call_identifier(call))
    return encode(Message(RELEASE_COMPLETE, reference, ((_CAUSE, bytes((0x80, 0x80 | cause))), _user_user(packed))))
