"""A batch from entries of the spool: grouped by boot and lane, with the schemas that the collector may lack, encoded. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from agent import wire
from agent.model import Lane
from agent.segment import Entry

COMPRESS_FROM_BYTES: Final = 1024
MAX_SCHEMAS: Final = 400
MAX_GROUPS: Final = 200
"""Collectors take 500 and 256 (`agent.wire.Limits` and the collector's admission)."""
MAX_BODY_BYTES: Final = 3 * 1024 * 1024
MAX_SCHEMA_BYTES: Final = 896 * 1024
"""Of all schemas of a batch together. Collectors take 4 MiB and 1 MiB."""


class Header(msgspec.Struct, frozen=True):
    """Who sends, and the sender's clocks at the moment of sending."""

    stream: str
    boot: str
    uptime_ms: int
    awake_ms: int
    wall_ms: int
    agent_version: str
    watermarks: tuple[wire.Watermark, ...] = ()
    orders: wire.OrdersState | None = None


def encode(header: Header, entries: Sequence[Entry], schemas: Mapping[bytes, bytes]) -> bytes:
    """The wire encoding of a batch; the entries' payloads are embedded as they are."""
    grouped: dict[tuple[str, Lane], list[Entry]] = {}
    for entry in entries:
        grouped.setdefault((entry.boot, entry.lane), []).append(entry)
    groups = tuple([
        wire.RawGroup(
            boot,
            lane,
            tuple([msgspec.Raw(entry.payload) for entry in members if not entry.is_loss]),
            tuple([msgspec.Raw(entry.payload) for entry in members if entry.is_loss]),
        )
        for (boot, lane), members in grouped.items()
    ])  # fmt: skip
    return wire.encode(
        wire.RawBatch(
            version=wire.VERSION,
            stream=header.stream,
            boot=header.boot,
            uptime_ms=header.uptime_ms,
            awake_ms=header.awake_ms,
            wall_ms=header.wall_ms,
            agent_version=header.agent_version,
            watermarks=header.watermarks,
            groups=groups,
            schemas=tuple([msgspec.Raw(data) for data in schemas.values()]),
            orders=header.orders,
        )
    )


def deflate(body: bytes) -> bytes | None:
    """`body` as a zlib stream, or `None` if it is small or does not get smaller."""
    if len(body) < COMPRESS_FROM_BYTES:
        return None
    packed = zlib.compress(body, 1)
    return packed if len(packed) < len(body) else None


def needed_schemas(entries: Iterable[Entry], confirmed: set[bytes]) -> set[bytes]:
    """Hashes that the entries use and the collector has not confirmed."""
    return {needed for entry in entries for needed in entry.schemas if needed not in confirmed}


def fit(entries: Sequence[Entry], confirmed: set[bytes]) -> list[Entry]:
    """The longest beginning of `entries`, at least one, with no more groups and unconfirmed schemas than a batch may have."""
    needs: set[bytes] = set()
    groups: set[tuple[str, Lane]] = set()
    for index, entry in enumerate(entries):
        groups.add((entry.boot, entry.lane))
        needs.update(needed for needed in entry.schemas if needed not in confirmed)
        if index and (len(needs) > MAX_SCHEMAS or len(groups) > MAX_GROUPS):
            return list(entries[:index])
    return list(entries)


def is_too_large(entries: Iterable[Entry], schemas: Mapping[bytes, bytes]) -> bool:
    """Whether a batch of these must be made smaller by taking fewer entries."""
    size = sum([len(data) for data in schemas.values()])
    return size > MAX_SCHEMA_BYTES or size + sum([len(entry.payload) for entry in entries]) > MAX_BODY_BYTES


def fit_schemas(schemas: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Those of `schemas`, from the first on, that one batch may carry; the collector asks for the others."""
    chosen: dict[bytes, bytes] = {}
    size = 0
    for needed, data in schemas.items():
        if len(chosen) < MAX_SCHEMAS and size + len(data) <= MAX_SCHEMA_BYTES:
            chosen[needed] = data
            size += len(data)
    return chosen
