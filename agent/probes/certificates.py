"""What servers show under TLS: the samples of blackbox_exporter about it, dates, and which certificate is to blame.

The one door of `cryptography` for probes; imported where there is TLS only. Certificates are hostile input: one that cannot be
read costs its own values and nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import ssl
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography import x509

from agent.model import Family, MetricType, Outcome, Reason
from agent.probes.labels import label_value, words
from agent.probes.probe import Finding, Run

if TYPE_CHECKING:
    from agent.probes.dial import Stream

EARLIEST: Final = Family("probe_ssl_earliest_cert_expiry", MetricType.GAUGE, "Returns last SSL chain expiry in unixtime")
LAST_CHAIN: Final = Family(
    "probe_ssl_last_chain_expiry_timestamp_seconds", MetricType.GAUGE, "Returns last SSL chain expiry in timestamp"
)
INFO: Final = Family(
    "probe_ssl_last_chain_info",
    MetricType.GAUGE,
    "Contains SSL leaf certificate information",
    ("fingerprint_sha256", "subject", "issuer", "subjectalternative"),
)
VERSION: Final = Family(
    "probe_tls_version_info", MetricType.GAUGE, "Returns the TLS version used or NaN when unknown", ("version",)
)
DAY_S: Final = 86_400
_DER: Final = 2
"""`_ssl.ENCODING_DER`."""
_MOST: Final = 16
"""Certificates of a chain that are looked at."""
_KNOWN: Final = 2_048
_USUAL: Final = 4_096
"""Bytes; larger certificates are not kept, lest servers fill the memory with ever new ones."""
_UNREADABLE: Final = (
    ValueError, TypeError, OverflowError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
_GO_ORDER: Final = {
    "2.5.4.5": "SERIALNUMBER", "2.5.4.3": "CN", "2.5.4.11": "OU", "2.5.4.10": "O", "2.5.4.17": "POSTALCODE",
    "2.5.4.9": "STREET", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.6": "C",
}  # fmt: skip
"""The attributes that Go names, in the order in which it prints them, wherever they stand in the certificate (read from
blackbox_exporter 0.23 as Debian builds it)."""
_GO_SINGLE: Final = frozenset({"2.5.4.5", "2.5.4.3"})
"""Of several of these Go keeps the last."""
_PRINTABLE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")
_NOT_YET, _EXPIRED = 9, 10
_SELF_SIGNED, _SELF_SIGNED_IN_CHAIN = 18, 19
_NO_ISSUER: Final = frozenset({2, 20, 21})
_NAMES: Final = frozenset({62, 64})


class Certificate(NamedTuple):
    """What matters of one. Times are Unix seconds; `subject` and `issuer` as Go writes names."""

    subject: str
    issuer: str
    common_name: str
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    not_before_s: float
    not_after_s: float
    fingerprint: str

    @property
    def name(self) -> str:
        """What a person calls it."""
        return words(self.common_name or (self.dns_names[0] if self.dns_names else "") or self.subject or "no name")


class Chain(NamedTuple):
    """The certificates as the server sent them, leaf first, and as they were put together up to the authority.
    `is_verified`: the second is trusted."""

    sent: tuple[Certificate, ...]
    built: tuple[Certificate, ...]
    is_verified: bool


class Expiry(NamedTuple):
    """When the first of the certificates that a server sent ends (Unix seconds; infinity without any), and its name."""

    at_s: float
    whose: str


def chain_of(tls: ssl.SSLObject) -> Chain:
    """What the server showed, also after a handshake that failed because of it."""
    verified = tls.context.verify_mode == ssl.CERT_REQUIRED and tls.version() is not None
    return Chain(_certificates(tls, "get_unverified_chain"), _certificates(tls, "get_verified_chain"), verified)


def give_certificates(run: Run, stream: Stream) -> Expiry:
    """Give blackbox_exporter's `probe_ssl_*` and `probe_tls_version_info`; the chain's expiry only if it is verified. Returns
    the earliest expiry of what the server sent. A stream without TLS gives nothing."""
    if stream.tls is None:
        return Expiry(float("inf"), "")
    chain = chain_of(stream.tls)
    expiry = give_chain(run, chain)
    version = stream.tls.version()
    if version is not None:
        run.give(VERSION, 1.0, "TLS 1.0" if version == "TLSv1" else version.replace("TLSv", "TLS "))
    if run.is_verbose:
        for each in chain.sent:
            run.say(f"certificate of {each.name}, signed by {words(each.issuer)}, valid until {rfc3339(each.not_after_s)}")
    return expiry


def give_chain(run: Run, chain: Chain) -> Expiry:
    """The samples about certificates alone."""
    if not chain.sent:
        return Expiry(float("inf"), "")
    first = min(chain.sent, key=_end)
    run.give(EARLIEST, first.not_after_s)
    if chain.is_verified and chain.built:
        run.give(LAST_CHAIN, min(map(_end, chain.built)))
    leaf = chain.sent[0]
    names = ",".join(leaf.dns_names)
    run.give(INFO, 1.0, leaf.fingerprint, label_value(leaf.subject), label_value(leaf.issuer), label_value(names))
    return Expiry(first.not_after_s, first.name)


def expiring(expiry: Expiry, days: float, now_s: float | None = None) -> Finding | None:
    """`degraded` if the certificate ends within so many days (0: never) of now."""
    left_s = expiry.at_s - (time.time() if now_s is None else now_s)
    if days <= 0 or left_s > days * DAY_S:
        return None
    return Finding(Outcome.DEGRADED, Reason.MISMATCH, f"certificate of {expiry.whose} {_ends(expiry.at_s, left_s)}")


def blame(error: ssl.SSLCertVerificationError, chain: Chain, server_name: str, now_s: float | None = None) -> str:
    """Which certificate is not to be trusted, and why."""
    now_s = time.time() if now_s is None else now_s
    all_of_it = [*chain.sent, *[each for each in chain.built if each not in chain.sent]]
    leaf = chain.sent[0] if chain.sent else None
    code = error.verify_code
    if code == _EXPIRED and (old := [each for each in all_of_it if each.not_after_s < now_s]):
        return f"certificate of {old[0].name} expired at {rfc3339(old[0].not_after_s)}"
    if code == _NOT_YET and (young := [each for each in all_of_it if each.not_before_s > now_s]):
        return f"certificate of {young[0].name} is not valid before {rfc3339(young[0].not_before_s)}"
    if code in _NAMES and leaf is not None:
        names = words(", ".join([*leaf.dns_names, *leaf.ip_addresses]), 120) or "no name at all"
        return f"certificate of {leaf.name} is for {names}, not for {words(server_name)}"
    if code == _SELF_SIGNED and leaf is not None:
        return f"certificate of {leaf.name} is self-signed"
    if code == _SELF_SIGNED_IN_CHAIN and all_of_it:
        return f"unknown authority: the chain ends in the self-signed certificate of {all_of_it[-1].name}"
    if code in _NO_ISSUER and all_of_it:
        top = chain.built[-1] if chain.built else all_of_it[-1]
        return f"unknown authority: nobody trusted signed the certificate of {top.name} (issuer {words(top.issuer)})"
    return f"certificate{f' of {leaf.name}' if leaf else ''} is not trusted: {error.verify_message}"


def covers(certificate: Certificate, name: str) -> bool:
    """Whether it is for that name or address (RFC 6125: a star stands for the whole first label)."""
    wanted = name.lower().removesuffix(".")
    if wanted in (each.lower() for each in (*certificate.dns_names, *certificate.ip_addresses)):
        return True
    _, dot, parent = wanted.partition(".")
    return bool(dot) and f"*.{parent}" in (each.lower() for each in certificate.dns_names)


def rfc3339(at_s: float) -> str:
    """A moment as people and programs read it, in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _end(certificate: Certificate) -> float:
    return certificate.not_after_s


