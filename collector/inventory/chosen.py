"""Which of several sayings holds for a target: its own, its class's, or the built-in one; and who said it."""

from __future__ import annotations

import enum
from typing import Final, TypeVar, cast

import msgspec

from collector.config_forms import parts_per_million
from collector.core.subject import GapPolicy, Objective, Sign
from collector.inventory.files import ClassDefaults, Promise, TargetEntry
from collector.inventory.snmp import NOTHING, SnmpEntry, over
from collector.settings import Config

PROBE_INTERVAL_S: Final = 15
"""Interval of probes where nothing is written (SPEC 5, decision 5)."""
KEYS: Final[tuple[str, ...]] = tuple(key for key in ClassDefaults.__struct_fields__ if key != "snmp")
T = TypeVar("T")


class Origin(enum.StrEnum):
    """Where a value comes from, the stronger ones first."""

    TARGET = "target"
    CLASS = "class"
    BUILT_IN = "built-in"


class Told(msgspec.Struct, frozen=True):
    """One value that holds for a target, and where it comes from; `place` is `file:line`, or "" for a built-in one."""

    key: str
    value: object
    origin: Origin
    place: str


class Chosen:
    """What holds for one target: target over class over built-in."""

    __slots__ = ("_of_class", "entry", "settings")

    def __init__(self, entry: TargetEntry, of_class: ClassDefaults | None, settings: Config) -> None:
        self.entry = entry
        self.settings = settings
        self._of_class = of_class

    def origin(self, key: str) -> Origin:
        """Who said it."""
        if getattr(self.entry, key) is not None:
            return Origin.TARGET
        said = self._of_class is not None and getattr(self._of_class, key) is not None
        return Origin.CLASS if said else Origin.BUILT_IN

    def said(self, key: str, otherwise: T) -> T:
        """What is written for the target or its class, else `otherwise`."""
        value = getattr(self.entry, key)
        if value is None and self._of_class is not None:
            value = getattr(self._of_class, key)
        return otherwise if value is None else cast("T", value)

    @property
    def sign(self) -> Sign:
        """What judges it: an agent's own host is judged by its reports, everything else by probes."""
        return Sign(self.said("judged_by", "push" if self.entry.via == self.entry.id else "probe"))

    @property
    def has_objective(self) -> bool:
        """Whether anybody wrote an objective for it."""
        return self.said("objective", "") != ""

    @property
    def silence_means(self) -> str:
        """`down` for what is judged by reports only and has an objective (SPEC 5, decision 3; R6.3), else `unknown`."""
        return self.said("silence_means", "down" if self.has_objective and self.sign is Sign.PUSH else "unknown")

    @property
    def snmp(self) -> SnmpEntry | None:
        """How it is polled by SNMP; None if it is not."""
        of_class = self._of_class.snmp if self._of_class is not None else None
        said = over(self.entry.snmp, of_class)
        is_polled = self.entry.address is not None and said is not NOTHING and said.enabled is not False
        return said if is_polled else None

    @property
    def interval_s(self) -> int:
        """Seconds between samples that do not say it themselves."""
        probed_s = PROBE_INTERVAL_S if self.snmp is None else self.settings.snmp.interval_s
        otherwise = self.settings.agents.interval_s if self.sign is Sign.PUSH else probed_s
        return self.said("interval_s", otherwise)

    @property
    def ttl_s(self) -> int:
        """Seconds that a sample holds; 0: as many intervals as `ttl_factor` says (R5.1)."""
        return self.said("ttl_s", 0)

    @property
    def objective(self) -> Objective:
        """What is promised."""
        return objective_of(
            self.said("objective", ""),
            self.said("policy", ""),
            self.said("calendar", ""),
            self.said("merge_gap_s", -1),
            settings=self.settings,
        )

    @property
    def gap_policy(self) -> GapPolicy:
        """R5.5."""
        return GapPolicy(self.said("gap_policy", "unknown"))

    @property
    def is_ttl_long_enough(self) -> bool:
        """A sample holds 1.5 intervals at least, or one late sample makes a gap (R5.1)."""
        return self.ttl_s == 0 or 2 * self.ttl_s >= 3 * self.interval_s


def objective_of(objective: str, policy: str, calendar: str, merge_gap_s: int, *, settings: Config) -> Objective:
    """An objective from what is written; "" and -1 stand for what is not."""
    ledger = settings.ledger
    return Objective(
        slo_ppm=parts_per_million(objective or ledger.objective),
        policy=policy,
        calendar=calendar,
        merge_gap_ms=1000 * (ledger.merge_gap_s if merge_gap_s < 0 else merge_gap_s),
    )


def objective_of_promise(promise: Promise, settings: Config) -> Objective:
    """What is promised of a group or a site."""
    gap = promise.merge_gap_s
    return objective_of(
        promise.objective or "",
        promise.policy or "",
        promise.calendar or "",
        -1 if gap is None else gap,
        settings=settings,
    )
