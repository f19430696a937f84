"""The vocabulary of vendor-neutral readings: what profiles may derive and health rules may judge. Values only, no files."""

from __future__ import annotations

import enum
import re
from typing import Annotated, Final

import msgspec

from agent.model import Family, MetricType

PREFIX: Final = "haidang_"
UNKNOWN: Final = "unknown"
"""The state of a raw value that a profile does not list; every reading of kind state has it."""
STATE: Final = "state"
"""Label that tells the series of a state set apart."""
RESERVED: Final = frozenset({STATE, "site", "class", "target", "instance", "job", "le", "quantile"})
"""Labels that are given by others, so that a reading cannot have them."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,98}\Z")
_COUNTER: Final = "_total"

Name = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,98}\Z", extra={"expected": "a name of small letters, digits and underscores"})
]

Class = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,30}\Z", extra={"expected": "a word of small letters"})]
"""What a device is, such as `ups`."""


class Kind(enum.StrEnum):
    """What a reading is: a number that goes up and down, one that only rises, one of several states, or a text."""

    GAUGE = "gauge"
    COUNTER = "counter"
    STATE = "state"
    INFO = "info"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reading as `readings.yml` has it, under its name."""

    kind: Kind
    help: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    help_vi: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    labels: tuple[Name, ...] = ()
    range: tuple[float, ...] = ()
    """Lowest and highest plausible value, in the reading's own unit."""
    states: tuple[Name, ...] = ()

    def __post_init__(self) -> None:
        if self.range and (len(self.range) != 2 or self.range[0] >= self.range[1]):
            raise ValueError("a range of two numbers, the lower first")
        if (self.kind is Kind.STATE) != bool(self.states):
            raise ValueError("states for a reading of kind state, and for no other")
        if self.states and UNKNOWN not in self.states:
            raise ValueError(f"{UNKNOWN} as one of the states")
        if self.kind is Kind.INFO and not self.labels:
            raise ValueError("labels for a reading of kind info, which tells by them")
        for names, what in ((self.labels, "labels"), (self.states, "states")):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} that differ from each other")
        if taken := RESERVED.intersection(self.labels):
            raise ValueError(f"labels other than {', '.join(sorted(taken))}, which the collector gives")


class VocabularyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of `readings.yml`."""

    readings: dict[Name, Entry]


class Reading(msgspec.Struct, frozen=True):
    """One reading of the vocabulary with its family as it is exposed."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    low: float
    high: float
    states: tuple[str, ...]
    family: Family
    help_vi: str


def reading_of(name: str, entry: Entry) -> Reading:
    """The reading of an entry. Counters without a range may not be negative; other numbers without one may be anything."""
    low, high = entry.range or (0.0 if entry.kind is Kind.COUNTER else float("-inf"), float("inf"))
    labels = (*entry.labels, STATE) if entry.kind is Kind.STATE else entry.labels
    kind = MetricType.COUNTER if entry.kind is Kind.COUNTER else MetricType.GAUGE
    family = Family(PREFIX + name, kind, entry.help, labels)
    return Reading(name, entry.kind, entry.labels, low, high, entry.states, family, entry.help_vi)


def name_trouble(name: str, entry: Entry) -> str:
    """What is wrong with a reading's name; empty if nothing is."""
    if not _NAME.match(name):
        return "a name of small letters, digits and underscores"
    if (entry.kind is Kind.COUNTER) != name.endswith(_COUNTER):
        return f"a name that ends in {_COUNTER} for a counter, and for nothing else"
    return ""
