"""The judge of one target: stretches of evidence in, spans of both views out (SPEC 3.3 to 3.9, 3.19).

Pure and incremental: evidence that follows what is known costs O(1); self-reports may come in any order. The same judge is fed
live, report by report, and whole, for any period and as of any moment (`judge_all`). A sample that lies before what its
sequence has seen cannot be taken in place: `behind_ms` then says from when on the judge must be made anew.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from agent.model import Kind
from collector.core import overlay, silence
from collector.core.boots import Boots
from collector.core.dependency import OpenPath, PathLine
from collector.core.intervals import Interval, clip, cut, minus, union
from collector.core.machine import Label, Machine
from collector.core.state import GOOD_STATES, Span, State, View, Why
from collector.core.stretch import BlindSpan, Result, Stretch
from collector.core.subject import GapPolicy, Rules, Sign, Timetable

CENTRE: Final = "collector"
"""The designated central observer of the end-to-end view (3.3)."""
FOREVER: Final = 1 << 62
Scope = Sequence[tuple[int, int | None]]
Paths = Mapping[str, PathLine]
"""Path lines by view (a `View`) or, where it differs, by observer (R9.8)."""

_PROBED: Final[dict[Result, Label]] = {
    Result.OK: (State.UP, Why.OBSERVED),
    Result.DEGRADED: (State.DEGRADED, Why.OBSERVED),
}
_REPORTED: Final[dict[Result, Label]] = {
    Result.OK: (State.UP, Why.REPORTING),
    Result.DEGRADED: (State.DEGRADED, Why.REPORTING),
}
_REPORTS: Final = (CENTRE, "")
"""Key of the sequence of live self-reports: the centre receives them."""
Key = tuple[str, str]


class Judge:
    """See the module. `scope`: when the target was in service (R12.3)."""

    __slots__ = ("_blinds", "_device", "_e2e", "_paths", "_rules", "_scope", "behind_ms", "boots")

    def __init__(self, rules: Timetable[Rules], *, scope: Scope = ((0, None),), paths: Paths | None = None) -> None:
        self._rules = rules
        self._scope = [(a, FOREVER if b is None else b) for a, b in scope]
        self._paths = paths or {}
        self._device: dict[Key, Machine] = {}
        alike = not self._paths and all(value.sign is Sign.PUSH for value in rules.values)
        self._e2e: dict[Key, Machine] = self._device if alike else {}
        """The same sequences where nothing can make the two views differ."""
        self._blinds: dict[str, list[Interval]] = {}
        self.boots = Boots()
        self.behind_ms: int | None = None
        """The earliest instant whose evidence came too late to be taken in place."""

    @property
    def changes(self) -> int:
        """Counts whatever is more than the present state going on."""
        machines = [*self._device.values(), *(self._e2e.values() if self._e2e is not self._device else ())]
        total: int = self.boots.changes + sum([machine.changes for machine in machines])
        return total

    # --- what is seen

    def see(self, s: Stretch) -> None:
        """Take evidence. What lies outside the scope is none (R12.3)."""
        scope = self._scope
        if len(scope) == 1 and scope[0][0] <= s.first_ms and s.last_ms < scope[0][1]:
            self._take(s)
            return
        for a, b in scope:
            if s.first_ms < b and s.last_ms >= a:
                self._take(_within(s, a, b))

    def see_all(self, stretches: Iterable[Stretch]) -> None:
        """Take much at once, in any order."""
        for stretch in in_order(stretches):
            self.see(stretch)

    def _take(self, s: Stretch) -> None:
        kind = s.kind
        rules = self._rules.at(s.first_ms)
        if kind is Kind.OBS:
            if rules.sign is not Sign.PUSH:
                self._observe(s)
            if s.result is Result.FAIL:
                return
        hold_ms = rules.ttl_of(s.interval_ms)
        self.boots.see(s, hold_ms)
        if kind is Kind.REPORT:
            self.boots.report(s, hold_ms)
            if s.live and rules.sign is Sign.PUSH:
                self._report(s)

    def blind(self, record: BlindSpan) -> None:
        """An observer saw nothing (R5.3). Told again with a later end, it still lasts."""
        known = self._blinds.setdefault(record.observer, [])
        until_ms = record.until_ms
        for index, (from_ms, to_ms) in enumerate(known):
            if from_ms == record.from_ms:
                until_ms = max(until_ms, to_ms)
                del known[index]
                break
        insort(known, (record.from_ms, until_ms))
        for machines in (self._device, self._e2e):
            for (observer, _), machine in machines.items():
                if observer == record.observer and machine.depends_on(record.from_ms, until_ms):
                    self._fall_behind(record.from_ms)

    def _observe(self, s: Stretch) -> None:
        key = (s.observer, s.module)
        self._sample(self._machine(View.DEVICE, key), s, _PROBED)
        if s.observer == CENTRE and s.live:
            # The end-to-end view ignores late evidence (R9.6).
            self._sample(self._machine(View.E2E, key), s, _PROBED)

    def _report(self, s: Stretch) -> None:
        self._report_to(self._machine(View.DEVICE, _REPORTS), s)
        if self._e2e is not self._device:
            self._report_to(self._machine(View.E2E, _REPORTS), s)

    def _report_to(self, machine: Machine, s: Stretch) -> None:
        last_ms = machine.last_ms
        if last_ms is not None and s.first_ms - last_ms > machine.hold_ms:
            self._enter(machine, s.first_ms)
            interval_ms = machine.interval_ms or self._rules.at(last_ms).interval_ms
            for row in silence.missed(last_ms, interval_ms, s.first_ms, machine.blinds) if machine.last_ms is not None else ():
                machine.miss(*row, interval_ms)
        self._sample(machine, s, _REPORTED)

    def _sample(self, machine: Machine, s: Stretch, labels: Mapping[Result, Label]) -> None:
        last_ms = machine.last_ms
        if last_ms is not None and s.first_ms <= last_ms:
            if not machine.knows(s.first_ms, s.last_ms, labels.get(s.result)):
                self._fall_behind(s.first_ms)
            return
        if len(self._scope) > 1:
            self._enter(machine, s.first_ms)
        if s.result is not Result.FAIL:
            machine.see_good(s.first_ms, s.last_ms, s.count, labels[s.result], s.interval_ms)
        elif s.times:
            machine.see_failures(s.times, s.interval_ms)
        else:
            machine.see_failures((s.first_ms,) if s.last_ms == s.first_ms else (s.first_ms, s.last_ms), s.interval_ms)

    def _enter(self, machine: Machine, t_ms: int) -> None:
        """Between two stretches of service nothing holds and nothing is missed."""
        for a, _ in self._scope:
            if machine.last_ms is not None and machine.last_ms < a <= t_ms:
                machine.restart(a)

    def _machine(self, view: View, key: Key) -> Machine:
        machines = self._device if view is View.DEVICE else self._e2e
        machine = machines.get(key)
        if machine is None:
            path = self._paths.get(key[0]) or self._paths.get(view) or OpenPath()
            machine = machines[key] = Machine(self._rules, self._blinds.setdefault(key[0], []), path)
        return machine

    def _fall_behind(self, t_ms: int) -> None:
        self.behind_ms = t_ms if self.behind_ms is None else min(self.behind_ms, t_ms)

    # --- what is answered

    def spans(self, view: View, from_ms: int, until_ms: int, *, for_path: bool = False) -> list[Span]:
        """The spans within `[from_ms, until_ms)` and the scope, as known now. `for_path`: as the children's path sees them."""
        out: list[Span] = []
        for a, b in clip(self._scope, from_ms, until_ms):
            out += self._within_scope(view, a, b, for_path)
        return out

    def _within_scope(self, view: View, from_ms: int, until_ms: int, for_path: bool) -> list[Span]:
        spans = self._observed(view, from_ms, until_ms)
        if view is View.DEVICE:
            late = self.boots.late_cover(from_ms, until_ms)
            proved = cut(self.boots.continuity(from_ms, until_ms), self._where_uptime_counts(from_ms, until_ms))
            spans = overlay.lift(spans, late, proved, keep_unreachable=for_path)
            spans = self._lay_boots(spans, until_ms)
        if self._rules.at(until_ms).gap_policy is GapPolicy.BRIDGE_DOWN:
            spans = overlay.bridge(spans)
        return spans

    def _observed(self, view: View, from_ms: int, until_ms: int) -> list[Span]:
        machines = self._device if view is View.DEVICE else self._e2e
        lines = [self._line(key, machine, from_ms, until_ms) for key, machine in machines.items()]
        return overlay.either(lines) if lines else [Span(from_ms, until_ms, State.UNKNOWN, Why.NEVER)]

    def _line(self, key: Key, machine: Machine, from_ms: int, until_ms: int) -> list[Span]:
        rows = self._silent_rows(key, machine, until_ms)
        if not rows:
            return machine.spans(from_ms, until_ms)
        kept = machine.snapshot()
        for row in rows:
            machine.miss(*row, machine.interval_ms)
        spans = machine.spans(from_ms, until_ms)
        machine.restore(kept)
        return spans

    def _silent_rows(self, key: Key, machine: Machine, until_ms: int) -> list[Interval]:
        """Reports missed since the last one, as far as the collector has watched (R6.2)."""
        last_ms = machine.last_ms
        if key != _REPORTS or last_ms is None or until_ms - last_ms <= machine.hold_ms:
            return []
        if self._rules.at(last_ms).sign is not Sign.PUSH or any(last_ms < a <= until_ms for a, _ in self._scope):
            return []
        interval_ms = machine.interval_ms or self._rules.at(last_ms).interval_ms
        rows = silence.missed(last_ms, interval_ms, until_ms, machine.blinds)
        confirm_ms = machine.hold_ms - interval_ms
        return [row for row in rows if silence.watched(row, confirm_ms, until_ms, machine.blinds)]

    def _lay_boots(self, spans: list[Span], until_ms: int) -> list[Span]:
        boots = self.boots
        stalls = boots.stalls
        if stalls:
            # A probe that was answered meanwhile is the better witness.
            seen = [(s.from_ms, s.to_ms) for s in spans if s.state in GOOD_STATES and s.why is Why.OBSERVED]
            spans = overlay.lay(spans, minus(stalls, union(seen)), State.DOWN, Why.STALL)
        spans = overlay.lay(spans, union(boots.farewells(until_ms)), State.DOWN, Why.SHUTDOWN)
        return overlay.lay(spans, union(boots.outages()), State.DOWN, Why.REBOOT)

    def _where_uptime_counts(self, from_ms: int, until_ms: int) -> list[Interval]:
        edges = [from_ms, *[edge for edge in self._rules.changes if from_ms < edge < until_ms], until_ms]
        pieces = pairwise(edges)
        return union(piece for piece in pieces if self._rules.at(piece[0]).accept_uptime_evidence)

    def now(self, view: View, now_ms: int) -> Span:
        """The state at `now_ms`, which is not before the newest sample, and since when it has lasted, by the samples alone:
        late evidence and reboots are about what was before."""
        machines = self._device if view is View.DEVICE else self._e2e
        found: list[Span] = []
        for key, machine in machines.items():
            rows = self._silent_rows(key, machine, now_ms)
            kept = machine.snapshot() if rows else None
            for row in rows:
                machine.miss(*row, machine.interval_ms)
            found.append(machine.now(now_ms))
            if kept is not None:
                machine.restore(kept)
        return overlay.best(found) if found else Span(0, now_ms, State.UNKNOWN, Why.NEVER)

    def soft_runs(self, view: View) -> list[Interval]:
        """Failures that were never confirmed (R4.3)."""
        machines = self._device if view is View.DEVICE else self._e2e
        return union(run for machine in machines.values() for run in machine.soft)

    def confirmed(self, view: View) -> list[Interval]:
        """Onset and hard instant of each confirmed outage (R4.1)."""
        machines = self._device if view is View.DEVICE else self._e2e
        return sorted({pair for machine in machines.values() for pair in machine.confirmed})

    def forget(self, before_ms: int) -> None:
        """Drop what is only about the time before `before_ms`."""
        for machine in {id(m): m for m in (*self._device.values(), *self._e2e.values())}.values():
            machine.forget(before_ms)
        self.boots.forget(before_ms)
        for known in self._blinds.values():
            known[:] = [blind for blind in known if blind[1] > before_ms]


