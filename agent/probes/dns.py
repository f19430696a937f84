"""The probe `dns`: asks a name server one question, by UDP, TCP or TLS, and holds the answer against rules.

Settings and metrics are those of blackbox_exporter, so that its modules judge here as they do there, oddities included.
"""

from __future__ import annotations

import os
from typing import Annotated, Final, Literal

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.packets import dns
from agent.packets.dns import DnsError, Question, Response
from agent.probes.asking import answer_of, connected
from agent.probes.dial import connect, open_stream
from agent.probes.dns_rules import Rules, RulesSettings
from agent.probes.probe import OK, Finding, Probe, ProbeError, ProbeSettings, Run
from agent.probes.resolve import IpChoice, Place, check_source, resolve, split_address
from agent.probes.shapes import CertDays, Fallback, IpName, SourceIp
from agent.probes.tls_settings import TlsSettings, make_context

PORT: Final = 53
TLS_PORT: Final = 853
_GAUGE: Final = MetricType.GAUGE
PHASES: Final = Family("probe_dns_duration_seconds", _GAUGE, "Duration of DNS request by phase", ("phase",))
ANSWERS: Final = Family("probe_dns_answer_rrs", _GAUGE, "Returns number of entries in the answer resource record list")
AUTHORITY: Final = Family("probe_dns_authority_rrs", _GAUGE, "Returns number of entries in the authority resource record list")
ADDITIONAL: Final = Family(
    "probe_dns_additional_rrs", _GAUGE, "Returns number of entries in the additional resource record list"
)
SUCCEEDED: Final = Family("probe_dns_query_succeeded", _GAUGE, "Displays whether or not the query was executed successfully")
SERIAL: Final = Family("probe_dns_serial", _GAUGE, "Returns the serial number of the zone")


class Settings(ProbeSettings, frozen=True, kw_only=True):
    """The options of blackbox_exporter's `dns`, and `degraded_cert_days`."""

    query_name: Annotated[str, Meta(description="Name to ask for.")]
    query_type: Annotated[str, Meta(description="Type of the records, such as `A`, `SOA` or `TYPE65`.")] = "ANY"
    query_class: Annotated[str, Meta(description="Class of the records.")] = "IN"
    recursion_desired: Annotated[bool, Meta(description="Ask the server to find out what it does not know itself.")] = True
    transport_protocol: Annotated[Literal["udp", "tcp"], Meta(description="How to ask.")] = "udp"
    dns_over_tls: Annotated[bool, Meta(description="Ask over TLS (RFC 7858, port 853); with `tcp` only.")] = False
    tls_config: TlsSettings = TlsSettings()
    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    valid_rcodes: Annotated[tuple[str, ...], Meta(description="Response codes that are a success; none named: `NOERROR`.")] = ()
    validate_answer_rrs: RulesSettings = RulesSettings()
    validate_authority_rrs: RulesSettings = RulesSettings()
    validate_additional_rrs: RulesSettings = RulesSettings()
    degraded_cert_days: CertDays = 0.0


