"""The probe `http`: asks a URL as a visitor would, follows redirects, and says whether the answer is what it must be.

Options and metrics are those of blackbox_exporter's prober `http`; what differs is told in `Settings` and where it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from agent.model import Family, MetricType, Outcome, Reason
from agent.probes import http_url
from agent.probes.http_body import Body
from agent.probes.http_exchange import Answer, Exchange
from agent.probes.http_oauth import Tokens
from agent.probes.http_request import MOST_REDIRECTS, REDIRECTS, Hop, Plan, Trip
from agent.probes.http_rules import Rules
from agent.probes.http_settings import Settings, check
from agent.probes.http_way import Places, Way
from agent.probes.patterns import MOST_BYTES
from agent.probes.probe import OK, Finding, Probe, ProbeError, Run

PHASES: Final = ("resolve", "connect", "tls", "processing", "transfer")
_GAUGE: Final = MetricType.GAUGE
DURATION: Final = Family(
    "probe_http_duration_seconds", _GAUGE, "Duration of http request by phase, summed over all redirects", ("phase",)
)
LENGTH: Final = Family("probe_http_content_length", _GAUGE, "Length of http content response")
UNPACKED: Final = Family("probe_http_uncompressed_body_length", _GAUGE, "Length of uncompressed response body")
REDIRECTED: Final = Family("probe_http_redirects", _GAUGE, "The number of redirects")
SSL: Final = Family("probe_http_ssl", _GAUGE, "Indicates if SSL was used for the final redirect")
STATUS: Final = Family("probe_http_status_code", _GAUGE, "Response HTTP status code")
VERSION: Final = Family("probe_http_version", _GAUGE, "Returns the version of HTTP of the probe response")
BY_REGEX: Final = Family("probe_failed_due_to_regex", _GAUGE, "Indicates if probe failed due to regex")
MODIFIED: Final = Family(
    "probe_http_last_modified_timestamp_seconds", _GAUGE, "Returns the Last-Modified HTTP response header in unixtime"
)
_MARGIN_S: Final = 0.02
_KNOWN: Final = 1024


def address_problem(address: str) -> str:
    """What was expected instead of this address; "" if it is one."""
    try:
        http_url.parse(address)
    except ValueError:
        return http_url.EXPECTED
    return ""


def open_probe(settings: Settings) -> Probe:
    """A probe of these settings. Raises `ValueError` that names the setting and says why."""
    check(settings)
    return _Http(settings).run


class _Record:
    """What becomes metrics, however the run ends."""

    __slots__ = ("is_by_regex", "is_tls", "length", "modified", "redirects", "size", "status", "version")

    def __init__(self) -> None:
        self.status = 0
        self.length = 0
        self.size = 0
        self.redirects = 0
        self.is_tls = False
        self.version = 0.0
        self.is_by_regex = False
        self.modified: float | None = None

    def give(self, run: Run) -> None:
        seconds = run.phases.get
        for phase in PHASES:
            run.give(DURATION, seconds(phase, 0.0), phase)
        run.give(LENGTH, float(self.length))
        run.give(UNPACKED, float(self.size))
        run.give(REDIRECTED, float(self.redirects))
        run.give(SSL, float(self.is_tls))
        run.give(STATUS, float(self.status))
        run.give(VERSION, self.version)
        run.give(BY_REGEX, float(self.is_by_regex))
        if self.modified is not None:
            run.give(MODIFIED, self.modified)

    def take(self, answer: Answer) -> None:
        self.status = answer.status
        self.length = answer.content_length
        self.version = float(answer.version)
        modified = answer.field(b"last-modified")
        self.modified = _date(modified) if modified else None


class _Http:
    """A module, ready to run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plan = Plan(settings)
        self._rules = Rules(settings)
        self._way = Way(settings, self._plan.host)
        self._keep = MOST_BYTES if self._rules.has_body_rules else 0
        self._tokens: Tokens | None = None
        if settings.oauth2 is not None:
            self._tokens = Tokens(settings.oauth2, settings.preferred_ip_protocol, fallback=settings.ip_protocol_fallback)

    async def run(self, address: str, run: Run) -> Finding:
        """The probe; see `agent.probes.probe.Probe`."""
        record = _Record()
        try:
            url = http_url.parse(address)
        except ValueError as error:
            raise ProbeError(Reason.INTERNAL, f"the address: {error}", Outcome.ERROR) from error
        try:
            trip = Trip(url, await self._tokens.field(run) if self._tokens is not None else "")
            finding = await self._travel(run, trip, record)
        finally:
            record.give(run)
        if finding.reason is Reason.AUTH and self._tokens is not None:
            self._tokens.forget()
        return finding

    async def _travel(self, run: Run, trip: Trip, record: _Record) -> Finding:
        hop = self._plan.first(trip.home, trip.token)
        places = Places()
        while True:
            if run.is_verbose:
                run.say(f"{hop.method} {hop.url.shown}")
            exchange = await self._way.open(run, hop, places)
            with contextlib.closing(exchange):
                answer = await exchange.ask(run, hop)
                if run.is_verbose:
                    run.say(f"HTTP/{answer.version} {answer.status} {answer.phrase}, {len(answer.fields())} header fields")
                record.take(answer)
                following = self._next(hop, answer, trip, record)
                if following is None:
                    return await self._judged(run, exchange, answer, trip, record)
            hop = following

    def _next(self, hop: Hop, answer: Answer, trip: Trip, record: _Record) -> Hop | None:
        """The request that a redirect asks for, or None if this answer is the last one."""
        trip.last = hop
        if answer.status not in REDIRECTS or not (location := answer.field(b"location")):
            return None
        record.redirects += 1
        if not self._settings.follows or record.redirects > MOST_REDIRECTS:
            return None
        trip.jar.keep(hop.url, answer.fields().get("set-cookie", []))
        try:
            following = self._plan.after(hop, answer.status, location, trip)
        except ValueError as error:
            raise ProbeError(Reason.MISMATCH, f"redirects with {answer.status} to what is no place to go: {error}") from error
        trip.seen.append(following.url)
        return following

    async def _judged(self, run: Run, exchange: Exchange, answer: Answer, trip: Trip, record: _Record) -> Finding:
        record.is_tls = exchange.stream.tls is not None
        near = self._certificates(run, exchange)
        finding = self._rules.status(answer.status, answer.phrase, has_credentials=trip.last.has_credentials)
        if record.redirects > MOST_REDIRECTS:
            detail = f"more than {MOST_REDIRECTS} redirects, {trip.chain()}"
            finding = Finding(finding.outcome, finding.reason, detail) if finding is not OK else OK
        if finding is OK:
            finding = self._rules.header(answer.fields()) if self._rules.has_header_rules else OK
            record.is_by_regex = finding is not OK
        finding = await self._read(run, exchange, record, finding)
        for later in (self._rules.version(f"HTTP/{answer.version}"), self._rules.tls(is_tls=record.is_tls)):
            finding = later if finding is OK else finding
        downgrade = trip.downgrade()
        if finding is OK:
            return near or (Finding(Outcome.OK, Reason.NONE, downgrade) if downgrade else OK)
        return Finding(finding.outcome, finding.reason, f"{finding.detail}; {downgrade}") if downgrade else finding

    async def _read(self, run: Run, exchange: Exchange, record: _Record, finding: Finding) -> Finding:
        """Read the body and look at it, unless the answer is bad already: then it is read for the figures only."""
        body = Body(self._settings.compression, self._settings.body_size_limit, self._keep)
        try:
            await (exchange.read(run, body) if finding is OK else _leave(run, exchange, body))
        finally:
            record.size = body.size
        if finding is OK and self._rules.has_body_rules:
            finding = await self._rules.body(bytes(body.kept))
            record.is_by_regex = finding is not OK
        return finding

    def _certificates(self, run: Run, exchange: Exchange) -> Finding | None:
        """Gives the samples about certificates; what is to be told of one that ends soon."""
        if exchange.stream.tls is None:
            return None
        from agent.probes.certificates import expiring, give_certificates  # needs a package that plain HTTP does not

        return expiring(give_certificates(run, exchange.stream), self._settings.degraded_cert_days)


async def _leave(run: Run, exchange: Exchange, body: Body) -> None:
    """Read the body of an answer that is bad already: whatever the body is like, it does not change what is told."""
    with contextlib.suppress(TimeoutError, OSError, ProbeError):
        async with asyncio.timeout_at(run.deadline_s - _MARGIN_S):
            await exchange.read(run, body)


@functools.lru_cache(_KNOWN)
def _date(text: str) -> float | None:
    """Unix time of an HTTP date (RFC 9110, 5.6.7); None for what is none."""
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


__all__ = ["Settings", "address_problem", "open_probe"]
