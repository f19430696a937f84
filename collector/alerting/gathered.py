"""What figures say of every target at one moment: certificates, batteries, agents of which not all arrives. Worked out for the
whole fleet in one pass every few seconds, so that a look at one subject finds it ready.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import msgspec

from agent.model import AGENT, HEARTBEAT, Kind
from collector.alerting.figures import Figures
from collector.core.alert import AlertKey, AlertKind, Condition, Severity
from collector.core.findings import (
    Battery,
    Found,
    Lane,
    Modules,
    Progress,
    certificate,
    follow_lane,
    on_battery,
    wedged,
)
from collector.core.fleet import Fleet, Target
from collector.core.tally import AgentTally

AGENT_PREFIX: Final = "agent:"
CALM_MS: Final = 900_000
"""A certificate is well again when every look for so long found a good one: of several servers behind one address each has
its own."""
_EXPIRY: Final = "probe_ssl_earliest_cert_expiry"
_STATES: Final = {"haidang_ups_output_source": "source", "haidang_ups_battery_state": "state", "haidang_ups_test_state": "test"}
_NUMBERS: Final = {
    "haidang_ups_on_battery_seconds": "seconds",
    "haidang_ups_battery_charge_ratio": "charge",
    "haidang_ups_battery_runtime_seconds": "runtime_s",
}

Severe = Callable[[AlertKey, Severity], Severity]
"""How grave a condition is, given what its own rule says: the on-call file's word."""


class Remembered(msgspec.Struct):
    """A condition with what its rule found, before the on-call file's word; and since when it has not been found any more."""

    condition: Condition
    severity: Severity
    good_ms: int | None = None


class Gathered:
    """See the module. A condition whose figures are not known any more goes on: silence is no recovery."""

    def __init__(self, fleet: Fleet, severe: Severe, is_up: Callable[[str, int], bool]) -> None:
        """`is_up` answers whether a subject is known to work now."""
        self._fleet = fleet
        self._figures = Figures(fleet)
        self._severe = severe
        self._is_up = is_up
        self._known: dict[AlertKey, Remembered] = {}
        self._progress: dict[tuple[str, str], Progress] = {}
        self.of: dict[str, tuple[Condition, ...]] = {}
        """Conditions by subject."""

    def recall(self, condition: Condition) -> None:
        """What was true before a restart."""
        self._known[condition.key] = Remembered(condition, condition.severity)
        self._publish()

    def refresh(self, now_ms: int) -> None:
        """Look at everything."""
        self._certificates(now_ms)
        self._batteries(now_ms)
        self._agents(now_ms)
        self._known = {key: known for key, known in self._known.items() if self._is_watched(key.subject)}
        self._publish()

    def _publish(self) -> None:
        found: dict[str, list[Condition]] = {}
        for known in self._known.values():
            found.setdefault(known.condition.key.subject, []).append(known.condition)
        self.of = {subject: tuple(conditions) for subject, conditions in found.items()}

    def _is_watched(self, subject: str) -> bool:
        return self._fleet.get(subject.removeprefix(AGENT_PREFIX)) is not None

    def _take(self, key: AlertKey, found: Found | None, at_ms: int, calm_ms: int = 0) -> None:
        """What was found of a key at a moment; None: all is well, and has to be for `calm_ms`."""
        known = self._known.get(key)
        if found is None:
            if known is None:
                return
            if known.good_ms is None:
                known.good_ms = at_ms
            if at_ms - known.good_ms >= calm_ms:
                del self._known[key]
            return
        before = known.condition if known is not None else None
        condition = Condition(
            key,
            self._severe(key, found.severity),
            min(found.since_ms, before.since_ms) if before is not None else found.since_ms,
            before.known_ms if before is not None else at_ms,
            reason=found.reason,
            detail=found.detail[:300],
            value=found.value,
        )
        self._known[key] = Remembered(condition, found.severity)

    def _before(self, key: AlertKey) -> Severity | None:
        known = self._known.get(key)
        return known.severity if known is not None else None

    # --- certificates

    def _certificates(self, now_ms: int) -> None:
        ends: dict[tuple[str, str], float] = {}
        for one in self._figures.read(_EXPIRY, now_ms):
            # Of several observers of one probe the gravest counts; without any certificate nothing is said.
            name = one.module.removesuffix(f":{one.evidence.observer.lower()}")
            if math.isfinite(one.value) and one.value > 0:
                ends[one.target, name] = min(one.value, ends.get((one.target, name), math.inf))
        for (target, name), end_s in ends.items():
            key = AlertKey(target, AlertKind.CERTIFICATE, name)
            self._take(key, certificate(name, end_s, now_ms, self._before(key)), now_ms, CALM_MS)

    # --- batteries

    def _batteries(self, now_ms: int) -> None:
        said: dict[str, dict[str, str | float]] = {}
        times: dict[str, int] = {}
        for family, field in _STATES.items():
            for one in self._figures.read(family, now_ms):
                if one.value == 1.0:
                    said.setdefault(one.target, {})[field] = one.labels[-1]
                    times[one.target] = one.evidence.t_ms
        for family, field in _NUMBERS.items():
            for one in self._figures.read(family, now_ms):
                if math.isfinite(one.value):
                    said.setdefault(one.target, {})[field] = one.value
                    times[one.target] = one.evidence.t_ms
        for target, fields in said.items():
            if "source" in fields or "seconds" in fields:
                key = AlertKey(target, AlertKind.ON_BATTERY)
                battery = msgspec.convert(fields, Battery)
                self._take(key, on_battery(battery, times[target], self._before(key)), now_ms)

    # --- agents

    def _agents(self, now_ms: int) -> None:
        for name, tally in self._fleet.tally.agents.items():
            target = self._fleet.get(name)
            subject = AGENT_PREFIX + name
            # Of an agent that is not heard it is not known what it makes.
            if target is None or not tally.lanes or not self._is_up(subject, now_ms):
                continue
            lanes = self._lanes(name, tally, now_ms)
            interval_ms = target.life.interval_ms if target.life is not None else 0
            found = wedged(lanes, _modules(target), interval_ms, now_ms)
            self._take(AlertKey(subject, AlertKind.AGENT_WEDGED), found, now_ms)

    def _lanes(self, name: str, tally: AgentTally, now_ms: int) -> list[tuple[Lane, Progress]]:
        lanes = []
        for lane, counts in tally.lanes.items():
            backlog = max(0, counts.produced - counts.acknowledged)
            one = Lane(lane.value, backlog, counts.caught_up_ms or tally.first_ms)
            progress = self._progress[name, one.name] = follow_lane(self._progress.get((name, one.name)), one, now_ms)
            lanes.append((one, progress))
        return lanes


def _modules(target: Target) -> Modules | None:
    """The newest report of the agent's own readers and its newest heartbeat; None without one."""
    beat = target.modules.get(HEARTBEAT)
    if beat is None or beat.evidence is None:
        return None
    newest = None
    for name, live in target.modules.items():
        one = live.evidence
        is_own = one is not None and one.kind is Kind.REPORT and one.observer == target.info.id
        if is_own and name not in (HEARTBEAT, AGENT) and one is not None and (newest is None or one.t_ms > newest.t_ms):
            newest = one
    at_ms = newest.t_ms if newest is not None else None
    return Modules(at_ms, newest.interval_ms if newest is not None else 0, beat.evidence.t_ms, beat.evidence.uptime_ms)
