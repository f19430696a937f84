"""A report as a file: one call for every format, each of which loads its own packages only."""

from __future__ import annotations

from typing import Final

from collector.core.monthly import Report
from collector.report.errors import MissingLibraryError, UnknownFormatError
from collector.report.layout import Layout
from collector.report.progress import Progress
from collector.report.words import LANGUAGES, word

FORMATS: Final = ("csv", "json", "html", "pdf", "xlsx")


PLAIN: Final = Layout()
"""No letterhead, four decimals."""


def render(
    report: Report, format_: str, language: str, layout: Layout = PLAIN, progress: Progress | None = None
) -> bytes:  # fmt: skip
    """The file of a report; the same report gives the same bytes (R17.4).

    CSV and JSON are for programs and have a decimal point and UTC in every language; HTML, PDF and XLSX are for people.
    `progress` is called with what is done and the total. `UnknownFormatError` for a format or language that there is not,
    `MissingLibraryError` when the machine lacks what a format needs; both say what to do.
    """
    if language not in LANGUAGES:
        raise UnknownFormatError(word("en", "unknown_language", value=language, known=", ".join(LANGUAGES)))
    if format_ not in FORMATS:
        raise UnknownFormatError(word(language, "unknown_format", value=format_, known=", ".join(FORMATS)))
    try:
        return _write(report, format_, language, layout, progress)
    except ModuleNotFoundError as error:
        raise MissingLibraryError(word(language, "no_package", format=format_.upper(), package=error.name)) from error


def _write(report: Report, format_: str, language: str, layout: Layout, progress: Progress | None) -> bytes:
    if format_ == "csv":
        from collector.report import csv_file

        return csv_file.render(report, layout, progress)
    if format_ == "json":
        from collector.report import json_file

        return json_file.render(report, language, layout, progress)
    if format_ == "xlsx":
        from collector.report import xlsx_file

        return xlsx_file.render(report, language, layout, progress)
    from collector.report import html_file

    html = html_file.render(report, language, layout)
    if format_ == "html":
        return html
    from collector.report import pdf_file

    return pdf_file.render(html, language, progress)
