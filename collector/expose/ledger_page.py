"""The ledger's part of the collector's page: seconds, ratios, verdicts, budgets, burn and incidents of every subject.

What is None is absent, never NaN. A ratio is never shown above the truth, and 1 only when nothing was bad (R16.2).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from math import inf, nextafter
from typing import Final

from collector.core.figures import Figures, Verdict
from collector.core.standing import BURN_WINDOWS, WINDOWS, Standing, SubjectRow
from collector.core.state import State, View
from collector.core.subject import SubjectKind
from collector.expose.ledger_port import LedgerPort
from collector.expose.names import NAMES, heading
from collector.expose.stream import Chunk
from collector.expose.templates import escape_label

STEP_S: Final = 0.003
"""How long the page keeps the event loop between two breaths, about."""
SEAM: Final = "\xff"
"""Where a subject's labels go in a text that subjects share: no text of ours has it."""
ROWS_A_LOOK: Final = 16
"""Rows rendered between two looks at the clock."""

Row = tuple[str, Standing]
"""What stands between a prefix and the number in every line of a subject, and what is shown of it."""
Render = Callable[[str, Standing], str]
"""All lines of one subject in one family, each with its end of line."""
Value = Callable[[Figures], float | None]


def floored(part: int, whole: int) -> float:
    """`part / whole` as the nearest float that is not above it (R16.2); `whole` is positive."""
    value = part / whole
    top, bottom = value.as_integer_ratio()
    return nextafter(value, -inf) if top * whole > part * bottom else value


def tail_of(row: SubjectRow) -> str:
    """The labels that every line of a subject ends with; a group without a class is of the class of its kind."""
    pairs = (("instance", row.id), ("site", row.site), ("class", row.class_ or row.kind.value), ("kind", row.kind.value))
    return ",".join([f'{name}="{escape_label(value)}"' for name, value in pairs]) + "} "


# --- values of figures; integers, so that nothing is rounded before the last step (R16.1)


def _availability(f: Figures) -> float | None:
    denom = f.good + f.bad
    return floored(f.good, denom) if denom else None


def _low(f: Figures) -> float | None:
    whole = f.good + f.bad + f.doubt
    return floored(f.good, whole) if whole else None


def _high(f: Figures) -> float | None:
    whole = f.good + f.bad + f.doubt
    return floored(f.good + f.doubt, whole) if whole else None


def _coverage(f: Figures) -> float | None:
    agreed = f.ast - f.maintenance
    return floored(agreed - f.unknown, agreed) if agreed else None


def _budget_total(f: Figures) -> float | None:
    denom, aim = f.good + f.bad, f.slo
    if not denom:
        return None
    return floored((aim.denominator - aim.numerator) * (denom + f.future_ast), aim.denominator * 1000)


def _budget_left(f: Figures) -> float | None:
    denom, aim = f.good + f.bad, f.slo
    if not denom:
        return None
    total = (aim.denominator - aim.numerator) * (denom + f.future_ast)
    return floored(total - f.bad * aim.denominator, aim.denominator * 1000)


# --- lines


def _windowed(name: str, value: Value) -> Render:
    """A number of each window of each view."""
    prefixes = {view: [(window, f'{name}{{view="{view}",window="{window}",') for window in WINDOWS] for view in View}

    def render(tail: str, standing: Standing) -> str:
        out = []
        for one in standing.views:
            windows = one.windows
            for window, prefix in prefixes[one.view]:
                figures = windows.get(window)
                number = None if figures is None else value(figures)
                if number is not None:
                    out.append(f"{prefix}{tail}{number!r}\n")
        return "".join(out)

    return render


@lru_cache(maxsize=4096)
def _verdict_text(name: str, view: View, verdicts: tuple[Verdict | None, ...]) -> str:
    return "".join(
        f'{name}{{view="{view}",window="{window}",verdict="{verdict}",{SEAM}1\n'
        for window, verdict in zip(WINDOWS, verdicts, strict=True)
        if verdict is not None
    )


def _verdicts(name: str) -> Render:
    """The verdict of each window (R12.1): one line each, for four times as many were a quarter of the page."""

    def render(tail: str, standing: Standing) -> str:
        texts = []
        for one in standing.views:
            windows = one.windows
            found = tuple([figures.verdict if (figures := windows.get(window)) is not None else None for window in WINDOWS])
            texts.append(_verdict_text(name, one.view, found))
        return "".join(texts).replace(SEAM, tail)

    return render


def _totals(name: str) -> Render:
    prefixes = {view: [(state, f'{name}{{view="{view}",state="{state}",') for state in State] for view in View}

    def render(tail: str, standing: Standing) -> str:
        out = []
        for one in standing.views:
            if one.state is not None:  # a pool has no states (R15.3)
                totals = one.totals
                out += [f"{prefix}{tail}{totals.get(state, 0) / 1000!r}\n" for state, prefix in prefixes[one.view]]
        return "".join(out)

    return render


def _moved(name: str) -> Render:
    def render(tail: str, standing: Standing) -> str:
        return "".join(
            [
                f'{name}{{view="{one.view}",from="{was}",to="{now}",{tail}{ms / 1000!r}\n'
                for one in standing.views
                for (was, now), ms in one.moved.items()
            ]
        )

    return render


def _burn(name: str) -> Render:
    prefixes = {view: [(window, f'{name}{{view="{view}",window="{window}",') for window in BURN_WINDOWS] for view in View}

    def render(tail: str, standing: Standing) -> str:
        out = []
        for one in standing.views:
            burn = one.burn
            for window, prefix in prefixes[one.view]:
                rate = burn.get(window)
                if rate is not None:  # None never fires and never resolves (R14.2)
                    out.append(f"{prefix}{tail}{rate.numerator / rate.denominator!r}\n")
        return "".join(out)

    return render


