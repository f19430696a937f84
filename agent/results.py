"""What an observer found, before it is numbered: the value that polls, probes and whoever stores or sends them share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from agent.model import Block, Kind, Lane, Outcome, Reason, Report


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
    """One report of a poll or probe, before it is numbered. Times are the clocks of the observer when it began. `schemas` are
    the wire encodings of the layouts of its blocks by hash."""

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
    from_ms: int = 0
    until_ms: int = 0
    """Of a blind record: its bounds, in uptime milliseconds."""

    def report(self, seq: int = 0) -> Report:
        """The report with its number."""
        return Report(
            seq, self.target, self.module, self.kind, self.at_ms, self.uptime_ms, self.awake_ms, self.outcome, self.reason,
            self.duration_s, self.interval_ms, self.detail, self.blocks, self.from_ms, self.until_ms,
        )  # fmt: skip
