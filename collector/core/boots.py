"""What boots prove: covers of late and boot-continuity evidence (R9.2), reboots (R8.2), farewells and stalls (R8.1, R8.5).

Pure. Nothing here depends on the order in which evidence arrives, but for counters without a boot id (R8.3).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from itertools import pairwise
from typing import Final

from agent.model import Kind
from collector.core.intervals import Interval, clip, minus, union
from collector.core.stretch import Stretch

_WRAP: Final = 1 << 32
_JITTER_MS: Final = 2_000
"""Two clocks are read one after the other: a smaller growth of the time asleep is no sleep."""
_FOREVER: Final = 1 << 62


class Cover:
    """Stretches of consecutive self-reports of one boot, none more than a hold apart (R9.2, E2)."""

    __slots__ = ("ends", "reaches", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.reaches: list[int] = []
        """Until when the next self-report has to come; ahead of `ends` by a hold."""

    def add(self, first_ms: int, last_ms: int, hold_ms: int) -> None:
        """More self-reports, `hold_ms` apart at most; joined with what they touch, in whatever order they come."""
        starts, ends, reaches = self.starts, self.ends, self.reaches
        if ends and ends[-1] <= first_ms <= reaches[-1]:
            ends[-1] = last_ms
            reaches[-1] = max(reaches[-1], last_ms + hold_ms)
            return
        reach_ms = last_ms + hold_ms
        left, right = bisect_left(reaches, first_ms), bisect_right(starts, reach_ms)
        if left < right:
            first_ms, last_ms = min(first_ms, starts[left]), max(last_ms, ends[right - 1])
            reach_ms = max(reach_ms, reaches[right - 1])
        starts[left:right] = [first_ms]
        ends[left:right] = [last_ms]
        reaches[left:right] = [reach_ms]


class Farewells:
    """Announced shutdowns and suspends, and the first evidence after each (R8.5)."""

    __slots__ = ("after", "at")

    def __init__(self) -> None:
        self.at: list[int] = []
        self.after: list[int] = []

    def add(self, at_ms: int) -> bool:
        """One more; whether it is new. The evidence that ends it is what is seen from now on."""
        index = bisect_left(self.at, at_ms)
        if index < len(self.at) and self.at[index] == at_ms:
            return False
        self.at.insert(index, at_ms)
        self.after.insert(index, _FOREVER)
        return True

    def see(self, s: Stretch) -> bool:
        """Evidence; whether it ends one sooner than was known."""
        found = False
        index = bisect_left(self.at, s.last_ms) - 1
        while index >= 0:
            after_ms = s.first_after(self.at[index])
            if after_ms is not None and after_ms < self.after[index]:
                self.after[index] = after_ms
                found = True
            if self.at[index] < s.first_ms:
                break
            index -= 1
        return found

    def until(self, until_ms: int) -> list[Interval]:
        """From each to what ended it."""
        return [(t, min(after, until_ms)) for t, after in zip(self.at, self.after, strict=True) if t < until_ms]

    def forget(self, before_ms: int) -> None:
        """Drop those that ended before."""
        keep = [pair for pair in zip(self.at, self.after, strict=True) if pair[1] > before_ms]
        self.at, self.after = [t for t, _ in keep], [after for _, after in keep]


class Boot:
    """Everything known of one boot of a machine."""

    __slots__ = (
        "asleep",
        "cover",
        "farewells",
        "first_ms",
        "from_ms",
        "held_at_ms",
        "hold_ms",
        "last_ms",
        "starts_with_start",
        "stops_with_stop",
    )

    def __init__(self, first_ms: int) -> None:
        self.first_ms = first_ms
        self.last_ms = first_ms
        self.from_ms: int | None = None
        """When it began, if that is known."""
        self.starts_with_start = False
        self.stops_with_stop = False
        self.hold_ms = 0
        """TTL of its last evidence that is one of a series: what a reboot is measured by (R8.2)."""
        self.held_at_ms = -_FOREVER
        self.cover = Cover()
        self.farewells: Farewells | None = None
        """What it said itself; only its own evidence shows that it goes on."""
        self.asleep: list[list[int]] = []
        """Time asleep and the first and last instant at which it was just that (R8.5), in its order."""

    def see(self, s: Stretch, hold_ms: int) -> None:
        """One more piece of evidence of this boot."""
        if self.farewells is not None:
            self.farewells.see(s)
        if s.first_ms <= self.first_ms:
            self.starts_with_start = s.kind is Kind.AGENT_START or (s.first_ms == self.first_ms and self.starts_with_start)
            self.first_ms = s.first_ms
        if s.last_ms >= self.last_ms:
            self.stops_with_stop = s.kind is Kind.AGENT_STOP or (s.last_ms == self.last_ms and self.stops_with_stop)
            self.last_ms = s.last_ms
        at_ms = s.last_ms if s.interval_ms else -_FOREVER
        if at_ms >= self.held_at_ms:
            self.hold_ms = hold_ms if at_ms > self.held_at_ms else max(self.hold_ms, hold_ms)
            self.held_at_ms = at_ms
        if s.boot_ms is not None:
            self.from_ms = s.boot_ms if self.from_ms is None else min(self.from_ms, s.boot_ms)
        if self.asleep and self.asleep[-1][0] == s.last_asleep_ms == s.first_asleep_ms and self.asleep[-1][2] <= s.first_ms:
            self.asleep[-1][2] = s.last_ms
            return
        self._sleep(s.first_ms, s.first_asleep_ms)
        if s.last_ms != s.first_ms:
            self._sleep(s.last_ms, s.last_asleep_ms)

    def _sleep(self, t_ms: int, asleep_ms: int) -> None:
        for known in reversed(self.asleep):
            if abs(known[0] - asleep_ms) < _JITTER_MS:
                known[1], known[2] = min(known[1], t_ms), max(known[2], t_ms)
                return
        insort(self.asleep, [asleep_ms, t_ms, t_ms])

    def ran(self) -> list[Interval]:
        """When it is proved to have run, by continuity alone (R9.2, E3), less the time asleep (R8.5)."""
        first = self.first_ms if self.from_ms is None else min(self.from_ms, self.first_ms)
        slept = [(max(before[2], after[1] - (after[0] - before[0])), after[1]) for before, after in pairwise(self.asleep)]
        if self.farewells is not None:
            slept += self.farewells.until(self.last_ms)
        return minus([(first, self.last_ms)], union(slept)) if first < self.last_ms else []


class Boots:
    """The boots of one machine."""

    __slots__ = ("_counted", "_farewells", "_name", "_seen_ms", "by_id", "changes", "stalls")

    def __init__(self) -> None:
        self.by_id: dict[str, Boot] = {}
        self.stalls: list[Interval] = []
        self.changes = 0
        """Counts whatever is more than the newest boot going on."""
        self._farewells = Farewells()
        self._counted: Stretch | None = None
        self._name = 0
        self._seen_ms = -_FOREVER
        """The newest evidence."""

    def see(self, s: Stretch, hold_ms: int, tolerance_ms: int = 10_000) -> None:
        """Evidence that the machine ran at both ends of `s`; failures are none. `tolerance_ms`: of counters (R8.3)."""
        if self._farewells.at and self._farewells.see(s):
            self.changes += 1
        if s.last_ms > self._seen_ms:
            self._seen_ms = s.last_ms
        if s.kind is Kind.STALL:
            self.stalls = union([*self.stalls, (s.first_ms, s.until_ms)])
            self.changes += 1
        if s.farewell:
            self.announce(s)
        name = s.boot or self._count(s, tolerance_ms)
        if not name:
            return
        boot = self.by_id.get(name)
        if boot is None:
            boot = self.by_id[name] = Boot(s.first_ms)
            self.changes += 1
            if not s.boot and s.boot_ms is None:
                boot.from_ms = _counted_from(s)
        elif not s.live or s.first_ms < boot.last_ms:
            self.changes += 1
        boot.see(s, hold_ms)

    def announce(self, s: Stretch) -> None:
        """A farewell (R8.5). The evidence that ends it is what is seen from now on."""
        if self._farewells.add(s.first_ms):
            self.changes += 1
        if s.boot:
            boot = self.by_id.setdefault(s.boot, Boot(s.first_ms))
            boot.farewells = boot.farewells or Farewells()
            boot.farewells.add(s.first_ms)

    def takes(self, s: Stretch) -> bool:
        """Whether `s` may still come after what was seen: counters go on from the last ones (R8.3), and the evidence after
        a farewell must not have been seen before it (R8.5)."""
        if s.farewell:
            return s.first_ms in self._farewells.at or s.first_ms >= self._seen_ms
        if s.boot or (s.ticks is None and s.system_ticks is None):
            return True
        return self._counted is None or s.first_ms >= self._counted.first_ms

    def report(self, s: Stretch, hold_ms: int) -> None:
        """Self-reports: grade E2 cover, with or without a boot id."""
        boot = self.by_id.get(s.boot)
        if boot is None:
            # Without an id there is no continuity to claim, only a cover (R9.2).
            boot = self.by_id[s.boot] = Boot(s.first_ms)
        boot.cover.add(s.first_ms, s.last_ms, hold_ms)
        if not s.live:
            self.changes += 1

    def _count(self, s: Stretch, tolerance_ms: int) -> str:
        """The boot that counters tell of, where there is no id (R8.3). What no counter can say is ignored."""
        if not (_is_counter(s.ticks) or _is_counter(s.system_ticks)):
            return ""
        before = self._counted
        if before is None or not _same_boot(before, s, tolerance_ms):
            self._name += 1
        self._counted = s
        return f"#{self._name}"

    # --- answers

    def late_cover(self, from_ms: int, until_ms: int) -> list[Interval]:
        """Grade E2 within the period (R9.2)."""
        out: list[Interval] = []
        for boot in self.by_id.values():
            out += clip(list(zip(boot.cover.starts, boot.cover.ends, strict=True)), from_ms, until_ms)
        return union(out)

    def continuity(self, from_ms: int, until_ms: int) -> list[Interval]:
        """Grade E3 within the period (R9.2, R8.5)."""
        ran = [piece for name, boot in self.by_id.items() if name for piece in boot.ran()]
        return clip(minus(union(ran), union(self.farewells(until_ms))), from_ms, until_ms)

    def farewells(self, until_ms: int) -> list[Interval]:
        """From each announced shutdown or suspend to the next evidence (R8.5)."""
        return self._farewells.until(until_ms)

    def reboots(self) -> list[tuple[int, int, bool]]:
        """Each change of boot as (last evidence of the old, first of the new, both ends pinned by markers) (R8.2)."""
        return [(old.last_ms, new.first_ms, old.stops_with_stop and new.starts_with_start) for old, new in self._changes()]

    def outages(self) -> list[Interval]:
        """Time that reboots turn down: pinned at any length, else up to a hold (R8.2)."""
        out = []
        for old, new in self._changes():
            gap = new.first_ms - old.last_ms
            pinned = old.stops_with_stop and new.starts_with_start
            if gap > 0 and (pinned or gap <= old.hold_ms):
                out.append((old.last_ms, new.first_ms))
        return out

    def _changes(self) -> list[tuple[Boot, Boot]]:
        """Boots that followed each other. Ids and counters are two witnesses; each is compared with itself only."""
        out = []
        for counted in (False, True):
            boots = [boot for name, boot in self.by_id.items() if name and (name[0] == "#") is counted]
            boots.sort(key=lambda boot: (boot.first_ms, boot.last_ms))
            old = boots[0] if boots else None
            for new in boots[1:]:
                assert old is not None
                if old.last_ms <= new.first_ms:
                    out.append((old, new))
                old = new if new.last_ms >= old.last_ms else old
        return out

    def forget(self, before_ms: int) -> None:
        """Drop boots whose last evidence is older, but for the newest of them: a reboot has two ends."""
        newest = max((boot.last_ms for name, boot in self.by_id.items() if name and boot.last_ms < before_ms), default=0)
        self.by_id = {name: boot for name, boot in self.by_id.items() if boot.last_ms >= min(before_ms, newest) or not name}
        self.stalls = [stall for stall in self.stalls if stall[1] > before_ms]
        self._farewells.forget(before_ms)


def _same_boot(before: Stretch, now: Stretch, tolerance_ms: int) -> bool:
    """Whether the counters went on (R8.3): expected = old + elapsed, modulo the wrap of 32 bits; the system's own preferred."""
    for old, new in ((before.system_ticks, now.system_ticks), (before.ticks, now.ticks)):
        if old is not None and new is not None and _is_counter(old) and _is_counter(new):
            apart = abs((old + (now.first_ms - before.first_ms) // 10) % _WRAP - new)
            return min(apart, _WRAP - apart) * 10 <= tolerance_ms
    return True


def _is_counter(ticks: int | None) -> bool:
    return ticks is not None and 0 <= ticks < _WRAP


def _counted_from(s: Stretch) -> int:
    """Since when the machine has run, at least: a counter that wrapped or restarted alone says later than it was (R9.2)."""
    ticks = s.system_ticks if _is_counter(s.system_ticks) else s.ticks
    assert ticks is not None
    return s.first_ms - ticks * 10
