"""The judge of one target: stretches of evidence in, spans of both views out (SPEC 3.3 to 3.9, 3.19).

Pure and incremental: evidence that follows what is known costs O(1); self-reports may come in any order. The same judge is fed
live, report by report, and whole, for any period and as of any moment (`judge_all`). A sample that lies before what its
sequence has seen cannot be taken in place: `behind_ms` then says from when on the judge must be made anew.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from agent.model import Kind
from collector.core import overlay, silence
from collector.core.boots import Boots
from collector.core.dependency import OpenPath, PathLine
from collector.core.details import Details
from collector.core.intervals import Interval, cut, minus, union
from collector.core.machine import Label, Machine
from collector.core.ordering import in_order
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
_REPORTS: Final = (CENTRE, "\n")
"""Key of the sequence of live self-reports, which no module can have: the centre receives them."""
Key = tuple[str, str]
"""Observer and module."""


class Judge:
    """See the module. `scope`: when the target was in service (R12.3)."""

    __slots__ = (
        "_blinds", "_bridges", "_device", "_e2e", "_paths", "_probes", "_pushes", "_rules", "_scope", "behind_ms", "boots",
    )  # fmt: skip

    def __init__(self, rules: Timetable[Rules], *, scope: Scope = ((0, None),), paths: Paths | None = None) -> None:
        self._rules = rules
        self._scope = [(a, FOREVER if b is None else b) for a, b in scope]
        self._paths = paths or {}
        self._device: dict[Key, Machine] = {}
        self._pushes = any(value.sign is Sign.PUSH for value in rules.values)
        self._probes = any(value.sign is not Sign.PUSH for value in rules.values)
        """What ever counts is followed always; `_line` leaves out when it does not (R1.2)."""
        self._bridges = self._where(lambda value: value.gap_policy is GapPolicy.BRIDGE_DOWN)
        self._e2e: dict[Key, Machine] = self._device if not (self._paths or self._probes) else {}
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
            part = s.part(a, b)
            if part is not None:
                self._take(part)

    def see_all(self, stretches: Iterable[Stretch]) -> None:
        """Take much at once, in any order."""
        ordered = in_order(stretches)
        for s in ordered:
            if s.farewell and any(a <= s.first_ms < b for a, b in self._scope):
                # What comes after a farewell may stand in a stretch that began before it (R8.5).
                if not self.boots.takes(s):
                    self._fall_behind(s.first_ms)
                self.boots.announce(s)
        for s in ordered:
            self.see(s)

    def _take(self, s: Stretch) -> None:
        kind = s.kind
        rules = self._rules.at(s.last_ms)
        if kind is Kind.OBS:
            if self._probes:
                self._observe(s)
            if s.result is Result.FAIL:
                return
        boots = self.boots
        if (s.farewell or s.ticks is not None or s.system_ticks is not None) and not boots.takes(s):
            self._fall_behind(s.first_ms)
        hold_ms = rules.ttl_of(s.interval_ms)
        boots.see(s, hold_ms, rules.reboot_tolerance_ms)
        if kind is Kind.REPORT:
            boots.report(s, hold_ms)
            if s.live and self._pushes:
                self._report_to(self._machine(View.DEVICE, _REPORTS), s)
                if self._e2e is not self._device:
                    self._report_to(self._machine(View.E2E, _REPORTS), s)

    def hears(self, observer: str) -> bool:
        """Whether anything of what it knows was seen by this observer."""
        return any(key[0] == observer for key in self._device)

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

    def _report_to(self, machine: Machine, s: Stretch) -> None:
        last_ms = machine.last_ms
        if last_ms is not None and s.first_ms - last_ms > machine.hold_ms:
            self._enter(machine, s.first_ms, reports=True)
            if machine.last_ms is not None:
                interval_ms = self._interval_of(machine)
                for row in silence.missed(last_ms, interval_ms, s.first_ms, machine.blinds):
                    machine.miss(*row, interval_ms)
        self._sample(machine, s, _REPORTED)

    def _sample(self, machine: Machine, s: Stretch, labels: Mapping[Result, Label]) -> None:
        last_ms = machine.last_ms
        if last_ms is not None and s.first_ms <= last_ms:
            self._sample_again(machine, s, labels)
            return
        if len(self._scope) > 1:
            self._enter(machine, s.first_ms, reports=labels is _REPORTED)
        if s.result is not Result.FAIL:
            machine.see_good(s.first_ms, s.last_ms, s.count, labels[s.result], s.interval_ms)
        elif s.times:
            machine.see_failures(s.times, s.interval_ms)
        else:
            machine.see_failures((s.first_ms,) if s.last_ms == s.first_ms else (s.first_ms, s.last_ms), s.interval_ms)

    def _sample_again(self, machine: Machine, s: Stretch, labels: Mapping[Result, Label]) -> None:
        """A stretch that begins where something was seen already: told again, told longer, or beside another one."""
        label, last_ms = labels.get(s.result), machine.last_ms
        assert last_ms is not None
        goes_on = s.last_ms > last_ms and machine.goes_on(s.first_ms, label)
        if not goes_on and not machine.knows(s.first_ms, min(s.last_ms, last_ms), label, s.interval_ms):
            self._fall_behind(s.first_ms)
            return
        rest = s.part(last_ms + 1, FOREVER)
        if rest is not None:
            self._sample(machine, rest, labels)

    def _enter(self, machine: Machine, t_ms: int, *, reports: bool) -> None:
        """Between two stretches of service nothing holds and nothing is missed; what was missed before stays so (R12.3)."""
        end_ms = None
        for a, b in self._scope:
            if machine.last_ms is not None and machine.last_ms < a <= t_ms:
                if reports and end_ms is not None:
                    self._miss(machine, end_ms)
                machine.restart(a)
            end_ms = b

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

    def spans(
        self,
        view: View,
        from_ms: int,
        until_ms: int,
        *,
        for_path: bool = False,
        centre_only: bool = False,
        known_ms: int | None = None,
    ) -> list[Span]:
        """The spans within `[from_ms, until_ms)` and the scope, as known at `known_ms` (`until_ms` if not given): what was not
        seen until then had not come. `for_path`: as the children's path sees them. `centre_only`: by what the centre itself
        saw, where it looks at all: an agent behind a cut line proves no way from the centre to what lies there."""
        known_ms = max(until_ms, known_ms or until_ms)
        bridges = self._bridges
        if bridges:
            # What follows a gap may lie behind the end of what is asked.
            machines = (*self._device.values(), *self._e2e.values())
            known_ms = max([known_ms, *[m.last_ms + 1 for m in machines if m.last_ms is not None]])
        out: list[Span] = []
        for a, b in self._scope:
            if a < until_ms and b > from_ms:
                asked, whole = (max(a, from_ms), min(b, until_ms)), (a, min(b, known_ms))
                spans = self._judged(view, whole if bridges else asked, whole, (for_path, centre_only))
                out += self._bridged(spans, asked, bridges) if bridges else spans
        return out

    def _bridged(self, spans: list[Span], asked: Interval, bridges: Sequence[Interval]) -> list[Span]:
        """R5.5, while the policy holds: `spans` are all there are in a stretch of service, `asked` is a part of it."""
        gaps = [(s.from_ms, s.to_ms) for s in overlay.bridge(spans) if s.why is Why.BRIDGED]
        return overlay.cut_out(overlay.lay(spans, cut(gaps, bridges), State.DOWN, Why.BRIDGED), *asked)

    def _judged(self, view: View, asked: Interval, whole: Interval, how: tuple[bool, bool]) -> list[Span]:
        from_ms, until_ms = asked
        for_path, centre_only = how
        spans = self._observed(view, asked, whole, centre_only)
        if view is View.DEVICE:
            late = self.boots.late_cover(from_ms, until_ms)
            proved = self.boots.continuity(from_ms, until_ms)
            if self._rules.changes or not self._rules.values[0].accept_uptime_evidence:
                proved = cut(proved, self._where(lambda rules: rules.accept_uptime_evidence))
            spans = overlay.lift(spans, late, proved, keep_unreachable=for_path)
            spans = self._lay_boots(spans, until_ms)
        return spans

    def sequences(self, view: View, *, centre_only: bool) -> dict[Key, Machine]:
        """Its sequences of samples by observer and module; `centre_only` as in `spans`. Not to be changed."""
        machines = self._device if view is View.DEVICE else self._e2e
        if centre_only and view is View.DEVICE:
            seen = {key: machine for key, machine in machines.items() if key[0] == CENTRE}
            return seen if any(key != _REPORTS for key in seen) else machines
        return machines

    def _observed(self, view: View, asked: Interval, whole: Interval, centre_only: bool = False) -> list[Span]:
        lines: dict[str, list[list[Span]]] = {}
        for key, machine in self.sequences(view, centre_only=centre_only).items():
            lines.setdefault(_thing(key), []).append(self._line(key, machine, asked, whole))
        if not lines:
            return [Span(*asked, State.UNKNOWN, Why.NEVER)]
        return overlay.together([overlay.either(some) for some in lines.values()])

    def _line(self, key: Key, machine: Machine, asked: Interval, whole: Interval) -> list[Span]:
        begin_ms, known_ms = whole
        if machine.last_ms is not None and machine.last_ms < begin_ms:
            return [Span(*asked, State.UNKNOWN, Why.NEVER)]
        kept = machine.snapshot() if key == _REPORTS else None
        missed = kept is not None and self._miss(machine, known_ms)
        spans = machine.spans(*asked, known_ms)
        if missed and kept is not None:
            machine.restore(kept)
        if self._pushes and self._probes:
            counts = self._where(lambda rules: (rules.sign is Sign.PUSH) == (key == _REPORTS))
            spans = overlay.lay(spans, minus([asked], counts), State.UNKNOWN, Why.NEVER)
        return spans

    def _miss(self, machine: Machine, until_ms: int) -> bool:
        """Take the reports that were missed since the last one, as far as the collector has watched (R6.2); whether there
        were any."""
        last_ms, hold_ms = machine.last_ms, machine.hold_ms
        if last_ms is None or until_ms - last_ms <= hold_ms or any(last_ms < a <= until_ms for a, _ in self._scope):
            return False
        interval_ms = self._interval_of(machine)
        rows = silence.missed(last_ms, interval_ms, until_ms, machine.blinds)
        rows = [row for row in rows if silence.watched(row, hold_ms - interval_ms, until_ms, machine.blinds)]
        for row in rows:
            machine.miss(*row, interval_ms)
        return bool(rows)

    def _interval_of(self, machine: Machine) -> int:
        """Distance of the reports of which the last one was seen."""
        return machine.interval_ms or self._rules.at(machine.last_ms or 0).interval_ms

    def _lay_boots(self, spans: list[Span], until_ms: int) -> list[Span]:
        boots = self.boots
        stalls = boots.stalls
        if stalls:
            # A probe that was answered meanwhile is the better witness.
            seen = [(s.from_ms, s.to_ms) for s in spans if s.state in GOOD_STATES and s.why is Why.OBSERVED]
            spans = overlay.lay(spans, minus(stalls, union(seen)), State.DOWN, Why.STALL)
        spans = overlay.lay(spans, union(boots.farewells(until_ms)), State.DOWN, Why.SHUTDOWN)
        return overlay.lay(spans, union(boots.outages()), State.DOWN, Why.REBOOT)

    def _where(self, holds: Callable[[Rules], bool]) -> list[Interval]:
        """When rules say so (R1.2)."""
        edges = (-FOREVER, *self._rules.changes, FOREVER)
        pieces = zip(edges, edges[1:], self._rules.values, strict=False)
        return union((a, b) for a, b, rules in pieces if holds(rules))

    def now(self, view: View, now_ms: int, *, centre_only: bool = False) -> Span:
        """The state at `now_ms`, which is not before the newest sample, and since when it has lasted, by the samples alone:
        late evidence and reboots are about what was before. `centre_only` as in `spans`."""
        machines = self.sequences(view, centre_only=centre_only)
        pushes = self._rules.at(now_ms).sign is Sign.PUSH
        found: dict[str, list[Span]] = {}
        for key, machine in machines.items():
            if (key == _REPORTS) is not pushes:
                continue
            begin_ms = max([a for a, _ in self._scope if a <= now_ms], default=now_ms)
            if machine.last_ms is not None and machine.last_ms < begin_ms:
                found.setdefault(_thing(key), []).append(Span(begin_ms, now_ms, State.UNKNOWN, Why.NEVER))
                continue
            kept = machine.snapshot() if pushes else None
            missed = kept is not None and self._miss(machine, now_ms)
            found.setdefault(_thing(key), []).append(machine.now(now_ms))
            if missed and kept is not None:
                machine.restore(kept)
        if not found:
            return Span(0, now_ms, State.UNKNOWN, Why.NEVER)
        return overlay.gravest([overlay.best(some) for some in found.values()])

    def soft_runs(self, view: View) -> list[Interval]:
        """Failures that were never confirmed (R4.3)."""
        machines = self._device if view is View.DEVICE else self._e2e
        return union(run for machine in machines.values() for run in machine.soft)

    def confirmed(self, view: View, known_ms: int | None = None) -> list[Interval]:
        """Onset and hard instant of each confirmed outage (R4.1). With K also of a silence that goes on, as far as it was
        watched until then (R6.2)."""
        machines = self._device if view is View.DEVICE else self._e2e
        found = {pair for machine in machines.values() for pair in machine.confirmed}
        silent = machines.get(_REPORTS)
        if silent is not None and known_ms is not None:
            kept, count = silent.snapshot(), len(silent.confirmed)
            if self._miss(silent, known_ms):
                found.update(silent.confirmed[count:])
                silent.restore(kept)
        return sorted(found)

    def details(self, view: View, from_ms: int, until_ms: int, known_ms: int) -> Details:
        """What belongs to a period of unconfirmed failures and of outages, as known at K."""
        return Details(tuple(self.soft_runs(view)), tuple(self.confirmed(view, known_ms))).within(from_ms, until_ms)

    def settled_ms(self) -> int:
        """What was said of the time before this instant changes only by evidence about that time: every sequence and the
        machine's newest boot were seen there, and nothing from before waits to be confirmed (R4.4, R6.3, R8.2, R9.2)."""
        known = [machine.settled_ms for machine in (*self._device.values(), *self._e2e.values())]
        newest = [boot.last_ms for name, boot in self.boots.by_id.items() if name]
        return min([*known, *([max(newest)] if newest else [])], default=-FOREVER)

    def forget(self, before_ms: int) -> None:
        """Drop what is only about the time before `before_ms`."""
        for machine in {id(m): m for m in (*self._device.values(), *self._e2e.values())}.values():
            machine.forget(before_ms)
        self.boots.forget(before_ms)
        for known in self._blinds.values():
            known[:] = [blind for blind in known if blind[1] > before_ms]


def _thing(key: Key) -> str:
    """What a sequence looks at: its module, without the observer that the name of a second one's bears."""
    observer, module = key
    return module.removesuffix(f":{observer.lower()}")


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