def _group_state(name: str) -> Render:
    def render(tail: str, standing: Standing) -> str:
        if standing.row.kind not in (SubjectKind.GROUP, SubjectKind.SITE):
            return ""
        return "".join(
            [
                f'{name}{{view="{one.view}",state="{state}",{tail}{int(one.state.state is state)}\n'
                for one in standing.views
                if one.state is not None
                for state in State
            ]
        )

    return render


def _maintenance(name: str) -> Render:
    def render(tail: str, standing: Standing) -> str:
        return "".join([f'{name}{{view="{one.view}",{tail}{int(one.in_maintenance)}\n' for one in standing.views])

    return render


def _flapping(name: str) -> Render:
    def render(tail: str, standing: Standing) -> str:
        return "".join(
            [
                f"{name}{{{tail}{int(one.is_flapping)}\n"
                for one in standing.views
                if one.view is View.DEVICE and one.state is not None
            ]
        )

    return render


def _objective(name: str) -> Render:
    def render(tail: str, standing: Standing) -> str:
        slo = next((figures.slo for one in standing.views for figures in one.windows.values()), None)
        # Cut as the ratios are, so that what is equal to the objective is shown equal to it.
        return "" if slo is None else f"{name}{{{tail}{floored(slo.numerator, slo.denominator)!r}\n"

    return render


_FAMILIES: Final[dict[str, Render]] = {
    name: make(name)
    for name, make in (
        ("haidang_group_state", _group_state),
        ("haidang_target_seconds_total", _totals),
        ("haidang_target_restated_seconds_total", _moved),
        ("haidang_target_flapping", _flapping),
        ("haidang_target_in_maintenance", _maintenance),
        ("haidang_objective_ratio", _objective),
        ("haidang_availability_verdict", _verdicts),
        ("haidang_error_budget_burn_rate", _burn),
    )
} | {
    name: _windowed(name, value)
    for name, value in (
        ("haidang_availability_ratio", _availability),
        ("haidang_availability_ratio_low", _low),
        ("haidang_availability_ratio_high", _high),
        ("haidang_availability_coverage_ratio", _coverage),
        ("haidang_error_budget_seconds", _budget_left),
        ("haidang_error_budget_total_seconds", _budget_total),
        ("haidang_incidents", lambda f: f.incidents),
        ("haidang_incidents_started", lambda f: f.incidents_started),
    )
}


class LedgerPage:
    """Renders the ledger's families."""

    def __init__(self, ledger: LedgerPort) -> None:
        self._ledger = ledger
        self._tails: dict[str, tuple[SubjectRow, str]] = {}

    def page(self, now_ms: int, *, openmetrics: bool) -> Iterator[Chunk]:
        """The families in chunks; empty chunks are breaths. What leaves the ledger meanwhile is not shown.

        Counters are on disk before they are seen, so that none falls after a restart.
        """
        rows: list[Row] = []
        for row in self._rows(now_ms):
            if row is None:
                yield b""
            else:
                rows.append(row)
        if rows and self._ledger.before_showing is not None:
            yield self._ledger.before_showing(now_ms)
        for name, render in _FAMILIES.items():
            yield from _family(heading(NAMES[name], openmetrics), rows, render)
        yield self._health(openmetrics)

    def _rows(self, now_ms: int) -> Iterator[Row | None]:
        """Where every subject stands; None is a breath."""
        begun = time.perf_counter()
        for id_ in sorted(self._ledger.pages) if self._ledger.is_loaded else ():
            try:
                standing = self._ledger.standing(id_, now_ms)
            except KeyError:
                self._tails.pop(id_, None)
                continue  # it was taken out of the inventory during a breath
            known = self._tails.get(id_)
            if known is None or known[0] != standing.row:
                known = self._tails[id_] = (standing.row, tail_of(standing.row))
            yield known[1], standing
            if time.perf_counter() - begun > STEP_S:
                yield None
                begun = time.perf_counter()

    def _health(self, openmetrics: bool) -> bytes:
        pages = self._ledger.pages.values()
        behind = sum([page.behind_ms is not None or page.is_judged_behind for page in pages])
        numbers: list[tuple[str, float]] = [
            ("haidang_ledger_subjects", len(pages)),
            ("haidang_ledger_behind_subjects", behind),
            ("haidang_ledger_mended_total", self._ledger.mended_days),
            ("haidang_ledger_issue_failures_total", self._ledger.issue_failures),
        ]
        closed_ms = min([page.closed_ms for page in pages], default=0)
        if closed_ms > 0:
            numbers.append(("haidang_ledger_closed_timestamp_seconds", closed_ms / 1000))
        return b"".join([heading(NAMES[name], openmetrics) + f"{name} {value!r}\n".encode() for name, value in numbers])


def _family(start: bytes, rows: Iterable[Row], render: Render) -> Iterator[bytes]:
    """A family over all subjects; its heading comes with its first line."""
    texts: list[str] = []
    begun = time.perf_counter()
    for count, (tail, standing) in enumerate(rows, 1):
        texts.append(render(tail, standing))
        if count % ROWS_A_LOOK == 0 and time.perf_counter() - begun > STEP_S:
            text = "".join(texts).encode()
            yield start + text if text else b""
            texts, start = [], b"" if text else start
            begun = time.perf_counter()
    text = "".join(texts).encode()
    if text:
        yield start + text
