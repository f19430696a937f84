"""SIP servers and terminals: one OPTIONS request (RFC 3261 11) over UDP, TCP or TLS, and its final response.

Names are resolved to addresses only (no NAPTR, no SRV), and nobody is authenticated: a 401 tells that the server lives.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from typing import Annotated, Final, Literal

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.packets import sip
from agent.probes.dial import Stream, connect, open_stream
from agent.probes.labels import label_value, words
from agent.probes.patterns import Pattern
from agent.probes.probe import OK, Finding, Probe, ProbeError, ProbeSettings, Run
from agent.probes.resolve import IpChoice, Place, resolve, socket_address
from agent.probes.shapes import CertDays, Duration, Fallback, GoRegex, IpName, SourceIp
from agent.probes.tls_settings import TlsSettings, make_context

STATUS: Final = Family("probe_sip_status_code", MetricType.GAUGE, "Status code of the final SIP response, 0 without one")
PHASES: Final = Family(
    "probe_sip_duration_seconds", MetricType.GAUGE, "Duration of the SIP request by phase", ("phase",)
)  # fmt: skip
RETRANSMISSIONS: Final = Family(
    "probe_sip_retransmissions", MetricType.GAUGE, "How often the SIP request was sent again because no answer came"
)
INFO: Final = Family("probe_sip_info", MetricType.GAUGE, "What the SIP server tells of itself", ("server", "allow"))
_PHASES: Final = ("resolve", "connect", "tls", "processing")
_AUTH: Final = frozenset({401, 403, 407})
_T1_MIN_S: Final = 0.02
_T2_S: Final = 4.0
"""Longest distance of two retransmissions (RFC 3261 17.1.2)."""
_MAX_FOREIGN: Final = 100
"""Messages that answer something else; after so many nothing is to be expected from this server."""
_MAX_READS: Final = 500
_MAX_LABEL: Final = 128


class HeaderMatch(ProbeSettings, frozen=True, kw_only=True):
    """A header that must match."""

    header: Annotated[str, Meta(description="Name of the header field.")]
    regexp: Annotated[GoRegex, Meta(description="Searched for in its value.")]
    allow_missing: Annotated[bool, Meta(description="Whether it may be absent.")] = False


class Settings(ProbeSettings, frozen=True, kw_only=True):
    """What a module of this kind says."""

    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    transport: Annotated[
        Literal["udp", "tcp", "tls"], Meta(description="How to ask, where the address does not say it (`;transport=tcp`).")
    ] = "udp"
    user: Annotated[
        str, Meta(description="Whom to ask about, where the address does not say it; empty: the server itself.")
    ] = ""
    from_uri: Annotated[str, Meta(description="Who asks; empty: `sip:haidang@` our own address.")] = ""
    valid_status_codes: Annotated[
        tuple[Annotated[int, Meta(ge=200, le=699)], ...],
        Meta(
            description=(
                "Final responses that are a success. 401, 403, 404, 405, 407 and 486 prove life as well, where they are named."
            )
        ),
    ] = (200,)
    fail_if_header_not_matches: Annotated[
        tuple[HeaderMatch, ...], Meta(description="Fields of the response that must match.")
    ] = ()
    server_regexp: Annotated[GoRegex, Meta(description="What `Server`, or `User-Agent` without one, must match.")] = ""
    t1: Annotated[
        Duration,
        Meta(
            description=(
                "Wait before a request over UDP is sent again, doubled each time (RFC 3261 section 17.1.2.2); `20ms` to `4s`."
            )
        ),
    ] = 0.5
    max_forwards: Annotated[
        int, Meta(ge=0, le=255, description="Proxies that may pass the request on; 0: the first one answers itself.")
    ] = 70
    tls_config: TlsSettings = TlsSettings()
    degraded_cert_days: CertDays = 0.0


def address_problem(address: str) -> str:
    """What was expected instead of this address; "" if it is one."""
    try:
        sip.parse_address(address)
    except sip.SipError:
        return "host, host:port or sip:user@host:port;transport=tcp"
    return ""


def open_probe(settings: Settings) -> Probe:
    """A probe with these settings. Raises `ValueError` that says which setting is wrong."""
    return _Sip(settings)


class _Sip:
    """One module of SIP, ready for many targets."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)
        self._server = _compiled("server_regexp", settings.server_regexp)
        self._rules = tuple((rule, _compiled("regexp", rule.regexp)) for rule in settings.fail_if_header_not_matches)
        for name, text, forbidden in (("user", settings.user, "<> @"), ("from_uri", settings.from_uri, "<> ")):
            if not sip.is_clean(text) or set(text) & set(forbidden):
                raise ValueError(f"{name} cannot stand in a SIP header")
        if not _T1_MIN_S <= settings.t1 <= _T2_S:
            raise ValueError("t1: expected 20ms to 4s")
        try:
            make_context(settings.tls_config)
        except ValueError as error:
            raise ValueError(f"tls_config: {error}") from error

    async def __call__(self, address: str, run: Run) -> Finding:
        """The probe; see `agent.probes.probe.Probe`."""
        exchange = _Exchange(run, self._settings)
        try:
            who = sip.parse_address(address)
        except sip.SipError as error:
            raise ProbeError(Reason.INTERNAL, str(error), Outcome.ERROR) from error
        try:
            response = await self._ask(who, exchange)
        finally:
            run.give(STATUS, exchange.status)
            run.give(RETRANSMISSIONS, exchange.retransmissions)
            for phase in _PHASES:
                run.give(PHASES, run.phases.get(phase, 0.0), phase)
        server = response.first("server") or response.first("user-agent")
        run.give(INFO, 1.0, label_value(server, _MAX_LABEL), label_value(response.every("allow"), _MAX_LABEL))
        self._judge(response, server)
        return exchange.warning or OK

    async def _ask(self, who: sip.Address, exchange: _Exchange) -> sip.Response:
        settings, run = self._settings, exchange.run
        transport = who.transport or settings.transport
        port = who.port or (sip.TLS_PORT if transport == "tls" else sip.PORT)
        place = await resolve(run, who.host, self._choice)
        if transport == "udp":
            sock = _datagram_socket(place, port, settings.source_ip_address)
            try:
                return await exchange.over_datagrams(sock, self._request(who, transport, sock))
            finally:
                sock.close()
        sock = await connect(run, place, port, source_ip=settings.source_ip_address)
        request = self._request(who, transport, sock)
        tls = settings.tls_config if transport == "tls" else None
        stream = await open_stream(run, sock, tls=tls, server_name=who.host)
        try:
            return await exchange.over_stream(stream, request)
        finally:
            stream.close()

    def _request(self, who: sip.Address, transport: str, sock: socket.socket) -> sip.Options:
        user = who.user or self._settings.user
        port = f":{who.port}" if who.port else ""
        how = "" if transport == "udp" else f";transport={transport}"
        ours, our_port = sock.getsockname()[:2]
        ours = sip.bracketed(ours)
        return sip.Options(
            uri=f"sip:{user}{'@' if user else ''}{sip.bracketed(who.host)}{port}{how}",
            transport=transport,
            sent_by=f"{ours}:{our_port}",
            branch=f"{sip.MAGIC_COOKIE}{secrets.token_hex(12)}",
            from_uri=self._settings.from_uri or f"sip:haidang@{ours}",
            from_tag=secrets.token_hex(6),
            call_id=secrets.token_hex(16),
            sequence=1 + secrets.randbelow(1 << 30),
            max_forwards=self._settings.max_forwards,
        )

    def _judge(self, response: sip.Response, server: str) -> None:
        wanted = self._settings.valid_status_codes
        if response.status not in wanted:
            said = f"{response.status} {words(response.phrase)}".strip()
            reason = Reason.AUTH if response.status in _AUTH else Reason.BAD_STATUS
            raise ProbeError(reason, f"the server answered {said}, expected {', '.join(map(str, wanted))}")
        if self._server is not None and not self._server.finds(server.encode()):
            raise ProbeError(Reason.MISMATCH, f"the server calls itself {words(server)!r}")
        for rule, pattern in self._rules:
            value = response.every(rule.header.lower())
            if not value and rule.allow_missing:
                continue
            if pattern is None or not pattern.finds(value.encode()):
                raise ProbeError(Reason.MISMATCH, f"the header {rule.header} does not match: {words(value)!r}")


