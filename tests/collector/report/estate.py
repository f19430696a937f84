"""A believable month through the real chain: a court of twelve district groups and 83 sites, put together by `assemble`.

Each site has a line, some a server, and a room for conferences. What happens follows from the place of each, not from chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction

from collector.core.assembly import Ask, Facts, assemble
from collector.core.calendar import Calendar, hours
from collector.core.corrections import Correction
from collector.core.court import Court, Terms
from collector.core.intervals import Interval
from collector.core.monthly import Provenance, Report, RestatementLine
from collector.core.roll import Roll
from collector.core.state import Span, State, View, Why
from collector.core.subject import Group, GroupRule, Objective, Rules, Subject, SubjectKind
from collector.core.windows import Selector, Window

ZONE = "Asia/Ho_Chi_Minh"
MINUTE = 60_000
HOUR = 60 * MINUTE
FROM = int(datetime(2026, 9, 30, 17, tzinfo=UTC).timestamp()) * 1000
TO = int(datetime(2026, 10, 31, 17, tzinfo=UTC).timestamp()) * 1000
PERIOD = (FROM, TO)
KNOWN = TO + 76 * HOUR + 12_345
BLIND: Interval = (FROM + 410 * HOUR + 17 * MINUTE, FROM + 410 * HOUR + 52 * MINUTE)
"""The collector was restarted on new hardware and saw nothing."""
DISTRICTS = (
    "An Bình", "Bắc Sơn", "Cẩm Thượng", "Đông Hải", "Gia Hòa", "Hưng Đạo",
    "Kim Lương", "Lê Lợi", "Minh Tân", "Ngọc Sơn", "Phú Thái", "Quang Trung",
)  # fmt: skip
SITES = 83
ROOM_HOURS = hours("07:00", "17:30")
CALENDARS = {"rooms": Calendar(ZONE, ((ROOM_HOURS,),) * 5 + ((), ()), frozenset({date(2026, 10, 20)}))}

Spans = Sequence[Span]
Both = tuple[Spans, Spans]
"""Device and end to end."""


def site_id(number: int) -> str:
    """`s01` to `s83`."""
    return f"s{number + 1:02d}"


def subjects(known_ms: int = KNOWN) -> list[Subject]:
    """The inventory: targets, agents, sites of a line and its devices, district groups and one of all core servers."""
    out: list[Subject] = []
    for number in range(SITES):
        out += _site(site_id(number), number)
    for index in range(len(DISTRICTS)):
        members = tuple(f"site:{site_id(number)}" for number in range(index, SITES, len(DISTRICTS)))
        group = Group(GroupRule.POOLED, members)
        slo = Objective(slo_ppm=995_000, policy="e2e")
        out.append(Subject(id=f"group:d{index + 1:02d}", kind=SubjectKind.GROUP, objective=slo, group=group))
    core = Group(GroupRule.K_OF_N, ("s01-srv", "s03-srv", "s05-srv"), 2)
    out.append(Subject(id="group:core", kind=SubjectKind.GROUP, objective=Objective(slo_ppm=999_000), group=core))
    return out


def _site(site: str, number: int) -> list[Subject]:
    line, server, room = f"{site}-wan", f"{site}-srv", f"{site}-hop"
    has_server = number % 9 in (0, 2, 4, 6)
    slo, high = Objective(slo_ppm=995_000), Objective(slo_ppm=999_000)
    behind = Rules(interval_ms=60_000, parents=((line,),))
    since = ((FROM + 240 * HOUR, None),) if number == 80 else ((0, None),)
    often = Rules(interval_ms=15_000, recover_after=2)
    out = [
        Subject(id=line, site=site, class_="link", rules=often, objective=slo, scope=since),
        Subject(id=room, site=site, class_="room", rules=behind, objective=Objective(995_000, "", "rooms"), scope=since),
    ]  # fmt: skip
    if has_server:
        rules = Rules(interval_ms=15_000, parents=((line,),))
        out.append(Subject(id=server, site=site, class_="server", rules=rules, objective=high, labels={"role": "records"}))
        out.append(Subject(id=f"agent:{server}", kind=SubjectKind.AGENT, site=site, class_="server", objective=slo))
    parts = (line, f"site:{site}:critical")
    critical = Group(GroupRule.ALL, (server if has_server else room,))
    out.append(Subject(id=parts[1], kind=SubjectKind.GROUP, site=site, group=critical, scope=since))
    whole = Group(GroupRule.ALL, parts)
    out.append(Subject(id=f"site:{site}", kind=SubjectKind.SITE, site=site, objective=slo, group=whole, scope=since))
    return out


def names() -> dict[str, dict[str, str]]:
    """What people call them."""
    out = {
        "group:core": {"vi": "Cụm máy chủ hồ sơ (2 trên 3)", "en": "Records cluster (2 of 3)"},
    }
    for index, district in enumerate(DISTRICTS):
        out[f"group:d{index + 1:02d}"] = {"vi": f"Khu vực {district}", "en": f"{district} area"}
    for number in range(SITES):
        site, place = site_id(number), f"{DISTRICTS[number % len(DISTRICTS)]} {number // len(DISTRICTS) + 1}"
        out[f"site:{site}"] = {"vi": f"Điểm cầu {place}", "en": f"Site {place}"}
        out[f"{site}-wan"] = {"vi": f"Đường truyền {place}", "en": f"Line to {place}"}
        out[f"{site}-hop"] = {"vi": f"Phòng họp trực tuyến {place}", "en": f"Video room {place}"}
        out[f"{site}-srv"] = {"vi": f"Máy chủ {place}", "en": f"Server {place}"}
        out[f"agent:{site}-srv"] = {"vi": f"Tác tử trên máy chủ {place}", "en": f"Agent on server {place}"}
    return out


# --- what happened


def observed() -> dict[str, Both]:
    """Spans of every target and agent."""
    out: dict[str, Both] = {}
    for number in range(SITES):
        out |= _observed_at(number)
    return out


Piece = tuple[int, int, State, Why]


def _observed_at(number: int) -> dict[str, Both]:
    site = site_id(number)
    cuts = _cuts(number)
    line = [(a, b, State.DOWN, Why.OBSERVED) for a, b in cuts]
    lost = [(a - 15_000, b + 20_000, State.UNREACHABLE, Why.PATH) for a, b in cuts]
    late = [(a - 15_000, b + 20_000, State.UP, Why.BACKFILL) for a, b in cuts]
    reboot = FROM + (90 + 7 * number % 500) * HOUR + number * 7_919
    own = [(reboot, reboot + (4 + number % 5) * MINUTE, State.DOWN, Why.REBOOT)] if number % 4 == 0 else []
    fault = FROM + (150 + 13 * number % 470) * HOUR + 9 * HOUR + number * 3_511
    room = [(fault, fault + (20 + number % 7 * 25) * MINUTE, State.DOWN, Why.OBSERVED)] if number % 5 == 1 else []
    stale = FROM + (300 + number) * HOUR
    if number % 17 == 3:
        room.append((stale, stale + 11 * HOUR + number * 1_013, State.UNKNOWN, Why.STALE))
    return {
        f"{site}-wan": (_spans(line), _spans(line)),
        f"{site}-hop": (_spans(lost, room), _spans(lost, room)),
        f"{site}-srv": (_spans(late, own), _spans(lost, own)),
        f"agent:{site}-srv": (_spans(late, own), _spans(lost, own)),
    }


def _cuts(number: int) -> list[Interval]:
    """Outages of a site's line: most sites have one or two short ones, a few a long one."""
    out = []
    for k in range(number % 3):
        start = FROM + (31 + 97 * number + 251 * k) % 715 * HOUR + (number * 2_477 + k * 13) % 3_600 * 1000
        out.append((start, start + (4 + (number * 7 + k * 11) % 38) * MINUTE + number * 331))
    if number % 12 == 5:
        start = FROM + (200 + 3 * number) * HOUR + 25 * MINUTE
        out.append((start, start + (5 + number % 4) * HOUR + 12 * MINUTE + 7_000))
    return sorted(out)


