"""The HTML page: what a reader must find on it, in both languages, and that no text of anybody becomes markup."""

from __future__ import annotations

import html.parser
import re
from fractions import Fraction

import msgspec
import pytest

from collector.core.figures import Verdict
from collector.core.monthly import Report
from collector.core.policy import POLICIES
from collector.core.restate import RULES, WINDOW, WITHDRAWN
from collector.core.state import Span, State, Why
from collector.report import terms, words
from collector.report.layout import Layout
from collector.report.pdf_file import FACES, FONTS
from collector.report.render import render
from collector.report.shares import WHOLE, bar, hundredths, shares
from collector.report.show import Show
from tests.collector.report import sample

VOID = {"meta", "col", "br", "rect"}


class Outline(html.parser.HTMLParser):
    """Checks that elements nest, and collects the text of each section, table rows and outside addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: dict[str, str] = {}
        self.rows: dict[str, list[list[str]]] = {}
        self.addresses: list[str] = []
        self._section = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.addresses += [str(value) for key, value in attrs if key in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self._section = named.get("id") or str(named.get("class"))
            self.sections[self._section], self.rows[self._section] = "", []
        elif tag == "tr" and self._section:
            self.rows[self._section].append([])
        elif tag in ("td", "th") and self._section:
            self.rows[self._section][-1].append("")
        elif tag in ("small", "br", "p", "li") and self._section:
            self.handle_data(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Drawn, holds nothing."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._section:
            self.sections[self._section] += data
            if "td" in self.open or "th" in self.open:
                self.rows[self._section][-1][-1] += data


def outline(report: Report, language: str, layout: Layout | None = None) -> Outline:
    """The page, parsed."""
    return Outline(render(report, "html", language, layout or Layout()).decode())


def _row(page: Outline, section: str, name: str) -> list[str]:
    return next(row for row in page.rows[section] if row and row[0].startswith(name))


SECTIONS = [
    "summary", "headline", "composition", "causes", "targets", "incidents", "windows", "corrections", "unknown",
    "restatements", "method", "provenance", "signatures",
]  # fmt: skip


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_page_has_every_part_and_nothing_from_outside(language: str) -> None:
    """R17.5: the evidence pack, in order; the file stands alone."""
    page = outline(sample.build(), language)
    assert list(page.sections) == SECTIONS
    assert page.addresses == []
    assert "url(" not in render(sample.build(), "html", language).decode()


def test_headline_shows_figure_objective_bounds_verdict_coverage_and_resolution() -> None:
    """R12.2, R12.5, R4.2: side by side, with a decimal comma in Vietnamese, and pools before groups before sites."""
    report = sample.build()
    vi, en = outline(report, "vi"), outline(report, "en")
    assert _row(vi, "headline", "Huyện D01") == [
        "Huyện D01 d01 · thiết bị · hợp đồng thiết bị", "99,9", "99,9791", "99,9583 – 99,9791", "✓ đạt", "99,97",
        "1:05:03 sự cố: 3", "99,9539 đầu cuối",
    ]  # fmt: skip
    assert _row(en, "headline", "Điểm cầu S02")[1:6] == ["99 ± 0:00:20", "99.9775", "99.9775 – 99.9775", "✓ met", "100.00"]
    bands = [row[0] for row in vi.rows["headline"] if len(row) == 1]
    assert bands == ["Tập hợp", "Nhóm", "Địa điểm"]


def test_verdicts_are_counted() -> None:
    """The first thing one sees."""
    report = sample.build()
    counts = [sum(line.figures.verdict.value == each for line in report.subjects) for each in ("BREACHED", "NOT_PROVEN")]
    assert _row(outline(report, "en"), "summary", "Targets")[1:3] == [str(count) for count in counts]
    assert counts[0] > 0


def test_policies_are_spelt_out_beside_the_figures() -> None:
    """R12.2: the name and the text of each policy used, and of no other."""
    page = outline(sample.build(), "vi")
    for name in ("e2e", "device_contract"):
        assert POLICIES[name].text["vi"] in page.sections["headline"]
        assert POLICIES[name].text["vi"] in page.sections["method"]
    assert "calendar_strict" not in page.sections["method"]


def test_insufficient_measurement_is_in_the_headline() -> None:
    """R12.5: coverage below 99 % is said first and marked at the line; the limit is the layout's."""
    report = sample.build()
    spans = [
        Span(sample.FROM, sample.FROM + 8 * sample.HOUR, State.UNKNOWN, Why.BLIND),
        Span(sample.FROM + 8 * sample.HOUR, sample.TO, State.UP, Why.OBSERVED),
    ]
    line = msgspec.structs.replace(report.headline[0], figures=sample.figures_of(spans, "device_contract", "99.9"))
    thin = msgspec.structs.replace(report, headline=(line, *report.headline[1:]))
    assert "Insufficient measurement: 1 of 262 figures" in outline(thin, "en").sections["summary"]
    row = _row(outline(thin, "vi"), "headline", "Huyện D01")
    assert row[4:6] == ["≈ chưa đủ căn cứ đo chưa đủ", "98,92"]
    relaxed = outline(thin, "en", Layout(min_coverage=Fraction(98, 100)))
    assert "Insufficient measurement" not in relaxed.sections["summary"]


