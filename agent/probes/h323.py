"""H.323 terminals, gateways and conference units: a sign of life of the call signalling on TCP 1720, and no call.

`connect` asks for the status of a call that does not exist; `setup` begins one and releases it at the first answer, before
anybody's terminal rings longer than an instant. A release is sent however the run ends.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Annotated, Final, Literal

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.packets import h323
from agent.probes.dial import connect
from agent.probes.probe import OK, Finding, Probe, ProbeError, ProbeSettings, Run
from agent.probes.resolve import IpChoice, resolve, split_address
from agent.probes.shapes import Duration, Fallback, IpName, SourceIp

MESSAGE: Final = Family("probe_h323_message_type", MetricType.GAUGE, "Type of the first Q.931 message that came, 0 for none")
CAUSE: Final = Family("probe_h323_cause", MetricType.GAUGE, "Cause (Q.850) that the first message told, 0 for none")
PHASES: Final = Family("probe_h323_duration_seconds", MetricType.GAUGE, "Duration of the H.323 signalling by phase", ("phase",))
INFO: Final = Family(
    "probe_h323_info", MetricType.GAUGE, "What the first message was, in words", ("message", "cause", "reason")
)  # fmt: skip
_PHASES: Final = ("resolve", "connect", "inquiry", "setup", "release")
_MAX_READS: Final = 200
_READ: Final = 4_096
_PARTING_S: Final = 0.5
"""So long the other side may take to close after our release; then it is closed."""
_MARGIN_S: Final = 0.05
_FROM_CALLED: Final = 0x8000


class Settings(ProbeSettings, frozen=True, kw_only=True):
    """What a module of this kind says."""

    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    mode: Annotated[
        Literal["connect", "setup"],
        Meta(
            description=(
                "`connect`: ask about a call that does not exist. `setup`: begin a call and release it at "
                "the first answer, before anybody is rung for longer than an instant."
            )
        ),
    ] = "connect"
    status_inquiry: Annotated[
        bool, Meta(description="With `connect`: ask; `false`: the connection itself, which must stay open, is the success.")
    ] = True
    hold: Annotated[
        Duration,
        Meta(
            description=(
                "With `connect`: so long the connection must stay open where nothing is answered, which the standard allows."
            )
        ),
    ] = 1.0
    goal: Annotated[
        Literal["create", "capability_negotiation", "call_independent"],
        Meta(
            description=(
                "With `setup`: what the call is said to be for. Terminals that know the latter two do not ring for them."
            )
        ),
    ] = "create"
    valid_causes: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=127)], ...],
        Meta(
            description="With `setup`: causes of a release (Q.850) that are a success; none named: all, for each proves life."
        ),
    ] = ()


def address_problem(address: str) -> str:
    """What was expected instead of this address; "" if it is one."""
    try:
        split_address(address, h323.PORT)
    except ValueError as error:
        return f"a host or host:port ({error})"
    return ""


def open_probe(settings: Settings) -> Probe:
    """A probe with these settings."""
    return _H323(settings)


class _H323:
    """One module of H.323, ready for many targets."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)

    async def __call__(self, address: str, run: Run) -> Finding:
        """The probe; see `agent.probes.probe.Probe`."""
        message: h323.Message | None = None
        try:
            host, port = split_address(address, h323.PORT)
        except ValueError as error:
            raise ProbeError(Reason.INTERNAL, f"no address: {error}", Outcome.ERROR) from error
        try:
            place = await resolve(run, host, self._choice)
            sock = await connect(run, place, port, source_ip=self._settings.source_ip_address)
            line = _Line(run, sock)
            try:
                message = await (line.set_up(self._settings.goal) if self._settings.mode == "setup" else self._inquire(line))
            finally:
                sock.close()
        finally:
            run.give(MESSAGE, 0.0 if message is None else message.type)
            run.give(CAUSE, 0.0 if message is None else h323.cause_of(message))
            for phase in _PHASES:
                run.give(PHASES, run.phases.get(phase, 0.0), phase)
        return self._judge(run, message)

    async def _inquire(self, line: _Line) -> h323.Message | None:
        hold_s = min(self._settings.hold, line.run.left_s() - _MARGIN_S)
        return await line.inquire(hold_s, asks=self._settings.status_inquiry)

    def _judge(self, run: Run, message: h323.Message | None) -> Finding:
        if message is None:
            run.give(INFO, 1.0, "", "", "")
            return OK
        cause, reason = h323.cause_of(message), h323.reason_of(message)
        words = h323.CAUSES.get(cause, f"cause {cause}") if cause else ""
        run.give(INFO, 1.0, message.name, words, reason)
        valid = self._settings.valid_causes
        if message.type == h323.RELEASE_COMPLETE and valid and cause not in valid:
            why = f"cause {cause}, {words}" if cause else reason or "without a cause"
            raise ProbeError(Reason.BAD_STATUS, f"the call was released: {why}")
        return OK


