"""A certificate authority with one server certificate, for tests of TLS; each made anew."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """`ca_pem` and its `fingerprint`; `server_file` holds key and certificate of a server with the given addresses."""

    def __init__(self, folder: Path, addresses: Iterable[str]) -> None:
        now = datetime.now(UTC)
        start, end = now - timedelta(days=1), now + timedelta(days=30)
        ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        # One name for all authorities made here: a test must not pass because names differ where keys should.
        ca = (
            x509.CertificateBuilder(_name("authority"), _name("authority"), ca_key.public_key(), x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(ca_key, hashes.SHA256())
        )
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address)) for address in addresses])
        server = (
            x509.CertificateBuilder(ca.subject, _name("server"), key.public_key(), x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(names, critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        self.ca_pem = ca.public_bytes(serialization.Encoding.PEM).decode()
        self.fingerprint = hashlib.sha256(ca.public_bytes(serialization.Encoding.DER)).hexdigest()
        self.server_file = folder / "server.pem"
        self.server_file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + server.public_bytes(serialization.Encoding.PEM)
        )
