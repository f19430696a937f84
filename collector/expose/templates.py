"""Schemas as text with gaps: names, labels and escapes are written once, a report only fills in its numbers.

A line is `prefix`, the target's `tail` and a number. Everything is UTF-8 bytes, in which 0xFF never occurs: as `SEAM`
between columns it cannot be forged.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache

import msgspec

from agent.model import MetricType, Schema
from collector.core.evidence import TargetInfo
from collector.core.schemas import SchemaBook

SEAM = b"\xff"
CACHE_BYTES = 96 * 1024 * 1024
_BYTES_OVERHEAD = 42

_encode_numbers = msgspec.json.Encoder().encode


def escape_label(value: str) -> str:
    """A label value between quotes, in both formats."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def labels_text(info: TargetInfo) -> str:
    """The labels that only the collector sets."""
    pairs = (("instance", info.id), ("site", info.site), ("class", info.class_))
    return ",".join([f'{name}="{escape_label(value)}"' for name, value in pairs])


def tail_of(info: TargetInfo) -> bytes:
    """What stands between a prefix and the number in every line of a target."""
    return f"{labels_text(info)}}} ".encode()


def number(value: float) -> str:
    """A value as both formats spell it; finite ones exactly as a float reads them back."""
    if math.isfinite(value):
        return repr(value)
    return "NaN" if value != value else ("+Inf" if value > 0 else "-Inf")


@lru_cache(maxsize=4096)
def _unpacker(count: int) -> Callable[[bytes, int], tuple[float, ...]]:
    return struct.Struct(f"<{count}d").unpack_from


class Template:
    """Columns of a schema as text. `ends` counts the series up to and with each column, `offset` is the byte at which
    their values start and `expects` the length of a whole block of the schema."""

    __slots__ = ("_prefixes", "_suffix", "_unpack", "counters", "ends", "expects", "offset", "size", "weight")

    def __init__(self, columns: Sequence[Sequence[bytes]], counters: tuple[bool, ...], offset: int, expects: int) -> None:
        prefixes: list[bytes] = []
        ends = []
        lead = b""
        for lines in columns:
            for line in lines:
                prefixes.append(lead + line)
                lead = b"\n"
            ends.append(len(prefixes))
            lead = SEAM if lead in (b"\n", b"") else lead + SEAM
        self._suffix = lead[1:]
        self._prefixes = tuple(prefixes)
        self.ends = tuple(ends)
        self.counters = counters
        self.size = len(prefixes)
        self.offset = offset
        self.expects = expects
        self._unpack = _unpacker(self.size)
        self.weight = sum(map(len, prefixes)) + self.size * _BYTES_OVERHEAD + 400
        """About how many bytes it takes."""

    def columns(self) -> list[list[bytes]]:
        """The bare prefixes of each column."""
        bare = [prefix.lstrip(b"\n\xff") for prefix in self._prefixes]
        return [bare[start:end] for start, end in zip((0, *self.ends), self.ends, strict=False)]

    def part(self, first: int, last: int) -> Template:
        """Columns `first..last-1` alone."""
        if first == 0 and last == len(self.ends):
            return self
        start = self.ends[first - 1] if first else 0
        return Template(self.columns()[first:last], self.counters[first:last], start * 8, self.expects)

    def fill(self, tail: bytes, data: bytes, strict: bool) -> list[bytes]:
        """The text of each column for one target, `b""` for a column without series. `data` is a whole block.

        `strict` leaves out what OpenMetrics forbids: counters that are negative or not a number.
        """
        values = self._unpack(data, self.offset)
        text = _encode_numbers(values)
        # NaN and infinities come out as null; a minus sign may be an exponent's.
        if b"n" in text or not values or (strict and b"-" in text and min(values) < 0.0):
            return self.fill_slowly(tail, data, strict, frozenset())
        pieces = [tail] * (3 * self.size)
        pieces[0::3] = self._prefixes
        pieces[2::3] = text[1:-1].split(b",")
        if self._suffix:
            pieces.append(self._suffix)
        return b"".join(pieces).split(SEAM)

    def fill_slowly(self, tail: bytes, data: bytes, strict: bool, hidden: frozenset[int]) -> list[bytes]:
        """The same line by line: values that are not finite, forbidden ones left out, `hidden` columns empty."""
        values = self._unpack(data, self.offset)
        parts = []
        start = 0
        for index, (lines, end) in enumerate(zip(self.columns(), self.ends, strict=True)):
            picky = strict and self.counters[index]
            pairs = zip(lines, values[start:end], strict=True)
            start = end
            shown = [line + tail + number(value).encode() for line, value in pairs if not picky or value >= 0.0]
            parts.append(b"" if index in hidden else b"\n".join(shown))
        return parts


def make_template(schema: Schema, first: int = 0, last: int | None = None) -> Template:
    """Columns `first..last-1` of the schema as text, all of them by default."""
    columns = []
    for column in schema.columns[first:last]:
        start = column.family.name + "{"
        keys = [f'{label}="' for label in column.family.labels]
        columns.append(
            [
                (start + "".join([f'{key}{escape_label(value)}",' for key, value in zip(keys, row, strict=True)])).encode()
                for row in column.series
            ]
        )
    counters = tuple(column.family.type is MetricType.COUNTER for column in schema.columns[first:last])
    offset = sum(len(column.series) for column in schema.columns[:first]) * 8
    return Template(columns, counters, offset, schema.size * 8)


class TemplateCache:
    """Templates by schema hash, up to a number of bytes; what does not fit is made anew each time."""

    def __init__(self, book: SchemaBook, limit_bytes: int = CACHE_BYTES) -> None:
        self._book = book
        self._limit = limit_bytes
        self._templates: dict[bytes, Template] = {}
        self._bytes = 0
        self._releases = 0

    def get(self, digest: bytes, first: int = 0, last: int | None = None) -> Template | None:
        """The template of these columns of the schema, or None while the schema is unknown."""
        template = self._templates.get(digest)
        if template is None:
            schema = self._book.resolve(digest)
            if schema is None:
                return None
            if self._bytes >= self._limit:
                return make_template(schema, first, last)
            template = self._templates[digest] = make_template(schema)
            self._bytes += template.weight
        return template if last is None else template.part(first, last)

    def prune(self) -> None:
        """Forget templates whose schema is gone. Call between pages."""
        if self._releases == self._book.releases:
            return
        self._releases = self._book.releases
        for digest in [digest for digest in self._templates if not self._book.known(digest)]:
            self._bytes -= self._templates.pop(digest).weight
