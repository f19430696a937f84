"""An issued report as the bytes that are kept of it, and what a later version of it changed (3.17).

Pure. The same report gives the same bytes (R17.4); what was issued once is read for years, so members are only ever added.
"""

from __future__ import annotations

import enum
from fractions import Fraction
from typing import Any, Final

import msgspec

from collector.core.figures import Figures
from collector.core.monthly import IncidentLine, Report
from collector.core.state import View

Key = tuple[str, View]
"""A subject and a view of it."""


class SealProblem(enum.StrEnum):
    """Why a period is not sealed: a closed list, also the `code` of the API."""

    BAD_PERIOD = "bad_period"
    OPEN = "period_open"
    SETTLING = "period_settling"
    IS_SEALED = "is_sealed"
    NO_DATA = "no_data"
    """Nothing was in service in it."""


class SealError(Exception):
    """A period cannot be sealed (now), and was not. `value` is the period, `at_ms` from when it can be (0: that is not
    known), `version` the one that there is (0: none)."""

    def __init__(self, problem: SealProblem, value: str, detail: str, at_ms: int = 0, version: int = 0) -> None:
        super().__init__(detail)
        self.problem = problem
        self.value = value
        self.detail = detail
        self.at_ms = at_ms
        self.version = version


def encode(report: Report) -> bytes:
    """The report as JSON; fractions as `999/1000`."""
    return _encoder.encode(report)


def decode(body: bytes) -> Report:
    """Inverse of `encode`, for what any version of this program wrote. `ValueError` for other bytes."""
    return _decoder.decode(body)


def _plain(value: Any) -> str:
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    raise NotImplementedError(f"{type(value).__name__}: expected what a report is made of")


def _read(kind: type, value: Any) -> Any:
    if kind is Fraction and isinstance(value, str):
        try:
            return Fraction(value)
        except ZeroDivisionError as error:
            raise ValueError(f"{value}: expected a ratio") from error
    raise NotImplementedError(f"{kind.__name__}: expected what a report is made of")


_encoder: Final = msgspec.json.Encoder(enc_hook=_plain, order="deterministic")
_decoder: Final = msgspec.json.Decoder(Report, dec_hook=_read)


def title(period: str, version: int) -> str:
    """How a version of a report is called: in the chain, and as the id of the restatement that it brought (R17.3)."""
    return f"{period} v{version}"


def figures_of(report: Report) -> dict[Key, Figures]:
    """The figures of every line."""
    return {(line.id, line.view): line.figures for line in (*report.headline, *report.subjects)}


def changed_lines(before: Report, after: Report) -> list[Key]:
    """Lines whose figures are others now, or that one of the two does not have, in the order of the reports."""
    old, new = figures_of(before), figures_of(after)
    return [key for key in {**old, **new} if old.get(key) != new.get(key)]


def reclassify(before: Report, after: Report) -> Report:
    """`after` with every incident of `before` that is gone or is another now marked with this restatement (R17.3).

    An incident is never deleted: one that is gone stays in the list and is charged nothing. Earlier marks stay.
    """
    mark = title(after.period, after.version)
    now = {_key(line): line for line in after.incidents}
    kept: dict[tuple[str, View, int], IncidentLine] = {}
    for old in before.incidents:
        new = now.get(_key(old))
        if new is not None:
            is_same = msgspec.structs.replace(old, reclassified="") == new
            now[_key(old)] = msgspec.structs.replace(new, reclassified=old.reclassified if is_same else mark)
        elif old.reclassified and not old.charged_ms:
            kept[_key(old)] = old
        elif not before.incidents_left_out and not after.incidents_left_out:
            kept[_key(old)] = msgspec.structs.replace(old, charged_ms=0, reclassified=mark)
    lines = sorted([*now.values(), *kept.values()], key=lambda each: (each.onset_ms, each.subject, each.view.value))
    return msgspec.structs.replace(after, incidents=tuple(lines))


def _key(line: IncidentLine) -> tuple[str, View, int]:
    return line.subject, line.view, line.onset_ms
