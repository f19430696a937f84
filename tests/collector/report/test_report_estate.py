"""The month of an estate through the real chain, as people get it: the first page, both views, caps, parameters, names."""

from __future__ import annotations

import io
import json
import re
import time
from collections import Counter
from fractions import Fraction
from functools import cache
from html import unescape

import msgspec
import openpyxl
import pypdf
import pytest

from collector.core.assembly import Ask, Facts, assemble
from collector.core.court import Court, Terms
from collector.core.figures import Verdict
from collector.core.monthly import Provenance, Report
from collector.core.printing import display
from collector.core.roll import Roll
from collector.core.state import Span, State, View, Why
from collector.core.subject import Group, GroupRule, Subject, SubjectKind
from collector.report import terms, words
from collector.report.caps import caps
from collector.report.errors import MissingLibraryError
from collector.report.layout import Layout
from collector.report.names import name_of, paired, scope
from collector.report.render import render
from collector.report.summary import chosen
from tests.collector.report import estate

HOUR = estate.HOUR
LAYOUT = Layout("Trung tâm Dữ liệu", "Sở A", "Đà Nẵng", national_header=True, maintenance_cap_ms=6 * HOUR)


@cache
def month() -> Report:
    """October of the whole estate."""
    return estate.build()


@cache
def shown(language: str = "vi") -> str:
    """The page of it as text, cells apart."""
    return text_of(render(month(), "html", language, LAYOUT).decode())


def text_of(page: str) -> str:
    """What a reader sees of a page."""
    body = re.sub(r"<(style|title)>.*?</\1>|<meta[^>]*>", "", page, flags=re.DOTALL)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def section(number: int, text: str) -> str:
    """One numbered section of the page."""
    return text.split(f" {number}. ", 1)[1].split(f" {number + 1}. ", 1)[0]


# --- the first page


def test_r12_1_the_first_page_has_one_number_and_its_verdict() -> None:
    """The pool of all targets in the view that decides, against its objective, with bounds, coverage and the other view."""
    pair = chosen(month())
    assert pair is not None
    assert pair.other is not None
    f = pair.line.figures
    assert (pair.line.id, f.verdict) == ("*", Verdict.MET)
    head = shown().split(" 1. ")[0]
    figure = display(f.good, f.bad, 4, "vi")
    assert f"Độ sẵn sàng – Toàn bộ đối tượng {figure} % ✓ đạt mục tiêu 99,5 %" in head
    other = pair.other.figures
    assert f"Để đối chiếu, góc nhìn đầu cuối: {display(other.good, other.bad, 4, 'vi')} %" in head
    assert "Góc nhìn: thiết bị; cách tính: hợp đồng thiết bị" in head
    assert f"Cận dưới – cận trên: {display(f.good, f.bad + f.doubt, 4, 'vi')}" in head


def test_a_report_of_a_group_speaks_of_the_group() -> None:
    """The one that missed says so first, in words and with its sign."""
    report = estate.build(limit="group:d06")
    text = text_of(render(report, "html", "vi").decode())
    assert "Phạm vi: Khu vực Hưng Đạo" in text
    line = next(line for line in report.headline if line.id == "group:d06")
    assert line.figures.verdict is Verdict.BREACHED
    figure = display(line.figures.good, line.figures.bad, 4, "vi")
    assert f"Độ sẵn sàng – Khu vực Hưng Đạo {figure} % ✗ không đạt mục tiêu 99,5 %" in text


def test_only_figures_that_decide_are_counted() -> None:
    """SPEC 5, decision 1: the other view of a subject is information."""
    counted = Counter(line.figures.verdict for line in month().headline if line.decides and line.kind == "site")
    want = [counted[each] for each in (Verdict.BREACHED, Verdict.NOT_PROVEN, Verdict.NO_DATA, Verdict.MET)]
    assert sum(want) == estate.SITES
    assert want[0] > 0
    assert want[1] > 0
    numbers = " ".join(str(each) for each in want)
    assert f"Địa điểm {numbers}" in section(1, shown())


def test_those_that_missed_stand_on_the_first_page_with_their_main_cause() -> None:
    """The worst first, groups before sites before targets; how many more there are is said."""
    text = section(1, shown())
    names = re.findall(r"(?:Khu vực|Điểm cầu) [^\d·]*\d?", text.split("Không đạt hoặc chưa đủ căn cứ")[1])
    assert names[0].startswith("Khu vực Hưng Đạo")
    assert names[1].startswith("Điểm cầu Hưng Đạo 4")
    assert "✗ không đạt 51:43:14 đường truyền" in text
    assert "mục nữa: xem các mục sau" in text


