"""Kind `textfile`: metrics that other programs leave as `*.prom` files in a folder, as node_exporter's textfile serves them.

A file is parsed again only when it changed. What is wrong with one costs that file and is counted, not the others.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from sys import platform
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from agent.disk import read_plain
from agent.host.reading import SINGLE, Host, Noted, Reader, Series, gauge, guarded
from agent.host.textformat import MAX_SERIES, Labels, Metric, TextError, parse
from agent.model import Family, Readings

MAX_BYTES: Final = 1024 * 1024
"""Size of one file at most."""
MAX_FILES: Final = 1_000
"""Files in the folder at most, the first by name."""

_FOLDER: Final = r"C:\ProgramData\HaiDang\textfile" if platform == "win32" else "/var/lib/prometheus/node-exporter"
_MTIME: Final = gauge("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.", "file")
_SCRAPE_ERROR: Final = gauge("node_textfile_scrape_error", "1 if there was an error opening or reading a file, 0 otherwise")
_OWN: Final = frozenset({_MTIME.name, _SCRAPE_ERROR.name})
Layouts = dict[str, tuple[Family, Series]]
_OURS: Final = ("haidang_", "node_scrape_collector_")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the files are."""

    folder: Annotated[str, Meta(min_length=1, description="Folder of the *.prom files.")] = _FOLDER


def open_reader(settings: Settings, host: Host) -> Reader:
    """A reader of the folder's files. `NoData` if there is no such folder."""
    folder = Folder(settings, host)
    return guarded(folder.read, folder.path)


_UNREADABLE: Final = (-1, -1, -1)


class _Parsed(msgspec.Struct):
    """A file as it was read last: its identity, its metrics or its problem."""

    identity: tuple[int, int, int]
    metrics: list[Metric] = []
    problem: str = ""


class Folder:
    """The folder's files. `problems` says what was wrong at the last reading, a sentence for each file; the readings carry
    it as their notes."""

    def __init__(self, settings: Settings, host: Host) -> None:
        self.path = host.in_root(settings.folder) if host.root != "/" else settings.folder
        self.problems: tuple[str, ...] = ()
        self._files: dict[str, _Parsed] = {}
        self._readings: Readings = ()
        self._layouts: Layouts = {}

    def read(self) -> Readings:
        """Everything the files say; the very same object while none of them changed."""
        names = sorted(name for name in os.listdir(self.path) if name.endswith(".prom"))
        files = {name: self._file(name) for name in names[:MAX_FILES]}
        changed = len(files) != len(self._files) or any(self._files.get(name) is not file for name, file in files.items())
        if changed or not self._readings:
            self._files = files
            extra = [f"{self.path}: {len(names)} files, only the first {MAX_FILES} are read"] if len(names) > MAX_FILES else []
            self._assemble(extra)
        return self._readings

    def _file(self, name: str) -> _Parsed:
        """The file as it is now: the very same object while it did not change."""
        path = os.path.join(self.path, name)
        place = _place(path)
        known = self._files.get(name)
        try:
            status = os.stat(path)
            identity = (status.st_mtime_ns, status.st_size, status.st_ino)
            if known is not None and known.identity == identity:
                return known
            raw = read_plain(path, MAX_BYTES)
        except OSError as error:
            parsed = _Parsed(_UNREADABLE, problem=f"{place}: {error.strerror or error}")
            return known if known == parsed else parsed
        try:
            return _Parsed(identity, parse(raw))
        except TextError as error:
            return _Parsed(identity, problem=f"{place}, {error}")

    def _assemble(self, problems: list[str]) -> None:
        """Merge the files in the order of their names; a file that contradicts an earlier one is left out whole."""
        merged: dict[str, Metric] = {}
        good: list[tuple[str, float]] = []
        count = 0
        for name, file in self._files.items():
            path = _place(os.path.join(self.path, name))
            size = sum(len(metric.samples) for metric in file.metrics)
            problem = file.problem or _contradiction(merged, file.metrics, count + size)
            if problem:
                problems.append(problem if file.problem else f"{path}: {problem}")
                continue
            count += size
            good.append((path, file.identity[0] / 1e9))
            for metric in file.metrics:
                _merge(merged, metric, path)
        self.problems = tuple(problems)
        readings: list[tuple[Family, Sequence[tuple[str, ...]], Sequence[float]]]
        readings = [(_SCRAPE_ERROR, SINGLE, [float(bool(problems))])]
        before, self._layouts = self._layouts, {}
        if good:
            series = self._same(before, _MTIME, tuple((path,) for path, _ in good))[1]
            readings.append((_MTIME, series, [mtime for _, mtime in good]))
        readings += [(*self._columns(before, metric), list(metric.samples.values())) for metric in merged.values()]
        self._readings = Noted(readings, problems) if problems else readings

    def _columns(self, before: Layouts, metric: Metric) -> tuple[Family, Series]:
        """Family and label values; a label that a series lacks is empty, which means the same."""
        names = tuple(sorted({name for labels in metric.samples for name, _ in labels}))
        family = Family(metric.name, metric.type, metric.help, names)
        if not names:
            return self._same(before, family, SINGLE)
        lookups = [dict(labels) for labels in metric.samples]
        return self._same(before, family, tuple(tuple(lookup.get(name, "") for name in names) for lookup in lookups))

    def _same(self, before: Layouts, family: Family, series: Series) -> tuple[Family, Series]:
        """The objects of last time if they are equal, so that the caller's layout holds when only values changed."""
        known = before.get(family.name)
        layout = known if known == (family, series) else (family, series)
        self._layouts[family.name] = layout
        return layout


def _place(path: str) -> str:
    """A path as a label says it: names that are not UTF-8 stay apart and cost nothing but their spelling."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _contradiction(merged: dict[str, Metric], metrics: list[Metric], total: int) -> str:
    """Why a file's metrics cannot stand beside those of the files before it; empty if they can."""
    if total > MAX_SERIES:
        return f"{total} series with the files before it, expected at most {MAX_SERIES}"
    for metric in metrics:
        if metric.name in _OWN or metric.name.startswith(_OURS):
            return f"{metric.name} is a name of the agent itself"
        other = merged.get(metric.name)
        if other is None:
            continue
        if other.type is not metric.type:
            return f"{metric.name} is {metric.type}, but {other.type} in a file before it"
        twice = next((labels for labels in metric.samples if labels in other.samples), None)
        if twice is not None:
            return f"{metric.name} with labels {_shown(twice)} is in a file before it"
    return ""


def _shown(labels: Labels) -> str:
    return "{" + ",".join(f"{name}={value!r}" for name, value in labels)[:200] + "}"


def _merge(merged: dict[str, Metric], metric: Metric, path: str) -> None:
    other = merged.get(metric.name)
    if other is None:
        about = metric.help or f"Metric read from {path}"
        merged[metric.name] = Metric(metric.name, metric.type, about, dict(metric.samples))
    else:
        other.samples.update(metric.samples)
