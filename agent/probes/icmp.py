"""The probe `icmp`: one or several echoes to a host; what came back, how fast, how steadily. One answer is a success.

An address that answers says that a machine is there, and nothing about what should run on it.
"""

from __future__ import annotations

import errno
import math
from itertools import pairwise
from typing import Annotated, Final

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.probes.ping_wire import Options
from agent.probes.pings import MAX_PAYLOAD, PAYLOAD, Answers, Pings, Request
from agent.probes.probe import OK, Finding, Probe, ProbeError, ProbeSettings, Run
from agent.probes.resolve import IpChoice, check_source, resolve
from agent.probes.shapes import Duration, Fallback, IpName, SourceIp

PHASES: Final = Family("probe_icmp_duration_seconds", MetricType.GAUGE, "Duration of icmp request by phase", ("phase",))
HOP_LIMIT: Final = Family("probe_icmp_reply_hop_limit", MetricType.GAUGE, "Replied packet hop limit (TTL for ipv4)")
LOSS: Final = Family("probe_icmp_loss_ratio", MetricType.GAUGE, "Share of the echoes that were not answered, 0 to 1")
DUPLICATES: Final = Family("probe_icmp_duplicates", MetricType.GAUGE, "Further answers to echoes that were answered already")
RTT_MIN: Final = Family("probe_icmp_rtt_min_seconds", MetricType.GAUGE, "Shortest round trip of the echoes that were answered")
RTT_AVG: Final = Family("probe_icmp_rtt_avg_seconds", MetricType.GAUGE, "Mean round trip of the echoes that were answered")
RTT_MAX: Final = Family("probe_icmp_rtt_max_seconds", MetricType.GAUGE, "Longest round trip of the echoes that were answered")
JITTER: Final = Family(
    "probe_icmp_jitter_seconds", MetricType.GAUGE, "Mean absolute difference between round trips that follow each other"
)
MARGIN_S: Final = 0.02
"""Waiting ends so long before the run does, so that what was heard until then is told."""
_MAX_COUNT: Final = 100
_TOO_LARGE: Final = "the echo is larger than what this machine's own network takes in one packet"
Ratio = Annotated[float, Meta(ge=0, le=1)]


class Settings(ProbeSettings, frozen=True, kw_only=True):
    """The options of blackbox_exporter's `icmp`, and ours: several echoes, and when a success is only half a one."""

    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    payload_size: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_PAYLOAD,
            description=(
                "Bytes behind the ICMP header; 0: as many as blackbox_exporter sends. Below 16 answers are easier to forge."
            ),
        ),
    ] = 0
    dont_fragment: Annotated[bool, Meta(description="Forbid routers to cut the packet up.")] = False
    ttl: Annotated[int, Meta(ge=0, le=255, description="Routers that the packet may pass; 0: as the system has it.")] = 0
    count: Annotated[int, Meta(ge=1, le=_MAX_COUNT, description="Echoes of one run. One answer is a success.")] = 1
    spacing: Annotated[
        Duration, Meta(description="Between two echoes; shortened so that the last one leaves in the first half of the run.")
    ] = 0.2
    wait: Annotated[Duration, Meta(description="Wait after the last echo; 0: to the end of the run.")] = 0.0
    degraded_loss_ratio: Annotated[
        Ratio, Meta(description="`degraded` when this share of the echoes or more is lost (0.2: one of five); 0: never.")
    ] = 0.0
    degraded_rtt: Annotated[Duration, Meta(description="`degraded` when the mean round trip is longer; 0: never.")] = 0.0