# --- both views, names, lists


def test_r15_4_the_other_view_stands_beside_the_one_that_decides() -> None:
    """V21: one row a subject."""
    pairs = {pair.line.id: pair for pair in paired(month().headline)}
    assert len(pairs) == 13 + estate.SITES + 4
    site = pairs["site:s06"]
    assert (site.line.view, site.line.decides) == (View.E2E, True)
    assert site.other is not None
    assert (site.other.view, site.other.decides) == (View.DEVICE, False)
    text = section(2, shown())
    assert text.count("site:s06 ·") == 1
    device = site.other.figures
    row = text.split("site:s06 ·")[1].split("site:s07 ·")[0]
    assert f"{display(device.good, device.bad, 4, 'vi')} thiết bị" in row


def test_names_are_those_of_the_reports_language() -> None:
    """Whatever language it was put together in; fleets are named by what they pool."""
    english = shown("en")
    assert "Site Hưng Đạo 4 site · site:s42" in english
    assert "All servers *:server" in section(2, english)
    assert "Toàn bộ máy chủ *:server" in section(2, shown())
    fleet = next(line for line in month().headline if line.id == "*:link")
    bare = msgspec.structs.replace(fleet, id="*:", class_="")
    assert name_of(bare, "vi") == "Toàn bộ đối tượng chưa phân nhóm"
    assert name_of(msgspec.structs.replace(fleet, id="*:moon", class_="moon"), "en") == "All moon"


@pytest.mark.parametrize(
    ("text", "vi"),
    [
        ("class=link", "toàn bộ đường truyền"),
        ("site=s01 class=server", "địa điểm Điểm cầu 1 toàn bộ máy chủ"),
        ("s01-wan, moon; label rack=7", "Đường truyền 1, moon; nhãn rack=7"),
        ("agent:s01-wan", "Tác tử trên Đường truyền 1"),
    ],
)
def test_scopes_of_windows_are_put_into_words(text: str, vi: str) -> None:
    """What has no name stays as it is."""
    assert scope({"site:s01": "Điểm cầu 1", "s01-wan": "Đường truyền 1"}, "vi", text) == vi


def test_r13_5_incidents_have_names_with_ids_and_composed_ones_are_counted() -> None:
    """An outage of a line is one row; those of its site and group are made of it, and stand in the workbook."""
    text = section(6, shown())
    single = {line.id for line in month().subjects}
    own = [each for each in month().incidents if each.subject in single]
    assert 0 < len(own) < len(month().incidents)
    assert f"{len(month().incidents) - len(own)} sự cố của nhóm và địa điểm được tổng hợp" in text
    assert "site:s06" not in text
    longest = max(own, key=lambda each: each.charged_ms)
    assert re.search(rf"Đường truyền Hưng Đạo \d {longest.subject} · thiết bị", text)


def test_what_lists_leave_out_is_said() -> None:
    """In the page and for programs: the figures have all of it."""
    report = msgspec.structs.replace(month(), incidents_left_out=1_234, unknown_left_out=56)
    text = text_of(render(report, "html", "vi").decode())
    assert "Còn 1.234 sự cố khác đã được tính" in section(6, text)
    assert "Còn 56 khoảng ngắn hơn" in section(9, text)
    document = json.loads(render(report, "json", "vi"))
    assert (document["incidents_left_out"], document["unknown_left_out"]) == (1_234, 56)


def test_r17_3_a_reclassified_incident_names_its_restatement() -> None:
    """It is never deleted."""
    first = next(each for each in month().incidents if each.why != "members")
    one = msgspec.structs.replace(first, reclassified="rs-17", charged_ms=0, started_before=True)
    text = text_of(render(msgspec.structs.replace(month(), incidents=(one,)), "html", "en").decode())
    assert "Began before · Reclassified: rs-17" in section(6, text)


def test_unknown_time_that_many_have_in_common_is_one_row() -> None:
    """A blind collector takes one line of the page, not one for each target (R5.3, R17.5)."""
    text = section(9, shown())
    blind = [each for each in month().unknown if each.why == "collector_blind"]
    assert len(blind) > 150
    assert text.count("bên quan sát bị mù") < 5
    assert "18/10/2026 02:17:00 18/10/2026 02:52:00 0:35:00 bộ thu thập" in text
    assert re.search(r"\d{3} mục cùng lúc .* mục nữa", text)


