"""A report as the ledger hands it over: twelve districts, 83 sites with a link and a device each, a month of everything.

Numbers are drawn from the place of each subject, not from chance; seconds come from spans through the real core.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction

from collector.core.causes import lost
from collector.core.figures import Figures, Question, compute, listed, pool
from collector.core.intervals import Interval
from collector.core.monthly import (
    CorrectionLine,
    IncidentLine,
    Line,
    LostTime,
    Provenance,
    Report,
    RestatementLine,
    UnknownLine,
    WindowLine,
)
from collector.core.policy import POLICIES
from collector.core.state import Span, State, View, Why, grade_of

ZONE = "Asia/Ho_Chi_Minh"
HOUR = 3_600_000
MINUTE = 60_000
FROM = int(datetime(2026, 9, 30, 17, tzinfo=UTC).timestamp()) * 1000
TO = int(datetime(2026, 10, 31, 17, tzinfo=UTC).timestamp()) * 1000
KNOWN = TO + 76 * HOUR + 12_345
MAINTENANCE: Interval = (FROM + 200 * HOUR, FROM + 204 * HOUR)
SITES = tuple((f"d{1 + i % 12:02d}", f"s{i + 1:02d}") for i in range(83))


def spans_of(seed: int, outages: int) -> list[Span]:
    """A month in which something fails `outages` times, each time in another way."""
    out: list[Span] = []
    at = FROM - HOUR
    ways = (
        (State.DOWN, Why.OBSERVED),
        (State.UNREACHABLE, Why.PATH),
        (State.UNKNOWN, Why.BLIND),
        (State.DOWN, Why.REBOOT),
        (State.UNKNOWN, Why.STALE),
    )
    for i in range(outages):
        start = FROM + (7 + 37 * seed + i * 650 // (outages + 1)) % 700 * HOUR + seed * 1_234_567 % MINUTE
        length = (3 + (seed * 7 + i * 5) % 50) * MINUTE + seed * 777 % 1000
        if start < at + HOUR:
            continue
        state, why = ways[(seed + i) % len(ways)]
        good = Why.BACKFILL if (seed + i) % 4 == 0 else Why.OBSERVED
        out += [Span(at, start, State.UP, good), Span(start, start + length, state, why)]
        at = start + length
    out.append(Span(at, TO + HOUR, State.UP, Why.OBSERVED))
    return out


def figures_of(spans: list[Span], policy: str, slo: str, windows: tuple[Interval, ...] = (), known: int = KNOWN) -> Figures:
    """Figures of a timeline over the month."""
    return compute(
        spans,
        Question(
            period=(FROM, TO),
            policy=POLICIES[policy],
            slo=Fraction(slo) / 100,
            known_ms=known,
            windows=windows,
            merge_gap_ms=300_000,
            kept_soft_ms=4_000,
        ),
    )


def _target(number: int, district: str, site: str, *, link: bool, known: int) -> tuple[Line, LostTime, list[IncidentLine]]:
    spans = spans_of(number, number % 5 if link else number % 3)
    windows = (MAINTENANCE,) if number % 6 == 0 else ()
    view, policy, slo = (View.E2E, "e2e", "99.0") if link else (View.DEVICE, "device_contract", "99.9")
    id_ = f"{site}-{'wan' if link else 'codec'}"
    figures = figures_of(spans, policy, slo, windows, known)
    name = f"{'Đường truyền' if link else 'Thiết bị hội nghị'} {site.upper()}, huyện {district.upper()}"
    line = Line(id_, name, "target", site, "link" if link else "codec", view, policy, figures, 20_000, 300_000)
    parts = lost(spans, [(FROM, min(TO, known))], windows, is_link=link)
    question = Question((FROM, TO), POLICIES[policy], Fraction(slo) / 100, known, windows=windows, merge_gap_ms=300_000)
    incidents = [
        IncidentLine(
            subject=id_,
            view=view,
            onset_ms=one.onset_ms,
            hard_ms=one.onset_ms + 45_000,
            restored_ms=one.restored_ms or 0,
            charged_ms=one.charged_within(FROM, min(TO, known)),
            cause="link" if link else "host",
            why=one.why.value,
            grade=grade_of(one.why),
            started_before=one.onset_ms < FROM,
        )
        for one in listed(spans, question)
    ]
    return line, LostTime(id_, view, sum(parts.values()), parts), incidents


def _everything(known: int) -> Iterator[tuple[Line, LostTime, list[IncidentLine]]]:
    for number, (district, site) in enumerate(SITES):
        yield _target(number, district, site, link=True, known=known)
        yield _target(number + 100, district, site, link=False, known=known)


def _headline(lines: list[Line]) -> tuple[Line, ...]:
    out = []
    for number in range(1, 13):
        district = f"d{number:02d}"
        own = {site for d, site in SITES if d == district}
        for view, policy in ((View.E2E, "e2e"), (View.DEVICE, "device_contract")):
            parts = [(1, line.figures) for line in lines if line.site in own and line.view is view]
            name, decides = f"Huyện {district.upper()}", view is View.DEVICE
            out.append(Line(district, name, "group", "", "", view, policy, pool(parts), decides=decides))
    out.sort(key=lambda line: (line.id, line.view.value))
    sites = [
        Line(f"site:{line.site}", f"Điểm cầu {line.site.upper()}", "site", line.site, "", View.E2E, "e2e", line.figures, 20_000)
        for line in lines
        if line.view is View.E2E
    ]
    fleet = Line("fleet:codec", "Thiết bị hội nghị", "fleet", "", "codec", View.DEVICE, "device_contract",
                 pool([(1, line.figures) for line in lines if line.view is View.DEVICE]))  # fmt: skip
    return (*out, *sites, fleet)


def build(*, known: int = KNOWN, status: str = "sealed", version: int = 2) -> Report:
    """The month, as known at `known`."""
    targets, losses, incidents = [], [], []
    for line, loss, some in _everything(known):
        targets.append(line)
        losses.append(loss)
        incidents += some
    lines = _headline(targets)
    incidents.sort(key=lambda each: (each.onset_ms, each.subject))
    unknown = tuple(
        UnknownLine(
            line.id, line.view, FROM + i * 7 * HOUR, FROM + i * 7 * HOUR + 95_000 * (i + 1), "collector_blind", "collector"
        )
        for i, line in enumerate(targets[:6])
    )
    return Report(
        title_site="",
        period="2026-10",
        from_ms=FROM,
        to_ms=TO,
        zone=ZONE,
        status=status,
        version=version,
        headline=lines,
        subjects=tuple(targets),
        lost=tuple(losses),
        incidents=tuple(incidents),
        windows=(
            WindowLine("mw-0007", *MAINTENANCE, "class=link", "u1", "duty-officer",
                       "Thay bộ định tuyến", "CR-1042", False, 4 * HOUR),
            WindowLine("mw-0008", MAINTENANCE[1] + HOUR, MAINTENANCE[1] + 2 * HOUR, "s07-wan", "u2", "u1",
                       "Nhà cung cấp bảo dưỡng, báo muộn <sau giờ>", "CR-1050", True, HOUR),
        ),
        unknown=unknown,
        corrections=(
            CorrectionLine("co-0003", "s04-codec", FROM + 50 * HOUR, FROM + 51 * HOUR, "up", "u1", "duty-officer",
                           "Đo kiểm tại chỗ: máy vẫn chạy", "CR-1044"),
        ),
        restatements=(
            RestatementLine("2026-10", 2, "s04-codec", View.DEVICE, FROM + 50 * HOUR, FROM + 51 * HOUR, "down", "up", "R9.4",
                            tuple(range(40, 60)), KNOWN - HOUR, "duty-officer", "99.8211", "99.9555"),
        ),
        collector_coverage_ppm=999_412,
        provenance=Provenance(known, "ab" * 32, "0.3.0", "2026b", "cd" * 32),
    )  # fmt: skip
