"""What is polled, and what a poll gives: the values that the poller, its crew and whoever delivers reports share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from agent.model import Block, Kind, Lane, Outcome, Reason, Report
from agent.snmp.auth import Auth

AUTO: Final = "auto"
"""Profile of a device that is to be identified by what it says of itself."""
VERDICT: Final = "snmp"
"""Module of the judged report: whether the device answered, and its health. Facts lane, with every poll and on time."""
CORE: Final = "snmp_core"
"""Module of the readings that every poll gives anew: bulk lane, with the verdict."""
VALUES: Final = "snmp_values"
"""Module of the other readings and of the modules' own series, named as `snmp.yml` says: bulk lane, when the walk has ended."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A target that speaks SNMP. What is 0 or None is left to its profile, and then to the built-in value."""

    target: str
    host: str
    auth: Auth
    port: int = 161
    class_: str = ""
    profile: str = AUTO
    modules: tuple[str, ...] = ()
    """Modules to poll besides those of the profile."""
    interval_s: int = 60
    full_interval_s: int = 0
    """Distance of full walks; 0: one with every poll."""
    timeout_s: float = 0.0
    retries: int | None = None
    max_repetitions: int = 0
    get_only: bool | None = None
    strict_source: bool = False
    """Whether an answer must come from the very address that was asked."""
    wan: bool | None = None
    """Whether its ports are lines whose load is judged."""
    ping: bool = True
    """Whether a device that is silent is asked by an ICMP echo, to tell a dead agent from a dead device."""


class Schemas(Mapping[bytes, bytes]):
    """Encoded layouts by hash, gathered from several sources that may make each when it is looked at: whoever stores them knows
    nearly all of them already, so ask for those only that are not known."""

    __slots__ = ("_sources",)

    def __init__(self) -> None:
        self._sources: dict[bytes, Mapping[bytes, bytes]] = {}

    def add(self, source: Mapping[bytes, bytes]) -> None:
        """Have everything of `source` as well, which must not change afterwards."""
        if source.__class__ is Schemas:
            self._sources.update(source._sources)
            return
        for digest in source:
            self._sources[digest] = source

    def __getitem__(self, digest: bytes) -> bytes:
        return self._sources[digest][digest]

    def __contains__(self, digest: object) -> bool:
        return digest in self._sources

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)


class Result(msgspec.Struct, frozen=True, gc=False):
    """One report of a poll, before it is numbered. Times are the observer's clocks when the poll began; `schemas` are the wire
    encodings of the blocks' layouts by hash."""

    target: str
    module: str
    kind: Kind
    lane: Lane
    outcome: Outcome
    reason: Reason
    detail: str
    at_ms: int
    uptime_ms: int
    awake_ms: int
    duration_s: float
    interval_ms: int
    blocks: tuple[Block, ...] = ()
    schemas: Mapping[bytes, bytes] = {}

    def report(self, seq: int = 0) -> Report:
        """The report with its number."""
        return Report(
            seq, self.target, self.module, self.kind, self.at_ms, self.uptime_ms, self.awake_ms, self.outcome, self.reason,
            self.duration_s, self.interval_ms, self.detail, self.blocks,
        )  # fmt: skip
