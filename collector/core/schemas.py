"""The schemas that agents described, kept small: shared by hash, packed, counted per agent and bounded per agent.

Pure. A schema lives while some agent holds it. An agent holds what it sent or uses; what its targets show at present is
pinned and never evicted, the rest goes oldest first when the agent's share is full.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from agent.model import Block, Family, Schema

_PACK_FROM_BYTES = 192


class BookLimits(msgspec.Struct, frozen=True):
    """One agent's share: how many schemas, and how many bytes of encoded names, help and label values."""

    schemas: int = 512
    text_bytes: int = 4 * 1024 * 1024


class Shape:
    """The families of a schema without its series; shared by all schemas that differ in label values only.

    `users` is the fleet's index: whoever shows a block of this shape, and at which position. `size_sum` is the number of
    series over the shape's schemas, so `size_sum / schemas` is what one user brings on average.
    """

    __slots__ = ("families", "names", "schemas", "size_sum", "users")

    def __init__(self, families: tuple[Family, ...]) -> None:
        self.families = families
        self.names = frozenset(family.name for family in families)
        self.schemas = 0
        self.size_sum = 0
        self.users: dict[Any, tuple[int, ...]] = {}


class Packed(msgspec.Struct, frozen=True, gc=False):
    """A schema in a hundredth of the memory that it takes decoded: its families, number of series, and bytes, which are
    `text_bytes` long and compressed when they are not few."""

    families: tuple[Family, ...]
    size: int
    text_bytes: int
    data: bytes

    @property
    def body(self) -> bytes:
        """The encoded schema."""
        return zlib.decompress(self.data) if self.text_bytes >= _PACK_FROM_BYTES else self.data


def pack(schema: Schema) -> Packed:
    """A schema that has passed `agent.wire.check_schema`, packed."""
    data = _encoder.encode(schema)
    families = tuple([column.family for column in schema.columns])
    return Packed(families, schema.size, len(data), zlib.compress(data, 1) if len(data) >= _PACK_FROM_BYTES else data)


class Entry:
    """One schema: its hash, shape, number of series and packed bytes."""

    __slots__ = ("_data", "digest", "holders", "shape", "size", "text_bytes")

    def __init__(self, digest: bytes, packed: Packed, shape: Shape) -> None:
        self.digest = digest
        self.shape = shape
        self.size = packed.size
        self.text_bytes = packed.text_bytes
        self._data = packed.data
        self.holders = 0

    def unpack(self) -> Schema:
        """The schema, made anew; its caller may cache it."""
        return _decoder.decode(zlib.decompress(self._data) if self.text_bytes >= _PACK_FROM_BYTES else self._data)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Schema)


class _Share:
    """What one agent holds: pins by hash, oldest use first, and the bytes of it."""

    __slots__ = ("limits", "pins", "text_bytes")

    def __init__(self, limits: BookLimits) -> None:
        self.limits = limits
        self.pins: dict[bytes, int] = {}
        self.text_bytes = 0


