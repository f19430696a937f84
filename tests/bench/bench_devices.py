"""10,000 devices x 30 variable bindings every 60 s on one core: polled, understood, judged, stored and in the picture.

One process plays the devices, switches of two ports on addresses of 127.0.0.0/8, on the other core. After everyone was polled
twice, one interval is measured. Then one device falls silent for ever, one takes 2.5 s for each answer, one goes in circles
and one has a table without end, and a later interval shows whether the poll times of the others moved.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from processes import pss_bytes, rss_bytes

from tests.snmp import crowd

DEVICES = int(os.environ.get("HAIDANG_DEVICES", "10000"))
INTERVAL_S = int(os.environ.get("HAIDANG_INTERVAL_S", "60"))
BAD = {"dead": DEVICES // 10, "slow": DEVICES // 5, "loop": DEVICES // 4, "endless": DEVICES // 3}
"""What becomes of which device."""
WARM, SETTLING = 2, 2
"""Intervals before the good one and before the one with bad devices is measured."""
CORES = os.cpu_count() or 1


class Side:
    """The measured process."""

    def __init__(self, snmp_port: int) -> None:
        core = ["taskset", "-c", "0"] if CORES > 1 else []
        script = str(Path(__file__).with_name("devices_side.py"))
        bad = ",".join(map(str, BAD.values()))
        command = [*core, sys.executable, script, str(snmp_port), str(DEVICES), str(INTERVAL_S), bad]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def interval(self) -> dict[str, Any]:
        """What the next line says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the pollers have ended with status {self.process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


def line(what: str, found: dict[str, Any]) -> tuple[float, float, float, float]:
    """Print an interval for people; CPU share, share of polls on time, median and p99 of the good devices' poll times in ms."""
    cuts = statistics.quantiles(found["times"], n=100)
    cpu, on_time = found["cpu"] / found["elapsed"], 1 - (found["late"] + found["missed"]) / DEVICES
    print(
        f"{what}: CPU {cpu:.1%} of a core, polls on time {on_time:.3%} ({found['late']} late, {found['missed']} missed);"
        f" {found['requests']} requests, {found['samples']} samples, {found['stored']} reports stored; outcomes"
        f" {found['outcomes']}; poll times of the good: median {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms, longest"
        f" {found['times'][-1] * 1e3:.0f} ms; longest hold of the loop {found['held_s'] * 1e3:.0f} ms",
        flush=True,
    )
    return cpu, on_time, cuts[49] * 1e3, cuts[98] * 1e3


def main() -> None:
    """Print both intervals and the closing lines."""
    bad = {kind: [crowd.address(number)] for kind, number in BAD.items()}
    with crowd.running(**bad, core=1 if CORES > 1 else -1, later=True) as (snmp_port, crowd_pid):  # type: ignore[arg-type]
        side = Side(snmp_port)
        try:
            side.interval()
            for _ in range(WARM):
                side.interval()
            cpu, on_time, _, p99 = line(f"{DEVICES} devices every {INTERVAL_S} s", side.interval())
            memory, resident = pss_bytes(side.process.pid) / 2**20, rss_bytes(side.process.pid) / 2**20
            print(f"memory PSS {memory:.0f} MiB, RSS {resident:.0f} MiB: {memory * 1024 / DEVICES:.1f} KiB a device")
            os.kill(crowd_pid, signal.SIGUSR1)
            for _ in range(SETTLING):
                side.interval()
            found = side.interval()
            bad_cpu, bad_on_time, _, bad_p99 = line("with four bad ones", found)
            for kind, number in BAD.items():
                times = found["bad"].get(f"sw-{number:05}", [])
                print(f"  {kind:8} sw-{number:05}: poll times {[round(one, 3) for one in times]} s")
            print(f"  missed slots: {found['slow']}; peak memory {found['peak_mib']:.0f} MiB")
        finally:
            side.stop()
    print(f"BENCH devices cpu={cpu:.1%} memory={memory:.0f}MiB on-time={on_time:.3%} p99={p99:.1f}ms")
    print(
        f"BENCH devices-bad cpu={bad_cpu:.1%} on-time={bad_on_time:.3%} p99={bad_p99:.1f}ms without={p99:.1f}ms"
        f" ratio={bad_p99 / p99:.2f}"
    )


if __name__ == "__main__":
    main()
