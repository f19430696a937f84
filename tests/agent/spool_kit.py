"""What the tests of spool and uplink share: a clock that jumps, reports, schemas, reading a spool to its end."""

import contextlib
import struct
import threading
from collections.abc import Sequence
from pathlib import Path

from agent import wire
from agent.model import AGENT, HEARTBEAT, HOST, Block, Column, Family, Kind, Lane, Loss, MetricType, Report, Schema, schema_hash
from agent.segment import Entry
from agent.spool import Spool, SpoolLimits

BOOT = "boot-1"
PLENTY = (10**6, 10**9)


class JumpClock:
    """All three clocks, moved by hand; a wait moves them too unless the event is set."""

    def __init__(self, wall_ms: int = 1_760_000_000_000, uptime_ms: int = 1_000_000) -> None:
        self.wall = wall_ms
        self.uptime = uptime_ms

    def wall_ms(self) -> int:
        return self.wall

    def uptime_ms(self) -> int:
        return self.uptime

    def awake_ms(self) -> int:
        return self.uptime

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not event.is_set():
            self.advance(seconds)
        return event.is_set()

    def advance(self, seconds: float) -> None:
        self.wall += int(seconds * 1000)
        self.uptime += int(seconds * 1000)


def schema(number: int, series: int = 3) -> tuple[bytes, bytes]:
    """Hash and wire encoding of a schema of its own."""
    family = Family(f"node_example_{number}_total", MetricType.COUNTER, "An example.", ("cpu",))
    value = Schema((Column(family, tuple((str(n),) for n in range(series))),))
    return schema_hash(value), wire.encode(value)


def block(hash_: bytes, series: int = 3) -> Block:
    return Block(hash_, struct.pack(f"<{series}d", *range(series)))


def heartbeat(clock: JumpClock, detail: str = "") -> Report:
    return _report(clock, HEARTBEAT, Kind.REPORT, detail)


def marker(clock: JumpClock, kind: Kind = Kind.AGENT_START, detail: str = "") -> Report:
    return _report(clock, AGENT, kind, detail)


def host(clock: JumpClock, *blocks: Block, detail: str = "") -> Report:
    return _report(clock, HOST, Kind.REPORT, detail, blocks)


def _report(clock: JumpClock, module: str, kind: Kind, detail: str, blocks: tuple[Block, ...] = ()) -> Report:
    return Report(
        0, "srv-01", module, kind, clock.wall, clock.uptime, clock.uptime, interval_ms=15_000, detail=detail, blocks=blocks
    )


def reopen(folder: Path, limits: SpoolLimits, clock: JumpClock, boot: str = BOOT) -> Spool:
    return Spool.open(folder, limits, clock, boot)


def kill(spool: Spool) -> None:
    """What kill -9 does: descriptors are closed, nothing is written."""
    store = spool._store
    for lane in store.lanes.values():
        lane.seal()
    with contextlib.suppress(OSError):
        store.folder.position.abandon()
    store.folder._lock.release()


def unsent(spool: Spool) -> list[Entry]:
    """Everything that the spool would still send."""
    for _ in range(100):
        produced = [mark.produced for mark in spool.watermarks()]
        entries = spool.fresh(*PLENTY) + spool.backlog(*PLENTY)
        if produced == [mark.produced for mark in spool.watermarks()]:
            break
        # A loss that the backlog came upon is the freshest fact, for which an older one may leave the fresh: look anew.
    assert len({(entry.lane, entry.seq) for entry in entries}) == len(entries), "an entry is offered twice"
    return sorted(entries, key=lambda entry: (entry.lane, entry.seq))


def reports(entries: Sequence[Entry], lane: Lane) -> dict[int, Report]:
    decoded = {e.seq: wire.decode_report(e.payload) for e in entries if e.lane is lane and not e.is_loss}
    assert all(report.seq == seq for seq, report in decoded.items())
    return decoded


def losses(entries: Sequence[Entry]) -> list[Loss]:
    return [wire.decode_loss(entry.payload) for entry in entries if entry.is_loss]


def newest_segment(folder: Path, lane: Lane) -> Path:
    return max(folder.glob(f"{lane}-*.seg"))
