"""Debian's unbound and chronyd for tests: a real name server and a real time server on 127.0.0.1 and ::1, in the foreground and
in the test's folder. chronyd never touches the clock."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Self

import pytest

from agent.packets import dns, ntp
from tests.agent.authority import Authority
from tests.e2e import debian
from tests.servers import Program, free_port, wait_for

ZONE = """
local-zone: "example.vn." static
local-data: "example.vn. 300 IN SOA ns1.example.vn. root.example.vn. 2026112401 3600 600 86400 300"
local-data: "example.vn. 300 IN NS ns1.example.vn."
local-data: "example.vn. 300 IN MX 10 mail.example.vn."
local-data: 'example.vn. 300 IN TXT "v=spf1 -all"'
local-data: "portal.example.vn. 300 IN A 192.0.2.10"
local-data: "portal.example.vn. 300 IN A 192.0.2.11"
local-data: "portal.example.vn. 300 IN AAAA 2001:db8::10"
local-data: "_sip._udp.example.vn. 300 IN SRV 1 2 5060 sip.example.vn."
local-zone: "refused.vn." refuse
"""
"""What the name server knows."""


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


class _Server(Program):
    """A UDP server that is there when it answers `question`."""

    question = b""

    def __init__(self, program: str, arguments: list[str], folder: Path, port: int) -> None:
        self.port = port
        super().__init__([str(debian.binary(program)), *arguments], folder, program, debian.environment(folder))

    def start(self) -> Self:
        """Start it and wait until it answers."""
        super().start()
        wait_for(self._answers, 30, self.said)
        return self

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            sock.connect(("127.0.0.1", self.port))
            try:
                sock.send(self.question)
                return bool(sock.recv(4096))
            except OSError:
                return False


class Unbound(_Server):
    """A name server: `with Unbound(folder) as server: ... server.port, server.tls_port, server.ca`. Any user may run it, and
    it asks nobody else. `more`: further lines of its settings."""

    question = dns.encode_query(1, dns.Question(dns.wire_name("example.vn"), 6, 1), recursion=False)

    def __init__(self, folder: Path, more: str = "") -> None:
        port, self.tls_port = free_port(), free_port()
        self.ca = Authority(folder, ("127.0.0.1", "::1")).ca_pem
        addresses = ("127.0.0.1", "::1") if _has_ipv6() else ("127.0.0.1",)
        listen = "".join(f"interface: {each}@{number}\n" for each in addresses for number in (port, self.tls_port))
        settings = f"""server:
{listen}tls-port: {self.tls_port}
tls-service-key: "{folder}/server.pem"
tls-service-pem: "{folder}/server.pem"
do-daemonize: no
username: ""
chroot: ""
directory: "{folder}"
pidfile: ""
use-syslog: no
module-config: "iterator"
access-control: 127.0.0.0/8 allow
access-control: ::1 allow
{ZONE}{more}
remote-control:
control-enable: no
"""
        file = folder / "unbound.conf"
        file.write_text(settings, encoding="utf-8")
        super().__init__("unbound", ["-d", "-c", str(file)], folder, port)


class Chronyd(_Server):
    """A time server that serves the machine's own time as a server of stratum 8, or, if not `knows_time`, as one that has
    none. It needs root; without, the test is skipped."""

    question = ntp.encode_request(1)

    def __init__(self, folder: Path, *, knows_time: bool = True) -> None:
        if os.geteuid() != 0:
            pytest.skip("chronyd runs as root only")
        port = free_port()
        lines = [
            f"port {port}", "cmdport 0", "bindcmdaddress /", "bindaddress 127.0.0.1", "allow 127.0.0.0/8", "user root",
            f"pidfile {folder}/chronyd.pid",
        ]  # fmt: skip
        if _has_ipv6():
            lines += ["bindaddress ::1", "allow ::1"]
        if knows_time:
            lines.append("local stratum 8")
        file = folder / "chrony.conf"
        file.write_text("\n".join([*lines, ""]), encoding="utf-8")
        super().__init__("chronyd", ["-x", "-d", "-f", str(file)], folder, port)