def test_identity_of_agreed_time_is_printed() -> None:
    """3.12: every second in exactly one class; the sentence says so and the classes stand in one row."""
    page = outline(sample.build(), "vi")
    assert "thời gian phục vụ = bảo trì + hoạt động + suy giảm + ngừng" in page.sections["composition"]
    assert _row(page, "composition", "Huyện D01")[1] == "5.208:00:00"
    assert len(_row(page, "composition", "Huyện D01")) == 8


def test_lost_time_adds_up_to_a_hundred_per_cent() -> None:
    """LESSONS of other systems: causes told apart, shares add up exactly as printed."""
    page = outline(sample.build(), "vi")
    legends = [row for row in page.rows["causes"] if row and row[0].startswith("thiết bị") and "%" in row[0]]
    assert len(legends) == 2
    for legend in legends:
        printed = [re.search(r"(\d+),(\d\d) %", cell) for cell in legend]
        assert sum(int(found[1]) * 100 + int(found[2]) for found in printed if found) == WHOLE


def test_incident_shows_onset_detection_restoration_cause_and_grade() -> None:
    """R13.5, R4.1: and how long detection took."""
    report = sample.build()
    one = report.incidents[0]
    show = Show.of(report, "vi")
    row = next(
        row
        for row in outline(report, "vi").rows["incidents"]
        if row and one.subject in row[0] and show.time(one.onset_ms) in row[1]
    )
    assert row[2:5] == [
        f"{show.time(one.hard_ms)} 0:00:45",
        show.time(one.restored_ms),
        show.duration(one.restored_ms - one.onset_ms),
    ]
    assert row[0] == f"{show.name(one.subject)} {one.subject} · {show.term('view', one.view.value)}"
    assert row[6].startswith(("đường truyền", "thiết bị"))
    assert row[6].endswith("E1")


def test_windows_name_author_and_approver_and_retroactive_ones_stand_apart() -> None:
    """R11.1, R11.3, R17.5."""
    page = outline(sample.build(), "vi")
    row = _row(page, "windows", "toàn bộ đường truyền")
    assert row == ["toàn bộ đường truyền mw-0007", "09/10/2026 08:00:00", "09/10/2026 12:00:00", "4:00:00", "u1",
                   "duty-officer", "Thay bộ định tuyến CR-1042"]  # fmt: skip
    text = page.sections["windows"]
    assert text.index("mw-0007") < text.index("hồi tố") < text.index("mw-0008")


def test_restatements_corrections_and_unknown_time_are_listed() -> None:
    """R17.2, R9.4, R17.5."""
    page = outline(sample.build(), "en")
    name = Show.of(sample.build(), "en").name("s04-codec")
    row = _row(page, "restatements", name)
    assert row[3:7] == ["down up", "correction by people R9.4", "2026-11-04 03:00:12 duty-officer", "99.8211 99.9555"]
    assert row[7].endswith("51 … (+8)")
    assert _row(page, "corrections", name)[4:6] == ["u1", "duty-officer"]
    unknown = next(row for row in page.rows["unknown"] if "s01-wan" in row[0])
    assert unknown[3:] == ["0:01:35", "collector", "observer blind"]