class SchemaBook:
    """All known schemas by hash. Schemas must have passed `agent.wire.check_schema`, which also gives the hash, and `pack`."""

    def __init__(self, limits: BookLimits | None = None, of: Mapping[str, BookLimits] | None = None) -> None:
        """`of` gives single agents another share: whoever polls thousands of devices holds a schema for nearly each."""
        self._limits = limits or BookLimits()
        self._of = of or {}
        self._entries: dict[bytes, Entry] = {}
        self._shares: dict[str, _Share] = {}
        self._shapes: dict[tuple[Family, ...], Shape] = {}
        self.shapes_version = 0
        """Grows whenever a shape comes or goes, so that plans made from the shapes can be kept until then."""
        self.releases = 0
        """Grows whenever a schema goes, so that what was made from schemas can be kept until then."""
        self.on_new: Callable[[bytes], None] | None = None
        """Called with the hash of a schema that was not known before (set by the fleet)."""

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def text_bytes(self) -> int:
        """Bytes of all known schemas, each counted once, before packing."""
        return sum(entry.text_bytes for entry in self._entries.values())

    def shapes(self) -> list[Shape]:
        """The shapes of all known schemas, oldest first."""
        return list(self._shapes.values())

    def known(self, digest: bytes) -> bool:
        """Is the schema of this hash here?"""
        return digest in self._entries

    def missing(self, blocks: Iterable[Block]) -> list[bytes]:
        """Hashes of the schemas of `blocks` that are not here."""
        entries = self._entries
        return [block.schema for block in blocks if block.schema not in entries]

    def entry(self, digest: bytes) -> Entry | None:
        """The schema of this hash, packed."""
        return self._entries.get(digest)

    def resolve(self, digest: bytes) -> Schema | None:
        """The schema of this hash, decoded anew each time."""
        entry = self._entries.get(digest)
        return None if entry is None else entry.unpack()

    def wanted(self, agent: str, digests: Iterable[bytes]) -> tuple[bytes, ...]:
        """Those of `digests` that the agent must send, each once; none while its share is full of schemas in use."""
        missing = tuple(dict.fromkeys(digest for digest in digests if digest not in self._entries))
        return missing if missing and self._has_room(agent) else ()

    def add(self, agent: str, digest: bytes, packed: Packed) -> bool:
        """Take a schema from an agent; false if its share is full of schemas in use, and then nothing changes."""
        share = self._share(agent)
        if digest in share.pins:
            share.pins[self._entries[digest].digest] = share.pins.pop(digest)
            return True
        entry = self._entries.get(digest)
        if entry is not None:
            return self._hold(share, entry)
        families = packed.families
        entry = Entry(digest, packed, self._shapes.get(families) or Shape(families))
        if not self._hold(share, entry):
            return False
        self._entries[digest] = entry
        self._join(entry)
        if self.on_new is not None:
            self.on_new(digest)
        return True

    def pin(self, agent: str, digest: bytes) -> Entry | None:
        """A target of the agent shows a block of this schema from now on. None if it is unknown or the share is full."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        share = self._share(agent)
        if digest not in share.pins and not self._hold(share, entry):
            return None
        share.pins[entry.digest] = share.pins.pop(digest) + 1
        return entry

    def unpin(self, agent: str, digest: bytes) -> None:
        """Undo one `pin`; the schema stays held until the agent's share needs the room."""
        share = self._shares.get(agent)
        if share is not None and share.pins.get(digest, 0) > 0:
            share.pins[digest] = share.pins.pop(digest) - 1

    def forget(self, agent: str) -> None:
        """Drop everything that only this agent holds; its pins must have been undone."""
        share = self._shares.pop(agent, None)
        for digest in share.pins if share is not None else ():
            self._release(digest)

    def _share(self, agent: str) -> _Share:
        share = self._shares.get(agent)
        if share is None:
            share = self._shares[agent] = _Share(self._of.get(agent, self._limits))
        return share

    def _has_room(self, agent: str) -> bool:
        share = self._shares.get(agent)
        if share is None:
            return True
        full = len(share.pins) >= share.limits.schemas or share.text_bytes >= share.limits.text_bytes
        return not full or any(pins == 0 for pins in share.pins.values())

    def _hold(self, share: _Share, entry: Entry) -> bool:
        """Put the entry into the share, evicting unpinned ones oldest first; all or nothing."""
        limits, count, size = share.limits, len(share.pins) + 1, share.text_bytes + entry.text_bytes
        victims = []
        for digest, pins in share.pins.items():
            if count <= limits.schemas and size <= limits.text_bytes:
                break
            if pins == 0:
                victims.append(digest)
                count, size = count - 1, size - self._entries[digest].text_bytes
        if count > limits.schemas or size > limits.text_bytes:
            return False
        for digest in victims:
            del share.pins[digest]
            self._release(digest)
        share.pins[entry.digest] = 0
        share.text_bytes = size
        entry.holders += 1
        return True

    def _release(self, digest: bytes) -> None:
        entry = self._entries[digest]
        entry.holders -= 1
        if entry.holders > 0:
            return
        del self._entries[digest]
        self.releases += 1
        shape = entry.shape
        shape.schemas -= 1
        shape.size_sum -= entry.size
        if shape.schemas == 0:
            del self._shapes[shape.families]
            self.shapes_version += 1

    def _join(self, entry: Entry) -> None:
        shape = entry.shape
        if shape.schemas == 0:
            self._shapes[shape.families] = shape
            self.shapes_version += 1
        shape.schemas += 1
        shape.size_sum += entry.size
