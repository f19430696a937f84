"""CSV and JSON of a report: exact, deterministic, safe in a spreadsheet, and written without people's packages."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.core.figures import Verdict
from collector.core.monthly import Line, Provenance, Report
from collector.core.printing import display
from collector.core.state import Span, State, View, Why
from collector.report import csv_file
from collector.report.errors import UnknownFormatError
from collector.report.layout import Layout
from collector.report.render import FORMATS, render
from tests.collector.report import sample

ROOT = Path(__file__).parents[3]

GOLDEN = (
    "period,status,version,known_at,part,kind,id,name,site,class,view,policy,objective_percent,availability_percent,"
    "low_percent,high_percent,verdict,provisional,coverage_percent,insufficient,ast_ms,maintenance_ms,up_ms,degraded_ms,"
    "down_ms,unreachable_ms,unknown_ms,good_ms,bad_ms,doubt_ms,future_ast_ms,incidents,incidents_started,charged_ms,"
    "closed_count,closed_ms,maint_up_ms,maint_down_ms,up_backfill_ms,up_inferred_ms,soft_fail_ms,resolution_ms,decides,merge_gap_ms\r\n"
    "2026-10,sealed,1,2026-11-03T21:00:12.345Z,headline,site,site:s01,\"Điểm cầu \"\"S01\"\", tầng 2\",s01,,e2e,e2e,"
    "99.9,99.8655,99.8521,99.8655,BREACHED,false,99.98,false,2678400000,0,2674440000,0,3600000,0,360000,2674440000,3600000,"
    "360000,0,1,1,3600000,1,3600000,0,0,0,0,4000,20000,true,0\r\n"
    "2026-10,sealed,1,2026-11-03T21:00:12.345Z,subject,target,s01-wan,'=1+2,s01,link,device,device_contract,"
    "90,100,100,100,MET,false,100.00,false,2678400000,0,2678400000,0,0,0,0,2678400000,0,0,0,0,0,0,0,0,0,0,0,0,4000,0,true,0\r\n"
)  # fmt: skip


def small(name: str = "=1+2") -> Report:
    """One site that breached by an hour, one target that never failed."""
    start = sample.FROM + 24 * sample.HOUR
    spans = [
        Span(sample.FROM - sample.HOUR, start, State.UP, Why.OBSERVED),
        Span(start, start + sample.HOUR, State.DOWN, Why.OBSERVED),
        Span(start + sample.HOUR, start + 2 * sample.HOUR, State.UP, Why.OBSERVED),
        Span(start + 2 * sample.HOUR, start + 2 * sample.HOUR + 6 * sample.MINUTE, State.UNKNOWN, Why.BLIND),
        Span(start + 2 * sample.HOUR + 6 * sample.MINUTE, sample.TO + 1, State.UP, Why.OBSERVED),
    ]
    good = [Span(sample.FROM - 1, sample.TO + 1, State.UP, Why.OBSERVED)]
    site = Line("site:s01", 'Điểm cầu "S01", tầng 2', "site", "s01", "", View.E2E, "e2e",
                sample.figures_of(spans, "e2e", "99.9"), 20_000)  # fmt: skip
    target = Line("s01-wan", name, "target", "s01", "link", View.DEVICE, "device_contract",
                  sample.figures_of(good, "device_contract", "90"))  # fmt: skip
    return Report("", "2026-10", sample.FROM, sample.TO, sample.ZONE, "sealed", 1, (site,), (target,), (), (), (), (), (), (),
                  999_999, Provenance(sample.KNOWN, "", "0.3.0", "2026b", "cd" * 32))  # fmt: skip


def _table(report: Report, layout: Layout | None = None) -> list[dict[str, str]]:
    text = csv_file.render(report, layout or Layout()).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_golden() -> None:
    """Every column of a small report, RFC 4180, to the byte (R16.2: 99.8655, not the 99.8656 that rounding would give)."""
    assert render(small(), "csv", "vi").decode() == GOLDEN


def test_csv_is_the_same_in_both_languages_but_for_a_mark_if_asked() -> None:
    """Programs read it: no decimal comma, no translated heading; the byte order mark is a choice of the caller."""
    assert render(small(), "csv", "en") == render(small(), "csv", "vi")
    assert csv_file.render(small(), Layout(), bom=True) == b"\xef\xbb\xbf" + render(small(), "csv", "en")


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"])
def test_csv_texts_are_no_formulas(name: str) -> None:
    """A name from configuration cannot make a spreadsheet compute."""
    assert _table(small(name))[1]["name"] == f"'{name}"


def test_csv_has_a_row_for_each_line_with_the_figures_of_the_core() -> None:
    """Headline first, then subjects, each as `core.printing` prints it, and the identity of 3.12 in every row."""
    report = sample.build()
    rows = _table(report, Layout(digits=2))
    assert len(rows) == len(report.headline) + len(report.subjects) == 108 + 166
    for row, line in zip(rows, (*report.headline, *report.subjects), strict=True):
        f = line.figures
        assert (row["id"], row["view"], row["verdict"]) == (line.id, line.view.value, f.verdict.value)
        assert row["availability_percent"] == display(f.good, f.bad, 2)
        parts = ("maintenance", "up", "degraded", "down", "unreachable", "unknown")
        assert int(row["ast_ms"]) == sum(int(row[f"{part}_ms"]) for part in parts)


def test_no_data_leaves_cells_empty() -> None:
    """R12.1: without a denominator there is no figure, and no 0 or 100 in its place."""
    unseen = [Span(sample.FROM, sample.TO, State.UNKNOWN, Why.NEVER)]
    line = msgspec.structs.replace(small().subjects[0], figures=sample.figures_of(unseen, "device_contract", "99.9"))
    row = _table(msgspec.structs.replace(small(), headline=(), subjects=(line,)))[0]
    assert (row["verdict"], row["availability_percent"], row["low_percent"], row["high_percent"]) == ("NO_DATA", "", "", "")
    assert (row["coverage_percent"], row["insufficient"]) == ("0.00", "true")


def _json(report: Report, language: str = "en") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(report, "json", language))
    return found


def test_json_has_exact_integers_beside_printed_figures() -> None:
    """R16.1: what is printed stands beside what it was printed from."""
    report = sample.build()
    document = _json(report)
    assert [line["id"] for line in document["subjects"]] == [line.id for line in report.subjects]
    for found, line in zip(document["headline"] + document["subjects"], (*report.headline, *report.subjects), strict=True):
        f = line.figures
        assert (found["good_ms"], found["bad_ms"], found["doubt_ms"]) == (f.good, f.bad, f.doubt)
        assert found["printed"]["availability"] == display(f.good, f.bad, 4)
        assert Fraction(found["objective_ppm"], 1_000_000) == f.slo
        assert found["budget_left_ms"] == (None if f.budget_left is None else int(f.budget_left))
        assert found["mttr_ms"] == (None if f.mttr is None else int(f.mttr))


def test_json_carries_what_an_auditor_asks_for() -> None:
    """R17.5: policies in words, incidents, windows with people, unknown time, corrections, restatements, provenance."""
    report = sample.build()
    document = _json(report, "vi")
    assert document["provenance"]["chain_head"] == "ab" * 32
    assert document["provenance"]["known_at"] == "2026-11-03T21:00:12.345Z"
    assert (document["from"], document["to"]) == ("2026-09-30T17:00:00.000Z", "2026-10-31T17:00:00.000Z")
    assert set(document["policies"]) == {"e2e", "device_contract"}
    assert "không rõ" in document["policies"]["e2e"]
    assert len(document["incidents"]) == len(report.incidents) > 50
    first, given = document["incidents"][0], report.incidents[0]
    assert first["detection_delay_ms"] == given.hard_ms - given.onset_ms == 45_000
    assert first["duration_ms"] == given.restored_ms - given.onset_ms
    assert [window["approver"] for window in document["windows"]] == ["duty-officer", "u1"]
    assert document["restatements"][0]["evidence"] == list(range(40, 60))
    assert document["corrections"][0]["to_state"] == "up"
    assert sum(document["lost"][0]["by_cause_ms"].values()) == document["lost"][0]["total_ms"]
    assert document["unknown"][0]["why"] == "collector_blind"


def test_an_incident_that_lasts_has_no_end() -> None:
    """0 in the ledger is *not yet*; in the file it is null, not 1970."""
    report = sample.build()
    lasting = msgspec.structs.replace(report.incidents[0], restored_ms=0, hard_ms=0)
    found = _json(msgspec.structs.replace(report, incidents=(lasting,)))["incidents"][0]
    assert (found["restored"], found["duration_ms"], found["hard"], found["detection_delay_ms"]) == (None, None, None, None)


@pytest.mark.parametrize("name", ["csv", "json", "html", "xlsx"])
def test_same_report_same_bytes(name: str) -> None:
    """R17.4: a file can be made again and compared."""
    assert render(sample.build(), name, "vi") == render(sample.build(), name, "vi")


def test_open_period_is_provisional_everywhere() -> None:
    """R12.1: while K lies before the end of the period, verdicts may change and say so."""
    report = sample.build(known=sample.FROM + 500 * sample.HOUR, status="open", version=0)
    assert {row["provisional"] for row in _table(report)} == {"true"}
    assert all(line["provisional"] and line["future_ast_ms"] for line in _json(report)["subjects"])
    assert "tạm tính" in render(report, "html", "vi").decode()
    assert "provisional" in render(report, "html", "en").decode()


def test_unknown_format_and_language_are_refused() -> None:
    """The refusal names what there is, in the language asked for."""
    with pytest.raises(UnknownFormatError, match="định dạng docx: cần một trong các định dạng csv, json, html, pdf, xlsx"):
        render(small(), "docx", "vi")
    with pytest.raises(UnknownFormatError, match="language fr: expected one of en, vi"):
        render(small(), "csv", "fr")
    assert FORMATS == ("csv", "json", "html", "pdf", "xlsx")


def test_files_for_programs_need_no_package_for_people() -> None:
    """CSV and JSON load neither Jinja2 nor WeasyPrint nor XlsxWriter, and do without them."""
    program = """