def test_provenance_is_printed() -> None:
    """R17.4: head of the chain, code, tzdata, configuration and K."""
    text = outline(sample.build(), "vi").sections["provenance"]
    for each in ("ab" * 32, "cd" * 32, "0.3.0", "2026b", "2026-11-03T21:00:12.345Z", "đã chốt – phiên bản 2"):
        assert each in text
    bare = msgspec.structs.replace(sample.build(), provenance=msgspec.structs.replace(sample.build().provenance, chain_head=""))
    assert "chưa có ngày nào được chốt" in outline(bare, "vi").sections["provenance"]


def test_texts_of_people_stay_texts() -> None:
    """Names, reasons and letterhead are escaped, in the page and in its style sheet."""
    evil = "</style><script>alert(1)</script>"
    report = sample.build()
    line = msgspec.structs.replace(report.headline[0], name=evil, policy=evil)
    page = render(
        msgspec.structs.replace(report, headline=(line,), title_site=evil), "html", "vi", Layout(evil, evil, evil)
    ).decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 6
    assert "báo muộn &lt;sau giờ&gt;" in page


def test_long_lists_are_cut_and_counted() -> None:
    """The page stays readable; what is missing is stated with where it is."""
    report = sample.build()
    page = outline(report, "vi", Layout(rows=5, headline_rows=10))
    text = page.sections["incidents"]
    assert f"và {len(report.incidents) - 5} mục nữa: xem tệp XLSX, JSON" in text
    assert len(page.rows["incidents"]) == 1 + 5
    assert "và 161 mục nữa: xem tệp CSV, XLSX, JSON" in page.sections["targets"]
    assert "và 86 mục nữa" in page.sections["headline"]
    longest = sorted((each.charged_ms for each in report.incidents), reverse=True)[:5]
    shown = {row[5] for row in page.rows["incidents"][1:]}
    assert shown == {Show("vi", report.zone, report.from_ms).duration(ms) for ms in longest}


def test_empty_report_says_so() -> None:
    """Nothing watched, nothing happened: each section is there and says that it is empty."""
    bare = msgspec.structs.replace(
        sample.build(), headline=(), subjects=(), lost=(), incidents=(), windows=(), unknown=(), corrections=(), restatements=()
    )
    page = outline(bare, "vi")
    assert list(page.sections) == SECTIONS
    assert "Phạm vi này không có đối tượng nào" in page.sections["summary"]
    assert "Không có trong kỳ" in page.sections["incidents"]


def test_letterhead_and_signatures() -> None:
    """As an administrative document: issuer left, motto right, place and date, who prepared and who approved."""
    layout = Layout(organisation="Trung tâm Dữ liệu", superior="Sở A", place="Đà Nẵng", national_header=True)
    for language in words.LANGUAGES:
        page = render(sample.build(), "html", language, layout).decode()
        assert "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM" in page
        assert "Trung tâm Dữ liệu" in page
    assert "Đà Nẵng, ngày ...... tháng ...... năm 2026" in page.replace("date ....................", "") or language == "vi"
    assert "NGƯỜI LẬP" in outline(sample.build(), "vi", layout).sections["signatures"]
    assert "CỘNG HÒA" not in render(sample.build(), "html", "vi").decode()


@pytest.mark.parametrize(
    ("period", "vi", "en"),
    [
        ("2026-10", "tháng 10 năm 2026", "October 2026"),
        ("2026-Q4", "quý 4 năm 2026", "quarter 4 of 2026"),
        ("2026", "năm 2026", "year 2026"),
        ("2026-W05", "tuần 5 năm 2026", "week 5 of 2026"),
        ("2026-10-01/2026-10-31", "01/10/2026 – 31/10/2026", "2026-10-01 – 2026-10-31"),
        ("x", "01/10/2026 – 31/10/2026", "2026-10-01 – 2026-10-31"),
    ],
)
def test_periods_have_names(period: str, vi: str, en: str) -> None:
    assert Show("vi", sample.ZONE, 0).period(period, sample.FROM, sample.TO) == vi
    assert Show("en", sample.ZONE, 0).period(period, sample.FROM, sample.TO) == en
    day = Show("vi", sample.ZONE, 0).period("2026-10-01", sample.FROM, sample.FROM + 24 * sample.HOUR)
    assert day == "01/10/2026"


def test_times_with_another_offset_say_so() -> None:
    """R2.5: where clocks change, an hour that comes twice is told apart."""
    show = Show("en", "Europe/Berlin", sample.FROM)
    assert show.time(sample.FROM) == "2026-09-30 19:00:00"
    assert show.time(sample.TO) == "2026-10-31 18:00:00 (+01:00)"
    assert show.time(0) == "–"


