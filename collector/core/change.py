"""What passes between the group committer and the store: one `Change` is one transaction.

Pure values; the door builds them, the store writes them, and neither imports the other.
"""

from __future__ import annotations

import msgspec

from agent.model import Lane, Loss, Report
from collector.core.evidence import Evidence, Grade, Run, TimeQuality
from collector.core.skew import BootClock

COLLECTOR = "collector"
"""The collector's own name as an observer."""


class StoreError(Exception):
    """The store could not do what was asked and nothing of it was done. Trying again later may help, unless `poison`: then a
    value in what was asked is at fault."""

    def __init__(self, detail: str, *, poison: bool = False) -> None:
        super().__init__(detail)
        self.poison = poison


class StoreUnusableError(Exception):
    """The database cannot be used as it is (newer than this program, wrong address, no rights); the text says what to do."""


class AccountsMovedError(Exception):
    """Accounts or tokens are not what the senders of a change were known by; nothing of it was done."""


class SequenceRow(msgspec.Struct, frozen=True, gc=False):
    """What is received and what is stated as lost in one lane of one stream; texts as `core.sequence` writes them."""

    agent: str
    stream: str
    lane: Lane
    received: str
    lost: str
    rx_ms: int


class BootRow(msgspec.Struct, frozen=True, gc=False):
    """One boot of an agent's machine. `sender`: it has sent a batch itself; `present`: it is the one that may send now.
    `last_rx_ms` is exact when the boot is superseded and a lower bound before."""

    agent: str
    stream: str
    boot: str
    sender: bool
    present: bool
    clock: BootClock | None
    first_rx_ms: int
    last_rx_ms: int


class LossRow(msgspec.Struct, frozen=True, gc=False):
    """A loss record as one agent stated it."""

    agent: str
    stream: str
    loss: Loss
    t_ms: int
    rx_ms: int


class Latest(msgspec.Struct, frozen=True, gc=False):
    """The newest report with values of one target and module; a restart goes on exposing it."""

    target: str
    module: str
    observer: str
    stream: str
    boot: str
    lane: Lane
    t_ms: int
    rx_ms: int
    grade: Grade
    quality: TimeQuality
    report: Report


class SchemaRow(msgspec.Struct, frozen=True):
    """A schema that an agent uses, as bytes of `wire.encode`."""

    agent: str
    hash: bytes
    body: bytes


class ModuleRow(msgspec.Struct, frozen=True):
    """A module of a target, as one agent reports it; first heard, or heard again, at `at_ms`."""

    agent: str
    target: str
    module: str
    at_ms: int


class Change(msgspec.Struct):
    """Everything of one group commit; it is stored whole or not at all.

    `opened` are new runs (id 0), `extended` known ones, `closed` ids that will not be extended any more. Rows with the
    same key were already folded into one.
    """

    accounts: int | None = None
    """Version of accounts and tokens by which the senders are known (`Store.agents_version`); None: it does not matter."""
    opened: list[Run] = msgspec.field(default_factory=list)
    extended: list[Run] = msgspec.field(default_factory=list)
    closed: list[int] = msgspec.field(default_factory=list)
    sequences: list[SequenceRow] = msgspec.field(default_factory=list)
    boots: list[BootRow] = msgspec.field(default_factory=list)
    losses: list[LossRow] = msgspec.field(default_factory=list)
    latest: list[Latest] = msgspec.field(default_factory=list)
    schemas: list[SchemaRow] = msgspec.field(default_factory=list)
    forgotten: list[tuple[str, bytes]] = msgspec.field(default_factory=list)
    """(agent, hash) of schemas that the agent no longer uses."""
    modules: list[ModuleRow] = msgspec.field(default_factory=list)
    """New modules of targets."""
    dropped: list[tuple[str, str, str]] = msgspec.field(default_factory=list)
    """(agent, target, module) of modules that made room; their newest values go."""


class Saved(msgspec.Struct, frozen=True):
    """What the store knows of one agent: boots and sequences of the streams asked for and of the present one, runs that may
    grow, and `before_ms`, when a sender other than the present one was last heard (0 for never)."""

    before_ms: int = 0
    boots: tuple[BootRow, ...] = ()
    sequences: tuple[SequenceRow, ...] = ()
    open_runs: tuple[Run, ...] = ()
    modules: tuple[ModuleRow, ...] = ()


class Blind(msgspec.Struct, frozen=True):
    """A stretch in which an observer saw nothing (R5.3). `until_ms` is None while it lasts."""

    observer: str
    from_ms: int
    until_ms: int | None
    cause: str


class ClockStep(msgspec.Struct, frozen=True):
    """An observer's wall clock was set (R2.1): `delta_ms` forward, noticed at `at_ms` on the timeline, which did not move."""

    observer: str
    at_ms: int
    delta_ms: int


class Counts(msgspec.Struct, frozen=True):
    """How much is stored."""

    agents: int
    boots: int
    runs: int
    reports: int
    losses: int
    lost_reports: int
    blinds: int
    latest: int
    schemas: int


Picture = list[tuple[Evidence, Report]]
"""Newest evidence of each target and module with its report, oldest first: what the live picture starts from."""
