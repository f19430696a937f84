"""Which of several sayings holds for a target: its own, its site's, that of the kind of site, its class's, or the built-in one;
and who said it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeVar, cast

import msgspec

from collector.config_forms import parts_per_million
from collector.core.subject import GapPolicy, Objective, Sign
from collector.inventory.files import COLLECTOR, ClassDefaults, Promise, Site, TargetEntry
from collector.inventory.snmp import NOTHING, SnmpEntry, over
from collector.inventory.watching import ProbeEntry
from collector.settings import Config

PROBE_INTERVAL_S: Final = 15
"""Interval of probes where nothing is written (SPEC 5, decision 5)."""
KEYS: Final[tuple[str, ...]] = tuple(key for key in ClassDefaults.__struct_fields__ if key != "snmp")
T = TypeVar("T")


class Origin(enum.StrEnum):
    """Where a value comes from, the stronger ones first. What a template says of a target is the target's own word."""

    TARGET = "target"
    TEMPLATE = "template"
    SITE = "site"
    SITE_KIND = "site_kind"
    CLASS = "class"
    BUILT_IN = "built-in"


class Told(msgspec.Struct, frozen=True):
    """One value that holds for a target, and where it comes from; `place` is `file:line`, or "" for a built-in one."""

    key: str
    value: object
    origin: Origin
    place: str


class Layer(NamedTuple):
    """Defaults that hold for a target: whose they are, under which name, and what they say."""

    origin: Origin
    name: str
    said: ClassDefaults


class Layers:
    """All defaults. Which of them hold is the same for all targets of one class at one site, so it is found once for them."""

    __slots__ = ("_classes", "_found", "_kinds", "_places", "_sites")

    def __init__(
        self,
        classes: Mapping[str, ClassDefaults],
        places: Mapping[str, ClassDefaults] | None = None,
        kinds: Mapping[str, ClassDefaults] | None = None,
        sites: Mapping[str, Site] | None = None,
    ) -> None:
        """By class, by id of site and by kind of site; `sites` tell the kind of each."""
        self._classes = classes
        self._places = {} if places is None else places
        self._kinds = {} if kinds is None else kinds
        self._sites = {} if sites is None else sites
        self._found: dict[tuple[str, str], tuple[Layer, ...]] = {}

    def of(self, entry: TargetEntry) -> tuple[Layer, ...]:
        """Those that hold for a target, the strongest first."""
        key = (entry.site, entry.class_)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._look(*key)
        return found

    def _look(self, site: str, class_: str) -> tuple[Layer, ...]:
        known = self._sites.get(site)
        kind = known.kind if known is not None else ""
        of_site = ClassDefaults(uplink=known.uplink) if known is not None and known.uplink else None
        found = (
            (Origin.SITE, site, self._places.get(site)),
            (Origin.SITE, site, of_site),
            (Origin.SITE_KIND, kind, self._kinds.get(kind)),
            (Origin.CLASS, class_, self._classes.get(class_)),
        )
        return tuple([Layer(origin, name, said) for origin, name, said in found if said is not None])


class Chosen:
    """What holds for one target: its own word over the layers of defaults, and those over what is built in."""

    __slots__ = ("entry", "layers", "settings")

    def __init__(self, entry: TargetEntry, layers: tuple[Layer, ...], settings: Config) -> None:
        self.entry = entry
        self.layers = layers
        self.settings = settings

    def source(self, key: str) -> Layer | None:
        """The defaults that give the value; None if the target says it itself, or nobody does."""
        if getattr(self.entry, key) is not None:
            return None
        return next((layer for layer in self.layers if getattr(layer.said, key) is not None), None)

    def origin(self, key: str) -> Origin:
        """Who said it."""
        if getattr(self.entry, key) is not None:
            return Origin.TARGET
        layer = self.source(key)
        return layer.origin if layer is not None else Origin.BUILT_IN

    def said(self, key: str, otherwise: T) -> T:
        """What is written for the target or in defaults, else `otherwise`."""
        value = getattr(self.entry, key)
        if value is None:
            for layer in self.layers:
                value = getattr(layer.said, key)
                if value is not None:
                    break
        return otherwise if value is None else cast("T", value)

    @property
    def is_own_host(self) -> bool:
        """Whether it is the host of the agent that reports it."""
        return self.entry.via == self.entry.id

    @property
    def probes(self) -> tuple[ProbeEntry, ...]:
        """Its probes, bare names too as entries."""
        said: tuple[str | ProbeEntry, ...] = self.said("probes", ())
        return tuple([ProbeEntry(module=each) if isinstance(each, str) else each for each in said])

    def observers_of(self, probe: ProbeEntry) -> tuple[str, ...]:
        """Who runs a probe. An agent does not knock at its own door unless the probe says so."""
        if probe.via is not None:
            return (probe.via,)
        also: tuple[str, ...] = self.said("also_via", ())
        if self.is_own_host:
            return tuple(dict.fromkeys(also)) or (COLLECTOR,)
        return tuple(dict.fromkeys((self.entry.via, *also)))

    @property
    def observers(self) -> tuple[str, ...]:
        """All that may report it: `via` first, then who else is named."""
        also: tuple[str, ...] = self.said("also_via", ())
        probing = [each for probe in self.probes for each in self.observers_of(probe)]
        return tuple(dict.fromkeys((self.entry.via, *also, *probing)))

    @property
    def sign(self) -> Sign:
        """What judges it: an agent's own host is judged by its reports and by the probes that it has, everything else by
        probes."""
        said = self.said("judged_by", "")
        if said or not self.is_own_host:
            return Sign(said or "probe")
        is_probed = any(probe.judged and (probe.address or self.entry.address) for probe in self.probes)
        return Sign.BOTH if is_probed else Sign.PUSH

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
        said = self.entry.snmp
        for layer in self.layers:
            said = over(said, layer.said.snmp)
        said = said or NOTHING
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