def _spans(*several: Sequence[Piece]) -> list[Span]:
    """Up, but for the given pieces and the time in which the collector was blind; earlier ones win."""
    pieces = sorted([piece for some in several for piece in some] + [(*BLIND, State.UNKNOWN, Why.BLIND)])
    out: list[Span] = []
    at = FROM - 48 * HOUR
    for a, b, state, why in pieces:
        start = max(a, at)
        if b <= start:
            continue
        if at < start:
            out.append(Span(at, start, State.UP, Why.OBSERVED))
        out.append(Span(start, b, state, why))
        at = b
    out.append(Span(at, TO + 48 * HOUR, State.UP, Why.OBSERVED))
    return out


# --- what people did


def windows() -> list[Window]:
    """Planned work on lines at night, on one site, on one room without notice, and one entered too late."""
    night = FROM + 264 * HOUR
    who = (
        ("mw-0007", night - 2 * HOUR, night + 2 * HOUR, Selector(class_="link"), "u1", "duty-officer",
         "Nhà cung cấp nâng cấp thiết bị định tuyến", "CR-1042", False),
        ("mw-0008", FROM + 321 * HOUR, FROM + 327 * HOUR + 30 * MINUTE, Selector(site="s18"), "u2", "duty-officer",
         "Thay máy phát điện và bộ lưu điện", "CR-1047", False),
        ("mw-0009", FROM + 368 * HOUR, FROM + 370 * HOUR, Selector(subjects=("s07-hop", "site:s07")), "u2", "u1",
         "Lắp camera mới", "CR-1050", False),
        ("mw-0011", _cuts(1)[0][0], _cuts(1)[0][0] + HOUR, Selector(subjects=("s02-wan",)), "u1", "duty-officer",
         "Nhà cung cấp kéo lại cáp, báo muộn <sau giờ>", "CR-1058", True),
    )  # fmt: skip
    return [
        Window(id_, a, b, (scope,), True, author, approver, reason, change, retroactive, b if retroactive else a - 72 * HOUR)
        for id_, a, b, scope, author, approver, reason, change, retroactive in who
    ]


