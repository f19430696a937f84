"""What the simulation's machines are like at present, and the sockets on which they answer for all addresses of 127.0.0.0/8."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
import struct
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

GOOD_DAYS: Final = 200
EXPIRING_DAYS: Final = 6
IP_PKTINFO: Final = 8
"""Linux's number, which `socket` has a name for since Python 3.14."""
_PKTINFO: Final = struct.Struct("=I4s4s")


class Town:
    """The present troubles, by address."""

    def __init__(self, folder: Path) -> None:
        self.cut: set[str] = set()
        """Nothing comes through to these."""
        self.expiring: set[str] = set()
        self.certificates = Certificates(folder)

    def context(self, address: str) -> ssl.SSLContext:
        """What a server at an address shows."""
        return self.certificates.context(address, EXPIRING_DAYS if address in self.expiring else GOOD_DAYS)


class Certificates:
    """An authority for one run, and certificates of addresses, made when somebody asks for them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        self._authority_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Simulation only: authority of no province")
        self._contexts: dict[tuple[str, int], ssl.SSLContext] = {}
        self.authority = folder / "authority.pem"
        builder = self._builder(self._name, self._authority_key.public_key(), 365)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.authority.write_bytes(builder.sign(self._authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def context(self, address: str, days: int) -> ssl.SSLContext:
        """A server's side of TLS, with a certificate for an address that is good for so many days."""
        found = self._contexts.get((address, days))
        if found is None:
            found = self._contexts[address, days] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            found.num_tickets = 0
            found.load_cert_chain(self._made(address, days))
        return found

    def _made(self, address: str, days: int) -> Path:
        builder = self._builder(_name(address), self._key.public_key(), days)
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        certificate = builder.add_extension(names, critical=False).sign(self._authority_key, hashes.SHA256())
        file = self._folder / f"{address}-{days}.pem"
        file.touch(0o600)
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        key = self._key.private_bytes(serialization.Encoding.PEM, form, none)
        file.write_bytes(key + certificate.public_bytes(serialization.Encoding.PEM))
        return file

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
        start, day = self._now - datetime.timedelta(hours=1), datetime.timedelta(days=days)
        builder = x509.CertificateBuilder(self._name, subject, key, x509.random_serial_number(), start, self._now + day)
        own = x509.SubjectKeyIdentifier.from_public_key(key)
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority_key.public_key())
        return builder.add_extension(own, critical=False).add_extension(above, critical=False)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _on_loopback(found: socket.socket, port: int) -> socket.socket:
    """Bind for every address of the loopback interface; who may not name the interface still looks at each one's address."""
    with contextlib.suppress(PermissionError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    try:
        found.bind(("", port))
    except OSError:
        found.close()
        raise
    found.setblocking(False)
    return found


def stream_socket(port: int) -> socket.socket:
    """Listens at a TCP port of all addresses of the loopback interface. Raises `OSError`."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found = _on_loopback(found, port)
    found.listen(512)
    return found


class Datagrams:
    """A UDP port of all addresses of the loopback interface. What comes goes to `take(data, client, to)`; `send` answers from
    the address that was asked."""

    def __init__(self, port: int) -> None:
        """Raises `OSError`."""
        found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        found.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
        self._socket = _on_loopback(found, port)
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def take(self, data: bytes, client: tuple[str, int], to: str) -> None:
        """One datagram."""
        raise NotImplementedError

    def send(self, data: bytes, client: tuple[str, int], source: str) -> None:
        """An answer. One that the kernel has no room for is lost, as on a wire."""
        address = socket.inet_aton(source)
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self._socket.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, _PKTINFO.pack(0, address, address))], 0, client)

    def close(self) -> None:
        """Answer no more."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        for _ in range(64):
            try:
                data, extra, _, client = self._socket.recvmsg(65_535, 64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            to = _PKTINFO.unpack(extra[0][2])[2]
            if to[0] == 127:
                self.take(data, client, socket.inet_ntoa(to))
