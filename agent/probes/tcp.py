"""The probe `tcp`: a connection that is accepted, and if wanted a conversation and TLS on it, with blackbox_exporter's options.

A connect without conversation is what most probes of an estate are; it costs as little as it can and is closed by a reset.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.probes.dial import Stream, connect, drop, open_stream
from agent.probes.labels import label_value, words
from agent.probes.probe import OK, Finding, Probe, ProbeError, ProbeSettings, Run
from agent.probes.resolve import IpChoice, check_source, resolve, split_address
from agent.probes.shapes import CertDays, Fallback, GoRegex, IpName, SourceIp
from agent.probes.tls_settings import TlsSettings, make_context
from agent.sheets.gopattern import expand
from agent.wire import RESERVED_LABELS

if TYPE_CHECKING:
    from agent.probes.patterns import Match, Pattern

REGEX: Final = Family("probe_failed_due_to_regex", MetricType.GAUGE, "Indicates if probe failed due to regex")
DURATION: Final = Family("probe_tcp_duration_seconds", MetricType.GAUGE, "Duration of the TCP probe by phase", ("phase",))
EXPECT: Final = "probe_expect_info"
MAX_TALK: Final = 1024 * 1024
"""Bytes of lines that are read in search of those expected."""
MAX_STEPS: Final = 100
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,254}\Z")
_OUR_LABELS: Final = RESERVED_LABELS | {"module"}


class ExpectLabel(ProbeSettings, frozen=True):
    """A label of `probe_expect_info`; `value` may hold what `expect` matched (`${1}`)."""

    name: Annotated[str, Meta(description="Label of `probe_expect_info`.")]
    value: Annotated[str, Meta(description="Its value; `${1}` stands for what the first group of `expect` matched.")] = ""


class QueryResponse(ProbeSettings, frozen=True):
    """One step: wait for a line, then send one, then begin TLS; each if it is there."""

    expect: Annotated[
        GoRegex, Meta(description="Wait for a line that matches; lines that do not are passed over, up to 1 MiB.")
    ] = ""
    labels: Annotated[
        tuple[ExpectLabel, ...], Meta(description="Labels of `probe_expect_info`; in one step only, which needs `expect`.")
    ] = ()
    send: Annotated[str, Meta(description="Then send this and a newline; `${1}` as in labels.")] = ""
    starttls: Annotated[bool, Meta(description="Then begin TLS.")] = False


class Settings(ProbeSettings, frozen=True):
    """The options of `tcp` in `blackbox.yml`, and `degraded_cert_days`."""

    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    query_response: Annotated[
        tuple[QueryResponse, ...],
        Meta(description="Conversation, step by step, at most 100 steps; none: the connection itself is the success."),
    ] = ()
    tls: Annotated[bool, Meta(description="Speak TLS from the first byte.")] = False
    tls_config: TlsSettings = TlsSettings()
    degraded_cert_days: CertDays = 0.0


class _Step(NamedTuple):
    number: int
    pattern: Pattern | None
    send: str
    starttls: bool
    info: Family | None
    values: tuple[str, ...]


class _Plan(NamedTuple):
    settings: Settings
    choice: IpChoice
    steps: tuple[_Step, ...]
    tls: TlsSettings


def address_problem(address: str) -> str:
    """What was expected instead of this address; "" if it is one."""
    try:
        split_address(address)
    except ValueError as error:
        return f"host:port ({error})"
    return ""


def open_probe(settings: Settings) -> Probe:
    """The probe of these settings. Raises `ValueError` that says which one is wrong."""
    check_source(settings.source_ip_address)
    tls = settings.tls_config
    steps = _steps(settings)
    if settings.tls or any(step.starttls for step in steps):
        _checked(tls)
    choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)
    if not steps and not settings.tls:
        return _connecting(choice, settings.source_ip_address)
    plan = _Plan(settings, choice, steps, tls)

    async def probe(address: str, run: Run) -> Finding:
        return await _talking(address, run, plan)

    return probe


def _connecting(choice: IpChoice, source_ip: str) -> Probe:
    async def probe(address: str, run: Run) -> Finding:
        run.give(REGEX, 0.0)
        host, port = _split(address)
        try:
            place = await resolve(run, host, choice)
            drop(await connect(run, place, port, source_ip=source_ip))
        finally:
            _give_phases(run)
        return OK

    return probe


async def _talking(address: str, run: Run, plan: _Plan) -> Finding:
    host, port = _split(address)
    stream: Stream | None = None
    missed = False
    try:
        place = await resolve(run, host, plan.choice)
        sock = await connect(run, place, port, source_ip=plan.settings.source_ip_address)
        stream = await open_stream(run, sock, tls=plan.tls if plan.settings.tls else None, server_name=host)
        finding = _shown(run, stream, plan) if plan.settings.tls else OK
        with run.during("talk"):
            return await _conversed(run, stream, host, plan) or finding
    except _UnmatchedError:
        missed = True
        raise
    finally:
        run.give(REGEX, float(missed))
        _give_phases(run)
        if stream is not None:
            stream.close()


async def _conversed(run: Run, stream: Stream, host: str, plan: _Plan) -> Finding | None:
    """Take all steps. What was found of certificates, if TLS began in one."""
    finding: Finding | None = None
    left = MAX_TALK
    for step in plan.steps:
        run.phase = f"step {step.number} of query_response"
        left = await _step(run, stream, step, left)
        if step.starttls:
            await stream.start_tls(run, plan.tls, host)
            finding = _shown(run, stream, plan)
    return finding


class _UnmatchedError(ProbeError):
    """No line matched what was expected."""


async def _step(run: Run, stream: Stream, step: _Step, left: int) -> int:
    """Expect and send; returns how many bytes may still be read."""
    send = step.send
    if step.pattern is not None:
        match, left = await _expected(run, stream, step, left)
        send = expand(send, match)
        if step.info is not None:
            run.give(step.info, 1.0, *[label_value(expand(value, match)) for value in step.values])
    if send:
        if run.is_verbose:
            run.say(f"step {step.number}: sending a line of {len(send)} characters")
        await stream.write(f"{send}\n".encode("utf-8", "surrogateescape"))
    return left


async def _expected(run: Run, stream: Stream, step: _Step, left: int) -> tuple[Match, int]:
    assert step.pattern is not None
    last = ""
    while line := await stream.readline():
        left -= len(line)
        text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
        if run.is_verbose:
            run.say(f"step {step.number}: read {words(text, 200)}")
        if (match := step.pattern.match(text)) is not None:
            return match, left
        if left <= 0:
            raise _UnmatchedError(
                Reason.MISMATCH, f"step {step.number}: {MAX_TALK} bytes, and no line matched what is expected"
            )
        last = text
    said = f"; the last line was {words(last)!r}" if last else "; it said nothing"
    raise _UnmatchedError(
        Reason.MISMATCH, f"step {step.number}: the server closed before a line matched what is expected{said}"
    )


def _shown(run: Run, stream: Stream, plan: _Plan) -> Finding:
    from agent.probes.certificates import expiring, give_certificates  # needs a package that probes without TLS do not

    return expiring(give_certificates(run, stream), plan.settings.degraded_cert_days) or OK


def _give_phases(run: Run) -> None:
    for phase, seconds in run.phases.items():
        run.give(DURATION, seconds, phase)


def _split(address: str) -> tuple[str, int]:
    try:
        return split_address(address)
    except ValueError as error:
        raise ProbeError(Reason.INTERNAL, f"address: {error}", Outcome.ERROR) from error


def _checked(tls: TlsSettings) -> None:
    try:
        make_context(tls)
    except ValueError as error:
        raise ValueError(f"tls_config: {error}") from error


def _steps(settings: Settings) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    begun = settings.tls
    if len(settings.query_response) > MAX_STEPS:
        raise ValueError(f"query_response: more than {MAX_STEPS} steps")
    for number, step in enumerate(settings.query_response, 1):
        where = f"query_response, step {number}"
        if step.starttls and begun:
            raise ValueError(f"{where}: starttls where TLS has begun already")
        begun = begun or step.starttls
        if step.labels and any(earlier.info for earlier in steps):
            raise ValueError(f"{where}: labels in a second step, where one may have them")
        steps.append(_Step(number, _pattern(step, where), step.send, step.starttls, *_info(step, where)))
    return tuple(steps)


def _pattern(step: QueryResponse, where: str) -> Pattern | None:
    if not step.expect:
        return None
    from agent.probes.patterns import Pattern  # needs a package that a mere connection does not

    try:
        return Pattern(step.expect, captures=True)
    except ValueError as error:
        raise ValueError(f"{where}: expect: {error}") from error


def _info(step: QueryResponse, where: str) -> tuple[Family | None, tuple[str, ...]]:
    if not step.labels:
        return None, ()
    names = tuple([label.name for label in step.labels])
    if not step.expect:
        raise ValueError(f"{where}: labels without expect")
    if wrong := [name for name in names if not _LABEL.match(name) or name in _OUR_LABELS]:
        raise ValueError(f"{where}: {wrong[0]!r} cannot be the name of a label here")
    if len(set(names)) < len(names):
        raise ValueError(f"{where}: a label that is there twice")
    return Family(EXPECT, MetricType.GAUGE, "Explicit content matched", names), tuple([label.value for label in step.labels])
