"""PDF and XLSX as other programs read them."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pypdf
import pytest

from collector.core.printing import display, seconds_up
from collector.report.errors import MissingLibraryError
from collector.report.layout import Layout
from collector.report.render import render
from tests.collector.report import sample

ROOT = Path(__file__).parents[3]
LAYOUT = Layout(organisation="Trung tâm Dữ liệu", place="Đà Nẵng", national_header=True, rows=12, headline_rows=30)


def _short() -> Any:
    """A report of few pages: drawing takes seconds a page."""
    report = sample.build()
    return msgspec.structs.replace(report, headline=(*report.headline[:4], *report.headline[-2:]), subjects=report.subjects[:8])


@cache
def _pdf() -> bytes:
    told: list[tuple[int, int]] = []
    try:
        made = render(_short(), "pdf", "vi", LAYOUT, lambda done, total: told.append((done, total)))
    except MissingLibraryError as error:
        pytest.skip(f"debian: {error}")
    assert told[0][0] == 0
    assert told[-1] == (7, 7)
    assert sorted(told) == told
    return made


def test_pdf_text_is_vietnamese_and_complete() -> None:
    """The text can be searched and copied, with its diacritics, whatever fonts the machine has."""
    reader = pypdf.PdfReader(io.BytesIO(_pdf()))
    pages = [re.sub(r"\s+", " ", page.extract_text()) for page in reader.pages]
    text = " ".join(pages)
    for each in (
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "BÁO CÁO ĐỘ SẴN SÀNG", "tháng 10 năm 2026", "Nhóm và địa điểm so với mục tiêu",
        "Thời gian mất theo nguyên nhân", "99,9791", "đường truyền", "Khoảng bảo trì", "NGƯỜI DUYỆT", "Thay bộ định tuyến",
    ):  # fmt: skip
        assert each in text, each
    assert f"trang {len(pages)} / {len(pages)}" in pages[-1]
    assert len(pages) > 3


def test_pdf_is_dated_by_its_evidence_and_uses_our_fonts_only() -> None:
    """R17.4: nothing in it says when it was made; R2.5: the date is K."""
    reader = pypdf.PdfReader(io.BytesIO(_pdf()))
    assert reader.metadata is not None
    assert reader.metadata.title == "Báo cáo độ sẵn sàng – tháng 10 năm 2026"
    assert str(reader.metadata.creation_date_raw) == str(reader.metadata.modification_date_raw)
    assert "20261103210012" in str(reader.metadata.creation_date_raw)
    fonts = {
        str(font.get_object()["/BaseFont"]).split("+")[1]
        for page in reader.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert fonts == {"Report-Sans", "Report-Sans-Bold"}


def test_pdf_same_report_same_bytes() -> None:
    """R17.4, also from another process."""
    first = _pdf()
    program = (
        "import sys; from tests.collector.report import test_report_people as t; "
        "sys.stdout.buffer.write(t.render(t._short(), 'pdf', 'vi', t.LAYOUT))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=300, check=False, env={"PYTHONHASHSEED": "7"}
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == first


def test_missing_library_of_the_system_is_named_with_its_package() -> None:
    """Where Pango is not installed, the message says what to install, in the language asked for."""
    program = """
import ctypes.util, sys
import cffi
def nothing(self, name, flags=0):
    raise OSError(f"cannot load library {name!r}")
cffi.FFI.dlopen = nothing
from collector.report.errors import MissingLibraryError
from collector.report.pdf_file import render
for language in ("vi", "en"):
    try:
        render(b"<p>x</p>", language)
    except MissingLibraryError as error:
        print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    vi, en = ended.stdout.splitlines()
    assert vi.endswith("apt-get install libpango-1.0-0 libpangoft2-1.0-0")
    assert vi.startswith("PDF cần các thư viện hệ thống chưa có trên máy (cannot load library")
    assert en.startswith("PDF needs libraries of the system that are not there")


@cache
def _book(language: str = "vi") -> Any:
    return openpyxl.load_workbook(io.BytesIO(render(sample.build(), "xlsx", language, LAYOUT)))


def _column(sheet: Any, name: str) -> list[Any]:
    for row in sheet.iter_rows():
        names = [cell.value for cell in row]
        if name in names:
            place = names.index(name) + 1
            return [sheet.cell(below, place) for below in range(row[0].row + 1, sheet.max_row + 1)]
    raise AssertionError(f"no column {name} in {sheet.title}")


