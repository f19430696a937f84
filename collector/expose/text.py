"""The targets' series as text: Prometheus 0.0.4 and OpenMetrics 1.0, each family once over all targets and schemas.

Rendering is in passes over a few families at a time, so that memory is bounded by the pass and not by the page, and it
gives the event loop a breath every few milliseconds: an empty chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from agent.model import Family, MetricType
from collector.core.fleet import Fleet, Live, Target, hide_repeats
from collector.core.schemas import Shape
from collector.expose.templates import CACHE_BYTES, Template, TemplateCache, tail_of

PASS_SERIES = 100_000
"""About how many series a pass over several families holds as text (10 MB)."""
STEP_SERIES = 4_000
"""Series rendered between two breaths."""
CHUNK_PARTS = 512
_TEMPLATES_A_JOB = 500

_TYPES = {MetricType.COUNTER: "counter", MetricType.GAUGE: "gauge", MetricType.UNTYPED: "untyped"}


class Heading(msgspec.Struct):
    """What all series of one name say about themselves; a name with two types is untyped, and nobody's series are lost."""

    type: MetricType
    help: str
    shapes: list[tuple[Shape, int]]
    conflict: bool = False


class Job(msgspec.Struct):
    """Columns `first..last-1` of every block of a shape, and where the text of each column goes."""

    shape: Shape
    first: int
    last: int
    sinks: list[list[bytes]]


def head(name: str, heading: Heading, taken: frozenset[str] | dict[str, Heading], openmetrics: bool) -> bytes:
    """HELP and TYPE lines. In OpenMetrics a counter without `_total`, or whose bare name is taken, is of type unknown."""
    kind = MetricType.UNTYPED if heading.conflict else heading.type
    if not openmetrics:
        text = heading.help.replace("\\", "\\\\").replace("\n", "\\n")
        return f"# HELP {name} {text}\n# TYPE {name} {_TYPES[kind]}\n".encode()
    text = heading.help.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    word = "unknown" if kind is MetricType.UNTYPED else _TYPES[kind]
    if kind is MetricType.COUNTER:
        bare = name.removesuffix("_total")
        if bare in ("", name) or bare in taken or f"{bare}_created" in taken:
            word = "unknown"
        else:
            name = bare
    return f"# HELP {name} {text}\n# TYPE {name} {word}\n".encode()


