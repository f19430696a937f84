"""Prometheus' `tls_config` for all probes that speak TLS, and the contexts made of it, one for equal settings.

Means what Go means by it: names come from subjectAltName only, and a certificate named as `ca` is trusted whatever it is.
"""

from __future__ import annotations

import contextlib
import functools
import os
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from agent.probes.probe import ProbeSettings
from agent.probes.shapes import Secret

Version = Literal["", "TLS10", "TLS11", "TLS12", "TLS13"]
_VERSIONS: Final = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_OLD: Final = frozenset({"TLS10", "TLS11"})
_PARTIAL_CHAIN: Final = 0x80000
"""X509_V_FLAG_PARTIAL_CHAIN, which Python 3.11 does not name."""
_LEGACY_SERVER_CONNECT: Final = 0x4
"""SSL_OP_LEGACY_SERVER_CONNECT: servers without RFC 5746, which old devices are."""
_CONTEXTS: Final = 256


class TlsSettings(ProbeSettings, frozen=True):
    """Options of a TLS connection; certificates and keys are PEM text."""

    ca: Annotated[
        str,
        Meta(description="Authorities (PEM) to trust in place of the system's; a server's own certificate will do as well."),
    ] = ""
    cert: Annotated[str, Meta(description="Our own certificate (PEM), for servers that want one; with `key`.")] = ""
    key: Annotated[Secret, Meta(description="Its private key (PEM, unencrypted).")] = ""
    server_name: Annotated[str, Meta(description="Name to ask for and to verify in place of the host's.")] = ""
    insecure_skip_verify: Annotated[
        bool, Meta(description="Take any certificate, of any authority, name and age. Its dates are measured all the same.")
    ] = False
    min_version: Annotated[Version, Meta(description="Oldest version to speak; empty: TLS12.")] = ""
    max_version: Annotated[Version, Meta(description="Newest version to speak; empty: TLS13.")] = ""


def make_context(settings: TlsSettings) -> ssl.SSLContext:
    """The context of these settings, which equal ones share, for it is costly. Raises `ValueError` that says which setting is
    wrong; whoever opens a probe calls this once, so that a run never meets one."""
    return _made(msgspec.structs.replace(settings, server_name=""))


@functools.lru_cache(_CONTEXTS)
def _made(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _set_versions(context, settings)
    _set_trust(context, settings)
    if settings.insecure_skip_verify or settings.min_version in _OLD:
        # Whoever wants to see a device's certificate whatever it is must not fail for its key being short.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.options |= _LEGACY_SERVER_CONNECT
    if bool(settings.cert) != bool(settings.key):
        raise ValueError("cert and key belong together")
    if settings.cert:
        try:
            with _as_file(f"{settings.cert}\n{settings.key}\n") as path:
                context.load_cert_chain(path, password="")  # an encrypted key must fail, not ask a terminal
        except (ssl.SSLError, ValueError) as error:
            raise ValueError("cert and key are not a PEM certificate and its unencrypted private key") from error
    return context


def _set_versions(context: ssl.SSLContext, settings: TlsSettings) -> None:
    low, high = settings.min_version or "TLS12", settings.max_version or "TLS13"
    if not settings.min_version and high in _OLD:
        low = high
    if low > high:
        raise ValueError(f"min_version {low} is newer than max_version {high}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of old versions, which old devices speak
        context.minimum_version, context.maximum_version = _VERSIONS[low], _VERSIONS[high]


def _set_trust(context: ssl.SSLContext, settings: TlsSettings) -> None:
    context.hostname_checks_common_name = False
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if settings.ca:
        try:
            context.load_verify_locations(cadata=settings.ca)
        except (ssl.SSLError, ValueError) as error:
            raise ValueError("ca holds no PEM certificate") from error
        context.verify_flags |= _PARTIAL_CHAIN
    elif not settings.insecure_skip_verify:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    """A file of that content for as long as OpenSSL reads it; in memory where the system can, for a key is in it."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pem")
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pem")
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
        yield path