def test_durations_are_rounded_up_to_the_second() -> None:
    """R16.3."""
    show = Show("vi", sample.ZONE, 0)
    assert [show.duration(ms) for ms in (None, 0, 1, 1000, 3_600_001, 5_208 * sample.HOUR, -90_000)] == [
        "–", "0", "0:00:01", "0:00:01", "1:00:01", "5.208:00:00", "−0:01:30",
    ]  # fmt: skip


def test_shares_add_up() -> None:
    """Largest remainders: three equal thirds are 33.34, 33.33 and 33.33; a bar leaves out what has no width."""
    assert shares({"a": 1, "b": 1, "c": 1}) == {"a": 3334, "b": 3333, "c": 3333}
    assert shares({"a": 0, "b": 0}) == {"a": 0, "b": 0}
    assert [(piece.key, piece.x, piece.width) for piece in bar({"a": 3, "b": 0, "c": 1})] == [("a", 0, 7500), ("c", 7500, 2500)]
    assert [hundredths(share) for share in (0, 7, 3334, WHOLE)] == ["0.00", "0.07", "33.34", "100.00"]


def test_every_text_is_there_in_both_languages() -> None:
    """The same places to fill in, and no text that was forgotten."""
    texts = [*words.WORDS.values(), *terms.METHOD, *(pair for table in terms.TERMS.values() for pair in table.values())]
    assert len(texts) > 150
    for english, vietnamese in texts:
        assert english.strip()
        assert vietnamese.strip()
        assert set(re.findall(r"{\w+}", vietnamese)) <= set(re.findall(r"{\w+}", english)) | {"{year}"}


def test_every_text_is_used() -> None:
    """A text that nothing shows is not kept."""
    folder = FONTS.parent
    sources = [path.read_text() for path in folder.iterdir() if path.suffix in (".py", ".html") and path.name != "words.py"]
    used = "\n".join(sources)
    used += " ".join(f"'said_{verdict.value}" for verdict in Verdict)  # put together from the verdict
    assert [key for key in words.WORDS if not re.search(rf"[\"'.]{key}\b", used)] == []


def test_an_incident_that_lasts_says_so() -> None:
    """R13.5: not yet restored is no empty cell, on the page."""
    report = sample.build()
    lasting = msgspec.structs.replace(report.incidents[0], restored_ms=0)
    row = outline(msgspec.structs.replace(report, incidents=(lasting,)), "vi").rows["incidents"][1]
    assert row[2:5] == [Show.of(report, "vi").time(lasting.hard_ms) + " 0:00:45", "chưa khôi phục", "–"]


def test_closed_lists_have_words() -> None:
    """Each state, verdict, cause, view and reason of the core has its word."""
    from collector.core.causes import Cause
    from collector.core.state import View
    from collector.core.subject import SubjectKind

    for name, values in (
        ("state", State),
        ("verdict", Verdict),
        ("cause", Cause),
        ("view", View),
        ("why", Why),
        ("kind", SubjectKind),
        ("kinds", SubjectKind),
    ):
        assert {each.value for each in values} <= set(terms.TERMS[name])
    assert set(POLICIES) == set(terms.TERMS["policy"])
    assert {*RULES.values(), WITHDRAWN, WINDOW} <= set(terms.TERMS["rule"])


def test_bundled_fonts_have_every_character_of_our_texts() -> None:
    """Otherwise a machine without other fonts would print boxes."""
    from fontTools.ttLib import TTFont

    alphabet = "aăâbcdđeêghiklmnoôơpqrstuưvxyAĂÂBCDĐEÊGHIKLMNOÔƠPQRSTUƯVXYzjfwZJFW0123456789"
    toned = "".join(c for c in map(chr, range(0x1EA0, 0x1EFA)))
    texts = [text for pair in words.WORDS.values() for text in pair] + [text for pair in terms.METHOD for text in pair]
    texts += [text for policy in POLICIES.values() for text in policy.text.values()]
    used = set("".join(texts) + alphabet + toned + "✓✗≈○–−±·…").difference("\n")
    for file in FACES.values():
        known = TTFont(FONTS / file).getBestCmap()
        assert {character for character in used if ord(character) not in known} == set()