import sys
for name in ("jinja2", "markupsafe", "weasyprint", "xlsxwriter"):
    sys.modules[name] = None
from collector.report.render import render
from collector.report.errors import MissingLibraryError
from tests.collector.report.sample import build
report = build()
assert render(report, "csv", "vi") and render(report, "json", "vi")
for name, package in (("html", "jinja2"), ("pdf", "jinja2"), ("xlsx", "xlsxwriter")):
    try:
        render(report, name, "vi")
    except MissingLibraryError as error:
        assert f"{name.upper()} cần gói Python {package}: pip install 'haidang[collector,report]'" == str(error), error
    else:
        raise SystemExit(f"{name} was made without {package}")
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"digits": 7}, "digits 7: expected 1 to 6"),
        ({"min_coverage": Fraction(3, 2)}, "min_coverage 3/2: expected a ratio"),
        ({"rows": 0}, "rows 0"),
    ],
)
def test_impossible_layouts_are_refused(wrong: dict[str, Any], said: str) -> None:
    """A layout is right when it is made, or is not made."""
    with pytest.raises(ValueError, match=said):
        Layout(**wrong)


def test_the_sample_has_every_verdict_that_matters() -> None:
    """Else the tests of this folder would look at nothing."""
    verdicts = {line.figures.verdict for line in sample.build().subjects}
    assert verdicts >= {Verdict.MET, Verdict.BREACHED, Verdict.NOT_PROVEN}
