"""Debian's snmpd and its command-line programs for tests: a real agent on a loopback address, with the lines of snmpd.conf
that the test gives, and everything it writes in the test's folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Self

from tests.e2e import debian
from tests.servers import Program, wait_for

COMMUNITY = "open-sesame"
"""The community that `CONFIG` lets read everything."""

CONFIG = f"rocommunity {COMMUNITY}\nrocommunity6 {COMMUNITY}\n"

SYSTEM = "sysname device-01\nsyslocation Hà Nội\nsyscontact admin@example.vn\ndontLogTCPWrappersConnects yes\n"
"""What every agent says of itself, so that readings do not depend on the machine."""


def free_udp_port(host: str = "127.0.0.1") -> int:
    """A UDP port of `host` that nothing is bound to at this moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def tool(program: str, folder: Path, *arguments: str, seconds: float = 30.0) -> str:
    """What one of Debian's SNMP programs prints; it must succeed, and a skip tells that it is missing.

    `folder` takes the program's own state (an SNMPv3 sender's engine id and boots).
    """
    path = debian.binary(program)
    done = subprocess.run(
        [str(path), *arguments],
        env={**os.environ, **debian.environment(folder)},
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"
    return done.stdout


class Snmpd(Program):
    """A running snmpd: `with Snmpd(folder, CONFIG) as agent: ... agent.host, agent.port`.

    Its engine id and boots live in `folder`: `restart` keeps the id and adds a boot, `forget` makes it a new engine.
    """

    def __init__(self, folder: Path, config: str = CONFIG, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port or free_udp_port(host)
        self.persistent = folder / "persistent"
        self.persistent.mkdir(parents=True, exist_ok=True)
        self.config = folder / "snmpd.conf"
        self.configure(config)
        command = [str(debian.binary("snmpd")), "-f", "-Lo", "-I", "-smux", self.address]
        super().__init__(command, folder, "snmpd", debian.environment(folder))

    @property
    def address(self) -> str:
        """Where it listens, as net-snmp's programs write it."""
        return f"udp6:[{self.host}]:{self.port}" if ":" in self.host else f"udp:{self.host}:{self.port}"

    def configure(self, config: str) -> None:
        """Write its settings; they count from the next start."""
        self.config.write_text(SYSTEM + config, encoding="utf-8")

    def start(self) -> Self:
        """Start it and wait until it answers."""
        before = self.said().count("NET-SNMP version")
        super().start()
        wait_for(lambda: self.said().count("NET-SNMP version") > before or self._ended(), 30, self.said)
        assert not self._ended(), self.said()
        return self

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def restart(self) -> None:
        """Stop it and start it anew: one boot more, its clock from zero."""
        self.stop()
        self.start()

    def forget(self) -> None:
        """Throw away engine id and boots, as an agent set up anew; only while it is stopped."""
        shutil.rmtree(self.persistent)
        self.persistent.mkdir()
