"""The two ways a session wraps its PDUs: a community (v1, v2c) or a user (v3). For `agent.snmp.session` only.

Neither ever puts a secret into an error.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from agent.packets import snmp, usm
from agent.packets.ber import BerError
from agent.packets.usm import Report
from agent.snmp.auth import Auth, AuthProtocol, PrivProtocol, Version
from agent.snmp.ciphers import cipher_of
from agent.snmp.engines import Engine, Engines, Key
from agent.snmp.errors import Fault, SnmpError
from agent.snmp.rows import Rows

Templates = dict[tuple[int, bytes, int, tuple[int, int], tuple[bytes, ...]], tuple[bytes, bytes]]
"""Encoded requests without their ids: devices of one kind are asked the same, poll after poll."""
TEMPLATES = 4096
"""How many are kept."""


class UnauthenticError(Exception):
    """A message that cannot be from the agent that was asked, or not for us: it is dropped."""


class Community:
    """v1 and v2c: the community in clear text."""

    def __init__(self, auth: Auth) -> None:
        self.version = 0 if auth.version == Version.V1 else 1
        self.community = auth.community.reveal().encode()

    def encoder(
        self, templates: Templates, kind: int, extra: tuple[int, int], oids: tuple[bytes, ...]
    ) -> Callable[[int], bytes]:
        """What makes a whole request from its id; `extra` is non-repeaters and max-repetitions."""
        key = (self.version, self.community, kind, extra, oids)
        found = templates.get(key)
        if found is None:
            if len(templates) >= TEMPLATES:
                templates.clear()
            names = snmp.name_list(oids)
            found = templates[key] = snmp.request_around_id(self.version, self.community, kind, extra, names)
        head, tail = found
        return lambda request_id: head + request_id.to_bytes(4, "big") + tail


class User:
    """v3 with the user-based security model, towards one address."""

    def __init__(self, auth: Auth, engines: Engines, salt: int) -> None:
        if auth.auth_protocol is AuthProtocol.NONE and auth.priv_protocol is not PrivProtocol.NONE:
            raise SnmpError(Fault.NOT_SUPPORTED, f"auth {auth.name}: privacy without authentication is no level of SNMPv3")
        if (auth.auth_protocol and not auth.password.reveal()) or (auth.priv_protocol and not auth.priv_password.reveal()):
            raise SnmpError(Fault.NOT_SUPPORTED, f"auth {auth.name}: a protocol without its password")
        self.auth = auth
        self.engines = engines
        self._user = auth.username.encode()
        self._context = auth.context_name.encode()
        self._cipher = None if auth.priv_protocol is PrivProtocol.NONE else cipher_of(auth.priv_protocol)
        self._salt = salt

    def place(self, host: str, port: int) -> Key:
        """Where the engine's state is kept."""
        return host, port, self.auth

    def without_privacy(self) -> User | None:
        """The same user one level lower, or None when there is nothing to take off."""
        if self._cipher is None:
            return None
        return User(msgspec.structs.replace(self.auth, priv_protocol=PrivProtocol.NONE), self.engines, self._salt)

    def discovery(self, message_id: int) -> bytes:
        """A request that asks an agent for its engine id (RFC 3414 section 4)."""
        pdu = snmp.encode_pdu(snmp.GET, message_id, 0, 0, b"")
        return usm.encode_v3(usm.Head(message_id=message_id), usm.Keys(), usm.encode_scoped(b"", b"", pdu))

    def encoder(self, engine: Engine, pdu_of: Callable[[int], bytes], clock: Callable[[], float]) -> Callable[[int], bytes]:
        """What makes a request to a known engine from its id, anew for each try: clock and salt differ."""
        return lambda number: self._encoded(engine, number, clock(), pdu_of(number))

    def _encoded(self, engine: Engine, message_id: int, now: float, pdu: bytes) -> bytes:
        self._salt += 1
        guess = engine.time_at(now) if engine.keys.level else 0
        head = usm.Head(
            message_id=message_id,
            engine_id=engine.engine_id,
            boots=engine.boots if engine.keys.level else 0,
            time=guess,
            user=self._user,
            salt=self._salt,
        )
        return usm.encode_v3(head, engine.keys, usm.encode_scoped(engine.engine_id, self._context, pdu), self._cipher)

    def open(self, engine: Engine | None, data: bytes, message: usm.Message) -> tuple[bytes, snmp.Pdu]:
        """The octets that a PDU's positions are in, and the PDU.

        A report may come with less security than was asked for, since an agent that does not know the user has no key; an
        answer may not: `UnauthenticError`.
        """
        keys = engine.keys if engine else usm.Keys()
        level = message.flags & (usm.AUTH | usm.PRIV)
        if level & ~keys.level:
            raise UnauthenticError("the answer has more security than we have keys for")
        if level & usm.AUTH and not usm.is_authentic(message, data, keys):
            raise UnauthenticError("the digest is wrong")
        payload = message.payload
        if level & usm.PRIV and self._cipher is not None:
            try:
                payload = usm.decrypted(message, keys, self._cipher)
                _, _, pdu = usm.decode_scoped(payload)
            except BerError:
                raise UnauthenticError("decryption gives no message") from None
        else:
            _, _, pdu = usm.decode_scoped(payload)
        if pdu.kind != snmp.REPORT and (engine is None or level != keys.level):
            raise UnauthenticError("the answer has less security than was asked for")
        if pdu.kind != snmp.REPORT and (message.user != self._user or engine is None or message.engine_id != engine.engine_id):
            raise UnauthenticError("the answer names another user or engine")
        return payload, pdu

    def heed(self, place: Key, message: usm.Message, rows: Rows, now: float) -> Report | None:
        """Learn from a report, and say which it is; None for one that says nothing we know.

        The clock in it counts as heard when its digest was right, and is else a guess to go on with.
        """
        report, engine = usm.report_of(rows.oids), self.engines.known(place)
        if engine is None or report is Report.UNKNOWN_ENGINE:
            if not message.engine_id:
                return None
            self.engines.learn(place, message, now)
            return Report.UNKNOWN_ENGINE
        if report is Report.NOT_IN_TIME_WINDOW:
            engine.boots, engine.time, engine.heard_at = message.boots, message.time, now
            engine.trusted = bool(message.flags & usm.AUTH)
        return report