class _Plan:
    """The settings made ready."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)
        check_source(settings.source_ip_address)
        self.port = TLS_PORT if settings.dns_over_tls else PORT
        try:
            name = dns.wire_name(settings.query_name)
        except ValueError as error:
            raise ValueError(f"query_name: {error}") from None
        kind = _number("query_type", settings.query_type or "ANY", dns.TYPE_NUMBERS, "TYPE")
        klass = _number("query_class", settings.query_class or "IN", dns.CLASS_NUMBERS, "CLASS")
        self.question = Question(name, kind, klass)
        codes = settings.valid_rcodes or ("NOERROR",)
        self.valid = frozenset(_number("valid_rcodes", code, dns.RCODE_NUMBERS, "RCODE") for code in codes)
        self.rules = (
            ("answer", Rules("validate_answer_rrs", settings.validate_answer_rrs)),
            ("authority", Rules("validate_authority_rrs", settings.validate_authority_rrs)),
            ("additional", Rules("validate_additional_rrs", settings.validate_additional_rrs)),
        )
        if settings.dns_over_tls:
            if settings.transport_protocol != "tcp":
                raise ValueError("dns_over_tls: goes with transport_protocol tcp only")
            make_context(settings.tls_config)


def open_probe(settings: Settings) -> Probe:
    """A probe with these settings. Raises `ValueError` that says which is wrong and why."""
    plan = _Plan(settings)

    async def probe(address: str, run: Run) -> Finding:
        host, port = split_address(address, plan.port)
        response: Response | None = None
        finding: Finding | None = None
        try:
            place = await resolve(run, host, plan.choice)
            if settings.transport_protocol == "udp":
                response = await _by_udp(plan, place, port, run)
            else:
                response, finding = await _by_tcp(plan, place, port, run, host)
        finally:
            _give(run, response, is_zone=plan.question.type == dns.TYPE_SOA)
        _say(run, response)
        return _judged(plan, response) or finding or OK

    return probe


def address_problem(address: str) -> str:
    """ "" or what was expected."""
    try:
        split_address(address, PORT)
    except ValueError as error:
        return f"a host or host:port ({error})"
    return ""


def _number(setting: str, text: str, known: dict[str, int], prefix: str) -> int:
    if text in known:
        return known[text]
    number = text.removeprefix(prefix)
    if number != text and number.isascii() and number.isdecimal() and int(number[:6]) < 65_536:
        return int(number)
    raise ValueError(f"{setting}: {text!r} is unknown, expected one such as {', '.join(list(known)[:4])}")


def _query(plan: _Plan) -> tuple[int, bytes]:
    identifier = int.from_bytes(os.urandom(2), "big")
    return identifier, dns.encode_query(identifier, plan.question, recursion=plan.settings.recursion_desired)


async def _by_udp(plan: _Plan, place: Place, port: int, run: Run) -> Response:
    identifier, query = _query(plan)
    with run.during("connect"):
        sock = connected(place, port, plan.settings.source_ip_address)
    with sock, run.during("request"):
        sock.send(query)
        heard = await answer_of(sock, run, lambda data: dns.answers(data, identifier, plan.question))
    return _decoded(heard.data)


async def _by_tcp(plan: _Plan, place: Place, port: int, run: Run, host: str) -> tuple[Response, Finding | None]:
    identifier, query = _query(plan)
    tls = plan.settings.tls_config if plan.settings.dns_over_tls else None
    sock = await connect(run, place, port, source_ip=plan.settings.source_ip_address)
    stream = await open_stream(run, sock, tls=tls, server_name=host)
    try:
        with run.during("request"):
            await stream.write(len(query).to_bytes(2, "big") + query)
            data = await stream.readexactly(int.from_bytes(await stream.readexactly(2), "big"))
        response = _decoded(data)
        if not dns.answers(data, identifier, plan.question):
            raise ProbeError(Reason.MISMATCH, "the response does not answer what was asked")
        if tls is None:
            return response, None
        from agent.probes.certificates import expiring, give_certificates  # needs a package that others do not

        return response, expiring(give_certificates(run, stream), plan.settings.degraded_cert_days)
    finally:
        stream.close()


def _decoded(data: bytes) -> Response:
    try:
        return dns.decode_response(data)
    except DnsError as error:
        raise ProbeError(Reason.MISMATCH, f"the response is no DNS message: {error}") from None


def _give(run: Run, response: Response | None, *, is_zone: bool) -> None:
    """All of them after every run, as blackbox_exporter does."""
    phases = run.phases
    run.give(PHASES, phases.get("resolve", 0.0), "resolve")
    run.give(PHASES, phases.get("connect", 0.0) + phases.get("tls", 0.0), "connect")
    run.give(PHASES, phases.get("request", 0.0), "request")
    run.give(ANSWERS, len(response.answers) if response is not None else 0)
    run.give(AUTHORITY, len(response.authority) if response is not None else 0)
    run.give(ADDITIONAL, len(response.additional) if response is not None else 0)
    run.give(SUCCEEDED, float(response is not None))
    if is_zone and response is not None:
        run.give(SERIAL, max([each.serial for each in response.answers if each.type == dns.TYPE_SOA], default=0))


def _say(run: Run, response: Response) -> None:
    if not run.is_verbose:
        return
    run.say(f"response {response.rcode_name}{', truncated' if response.is_truncated else ''}")
    sections = (("answer", response.answers), ("authority", response.authority), ("additional", response.additional))
    for name, records in sections:
        for record in records:
            run.say(f"{name}: {record.text}")


def _judged(plan: _Plan, response: Response) -> Finding | None:
    if response.rcode not in plan.valid:
        return Finding(Outcome.FAILED, Reason.BAD_STATUS, f"response code {response.rcode_name}")
    cut = " (the response was truncated; ask by tcp)" if response.is_truncated else ""
    for (name, rules), records in zip(plan.rules, (response.answers, response.authority, response.additional), strict=True):
        problem = rules.problem([record.text for record in records])
        if problem:
            return Finding(Outcome.FAILED, Reason.MISMATCH, f"{name} records: {problem}{cut}"[:300])
    if cut:
        return Finding(Outcome.DEGRADED, Reason.MISMATCH, "the response was truncated; ask by tcp")
    return None