def test_workbook_has_its_sheets_in_both_languages() -> None:
    assert _book().sheetnames == [
        "Kết quả", "Nhóm và địa điểm", "Đối tượng", "Sự cố", "Thời gian mất theo nguyên nhân", "Khoảng bảo trì", "Đính chính",
        "Thời gian không rõ", "Thay đổi so với bản đã phát hàn", "Thông số xét trạng thái", "Phương pháp",
    ]  # fmt: skip
    assert _book("en").sheetnames == [
        "Result", "Groups and sites", "Targets", "Incidents", "Lost time by cause", "Maintenance windows", "Corrections",
        "Unknown time",
        "Restatements", "How targets are judged", "Method",
    ]  # fmt: skip


def test_workbook_percentages_are_the_printed_ones() -> None:
    """R16.2: the number in the cell is floored, so that no cell format can round it up to the objective or to 100."""
    report = sample.build()
    cells = _column(_book()["Đối tượng"], "Độ sẵn sàng")
    assert len(cells) == len(report.subjects)
    below = 0
    for cell, line in zip(cells, report.subjects, strict=True):
        f = line.figures
        assert Decimal(repr(cell.value)) * 100 == Decimal(display(f.good, f.bad, 4))
        assert cell.number_format == "0.0000%"
        below += cell.value < 1
    assert below > 50


def test_workbook_has_real_times_and_durations() -> None:
    """Local times of the zone, durations that can be added."""
    report = sample.build()
    sheet = _book()["Sự cố"]
    onset, length = _column(sheet, "Bắt đầu"), _column(sheet, "Kéo dài")
    for cell, spent, one in zip(onset, length, report.incidents, strict=True):
        local = datetime(1970, 1, 1) + timedelta(milliseconds=one.onset_ms, hours=7)  # noqa: DTZ001 - as a workbook has it
        assert cell.value == local.replace(microsecond=0)
        assert cell.number_format == "dd/mm/yyyy hh:mm:ss"
        assert spent.value == timedelta(seconds=seconds_up(one.restored_ms - one.onset_ms))
        assert spent.number_format == "[h]:mm:ss"
    assert _column(_book("en")["Incidents"], "Onset")[0].number_format == "yyyy-mm-dd hh:mm:ss"


def test_workbook_has_negative_budgets_as_seconds() -> None:
    """R14.1: overspent is negative; a spreadsheet cannot show negative times."""
    report = sample.build()
    cells = _column(_book()["Đối tượng"], "Ngân sách còn (s)")
    want = [int(line.figures.budget_left) // 1000 for line in report.subjects if line.figures.budget_left is not None]
    assert [cell.value for cell in cells] == want
    assert min(want) < 0


def test_workbook_texts_are_no_formulas() -> None:
    """A name that looks like a formula or an address is shown as it is."""
    report = sample.build()
    names = ("=1+2", "https://www.example.vn/x", "007")
    lines = tuple(msgspec.structs.replace(line, name=name) for line, name in zip(report.subjects, names, strict=False))
    book = openpyxl.load_workbook(io.BytesIO(render(msgspec.structs.replace(report, subjects=lines), "xlsx", "en")))
    cells = _column(book["Targets"], "Name")
    assert [(cell.value, cell.data_type, cell.hyperlink) for cell in cells] == [(name, "s", None) for name in names]


def test_workbook_is_ready_to_read_and_to_print() -> None:
    """Headings stay in sight and repeat on paper; verdicts have a colour and a sign; A4 as wide as a page."""
    sheet = _book()["Đối tượng"]
    assert sheet.freeze_panes == "B2"
    assert sheet.print_title_rows == "$1:$1"
    assert (sheet.page_setup.orientation, sheet.page_setup.paperSize) == ("landscape", 9)
    assert (sheet.sheet_properties.pageSetUpPr.fitToPage, sheet.page_setup.fitToHeight) == (True, 0)
    assert sheet.auto_filter.ref is not None
    assert sheet.column_dimensions["A"].width > 25
    colours = {cell.value: cell.font.color.rgb for cell in _column(sheet, "Kết luận")}
    assert colours["✗ không đạt"] == "FFA31515"
    assert colours["✓ đạt"] == "FF135C2F"


def test_workbook_says_what_it_rests_on() -> None:
    """R17.4, R12.2 in the last sheet; facts and notes in the first."""
    method = " ".join(str(cell.value) for row in _book()["Phương pháp"].iter_rows() for cell in row if cell.value)
    assert "ab" * 32 in method
    assert "không rõ" in method
    first = " ".join(str(cell.value) for row in _book()["Kết quả"].iter_rows() for cell in row if cell.value)
    assert "Báo cáo độ sẵn sàng – tháng 10 năm 2026" in first
    assert "Theo bằng chứng nhận được đến 04/11/2026 04:00:12" in first


def test_workbook_of_nothing_opens() -> None:
    bare = msgspec.structs.replace(sample.build(), headline=(), subjects=(), incidents=())
    book = openpyxl.load_workbook(io.BytesIO(render(bare, "xlsx", "vi")))
    assert book["Sự cố"]["A2"].value == "Không có trong kỳ."
