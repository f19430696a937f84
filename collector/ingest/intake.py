"""From an admitted batch to what has to be stored: identity, duplicates, place on the timeline, run lengths.

Pure. An `AgentBook` remembers one agent; it runs ahead of the store while a `Draft` is written and must be thrown away when
that fails.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agent.model import AGENT, HEARTBEAT, Kind, Lane, Loss, Report
from agent.wire import Batch, Group
from collector.core import identity, skew
from collector.core.change import COLLECTOR, BootRow, LossRow, ModuleRow, Saved
from collector.core.draft import Draft, Growing
from collector.core.evidence import Evidence, Run, TimeQuality, extend, start_run
from collector.core.fleet import MODULES_PER_TARGET
from collector.core.refusal import Refusal, RefusalCode
from collector.core.sequence import MAX_RANGES, Added, TooManyHolesError
from collector.core.sequence import Sequence as Numbers

_MAX = 2**53
_SLOTS = 3
"""Runs of one target and module that may grow side by side: live, late, and what came out of order."""
_BOOTS = 1_000
"""Boots of one stream that are remembered without asking the store."""
_KEYS = 20_000
"""Targets and modules of one agent whose runs may grow; beyond it the oldest ones end."""
_KEYS_OF_CENTRE = 400_000
"""The same of what the collector itself polls."""
_VALUE_BYTES = 8 * 50_000
"""Values of one report: more is not shown (`fleet.SERIES_PER_TARGET`) and shall not be kept either."""
_OWN_MODULES = frozenset({HEARTBEAT, AGENT})
"""Always taken: a target's sign of life must not depend on what else it has."""
_MODULES = MODULES_PER_TARGET - len(_OWN_MODULES)
_MODULE_KEPT_MS = 86_400_000
"""How long a module must have been silent before another one may have its place."""

_Problem = tuple[RefusalCode, str]


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """One decoded batch of a known agent. `groups` is the admitted part of `batch.groups`; `rx_ms` is when it came, on the
    collector's timeline (`skew.Timeline`). `schemas` are checked (hash, `wire.encode`d bytes) pairs to be stored
    with it, `forgotten` hashes that this agent's share of the schema book dropped. `known_by` is the version of the book of
    tokens by which its sender is known; None for who needs none."""

    agent: str
    batch: Batch
    groups: tuple[Group, ...]
    rx_ms: int
    schemas: tuple[tuple[bytes, bytes], ...] = ()
    forgotten: tuple[bytes, ...] = ()
    known_by: int | None = None


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of a batch once it is on disk. `acknowledged` is `Answer.acknowledged`; `refused` adds to `Answer.refused`
    (what is too much, or cannot be stored); `losses` are the new ones, for counting. `offset_ms` is the agent's wall clock
    minus ours (`skew.offset_level`)."""

    acknowledged: dict[Lane, int]
    stored: int
    duplicates: int
    refused: tuple[Refusal, ...] = ()
    losses: tuple[Loss, ...] = ()
    offset_ms: int = 0


class IdentityConflictError(Exception):
    """Another (stream, boot) holds this identity: answer 409. The text says which and since when."""

    def __init__(self, verdict: identity.Verdict, detail: str) -> None:
        super().__init__(detail)
        self.verdict = verdict
        self.detail = detail


class UnusableBatchError(ValueError):
    """The batch's own clocks are outside what can be stored: answer 400."""


class Rules(msgspec.Struct, frozen=True):
    """Settings of the intake."""

    late_after_ms: int = skew.LATE_AFTER_MS
    ranges: int = MAX_RANGES
    """Most ranges of received numbers in one lane of a stream."""


class _Stream(msgspec.Struct):
    boots: dict[str, BootRow] = msgspec.field(default_factory=dict)
    numbers: dict[Lane, Numbers] = msgspec.field(default_factory=dict)


def _unstorable(report: Report) -> _Problem | None:
    """Why a report cannot be stored; None when it can. PostgreSQL has no NUL in text and both have 64-bit integers."""
    if "\0" in report.detail or "\0" in report.module or "\0" in report.target:
        return RefusalCode.UNSTORABLE, "NUL character in target, module or detail"
    if not (-_MAX < report.from_ms < _MAX and -_MAX < report.until_ms < _MAX and -_MAX < report.delta_ms < _MAX):
        return RefusalCode.UNSTORABLE, "from_ms, until_ms or delta_ms outside 53 bits"
    if sum([len(block.values) for block in report.blocks]) > _VALUE_BYTES:
        return RefusalCode.TOO_MANY_VALUES, f"more than {_VALUE_BYTES // 8} values"
    return None


