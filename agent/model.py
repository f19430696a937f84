"""The values that agent and collector share: what was observed, when, by whom, with which numbers.

Pure: no I/O, no clock, no randomness. Times are integers in milliseconds; durations end in `_s` (seconds)
or `_ms`. Every value is frozen; what is wrong with one is said when it is decoded (`agent.wire`).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence

import msgspec

SCHEMA_HASH_BYTES = 16
HEARTBEAT = "heartbeat"
"""Module name of the agent's sign of life (SPEC R1.1 kind `report`)."""
HOST = "host"
"""Module name of the host readings: one report a collection, one block a reader."""
AGENT = "agent"
"""Module name of the agent's own markers: start, stop, stall, clock step."""


class Lane(enum.StrEnum):
    """The two lanes of the spool; facts are never pushed out by bulk (LESSONS.md 1, point 5)."""

    FACTS = "facts"
    BULK = "bulk"


class Outcome(enum.StrEnum):
    """What one run found. `error` means *we could not test* and never counts against the target."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"
    ERROR = "error"


class Reason(enum.StrEnum):
    """Why an outcome is not `ok`: a closed list, translated from library errors at the border."""

    NONE = ""
    TIMEOUT = "timeout"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    UNRESOLVED = "unresolved"
    TLS = "tls"
    AUTH = "auth"
    BAD_STATUS = "bad_status"
    MISMATCH = "mismatch"
    NO_DATA = "no_data"
    INTERNAL = "internal"


class Kind(enum.StrEnum):
    """Kinds of evidence (SPEC R1.1, R8.1)."""

    OBS = "obs"
    REPORT = "report"
    AGENT_START = "agent_start"
    AGENT_STOP = "agent_stop"
    STALL = "stall"
    CLOCK_STEP = "clock_step"
    BLIND = "blind"


class LossReason(enum.StrEnum):
    """Why reports are gone, as the loss record states it."""

    BYTES = "bytes"
    AGE = "age"
    DISK_FULL = "disk_full"
    TORN = "torn"
    CORRUPT = "corrupt"
    REFUSED = "refused"


class MetricType(enum.StrEnum):
    """Prometheus metric types that a report may carry; `untyped` is OpenMetrics' `unknown`."""

    COUNTER = "counter"
    GAUGE = "gauge"
    UNTYPED = "untyped"


class Family(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A metric: its name, type, help and the names of its labels (Prometheus data model)."""

    name: str
    type: MetricType
    help: str = ""
    labels: tuple[str, ...] = ()


class Column(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One family in a schema and the label values of each of its series, in the order of the values."""

    family: Family
    series: tuple[tuple[str, ...], ...] = ((),)


class Schema(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything about a block's series except their values; sent once and known by `schema_hash`."""

    columns: tuple[Column, ...]

    @property
    def size(self) -> int:
        """Number of series, which is the number of float64 values a block of this schema carries."""
        return sum(len(column.series) for column in self.columns)


_schema_encoder = msgspec.msgpack.Encoder()


def schema_hash(schema: Schema) -> bytes:
    """First 16 bytes of the SHA-256 of the schema's MessagePack bytes: equal layouts have equal hashes."""
    return hashlib.sha256(_schema_encoder.encode(schema)).digest()[:SCHEMA_HASH_BYTES]


class Block(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Values of one schema, little-endian float64, in the order of the schema's series."""

    schema: bytes
    values: bytes


class Report(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One observation of a target by an observer (SPEC R1.1).

    `at_ms` is the agent's wall clock (kept, not used for placing: R2.2); `uptime_ms` advances through suspend
    (CLOCK_BOOTTIME), `awake_ms` does not (R8.5). `seq` counts within the lane of the spool and is given by the spool.
    `interval_ms` is the expected distance to the next report of this module; 0 for what does not repeat.
    `from_ms`/`until_ms` bound a `blind`, `stall` or `clock_step` record in uptime milliseconds (for `clock_step` `delta_ms`
    is the step of the wall clock). `detail` is a short sentence for people; nothing parses it.
    """

    seq: int
    target: str
    module: str
    kind: Kind
    at_ms: int
    uptime_ms: int
    awake_ms: int
    outcome: Outcome = Outcome.OK
    reason: Reason = Reason.NONE
    duration_s: float = 0.0
    interval_ms: int = 0
    detail: str = ""
    blocks: tuple[Block, ...] = ()
    from_ms: int = 0
    until_ms: int = 0
    delta_ms: int = 0


class Loss(msgspec.Struct, frozen=True, gc=False):
    """Reports that are gone, stated as data (LESSONS.md 1, point 6): `first_seq..last_seq` of `lane` in `boot`.

    `seq` is the loss record's own number in the facts lane. `from_ms..until_ms` is the span of the lost reports by the
    agent's wall clock, `count` how many they were.
    """

    seq: int
    lane: Lane
    boot: str
    first_seq: int
    last_seq: int
    count: int
    from_ms: int
    until_ms: int
    reason: LossReason
    at_ms: int
    uptime_ms: int


Readings = Sequence[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]]
"""What a reader returns: for each family the label values of its series and, in the same order, their values."""
