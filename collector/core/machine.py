"""One sequence of samples walked through the table of 3.4, with holds and gaps (3.5) and missed reports (3.6).

Pure and incremental: a sample costs O(1). What it keeps is a list of marks, each the beginning of a state; a pending run is one
mark at the end, whose label is not final.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from collector.core.dependency import Path, PathLine
from collector.core.intervals import Interval
from collector.core.state import Span, State, Why
from collector.core.subject import Rules, Timetable
from collector.core.table import CONFIRMED, TABLE, Pending, Phase, Seen

Label = tuple[State, Why]

_SEEN = {Path.OK: Seen.FAIL, Path.BROKEN: Seen.FAIL_BROKEN, Path.UNCLEAR: Seen.FAIL_UNCLEAR}
_NEVER: Label = (State.UNKNOWN, Why.NEVER)
_PENDING: Label = (State.UNKNOWN, Why.PENDING)
_BLIND: Label = (State.UNKNOWN, Why.BLIND)
_STALE: Label = (State.UNKNOWN, Why.STALE)
_DOWN: Label = (State.DOWN, Why.OBSERVED)
_ABSENT: Label = (State.DOWN, Why.SILENT)
_SILENT: Label = (State.UNKNOWN, Why.SILENT)
_UNREACHABLE: Label = (State.UNREACHABLE, Why.PATH)
_UNCLEAR: Label = (State.UNKNOWN, Why.PATH_UNCLEAR)
_ABSENCES = (Why.STALE, Why.BLIND, Why.SILENT, Why.PATH)
_FAR = 1 << 62
_OPEN = -_FAR


class Machine:
    """A sequence of one observer. `blinds` are that observer's blind records, sorted and shared with whoever adds to them."""

    __slots__ = (
        "_goods", "_labels", "_rules", "_starts", "blinds", "changes", "confirmed", "down", "good", "hold_ms", "interval_ms",
        "last_ms", "path", "pending_ms", "phase", "run", "soft",
    )  # fmt: skip

    def __init__(self, rules: Timetable[Rules], blinds: list[Interval], path: PathLine) -> None:
        self._rules = rules
        self.blinds = blinds
        self.path = path
        self.phase = Phase.UNKNOWN
        self.run = 0
        """Samples of the pending run."""
        self.pending_ms = 0
        self.last_ms: int | None = None
        """The last sample."""
        self.hold_ms = 0
        """How long it holds (R5.1)."""
        self.interval_ms = 0
        self.good: Label | None = None
        """The last good label that was confirmed."""
        self.down: Label = _DOWN
        """Label of the present outage."""
        self.soft: list[Interval] = []
        """Failures that were never confirmed (R4.3)."""
        self.confirmed: list[Interval] = []
        """Onset and hard instant of each confirmed outage (R4.1)."""
        self.changes = 0
        """Counts whatever is more than the last state going on."""
        self._starts: list[int] = [_OPEN]
        self._labels: list[Label] = [_NEVER]
        self._goods: list[tuple[int, Label]] = []

    # --- samples, in order of time

    def see_good(self, first_ms: int, last_ms: int, count: int, label: Label, interval_ms: int) -> None:
        """`count` good samples, no two more than a hold apart."""
        if self.phase is Phase.UP and self.last_ms is not None and first_ms - self.last_ms <= self.hold_ms:
            if label != self.good:
                self._mark(first_ms, label)
            self._reach(last_ms, interval_ms, label)
            return
        self._meet(first_ms)
        rules = self._rules.at(first_ms)
        cell = TABLE[self.phase][Seen.GOOD]
        if cell.phase is Phase.RECOVERING:
            self._recover(first_ms, count, label, rules)
        else:
            if cell.pending is Pending.GOOD:
                self.soft.append((self.pending_ms, first_ms))
                self._mark(self.pending_ms, self.good or label)
            self.phase = cell.phase
            self._mark(first_ms, label)
        # A recovery that is not confirmed may yet turn out to have been none.
        self._reach(last_ms, interval_ms, label if self.phase is Phase.UP else None)

    def see_failures(self, times: Sequence[int], interval_ms: int) -> None:
        """Failed samples at these instants."""
        for t_ms in times:
            self._meet(t_ms)
            self._fail(t_ms)
            self._reach(t_ms, interval_ms, None)

    def miss(self, first_ms: int, last_ms: int, interval_ms: int) -> None:
        """Reports that were due at `first_ms`, one interval apart, until `last_ms`, and did not come (R6.3)."""
        self._meet(first_ms)
        t_ms = first_ms
        while t_ms <= last_ms:
            path, until_ms = self.path.at(t_ms)
            label = _UNREACHABLE if path is Path.BROKEN else _ABSENT if self._rules.at(t_ms).silence_is_down else _SILENT
            self._judge_silence(t_ms, label, interval_ms)
            # All due instants before the next change of the path or of the rules are alike.
            until_ms = min(until_ms, last_ms + 1, self._rules.next_change(t_ms))
            t_ms += max(1, -(-(until_ms - t_ms) // interval_ms)) * interval_ms
        self._reach(last_ms, interval_ms, None)

    def restart(self, at_ms: int) -> None:
        """Nothing from before counts from here on: a new stretch of service begins (R12.3)."""
        if self.last_ms is not None:
            self._meet(max(at_ms, self.last_ms + self.hold_ms + 1))
        self._mark(at_ms, _NEVER)
        self.phase, self.last_ms, self.good = Phase.UNKNOWN, None, None

    # --- what follows from a sample

    def _reach(self, last_ms: int, interval_ms: int, good: Label | None) -> None:
        if self.last_ms != last_ms or interval_ms != self.interval_ms:
            self.last_ms = last_ms
            self.interval_ms = interval_ms
            self.hold_ms = self._rules.at(last_ms).ttl_of(interval_ms)
        if good is not None:
            self.good = good

    def _fail(self, t_ms: int) -> None:
        path = self.path.at(t_ms)[0]
        cell = TABLE[self.phase][_SEEN[path]]
        self._settle(cell.pending, t_ms)
        self.phase = cell.phase
        if cell.phase is Phase.SOFT:
            self._suspect(t_ms, cell.pending)
        elif cell.phase is Phase.UNREACHABLE:
            self._mark(t_ms, _UNREACHABLE)
        elif cell.phase is Phase.UNKNOWN:
            self._mark(t_ms, _UNCLEAR)
        else:
            # An explicit failure ends a down by absence: from here on late evidence cannot lift it (R6.4, R9.4).
            self.down = _DOWN
            self._mark(t_ms, _DOWN)

    def _suspect(self, t_ms: int, pending: Pending) -> None:
        if pending is Pending.START:
            self.pending_ms, self.run = t_ms, 0
            self._mark(t_ms, _PENDING)
        self.run += 1
        if self.run >= self._rules.at(t_ms).fail_after:
            self.phase = CONFIRMED[Phase.SOFT]
            self.down = _DOWN
            self.confirmed.append((self.pending_ms, t_ms))
            self._mark(self.pending_ms, _DOWN)

    def _recover(self, t_ms: int, count: int, label: Label, rules: Rules) -> None:
        if self.phase is not Phase.RECOVERING:
            self.pending_ms, self.run = t_ms, 0
            self._goods.clear()
            self._mark(t_ms, _PENDING)
        self.phase = Phase.RECOVERING
        self.run += count
        self._goods.append((t_ms, label))
        if self.run < rules.recover_after:
            return
        self.phase = CONFIRMED[Phase.RECOVERING]
        for at_ms, was in self._goods:
            self._mark(at_ms, was)
        self._goods.clear()

    def _judge_silence(self, t_ms: int, label: Label, interval_ms: int) -> None:
        """A missed report is a hard failure: nothing waits to be confirmed; its confirmation was the rest of the TTL (R6.3)."""
        onset_ms = t_ms
        if self.phase is Phase.RECOVERING:
            self._settle(Pending.DOWN, t_ms)
            self.phase = Phase.DOWN
        elif self.phase is Phase.SOFT:
            self._settle({_ABSENT: Pending.KEEP, _UNREACHABLE: Pending.UNREACHABLE}.get(label, Pending.UNKNOWN), t_ms)
            if label is _ABSENT:
                self._mark(self.pending_ms, _DOWN)
                onset_ms = self.pending_ms
        if self.phase is Phase.DOWN and label is not _SILENT:
            self._mark(t_ms, self.down)
            return
        self._mark(t_ms, label)
        if label is _ABSENT:
            self.phase, self.down = Phase.DOWN, _ABSENT
            self.confirmed.append((onset_ms, t_ms + self._rules.at(t_ms).ttl_of(interval_ms) - interval_ms))
        else:
            self.phase = Phase.UNREACHABLE if label is _UNREACHABLE else Phase.UNKNOWN

    def _settle(self, pending: Pending, t_ms: int) -> None:
        if pending is Pending.DOWN:
            self._mark(self.pending_ms, self.down)
        elif pending is Pending.UNREACHABLE:
            self._mark(self.pending_ms, _UNREACHABLE)
        elif pending is Pending.UNKNOWN:
            self._mark(self.pending_ms, _PENDING)

    def _meet(self, t_ms: int) -> None:
        """The gap before the next sample, if there is one (R4.4, R5.2)."""
        last_ms = self.last_ms
        if last_ms is None or t_ms - last_ms <= self.hold_ms:
            return
        cell = TABLE[self.phase][Seen.GAP]
        self._settle(cell.pending, t_ms)
        self.phase = cell.phase
        for at_ms, label in self._ending(last_ms, t_ms):
            self._mark(at_ms, label)

    def _ending(self, last_ms: int, until_ms: int, *, is_open: bool = False) -> list[tuple[int, Label]]:
        """How the last sample's hold ends before `until_ms`, if it does (R5.2). `is_open`: no sample follows."""
        end_ms = last_ms + self.hold_ms
        if until_ms <= end_ms and not is_open:
            return []
        blind_ms = self._blind_after(last_ms)
        if blind_ms is not None and blind_ms <= end_ms:
            return [(blind_ms, _BLIND)] if blind_ms < until_ms else []
        if until_ms <= end_ms:
            return []
        if self._is_blind_at(end_ms):
            # It went blind before the last sample was about, as a collector that died since its last heartbeat.
            return [(end_ms, _BLIND)]
        if blind_ms is not None and blind_ms < until_ms:
            return [(end_ms, _STALE), (blind_ms, _BLIND)]
        return [(end_ms, _STALE)]

    def _is_blind_at(self, t_ms: int) -> bool:
        index = bisect_right(self.blinds, (t_ms, _FAR)) - 1
        return index >= 0 and self.blinds[index][1] > t_ms

    def _blind_after(self, t_ms: int) -> int | None:
        index = bisect_right(self.blinds, (t_ms, _FAR))
        return self.blinds[index][0] if index < len(self.blinds) else None

    def _mark(self, t_ms: int, label: Label) -> None:
        """From `t_ms` on it is `label`; marks behind it are gone."""
        starts, labels = self._starts, self._labels
        if starts[-1] < t_ms and labels[-1] == label:
            return
        while starts[-1] >= t_ms and len(starts) > 1:
            starts.pop()
            labels.pop()
        if labels[-1] != label:
            starts.append(t_ms)
            labels.append(label)
        self.changes += 1

    # --- answers

    def spans(self, from_ms: int, until_ms: int, known_ms: int | None = None) -> list[Span]:
        """The states within `[from_ms, until_ms)`, as known at `known_ms` (`until_ms` if not given): what is pending is unknown
        (R4.6), and as long as no sample follows, the last one's hold ends where its observer goes blind (R5.2)."""
        if until_ms <= from_ms:
            return []
        starts, labels = self._starts, self._labels
        marks: list[tuple[int, Label]] = []
        if self.last_ms is not None:
            marks = self._ending(self.last_ms, max(until_ms, known_ms or until_ms), is_open=True)
        index = max(0, bisect_right(starts, from_ms) - 1)
        edges = [*zip(starts[index:], labels[index:], strict=True), *marks]
        out: list[Span] = []
        for place, (start_ms, (state, why)) in enumerate(edges):
            a = max(start_ms, from_ms)
            b = min(edges[place + 1][0], until_ms) if place + 1 < len(edges) else until_ms
            if a < b:
                out.append(Span(a, b, state, why))
            if start_ms >= until_ms:
                break
        return out

    def now(self, now_ms: int) -> Span:
        """The state at `now_ms`, not before the last sample, and since when it has lasted. What waits to be confirmed has not
        happened yet: until then the state before it is shown."""
        last = len(self._starts) - 1
        ending = [] if self.last_ms is None else self._ending(self.last_ms, now_ms + 1)
        if ending:
            state, why = ending[-1][1]
            return Span(self._since(last, state, ending[0][0]), now_ms, state, why)
        if self.phase is Phase.SOFT or self.phase is Phase.RECOVERING:
            last -= 1
        state, why = self._labels[last]
        return Span(self._since(last, state, now_ms), now_ms, state, why)

    def _since(self, index: int, state: State, default_ms: int) -> int:
        since = default_ms
        while index >= 0 and self._labels[index][0] is state:
            since = self._starts[index]
            index -= 1
        return max(since, 0)

    def knows(self, first_ms: int, last_ms: int, good: Label | None, interval_ms: int = 0) -> bool:
        """Whether samples there, not behind the last one, would change nothing: the same good label holds there and beyond
        their own hold, or (`good` None) they are a failure at the very instant of a last sample that says at least as much."""
        if first_ms == self.last_ms:
            is_good = self.phase is Phase.UP or self.phase is Phase.RECOVERING
            if good is None:
                return True
            last = self._goods[-1][1] if self.phase is Phase.RECOVERING else self.good
            return is_good and last is not None and (good == last or last[0] is State.UP)
        if good is None or self.last_ms is None or last_ms > self.last_ms:
            return False
        index = bisect_right(self._starts, first_ms) - 1
        if index < 0 or self._labels[index] != good:
            return False
        soft = bisect_right(self.soft, (last_ms, _FAR)) - 1
        if soft >= 0 and self.soft[soft][1] > first_ms:
            return False
        hold_ms = self._rules.at(last_ms).ttl_of(interval_ms)
        return index + 1 == len(self._starts) or self._starts[index + 1] > last_ms + hold_ms

    def goes_on(self, first_ms: int, good: Label | None) -> bool:
        """Whether good samples from `first_ms` on, which is not behind all that was seen, only lengthen the present run."""
        if self.phase is Phase.RECOVERING:
            return good == self._goods[-1][1] and first_ms >= self.pending_ms
        return self.phase is Phase.UP and good == self.good and first_ms >= self._starts[-1]

    @property
    def settled_ms(self) -> int:
        """Samples still to come are about no earlier time than this."""
        if self.phase is Phase.SOFT or self.phase is Phase.RECOVERING:
            return self.pending_ms
        return self._starts[-1] if self.last_ms is None else self.last_ms

    def depends_on(self, from_ms: int, until_ms: int) -> bool:
        """Whether it matters to what was said that the observer was blind then: only where samples were missing."""
        if self.last_ms is None or from_ms >= self.last_ms:
            return False
        index = max(0, bisect_right(self._starts, from_ms) - 1)
        end_ms = until_ms + self.hold_ms
        while index < len(self._starts) and self._starts[index] < end_ms:
            if self._labels[index][1] in _ABSENCES:
                return True
            index += 1
        return False

    # --- going back

    def snapshot(self) -> Snapshot:
        """Where it stands, to go back to with `restore` as long as nothing was pending."""
        return (
            self.phase, self.run, self.pending_ms, self.last_ms, self.hold_ms, self.interval_ms, self.good, self.down,
            len(self.soft), len(self.confirmed), tuple(self._starts[-2:]), tuple(self._labels[-2:]), len(self._starts),
            tuple(self._goods), self.changes,
        )  # fmt: skip

    def restore(self, kept: Snapshot) -> None:
        """Undo everything since `snapshot`."""
        (
            self.phase, self.run, self.pending_ms, self.last_ms, self.hold_ms, self.interval_ms, self.good, self.down,
            soft, confirmed, starts, labels, length, goods, self.changes,
        ) = kept  # fmt: skip
        del self.soft[soft:], self.confirmed[confirmed:]
        del self._starts[length - len(starts) :], self._labels[length - len(labels) :]
        self._starts.extend(starts)
        self._labels.extend(labels)
        self._goods = list(goods)

    def forget(self, before_ms: int) -> None:
        """Drop the marks that end before `before_ms`."""
        index = bisect_right(self._starts, before_ms) - 1
        if index > 1:
            del self._starts[: index - 1], self._labels[: index - 1]
        self.soft = [run for run in self.soft if run[1] > before_ms]
        self.confirmed = [run for run in self.confirmed if run[1] > before_ms]


Snapshot = tuple[
    Phase, int, int, int | None, int, int, Label | None, Label, int, int, tuple[int, ...], tuple[Label, ...], int,
    tuple[tuple[int, Label], ...], int,
]  # fmt: skip
