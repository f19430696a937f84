"""The live picture: every target's last evidence and, per module, the newest values with the time they hold.

Pure and told the time. `apply` is on the ingest path: values stay the bytes they came as, and a report laid out like
the one before costs a comparison. Values are shown until their TTL and then disappear; they never freeze.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from agent.model import AGENT, HEARTBEAT, Block, Kind, Report
from collector.core.evidence import Evidence, TargetInfo
from collector.core.life import TTL_FACTOR, Blind, Judgement, Life, judge, live_on, ttl_ms
from collector.core.schemas import Entry, SchemaBook
from collector.core.tally import Tally

MODULES_PER_TARGET = 64
SERIES_PER_TARGET = 50_000
"""Series of one target that are held, by the size of their schemas: what one agent may make the collector keep and compare."""
BLINDS_KEPT = 256
RATE_FAMILY = "node_cpu_seconds_total"
"""The one family whose previous values are kept too, so that a busy ratio can be told from two reports."""


class Live:
    """Newest evidence and values of one module of one target. `values[i]` belongs to `entries[i]`; `b""` is not shown."""

    __slots__ = (
        "before",
        "before_ms",
        "digests",
        "entries",
        "evidence",
        "expires_ms",
        "hidden",
        "lengths",
        "rate_at",
        "size",
        "target",
        "values",
    )

    def __init__(self, target: Target) -> None:
        self.target = target
        self.evidence: Evidence | None = None
        self.values: list[bytes] = []
        self.digests: tuple[bytes, ...] = ()
        self.entries: tuple[Entry | None, ...] = ()
        self.lengths: tuple[int, ...] = ()
        self.expires_ms = 0
        self.hidden: dict[int, frozenset[int]] | None = None
        """Columns not to show, by position of the block: another block of the target already has these series. Holds while
        `Target.is_settled`."""
        self.size = 0
        """Series held, those of unknown schemas by their values."""
        self.rate_at = -1
        self.before = b""
        self.before_ms = 0


class Target:
    """One target with its modules. `tail` belongs to the exposition: its rendering of `info`, emptied when that changes.
    `is_settled`: what is hidden was worked out (`hide_repeats`) since the layout of a block last changed."""

    __slots__ = ("info", "is_settled", "life", "modules", "pulse", "tail")

    def __init__(self, info: TargetInfo) -> None:
        self.info = info
        self.tail = b""
        self.is_settled = True
        self.life: Life | None = None
        self.pulse = ""
        """Module whose reports are the sign of life: the heartbeat once there was one, until then any."""
        self.modules: dict[str, Live] = {}


class Fleet:
    """All targets of inventory and what is known of them now."""

    def __init__(self, book: SchemaBook, tally: Tally, *, ttl_factor: float = TTL_FACTOR) -> None:
        self.book = book
        self.tally = tally
        self.ttl_factor = ttl_factor
        self.blinds: list[Blind] = []
        self.state_of: Callable[[str, int], Judgement | None] = lambda _target, _now_ms: None
        """The ledger's judgement of a target; None where it has no page."""
        self._targets: dict[str, Target] = {}
        self._waiting: dict[bytes, set[Live]] = {}
        book.on_new = self._learn

    # --- what is watched

    def set_targets(self, infos: Iterable[TargetInfo]) -> None:
        """Inventory and enrolled agents, whole: new ones appear, missing ones go, the others keep what is known."""
        wanted = {info.id: info for info in infos}
        for gone in self._targets.keys() - wanted.keys():
            self.remove_target(gone)
        for info in wanted.values():
            self.put_target(info)

    def put_target(self, info: TargetInfo) -> None:
        """Add a target, or change what inventory says of it."""
        target = self._targets.get(info.id)
        if target is None:
            self._targets[info.id] = Target(info)
        elif target.info != info:
            if target.info.via != info.via:
                for live in target.modules.values():
                    self._clear(live)
            target.info = info
            target.tail = b""

    def remove_target(self, target_id: str) -> None:
        """Forget a target and its values; unknown ones are no error."""
        target = self._targets.pop(target_id, None)
        for live in target.modules.values() if target is not None else ():
            self._clear(live)

    def __len__(self) -> int:
        return len(self._targets)

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets.values())

    def get(self, target_id: str) -> Target | None:
        """The target of this id."""
        return self._targets.get(target_id)

    # --- what is seen

    def apply(self, evidence: Evidence, report: Report) -> None:
        """Take stored evidence into the picture. Older evidence never overwrites newer values."""
        self.restore(evidence, report.blocks)

    def restore(self, evidence: Evidence, blocks: Sequence[Block], since_ms: int = 0) -> None:
        """The same from what the store kept; `since_ms` is when the run of signs of life began that this evidence ends."""
        target = self._targets.get(evidence.target)
        if target is None:
            self.tally.orphan_reports += 1
            return
        module = evidence.module
        live = target.modules.get(module)
        if live is None:
            live = self._add_module(target, module)
            if live is None:
                return
        if evidence.kind is Kind.REPORT and evidence.observer == evidence.target:
            self._see_life(target, evidence, since_ms)
        last = live.evidence
        if last is not None and evidence.t_ms < last.t_ms:
            self.tally.older_reports += 1
            return
        live.evidence = evidence
        if blocks or live.digests:
            self._take(live, evidence, blocks, 0 if last is None else last.t_ms)

    def blind(self, from_ms: int, until_ms: int) -> None:
        """The collector saw nothing in `[from_ms, until_ms)` (R5.3). Told again with a later end, it still lasts."""
        others = [blind for blind in self.blinds if blind.from_ms != from_ms]
        self.blinds = sorted([*others, Blind(from_ms, until_ms)])[-BLINDS_KEPT:]

    # --- what is known

    def judge(self, target: Target, now_ms: int) -> Judgement:
        """The target's state now: the ledger's, or by its signs of life alone where the ledger has no page for it."""
        known = self.state_of(target.info.id, now_ms)
        return (
            known if known is not None else judge(target.life, self.blinds, target.info.silence_means, now_ms, self.ttl_factor)
        )

    def sweep(self, now_ms: int) -> int:
        """Free the values that have outlived their TTL and answer how many modules that were. Call every few seconds."""
        count = 0
        for target in self._targets.values():
            for live in target.modules.values():
                if live.digests and live.expires_ms < now_ms:
                    self._clear(live)
                    count += 1
        return count

    def _add_module(self, target: Target, module: str) -> Live | None:
        if len(target.modules) >= MODULES_PER_TARGET:
            spare = min((live.expires_ms, name) for name, live in target.modules.items() if name not in (HEARTBEAT, AGENT))[1]
            if target.modules[spare].digests:
                self.tally.drop("modules")
                return None
            del target.modules[spare]
        live = target.modules[module] = Live(target)
        return live

    def _see_life(self, target: Target, evidence: Evidence, since_ms: int) -> None:
        if evidence.module == HEARTBEAT:
            target.pulse = HEARTBEAT
        elif target.pulse:
            return
        life = live_on(target.life, evidence.t_ms, evidence.interval_ms, self.ttl_factor)
        if 0 < since_ms < life.since_ms:
            life = msgspec.structs.replace(life, since_ms=since_ms)
        target.life = life

    def _take(self, live: Live, evidence: Evidence, blocks: Sequence[Block], before_ms: int) -> None:
        live.expires_ms = evidence.t_ms + ttl_ms(evidence.interval_ms, self.ttl_factor)
        values = [block.values for block in blocks]
        digests = tuple([block.schema for block in blocks])
        if digests != live.digests or tuple(map(len, values)) != live.lengths:
            self._lay_out(live, list(zip(digests, values, strict=True)))
            return
        if live.rate_at >= 0:
            live.before, live.before_ms = live.values[live.rate_at], before_ms
        live.values = values

    def _lay_out(self, live: Live, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Values whose schemas differ from the last ones: find the schemas, pin them and index the blocks by shape."""
        agent = live.target.info.via
        entries = [self.book.pin(agent, digest) for digest, _ in pairs]
        self._release(live)
        values, lengths, digests = [], [], []
        room = SERIES_PER_TARGET - sum([other.size for other in live.target.modules.values()])
        for position, (digest, data) in enumerate(pairs):
            entry = entries[position]
            size = len(data) >> 3 if entry is None else entry.size
            if size > room:
                self.tally.drop("series")
                if entry is not None:
                    self.book.unpin(agent, digest)
                entries[position] = entry = None
                data, size = b"", 0
            elif entry is None:
                self._waiting.setdefault(digest, set()).add(live)
            elif len(data) != size * 8:
                self.tally.drop("size")
                data = b""
            room -= size
            live.size += size
            values.append(data)
            lengths.append(-1 if entry is None else size * 8)
            digests.append(digest if entry is None else entry.digest)
        live.values, live.lengths, live.digests, live.entries = values, tuple(lengths), tuple(digests), tuple(entries)
        self._index(live)
        live.target.is_settled = False

    def _index(self, live: Live) -> None:
        for position, entry in enumerate(live.entries):
            if entry is None:
                continue
            users = entry.shape.users
            users[live] = (*users.get(live, ()), position)
            if RATE_FAMILY in entry.shape.names:
                live.rate_at = position

    def _release(self, live: Live) -> None:
        for digest, entry in zip(live.digests, live.entries, strict=True):
            if entry is not None:
                entry.shape.users.pop(live, None)
                self.book.unpin(live.target.info.via, digest)
                continue
            waiting = self._waiting.get(digest, set())
            waiting.discard(live)
            if not waiting:
                self._waiting.pop(digest, None)
        live.rate_at, live.before, live.before_ms, live.hidden, live.size = -1, b"", 0, None, 0

    def _clear(self, live: Live) -> None:
        self._release(live)
        live.values, live.lengths, live.digests, live.entries = [], (), (), ()
        live.target.is_settled = False

    def _learn(self, digest: bytes) -> None:
        for live in list(self._waiting.get(digest, ())):
            self._lay_out(live, list(zip(live.digests, live.values, strict=True)))


def hide_repeats(target: Target) -> None:
    """Mark the columns whose series another block of the same target already shows, so that a series is shown once.

    The first block in the order of modules and positions keeps its series; a later column that repeats any is hidden whole.
    It reads whole schemas, so it is for whoever shows the target: an agent that changes its layout with every report must
    not make the ingest path do it as often.
    """
    target.is_settled = True
    seen: set[str] = set()
    repeated: set[str] = set()
    blocks = [
        (live, position, entry) for live in target.modules.values() for position, entry in enumerate(live.entries) if entry
    ]
    for live, _, entry in blocks:
        live.hidden = None
        names = entry.shape.names
        if not seen.isdisjoint(names):
            repeated |= seen & names
        seen |= names
    shown: dict[str, set[frozenset[tuple[str, str]]]] = {name: set() for name in repeated}
    for live, position, entry in blocks if repeated else ():
        columns = _repeats(entry, shown)
        if columns:
            live.hidden = {**(live.hidden or {}), position: columns}


def _repeats(entry: Entry, shown: dict[str, set[frozenset[tuple[str, str]]]]) -> frozenset[int]:
    """Columns of the schema with a series in `shown`; the series of its other columns are added there."""
    hidden = set()
    if entry.shape.names.isdisjoint(shown):
        return frozenset()
    for index, column in enumerate(entry.unpack().columns):
        known = shown.get(column.family.name)
        if known is None:
            continue
        labels = column.family.labels
        series = {frozenset((key, value) for key, value in zip(labels, row, strict=True) if value) for row in column.series}
        if known.isdisjoint(series):
            known |= series
        else:
            hidden.add(index)
    return frozenset(hidden)