def _ends(at_s: float, left_s: float) -> str:
    if left_s < 0:
        return f"expired at {rfc3339(at_s)}"
    days = int(left_s // DAY_S)
    left = f"{days} day{'' if days == 1 else 's'}" if days else f"{int(left_s // 3600)} h"
    return f"expires in {left}, at {rfc3339(at_s)}"


def _certificates(tls: ssl.SSLObject, which: str) -> tuple[Certificate, ...]:
    """One of the two chains. Public from Python 3.13 on; before, of the object inside; if there is neither, the leaf."""
    source: Any = tls if hasattr(tls, which) else getattr(tls, "_sslobj", None)
    get = getattr(source, which, None)
    if get is None:
        leaf = tls.getpeercert(binary_form=True) if tls.version() is not None else None
        ders = [leaf] if leaf else []
    else:
        ders = [each if isinstance(each, bytes) else each.public_bytes(_DER) for each in (get() or ())[:_MOST]]
    return tuple([found for der in ders if (found := parse(der)) is not None])


def parse(der: bytes) -> Certificate | None:
    """A certificate, None if its dates cannot be read. Raises nothing. Those of usual size are remembered: the same ones come
    run after run."""
    return _remembered(der) if len(der) <= _USUAL else _parsed(der)


@functools.lru_cache(_KNOWN)
def _remembered(der: bytes) -> Certificate | None:
    return _parsed(der)


def _parsed(der: bytes) -> Certificate | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd certificates: they are the server's
        try:
            found = x509.load_der_x509_certificate(der)
            dates = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
        except _UNREADABLE:
            return None
        names = _or(lambda: found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, None)
        dns = tuple(names.get_values_for_type(x509.DNSName)) if names is not None else ()
        ips = tuple(map(str, names.get_values_for_type(x509.IPAddress))) if names is not None else ()
        common = _or(lambda: [str(each.value) for each in found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)], [])
        subject, issuer = _or(lambda: go_name(found.subject), ""), _or(lambda: go_name(found.issuer), "")
    return Certificate(
        subject, issuer, common[0] if common else "", dns, ips, *dates, hashlib.sha256(der).hexdigest()
    )  # fmt: skip


