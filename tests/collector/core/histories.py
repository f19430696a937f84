"""Random histories in the format of the golden vectors, and the smallest part of one that still shows a fault.

A history is made from one number, so that a test names it in a word and hypothesis has little to draw.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from random import Random
from typing import Any

from collector.core.state import Span, View
from collector.replay.reading import load
from collector.replay.timeline import Case, spans_between

MOST = int(os.environ.get("HAIDANG_HISTORIES", "20000"))
"""How many histories all tests together look at; more by the environment variable."""

Event = dict[str, Any]
Vector = dict[str, Any]

DEFAULTS = {
    "slo": "99.0", "interval": 60, "ttl": 150, "fail_after": 3, "recover_after": 1, "dep_slack": 60, "merge_gap": 0,
    "gap_policy": "unknown", "silence_means": "unknown", "accept_uptime_evidence": True, "reboot_tolerance": 10,
    "late_after": 30,
}  # fmt: skip


def share(part: int) -> int:
    """Examples of a test that takes so many per cent of all histories."""
    return max(1, MOST * part // 100)


class History:
    """One random history. `vector` has targets that depend on one another up to three levels deep, `question` asks for one."""

    def __init__(self, seed: int, *, plain: bool = False) -> None:
        """`plain`: no boots, stalls, late observers: what is left is samples, reports and the path."""
        self.dice = Random(seed)
        self.plain = plain
        self.end = 60 * self.dice.randint(12, 30)
        self.params = self._parameters()
        self.targets: dict[str, dict[str, Any]] = {}
        self.events: list[Event] = []
        for level in range(self.dice.choice((1, 1, 2, 2, 3))):
            for number in range(self.dice.choice((1, 1, 2))):
                self._target(f"T{level}{number}", level)
        for _ in range(self.dice.choice((0, 0, 1, 2))):
            self._blind()
        for number in range(self.dice.choice((0, 0, 1, 2))):
            self._window(f"W{number}")
        first = 60 * self.dice.choice((0, 0, 1, 3))
        # What lies after the period confirms what lies in it; whether there was a path then is told only if somebody asks.
        beyond = 60 * self.dice.choice((0, 0, 1, 3)) if not any("parents" in one for one in self.targets.values()) else 0
        self.vector: Vector = {
            "id": f"H{seed}",
            "period": {"from": first, "to": self.end - beyond},
            "targets": self.targets,
            "events": self.events,
            "results": [],
        }
        self.as_of: int | None = None if self.dice.random() < 0.5 else self.dice.randint(first + 60, self.end + 600)

    def question(self, subject: str, view: str) -> dict[str, Any]:
        """A result to ask for, without what is expected."""
        policy = "e2e" if view == "e2e" else "device_contract"
        asked = {"subject": subject, "view": view, "policy": policy, "params": self.params}
        return asked if self.as_of is None else {**asked, "as_of": self.as_of}

    def be_possible(self) -> History:
        """Nobody observes while blind, and what an agent sends meanwhile arrives afterwards; the same history, returned."""
        for blind in [event for event in self.events if event["ev"] == "blind"]:
            a, b, observer = blind["t"], blind["until"], blind["observer"]
            self.events[:] = [
                e for e in self.events if not (e["ev"] == "obs" and e["observer"] == observer and a <= e["t"] < b)
            ]
            for event in self.events:
                if observer == "center" and "target" in event and a <= event.get("rx", event["t"]) < b:
                    event["rx"] = b
            blind["rx"] = b
        return self

    def _parameters(self) -> dict[str, Any]:
        dice = self.dice
        return {
            "ttl": dice.choice((150, 150, 150, 90, 200)),
            "fail_after": dice.choice((3, 3, 2, 1)),
            "recover_after": dice.choice((1, 1, 1, 2, 3)),
            "dep_slack": dice.choice((60, 60, 0, 130)),
            "merge_gap": dice.choice((0, 0, 100, 300)),
            "gap_policy": dice.choice(("unknown", "unknown", "bridge_down")),
            "silence_means": dice.choice(("down", "unknown")),
            "accept_uptime_evidence": dice.random() < 0.7,
        }

    def _target(self, name: str, level: int) -> None:
        dice = self.dice
        kind = dice.choice(("probe", "push", "probe+push"))
        target: dict[str, Any] = {"kind": kind}
        above = [other for other in self.targets if other[1] == str(level - 1)]
        if above:
            target["parents"] = dice.choice(([above], [[one] for one in above], [[dice.choice(above)]]))
        if dice.random() < 0.1:
            cut = 60 * dice.randint(2, 9)
            target["scope"] = dice.choice(([[cut, self.end]], [[0, cut]], [[0, cut], [cut + 60, self.end]]))
        self.targets[name] = target
        if kind != "push":
            for observer in ("center", "s1") if not self.plain and dice.random() < 0.2 else ("center",):
                self._probe(name, observer)
        if kind != "probe":
            self._reports(name)

    def _probe(self, name: str, observer: str) -> None:
        dice = self.dice
        t, result = dice.choice((-120, 0, 0, 7, 240)), "ok"
        ticks = dice.choice((None, None, None, 4294961296, 1000)) if observer == "center" else None
        while t < self.end:
            event: Event = {"t": t, "ev": "obs", "target": name, "result": result, "observer": observer}
            if result == "ok" and ticks is not None and not self.plain:
                event[dice.choice(("sysUpTime", "hrSystemUptime"))] = (ticks + 100 * t) % 2**32
                ticks = 100 - 100 * t if dice.random() < 0.05 else ticks
            if not self.plain and dice.random() < 0.08:
                event["rx"] = t + dice.choice((31, 200, 900))
            self.events.append(event)
            step = dice.random()
            t += 60 if step < 0.85 else dice.choice((15, 30, 90, 150, 151, 240, 600))
            change = {"ok": 0.2, "degraded": 0.4, "fail": 0.3}[result]
            if dice.random() < change:
                result = dice.choice(("ok", "fail", "fail", "degraded"))

    def _reports(self, name: str) -> None:
        dice = self.dice
        named = dice.random() < 0.7
        t, boot, born = dice.choice((-120, 0, 0, 7, 240)), 1, -5000
        late_until, delay, result = 0, 0, "ok"
        while t < self.end:
            ids = {"boot": f"B{boot}", "boot_time": born} if named else {}
            event: Event = {"t": t, "ev": "report", "target": name, **ids}
            if self.plain and dice.random() < 0.05:
                result = dice.choice(("ok", "fail", "degraded"))
            if result != "ok":
                event["result"] = result
            if t < late_until:
                event["rx"] = max(t, late_until) + delay
            elif dice.random() < 0.06:
                late_until, delay = t + dice.choice((120, 300, 600)), dice.choice((5, 60, 900))
            self.events.append(event)
            step = dice.random()
            before = t
            t += 60 if step < 0.88 else dice.choice((15, 90, 150, 151, 240, 600))
            if self.plain:
                continue
            if step > 0.95:
                boot, born = self._pause(name, (before, t), (boot, born), named=named)

    def _pause(self, name: str, gap: tuple[int, int], life: tuple[int, int], *, named: bool) -> tuple[int, int]:
        """Something happens to the machine between two reports: a reboot, a restart of the agent, a stall, a shutdown."""
        dice, (before, after), (boot, born) = self.dice, gap, life
        if after - before < 15 or after >= self.end:
            return life
        stop, start = before + dice.randint(1, 5), after - dice.randint(1, 5)
        what = dice.choice(("reboot", "reboot", "restart", "stall", "shutdown"))
        ids = {"boot": f"B{boot}", "boot_time": born} if named else {}
        if what == "stall":
            self.events.append({"t": stop, "ev": "stall", "target": name, "until": start})
            return life
        if what == "shutdown":
            reason = dice.choice(("shutdown", "suspend"))
            self.events.append({"t": stop, "ev": "agent_stop", "target": name, "reason": reason, **ids})
            return life
        if dice.random() < 0.6:
            self.events.append({"t": stop, "ev": "agent_stop", "target": name, **ids})
        if what == "reboot":
            boot, born = boot + 1, dice.randint(stop + 1, start - 1)
            ids = {"boot": f"B{boot}", "boot_time": born} if named else {}
        if dice.random() < 0.6:
            self.events.append({"t": start, "ev": "agent_start", "target": name, **ids})
        return boot, born

    def _blind(self) -> None:
        t = self.dice.randint(-30, self.end - 60)
        observer = "center" if self.plain else self.dice.choice(("center", "center", "s1"))
        self.events.append({"t": t, "ev": "blind", "until": t + self.dice.choice((20, 100, 400)), "observer": observer})

    def _window(self, name: str) -> None:
        a = 60 * self.dice.randint(-3, self.end // 60)
        scope = [self.dice.choice(list(self.targets))]
        made = {"from": a, "to": a + 60 * self.dice.randint(1, 9), "scope": scope, "propagate": self.dice.random() < 0.5}
        self.events.append({"t": a - 500, "ev": "maint_create", "id": name, "by": "u1", **made})
        self.events.append({"t": a - 400, "ev": "maint_approve", "id": name, "by": self.dice.choice(("u2", "u2", "u1"))})


def document(*vectors: Vector) -> dict[str, Any]:
    """A file with these vectors."""
    return {"schema": "availability-vectors/1", "defaults": DEFAULTS, "vectors": list(vectors)}


def smallest(vector: Vector, fails: Callable[[Vector], bool]) -> Vector:
    """The vector with as few events as still fail, found by leaving out ever smaller parts."""
    kept: list[Event] = [e for e in vector["events"] if e["ev"].startswith("maint")]
    events: list[Event] = [e for e in vector["events"] if not e["ev"].startswith("maint")]
    if fails({**vector, "events": events}):
        kept = []
    size = max(1, len(events) // 2)
    while size:
        at, before = 0, len(events)
        while at < len(events):
            fewer = events[:at] + events[at + size :]
            if fails({**vector, "events": kept + fewer}):
                events = fewer
            else:
                at += size
        size = size // 2 if size > 1 else (1 if len(events) < before else 0)
    return {**vector, "events": kept + events}


def case_of(vector: Vector, asked: dict[str, Any]) -> Case:
    """The real core over a vector, with the parameters and K of a result."""
    document_ = load(json.dumps(document({**vector, "results": [asked]})).encode())
    return Case(document_, document_.vectors[0], document_.vectors[0].questions[0])


def lines_of(case: Case) -> dict[tuple[str, View], list[Span]]:
    """Spans of every target in both views over the vector's period, as far as it is known."""
    from_ms, until_ms = case.period[0], case.end_ms
    return {
        (name, view): spans_between(case.spans(name, view), from_ms, until_ms) for name in case.vector.targets for view in View
    }


def ask_all(history: History, **changes: Any) -> dict[str, Any]:
    """A question with the history's parameters and K; `changes` are parameters."""
    asked = history.question(next(iter(history.targets)), "device")
    return {**asked, "params": {**asked["params"], **changes}}