def test_restatements_say_why_in_words() -> None:
    """R17.2: with the number of the rule."""
    text = section(10, shown())
    for said in ("bằng chứng đến muộn R9.3", "đính chính R9.4", "khoảng bảo trì hồi tố R11.3", "Máy chủ Gia Hòa 1 s05-srv"):
        assert said in text, said


# --- numbers that an auditor checks by hand


def test_3_12_the_identity_is_printed_with_its_numbers() -> None:
    """Seven numbers of the page that add up, exact to the millisecond."""
    found = re.search(r"Toàn bộ đối tượng, tính bằng giây: ([^.]*(?:\.[^ ]+)*) = (.*?)\. ", section(3, shown()))
    assert found is not None

    def exact(text: str) -> Fraction:
        return Fraction(text.replace(".", "").replace(",", "."))

    parts = [exact(each) for each in found[2].split(" + ")]
    assert len(parts) == 6
    assert exact(found[1]) == sum(parts)
    whole = next(line for line in month().headline if line.id == "*" and line.decides)
    assert exact(found[1]) * 1000 == whole.figures.ast


def test_lost_time_is_that_of_the_pool_of_all_targets() -> None:
    """Both views, each with shares of a hundred per cent; a row for each fleet."""
    text = section(4, shown())
    totals = {each.view: each.total_ms for each in month().lost if each.subject == "*"}
    assert set(totals) == set(View)
    for view in ("thiết bị", "đầu cuối"):
        assert f"Toàn bộ đối tượng, {view} :" in text
    shares = [re.findall(r"(\d+),(\d\d) %", part) for part in text.split("Toàn bộ đối tượng, ")[1:3]]
    assert [sum(int(a) * 100 + int(b) for a, b in found[:6]) for found in shares] == [10_000, 10_000]


def test_r5_1_timeouts_and_times_to_live_are_stated() -> None:
    """SPEC 3.20 and R10.3, by class."""
    text = section(11, shown())
    assert "đường truyền đối tượng 15 giây 2 giây 37,5 giây 3 lần đo 2 lần đo 300 giây không rõ" in text
    assert "phòng họp trực tuyến đối tượng 60 giây 5 giây 150 giây 3 lần đo 1 lần đo 300 giây" in text
    assert "hợp đồng thiết bị (mã device_contract)" in text
    document = json.loads(render(month(), "json", "en"))
    assert document["parameters"][1] == {
        "kind": "target", "class_": "link", "interval_ms": 15_000, "timeout_ms": 2_000, "ttl_ms": 37_500, "fail_after": 3,
        "recover_after": 2, "merge_gap_ms": 300_000, "silence_is_down": False,
    }  # fmt: skip


def test_r11_6_maintenance_stands_against_its_cap() -> None:
    """By site and class, as the most of one target, measured on the union of its windows; those beyond come first."""
    found = {cap.id: cap for cap in caps(month(), LAYOUT)}
    generator = found["site:s18"]
    used = {line.id: line.figures.maintenance for line in month().subjects if line.site == "s18"}
    assert (generator.used_ms, generator.most) == (10 * HOUR + 30 * estate.MINUTE, "s18-wan")
    assert generator.used_ms == used["s18-wan"]
    assert (generator.beyond, generator.cap_ms) == (sum(ms > 6 * HOUR for ms in used.values()), 6 * HOUR)
    assert (found["*:link"].targets, found["*:link"].most) == (estate.SITES, "s18-wan")
    assert "*:server" not in found
    text = section(7, shown())
    assert "Hợp đồng cho phép mỗi đối tượng bảo trì 6:00:00 trong kỳ" in text
    rows = text.split("Bảo trì so với mức trần hợp đồng")[1]
    assert "Điểm cầu Hưng Đạo 2 site:s18 2 10:30:00 Đường truyền Hưng Đạo 2 6:00:00 −4:30:00 2" in rows
    assert rows.index("−4:30:00") < rows.index("Điểm cầu An Bình")


def test_a_cap_counts_by_the_month_and_without_one_there_is_no_table() -> None:
    """A quarter has three; a week is held against the whole month's."""
    quarter = msgspec.structs.replace(month(), to_ms=estate.FROM + 92 * 24 * HOUR)
    week = msgspec.structs.replace(month(), from_ms=estate.FROM + 7 * 24 * HOUR, to_ms=estate.FROM + 14 * 24 * HOUR)
    assert {cap.cap_ms for cap in caps(quarter, LAYOUT)} == {18 * HOUR}
    assert {cap.cap_ms for cap in caps(week, LAYOUT)} == {6 * HOUR}
    assert caps(month(), Layout()) == []
    assert "mức trần" not in text_of(render(month(), "html", "vi").decode())
    with pytest.raises(ValueError, match="maintenance_cap_ms -1: expected 0 or more"):
        Layout(maintenance_cap_ms=-1)


