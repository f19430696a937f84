"""The collector's own certificate authority, its server certificate, and the codes that let an agent in.

The only door to cryptography. Keys are written with mode 0600 and never leave the data folder; a code and a token exist
in clear only in the hands of who receives them, here they are SHA-256 hashes.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import secrets
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CODE_PREFIX: Final = "HD1"
_SECRET_BYTES: Final = 15
_CA_LIFE: Final = timedelta(days=3_653)
_SERVER_LIFE: Final = timedelta(days=397)
_RENEW_BEFORE: Final = timedelta(days=60)
_BACKDATE: Final = timedelta(days=1)
"""Certificates are valid from a day ago: an agent whose clock is late can still enrol."""
_FOLDER: Final = "tls"


class EnrolError(OSError):
    """The authority's files cannot be used or written; the text names the file and what to do."""


class Authority(msgspec.Struct, frozen=True):
    """The certificate authority and the server certificate on disk."""

    ca_pem: bytes
    ca_der: bytes
    server_pem: Path
    """Server key, certificate and chain in one file: a crash never pairs an old key with a new certificate."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the authority's certificate (DER), hexadecimal."""
        return hashlib.sha256(self.ca_der).hexdigest()

    def server_context(self) -> ssl.SSLContext:
        """TLS 1.2 or newer with the server certificate; agents prove themselves by token, not by certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.load_cert_chain(self.server_pem)
        return context


def open_authority(data: Path, names: Iterable[str], now: datetime) -> Authority:
    """The authority of a data folder, made on first use; the server certificate is renewed 60 days before its end or when
    the names changed. Two processes may do this at once. Raises `EnrolError`."""
    folder = data / _FOLDER
    try:
        if not (folder / "ca.pem").exists():
            _make_authority(data, now)
        ca = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        wanted = server_names(names)
        if not _is_current(folder / "server.pem", ca, wanted, now):
            _make_server(folder, ca, wanted, now)
    except PermissionError as error:
        raise EnrolError(f"{error.filename}: no permission: give the folder to the user that runs the collector") from error
    except OSError as error:
        raise EnrolError(f"{error.filename or folder}: {error.strerror or error}") from error
    except ValueError as error:
        raise EnrolError(f"{folder}: a file is damaged ({error}): restore it, or remove the folder and enrol again") from error
    return Authority(
        ca_pem=ca.public_bytes(serialization.Encoding.PEM),
        ca_der=ca.public_bytes(serialization.Encoding.DER),
        server_pem=folder / "server.pem",
    )


def server_names(names: Iterable[str]) -> frozenset[str]:
    """Every name the server certificate holds: this machine's and the configured ones, in lower case."""
    own = {"localhost", "127.0.0.1", "::1"}
    host = socket.gethostname().lower()
    if host and len(host) <= 253 and host.isascii():
        own.add(host)
    return frozenset(own | {name.lower() for name in names})


def _make_authority(data: Path, now: datetime) -> None:
    """Write a new authority into a folder of its own, then move it into place; who comes second uses the first's."""
    data.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{_FOLDER}-", dir=data))
    try:
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Hai Dang collector {serial:x}"[:64])])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), serial)
            .not_valid_before(now - _BACKDATE)
            .not_valid_after(now + _CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write_key(draft / "ca.key", key)
        _write(draft / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        try:
            os.rename(draft, data / _FOLDER)
        except OSError:
            if not (data / _FOLDER / "ca.pem").exists():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _make_server(folder: Path, ca: x509.Certificate, names: frozenset[str], now: datetime) -> None:
    ca_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise ValueError("ca.key is not an elliptic-curve key")
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hai Dang agents' door")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(min(now + _SERVER_LIFE, ca.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in sorted(names)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )
    certificate = builder.sign(ca_key, hashes.SHA256())
    chain = certificate.public_bytes(serialization.Encoding.PEM) + ca.public_bytes(serialization.Encoding.PEM)
    _write(folder / "server.pem", _key_pem(key) + chain, 0o600)


def _is_current(file: Path, ca: x509.Certificate, names: frozenset[str], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        return False
    has = {str(name.value).lower() for name in held}
    return has == names and certificate.issuer == ca.subject and certificate.not_valid_after_utc - now > _RENEW_BEFORE


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def _write_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    _write(file, _key_pem(key), 0o600)


def _write(file: Path, data: bytes, mode: int) -> None:
    """Write whole or not at all; the mode is set before the first byte is there."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.chmod(name, mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def make_code(authority: Authority) -> tuple[str, bytes]:
    """A new one-time code for `agent enrol`, and the hash under which the store keeps it."""
    secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    return f"{CODE_PREFIX}-{secret}-{authority.fingerprint[:32]}", hash_secret(secret)


def make_token() -> tuple[str, bytes]:
    """A new token and its hash."""
    token = secrets.token_urlsafe(32)
    return token, hash_secret(token)


def hash_secret(secret: str) -> bytes:
    """SHA-256: the secrets are random and long, so a plain hash is enough and lookup stays fast."""
    return hashlib.sha256(secret.encode()).digest()


def utc(now_ms: int) -> datetime:
    """Milliseconds as the date that certificates need."""
    return datetime.fromtimestamp(now_ms / 1000, UTC)
