"""Batch <-> bytes: the only description of the format between agent and collector (DESIGN.md 5).

Pure: bytes in, values out; no sockets. MessagePack maps with the field names below; unknown fields are ignored, an
unknown major version is refused. Golden batches in `tests/data/wire/v1/` are never edited.

`POST /v1/batches` carries a `Batch` and is answered with an `Answer`. Limits are checked before memory is spent: the
body's size by the server, everything else by `decode_batch`.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

import msgspec

from agent.model import SCHEMA_HASH_BYTES, Block, Family, Lane, Loss, Report, Schema, schema_hash

VERSION: Final = 1
CONTENT_TYPE: Final = "application/vnd.haidang.batch.v1+msgpack"


class WireError(ValueError):
    """Bytes or values that break the format; `code` is a short constant name, `detail` says place, value and expectation."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Limits(msgspec.Struct, frozen=True):
    """What one batch may hold; the collector's defaults, which agents stay under."""

    body_bytes: int = 4 * 1024 * 1024
    """Compressed or plain body as received."""
    decoded_bytes: int = 8 * 1024 * 1024
    """Body after decompression."""
    schema_bytes: int = 1024 * 1024
    """One encoded schema; checked before it is decoded, since short strings grow about thirtyfold in memory."""
    all_schema_bytes: int = 1024 * 1024
    """The schemas of a batch together; those over `schema_bytes`, which cost nothing, are not counted."""
    reports: int = 5_000
    schemas: int = 500
    series_per_schema: int = 20_000
    blocks_per_report: int = 256
    name_chars: int = 255
    label_value_chars: int = 2_048
    help_chars: int = 1_024
    labels_per_series: int = 32
    detail_chars: int = 1_024


class Watermark(msgspec.Struct, frozen=True, gc=False):
    """State of one lane of the agent's spool: last number produced, oldest still held, how much is held."""

    lane: Lane
    produced: int
    oldest: int
    reports: int
    bytes: int


