"""The health of a device: rules over its readings, with hold times and hysteresis. Pure; times are given.

A device is never up for want of readings: what must be known and is not makes it unknown, unless what is known says down.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from agent.snmp.health_words import ENGLISH, VIETNAMESE, duration_text, sentence, value_text
from agent.snmp.readings import Table
from agent.snmp.rules import Condition, Rule, Was
from agent.snmp.trend import Trends
from agent.snmp.vocabulary import UNKNOWN

MAX_ROWS: Final = 2_000
"""So many rows of one device may be on their way to a finding; more are not followed."""
MAX_SENTENCES: Final = 5
_WHOLE: Final[tuple[str, ...]] = ()

Tables = Mapping[str, Table]


class Health(enum.StrEnum):
    """What a device says of itself."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True):
    """A rule that the device breaks: since when it holds, for which rows (the first ones) and how many, in words."""

    rule: str
    health: Health
    since_s: float
    rows: tuple[tuple[str, ...], ...]
    count: int
    en: str
    vi: str


class Judgement(msgspec.Struct, frozen=True):
    """Health, the reason in words (empty for up) and the findings, the worst first."""

    health: Health
    reason: str
    reason_vi: str
    findings: tuple[Finding, ...]


class _Row:
    """One row of one rule on its way to a finding, or in it."""

    __slots__ = ("began_s", "good_s", "is_raised")

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self.is_raised = False
        self.good_s: float | None = None


class Judge:
    """The rules over one device's polls."""

    __slots__ = ("_at_s", "_count", "_rows", "_trends", "_was")

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[str, ...], _Row]] = {}
        self._was: dict[str, dict[tuple[str, ...], float]] = {}
        self._trends: dict[str, Trends] = {}
        self._at_s: float | None = None
        self._count = 0

    def judge(self, rules: Sequence[Rule], required: Sequence[str], tables: Tables, now_s: float, gap_s: float) -> Judgement:
        """The judgement at `now_s`; `tables` are the readings that still hold. After a gap longer than `gap_s` since the last
        judgement nothing is known to have held meanwhile, so that hold times begin anew."""
        if self._at_s is not None and now_s - self._at_s > gap_s:
            self._begin_anew(now_s)
        self._at_s = now_s
        findings = []
        for place, rule in enumerate(rules):
            table = tables.get(rule.on)
            if table is None:
                self._forget(rule.name)
            elif not table.quiet >> place & 1 and (finding := self._follow(rule, table, tables, now_s, place)) is not None:
                findings.append(finding)
        return conclude(findings, required, tables)

    def _begin_anew(self, now_s: float) -> None:
        for rows in self._rows.values():
            for row in rows.values():
                row.good_s = None
                if not row.is_raised:
                    row.began_s = now_s

    def _forget(self, name: str) -> None:
        gone = self._rows.pop(name, None)
        self._count -= len(gone) if gone else 0

    def _follow(self, rule: Rule, table: Table, tables: Tables, now_s: float, place: int) -> Finding | None:
        rows = self._rows.get(rule.name)
        values: Sequence[Any] = table.values
        if rule.trend is not None:
            values = self._filling(rule, table, tables, now_s)
        hits = _hits(rule, values, table, tables, rows)
        hits = self._that_were(rule, table, tables, hits, now_s)
        if not hits and not rows:
            if _is_quiet(rule):
                table.quiet |= 1 << place
            return None
        held = dict(_grouped(rule, table, tables, values, hits))
        raised = self._advance(rule, held, now_s)
        if not raised:
            return None
        return _finding(rule, table, raised, held, self._rows[rule.name])

    def _advance(self, rule: Rule, held: Mapping[tuple[str, ...], Any], now_s: float) -> list[tuple[str, ...]]:
        """Move the rows of a rule on; those that are raised now."""
        rows = self._rows.setdefault(rule.name, {})
        for labels in held:
            if labels not in rows and self._count < MAX_ROWS:
                rows[labels] = _Row(now_s)
                self._count += 1
        for labels, row in list(rows.items()):
            if labels in held:
                row.good_s = None
                row.is_raised = row.is_raised or now_s - row.began_s >= rule.for_s
                continue
            row.good_s = now_s if row.good_s is None else row.good_s
            if not row.is_raised or now_s - row.good_s >= rule.clear_for_s:
                del rows[labels]
                self._count -= 1
        raised = [labels for labels in (*held, *rows) if labels in rows and rows[labels].is_raised]
        if not rows:
            del self._rows[rule.name]
        return list(dict.fromkeys(raised))

    def _that_were(self, rule: Rule, table: Table, tables: Tables, hits: list[int], now_s: float) -> list[int]:
        """Of the hits those whose row fulfilled `was` lately; with `rows: all` it is enough if any row did."""
        was = rule.was
        if was is None:
            return hits
        seen = self._was.setdefault(rule.name, {})
        test = _test(was, table, tables)
        for place, value in enumerate(table.values):
            if test(place, value):
                seen[table.labels[place]] = now_s
        for labels in [labels for labels, at_s in seen.items() if now_s - at_s > was.within_s]:
            del seen[labels]
        if rule.rows == "all":
            return hits if seen else []
        return [place for place in hits if table.labels[place] in seen]

    def _filling(self, rule: Rule, table: Table, tables: Tables, now_s: float) -> list[float | None]:
        """For each row in how many seconds it is full; None for one that is not filling or not known long enough."""
        assert rule.trend is not None  # only such rules are asked
        limit = tables.get(rule.trend.to)
        trends = self._trends.setdefault(rule.name, Trends())
        ends = dict(zip(limit.labels, limit.values, strict=True)) if limit is not None else {}
        return trends.times(list(zip(table.labels, table.values, strict=True)), ends, now_s)


