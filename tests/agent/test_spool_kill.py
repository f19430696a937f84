"""A process that appends is killed at a random moment: every number it had said is readable afterwards, each once."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent import wire
from agent.clock import SystemClock
from agent.model import Lane
from agent.spool import Spool, SpoolLimits
from tests.agent import spool_kit as kit

CHILD = """
import sys
from agent.clock import SystemClock
from agent.model import *
from agent.spool import Spool, SpoolLimits

clock = SystemClock()
spool = Spool.open(sys.argv[1], SpoolLimits(segment_bytes=8192), clock, sys.argv[2])

def report(module, detail):
    return Report(0, "srv-01", module, Kind.REPORT, clock.wall_ms(), clock.uptime_ms(), clock.awake_ms(), detail=detail)

while True:
    given = spool.append_collection(facts=[report("heartbeat", "f")], bulk=[report("host", "b" * 400)])
    print(given.facts[0], given.bulk[0], flush=True)
    if given.facts[0] % 3 == 0:
        spool.accept(spool.fresh(2, 10**6))
"""


@pytest.mark.parametrize("seed", range(3))
def test_kill_9_loses_nothing_that_was_said(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    said: dict[Lane, list[int]] = {Lane.FACTS: [], Lane.BULK: []}
    for life in range(4):
        _one_life(tmp_path, f"boot-{life // 2}", chance.randrange(1, 120), said)
    spool = Spool.open(tmp_path, SpoolLimits(segment_bytes=8192), SystemClock(), "boot-9")
    entries = kit.unsent(spool)
    assert kit.losses(entries) == []
    for lane, numbers in said.items():
        assert len(set(numbers)) == len(numbers), "a number was given twice"
        kept = {entry.seq for entry in entries if entry.lane is lane}
        done = spool._store.lanes[lane].settled
        assert all(seq in kept or seq in done for seq in numbers)
        assert all(wire.decode_report(e.payload).detail[0] == ("f" if e.lane is Lane.FACTS else "b") for e in entries)
    spool.close()


def _one_life(folder: Path, boot: str, lines: int, said: dict[Lane, list[int]]) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder), boot], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for _ in range(lines):
        _hear(child.stdout.readline(), said)
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read()
    child.stdout.close()
    child.wait()
    for line in rest.splitlines(keepends=True):
        if line.endswith("\n"):
            _hear(line, said)


def _hear(line: str, said: dict[Lane, list[int]]) -> None:
    facts, bulk = line.split()
    said[Lane.FACTS].append(int(facts))
    said[Lane.BULK].append(int(bulk))
