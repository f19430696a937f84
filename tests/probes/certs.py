"""Certificates for tests of probes that speak TLS: one authority and whatever a server may show, made once a session.

Times are of now, so a test compares with the figures in the certificate (`Shown.not_after_s`) and never with its own.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "127.0.0.1", "::1", "portal.example.vn")
"""What a good certificate is for."""
_DAY = timedelta(days=1)


class Shown(NamedTuple):
    """What a server shows: the PEM of its chain (leaf first), its key, and the parsed chain."""

    chain: str
    key: str
    certificates: tuple[x509.Certificate, ...]

    @property
    def not_after_s(self) -> list[float]:
        """Ends of validity in Unix time, leaf first."""
        return [each.not_valid_after_utc.timestamp() for each in self.certificates]

    def context(self, *, lowest: ssl.TLSVersion | None = None, highest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """A server's context that shows this. Versions before TLS 1.2 are allowed if asked for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if highest is not None and highest < ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of versions that only old devices speak
            if lowest is not None:
                context.minimum_version = lowest
            if highest is not None:
                context.maximum_version = highest
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.pem"
            path.write_text(self.key + self.chain)
            context.load_cert_chain(path)
        return context


class _Signer(NamedTuple):
    name: x509.Name
    key: ec.EllipticCurvePrivateKey


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Hải Đăng"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certificate(
    signer: _Signer | None,
    key: ec.EllipticCurvePrivateKey,
    common: str,
    *,
    names: Sequence[str] = (),
    days: tuple[float, float] = (-1, 60),
    is_authority: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC).replace(microsecond=0)
    by = signer or _Signer(_name(common), key)
    builder = (
        x509.CertificateBuilder(by.name, _name(common), key.public_key(), x509.random_serial_number())
        .not_valid_before(now + days[0] * _DAY)
        .not_valid_after(now + days[1] * _DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    return builder.sign(by.key, hashes.SHA256())


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class Certs:
    """An authority and what it signs; use the one of `certs()`."""

    def __init__(self) -> None:
        self._root = _Signer(_name("root of the tests"), _new_key())
        self.root = _certificate(self._root, self._root.key, "root of the tests", days=(-100, 3650), is_authority=True)
        self.ca_pem = _pem(self.root)
        self._key = _new_key()

    @cache  # noqa: B019  there is one for the whole session
    def shown(self, names: tuple[str, ...] = NAMES, days: tuple[float, float] = (-1, 60)) -> Shown:
        """A leaf that the authority signed, for these names, valid between these days from now."""
        leaf = _certificate(self._root, self._key, names[0] if names else "nameless", names=names, days=days)
        return Shown(_pem(leaf), _key_pem(self._key), (leaf,))

    def good(self) -> Shown:
        """All is well for 60 days."""
        return self.shown()

    def expired(self) -> Shown:
        """Ended two days ago."""
        return self.shown(days=(-30, -2))

    def not_yet_valid(self) -> Shown:
        """Begins in three days."""
        return self.shown(days=(3, 60))

    def ending(self, days: float) -> Shown:
        """Good, and ends in so many days."""
        return self.shown(days=(-1, days))

    def wrong_name(self) -> Shown:
        """Good, but of another server."""
        return self.shown(names=("elsewhere.example.vn",))

    @cache  # noqa: B019
    def self_signed(self) -> Shown:
        """Right names, signed by nobody else."""
        leaf = _certificate(None, self._key, "self-signed", names=NAMES)
        return Shown(_pem(leaf), _key_pem(self._key), (leaf,))

    @cache  # noqa: B019
    def unknown_authority(self) -> Shown:
        """Right names, signed by an authority that nobody trusts and that is not shown."""
        stranger = _Signer(_name("stranger"), _new_key())
        leaf = _certificate(stranger, self._key, "localhost", names=NAMES)
        return Shown(_pem(leaf), _key_pem(self._key), (leaf,))

    @cache  # noqa: B019
    def chain(self, days: float = 5) -> Shown:
        """A leaf good for 60 days, signed by an intermediate authority that ends in so many days (may be past)."""
        middle = _Signer(_name("intermediate"), _new_key())
        above = _certificate(self._root, middle.key, "intermediate", days=(-100, days), is_authority=True)
        leaf = _certificate(middle, self._key, "localhost", names=NAMES)
        return Shown(_pem(leaf) + _pem(above), _key_pem(self._key), (leaf, above))


@cache
def certs() -> Certs:
    """The authority of this session."""
    return Certs()
