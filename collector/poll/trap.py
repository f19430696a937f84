"""The door of pysnmp: one engine that reads traps and informs of all versions, decrypts them and acknowledges informs.

It is given only what the cheap look let through; whatever a message does to the library, `read` returns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec
from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]
from pysnmp.carrier.base import AbstractTransportDispatcher  # type: ignore[import-untyped]
from pysnmp.entity import config  # type: ignore[import-untyped]
from pysnmp.entity.engine import SnmpEngine  # type: ignore[import-untyped]
from pysnmp.error import PySnmpError  # type: ignore[import-untyped]
from pysnmp.proto import errind  # type: ignore[import-untyped]
from pysnmp.proto.api import v1, v2c  # type: ignore[import-untyped]

from agent.snmp.auth import AuthProtocol, PrivProtocol
from collector.poll.trap_map import Bind, Notice, NoticeError, Type, address_of, from_v1, from_v2
from collector.poll.trap_users import Credential

Send = Callable[[bytes], None]
"""Sends an answer to where the message came from."""

_PDUS: Final = (v1.TrapPDU.tagSet, v2c.SNMPv2TrapPDU.tagSet, v2c.InformRequestPDU.tagSet)
_AUTH: Final = {
    AuthProtocol.NONE: config.USM_AUTH_NONE,
    AuthProtocol.MD5: config.USM_AUTH_HMAC96_MD5,
    AuthProtocol.SHA: config.USM_AUTH_HMAC96_SHA,
    AuthProtocol.SHA224: config.USM_AUTH_HMAC128_SHA224,
    AuthProtocol.SHA256: config.USM_AUTH_HMAC192_SHA256,
    AuthProtocol.SHA384: config.USM_AUTH_HMAC256_SHA384,
    AuthProtocol.SHA512: config.USM_AUTH_HMAC384_SHA512,
}
_PRIV: Final = {
    PrivProtocol.NONE: config.USM_PRIV_NONE,
    PrivProtocol.DES: config.USM_PRIV_CBC56_DES,
    PrivProtocol.AES: config.USM_PRIV_CFB128_AES,
    PrivProtocol.AES192: config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    PrivProtocol.AES192C: config.USM_PRIV_CFB192_AES,
    PrivProtocol.AES256: config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    PrivProtocol.AES256C: config.USM_PRIV_CFB256_AES,
}
_INTEGERS: Final = frozenset({Type.INTEGER, Type.COUNTER32, Type.GAUGE, Type.TICKS, Type.COUNTER64})
_LIBRARY: Final = (PySnmpError, PyAsn1Error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError)
"""What the library raises for messages that it did not foresee; a message is never a reason to stop hearing the others."""
_CONTEXT: Final = 0x80
"""Class of the tags that stand for a value that is not there (noSuchObject and its like, RFC 3416 section 3)."""
_MESSAGES_A_TICK: Final = 50
"""The library remembers every SNMPv3 message for some 30 ticks of its clock: ticking by messages bounds that."""
_ROW_STATUS: Final = 13
"""Column of usmUserEntry that deletes a row (RFC 3414 section 5)."""
_SOURCE: Final = ("trap", 0)
"""The library is told one address for all senders: it keeps things by address, and answers go through `Send`."""


class Read(msgspec.Struct, frozen=True):
    """What came of one message: a notice; or that it was an exchange of engine id and time; or neither, and why."""

    notice: Notice | None = None
    is_exchange: bool = False
    why: str = ""


class _Mailbox(AbstractTransportDispatcher):  # type: ignore[misc]
    """What the library believes to be its transport: it has no socket, and hands answers to who asked."""

    send: Send | None = None

    def send_message(self, message: bytes, domain: object, address: object) -> None:
        """Send an answer of the library."""
        if self.send is not None:
            self.send(message)


class Reader:
    """One engine for all senders. `boots` has to be higher at every start, or senders of informs would not believe us."""

    def __init__(self, engine_id: bytes, boots: int, communities: Iterable[bytes]) -> None:
        self._engine = SnmpEngine()
        builder = self._engine.get_mib_builder()
        own_id, own_boots = builder.import_symbols("__SNMP-FRAMEWORK-MIB", "snmpEngineID", "snmpEngineBoots")
        # Telling the constructor would make it keep files of predictable names in the folder for temporary files.
        own_id.syntax = own_id.syntax.clone(engine_id)
        own_boots.syntax = own_boots.syntax.clone(boots)
        self._engine.snmpEngineID = own_id.syntax
        self._mailbox = _Mailbox()
        self._mailbox.set_timer_resolution(10)
        self._engine.register_transport_dispatcher(self._mailbox)
        self._engine.message_dispatcher.register_context_engine_id(b"", _PDUS, self._take)
        self._engine.observer.register_observer(self._failed, "rfc3412.prepareDataElements:sm-failure")
        for index, community in enumerate(sorted(communities)):
            config.add_v1_system(self._engine, f"c{index}", v2c.OctetString(community))
        self._registered: dict[tuple[bytes, bytes], str] = {}
        self._source = ""
        self._version = 0
        self._notice: Notice | None = None
        self._error: Any = None
        self._why = ""
        self._messages = 0

    def register(self, engine_id: bytes, credential: Credential) -> bool:
        """Let this user of this engine be read: some milliseconds the first time, nothing afterwards. False if the library
        will not have it."""
        auth = credential.auth
        key = (engine_id, auth.username.encode())
        if self._registered.get(key) == auth.name:
            return True
        try:
            config.add_v3_user(
                self._engine,
                v2c.OctetString(key[1]),
                _AUTH[auth.auth_protocol],
                credential.auth_key or None,
                _PRIV[auth.priv_protocol],
                credential.priv_key or None,
                securityEngineId=v2c.OctetString(engine_id),
                authKeyType=config.USM_KEY_TYPE_MASTER,
                privKeyType=config.USM_KEY_TYPE_MASTER,
            )
        except _LIBRARY:
            return False
        self._registered[key] = auth.name
        return True

    def forget(self, engine_id: bytes) -> None:
        """Forget all users of an engine. The library's own way looks through all users of all engines for each of them."""
        controller = self._engine.message_dispatcher.mib_instrum_controller
        (row,) = controller.get_mib_builder().import_symbols("SNMP-USER-BASED-SM-MIB", "usmUserEntry")
        for key in [key for key in self._registered if key[0] == engine_id]:
            del self._registered[key]
            with contextlib.suppress(*_LIBRARY):
                index = row.getInstIdFromIndices(v2c.OctetString(engine_id), v2c.OctetString(key[1]))
                controller.write_variables(((*row.name, _ROW_STATUS, *index), "destroy"), snmpEngine=self._engine)

    def read(self, data: bytes, source: str, version: int, send: Send) -> Read:
        """Read one message and send what it is to be answered with: an acknowledgement, or a report."""
        self._source, self._version = source, version
        self._notice, self._error, self._why = None, None, ""
        answers: list[bytes] = []
        self._mailbox.send = answers.append
        try:
            self._engine.message_dispatcher.receive_message(self._engine, config.SNMP_UDP_DOMAIN, _SOURCE, data)
        except _LIBRARY as error:
            self._why = type(error).__name__
        finally:
            self._mailbox.send = None
        for answer in answers:
            send(answer)
        self._tick()
        if self._notice is not None:
            return Read(self._notice)
        return Read(is_exchange=bool(answers) and self._is_exchange(), why=self._why or "unreadable")

    def close(self) -> None:
        """Let go of the engine."""
        self._mailbox.close_dispatcher()

    def _is_exchange(self) -> bool:
        return self._error in (errind.unknownEngineID, errind.notInTimeWindow)

    def _tick(self) -> None:
        if self._notice is None:
            # The library keeps what an answer would need, for ever if there is none.
            for model in self._models():
                model._cache = type(model._cache)()
        self._messages += 1
        if self._messages % _MESSAGES_A_TICK == 0:
            for model in self._models():
                model.receive_timer_tick(self._engine, 0)

    def _models(self) -> list[Any]:
        return [*self._engine.message_processing_subsystems.values(), *self._engine.security_models.values()]

    def _failed(self, engine: object, point: str, variables: dict[str, Any], context: object) -> None:
        self._error = variables["statusInformation"].get("errorIndication")
        self._why = type(self._error).__name__

    def _take(self, engine: Any, *message: Any) -> None:
        """Called by the library with a PDU whose sender it believes; arguments as RFC 3412 section 4.2 numbers them."""
        model, security, name, level, engine_id, context, pdu_version, pdu, size, state = message
        try:
            self._notice = self._notice_of(pdu)
        except NoticeError as error:  # caught here, for the library does not tidy up after it
            self._why = str(error)
            return
        if pdu.tagSet == v2c.InformRequestPDU.tagSet:
            answer = v2c.apiPDU.get_response(pdu)
            v2c.apiPDU.set_varbinds(answer, v2c.apiPDU.get_varbinds(pdu))
            engine.message_dispatcher.return_response_pdu(
                engine, model, security, name, level, engine_id, context, pdu_version, answer, size, state, {}
            )

    def _notice_of(self, pdu: Any) -> Notice:
        if pdu.tagSet == v1.TrapPDU.tagSet:
            return _notice_v1(pdu, self._source)
        return from_v2(self._source, _binds(v2c.apiPDU.get_varbinds(pdu)), self._version)


def _notice_v1(pdu: Any, source: str) -> Notice:
    trap = v1.apiTrapPDU
    head = (_dotted(trap.get_enterprise(pdu)), int(trap.get_generic_trap(pdu)), int(trap.get_specific_trap(pdu)))
    address = address_of(bytes(trap.get_agent_address(pdu)))
    return from_v1(source, head, address, _binds(trap.get_varbinds(pdu)))


def _binds(pairs: Iterable[tuple[Any, Any]]) -> list[Bind]:
    return [_bind(_dotted(name), value) for name, value in pairs]


def _bind(name: str, value: Any) -> Bind:
    tag = value.tagSet.superTags[-1]
    octet = tag.tagClass | tag.tagId
    if octet in _INTEGERS:
        return Bind(name, octet, int(value))
    if octet == Type.OID:
        return Bind(name, octet, _dotted(value))
    is_absent = octet == Type.NULL or tag.tagClass == _CONTEXT
    return Bind(name, octet, None if is_absent else value.asOctets())


def _dotted(oid: Any) -> str:
    return ".".join(map(str, oid.asTuple()))