def _unstorable_loss(loss: Loss) -> _Problem | None:
    numbers = (loss.from_ms, loss.until_ms, loss.at_ms, loss.uptime_ms)
    if all(-_MAX < number < _MAX for number in numbers):
        return None
    return RefusalCode.UNSTORABLE, "a time of the loss record is outside 53 bits"


class AgentBook:
    """What the collector remembers of one agent between batches."""

    def __init__(self, agent: str, saved: Saved, streams: Iterable[str], rules: Rules) -> None:
        """`streams` are those that `saved` was asked for."""
        self._agent = agent
        self._rules = rules
        self._keys = _KEYS_OF_CENTRE if agent == COLLECTOR else _KEYS
        self._before_ms = saved.before_ms
        self._streams: dict[str, _Stream] = {stream: _Stream() for stream in streams}
        self._asked = frozenset(self._streams)
        self._runs: dict[tuple[str, str, Kind], list[Growing]] = {}
        self._estimated: dict[tuple[str, str, Lane], int] = {}
        self._present: BootRow | None = None
        self._heard_ms = 0
        for row in saved.boots:
            self._stream(row.stream).boots[row.boot] = row
            if row.present:
                self._present = row
                self._heard_ms = row.last_rx_ms
        for sequence in saved.sequences:
            numbers = Numbers(sequence.received, sequence.lost, limit=rules.ranges)
            self._stream(sequence.stream).numbers[sequence.lane] = numbers
            if self._present is not None and sequence.stream == self._present.stream:
                self._heard_ms = max(self._heard_ms, sequence.rx_ms)
        self._modules: dict[str, dict[str, int]] = {}
        """When each module of each target was last heard; those of `_OWN_MODULES` are not counted."""
        for module in saved.modules:
            self._modules.setdefault(module.target, {})[module.module] = module.at_ms
        self._load_runs(saved.open_runs)

    def _stream(self, stream: str) -> _Stream:
        return self._streams.setdefault(stream, _Stream())

    def _load_runs(self, runs: Iterable[Run]) -> None:
        for run in sorted(runs, key=lambda run: run.last_t_ms, reverse=True):
            self._runs.setdefault((run.target, run.module, run.kind), []).append(Growing(run))
            modules = self._modules.get(run.target, {})
            if run.module in modules:
                modules[run.module] = max(run.last_rx_ms, modules[run.module])
            if run.quality is TimeQuality.ESTIMATED:
                key = (run.stream, run.boot, run.lane)
                self._estimated[key] = max(run.last_t_ms, self._estimated.get(key, 0))

    def knows(self, stream: str) -> bool:
        """Whether the store was asked about this stream. Of the present sender's it always tells something, but not which
        boots were superseded."""
        return stream in self._asked

    def take(self, incoming: Incoming, draft: Draft) -> Receipt:
        """Take in a batch. The receipt may be handed out once `draft` is on disk.

        Raises `IdentityConflictError` or `UnusableBatchError`, and then has changed nothing.
        """
        batch, rx_ms = incoming.batch, incoming.rx_ms
        if not (-_MAX < batch.uptime_ms < _MAX and -_MAX < batch.awake_ms < _MAX and -_MAX < batch.wall_ms < _MAX):
            raise UnusableBatchError("uptime_ms, awake_ms or wall_ms outside 53 bits")
        sender = self._identify(batch, rx_ms, draft)
        draft.add_schemas(incoming.agent, incoming.schemas, incoming.forgotten)
        taking = _Taking(self, incoming, self._rules, draft)
        for group in incoming.groups:
            taking.take(group)
        clock = sender.clock
        assert clock is not None
        numbers = self._streams[batch.stream].numbers
        return Receipt(
            {lane: lane_numbers.watermark for lane, lane_numbers in numbers.items()},
            taking.stored,
            taking.duplicates,
            tuple(taking.refused),
            tuple(taking.losses),
            batch.wall_ms - clock.instant_ms - batch.uptime_ms,
        )

    def _identify(self, batch: Batch, rx_ms: int, draft: Draft) -> BootRow:
        """The sender's boot, after the identity rule and the batch's clocks; it is the present one from here on."""
        known = self._streams[batch.stream].boots.get(batch.boot)
        old = self._present
        if old is not None and old is not known:
            present = identity.Present(old.stream, old.boot, self._heard_ms)
            superseded = known is not None and known.sender
            verdict = identity.judge(present, batch.stream, batch.boot, superseded=superseded, now_ms=rx_ms)
            if not verdict.accepted:
                raise IdentityConflictError(verdict, identity.explain(verdict, present, now_ms=rx_ms))
            self._supersede(old, draft)
        clock = skew.observe(known.clock if known else None, rx_ms=rx_ms, uptime_ms=batch.uptime_ms, wall_ms=batch.wall_ms)
        self._heard_ms = max(self._heard_ms, rx_ms)
        if known is not None and known.present and known.clock is clock:
            return known
        first = known.first_rx_ms if known else rx_ms
        return self._remember(BootRow(self._agent, batch.stream, batch.boot, True, True, clock, first, rx_ms), draft)

    def _supersede(self, old: BootRow, draft: Draft) -> None:
        self._before_ms = self._heard_ms
        self._present = None
        self._remember(msgspec.structs.replace(old, present=False, last_rx_ms=self._heard_ms), draft)

    def _remember(self, row: BootRow, draft: Draft) -> BootRow:
        boots = self._stream(row.stream).boots
        boots[row.boot] = row
        if row.present:
            self._present = row
        elif len(boots) > _BOOTS:
            del boots[next(boot for boot, known in boots.items() if not known.present)]
        draft.add_boot(row)
        return row

    def boot(self, stream: str, boot: str, rx_ms: int, draft: Draft) -> BootRow:
        """The row of a boot whose reports this agent carries; made when it is new."""
        known = self._stream(stream).boots.get(boot)
        if known is not None:
            return known
        return self._remember(BootRow(self._agent, stream, boot, False, False, None, rx_ms, rx_ms), draft)

    def numbers(self, stream: str, lane: Lane) -> Numbers:
        """The sequence of a lane."""
        lanes = self._stream(stream).numbers
        known = lanes.get(lane)
        if known is None:
            known = lanes[lane] = Numbers(limit=self._rules.ranges)
        return known

    def place(self, boot: BootRow, lane: Lane, at_ms: int, uptime_ms: int, rx_ms: int) -> tuple[int, TimeQuality]:
        """Instant of something the agent dated (R2.2 to R2.4)."""
        if boot.clock is not None:
            return skew.place(uptime_ms, boot.clock, rx_ms=rx_ms)
        key = (boot.stream, boot.boot, lane)
        present = self._present
        offset = present.clock.offset_ms if present is not None and present.clock is not None else 0
        estimate = skew.Estimate(offset, self._before_ms, self._estimated.get(key, 0))
        t_ms, quality = skew.place_estimated(at_ms, estimate, rx_ms=rx_ms)
        if len(self._estimated) > _BOOTS:
            self._estimated.clear()
        self._estimated[key] = t_ms
        return t_ms, quality

    def keep_module(self, target: str, module: str, rx_ms: int, draft: Draft) -> bool:
        """Whether a target may have this module: its 64 first, and then a new one in place of one that is silent for a day."""
        if module in _OWN_MODULES:
            return True
        modules = self._modules.get(target)
        if modules is None:
            modules = self._modules[target] = {}
        if module not in modules:
            if len(modules) >= _MODULES:
                heard_ms, spare = min([(heard_ms, name) for name, heard_ms in modules.items()])
                if rx_ms - heard_ms < _MODULE_KEPT_MS:
                    return False
                del modules[spare]
                self._let_go(target, spare, draft)
            draft.add_module(ModuleRow(self._agent, target, module, rx_ms))
        modules[module] = rx_ms
        return True

    def _let_go(self, target: str, module: str, draft: Draft) -> None:
        """The evidence of a module stays; its newest values and its runs' growing end."""
        for kind in Kind:
            for slot in self._runs.pop((target, module, kind), ()):
                draft.close(slot)
        draft.drop_module(self._agent, target, module)

    def record(self, evidence: Evidence, report: Report, draft: Draft) -> None:
        """Add new evidence to the run it continues, or to a new one; keep the newest values."""
        slots = self._runs.setdefault((evidence.target, evidence.module, evidence.kind), [])
        while len(self._runs) > self._keys:
            for slot in self._runs.pop(next(iter(self._runs))):
                draft.close(slot)
        draft.fresh.append((evidence, report))
        if report.blocks and (not slots or max([slot.run.last_t_ms for slot in slots]) <= evidence.t_ms):
            draft.add_values(evidence, report)
        for slot in slots:
            longer = extend(slot.run, evidence)
            if longer is not None:
                slot.run = longer
                draft.extend(slot)
                return
        for slot in [slot for slot in slots if _ends(slot.run, evidence)]:
            draft.close(slot)
            slots.remove(slot)
        opened = Growing(start_run(evidence))
        draft.open(opened)
        if not opened.run.growing:
            return
        slots.insert(0, opened)
        while len(slots) > _SLOTS:
            draft.close(slots.pop())


