"""A real live ledger of a few subjects for tests of the exposition: no store, no processes, a clock that a test turns."""

from __future__ import annotations

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from agent.model import HEARTBEAT, Kind, Lane, Outcome, Reason
from collector.core.evidence import Evidence, Grade
from collector.core.roll import Roll
from collector.core.subject import Group, GroupRule, Objective, Rules, Sign, Subject, SubjectKind, Version
from collector.ledger.keeper import Keeper
from tests.collector.fleet_kit import INTERVAL, NOW, evidence

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR = 3_600_000
BORN = NOW - 4 * HOUR
"""Since when the subjects are in service: 2026-09-21 17:13:20 local, so that every window has begun."""


class Live:
    """A keeper and its clock. Pushing targets `h1` and `h2`, a probed `p1` with an objective of 99.9 %, the agent of `h1`,
    groups of both kinds and a site."""

    def __init__(self, now_ms: int = NOW) -> None:
        self.now = now_ms
        self.keeper = Keeper(ZONE, lambda: self.now)
        push, probe = Rules(sign=Sign.PUSH, silence_is_down=True), Rules(sign=Sign.PROBE)
        strict = Objective(slo_ppm=999_000)
        scope = ((BORN, None),)
        self.subjects = [
            Subject("h1", site="dc", class_="server", rules=push, scope=scope),
            Subject("h2", site="dc", class_="server", rules=push, scope=scope),
            Subject("p1", site='s"1', class_="service", rules=probe, objective=strict, scope=scope),
            Subject("agent:h1", SubjectKind.AGENT, "dc", rules=push, scope=scope),
            Subject("group:both", SubjectKind.GROUP, group=Group(GroupRule.ALL, ("h1", "p1")), scope=scope),
            Subject("group:pool", SubjectKind.GROUP, group=Group(GroupRule.POOLED, ("h1", "h2"), weights=(2, 1)), scope=scope),
            Subject("site:dc", SubjectKind.SITE, "dc", group=Group(GroupRule.ANY, ("h1", "h2")), scope=scope),
        ]
        self.take()

    def take(self, *more: Subject) -> None:
        said = {subject.id: [Version(BORN, BORN, "inventory", subject)] for subject in (*self.subjects, *more)}
        self.keeper.take_roll(Roll(said), self.now)

    def beat(self, target: str, times: Iterable[int], *, late: bool = False) -> None:
        """Heartbeats about these instants, live or out of a spool that is read now."""
        news = []
        for t in times:
            received = self.now if late else t + 100
            grade = Grade.LATE if late else Grade.LIVE
            up = t - BORN + HOUR
            news.append(
                evidence(
                    target, HEARTBEAT, t, rx_ms=received, grade=grade, uptime_ms=up, awake_ms=up, lane=Lane.FACTS, seq=t // 1000
                )
            )
        self.keeper.see(news)

    def probe(self, target: str, times: Iterable[int], *, ok: bool = True) -> None:
        """What the collector's own probe found at these instants."""
        outcome, reason = (Outcome.OK, Reason.NONE) if ok else (Outcome.FAILED, Reason.TIMEOUT)
        fields = {"observer": "collector", "kind": Kind.OBS, "outcome": outcome, "reason": reason, "boot": ""}
        self.keeper.see([_observed(target, t, fields) for t in times])


def _observed(target: str, t_ms: int, fields: dict[str, object]) -> Evidence:
    return evidence(target, "icmp", t_ms, **fields)


def every(from_ms: int, to_ms: int, step: int = INTERVAL) -> range:
    """Instants `from_ms`, `from_ms + step`, ... before `to_ms`."""
    return range(from_ms, to_ms, step)


def busy() -> Live:
    """`h1` always up, an hour of it told by its spool after it had been counted as down, `h2` up until 100 s ago, `p1` down
    for ten minutes an hour ago and flapping since."""
    live = Live(NOW - HOUR)
    live.beat("h1", every(BORN, NOW - 2 * HOUR))
    live.probe("p1", every(BORN, NOW - HOUR))
    live.keeper.standing("h1", live.now)
    live.now = NOW
    live.beat("h1", every(NOW - 2 * HOUR, NOW - HOUR), late=True)
    live.beat("h1", every(NOW - HOUR, NOW))
    live.beat("h2", every(BORN, NOW - 100_000))
    live.probe("p1", every(NOW - HOUR, NOW - HOUR + 600_000), ok=False)
    for n, t in enumerate(every(NOW - HOUR + 600_000, NOW, 5 * INTERVAL)):
        live.probe("p1", every(t, t + 5 * INTERVAL), ok=n % 2 == 0)
    return live