class _Exchange:
    """One request and what comes back."""

    def __init__(self, run: Run, settings: Settings) -> None:
        self.run, self._cert_days = run, settings.degraded_cert_days
        self.status = 0
        self.retransmissions = 0
        self.warning: Finding | None = None
        """Of what still works."""
        self._wait_s = settings.t1
        self._foreign = self._provisional = 0

    async def over_datagrams(self, sock: socket.socket, options: sip.Options) -> sip.Response:
        """The final response over UDP; the request is sent again as RFC 3261 17.1.2 says until the run ends."""
        loop, request = asyncio.get_running_loop(), sip.encode(options)
        with self.run.during("processing"):
            self._say(request)
            sock.send(request)
            again_at_s = loop.time() + self._wait_s
            while True:
                data = await _before(again_at_s, sock)
                response = self._response(data, options) if data is not None else None
                if response is not None:
                    return response
                if data is None:
                    sock.send(request)
                    self.retransmissions += 1
                    self._wait_s = min(2.0 * self._wait_s, _T2_S)
                    again_at_s = loop.time() + self._wait_s

    async def over_stream(self, stream: Stream, options: sip.Options) -> sip.Response:
        """The final response over TCP or TLS."""
        if stream.tls is not None:
            from agent.probes.certificates import expiring, give_certificates  # needs a package that probes without TLS do not

            self.warning = expiring(give_certificates(self.run, stream), self._cert_days)
        with self.run.during("processing"):
            request = sip.encode(options)
            self._say(request)
            await stream.write(request)
            buffer = b""
            for _ in range(_MAX_READS):
                data = await stream.read()
                if not data:
                    raise ProbeError(Reason.NO_DATA, "the server closed the connection without a response")
                buffer += data
                response, buffer = self._first(buffer, options)
                if response is not None:
                    return response
        raise ProbeError(Reason.MISMATCH, f"the server sent no response in {_MAX_READS} pieces")

    def _first(self, buffer: bytes, options: sip.Options) -> tuple[sip.Response | None, bytes]:
        """The final response among the whole messages in the buffer, and the rest."""
        try:
            message, buffer = sip.take(buffer)
            while message is not None:
                response = self._response(message, options)
                if response is not None:
                    return response, buffer
                message, buffer = sip.take(buffer)
        except sip.SipError as error:
            raise ProbeError(Reason.MISMATCH, f"the server does not speak SIP: {error}") from error
        return None, buffer

    def _response(self, data: bytes, options: sip.Options) -> sip.Response | None:
        """The message if it ends our request. What is none or answers something else may be anybody's, and is passed over."""
        try:
            response = sip.decode(data)
        except sip.SipError as error:
            response = None
            self.run.say(f"no SIP: {error}")
        if response is None or not sip.answers(options, response):
            self._foreign += 1
            if self._foreign > _MAX_FOREIGN:
                raise ProbeError(Reason.MISMATCH, "the server answers everything but our request")
            return None
        self._say(data)
        if response.status < 200:
            self._wait_s = _T2_S  # It is being worked on (RFC 3261 17.1.2).
            self._provisional += 1
            if self._provisional > _MAX_FOREIGN:
                raise ProbeError(Reason.MISMATCH, "the server answers without end that it is being worked on")
            return None
        self.status = response.status
        return response

    def _say(self, message: bytes) -> None:
        if self.run.is_verbose:
            self.run.say(message.decode(errors="replace"))


async def _before(at_s: float, sock: socket.socket) -> bytes | None:
    """The next datagram, None where none came before that moment of the loop's clock."""
    try:
        async with asyncio.timeout_at(at_s):
            return await asyncio.get_running_loop().sock_recv(sock, sip.MAX_MESSAGE)
    except TimeoutError:
        return None


def _datagram_socket(place: Place, port: int, source_ip: str) -> socket.socket:
    """A connected socket: only its peer is heard, and a closed port is told by an error."""
    sock = socket.socket(place.family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if source_ip:
            sock.bind(socket_address(Place(place.family, source_ip), 0))
        sock.connect(socket_address(place, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _compiled(name: str, text: str) -> Pattern | None:
    try:
        return Pattern(text) if text else None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