class _Line:
    """One connection and the messages on it."""

    def __init__(self, run: Run, sock: socket.socket) -> None:
        self.run, self._sock = run, sock
        self._loop = asyncio.get_running_loop()
        self._reference = 1 + secrets.randbelow(0x7FFE)
        self._call = secrets.token_bytes(16)
        self._buffer = b""

    async def inquire(self, hold_s: float, *, asks: bool) -> h323.Message | None:
        """The answer to a status inquiry; None where none came but the connection stayed open. Phase `inquiry`."""
        with self.run.during("inquiry"):
            if asks:
                await self._send(h323.status_inquiry(self._reference, self._call))
            try:
                async with asyncio.timeout(hold_s):
                    return await self._answer()
            except TimeoutError:
                self.run.say("no answer, but the connection stays open")
                return None

    async def set_up(self, goal: str) -> h323.Message:
        """The first answer to a SETUP, whose call is released at once. Phases `setup`, `release`."""
        message: h323.Message | None = None
        try:
            with self.run.during("setup"):
                await self._send(h323.setup(self._reference, secrets.token_bytes(16), self._call, goal))
                message = await self._answer()
        finally:
            is_over = message is not None and message.type == h323.RELEASE_COMPLETE
            if not is_over:
                self._release()
        if not is_over:
            with self.run.during("release"):
                await self._part()
        return message

    async def _send(self, data: bytes) -> None:
        self.run.say(f"sending {data.hex()}")
        await self._loop.sock_sendall(self._sock, data)

    async def _answer(self) -> h323.Message:
        """The next message about our call."""
        for _ in range(_MAX_READS):
            message = self._next()
            if message is not None:
                return message
            data = await self._loop.sock_recv(self._sock, _READ)
            if not data:
                raise ProbeError(Reason.NO_DATA, "the connection was closed without an answer")
            self._buffer += data
        raise ProbeError(Reason.MISMATCH, f"no answer to our call in {_MAX_READS} pieces")

    def _next(self) -> h323.Message | None:
        """A message about our call among those in the buffer."""
        try:
            content, self._buffer = h323.take(self._buffer)
            while content is not None:
                message = h323.decode(content) if content else None
                if message is not None and self._is_ours(message):
                    return message
                content, self._buffer = h323.take(self._buffer)
        except h323.H323Error as error:
            raise ProbeError(Reason.MISMATCH, f"no H.323 signalling: {error}") from error
        return None

    def _is_ours(self, message: h323.Message) -> bool:
        self.run.say(f"received {message.name}, call {message.reference:#06x}")
        if message.reference == self._reference:
            raise ProbeError(Reason.MISMATCH, "the server sends our own messages back")
        return message.reference == _FROM_CALLED | self._reference and message.type in h323.MESSAGES

    def _release(self) -> None:
        """End the call without waiting, even when the run is over: the few bytes fit into any socket's buffer."""
        try:
            self._sock.send(h323.release(self._reference, self._call))
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            self.run.say(f"the release could not be sent: {error}")

    async def _part(self) -> None:
        """Hear the other side out: closing with something unread would reset the connection, and the release with it."""
        try:
            async with asyncio.timeout(min(_PARTING_S, max(0.0, self.run.left_s() - _MARGIN_S))):
                await self._hear_out()
        except (TimeoutError, OSError) as error:
            self.run.say(f"the other side did not close: {type(error).__name__}")

    async def _hear_out(self) -> None:
        for _ in range(_MAX_READS):
            if not await self._loop.sock_recv(self._sock, _READ):
                return