class Group(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Reports and losses of one boot and one lane; `seq` inside counts per (stream, lane)."""

    boot: str
    lane: Lane
    reports: tuple[Report, ...] = ()
    losses: tuple[Loss, ...] = ()


class OrdersState(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What became of the orders from the centre: the tag of those that run, and of others that were refused, and why."""

    tag: str = ""
    refused: str = ""
    detail: str = ""


class Batch(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What an agent sends. `stream` names its spool (new when the spool is made anew); `boot`, `uptime_ms`, `awake_ms`
    and `wall_ms` are the sender's clocks at the moment of sending (SPEC R2.2, R8.5)."""

    version: int
    stream: str
    boot: str
    uptime_ms: int
    awake_ms: int
    wall_ms: int
    agent_version: str = ""
    watermarks: tuple[Watermark, ...] = ()
    groups: tuple[Group, ...] = ()
    schemas: tuple[msgspec.Raw, ...] = ()
    """Encoded schemas; each is decoded and checked by itself in `check_schema`, so a bad one costs only itself."""
    orders: OrdersState | None = None
    """None from agents that take no orders."""


class Refused(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One report that will never be accepted, and why; the agent states it as a loss."""

    lane: Lane
    seq: int
    reason: str


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The collector's answer to a batch that it has stored. `acknowledged` holds per lane the last number accepted
    without a gap; everything in the answered batch itself is stored too, but for `refused`. `credit` is how many backlog
    reports the next batch may carry; `wanted` are hashes of schemas the collector does not know. `config_tag` names the
    agent's orders as they are now (`agent.orders_copy`); empty from a collector that gives none."""

    now_ms: int
    acknowledged: dict[Lane, int] = {}
    wanted: tuple[bytes, ...] = ()
    credit: int = 0
    refused: tuple[Refused, ...] = ()
    config_tag: str = ""


_encoder: Final = msgspec.msgpack.Encoder()
_report_decoder: Final = msgspec.msgpack.Decoder(Report)
_loss_decoder: Final = msgspec.msgpack.Decoder(Loss)
_schema_decoder: Final = msgspec.msgpack.Decoder(Schema)
_batch_decoder: Final = msgspec.msgpack.Decoder(Batch)
_answer_decoder: Final = msgspec.msgpack.Decoder(Answer)


class _Version(msgspec.Struct):
    version: int


_version_decoder: Final = msgspec.msgpack.Decoder(_Version)

_METRIC_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_ID: Final = re.compile(r"[0-9a-zA-Z][0-9a-zA-Z._:-]{0,127}\Z")


class RawGroup(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A `Group` whose reports and losses are bytes from the spool, embedded as they are."""

    boot: str
    lane: Lane
    reports: tuple[msgspec.Raw, ...] = ()
    losses: tuple[msgspec.Raw, ...] = ()


class RawBatch(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A `Batch` made of encoded parts: same bytes, no decoding on the agent."""

    version: int
    stream: str
    boot: str
    uptime_ms: int
    awake_ms: int
    wall_ms: int
    agent_version: str = ""
    watermarks: tuple[Watermark, ...] = ()
    groups: tuple[RawGroup, ...] = ()
    schemas: tuple[msgspec.Raw, ...] = ()
    orders: OrdersState | None = None


def encode(value: Batch | RawBatch | Answer | Report | Loss | Schema) -> bytes:
    """MessagePack bytes of a value of this module or of `agent.model`."""
    return _encoder.encode(value)


def decode_report(data: bytes) -> Report:
    """One report as the spool holds it. Raises `WireError`."""
    try:
        return _report_decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError("bad_report", str(error)) from error


def decode_loss(data: bytes) -> Loss:
    """One loss record as the spool holds it. Raises `WireError`."""
    try:
        return _loss_decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError("bad_loss", str(error)) from error


def decode_schema(data: bytes) -> Schema:
    """One schema as the spool holds it. Raises `WireError`."""
    try:
        return _schema_decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError("bad_schema", str(error)) from error


def decode_answer(data: bytes) -> Answer:
    """The collector's answer. Raises `WireError`."""
    try:
        return _answer_decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise WireError("bad_answer", str(error)) from error


def inflate(data: bytes, limit: int) -> bytes:
    """Undo `Content-Encoding: deflate` (RFC 1950) without ever holding more than `limit` bytes of result."""
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise WireError("bad_encoding", f"body is not a zlib stream: {error}") from error
    if len(plain) > limit or inflater.unconsumed_tail:
        raise WireError("too_large", f"body inflates past {limit} bytes")
    if not inflater.eof:
        raise WireError("bad_encoding", "zlib stream ends early")
    return plain


def decode_batch(data: bytes, limits: Limits) -> Batch:
    """A batch, checked against every limit. Raises `WireError` (`bad_batch`, `bad_version`, `too_many`, `bad_schema`, ...)."""
    try:
        batch = _batch_decoder.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        version = _version_of(data)
        if version is not None and version != VERSION:
            raise WireError("bad_version", f"version {version}, expected {VERSION}") from None
        raise WireError("bad_batch", str(error)) from error
    if batch.version != VERSION:
        raise WireError("bad_version", f"version {batch.version}, expected {VERSION}")
    _check_batch(batch, limits)
    return batch


def _version_of(data: bytes) -> int | None:
    try:
        return _version_decoder.decode(data).version
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _check_batch(batch: Batch, limits: Limits) -> None:
    for name, value in (("stream", batch.stream), ("boot", batch.boot)):
        if not _ID.match(value):
            raise WireError("bad_id", f"{name} {value[:64]!r}: expected 1 to 128 of [0-9a-zA-Z._:-]")
    count = sum([len(group.reports) + len(group.losses) for group in batch.groups])
    if count > limits.reports:
        raise WireError("too_many", f"{count} reports, at most {limits.reports} a batch")
    if len(batch.schemas) > limits.schemas:
        raise WireError("too_many", f"{len(batch.schemas)} schemas, at most {limits.schemas} a batch")
    sizes = [memoryview(schema).nbytes for schema in batch.schemas]
    size = sum([size for size in sizes if size <= limits.schema_bytes])
    if size > limits.all_schema_bytes:
        raise WireError("too_large", f"schemas of {size} bytes, at most {limits.all_schema_bytes} a batch")
    for group in batch.groups:
        if group.boot != batch.boot and not _ID.match(group.boot):
            raise WireError("bad_id", f"boot {group.boot[:64]!r}: expected 1 to 128 of [0-9a-zA-Z._:-]")
        if group.losses and group.lane is not Lane.FACTS:
            raise WireError("bad_loss", "losses travel in the facts lane only")
        for report in group.reports:
            _check_report(report, limits)
        for loss in group.losses:
            _check_loss(loss)


_MAX_INT: Final = 2**53


def _check_report(report: Report, limits: Limits) -> None:
    seq = report.seq
    if not 0 < seq < _MAX_INT:
        raise WireError("bad_seq", f"seq {seq}: expected 1 to 2^53")
    if not (-_MAX_INT < report.at_ms < _MAX_INT and -1 < report.uptime_ms < _MAX_INT and -1 < report.awake_ms < _MAX_INT):
        raise WireError("bad_time", f"report {seq}: a time is outside 0 to 2^53 milliseconds")
    if not 0 <= report.interval_ms <= 7 * 86_400_000:
        raise WireError("bad_interval", f"report {seq}: interval_ms {report.interval_ms}, expected 0 to 7 days")
    if not 0.0 <= report.duration_s < 1e9:
        raise WireError("bad_duration", f"report {seq}: duration_s {report.duration_s}, expected a finite number of seconds")
    if len(report.target) > limits.name_chars or len(report.module) > limits.name_chars:
        raise WireError("too_long", f"report {seq}: target or module longer than {limits.name_chars} characters")
    if len(report.detail) > limits.detail_chars:
        raise WireError("too_long", f"report {seq}: detail longer than {limits.detail_chars} characters")
    if len(report.blocks) > limits.blocks_per_report:
        raise WireError("too_many", f"report {seq}: {len(report.blocks)} blocks, at most {limits.blocks_per_report}")
    for block in report.blocks:
        if len(block.schema) != SCHEMA_HASH_BYTES or len(block.values) & 7:
            raise WireError("bad_block", f"report {seq}: a block needs a 16-byte schema hash and whole float64 values")


def _check_loss(loss: Loss) -> None:
    ok = 0 < loss.seq < _MAX_INT and 0 < loss.first_seq <= loss.last_seq < _MAX_INT
    if not ok or not 0 < loss.count <= loss.last_seq - loss.first_seq + 1:
        raise WireError("bad_loss", f"loss {loss.seq}: {loss.count} reports in {loss.first_seq}..{loss.last_seq}")
    if not _ID.match(loss.boot):
        raise WireError("bad_id", f"loss {loss.seq}: boot {loss.boot[:64]!r}")


def check_schema(data: bytes | msgspec.Raw, limits: Limits) -> tuple[bytes, Schema]:
    """Hash and schema, after size, names and shapes were checked. Raises `WireError`.

    Names follow the Prometheus data model; label values are any text without NUL (escaped when exposed; NUL ends the
    input of Prometheus' own parser). A family may appear once, and no label may name the target (`instance`, `site`,
    `class`): those belong to the collector.
    """
    size = memoryview(data).nbytes
    if size > limits.schema_bytes:
        raise WireError("too_large", f"schema of {size} bytes, at most {limits.schema_bytes}")
    schema = decode_schema(bytes(data))
    if schema.size > limits.series_per_schema:
        raise WireError("too_many", f"{schema.size} series, at most {limits.series_per_schema} a schema")
    seen: set[str] = set()
    for column in schema.columns:
        family = column.family
        _check_family(family, limits)
        if family.name in seen:
            raise WireError("bad_schema", f"metric {family.name} appears twice")
        seen.add(family.name)
        _check_series(column.series, len(family.labels), family.name, limits)
    return schema_hash(schema), schema


def _check_family(family: Family, limits: Limits) -> None:
    if len(family.name) > limits.name_chars or not _METRIC_NAME.match(family.name):
        raise WireError("bad_name", f"metric name {family.name[:64]!r}: expected [a-zA-Z_:][a-zA-Z0-9_:]*")
    if len(family.help) > limits.help_chars:
        raise WireError("too_long", f"metric {family.name}: help longer than {limits.help_chars} characters")
    if "\0" in family.help:
        raise WireError("bad_schema", f"metric {family.name}: help holds a NUL character")
    _check_labels(family.labels, family.name, limits)


def _check_labels(labels: tuple[str, ...], name: str, limits: Limits) -> None:
    if len(labels) > limits.labels_per_series or len(set(labels)) != len(labels):
        raise WireError("bad_label", f"metric {name}: at most {limits.labels_per_series} labels, each once")
    for label in labels:
        if len(label) > limits.name_chars or not _LABEL_NAME.match(label) or label.startswith("__"):
            raise WireError("bad_label", f"metric {name}: label {label[:64]!r}: expected [a-zA-Z_][a-zA-Z0-9_]*")
        if label in RESERVED_LABELS:
            raise WireError("bad_label", f"metric {name}: label {label} is set by the collector")


RESERVED_LABELS: Final = frozenset({"instance", "site", "class"})


def _check_series(series: tuple[tuple[str, ...], ...], width: int, name: str, limits: Limits) -> None:
    if len(set(series)) != len(series):
        raise WireError("bad_schema", f"metric {name}: two series have the same labels")
    for values in series:
        if len(values) != width:
            raise WireError("bad_schema", f"metric {name}: {len(values)} label values for {width} labels")
        for value in values:
            if len(value) > limits.label_value_chars:
                raise WireError("too_long", f"metric {name}: label value longer than {limits.label_value_chars} characters")
            if "\0" in value:
                raise WireError("bad_label", f"metric {name}: label value holds a NUL character")


__all__ = [
    "CONTENT_TYPE", "RESERVED_LABELS", "VERSION", "Answer", "Batch", "Block", "Group", "Limits", "OrdersState", "RawBatch",
    "RawGroup", "Refused", "Watermark", "WireError", "check_schema", "decode_answer", "decode_batch", "decode_loss",
    "decode_report", "decode_schema", "encode", "inflate",
]  # fmt: skip