def conclude(findings: Sequence[Finding], required: Sequence[str], tables: Tables) -> Judgement:
    """The worst counts: down, then unknown when none of the required readings is known, then degraded."""
    ordered = [each for each in findings if each.health is Health.DOWN] + [
        each for each in findings if each.health is not Health.DOWN
    ]
    is_unknown = bool(required) and not any(_is_known(tables.get(name)) for name in required)
    health = Health.UP
    if ordered and ordered[0].health is Health.DOWN:
        health = Health.DOWN
    elif is_unknown:
        health = Health.UNKNOWN
    elif ordered:
        health = Health.DEGRADED
    english, vietnamese = [each.en for each in ordered], [each.vi for each in ordered]
    if is_unknown:
        place = 0 if health is Health.UNKNOWN else sum(each.health is Health.DOWN for each in ordered)
        english.insert(place, f"not known: {', '.join(required)}")
        vietnamese.insert(place, f"không đọc được: {', '.join(required)}")
    return Judgement(health, _joined(english), _joined(vietnamese), tuple(ordered))


def _joined(sentences: list[str]) -> str:
    # Two rules may say the same of one row (full, and nearly full): it is said once, with how many more the milder one counts.
    told: list[str] = []
    for said in sentences:
        if any(said.startswith(f"{other} (") for other in told):
            told = [said if said.startswith(f"{other} (") else other for other in told]
        elif said not in told:
            told.append(said)
    rest = len(told) - MAX_SENTENCES
    return "; ".join(told[:MAX_SENTENCES]) + (f"; … (+{rest})" if rest > 0 else "")


def _is_known(table: Table | None) -> bool:
    return table is not None and any(value != UNKNOWN for value in table.values)


def _hits(
    rule: Rule, values: Sequence[Any], table: Table, tables: Tables, rows: Mapping[tuple[str, ...], _Row] | None
) -> list[int]:
    """The rows for which a rule holds; one that is raised already holds until it is beyond `clear`."""
    if rule.rows == "mean":
        values = [sum(values) / len(values)]
    if rule.trend is not None:
        within_s = rule.trend.within_s
        hits = [place for place, value in enumerate(values) if value is not None and value < within_s]
    elif rule.state:
        hits = [place for place, value in enumerate(values) if value in rule.state]
    else:
        test = _test(rule, table, tables)
        hits = [place for place, value in enumerate(values) if test(place, value)]
        if rows and rule.clear is not None:
            hits = sorted({*hits, *_not_clear(rule, values, table, rows)})
    return [place for place in hits if _fulfils(rule, table, tables, place)] if hits and rule.conditions else hits


