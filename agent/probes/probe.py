"""What every probe is: one signature, one run under one deadline, one finding; shared by all kinds and whoever runs them.

A probe measures and says what it found. It never decides whether its target is up, and never waits past its deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agent.model import Family, MetricType, Outcome, Readings, Reason

if TYPE_CHECKING:
    from agent.probes.tools import Tools

SUCCESS: Final = Family("probe_success", MetricType.GAUGE, "Displays whether or not the probe was a success")
DURATION: Final = Family("probe_duration_seconds", MetricType.GAUGE, "Returns how long the probe took to complete in seconds")
"""Given for every run by whoever runs it (`agent.probes.running`), never by a kind."""
MAX_DETAIL: Final = 300
"""Characters of a detail; a longer one is cut."""


class Finding(msgspec.Struct, frozen=True):
    """What one run found. `detail` is a short sentence for people, in English, and holds no secret."""

    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""


OK: Final = Finding(Outcome.OK)


class ProbeError(Exception):
    """The run ends here: why. `outcome` is `failed`, or `error` for *we could not test* (no socket, no permission, our own name
    service is silent), which never counts against the target."""

    def __init__(self, reason: Reason, detail: str, outcome: Outcome = Outcome.FAILED) -> None:
        super().__init__(detail)
        self.finding = Finding(outcome, reason, detail[:MAX_DETAIL])


class Run:
    """One execution of a probe. A kind gives its samples to it, names its phases, and asks how much time is left.

    `phase` names what is going on at present, which a timeout tells; `phases` are the seconds spent in each.
    """

    __slots__ = ("_families", "_loop_time", "deadline_s", "lines", "phase", "phases", "started_s", "tools")

    def __init__(self, tools: Tools, timeout_s: float, *, verbose: bool = False) -> None:
        """`verbose`: what the run says is kept (`lines`) for a person to read."""
        self.tools = tools
        self._loop_time = asyncio.get_running_loop().time
        self.started_s = self._loop_time()
        self.deadline_s = self.started_s + timeout_s
        """The end, by the loop's clock."""
        self.phase = ""
        self.phases: dict[str, float] = {}
        self.lines: list[tuple[float, str]] | None = [] if verbose else None
        self._families: dict[Family, tuple[list[tuple[str, ...]], list[float]]] = {}

    def left_s(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self.deadline_s - self._loop_time())

    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._loop_time() - self.started_s

    def say(self, text: str) -> None:
        """Tell a step to the person who debugs; costs nothing otherwise, so build no long text for it without `is_verbose`."""
        if self.lines is not None:
            self.lines.append((self.elapsed_s(), text))

    @property
    def is_verbose(self) -> bool:
        """Whether anybody reads what is said."""
        return self.lines is not None

    def during(self, phase: str) -> _During:
        """Time a phase: `with run.during("connect"):`. One that is entered again adds up."""
        return _During(self, phase)

    def give(self, family: Family, value: float, *labels: str) -> None:
        """A sample: labels in the order of the family's. Families keep the order in which they were first given; the same ones
        in the same order run after run cost least."""
        known = self._families.get(family)
        if known is None:
            known = self._families[family] = ([], [])
        known[0].append(labels)
        known[1].append(value)

    def readings(self) -> Readings:
        """Everything that was given."""
        return [(family, tuple(labels), values) for family, (labels, values) in self._families.items()]


class _During:
    """A phase of a run. A class, for a generator costs thousands of short runs three times as much."""

    __slots__ = ("_before", "_begun_s", "_phase", "_run")

    def __init__(self, run: Run, phase: str) -> None:
        self._run = run
        self._phase = phase

    def __enter__(self) -> None:
        run = self._run
        self._before, run.phase = run.phase, self._phase
        self._begun_s = run._loop_time()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        run, phase = self._run, self._phase
        if kind is None:
            run.phase = self._before  # After a failure it says where that was.
        run.phases[phase] = run.phases.get(phase, 0.0) + run._loop_time() - self._begun_s


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the settings of every kind are made of. They may hold secrets, so they never print."""

    def __repr__(self) -> str:
        return f"{type(self).__module__}.{type(self).__name__}(…)"


Probe = Callable[[str, Run], Coroutine[Any, Any, Finding]]
"""A probe ready to run: `await probe(address, run)`.

The address is what its kind understands: a host, `host:port` (`[v6]:port`) or a URL. It raises `ProbeError`, and lets
`TimeoutError`, `OSError` and `ssl.SSLError` through, which whoever runs it translates; nothing else.
"""


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """A named set of probe settings, as `blackbox.yml` has them. `settings` are those of the kind, checked by its `Settings`,
    as plain values that can be sent; what they named by file was read in where they were loaded."""

    name: str
    kind: str
    timeout_s: float = 0.0
    """Longest run; 0: as long as its schedule lets it."""
    degraded_after_s: float = 0.0
    """A success that took longer is `degraded`; 0: never."""
    settings: dict[str, Any] = {}

    def __repr__(self) -> str:
        """Without the settings, which may hold secrets."""
        return f"Module(name={self.name!r}, kind={self.kind!r})"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One probe of one target, run again and again."""

    target: str
    name: str
    """Module of its reports: distinct among the probes of a target."""
    module: Module
    address: str
    interval_s: int = 15
    retry_s: float = 0
    """Distance of the runs after a failed one until it is confirmed or over; 0: the interval."""
    fail_after: int = 3
    judged: bool = True
    """Whether it says if the target is up (`Kind.OBS`), or only brings values (`Kind.REPORT`)."""
    priority: int = 1
    """What is shed last when there is too much: 2 critical, 1 normal, 0 low."""
    uplink: str = ""
    """Name of the way out that it needs; see `agent.probes.sight`."""

    @property
    def key(self) -> str:
        """Names the job among all of an observer."""
        return f"{self.target}\n{self.name}"


__all__ = ["DURATION", "MAX_DETAIL", "OK", "SUCCESS", "Finding", "Job", "Module", "Probe", "ProbeError", "ProbeSettings", "Run"]