FAULTS = {
    Report.UNSUPPORTED_LEVEL: (
        Fault.UNSUPPORTED_LEVEL,
        "the agent's user does not have this security level (usmStatsUnsupportedSecLevels): compare auth and priv protocols",
    ),
    Report.NOT_IN_TIME_WINDOW: (
        Fault.TIME_WINDOW,
        "still outside the time window after the clocks were synchronised (usmStatsNotInTimeWindows): is its clock or boot "
        "count wrong, or do two machines share the address?",
    ),
    Report.UNKNOWN_USER: (
        Fault.UNKNOWN_USER,
        "the agent does not know the user (usmStatsUnknownUserNames): create it, or correct it",
    ),
    Report.UNKNOWN_ENGINE: (
        Fault.UNKNOWN_ENGINE,
        "the agent refuses the engine id that it named itself (usmStatsUnknownEngineIDs): do two machines share the address?",
    ),
    Report.WRONG_DIGEST: (
        Fault.WRONG_DIGEST,
        "wrong password or authentication protocol (usmStatsWrongDigests)",
    ),
    Report.DECRYPTION: (
        Fault.DECRYPTION,
        "wrong privacy password or privacy protocol (usmStatsDecryptionErrors, or silence to what is encrypted)",
    ),
    Report.UNKNOWN_SECURITY_MODEL: (Fault.NOT_SUPPORTED, "the agent has no user-based security (snmpUnknownSecurityModels)"),
    Report.INVALID_MESSAGE: (Fault.MALFORMED, "the agent cannot read our message (snmpInvalidMsgs)"),
    Report.UNAVAILABLE_CONTEXT: (Fault.ERROR_STATUS, "the context is not available at present (snmpUnavailableContexts)"),
    Report.UNKNOWN_CONTEXT: (Fault.ERROR_STATUS, "the agent does not know the context_name (snmpUnknownContexts)"),
}
"""Report -> fault, and what to do."""