def _within(s: Stretch, from_ms: int, until_ms: int) -> Stretch:
    """The part of a stretch inside `[from_ms, until_ms)`."""
    if from_ms <= s.first_ms and s.last_ms < until_ms:
        return s
    if s.times:
        times = tuple(t for t in s.times if from_ms <= t < until_ms)
        if not times:
            times = (max(from_ms, s.first_ms),)
        return msgspec.structs.replace(s, first_ms=times[0], last_ms=times[-1], count=len(times), times=times)
    return msgspec.structs.replace(s, first_ms=max(from_ms, s.first_ms), last_ms=min(until_ms - 1, s.last_ms))


_BEST: Final = {Result.OK: 0, Result.DEGRADED: 1, Result.FAIL: 2}


def in_order(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Evidence as a judge wants it: by time, of several samples of a sequence at one instant only the best, and no stretch
    reaching over the beginning of another of its sequence."""
    ordered = sorted(stretches, key=lambda s: (s.first_ms, s.last_ms, _BEST[s.result], s.kind, s.observer, s.module, s.boot))
    out: list[Stretch] = []
    last: dict[tuple[Kind, str, str, bool], int] = {}
    for s in ordered:
        key = (s.kind, s.observer, s.module, s.live)
        place = last.get(key)
        if place is not None and out[place].last_ms >= s.first_ms and s.kind is Kind.OBS:
            before = out[place]
            if before.first_ms == s.first_ms and _BEST[before.result] <= _BEST[s.result] and s.last_ms <= before.last_ms:
                continue
            if before.first_ms < s.first_ms:
                out[place] = _within(before, before.first_ms, s.first_ms)
                rest = _within(before, s.first_ms + 1, FOREVER)
                if before.last_ms > s.last_ms and rest.first_ms > s.first_ms:
                    out.append(rest)
        last[key] = len(out)
        out.append(s)
    return sorted(out, key=lambda s: (s.first_ms, s.last_ms))


def judge_all(
    stretches: Iterable[Stretch],
    blinds: Iterable[BlindSpan],
    rules: Timetable[Rules],
    *,
    scope: Scope = ((0, None),),
    paths: Paths | None = None,
) -> Judge:
    """A judge that was told everything, in order: the recomputation (R1.3)."""
    judge = Judge(rules, scope=scope, paths=paths)
    for record in blinds:
        judge.blind(record)
    judge.see_all(stretches)
    return judge