# --- language


def test_the_vietnamese_document_has_no_english_words() -> None:
    """But for ids, codes of policies, names of files and the acronyms that everybody uses."""
    english = _words(" ".join(_texts(0)))
    vietnamese = _words(" ".join([*_texts(1), *(each["vi"] for each in estate.names().values())]))
    codes = {"mttr", "mtbf", "mtbsi", "csv", "xlsx", "json", "utc", "group", "site", "agent", "device_contract", "e2e", "link",
             "room", "server", "core", "duty", "officer", "camera"}  # fmt: skip
    found = _words(shown()) & english - vietnamese
    assert found - codes == set()


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d]\w+", text.lower()))


def _texts(place: int) -> list[str]:
    lists = [*words.WORDS.values(), *terms.METHOD, *(pair for table in terms.TERMS.values() for pair in table.values())]
    return [re.sub(r"{\w+}", " ", pair[place]) for pair in lists]


# --- unusual estates


def _report(subjects: list[Subject], spans: list[Span], status: str = "open", known_ms: int = estate.KNOWN) -> Report:
    court = Court(Roll.of(subjects), lambda id_, view: spans, Terms(), estate.PERIOD, known_ms)
    facts = Facts(Provenance(known_ms, "", "0.4.0", "2026b", ""), status)
    return assemble(court, Ask("2026-10", estate.PERIOD, estate.ZONE), facts)


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_new_installation_has_a_report_that_says_so(language: str) -> None:
    """No subject, no day closed: every format is made, and none has a figure."""
    report = _report([], [], known_ms=estate.FROM + 60_000)
    for format_ in ("csv", "json", "html", "xlsx"):
        assert render(report, format_, language, LAYOUT)
    text = text_of(render(report, "html", language, LAYOUT).decode())
    assert words.word(language, "no_lines") in text
    assert words.word(language, "no_chain") in text
    assert " 100 " not in text.split(" 2. ")[0]
    assert words.word(language, "said_NO_DATA", slo=99) in text


def test_no_data_everywhere_is_neither_nought_nor_a_hundred() -> None:
    """R12.1, R12.5: nothing was seen of anything, so that there is no figure and the measurement is insufficient."""
    unseen = [Span(estate.FROM, estate.TO, State.UNKNOWN, Why.NEVER)]
    report = _report([Subject(id="a", class_="server"), Subject(id="b", class_="link")], unseen, "sealed")
    text = text_of(render(report, "html", "vi").decode())
    assert "Độ sẵn sàng – Toàn bộ đối tượng – ○ không có dữ liệu; mục tiêu 99 % (đo chưa đủ)" in text
    assert "Mọi mục tiêu có số liệu đều đạt" not in text
    assert "✓ đạt –" not in text
    book = openpyxl.load_workbook(io.BytesIO(render(report, "xlsx", "vi")))
    sheet = book["Đối tượng"]
    column = [cell.value for cell in sheet[1]].index("Độ sẵn sàng") + 1
    assert [sheet.cell(row, column).value for row in range(2, sheet.max_row + 1)] == [None] * 4


def test_a_report_of_one_target() -> None:
    """The first page speaks of it; nothing missed its objective."""
    good = [Span(estate.FROM, estate.TO, State.UP, Why.OBSERVED)]
    text = text_of(render(_report([Subject(id="srv-1", class_="server")], good, "sealed"), "html", "vi").decode())
    assert "Toàn bộ đối tượng 100 % ✓ đạt mục tiêu 99 %" in text
    assert "Mọi mục tiêu có số liệu đều đạt." in text
    assert "srv-1 srv-1 · thiết bị" in section(5, text)


