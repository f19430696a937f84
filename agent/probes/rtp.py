"""Quality of the path to the reflector of another agent: loss, order, delay and jitter of a short stream of RTP (RFC 3550),
each way for itself, and what people would think of a conversation over it (E-model).

The stream is bounded in rate and length, and begins only when the reflector has welcomed it.
"""

from __future__ import annotations

import asyncio
import math
import secrets
import socket
import sys
import time
from typing import Annotated, Final, Literal

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.packets import emodel
from agent.packets.rtp import (
    HEADER,
    MAX_PACKETS,
    MAX_PAYLOAD,
    MIN_PAYLOAD,
    STREAM,
    Arrivals,
    Packet,
    Type,
    decode,
    encode,
    key_of,
)
from agent.probes import datagrams
from agent.probes.probe import OK, Finding, Probe, ProbeError, ProbeSettings, Run
from agent.probes.reflector import PORT
from agent.probes.resolve import IpChoice, Place, resolve, socket_address, split_address
from agent.probes.shapes import Duration, Fallback, IpName, Secret, SourceIp

_GAUGE: Final = MetricType.GAUGE
_WAY: Final = ("direction",)
PHASES: Final = Family("probe_rtp_duration_seconds", _GAUGE, "Duration of the measurement of the path by phase", ("phase",))
SENT: Final = Family("probe_rtp_packets_sent", _GAUGE, "Packets sent to the reflector")
RECEIVED: Final = Family("probe_rtp_packets_received", _GAUGE, "Packets that the reflector's answer came back for")
LOSS: Final = Family(
    "probe_rtp_loss_ratio", _GAUGE, "Packets lost on the way to the reflector, back from it, and on either", _WAY
)
JITTER: Final = Family("probe_rtp_jitter_seconds", _GAUGE, "Interarrival jitter as in RFC 3550 A.8", _WAY)
REORDERED: Final = Family("probe_rtp_reordered_ratio", _GAUGE, "Packets that came after a later one", _WAY)
DUPLICATES: Final = Family("probe_rtp_duplicate_ratio", _GAUGE, "Packets that came once more", _WAY)
RTT_MIN: Final = Family("probe_rtp_rtt_min_seconds", _GAUGE, "Shortest round trip, without the time in the reflector")
RTT_AVG: Final = Family("probe_rtp_rtt_avg_seconds", _GAUGE, "Mean round trip, without the time in the reflector")
RTT_MAX: Final = Family("probe_rtp_rtt_max_seconds", _GAUGE, "Longest round trip, without the time in the reflector")
R_FACTOR: Final = Family("probe_rtp_r_factor", _GAUGE, "R factor of the E-model (ITU-T G.107) of the worse direction")
MOS: Final = Family("probe_rtp_mos", _GAUGE, "Mean opinion score that the R factor stands for")
_PHASES: Final = ("resolve", "connect", "transfer", "report")
_AGAIN_S: Final = 0.25
"""Wait before a greeting or a goodbye is repeated."""
_GOODBYES: Final = 4
_LATE_S: Final = 0.3
"""At least so long answers are waited for after the last question."""
_BATCH: Final = 64
_PAYLOAD_TYPES: Final = {"g711": 0, "g711_no_plc": 0, "g729a": 18}
_CLOCK_HZ: Final = 8_000
_MIN_PACKETS: Final = 5


class Settings(ProbeSettings, frozen=True, kw_only=True):
    """What a module of this kind says."""

    key: Annotated[Secret, Meta(description="Key that the reflector has too: at least 16 bytes, hexadecimal or base64.")]
    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    rate: Annotated[float, Meta(ge=1, le=100, description="Packets a second.")] = 50.0
    duration: Annotated[
        Duration, Meta(description="Of the stream, `100ms` to `30s`; shortened where the run's own time is not enough.")
    ] = 2.0
    payload_bytes: Annotated[
        int,
        Meta(ge=MIN_PAYLOAD, le=MAX_PAYLOAD, description="Bytes behind the RTP header of each packet; 160: 20 ms of G.711."),
    ] = 160
    codec: Annotated[
        Literal["g711", "g711_no_plc", "g729a"],
        Meta(
            description="Codec whose sensitivity to delay and loss the R factor has; `no_plc`: without concealment of losses."
        ),
    ] = "g711"
    dscp: Annotated[
        int,
        Meta(
            ge=0,
            le=63,
            description="Class of service of the packets, both ways; 46: expedited forwarding, as voice has it (RFC 4594).",
        ),
    ] = 46
    degraded_r_factor: Annotated[
        float,
        Meta(
            ge=0,
            le=93,
            description="`degraded` when R of either direction is lower; 0: never. Below 70 many listeners are dissatisfied.",
        ),
    ] = 0.0
    degraded_loss_ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="`degraded` when more than this share is lost in a direction (0.01: one of a hundred); 0: never.",
        ),
    ] = 0.0


def address_problem(address: str) -> str:
    """What was expected instead of this address; "" if it is one."""
    try:
        split_address(address, PORT)
    except ValueError as error:
        return f"a host or host:port ({error})"
    return ""