def _ends(run: Run, evidence: Evidence) -> bool:
    """Whether a run is over because something else was found since: it must not go on across a failure retried soon."""
    return run.outcome is not evidence.outcome and run.last_t_ms < evidence.t_ms


class _Taking:
    """One batch on its way into a book."""

    def __init__(self, book: AgentBook, incoming: Incoming, rules: Rules, draft: Draft) -> None:
        self._book = book
        self._agent = incoming.agent
        self._stream = incoming.batch.stream
        self._rx_ms = incoming.rx_ms
        self._late_after_ms = rules.late_after_ms
        self._draft = draft
        self.stored = 0
        self.duplicates = 0
        self.refused: list[Refusal] = []
        self.losses: list[Loss] = []

    def take(self, group: Group) -> None:
        """Every report and loss of a group, each by itself: one that is refused leaves the others alone."""
        if not (group.reports or group.losses):
            return
        boot = self._book.boot(self._stream, group.boot, self._rx_ms, self._draft)
        numbers = self._book.numbers(self._stream, group.lane)
        before = self.stored
        for report in group.reports:
            problem = _unstorable(report) or self._crowded(report, numbers)
            if self._is_new(numbers, group.lane, report.seq, problem):
                self._book.record(self._evidence(report, group.lane, boot), report, self._draft)
        for loss in group.losses:
            self._lose(loss, numbers, group.lane, boot)
        if self.stored != before:
            self._draft.add_numbers((self._agent, self._stream, group.lane), numbers, self._rx_ms)

    def _crowded(self, report: Report, numbers: Numbers) -> _Problem | None:
        known = self._book.keep_module(report.target, report.module, self._rx_ms, self._draft)
        if known or report.seq in numbers.received:
            return None
        detail = f"module {report.module}: the target has {MODULES_PER_TARGET} others that were heard within a day"
        return RefusalCode.TOO_MANY_MODULES, detail

    def _is_new(self, numbers: Numbers, lane: Lane, seq: int, problem: _Problem | None) -> bool:
        if problem is not None:
            self.refused.append(Refusal(lane, seq, *problem))
            return False
        try:
            added = numbers.add(seq)
        except TooManyHolesError as error:
            self.refused.append(Refusal(lane, seq, RefusalCode.TOO_MANY_HOLES, str(error)))
            return False
        if added is Added.DUPLICATE:
            self.duplicates += 1
            return False
        self.stored += 1
        return True

    def _lose(self, loss: Loss, numbers: Numbers, lane: Lane, boot: BootRow) -> None:
        lost_in = self._book.numbers(self._stream, loss.lane)
        problem = _unstorable_loss(loss)
        if problem is None and not lost_in.may_lose(loss.first_seq, loss.last_seq):
            problem = RefusalCode.TOO_MANY_HOLES, "too many ranges of lost numbers"
        if not self._is_new(numbers, lane, loss.seq, problem):
            return
        lost_in.lose(loss.first_seq, loss.last_seq)
        t_ms, _ = self._book.place(boot, lane, loss.at_ms, loss.uptime_ms, self._rx_ms)
        self.losses.append(loss)
        self._draft.add_loss(LossRow(self._agent, self._stream, loss, t_ms, self._rx_ms))
        self._draft.add_numbers((self._agent, self._stream, loss.lane), lost_in, self._rx_ms)

    def _evidence(self, report: Report, lane: Lane, boot: BootRow) -> Evidence:
        r, rx_ms = report, self._rx_ms
        t_ms, quality = self._book.place(boot, lane, r.at_ms, r.uptime_ms, rx_ms)
        from_ms, until_ms = skew.bounds(r, t_ms)
        return Evidence(
            r.target, self._agent, r.module, r.kind, t_ms, rx_ms, r.outcome, r.reason, r.detail, r.interval_ms, self._stream,
            boot.boot, lane, r.seq, r.uptime_ms, r.awake_ms, r.at_ms, skew.grade(t_ms, rx_ms, self._late_after_ms), quality,
            from_ms, until_ms, r.delta_ms,
        )  # fmt: skip
