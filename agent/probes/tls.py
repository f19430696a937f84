"""The probe `tls`: what a server shows under TLS, whether it can be trusted, for which names, and how long it still lasts.

Certificates are told in samples even where they are why the run failed: the dates are what its reader asks for first.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.probes.certificates import (
    Chain,
    Expiry,
    chain_of,
    covers,
    expiring,
    give_certificates,
    give_chain,
)
from agent.probes.dial import Stream, connect
from agent.probes.labels import label_value, words
from agent.probes.probe import OK, Finding, Probe, ProbeError, ProbeSettings, Run
from agent.probes.resolve import IpChoice, check_source, resolve, split_address
from agent.probes.shapes import CertDays, Fallback, IpName, SourceIp
from agent.probes.starttls import Protocol, begin
from agent.probes.tls_settings import TlsSettings, make_context

DURATION: Final = Family("probe_tls_duration_seconds", MetricType.GAUGE, "Duration of the TLS probe by phase", ("phase",))
VERIFIED: Final = Family(
    "probe_tls_verified", MetricType.GAUGE, "Whether the certificates of the server led to a trusted authority"
)
NOT_BEFORE: Final = Family(
    "probe_tls_certificate_not_before_timestamp_seconds",
    MetricType.GAUGE,
    "Begin of validity of each certificate that the server sent; the server's own is at position 0",
    ("position", "subject"),
)
NOT_AFTER: Final = Family(
    "probe_tls_certificate_not_after_timestamp_seconds",
    MetricType.GAUGE,
    "End of validity of each certificate that the server sent; the server's own is at position 0",
    ("position", "subject"),
)


class Settings(ProbeSettings, frozen=True):
    """How to reach the server, and what its certificates must be like."""

    preferred_ip_protocol: IpName = "ip6"
    ip_protocol_fallback: Fallback = True
    source_ip_address: SourceIp = ""
    tls_config: TlsSettings = TlsSettings()
    starttls: Annotated[Protocol, Meta(description="Protocol inside which TLS begins; empty: TLS from the first byte.")] = ""
    names: Annotated[
        tuple[str, ...],
        Meta(description="Names and addresses that the server's certificate must be for, besides the one that is asked for."),
    ] = ()
    min_days: Annotated[
        float,
        Meta(
            description=(
                "`failed` when a certificate that the server sent ends within so many days; 0: only one that has ended."
            )
        ),
    ] = 0.0
    degraded_cert_days: CertDays = 0.0


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
    try:
        make_context(tls)
    except ValueError as error:
        raise ValueError(f"tls_config: {error}") from error
    if settings.min_days < 0 or settings.degraded_cert_days < 0:
        raise ValueError("min_days and degraded_cert_days cannot be negative")
    choice = IpChoice(settings.preferred_ip_protocol, settings.ip_protocol_fallback)

    async def probe(address: str, run: Run) -> Finding:
        try:
            host, port = split_address(address)
        except ValueError as error:
            raise ProbeError(Reason.INTERNAL, f"address: {error}", Outcome.ERROR) from error
        stream: Stream | None = None
        try:
            place = await resolve(run, host, choice)
            stream = Stream(await connect(run, place, port, source_ip=settings.source_ip_address))
            if settings.starttls:
                with run.during("starttls"):
                    await begin(settings.starttls, stream, host)
            return await _shake(run, stream, host, settings, tls)
        finally:
            for phase, seconds in run.phases.items():
                run.give(DURATION, seconds, phase)
            if stream is not None:
                stream.close()

    return probe


async def _shake(run: Run, stream: Stream, host: str, settings: Settings, tls: TlsSettings) -> Finding:
    try:
        await stream.start_tls(run, tls, host)
    except ProbeError:
        if stream.tls is not None:
            chain = chain_of(stream.tls)
            give_chain(run, chain)
            _give_dates(run, chain)
        raise
    expiry = give_certificates(run, stream)
    assert stream.tls is not None
    chain = chain_of(stream.tls)
    _give_dates(run, chain)
    return _uncovered(chain, settings.names) or _ending(expiry, settings) or OK


def _give_dates(run: Run, chain: Chain) -> None:
    run.give(VERIFIED, float(chain.is_verified))
    for position, each in enumerate(chain.sent):
        labels = (str(position), label_value(each.subject))
        run.give(NOT_BEFORE, each.not_before_s, *labels)
        run.give(NOT_AFTER, each.not_after_s, *labels)


def _uncovered(chain: Chain, names: tuple[str, ...]) -> Finding | None:
    if not names:
        return None
    if not chain.sent:
        return Finding(Outcome.FAILED, Reason.TLS, "the server's certificate could not be read")
    missing = [name for name in names if not covers(chain.sent[0], name)]
    if not missing:
        return None
    return Finding(
        Outcome.FAILED, Reason.TLS, f"certificate of {chain.sent[0].name} is not for {words(', '.join(missing), 150)}"
    )


def _ending(expiry: Expiry, settings: Settings) -> Finding | None:
    too_soon = expiring(expiry, settings.min_days)
    if too_soon is not None:
        wanted = f"; at least {settings.min_days:g} days are wanted"
        return Finding(Outcome.FAILED, Reason.TLS, too_soon.detail + wanted)
    return expiring(expiry, settings.degraded_cert_days)