def open_probe(settings: Settings) -> Probe:
    """A probe with these settings. Raises `ValueError` that says which setting is wrong."""
    if not 0.1 <= settings.duration <= 30.0:
        raise ValueError("duration: expected 100ms to 30s")
    try:
        return _Rtp(settings, key_of(settings.key))
    except ValueError as error:
        raise ValueError(f"key: {error}") from None


class _Rtp:
    """One module of path quality, ready for many reflectors."""

    def __init__(self, settings: Settings, key: bytes) -> None:
        self._settings, self._key = settings, key
        self._choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)

    async def __call__(self, address: str, run: Run) -> Finding:
        """The probe; see `agent.probes.probe.Probe`."""
        if sys.platform == "win32":
            raise ProbeError(Reason.INTERNAL, "paths are not measured on this system", Outcome.ERROR)
        try:
            host, port = split_address(address, PORT)
        except ValueError as error:
            raise ProbeError(Reason.INTERNAL, f"no address: {error}", Outcome.ERROR) from error
        try:
            place = await resolve(run, host, self._choice)
            asker = await self._measure(run, place, port)
        finally:
            for phase in _PHASES:
                run.give(PHASES, run.phases.get(phase, 0.0), phase)
        return self._judge(run, asker)

    async def _measure(self, run: Run, place: Place, port: int) -> _Asker:
        settings = self._settings
        sock = socket.socket(place.family, socket.SOCK_DGRAM)
        try:
            datagrams.prepare(sock)
            datagrams.mark(sock, settings.dscp)
            if settings.source_ip_address:
                sock.bind(socket_address(Place(place.family, settings.source_ip_address), 0))
            sock.connect(socket_address(place, port))
            asker = _Asker(sock, self._key, settings)
            asker.listen()
            try:
                await asker.greet(run)
                await asker.stream(run)
                await asker.part(run)
            finally:
                asker.leave()
        finally:
            sock.close()
        return asker

    def _judge(self, run: Run, asker: _Asker) -> Finding:
        settings, came = self._settings, len(asker.rtts_s)
        run.give(SENT, asker.sent)
        run.give(RECEIVED, came)
        forward, backward = asker.forward_loss(), asker.backward_loss()
        run.give(LOSS, forward, "forward")
        run.give(LOSS, backward, "backward")
        run.give(LOSS, 1.0 - came / asker.sent, "round_trip")
        if not came:
            raise ProbeError(Reason.TIMEOUT, f"the reflector is there, but answered none of {asker.sent} packets")
        last, back = asker.last, asker.arrivals
        jitters = (last.jitter_ns / 1e9, back.jitter_ns / 1e9)
        for ratio, fore, aft in (
            (REORDERED, last.reordered / asker.sent, back.reordered / back.distinct),
            (DUPLICATES, last.duplicates / asker.sent, back.duplicates / back.distinct),
            (JITTER, *jitters),
        ):
            run.give(ratio, fore, "forward")
            run.give(ratio, aft, "backward")
        mean_s = math.fsum(asker.rtts_s) / came
        run.give(RTT_MIN, min(asker.rtts_s))
        run.give(RTT_AVG, mean_s)
        run.give(RTT_MAX, max(asker.rtts_s))
        codec = emodel.CODECS[settings.codec]
        # A jitter buffer that adapts holds about two jitters, and a packet is sent when its last sample is spoken.
        near_s = mean_s / 2.0 + 1.0 / settings.rate + codec.lookahead_s
        r = min(
            emodel.r_factor(near_s + 2.0 * jitter_s, loss, codec, asker.burst_ratio())
            for jitter_s, loss in zip(jitters, (forward, backward), strict=True)
        )
        run.give(R_FACTOR, r)
        run.give(MOS, emodel.mos(r))
        if r < settings.degraded_r_factor:
            return _degraded(f"R factor {r:.1f}, expected {settings.degraded_r_factor:g} or more")
        loss = max(forward, backward)
        if 0.0 < settings.degraded_loss_ratio < loss:
            return _degraded(f"{loss:.1%} of the packets are lost in a direction")
        return OK


