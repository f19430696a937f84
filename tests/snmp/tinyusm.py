"""An SNMPv3 engine for tests: discovery, authentication by MD5 or SHA-1, the time window and their reports (RFC 3414 3.2).

No privacy: what tests need of it, real agents do.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
from dataclasses import dataclass, field

from tests.snmp import tinyber
from tests.snmp.tinyber import INTEGER, SEQUENCE, STRING, Binding, Pdu, number, tlv

_STATS = tinyber.arcs("1.3.6.1.6.3.15.1.1")
UNSUPPORTED_LEVEL, NOT_IN_WINDOW, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST = 1, 2, 3, 4, 5
"""Columns of usmStats."""
WINDOW_S = 150
AUTH, REPORTABLE = 0x01, 0x04
_MAC = 12


def localised(password: str, engine_id: bytes, algorithm: str) -> bytes:
    """The key of a password on an engine (RFC 3414 A.2)."""
    endless = itertools.cycle(password.encode())
    digest = hashlib.new(algorithm, bytes(itertools.islice(endless, 2**20))).digest()
    return hashlib.new(algorithm, digest + engine_id + digest).digest()


@dataclass
class Message:
    """A v3 message's fields; `mac_at` is where its digest begins in the datagram."""

    msg_id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    mac: bytes
    context: bytes
    pdu: Pdu
    mac_at: int = 0


def message_of(data: bytes) -> Message:
    """The fields of a datagram."""
    _, head, security, scoped = tinyber.parts(tinyber.read(data)[1])
    msg_id, _, flags, _ = tinyber.parts(head[1])
    engine, boots, time, user, mac, _ = tinyber.parts(tinyber.read(security[1])[1])
    _, context, pdu = tinyber.parts(scoped[1])
    place = data.index(security[1]) + security[1].rindex(mac[1]) if mac[1] else 0
    return Message(
        tinyber.signed(msg_id[1]), flags[1][0], engine[1], tinyber.signed(boots[1]), tinyber.signed(time[1]), user[1], mac[1],
        context[1], tinyber.pdu_of(pdu), place,
    )  # fmt: skip


@dataclass
class Engine:
    """State of an engine and its one user. `time` stands still; a test moves it."""

    engine_id: bytes
    boots: int = 1
    time: int = 1000
    user: bytes = b"monitor"
    password: str = "auth-pass-12"
    algorithm: str = "sha1"
    always_outside: bool = False
    """Nothing is ever inside the time window."""
    reports: list[int] = field(default_factory=list)
    """Columns of usmStats that were reported."""

    def _key(self) -> bytes:
        return localised(self.password, self.engine_id, self.algorithm)

    def _mac(self, data: bytes) -> bytes:
        return hmac.digest(self._key(), data, self.algorithm)[:_MAC]

    def refusal(self, asked: Message, data: bytes) -> int:
        """The column of usmStats that the request earns, 0 for none."""
        if asked.engine_id != self.engine_id:
            return UNKNOWN_ENGINE
        if asked.user != self.user:
            return UNKNOWN_USER
        if not asked.flags & AUTH:
            return 0
        blank = data[: asked.mac_at] + bytes(_MAC) + data[asked.mac_at + _MAC :]
        if not hmac.compare_digest(self._mac(blank), asked.mac):
            return WRONG_DIGEST
        outside = asked.boots != self.boots or abs(asked.time - self.time) > WINDOW_S
        return NOT_IN_WINDOW if outside or self.always_outside else 0

    def report(self, asked: Message, column: int) -> bytes:
        """The report; the one of the time window is authenticated, so that the asker may trust its clock."""
        self.reports.append(column)
        counter: Binding = ((*_STATS, column, 0), tinyber.integer(len(self.reports), tinyber.COUNTER32))
        pdu = Pdu(tinyber.REPORT, asked.pdu.request_id, 0, 0, (counter,))
        return self.encoded(asked, pdu, AUTH if column == NOT_IN_WINDOW else 0)

    def encoded(self, asked: Message, pdu: Pdu, flags: int) -> bytes:
        """The answer `pdu` as a datagram."""
        head = tlv(INTEGER, number(asked.msg_id)) + tlv(INTEGER, number(65_507))
        head += tlv(STRING, bytes((flags,))) + tlv(INTEGER, number(3))
        mac = bytes(_MAC) if flags & AUTH else b""
        data = self._datagram(asked, pdu, head, mac)
        return self._datagram(asked, pdu, head, self._mac(data)) if mac else data

    def _datagram(self, asked: Message, pdu: Pdu, head: bytes, mac: bytes) -> bytes:
        clock = tlv(INTEGER, number(self.boots)) + tlv(INTEGER, number(self.time))
        security = tlv(STRING, self.engine_id) + clock + tlv(STRING, asked.user) + tlv(STRING, mac) + tlv(STRING, b"")
        scoped = tlv(STRING, self.engine_id) + tlv(STRING, asked.context) + tinyber.pdu_bytes(pdu)
        body = tlv(INTEGER, number(3)) + tlv(SEQUENCE, head) + tlv(STRING, tlv(SEQUENCE, security)) + tlv(SEQUENCE, scoped)
        return tlv(SEQUENCE, body)
