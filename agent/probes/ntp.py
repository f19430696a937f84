"""The probe `ntp`: asks a time server for the time, and says how far its clock is from ours, and whether it knows the time.

An offset is between two clocks: it cannot tell which of them is wrong. Our own clock is never touched.
"""

from __future__ import annotations

import math
import os
import time
from typing import Annotated, Final, Literal

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.packets import ntp
from agent.probes.asking import answer_of, connected
from agent.probes.probe import OK, Finding, Probe, ProbeError, ProbeSettings, Run
from agent.probes.resolve import IpChoice, check_source, resolve, split_address
from agent.probes.shapes import Duration, Fallback, IpName, SourceIp

PORT: Final = 123
_GAUGE: Final = MetricType.GAUGE
PHASES: Final = Family("probe_ntp_duration_seconds", _GAUGE, "Duration of NTP request by phase", ("phase",))
OFFSET: Final = Family("probe_ntp_offset_seconds", _GAUGE, "How far the clock of the server is ahead of the observer's")
DELAY: Final = Family("probe_ntp_delay_seconds", _GAUGE, "Time on the way to the server and back")
STRATUM: Final = Family("probe_ntp_stratum", _GAUGE, "Distance of the server to a reference clock")
LEAP: Final = Family("probe_ntp_leap", _GAUGE, "Leap indicator: 0 none, 1 and 2 a leap second is near, 3 not synchronised")
ROOT_DELAY: Final = Family("probe_ntp_root_delay_seconds", _GAUGE, "Time on the way from the server to its reference clock")
ROOT_DISPERSION: Final = Family("probe_ntp_root_dispersion_seconds", _GAUGE, "Largest error of the server by its own account")
REFERENCE: Final = Family(
    "probe_ntp_reference_timestamp_seconds", _GAUGE, "When the clock of the server was last set, in seconds since 1970"
)
_KISSES: Final = frozenset({"DENY", "RSTR", "RATE"})
"""Codes of servers that answer no more; others (`INIT`, `STEP`) tell why one has no time (RFC 5905 section 7.4)."""
_PHASE_NAMES: Final = ("resolve", "connect", "request")


class Settings(ProbeSettings, frozen=True, kw_only=True):
    """What is asked of a time server."""

    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    max_offset: Annotated[
        Duration, Meta(description="`failed` when the server's clock is further from ours, ahead or behind; 0: never.")
    ] = 0.0
    degraded_offset: Annotated[
        Duration, Meta(description="`degraded` when it is further from ours; below `max_offset`; 0: never.")
    ] = 0.0
    max_stratum: Annotated[
        int, Meta(ge=1, le=ntp.MAX_STRATUM, description="`failed` when the server is further from a reference clock.")
    ] = ntp.MAX_STRATUM
    unsynchronised: Annotated[
        Literal["ok", "degraded", "failed"], Meta(description="What a server is that says it does not know the time.")
    ] = "failed"


def open_probe(settings: Settings) -> Probe:
    """A probe with these settings. Raises `ValueError`."""
    choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)
    check_source(settings.source_ip_address)
    if settings.max_offset and settings.degraded_offset >= settings.max_offset:
        raise ValueError("degraded_offset: not below max_offset, where the probe fails anyway")

    async def probe(address: str, run: Run) -> Finding:
        host, port = split_address(address, PORT)
        asked = 0
        try:
            place = await resolve(run, host, choice)
            with run.during("connect"):
                sock = connected(place, port, settings.source_ip_address)
            # The time that is sent is no time: who cannot read what we sent cannot answer, nor learn about our clock.
            token = int.from_bytes(os.urandom(8), "big")
            with sock, run.during("request"):
                began_ns, asked = time.monotonic_ns(), ntp.from_unix_ns(time.time_ns())
                sock.send(ntp.encode_request(token))
                heard = await answer_of(sock, run, lambda data: _answers(data, token))
        finally:
            for phase in _PHASE_NAMES:
                run.give(PHASES, run.phases.get(phase, 0.0), phase)
        message = ntp.decode(heard.data)
        answered = (asked + ((heard.received_ns - began_ns) << 32) // 1_000_000_000) % (1 << 64)
        offset_s, delay_s = ntp.offset_and_delay(asked, message, answered)
        if message.kiss_code in _KISSES:
            run.give(STRATUM, message.stratum)
            raise ProbeError(Reason.BAD_STATUS, f"the server does not want to be asked (kiss-o'-death, {message.kiss_code})")
        _give(run, message, offset_s, delay_s)
        return _finding(settings, message, offset_s)

    return probe


def address_problem(address: str) -> str:
    """ "" or what was expected."""
    try:
        split_address(address, PORT)
    except ValueError as error:
        return f"a host or host:port ({error})"
    return ""


def _answers(data: bytes, token: int) -> bool:
    try:
        message = ntp.decode(data)
    except ntp.NtpError:
        return False
    return message.mode == ntp.SERVER and message.origin == token


def _give(run: Run, message: ntp.Message, offset_s: float, delay_s: float) -> None:
    run.give(OFFSET, offset_s)
    run.give(DELAY, delay_s)
    run.give(STRATUM, message.stratum)
    run.give(LEAP, message.leap)
    run.give(ROOT_DELAY, message.root_delay_s)
    run.give(ROOT_DISPERSION, message.root_dispersion_s)
    run.give(REFERENCE, ntp.to_unix_s(message.reference, time.time()) if message.reference else 0.0)
    if run.is_verbose:
        source = message.reference_text or "nobody"
        run.say(f"stratum {message.stratum}, its time is from {source}; offset {offset_s:+.6f} s, delay {delay_s:.6f} s")


def _finding(settings: Settings, message: ntp.Message, offset_s: float) -> Finding:
    has_stratum = 1 <= message.stratum <= ntp.MAX_STRATUM
    is_lost = message.leap == ntp.UNSYNCHRONISED or not has_stratum or not message.transmit
    if is_lost and settings.unsynchronised != "ok":
        outcome = Outcome(settings.unsynchronised)
        code = f", {message.kiss_code}" if message.kiss_code else ""
        text = f"the server does not know the time (leap {message.leap}, stratum {message.stratum}{code})"
        return Finding(outcome, Reason.MISMATCH, text)
    if not is_lost and message.stratum > settings.max_stratum:
        text = f"stratum {message.stratum}, more than {settings.max_stratum}"
        return Finding(Outcome.FAILED, Reason.MISMATCH, text)
    for limit_s, outcome in ((settings.max_offset, Outcome.FAILED), (settings.degraded_offset, Outcome.DEGRADED)):
        if limit_s and math.fabs(offset_s) > limit_s:
            text = f"the clock of the server is {offset_s:+.3f} s from ours, more than {limit_s:g} s"
            return Finding(outcome, Reason.MISMATCH, text)
    return OK
