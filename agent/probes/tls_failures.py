"""Why a TLS handshake failed, in a sentence that lets its reader act: OpenSSL's reasons translated once, for all probes."""

from __future__ import annotations

import ssl
from typing import Final

from agent.probes.tls_settings import TlsSettings

_NOT_TLS: Final = frozenset({
    "BAD_PACKET_LENGTH", "BAD_RECORD_TYPE", "HTTPS_PROXY_REQUEST", "HTTP_REQUEST", "INVALID_RECORD_TYPE",
    "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "RECORD_TOO_SMALL", "UNEXPECTED_MESSAGE", "UNEXPECTED_RECORD",
    "UNKNOWN_PROTOCOL", "WRONG_VERSION_NUMBER",
})  # fmt: skip
_VERSION: Final = frozenset({
    "NO_PROTOCOLS_AVAILABLE", "TLSV1_ALERT_PROTOCOL_VERSION", "TLSV1_ALERT_INAPPROPRIATE_FALLBACK", "UNSUPPORTED_PROTOCOL",
    "UNSUPPORTED_SSL_VERSION", "WRONG_SSL_VERSION", "VERSION_TOO_HIGH", "VERSION_TOO_LOW",
})  # fmt: skip
_TOO_WEAK: Final = frozenset({"CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL"})
_CERTIFICATE: Final = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED"})


def explain(error: ssl.SSLError, settings: TlsSettings) -> str:
    """The sentence of a failure other than of verification. It never holds what the server sent."""
    reason = error.reason or ""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or reason == "UNEXPECTED_EOF_WHILE_READING":
        return "the server closed the connection during the TLS handshake"
    if reason in _NOT_TLS:
        return f"the server answered with something that is not TLS ({_spoken(reason)})"
    if reason in _VERSION:
        wanted = f"{settings.min_version or 'TLS12'} to {settings.max_version or 'TLS13'}"
        return f"protocol too old or too new: the server speaks none of {wanted} ({_spoken(reason)})"
    if reason in _TOO_WEAK:
        return f"a key or signature of the server is too weak ({_spoken(reason)})"
    if reason in _CERTIFICATE:
        return "the server refused the handshake: it requires a certificate of the client"
    before, alert, what = reason.partition("_ALERT_")
    if alert and before in ("SSLV3", "TLSV1", "TLSV13"):
        return f"the server refused the handshake: {_spoken(what)}"
    return f"the TLS handshake failed: {_spoken(reason) or 'no reason given'}"


def _spoken(reason: str) -> str:
    return reason.replace("_", " ").lower()