def _fleet(targets: int, sites: int) -> Report:
    """A month in which every target fails once, at its own time, and some sites thrice as long."""
    made = [Subject(id=f"t{n:05d}", site=f"s{n % sites:03d}", class_="server") for n in range(targets)]
    for n in range(sites):
        group = Group(GroupRule.ALL, tuple(f"t{m:05d}" for m in range(n, min(targets, n + 4 * sites), sites)))
        made.append(Subject(id=f"site:s{n:03d}", kind=SubjectKind.SITE, site=f"s{n:03d}", group=group))

    def spans(id_: str, view: View) -> list[Span]:
        number = int(id_[1:])
        a = estate.FROM + number % 700 * HOUR + number * 37
        b = a + (3 if number % sites < 5 else 1) * 600_000 + number
        parts = ((estate.FROM, a, State.UP), (a, b, State.DOWN), (b, estate.TO, State.UP))
        return [Span(*each, Why.OBSERVED) for each in parts]

    court = Court(Roll.of(made), spans, Terms(), estate.PERIOD, estate.KNOWN)
    facts = Facts(Provenance(estate.KNOWN, "", "0.4.0", "2026b", ""), "sealed", 1)
    return assemble(court, Ask("2026-10", estate.PERIOD, estate.ZONE), facts)


@cache
def ten_thousand() -> Report:
    """More than a page can show."""
    return _fleet(10_000, 600)


def test_the_page_of_ten_thousand_targets_is_bounded() -> None:
    """What is on it stays readable, the worst stay, and what is missing is counted."""
    report = ten_thousand()
    page = render(report, "html", "vi", Layout()).decode()
    assert len(page) < 1_500_000
    assert page.count("<tr") < 4 * Layout().headline_rows + 4 * Layout().rows + 100
    text = text_of(page)
    assert re.search(r"và \d{3} mục nữa: xem tệp CSV, XLSX, JSON", section(2, text))
    assert "và 9.900 mục nữa: xem tệp CSV, XLSX, JSON" in section(5, text)
    for site in range(5):
        assert f"site:s{site:03d} ·" in section(2, text)


def test_the_table_of_ten_thousand_targets_has_all_and_is_quick() -> None:
    """Two lines of each, every one with figures of its own; measured in `bench_report`, here only that it is no matter of
    seconds on a busy machine."""
    report = ten_thousand()
    begun = time.process_time()
    table = render(report, "csv", "vi")
    assert time.process_time() - begun < 2
    assert table.count(b"\r\n") == 1 + len(report.headline) + 20_000
    assert render(report, "json", "vi") == render(report, "json", "vi")


def test_pdf_of_a_group_reads_as_a_document() -> None:
    """First page with the number, numbered pages, room to sign at the end, the same bytes when it is made again."""
    report = estate.build(limit="group:d06")
    layout = msgspec.structs.replace(LAYOUT, rows=10)
    try:
        first = render(report, "pdf", "vi", layout)
    except MissingLibraryError as error:
        pytest.skip(f"debian: {error}")
    assert render(estate.build(limit="group:d06"), "pdf", "vi", layout) == first
    pages = [re.sub(r"\s+", " ", page.extract_text()) for page in pypdf.PdfReader(io.BytesIO(first)).pages]
    assert "99,0061 %" in pages[0]
    assert "không đạt mục tiêu 99,5 %" in pages[0]
    assert f"trang {len(pages)} / {len(pages)}" in pages[-1]
    assert "NGƯỜI DUYỆT" in pages[-1]
    assert not [text for text in pages if len(text) < 200]


def test_workbook_has_the_view_that_decides_and_the_cap() -> None:
    """Names, flags and words as on the page."""
    book = openpyxl.load_workbook(io.BytesIO(render(month(), "xlsx", "vi", LAYOUT)))
    sheet = book["Đối tượng"]
    head = [cell.value for cell in sheet[1]]
    rows = [dict(zip(head, [cell.value for cell in row], strict=True)) for row in sheet.iter_rows(min_row=2)]
    assert len(rows) == len(month().subjects)
    wan = [row for row in rows if row["Mã"] == "s06-wan"]
    assert [(row["Góc nhìn"], row["Quyết định"]) for row in wan] == [("thiết bị", "có"), ("đầu cuối", None)]
    assert {row["Tên"] for row in wan} == {"Đường truyền Hưng Đạo 1"}
    assert (wan[0]["Nhóm thiết bị"], wan[0]["Cách tính"]) == ("đường truyền", "hợp đồng thiết bị")
    caps_sheet = book["Bảo trì so với mức trần hợp đồn"]
    row = next(row for row in caps_sheet.iter_rows(values_only=True) if row[1] == "site:s18")
    assert row[6] == -(4 * 3600 + 1800)
    first = " ".join(str(cell) for row in book["Kết quả"].iter_rows(values_only=True) for cell in row if cell)
    assert "Độ sẵn sàng – Toàn bộ đối tượng: 99,9" in first
