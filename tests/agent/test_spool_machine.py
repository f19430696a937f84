"""Whatever happens to the spool, in any order: what was not accepted is offered or stated as lost; no number changes hands."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agent import wire
from agent.model import Kind, Lane
from agent.spool import SpoolLimits
from tests.agent import spool_kit as kit

LIMITS = SpoolLimits(max_bytes=40_000, facts_bytes=12_000, max_age_s=3600, segment_bytes=4096, held_reports=8)
SCHEMAS = dict(kit.schema(number) for number in range(4))


class SpoolMachine(RuleBasedStateMachine):
    """The model: for each lane the content of every number ever given, and which the collector has."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="spool-"))
        self.clock = kit.JumpClock()
        self.boot = 1
        self.spool = kit.reopen(self.folder, LIMITS, self.clock, "boot-1")
        self.content: dict[tuple[Lane, int], bytes] = {}
        self.accepted: set[tuple[Lane, int]] = set()
        self.stated: dict[Lane, set[int]] = {lane: set() for lane in Lane}

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.append(1, 0, 0, 10)

    @rule(facts=st.integers(0, 4), markers=st.integers(0, 1), bulk=st.integers(0, 3), size=st.integers(0, 900))
    def append(self, facts: int, markers: int, bulk: int, size: int) -> None:
        detail = "x" * size
        blocks = [kit.block(hash_) for hash_ in list(SCHEMAS)[: size % 5]]
        given = self.spool.append_collection(
            facts=[kit.marker(self.clock, Kind.STALL)] * markers + [kit.heartbeat(self.clock, detail[:200])] * facts,
            bulk=[kit.host(self.clock, *blocks, detail=detail)] * bulk,
            schemas=SCHEMAS,
        )
        for lane, numbers in ((Lane.FACTS, given.facts), (Lane.BULK, given.bulk)):
            for seq in numbers:
                assert (lane, seq) not in self.content, "a number was given twice"
                self.content[lane, seq] = b""
        self.clock.advance(15)

    @rule(data=st.data(), count=st.integers(0, 40))
    def accept(self, data: st.DataObject, count: int) -> None:
        fresh, backlog = self.spool.fresh(*kit.PLENTY), self.spool.backlog(count, 10**9)
        chosen = data.draw(st.sampled_from([fresh, backlog, fresh[1:] + backlog, fresh + backlog[: count // 2]]))
        self._see(chosen)
        self.accepted |= {(entry.lane, entry.seq) for entry in chosen}
        self.spool.accept(chosen)

    @rule(is_same_boot=st.booleans())
    def restart(self, is_same_boot: bool) -> None:
        self.spool.close()
        self._open(is_same_boot)

    @rule(is_same_boot=st.booleans())
    def kill(self, is_same_boot: bool) -> None:
        kit.kill(self.spool)
        self._open(is_same_boot)

    @rule(lane=st.sampled_from(Lane), cut=st.integers(1, 3000), junk=st.binary(max_size=40))
    def kill_and_tear(self, lane: Lane, cut: int, junk: bytes) -> None:
        """Power fails and the disk had lied: the end of the newest segment is gone, or is garbage."""
        kit.kill(self.spool)
        if list(self.folder.glob(f"{lane}-*.seg")):
            path = kit.newest_segment(self.folder, lane)
            path.write_bytes(path.read_bytes()[:-cut] + junk)
        self._open(True)

    @rule(lane=st.sampled_from(Lane), at=st.integers(0, 10**6), which=st.integers(0, 20))
    def rot(self, lane: Lane, at: int, which: int) -> None:
        """A byte changes in any segment while nobody looks."""
        kit.kill(self.spool)
        paths = sorted(self.folder.glob(f"{lane}-*.seg"))
        if paths:
            path = paths[which % len(paths)]
            data = bytearray(path.read_bytes())
            data[at % len(data)] ^= 0x55
            path.write_bytes(data)
        self._open(True)

    @rule(data=st.data(), everything=st.booleans(), looked_at=st.booleans())
    def remove_under_it(self, data: st.DataObject, everything: bool, looked_at: bool) -> None:
        """Somebody deletes the folder, or some of its files, while the spool is in use."""
        names = sorted(path.name for path in self.folder.iterdir())
        gone = names if everything else data.draw(st.sets(st.sampled_from(names), min_size=1)) | {"lock"}
        for name in gone:
            (self.folder / name).unlink(missing_ok=True)
        if looked_at:
            self.spool.backlog(*kit.PLENTY)  # finds it out by itself, and states what it cannot read
            self.nothing_vanishes()
        self.append(1, 0, 1, 50)

    @rule(hours=st.floats(0, 2))
    def pause(self, hours: float) -> None:
        self.clock.advance(hours * 3600)

    @rule(step_s=st.integers(-86_400, 86_400))
    def clock_step(self, step_s: int) -> None:
        self.clock.wall += step_s * 1000

    @precondition(lambda self: self.content)
    @invariant()
    def nothing_vanishes(self) -> None:
        offered = kit.unsent(self.spool)
        self._see(offered)
        keys = {(entry.lane, entry.seq) for entry in offered}
        assert not keys & self.accepted, "sent again in the same process"
        for lane, seq in self.content:
            is_safe = (lane, seq) in keys or (lane, seq) in self.accepted or seq in self.stated[lane]
            assert is_safe, f"{lane} {seq} vanished without a word"
        for lane, seq in keys:
            assert seq not in self.stated[lane], f"{lane} {seq} is offered though stated as lost"
        assert sum(path.stat().st_size for path in self.folder.glob("*.seg")) <= LIMITS.max_bytes + 4096

    def _open(self, is_same_boot: bool) -> None:
        self.boot += not is_same_boot
        self.spool = kit.reopen(self.folder, LIMITS, self.clock, f"boot-{self.boot}")
        # A new process may offer again what the collector has: that is harmless, so the model forgets that it was accepted
        # if it is offered. What is stated as lost stays stated.
        self.accepted -= {(entry.lane, entry.seq) for entry in kit.unsent(self.spool)}

    def _see(self, entries: list) -> None:
        for entry in entries:
            key = (entry.lane, entry.seq)
            assert self.content.get(key) in (None, b"", entry.payload), f"{key} has two contents"
            self.content[key] = entry.payload
            if entry.is_loss:
                loss = wire.decode_loss(entry.payload)
                assert 0 < loss.count <= loss.last_seq - loss.first_seq + 1
                self.stated[loss.lane] |= set(range(loss.first_seq, loss.last_seq + 1))
        missing = {needed for entry in entries for needed in entry.schemas} - set(self.spool.schemas(entries, set(SCHEMAS)))
        assert not missing, "a report is offered without its schema"


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