class Renderer:
    """Makes the pages of what targets reported. `reserved` are names that only the collector may use, `pass_series` is
    about how many series a pass may hold as text, `cache_bytes` bounds the templates kept between pages."""

    def __init__(
        self,
        fleet: Fleet,
        reserved: Iterable[str] = (),
        *,
        pass_series: int = PASS_SERIES,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._fleet = fleet
        self._cache = TemplateCache(fleet.book, cache_bytes)
        self._pass_series = pass_series
        self._reserved = frozenset(reserved)
        self._plan: dict[str, Heading] = {}
        self._plan_version = -1

    @property
    def conflicts(self) -> int:
        """Names that agents report with more than one type."""
        return sum(heading.conflict for heading in self._headings().values())

    def page(self, now_ms: int, *, openmetrics: bool) -> Iterator[bytes]:
        """The page of all targets; empty chunks are breaths."""
        self._cache.prune()
        headings = dict(self._headings())
        for names in self._passes(headings):
            sinks: dict[str, list[bytes]] = {name: [] for name in names}
            if len(names) == 1:
                yield from self._stream(names[0], headings, sinks[names[0]], now_ms, openmetrics)
                continue
            for job in _jobs(names, headings, sinks):
                for _ in self._fill(job, now_ms, openmetrics):
                    yield b""
            for name in sorted(names):
                yield from _written(head(name, headings[name], headings, openmetrics), sinks[name])
        if openmetrics:
            yield b"# EOF\n"

    def target_page(self, target: Target, now_ms: int, *, openmetrics: bool) -> bytes:
        """The page of one target."""
        blocks = [
            (live, position)
            for live in target.modules.values()
            if live.expires_ms >= now_ms
            for position, entry in enumerate(live.entries)
            if entry is not None
        ]
        headings = gather((live.entries[position].shape for live, position in blocks), self._reserved)  # type: ignore[union-attr]
        sinks: dict[str, list[bytes]] = {name: [] for name in headings}
        for live, position in blocks:
            template = self._cache.get(live.digests[position])
            if template is None or len(live.values[position]) != template.expects:
                continue
            families = live.entries[position].shape.families  # type: ignore[union-attr]
            for family, part in zip(families, self._parts(live, position, template, 0, openmetrics), strict=True):
                if part and family.name in sinks:
                    sinks[family.name].append(part)
        chunks = [
            head(name, heading, headings, openmetrics) + b"\n".join(sinks[name]) + b"\n"
            for name, heading in sorted(headings.items())
            if sinks[name]
        ]
        return b"".join([*chunks, b"# EOF\n" if openmetrics else b""])

    def _headings(self) -> dict[str, Heading]:
        book = self._fleet.book
        if self._plan_version != book.shapes_version:
            self._plan = gather(book.shapes(), self._reserved)
            self._plan_version = book.shapes_version
        return self._plan

    def _passes(self, headings: dict[str, Heading]) -> Iterator[list[str]]:
        names: list[str] = []
        weight = 0.0
        last: Shape | None = None
        for name, heading in headings.items():
            share = sum(_mean(shape) for shape, _ in heading.shapes)
            # A shape is rather finished than cut: each part of it costs a walk over all its users.
            limit = self._pass_series * (2 if heading.shapes[0][0] is last else 1)
            if names and weight + share > limit:
                yield names
                names, weight = [], 0.0
            names.append(name)
            weight += share
            last = heading.shapes[0][0]
        if names:
            yield names

    def _stream(
        self, name: str, headings: dict[str, Heading], sink: list[bytes], now_ms: int, openmetrics: bool
    ) -> Iterator[bytes]:
        """A family too large for a pass is written as it is rendered."""
        start = head(name, headings[name], headings, openmetrics)
        for job in _jobs([name], headings, {name: sink}):
            for _ in self._fill(job, now_ms, openmetrics):
                yield b""
                yield from _written(start, sink)
                start = b"" if sink else start
                sink.clear()
            yield from _written(start, sink)
            start = b"" if sink else start
            sink.clear()

    def _fill(self, job: Job, now_ms: int, openmetrics: bool) -> Iterator[None]:
        """Render the job's columns into its sinks."""
        templates: dict[bytes, Template] = {}
        rows: list[list[bytes]] = []
        count = 0
        users = job.shape.users
        # Names only: ten thousand pairs would wake the garbage collector, which stops everything for long.
        for live in list(users):
            if live.expires_ms < now_ms:
                continue
            for position in users.get(live, ()):  # none when it left during a breath
                digest = live.digests[position]
                template = templates.get(digest) or self._slice(digest, job, templates)
                if template is None or len(live.values[position]) != template.expects:
                    continue
                rows.append(self._parts(live, position, template, job.first, openmetrics))
                count += template.size + 4
            if count > STEP_SERIES:
                _spread(rows, job.sinks)
                rows, count = [], 0
                yield
        _spread(rows, job.sinks)

    def _slice(self, digest: bytes, job: Job, templates: dict[bytes, Template]) -> Template | None:
        template = self._cache.get(digest, job.first, job.last)
        if template is None:
            return None
        if len(templates) >= _TEMPLATES_A_JOB:
            templates.clear()
        templates[digest] = template
        return template

    def _parts(self, live: Live, position: int, template: Template, first: int, openmetrics: bool) -> list[bytes]:
        """Text of each column of one block; b"" for a column that is not shown."""
        target = live.target
        tail = target.tail
        if not tail:
            tail = target.tail = tail_of(target.info)
        if not target.is_settled:
            hide_repeats(target)
        hidden = live.hidden
        if hidden is None or position not in hidden:
            return template.fill(tail, live.values[position], openmetrics)
        columns = frozenset(column - first for column in hidden[position])
        return template.fill_slowly(tail, live.values[position], openmetrics, columns)


def _spread(rows: list[list[bytes]], sinks: list[list[bytes]]) -> None:
    for sink, column in zip(sinks, zip(*rows, strict=True), strict=False):
        sink.extend(filter(None, column))


def _written(start: bytes, parts: list[bytes]) -> Iterator[bytes]:
    for index in range(0, len(parts), CHUNK_PARTS):
        yield b"%b%b\n" % (start, b"\n".join(parts[index : index + CHUNK_PARTS]))
        start = b""


def _mean(shape: Shape) -> float:
    """About how many series one family of the shape has over all its users."""
    return len(shape.users) * shape.size_sum / (shape.schemas or 1) / len(shape.families)


def gather(shapes: Iterable[Shape], reserved: frozenset[str]) -> dict[str, Heading]:
    """Every name with its heading, names of one shape side by side."""
    headings: dict[str, Heading] = {}
    for shape in dict.fromkeys(shapes):
        shown = [(index, family) for index, family in enumerate(shape.families) if family.name not in reserved]
        for index, family in shown:
            heading = headings.get(family.name)
            if heading is None:
                heading = headings[family.name] = Heading(family.type, family.help, [])
            heading.shapes.append((shape, index))
            heading.conflict = heading.conflict or heading.type is not family.type
    return headings


def _jobs(names: list[str], headings: dict[str, Heading], sinks: dict[str, list[bytes]]) -> Iterator[Job]:
    """The columns of the named families as unbroken stretches of their shapes."""
    columns: dict[Shape, list[int]] = {}
    for name in names:
        for shape, index in headings[name].shapes:
            columns.setdefault(shape, []).append(index)
    for shape, indexes in columns.items():
        indexes.sort()
        first = previous = indexes[0]
        for index in [*indexes[1:], -1]:
            if index != previous + 1:
                yield Job(shape, first, previous + 1, _sinks(shape.families[first : previous + 1], sinks))
                first = index
            previous = index


def _sinks(families: tuple[Family, ...], sinks: dict[str, list[bytes]]) -> list[list[bytes]]:
    return [sinks[family.name] for family in families]
