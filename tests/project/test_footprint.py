"""What a running agent loads: the reason that it is light is what is not there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.source import ROOT

ABSENT = {
    "aiohttp", "alembic", "argparse", "asyncio", "asyncpg", "collector", "concurrent.futures", "cryptography",
    "dataclasses", "email", "encodings.idna", "gufo", "http", "inspect", "json", "logging", "multiprocessing",
    "prometheus_client", "psutil", "pysnmp", "random", "sqlalchemy", "typing_extensions", "unittest", "urllib", "yaml",
}  # fmt: skip
"""Modules that a running agent on Linux has no use for; each costs memory on every machine watched.

Measured with Debian's Python 3.11 and left as it is: no docstrings (PYTHONOPTIMIZE=2) 0.3 MiB, but nothing where the compiled
files cannot be kept; stand-ins for `decimal` and `uuid`, which msgspec imports, 0.55 MiB, but they break with its next version;
`hashlib` without OpenSSL and empty caches of `typing`, nothing. `ctypes` (0.4 MiB) saves more than it costs, see
`agent.allocator`.
"""

_PROGRAM = """
import atexit, sys
def dump():
    with open({file!r}, "w") as file:
        file.write("\\n".join(sorted(sys.modules)))
atexit.register(dump)
from agent.__main__ import main
sys.exit(main(["run", "--config", {config!r}]))
"""


def _configure(folder: Path, port: int) -> Path:
    token = folder / "token"
    token.write_text("token-0123456789abcdef0123456789\n")
    token.chmod(0o600)
    config = folder / "agent.yml"
    config.write_text(
        f"id: footprint\ninterval_s: 1\ncollector:\n  urls: ['http://127.0.0.1:{port}']\n  token_file: token\n"
        "spool:\n  folder: spool\n"
    )
    return config


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere psutil is what reads the host")
def test_running_agent_is_light(tmp_path: Path) -> None:
    """Neither at start nor while readers run and reports are sent does the agent load what it does not need."""
    modules = tmp_path / "modules"
    with socket.create_server(("127.0.0.1", 0)) as server:
        config = _configure(tmp_path, server.getsockname()[1])
        program = _PROGRAM.format(file=str(modules), config=str(config))
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(
            [sys.executable, "-c", program], env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True
        ) as agent:
            server.settimeout(30)
            connection, _ = server.accept()
            with connection:
                connection.settimeout(30)
                assert connection.recv(4096).startswith(b"POST /v1/batches ")
            agent.send_signal(signal.SIGTERM)
            _, said = agent.communicate(timeout=30)
    loaded = set(modules.read_text().split("\n"))
    assert {"agent.runner", "agent.uplink", "agent.host.cpu", "agent.host.meminfo"} <= loaded, said
    assert loaded & ABSENT == set()


_COLLECTOR = """
import asyncio, sys
from pathlib import Path
from collector.app import Collector
from collector.config import load
async def main():
    collector = Collector(load(Path({config!r})))
    await collector.start()
    await collector.stop()
asyncio.run(main())
print("\\n".join(sorted(sys.modules)))
"""


def test_a_collector_that_polls_nothing_loads_nothing_of_it(tmp_path: Path) -> None:
    """Neither the client, the library of profiles nor the reader of traps; targets that others report change nothing."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "all.yml").write_text(
        "sites:\n  - {id: dic}\ntargets:\n  - {id: sw-1, site: dic, class: switch, via: collector, address: 192.0.2.1}\n"
    )
    config = tmp_path / "collector.yml"
    config.write_text(
        "data: data\ninventory: inventory\nweb: {listen: '127.0.0.1:0'}\nagents: {listen: '127.0.0.1:0', transport: plain}\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", _COLLECTOR.format(config=str(config))],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    loaded = set(ended.stdout.split())
    assert {"collector.app", "collector.polling"} <= loaded
    packages = {name.partition(".")[0] for name in loaded}
    assert packages & {"pysnmp", "pyasn1", "weasyprint", "xlsxwriter", "jinja2"} == set()
    unwanted = {
        "agent.probes.snmp",
        "agent.snmp.client",
        "agent.snmp.library",
        "collector.poll.devices",
        "collector.poll.hearing",
    }
    assert loaded & unwanted == set()