def corrections() -> list[Correction]:
    """Somebody was there and saw it running."""
    reboot = FROM + (90 + 7 * 4 % 500) * HOUR
    return [
        Correction("co-0003", "s05-srv", None, reboot, reboot + HOUR, State.UP, "u1", "duty-officer",
                   "Kiểm tra tại chỗ: máy vẫn phục vụ bình thường", "CR-1044", KNOWN - 30 * HOUR),
    ]  # fmt: skip


def restatements() -> list[RestatementLine]:
    """What changed since version 1: a late spool, a correction, a window."""
    a, b = _cuts(1)[0]
    return [
        RestatementLine("2026-10", 2, "s03-srv", View.DEVICE, FROM + 128 * HOUR, FROM + 128 * HOUR + 22 * MINUTE, "unknown",
                        "up", "R9.3", tuple(range(1040, 1058)), KNOWN - 40 * HOUR, "", "99.9512", "99.9512"),
        RestatementLine("2026-10", 2, "s05-srv", View.DEVICE, FROM + 118 * HOUR, FROM + 118 * HOUR + 8 * MINUTE, "down", "up",
                        "R9.4", (), KNOWN - 30 * HOUR, "duty-officer", "99.9843", "100"),
        RestatementLine("2026-10", 2, "s02-wan", View.DEVICE, a, b, "down", "maintenance", "R11.3", (), KNOWN - 20 * HOUR,
                        "duty-officer", "99.9610", "100"),
    ]  # fmt: skip


# --- the report


def court(known_ms: int = KNOWN, seen: Mapping[str, Both] | None = None) -> Court:
    """Everything before the court, as known at K."""
    spans = observed() if seen is None else seen
    place = {View.DEVICE: 0, View.E2E: 1}
    terms = Terms(windows(), corrections(), CALENDARS)
    horizon = (FROM - 24 * HOUR, TO + 24 * HOUR)
    return Court(Roll.of(subjects()), lambda id_, view: spans[id_][place[view]], terms, horizon, known_ms)


def build(*, language: str = "vi", limit: str = "", known_ms: int = KNOWN, status: str = "sealed", version: int = 2) -> Report:
    """The report of October 2026, of everything or of one site or group."""
    confirmed = {
        (id_, view): [(span.from_ms, span.from_ms + 30_000) for span in spans if span.state is State.DOWN]
        for id_, both in observed().items()
        for view, spans in zip(View, both, strict=True)
    }
    soft = {("s04-wan", View.DEVICE): [(FROM + 9 * HOUR, FROM + 9 * HOUR + 18_000)]}
    facts = Facts(
        Provenance(known_ms, "5f3a" * 16, "0.4.0", "2026b", "c0de" * 16), status, version, [BLIND], confirmed, soft,
        restatements=restatements(),
    )  # fmt: skip
    timeouts = {f"{site_id(number)}-wan": 2_000 for number in range(SITES)}
    ask = Ask("2026-10", PERIOD, ZONE, limit, names(), language, Fraction(995, 1000), timeouts=timeouts)
    return assemble(court(known_ms), ask, facts)
