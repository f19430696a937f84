"""What the ledger has a page for: a target, an agent, a group or a site, and the rules by which it is judged.

Pure values. What configuration says is evidence, too (R1.2): each version holds from a moment on and has an author.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Generic, TypeVar

import msgspec


class SubjectKind(enum.StrEnum):
    """What a subject is. `agent`: the agent program itself (subject id `agent:ID`); `site`: a group made of its link and
    its critical devices (R15.4)."""

    TARGET = "target"
    AGENT = "agent"
    GROUP = "group"
    SITE = "site"


class Sign(enum.StrEnum):
    """What a target is judged by: probes and polls (`obs`), self-reports (`report`), or both (then probes judge and reports
    lift, V23); `state`: given states (golden vectors of accounting)."""

    PROBE = "probe"
    PUSH = "push"
    BOTH = "probe+push"
    STATE = "state"


class GapPolicy(enum.StrEnum):
    """What a gap between two outages is (R5.5)."""

    UNKNOWN = "unknown"
    BRIDGE_DOWN = "bridge_down"


class Rules(msgspec.Struct, frozen=True):
    """Parameters of judgement (SPEC 3.20). Milliseconds."""

    sign: Sign = Sign.PUSH
    interval_ms: int = 15_000
    """Distance of samples that do not say one themselves."""
    ttl_ms: int = 0
    """How long a sample holds (R5.1); 0: `ttl_tenths` tenths of the sample's own interval."""
    ttl_tenths: int = 25
    fail_after: int = 3
    recover_after: int = 1
    dep_slack_ms: int = 60_000
    """How far a parent's outage is widened to the left for this child (R7.3)."""
    late_after_ms: int = 30_000
    silence_is_down: bool = False
    """R6.3."""
    gap_policy: GapPolicy = GapPolicy.UNKNOWN
    accept_uptime_evidence: bool = True
    """R9.2: grade E3 counts."""
    reboot_tolerance_ms: int = 10_000
    parents: tuple[tuple[str, ...], ...] = ()
    """AND of OR-groups of subject ids (R7.1)."""

    def ttl_of(self, interval_ms: int) -> int:
        """How long a sample of this interval holds (R5.1)."""
        return self.ttl_ms or (interval_ms or self.interval_ms) * self.ttl_tenths // 10


class GroupRule(enum.StrEnum):
    """How members make a group (3.15). `pooled` adds seconds and has no states of its own (R15.3)."""

    ALL = "all_of"
    ANY = "any_of"
    K_OF_N = "k_of_n"
    POOLED = "pooled"


class Group(msgspec.Struct, frozen=True):
    """Members and how they compose. `weights` belong to `members` (R15.3); empty: all 1."""

    rule: GroupRule
    members: tuple[str, ...]
    k: int = 0
    weights: tuple[int, ...] = ()

    @property
    def required(self) -> int:
        """Members that must work (R15.2)."""
        return {GroupRule.ALL: len(self.members), GroupRule.ANY: 1}.get(self.rule, self.k)


@lru_cache(maxsize=1_000)
def _millionths(count: int) -> Fraction:
    """One value for all that have the same aim."""
    return Fraction(count, 1_000_000)


class Objective(msgspec.Struct, frozen=True):
    """What is promised of a subject: the ratio aimed at, the policy and calendar it is counted by, and what makes two outages
    one incident."""

    slo_ppm: int = 990_000
    """Aimed-at availability in millionths: 99.9 % is 999,000."""
    policy: str = ""
    """Name of a policy of 3.12; empty: `device_contract` in the device view and `e2e` in the end-to-end view."""
    calendar: str = ""
    """Name of a calendar of service hours (R12.4); empty: 24/7."""
    merge_gap_ms: int = 300_000
    """R10.3."""

    @property
    def slo(self) -> Fraction:
        """The ratio, exact."""
        return _millionths(self.slo_ppm)


class Subject(msgspec.Struct, frozen=True):
    """One subject as configuration has it at some moment."""

    id: str
    kind: SubjectKind = SubjectKind.TARGET
    site: str = ""
    class_: str = ""
    labels: dict[str, str] = {}
    rules: Rules = Rules()
    objective: Objective = Objective()
    group: Group | None = None
    scope: tuple[tuple[int, int | None], ...] = ((0, None),)
    """In-service intervals (R12.3), milliseconds; None: still in service."""


T = TypeVar("T")
U = TypeVar("U")


class Version(msgspec.Struct, Generic[T], frozen=True):
    """A value that holds from `valid_from_ms` on, said by `author` and known since `rx_ms` (R1.2, R1.3)."""

    valid_from_ms: int
    rx_ms: int
    author: str
    value: T


class Timetable(Generic[T]):
    """Which value holds when. The first one also holds before it was said: nothing older is known."""

    __slots__ = ("changes", "values")

    def __init__(self, versions: Sequence[Version[T]]) -> None:
        """`versions` is not empty; of two with the same `valid_from_ms` the one known later wins."""
        ordered = sorted(versions, key=lambda version: (version.valid_from_ms, version.rx_ms))
        last = {version.valid_from_ms: version.value for version in ordered}
        self.changes: tuple[int, ...] = tuple(last)[1:]
        """Instants at which the value changes."""
        self.values: tuple[T, ...] = tuple(last.values())

    @classmethod
    def always(cls, value: T) -> Timetable[T]:
        """One value for all times."""
        return cls([Version(0, 0, "", value)])

    def same(self, values: Sequence[U]) -> Timetable[U]:
        """Other values that change at the same instants."""
        starts = (0, *self.changes)
        return Timetable([Version(start, 0, "", value) for start, value in zip(starts, values, strict=True)])

    def at(self, t_ms: int) -> T:
        """The value that holds at an instant."""
        return self.values[bisect_right(self.changes, t_ms)] if self.changes else self.values[0]

    def next_change(self, t_ms: int) -> int:
        """Until when (exclusive) the value of an instant holds; far away if for ever."""
        index = bisect_right(self.changes, t_ms)
        return self.changes[index] if index < len(self.changes) else 1 << 62

    def last(self) -> T:
        """The newest value."""
        return self.values[-1]