def _is_quiet(rule: Rule) -> bool:
    """Whether a rule that nothing breaks stays unbroken as long as its own reading is the same."""
    limits = (rule.above, rule.below)
    return rule.was is None and rule.trend is None and not rule.conditions and not any(isinstance(each, str) for each in limits)


def _not_clear(rule: Rule, values: Sequence[Any], table: Table, rows: Mapping[tuple[str, ...], _Row]) -> Iterator[int]:
    assert rule.clear is not None  # only such rules are asked
    for place, value in enumerate(values):
        row = rows.get(_WHOLE if rule.rows != "any" else table.labels[place])
        if row is not None and row.is_raised and (value > rule.clear if rule.above is not None else value < rule.clear):
            yield place


def _test(part: Rule | Condition | Was, table: Table, tables: Tables) -> Callable[[int, Any], bool]:
    """The test of one row: its place and its value."""
    if part.state:
        states = part.state
        return lambda place, value: value in states
    if part.equals is not None:
        wanted = part.equals
        return lambda place, value: bool(value == wanted)
    sign = 1 if part.above is not None else -1
    threshold = part.above if part.above is not None else part.below
    if isinstance(threshold, str):
        other = tables.get(threshold)
        if other is None:
            return lambda place, value: False
        joined = _join(table, other)
        return lambda place, value: any(sign * (value - limit) > 0 for limit in joined(place))
    limit = threshold or 0.0
    return lambda place, value: sign * (value - limit) > 0


def _fulfils(rule: Rule, table: Table, tables: Tables, place: int) -> bool:
    return all(_condition(condition, rule, table, tables, place) for condition in rule.conditions)


def _condition(condition: Condition, rule: Rule, table: Table, tables: Tables, place: int) -> bool:
    other = table if condition.on in (None, rule.on) else tables.get(condition.on or "")
    if other is None:
        return condition.missing
    values = [table.values[place]] if other is table else _join(table, other)(place)
    if condition.missing:
        return not values
    test = _test(condition, other, tables)
    return any(test(place, value) for value in values)


def _join(table: Table, other: Table) -> Callable[[int], list[Any]]:
    """The values of the rows of `other` that have the labels of a row of `table`, as far as both have the same labels."""
    names = [name for name in table.reading.labels if name in other.reading.labels]
    mine = [table.reading.labels.index(name) for name in names]
    theirs = [other.reading.labels.index(name) for name in names]
    found: dict[tuple[str, ...], list[Any]] = {}
    for labels, value in zip(other.labels, other.values, strict=True):
        found.setdefault(tuple([labels[index] for index in theirs]), []).append(value)
    return lambda place: found.get(tuple([table.labels[place][index] for index in mine]), [])


def _grouped(
    rule: Rule, table: Table, tables: Tables, values: Sequence[Any], hits: list[int]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The rows that hold, by their labels, with their values, the worst first; one for all with `rows: all` or `mean`."""
    if rule.rows == "mean":
        if hits:
            yield _WHOLE, sum(values) / len(values)
    elif rule.rows == "all":
        count = sum(
            value not in rule.ignore and _fulfils(rule, table, tables, place) for place, value in enumerate(table.values)
        )
        if hits and len(hits) == count:
            yield _WHOLE, values[hits[0]]
    else:
        if rule.above is not None or rule.below is not None or rule.trend is not None:
            hits = sorted(hits, key=lambda place: values[place], reverse=rule.above is not None)
        for place in hits:
            yield table.labels[place], values[place]


def _finding(
    rule: Rule,
    table: Table,
    raised: list[tuple[str, ...]],
    held: Mapping[tuple[str, ...], Any],
    rows: Mapping[tuple[str, ...], _Row],
) -> Finding:
    first = raised[0]
    value = held.get(first)
    if value is None:  # it is clear, but not for long enough
        value = dict(zip(table.labels, table.values, strict=True)).get(first, "")

    is_time = rule.trend is not None and first in held

    def show(language: str) -> str:
        return duration_text(value, language) if is_time else value_text(table.reading, value, language)

    more = len(raised) - 1
    return Finding(
        rule.name,
        Health(rule.health),
        min(rows[labels].began_s for labels in raised),
        tuple(raised[:8]),
        len(raised),
        sentence(rule, show, first, more, ENGLISH),
        sentence(rule, show, first, more, VIETNAMESE),
    )
