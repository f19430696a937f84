"""What changed in a sealed period since its newest version, by intervals, each with its rule, evidence and people (R17.2).

Both sides are judged from evidence, as of the K of the version and as of now, so that nothing depends on what a process saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from collector.core import restate
from collector.core.acts import Act, ActKind
from collector.core.corrections import Correction, CorrectionPlan
from collector.core.court import Court
from collector.core.evidence import TTL_DENOMINATOR, TTL_NUMERATOR, Run
from collector.core.figures import Figures
from collector.core.issued import Key, changed_lines, figures_of
from collector.core.monthly import Report, RestatementLine
from collector.core.printing import display
from collector.core.restate import Changed
from collector.core.roll import Roll
from collector.core.state import View
from collector.core.subject import SubjectKind
from collector.core.windows import Window, WindowPlan, selects
from collector.ledger.inquiry import CHUNK, target_of
from collector.ledger.reports import Reporter

MOST_EVIDENCE: Final = 50
"""Ids of evidence named with one line."""
POOLED: Final = "R15.3"
"""A pool adds up other seconds; it has no states that could change."""
CONFIGURED: Final = "R1.2"
"""Figures are others without a changed state: configuration that was valid in the period is known better."""


class Evidenced(Protocol):
    """The part of the store that names evidence and acts; raises `change.StoreError`."""

    async def runs_of(self, targets: Sequence[str], from_ms: int, until_ms: int) -> Mapping[str, Sequence[Run]]: ...
    async def window_acts(self, id_: str | None = None) -> list[Act[WindowPlan]]: ...
    async def correction_acts(self, id_: str | None = None) -> list[Act[CorrectionPlan]]: ...


class Person(msgspec.Struct, frozen=True):
    """Whose act brought a change, for whom and where: `approver` let it count, or took it back."""

    subjects: frozenset[str]
    from_ms: int
    to_ms: int
    approver: str
    received_ms: int


class Restating:
    """See the module."""

    def __init__(self, reporter: Reporter, records: Evidenced) -> None:
        self._reporter = reporter
        self._records = records

    async def lines(self, before: Report, after: Report, hinted: Collection[str]) -> list[RestatementLine]:
        """Every changed interval of lines that have other figures now, and of `hinted` subjects; empty: nothing changed.
        `after` bears the number of the version to be issued. Raises `change.StoreError`."""
        keys = await asyncio.to_thread(changed_lines, before, after)
        known = {line.id for line in (*before.headline, *before.subjects, *after.headline, *after.subjects)}
        ids = sorted({id_ for id_, _ in keys if id_ in known} | {id_ for id_ in hinted if id_ in known})
        interval, (old_ms, new_ms) = (after.from_ms, after.to_ms), (before.provenance.known_ms, after.provenance.known_ms)
        then = await self._reporter.court(ids, interval, old_ms)
        now = await self._reporter.court(ids, interval, new_ms)
        found = await asyncio.to_thread(_changes, then, now, ids, interval)
        found |= {key: [_whole(now.roll, key, interval)] for key in keys if not found.get(key)}
        people = await self._people(then, now)
        proofs = await self._proofs(found, now.roll, interval, (old_ms, new_ms))
        return await asyncio.to_thread(_written, found, (before, after), people, proofs)

    async def _people(self, then: Court, now: Court) -> list[Person]:
        """Acts that count on one side only; what was taken back bears the name of who took it back."""
        windows = _either(then.terms.windows, now.terms.windows)
        corrections = _either(then.terms.corrections, now.terms.corrections)
        found = [(one.id, _by_window(one, now.roll)) for one in windows]
        found += [
            (one.id, Person(frozenset({one.subject}), one.from_ms, one.to_ms, one.approver, one.known_ms))
            for one in corrections
        ]
        if not found:
            return []
        back = _taken_back(await self._records.window_acts()) | _taken_back(await self._records.correction_acts())
        gone = {one.id for one in windows if one in then.terms.windows}
        gone |= {one.id for one in corrections if one in then.terms.corrections}
        out = []
        for id_, person in found:
            if id_ in gone and id_ in back:
                actor, t_ms = back[id_]
                person = msgspec.structs.replace(person, approver=actor, received_ms=t_ms)
            out.append(person)
        return out

    async def _proofs(
        self, found: Mapping[Key, Sequence[Changed]], roll: Roll, interval: tuple[int, int], known: tuple[int, int]
    ) -> dict[str, list[Run]]:
        """By subject, the evidence that came between the two K."""
        single = [id_ for id_ in sorted({id_ for id_, _ in found}) if id_ in roll and roll.subject(id_).group is None]
        out: dict[str, list[Run]] = {}
        for start in range(0, len(single), CHUNK):
            some = single[start : start + CHUNK]
            runs = await self._records.runs_of(sorted({target_of(id_) for id_ in some}), *interval)
            for id_ in some:
                mine = runs.get(target_of(id_), ())
                out[id_] = [run for run in mine if run.last_rx_ms > known[0] and run.first_rx_ms <= known[1]]
        return out


_Counted = TypeVar("_Counted", Window, Correction)


def _either(then: Sequence[_Counted], now: Sequence[_Counted]) -> list[_Counted]:
    """What counts on one side only."""
    return [one for one in then if one not in now] + [one for one in now if one not in then]


def _taken_back(acts: Iterable[Act[Any]]) -> dict[str, tuple[str, int]]:
    """Who ended or cancelled last, and when."""
    return {act.object: (act.actor, act.t_ms) for act in acts if act.kind in (ActKind.CANCEL, ActKind.END)}


def _by_window(window: Window, roll: Roll) -> Person:
    named = frozenset(
        id_ for id_ in roll if any(selects(one, value) for one in window.scope for value in roll.history(id_).values)
    )
    return Person(named, window.from_ms, window.to_ms, window.approver, window.known_ms)


def _changes(then: Court, now: Court, ids: Iterable[str], interval: tuple[int, int]) -> dict[Key, list[Changed]]:
    """Changed intervals of states and of maintenance."""
    out: dict[Key, list[Changed]] = {}
    for id_ in ids:
        for view in View:
            if id_ not in now.roll or id_ not in then.roll or _is_sum(now.roll, id_, view):
                continue
            old, new = then.spans(id_, view), now.spans(id_, view)
            found = restate.compare(old, new, *interval) + restate.regraded(old, new, *interval)
            found += restate.compare_soft(then.soft(id_, view), now.soft(id_, view), *interval)
            found += restate.compare_windows(then.maintenance(id_, view), now.maintenance(id_, view), new, interval)
            if found:
                out[id_, view] = sorted(found, key=lambda one: (one.from_ms, one.to_ms, one.rule))
    return out


def _is_sum(roll: Roll, id_: str, view: View) -> bool:
    return roll.is_pool(id_) or (roll.subject(id_).kind is SubjectKind.SITE and view is View.DEVICE)


def _whole(roll: Roll, key: Key, interval: tuple[int, int]) -> Changed:
    is_sum = key[0] not in roll or _is_sum(roll, *key)
    return Changed(*interval, "", "", POOLED if is_sum else CONFIGURED)


def _written(
    found: Mapping[Key, Sequence[Changed]],
    reports: tuple[Report, Report],
    people: Sequence[Person],
    proofs: Mapping[str, Sequence[Run]],
) -> list[RestatementLine]:
    before, after = figures_of(reports[0]), figures_of(reports[1])
    period, version, now_ms = reports[1].period, reports[1].version, reports[1].provenance.known_ms
    out = []
    for (id_, view), changes in sorted(found.items()):
        printed = (_printed(before.get((id_, view))), _printed(after.get((id_, view))))
        for one in changes:
            runs = _bearing(proofs.get(id_, ()), one)
            person = _person_of(people, id_, one)
            received = max([min(run.last_rx_ms, now_ms) for run in runs], default=now_ms)
            out.append(
                RestatementLine(
                    period, version, id_, view, one.from_ms, one.to_ms, one.from_state, one.to_state, one.rule,
                    tuple([run.id for run in runs[:MOST_EVIDENCE]]) if person is None else (),
                    received if person is None else person.received_ms, person.approver if person is not None else "", *printed,
                )
            )  # fmt: skip
    return out


_BY_PEOPLE: Final = frozenset({restate.WINDOW, restate.WITHDRAWN, "R9.4", "R15.1", POOLED})


def _person_of(people: Sequence[Person], id_: str, one: Changed) -> Person | None:
    """Whose act it was, if an act brought it; a group may change by an act on a member."""
    if one.rule not in _BY_PEOPLE:
        return None
    touching = [person for person in people if person.from_ms < one.to_ms and person.to_ms > one.from_ms]
    own = [person for person in touching if id_ in person.subjects]
    if own or one.rule in (restate.WINDOW, restate.WITHDRAWN, "R9.4"):
        return max(own or touching, key=lambda person: person.received_ms, default=None)
    return None


def _bearing(runs: Sequence[Run], one: Changed) -> list[Run]:
    """Evidence within the interval, or, if there is none, as far from it as a sample holds."""
    within = [run for run in runs if _touches(run, one.from_ms, one.to_ms, 0)]
    return within or [run for run in runs if _touches(run, one.from_ms, one.to_ms, run.interval_ms)]


def _touches(run: Run, from_ms: int, to_ms: int, interval_ms: int) -> bool:
    hold_ms = interval_ms * TTL_NUMERATOR // TTL_DENOMINATOR
    first = run.from_ms or run.first_t_ms
    return first <= to_ms + hold_ms and max(run.last_t_ms, run.until_ms) >= from_ms - hold_ms


def _printed(figures: Figures | None) -> str:
    return display(figures.good, figures.bad, 4) if figures is not None else ""
