"""The processes of the simulation beside its own, and what they use: the real collector, and snmpsim."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Final

from collector.local.children import Child

_CLOCK: Final = os.sysconf("SC_CLK_TCK")
CONFIG: Final = """\
# Written anew by each `make province`: a simulation. For a collector of your own, start from config/collector.yml.
data: collector
inventory: inventory
web:
  listen: 127.0.0.1:{port}
agents:
  listen: 127.0.0.1:{agent_port}
limits:
  enrol_per_minute: 6000 # all agents live in one machine here
snmp:
  auths_file: auths.yml
probes:
  module_files: [modules.yml]
"""


def start_collector(folder: Path) -> Child:
    """The real program."""
    command = [sys.executable, "-m", "collector", "run", "--config", str(folder / "collector.yml")]
    return Child.start("collector", command, folder / "log" / "collector.log")


def start_snmpsim(folder: Path, port: int) -> Child:
    """snmpsim with the recordings in `folder/walks`, as a process group of its own that ends with this one."""
    code = "from snmpsim.commands.responder import main; main()"
    if os.geteuid() == 0:
        code = f"import os; os.environ['SNMPSIM_ALLOW_ROOT'] = 'true'; {code}"
    options = ["--cache-dir", str(folder / "index"), "--logging-method=stderr", "--log-level=error", "--v3-engine-id=auto"]
    place = [f"--data-dir={folder / 'walks'}", f"--agent-udpv4-endpoint=127.0.0.1:{port}"]
    return Child.start(
        "snmpsim", [sys.executable, "-W", "ignore", "-c", code, *options, *place], folder / "log" / "snmpsim.log"
    )


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of loopback that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used; 0 for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _CLOCK


def pss_mib(pid: int) -> float:
    """Memory of a process, pages that it shares divided among those who share them; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


class Meter:
    """What some processes use between two readings."""

    def __init__(self, pids: list[int], now_s: float) -> None:
        self._pids, self._at_s = pids, now_s
        self._used_s = self._cpu()

    def read(self, now_s: float) -> tuple[float, float]:
        """Share of a core since the last reading, and MiB of memory now."""
        used_s = self._cpu()
        share = (used_s - self._used_s) / max(0.001, now_s - self._at_s)
        self._at_s, self._used_s = now_s, used_s
        return share, sum(map(pss_mib, self._pids))

    def _cpu(self) -> float:
        return sum(map(cpu_s, self._pids))