def _or(get: Callable[[], Any], otherwise: Any) -> Any:
    try:
        return get()
    except (*_UNREADABLE, x509.ExtensionNotFound):
        return otherwise


def go_name(name: x509.Name) -> str:
    """A name as Go's `pkix.Name.String` writes it (RFC 2253, known attributes in a fixed order)."""
    found: dict[str, list[str]] = {}
    others: list[str] = []
    for each in name:
        oid, value = each.oid.dotted_string, each.value if isinstance(each.value, str) else each.value.hex()
        if oid in _GO_SINGLE:
            found[oid] = [value]
        elif oid in _GO_ORDER:
            found.setdefault(oid, []).append(value)
        else:
            others.append(f"{oid}=#{_der_text(value).hex()}")
    parts = [
        "+".join([f"{short}={_escaped(value)}" for value in found[oid]]) for oid, short in _GO_ORDER.items() if oid in found
    ]
    return ",".join([*parts, *reversed(others)])


def _escaped(value: str) -> str:
    last = len(value) - 1
    return "".join([
        f"\\{char}" if char in ',+"\\<>;' or (char in " #" and i == 0) or (char == " " and i == last) else char
        for i, char in enumerate(value)
    ])  # fmt: skip


def _der_text(value: str) -> bytes:
    """Text as ASN.1 in the type that Go picks for it."""
    content = value.encode("utf-8", "replace")
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes(
        (size.bit_length() + 7) // 8, "big"
    )  # fmt: skip
    return (b"\x13" if _PRINTABLE.issuperset(value) else b"\x0c") + length + content
