"""Seconds of CPU from the database to the file: the report of a month over 10,000 targets with 20 outages each.

Closed days are read from SQLite, unpacked, put before a court, counted in both views and by site and class, and written as CSV.
Every outage has its hard instant, one target in twenty has failures that were never confirmed.
Measured twice: with both views alike, and with an end-to-end view that differs in every outage, so that it is counted anew.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from collector.core.assembly import Ask, Facts, assemble
from collector.core.court import Court, Terms
from collector.core.details import Details
from collector.core.intervals import Interval
from collector.core.monthly import Provenance, Report
from collector.core.roll import Roll
from collector.core.sealing import Entries, SealedMonth, seal_month
from collector.core.state import Span, State, View, Why
from collector.core.subject import Group, GroupRule, Subject, SubjectKind
from collector.garbage import uncollected
from collector.ledger.days import Confirmations, Days
from collector.report import csv_file
from collector.report.layout import Layout
from collector.store.store import Store

BUDGET_S = 1
TARGETS = 10_000
SITES = 55
OUTAGES = 20
OUTAGE_MS = 600_000
ROUNDS = 5
MONTH = "2026-10"
FROM_MS = 1_790_787_600_000
"""2026-10-01 00:00 in Ho Chi Minh City."""
HOUR = 3_600_000
PERIOD = (FROM_MS, FROM_MS + 31 * 24 * HOUR)
STAGES = ("read", "unpack", "assemble", "write")


def subjects() -> list[Subject]:
    """Servers at 55 sites, each site with a line and two servers of which one has to run."""
    out: list[Subject] = []
    for site in range(SITES):
        name = f"site-{site:02}"
        ids = [f"host-{number:05}" for number in range(site, TARGETS, SITES)]
        out += [Subject(id=id_, site=name, class_="link" if id_ == ids[0] else "server") for id_ in ids]
        critical = Group(GroupRule.K_OF_N, (ids[1], ids[2]), 1)
        out.append(Subject(id=f"site:{name}:critical", kind=SubjectKind.GROUP, site=name, group=critical))
        whole = Group(GroupRule.ALL, (ids[0], f"site:{name}:critical"))
        out.append(Subject(id=f"site:{name}", kind=SubjectKind.SITE, site=name, group=whole))
    return out


def month(number: int, *, apart: bool) -> SealedMonth:
    """A target's month, closed; `apart`: end to end a second of each outage is unreachable time."""
    device: list[Span] = []
    e2e: list[Span] = []
    confirmed: list[Interval] = []
    at_ms = PERIOD[0]
    for k in range(OUTAGES):
        onset = PERIOD[0] + (36 * k + 1) * HOUR + 977 * number
        up, down = Span(at_ms, onset, State.UP, Why.REPORTING), Span(onset, onset + OUTAGE_MS, State.DOWN, Why.SILENT)
        cut = Span(onset, onset + 1_000, State.UNREACHABLE, Why.PATH)
        device += [up, down]
        e2e += [up, cut, Span(cut.to_ms, down.to_ms, State.DOWN, Why.SILENT)] if apart else [up, down]
        confirmed.append((onset, onset + 45_000))
        at_ms = down.to_ms
    last = Span(at_ms, PERIOD[1], State.UP, Why.REPORTING)
    device.append(last)
    e2e.append(last)
    soft = [(PERIOD[0] + n * HOUR, PERIOD[0] + n * HOUR + 30_000) for n in range(0 if number % 20 else 5)]
    beside = Details(tuple(soft), tuple(confirmed))
    return seal_month(f"host-{number:05}", MONTH, PERIOD, device, e2e, beside=(beside, beside))


def unpacked(months: Sequence[SealedMonth]) -> dict[View, dict[str, list[Span]]]:
    """Spans by view and target; equal bytes are equal spans."""
    device = {row.subject: row.spans(View.DEVICE) for row in months}
    e2e = {row.subject: device[row.subject] if row.device == row.e2e else row.spans(View.E2E) for row in months}
    return {View.DEVICE: device, View.E2E: e2e}


def report_of(roll: Roll, spans: dict[View, dict[str, list[Span]]], days: Days) -> Report:
    """The month of everything."""
    court = Court(roll, lambda id_, view: spans[view][id_], Terms(), PERIOD, PERIOD[1])
    ask = Ask(MONTH, PERIOD, "Asia/Ho_Chi_Minh", objective=Fraction(99, 100))
    facts = Facts(Provenance(PERIOD[1], "", "", "", ""), "sealed", 1, confirmed=Confirmations(days), soft=days.soft())
    return assemble(court, ask, facts)


def check(report: Report) -> None:
    """It is the whole report, and right."""
    [whole] = [line for line in report.headline if (line.id, line.view) == ("*", View.DEVICE)]
    if whole.figures.soft_fail != TARGETS // 20 * 5 * 30_000 or any(
        one.subject.startswith("host-") and not one.hard_ms for one in report.incidents
    ):
        raise RuntimeError(f"{whole.figures}: expected failures that were never confirmed, and hard instants")
    if whole.figures.down != TARGETS * OUTAGES * OUTAGE_MS or whole.figures.incidents != TARGETS * OUTAGES:
        raise RuntimeError(f"{whole.figures}: expected {OUTAGES} outages of 10 minutes of each target")
    if len(report.subjects) != 2 * TARGETS or len(report.headline) != 2 * (SITES + 3):
        raise RuntimeError(f"{len(report.headline)} and {len(report.subjects)} lines")


async def measure(folder: Path, *, apart: bool) -> list[float]:
    """Seconds of CPU of each stage, the best round of several."""
    roll = Roll.of(subjects())
    store = await Store.open(f"sqlite:///{folder}/bench.db")
    try:
        await store.enter(Entries(months=[month(number, apart=apart) for number in range(TARGETS)]))
        best: list[float] = []
        for _ in range(ROUNDS):
            ticks = [time.process_time()]
            with uncollected():
                rows = await store.sealed_months([MONTH])
                ticks.append(time.process_time())
                spans = unpacked(rows)
                ticks.append(time.process_time())
                report = report_of(roll, spans, Days({row.subject: [row] for row in rows}, {}, None))
                ticks.append(time.process_time())
                size = len(csv_file.render(report, Layout()))
                ticks.append(time.process_time())
            check(report)
            if size < 2 * TARGETS * 100:
                raise RuntimeError(f"{size} bytes of CSV")
            stages = [after - before for before, after in pairwise(ticks)]
            best = stages if not best or sum(stages) < sum(best) else best
            del rows, spans, report  # one report is made in a command: what the one before held is not its cost
            gc.collect()
        return best
    finally:
        await store.close()


def main() -> None:
    """Print the stages and the closing line."""
    totals = []
    for name, apart in (("views alike", False), ("views apart", True)):
        with tempfile.TemporaryDirectory() as folder:
            stages = asyncio.run(measure(Path(folder), apart=apart))
        shares = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in zip(STAGES, stages, strict=True))
        print(f"{name}  {TARGETS:,} targets, {OUTAGES} outages each: {sum(stages):.2f} s of CPU: {shares}")
        totals.append(sum(stages))
    print(f"BENCH report ours={totals[0]:.2f}s budget={BUDGET_S}s ratio={totals[0] / BUDGET_S:.2f}")


if __name__ == "__main__":
    main()
