"""What the batches of one group commit add up to, folded so that each row is written once.

Pure; filled by `intake`, written by the store as a `Change`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from agent.model import Lane, Report
from collector.core.change import BootRow, Change, Latest, LossRow, ModuleRow, SchemaRow, SequenceRow
from collector.core.evidence import Evidence, Run
from collector.core.sequence import Sequence as Numbers


class Growing(msgspec.Struct):
    """A run and whether the present draft already holds it."""

    run: Run
    drafted: bool = False


class Draft:
    """What the batches of one group commit add up to; rows with the same key are folded into one."""

    def __init__(self) -> None:
        self.fresh: list[tuple[Evidence, Report]] = []
        """New evidence in the order it was taken, for the live picture."""
        self._opened: list[Growing] = []
        self._extended: list[Growing] = []
        self._closed: list[int] = []
        self._numbers: dict[tuple[str, str, Lane], tuple[Numbers, int]] = {}
        self._boots: dict[tuple[str, str, str], BootRow] = {}
        self._losses: list[LossRow] = []
        self._latest: dict[tuple[str, str], tuple[Evidence, Report]] = {}
        self._schemas: dict[tuple[str, bytes], bytes | None] = {}
        self._modules: dict[tuple[str, str, str], ModuleRow | None] = {}

    def change(self) -> Change:
        """The transaction."""
        return Change(
            opened=[growing.run for growing in self._opened],
            extended=[growing.run for growing in self._extended],
            closed=self._closed,
            sequences=[SequenceRow(*key, n.received.text(), n.lost.text(), rx) for key, (n, rx) in self._numbers.items()],
            boots=list(self._boots.values()),
            losses=self._losses,
            latest=[_latest(evidence, report) for evidence, report in self._latest.values()],
            schemas=[SchemaRow(agent, hash_, body) for (agent, hash_), body in self._schemas.items() if body is not None],
            forgotten=[key for key, body in self._schemas.items() if body is None],
            modules=[row for row in self._modules.values() if row is not None],
            dropped=[key for key, row in self._modules.items() if row is None],
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self._numbers or self._boots or self._schemas or self._modules)

    def settle(self, ids: Sequence[int]) -> None:
        """The change is on disk; new runs have these ids."""
        for growing, id_ in zip(self._opened, ids, strict=True):
            growing.run = msgspec.structs.replace(growing.run, id=id_)
            growing.drafted = False
        for growing in self._extended:
            growing.drafted = False

    def add_boot(self, row: BootRow) -> None:
        """A boot that is new or has changed."""
        self._boots[row.agent, row.stream, row.boot] = row

    def add_numbers(self, key: tuple[str, str, Lane], numbers: Numbers, rx_ms: int) -> None:
        """A lane (agent, stream, lane) in which a number was taken."""
        self._numbers[key] = (numbers, rx_ms)

    def add_loss(self, row: LossRow) -> None:
        """A new loss record."""
        self._losses.append(row)

    def add_schemas(self, agent: str, schemas: Iterable[tuple[bytes, bytes]], forgotten: Iterable[bytes]) -> None:
        """Schemas that came with a batch, and those it made the agent's share drop."""
        for hash_ in forgotten:
            self._schemas[agent, hash_] = None
        for hash_, body in schemas:
            self._schemas[agent, hash_] = body

    def add_values(self, evidence: Evidence, report: Report) -> None:
        """A report with values that is the newest of its target and module."""
        key = (evidence.target, evidence.module)
        known = self._latest.get(key)
        if known is None or known[0].t_ms <= evidence.t_ms:
            self._latest[key] = (evidence, report)

    def add_module(self, row: ModuleRow) -> None:
        """A module that its target did not have."""
        self._modules[row.agent, row.target, row.module] = row

    def drop_module(self, agent: str, target: str, module: str) -> None:
        """A module that made room for another."""
        self._modules[agent, target, module] = None

    def open(self, growing: Growing) -> None:
        """A new run."""
        growing.drafted = True
        self._opened.append(growing)

    def extend(self, growing: Growing) -> None:
        """A run that has grown."""
        if not growing.drafted:
            growing.drafted = True
            self._extended.append(growing)

    def close(self, growing: Growing) -> None:
        """A run that will grow no more."""
        if growing.run.id:
            self._closed.append(growing.run.id)
        else:
            growing.run = msgspec.structs.replace(growing.run, growing=False)


def _latest(e: Evidence, report: Report) -> Latest:
    return Latest(e.target, e.module, e.observer, e.stream, e.boot, e.lane, e.t_ms, e.rx_ms, e.grade, e.quality, report)
