"""Silences: a person mutes matching alerts until a time, with a comment. Pure; how a pattern matches is given from outside."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping

import msgspec

FullMatch = Callable[[str, str], bool]
"""Does a pattern match the whole of a text?"""


class Operator(enum.StrEnum):
    """How a matcher compares, in Alertmanager's spelling. An absent label is the empty text."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    NOT_MATCHES = "!~"


class Matcher(msgspec.Struct, frozen=True):
    """One label and what it must be."""

    label: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f"{self.label}{self.operator.value}{msgspec.json.encode(self.value).decode()}"

    def holds(self, labels: Mapping[str, str], full_match: FullMatch) -> bool:
        """Whether labels are as it says."""
        found = labels.get(self.label, "")
        if self.operator in (Operator.EQUAL, Operator.NOT_EQUAL):
            return (found == self.value) is (self.operator is Operator.EQUAL)
        return full_match(self.value, found) is (self.operator is Operator.MATCHES)


class Silence(msgspec.Struct, frozen=True):
    """A silence as it stands; `[from_ms, to_ms)`."""

    id: str
    """For people, who type it: S1, S2, S3 ..."""
    matchers: tuple[Matcher, ...]
    author: str
    comment: str
    created_ms: int
    from_ms: int
    to_ms: int
    expired_ms: int | None = None
    """When a person ended it before its time."""
    expired_by: str = ""
    notify: tuple[str, ...] = ()
    """Receivers that are told of it; empty: those of the on-call file's `silences`."""
    told_hides: tuple[str, ...] = ()
    """Alerts (uids) of which its owner was told that it hides them."""
    told_forgotten_ms: int | None = None
    told_end: bool = False
    """Whether its end was dealt with: what it hid and still lasts was told."""
    last_match_ms: int | None = None
    """When it last muted something."""
    events: int = 0
    """Number of notices about it written to the outbox so far."""

    @property
    def end_ms(self) -> int:
        """When it ends or ended."""
        return self.to_ms if self.expired_ms is None else min(self.to_ms, self.expired_ms)

    def is_active(self, now_ms: int) -> bool:
        """Whether it mutes at `now_ms`."""
        return self.from_ms <= now_ms < self.end_ms

    def mutes(self, labels: Mapping[str, str], now_ms: int, full_match: FullMatch) -> bool:
        """Whether it mutes an alert with these labels at `now_ms`."""
        return self.is_active(now_ms) and all(matcher.holds(labels, full_match) for matcher in self.matchers)
