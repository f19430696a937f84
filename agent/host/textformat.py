"""Prometheus' text format 0.0.4 -> families and samples: strict, bounded, pure. Serves kind `textfile`.

Every problem is a `TextError` that names the line. Limits are those of the wire, so that what is parsed can be sent.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from agent.model import MetricType
from agent.wire import RESERVED_LABELS, Limits

LIMITS: Final = Limits()
MAX_SERIES: Final = 5_000

Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted by name; labels with an empty value are the same as none and are left out."""


class TextError(ValueError):
    """A line that breaks the format or a limit."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(f"line {line}: {detail}")
        self.line = line
        self.detail = detail


class Metric(msgspec.Struct):
    """A metric of one file and its samples. Parts of histograms and summaries (`_bucket`, `_sum`, `_count`, quantiles)
    are untyped metrics of their own, because a report knows counters, gauges and untyped only."""

    name: str
    type: MetricType = MetricType.UNTYPED
    help: str = ""
    samples: dict[Labels, float] = {}


_SPACE: Final = " \t"
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_COMMENT: Final = re.compile(r"#[ \t]*(HELP|TYPE)(?:[ \t]+|\Z)(.*)\Z", re.DOTALL)
_LABEL: Final = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\["\\n])*)"[ \t]*')
_NUMBER: Final = re.compile(r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|inf(?:inity)?)\Z|nan\Z", re.IGNORECASE)
_HELP_ESCAPED: Final = re.compile(r"\\([\\n])")
_ESCAPED: Final = re.compile(r'\\(["\\n])')
_SIMPLE: Final = {"counter": MetricType.COUNTER, "gauge": MetricType.GAUGE, "untyped": MetricType.UNTYPED}
_COMPOUND: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}


def parse(raw: bytes, max_series: int = MAX_SERIES) -> list[Metric]:
    """The metrics in a file, in the order of their first sample. Raises `TextError`.

    Time stamps are refused (an old file must not look fresh), as is a last line without its end (a file half written).
    Labels that belong to the collector (`instance`, `site`, `class`) are renamed `exported_...`.
    """
    try:
        content = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TextError(raw.count(b"\n", 0, error.start) + 1, "not UTF-8") from error
    lines = content.split("\n")
    if lines[-1].strip(_SPACE):
        raise TextError(len(lines), "the last line has no line end; was the file written half?")
    parser = _Parser(max_series)
    for number, line in enumerate(lines, 1):
        try:
            parser.take(line.strip(_SPACE))
        except ValueError as error:
            raise TextError(number, str(error)) from error
    return parser.metrics()


class _Parser:
    def __init__(self, max_series: int) -> None:
        self._max_series = max_series
        self._count = 0
        self._samples: dict[str, dict[Labels, float]] = {}
        self._types: dict[str, str] = {}
        self._helps: dict[str, str] = {}

    def metrics(self) -> list[Metric]:
        """What was taken. A part of a histogram or summary has the help of the whole."""
        return [
            Metric(name, _SIMPLE.get(self._types.get(name, ""), MetricType.UNTYPED), self._help_of(name), samples)
            for name, samples in self._samples.items()
        ]

    def _help_of(self, name: str) -> str:
        if name in self._helps:
            return self._helps[name]
        for kind, suffixes in _COMPOUND.items():
            for suffix in suffixes:
                base = name.removesuffix(suffix)
                if base != name and self._types.get(base) == kind:
                    return self._helps.get(base, "")
        return ""

    def take(self, line: str) -> None:
        """One line without surrounding blanks. Raises `ValueError`."""
        if line.startswith("#"):
            comment = _COMMENT.match(line)
            if comment:
                self._describe(comment[1], comment[2])
        elif line:
            self._sample(line)

    def _sample(self, line: str) -> None:
        name, rest = _metric_name(line)
        labels, rest = _labels(name, rest)
        words = rest.split()
        if len(words) == 2:
            raise ValueError(f"{name} has the time stamp {words[1][:40]!r}, expected none")
        if len(words) != 1 or not _NUMBER.match(words[0]):
            raise ValueError(f"{name} has the value {rest.strip(_SPACE)[:40]!r}, expected a number")
        samples = self._samples.setdefault(name, {})
        if labels in samples:
            raise ValueError(f"{name} appears twice with the same labels")
        self._count += 1
        if self._count > self._max_series:
            raise ValueError(f"more than {self._max_series} series")
        samples[labels] = float(words[0])

    def _describe(self, what: str, rest: str) -> None:
        name, rest = _metric_name(rest)
        if rest and rest[0] not in _SPACE:
            raise ValueError(f"{what} of {(name + rest)[:40]!r}, expected a metric name")
        known = self._helps if what == "HELP" else self._types
        if name in known:
            raise ValueError(f"second {what} of {name}")
        known[name] = _help(name, rest) if what == "HELP" else self._type(name, rest.strip(_SPACE))

    def _type(self, name: str, kind: str) -> str:
        if kind not in _SIMPLE and kind not in _COMPOUND:
            raise ValueError(f"TYPE of {name} is {kind[:40]!r}, expected counter, gauge, untyped, histogram or summary")
        if any(f"{name}{suffix}" in self._samples for suffix in ("", *_COMPOUND.get(kind, ()))):
            raise ValueError(f"TYPE of {name} stands after its samples, expected before them")
        return kind


def _help(name: str, rest: str) -> str:
    about = _HELP_ESCAPED.sub(lambda match: "\n" if match[1] == "n" else "\\", rest.strip(_SPACE))
    if len(about) > LIMITS.help_chars:
        raise ValueError(f"HELP of {name} has {len(about)} characters, expected at most {LIMITS.help_chars}")
    return about


def _metric_name(line: str) -> tuple[str, str]:
    match = _NAME.match(line)
    if not match:
        raise ValueError(f"found {line[:40]!r}, expected a metric name")
    if len(match[0]) > LIMITS.name_chars:
        raise ValueError(f"metric name of {len(match[0])} characters, expected at most {LIMITS.name_chars}")
    return match[0], line[match.end() :]


def _labels(name: str, rest: str) -> tuple[Labels, str]:
    """Labels after a metric's name, and what follows them."""
    after = rest.lstrip(_SPACE)
    if not after.startswith("{"):
        if after and after == rest:
            raise ValueError(f"found {(name + rest)[:40]!r}, expected a metric name and a blank before its value")
        return (), after
    labels: dict[str, str] = {}
    rest = after[1:]
    while not (closing := rest.lstrip(_SPACE)).startswith("}"):
        match = _LABEL.match(rest)
        if not match:
            raise ValueError(f'{name} has the labels {rest[:40]!r}, expected label="value"')
        label = _label_name(name, match[1])
        if label in labels:
            raise ValueError(f"{name} has the label {label} twice")
        labels[label] = _label_value(name, label, match[2])
        rest = rest[match.end() :]
        if rest.startswith(","):
            rest = rest[1:]
        elif not rest.startswith("}"):
            raise ValueError(f"{name} has {rest[:40]!r} after label {label}, expected ',' or '}}'")
    if len(labels) > LIMITS.labels_per_series:
        raise ValueError(f"{name} has {len(labels)} labels, expected at most {LIMITS.labels_per_series}")
    return tuple(sorted((label, value) for label, value in labels.items() if value)), closing[1:]


def _label_name(name: str, label: str) -> str:
    if label.startswith("__"):
        raise ValueError(f"{name} has the label {label[:40]}, expected a name that does not begin with '__'")
    if len(label) > LIMITS.name_chars - len("exported_"):
        raise ValueError(f"{name} has a label name of {len(label)} characters, which is too long")
    return f"exported_{label}" if label in RESERVED_LABELS else label


def _label_value(name: str, label: str, raw: str) -> str:
    value = _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], raw)
    if len(value) > LIMITS.label_value_chars:
        raise ValueError(f"{name}: label {label} has {len(value)} characters, expected at most {LIMITS.label_value_chars}")
    return value