class _Asker:
    """One stream to a reflector and what comes back. `listen`, `greet`, `stream`, `part`, `leave`, in this order."""

    def __init__(self, sock: socket.socket, key: bytes, settings: Settings) -> None:
        self._sock, self._key, self._settings = sock, key, settings
        self._loop = asyncio.get_running_loop()
        self._id = secrets.token_bytes(STREAM)
        self._sent_ns: list[int] = []
        self._came: set[int] = set()
        self._news = asyncio.Event()
        self._error: OSError | None = None
        self._has_report = False
        self.welcome: Packet | None = None
        self.last = Packet(type=Type.ANSWER, stream=self._id)
        """The newest state of the reflector's counts that came back; all 0 without any."""
        self.arrivals = Arrivals()
        """Of answers, by the reflector's own numbers."""
        self.rtts_s: list[float] = []

    @property
    def sent(self) -> int:
        """Questions that were sent."""
        return len(self._sent_ns)

    def listen(self) -> None:
        """Take what comes from here on."""
        self._loop.add_reader(self._sock, self._read)

    def leave(self) -> None:
        """Take nothing any more."""
        self._loop.remove_reader(self._sock)

    async def greet(self, run: Run) -> None:
        """Say hello until the reflector welcomes us; its cookie proves to it that we hear its answers. Phase `connect`."""
        with run.during("connect"):
            while self.welcome is None:
                self._send(Packet(type=Type.HELLO, stream=self._id, sent_ns=time.monotonic_ns()))
                await self._wait(_AGAIN_S)
        run.say("the reflector is there")

    async def stream(self, run: Run) -> None:
        """Send the questions at their pace and take the answers. Phase `transfer`."""
        gap_s = 1.0 / self._settings.rate
        spare_s = _LATE_S + 2.0 * _AGAIN_S
        fitting = min(self._settings.duration, run.left_s() - spare_s) / gap_s
        count = min(MAX_PACKETS, max(_MIN_PACKETS, round(fitting)))
        with run.during("transfer"):
            begun_s = self._loop.time()
            for number in range(count):
                await asyncio.sleep(begun_s + number * gap_s - self._loop.time())
                self._ask(number, round(number * gap_s * _CLOCK_HZ))
            slowest_s = max(self.rtts_s, default=0.0)
            until_s = self._loop.time() + max(_LATE_S, 2.0 * slowest_s)
            while len(self._came) < count and self._loop.time() < until_s:
                await self._wait(until_s - self._loop.time())

    async def part(self, run: Run) -> None:
        """Ask for the reflector's final counts; without them the newest ones serve. Phase `report`."""
        with run.during("report"):
            for _ in range(_GOODBYES):
                if run.left_s() < 2.0 * _AGAIN_S:
                    break
                self._send(self._packet(Type.BYE, 0))
                await self._wait(_AGAIN_S, for_report=True)
                if self._has_report:
                    break

    def forward_loss(self) -> float:
        """Share of the questions that the reflector did not get."""
        return 1.0 - self.last.distinct / self.sent

    def backward_loss(self) -> float:
        """Share of the reflector's answers that did not come; 0 where there were none."""
        answers = self.last.answer if self._has_report else self.last.answer + 1
        return max(0.0, 1.0 - self.arrivals.distinct / answers) if self.last.distinct else 0.0

    def burst_ratio(self) -> float:
        """How much in a row the losses were, both ways together: single ones are not known of the way there."""
        return emodel.burst_ratio([number in self._came for number in range(self.sent)])

    def _packet(self, kind: Type, number: int) -> Packet:
        cookie = self.welcome.cookie if self.welcome is not None else self.last.cookie
        return Packet(type=kind, stream=self._id, cookie=cookie, number=number, sent_ns=time.monotonic_ns())

    def _ask(self, number: int, timestamp: int) -> None:
        packet = self._packet(Type.QUESTION, number)
        self._sent_ns.append(packet.sent_ns)
        self._send(packet, timestamp)

    def _send(self, packet: Packet, timestamp: int = 0) -> None:
        if self._error is not None:
            raise self._error
        settings = self._settings
        kind = _PAYLOAD_TYPES[settings.codec]
        self._sock.send(encode(packet, self._key, settings.payload_bytes, timestamp=timestamp, payload_type=kind))

    async def _wait(self, timeout_s: float, *, for_report: bool = False) -> None:
        """Wait for news (or only for the report), at most so long."""
        self._news.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._hear(for_report=for_report)
        except TimeoutError:
            pass  # whoever waits looks at what is there
        if self._error is not None:
            raise self._error

    async def _hear(self, *, for_report: bool) -> None:
        await self._news.wait()
        while for_report and not self._has_report and self._error is None:
            self._news.clear()
            await self._news.wait()

    def _read(self) -> None:
        for _ in range(_BATCH):
            try:
                found = datagrams.receive(self._sock, HEADER + MAX_PAYLOAD + 1)
            except BlockingIOError:
                return
            except OSError as error:
                self._error = error  # the port is closed, or there is no way: told when next we send or wait
                self._news.set()
                return
            packet = decode(found.data, self._key)
            if packet is not None and packet.stream == self._id:
                self._take(packet, found.received_ns)

    def _take(self, packet: Packet, received_ns: int) -> None:
        if packet.type is Type.WELCOME:
            self.welcome = packet
        elif packet.type is Type.REPORT:
            self.last, self._has_report = packet, True
        elif packet.type is Type.ANSWER and packet.number < self.sent and packet.answer < 2 * MAX_PACKETS:
            sent_ns = self._sent_ns[packet.number]
            is_new = self.arrivals.add(packet.answer, packet.received_ns + packet.held_ns, received_ns)
            if is_new and packet.number not in self._came:
                self._came.add(packet.number)
                self.rtts_s.append(max(0, received_ns - sent_ns - packet.held_ns) / 1e9)
            if not self._has_report and packet.answer >= self.last.answer:
                self.last = packet
        self._news.set()


def _degraded(detail: str) -> Finding:
    return Finding(Outcome.DEGRADED, Reason.MISMATCH, detail)