def open_probe(settings: Settings) -> Probe:
    """A probe with these settings. Raises `ValueError`."""
    choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)
    check_source(settings.source_ip_address)
    options = Options(settings.ttl, settings.dont_fragment, settings.source_ip_address)
    request = Request(settings.count, settings.spacing, settings.payload_size or PAYLOAD, settings.wait, options)

    async def probe(address: str, run: Run) -> Finding:
        try:
            place = await resolve(run, address, choice)
        except ProbeError:
            _give(run, None)
            raise
        pings = run.tools.part("pings", Pings)
        answers: Answers | None = None
        ignored = pings.stats.strange + pings.stats.late
        try:
            with run.during("rtt"):
                answers = await pings.ask(place.ip, request, run.deadline_s - MARGIN_S)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise ProbeError(Reason.INTERNAL, _TOO_LARGE, Outcome.ERROR) from error
            raise
        finally:
            _give(run, answers)
        if run.is_verbose and (ignored := pings.stats.strange + pings.stats.late - ignored):
            run.say(f"ignored {ignored} answers, forged or too late, to this or other probes")
        return _finding(settings, answers, run)

    return probe


def address_problem(address: str) -> str:
    """ "" or what was expected."""
    host = address.partition("%")[0]
    if not host or any(one in address for one in "/[] @") or (":" in host and host.count(":") < 2):
        return "a host name or an IP address, without a port"
    return ""


def _give(run: Run, answers: Answers | None) -> None:
    """Always the same families in the same order, as far as they are known."""
    trips = answers.round_trips if answers is not None else []
    mean_s = math.fsum(trips) / len(trips) if trips else 0.0
    give = run.give
    give(PHASES, run.phases.get("resolve", 0.0), "resolve")
    give(PHASES, 0.0, "setup")
    give(PHASES, mean_s, "rtt")
    if answers is None or not answers.sent:
        return
    if not answers.overflowed:
        give(LOSS, (answers.sent - len(trips)) / answers.sent)
    if answers.hop_limit >= 0:
        give(HOP_LIMIT, answers.hop_limit)
    if answers.count < 2:
        return  # its round trip is the phase
    give(DUPLICATES, answers.duplicates)
    if not trips:
        return
    give(RTT_MIN, min(trips))
    give(RTT_AVG, mean_s)
    give(RTT_MAX, max(trips))
    if len(trips) > 1:
        give(JITTER, math.fsum(abs(after - before) for before, after in pairwise(trips)) / (len(trips) - 1))


def _finding(settings: Settings, answers: Answers, run: Run) -> Finding:
    trips, sent = answers.round_trips, answers.sent
    if run.is_verbose:
        for trip in trips:
            run.say(f"answer after {trip * 1000:.3f} ms")
        for complaint in answers.complaints:
            run.say(f"{complaint.said_by} says: {complaint.text}")
    if len(trips) == sent and not settings.degraded_rtt:
        return OK
    if not trips:
        raise _nothing(answers, run)
    loss = (sent - len(trips)) / sent
    if settings.degraded_loss_ratio and loss >= settings.degraded_loss_ratio and not answers.overflowed:
        return Finding(Outcome.DEGRADED, Reason.MISMATCH, f"{sent - len(trips)} of {sent} echoes were not answered")
    mean_s = math.fsum(trips) / len(trips)
    if settings.degraded_rtt and mean_s > settings.degraded_rtt:
        text = f"round trips of {mean_s * 1000:.1f} ms on average, more than {settings.degraded_rtt * 1000:g} ms"
        return Finding(Outcome.DEGRADED, Reason.MISMATCH, text)
    return OK


def _nothing(answers: Answers, run: Run) -> ProbeError:
    if answers.overflowed:
        text = "this machine lost answers because too many came at once"
        return ProbeError(Reason.INTERNAL, text, Outcome.ERROR)
    echoes = "the echo" if answers.sent == 1 else f"{answers.sent} echoes"
    if answers.complaints:
        last = answers.complaints[-1]
        return ProbeError(Reason.UNREACHABLE, f"{last.said_by} says: {last.text}")
    return ProbeError(Reason.TIMEOUT, f"no answer to {echoes} within {run.elapsed_s():.1f} s")
