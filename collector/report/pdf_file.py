"""The report as PDF: the HTML file drawn by WeasyPrint, with fonts of our own, and nothing fetched from anywhere.

Same report, same bytes on one machine: dates come from the report, and there is no random name in the file.
"""

from __future__ import annotations

import base64
import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from collector.report.errors import MissingLibraryError
from collector.report.progress import Progress
from collector.report.words import word

FONTS: Final = Path(__file__).parent / "fonts"
FACES: Final = {"normal": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf"}
DEBIAN: Final = "libpango-1.0-0 libpangoft2-1.0-0"
"""Debian's packages with the libraries that WeasyPrint loads."""
STEPS: Final = 7
"""WeasyPrint announces seven steps, the fifth once a page."""


def render(html: bytes, language: str, progress: Progress | None = None) -> bytes:
    """The document. `MissingLibraryError` if WeasyPrint or the libraries below it are not installed."""
    weasyprint, fonts, fetch = _load(language)
    with _told(progress):
        page = weasyprint.HTML(string=html.decode(), url_fetcher=fetch, media_type="print")
        style = weasyprint.CSS(string=_faces(), font_config=fonts, url_fetcher=fetch)
        # Our fonts are cut already; cutting them again would date the copies.
        drawn: bytes = page.write_pdf(stylesheets=[style], font_config=fonts, pdf_tags=True, full_fonts=True)
    return drawn


def _load(language: str) -> tuple[Any, Any, Any]:
    """WeasyPrint, whose import also loads the system's libraries; fonts of this document; a fetcher that goes nowhere."""
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # WeasyPrint prints advice where the file may go.
            # It misses HarfBuzz's library for cutting fonts, which it does not need for ours.
            warnings.simplefilter("ignore", DeprecationWarning)
            import weasyprint  # type: ignore[import-untyped]
            from weasyprint.text.fonts import FontConfiguration  # type: ignore[import-untyped]
            from weasyprint.urls import URLFetcher  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise MissingLibraryError(word(language, "no_package", format="PDF", package=error.name)) from error
    except OSError as error:
        raise MissingLibraryError(word(language, "no_library", packages=DEBIAN, why=str(error).splitlines()[0])) from error
    return weasyprint, FontConfiguration(), URLFetcher(allowed_protocols=("data",))


@lru_cache(maxsize=1)
def _faces() -> str:
    """Style rules that carry our fonts in themselves."""
    rules = []
    for weight, file in FACES.items():
        data = base64.b64encode((FONTS / file).read_bytes()).decode()
        rules.append(
            f'@font-face {{ font-family: "Report Sans"; font-weight: {weight}; src: url("data:font/ttf;base64,{data}") }}'
        )
    return "\n".join(rules)


class _Steps(logging.Handler):
    """Hears which step WeasyPrint is at; the page number moves the bar within the longest one."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """Tell `progress` about a step."""
        found = re.match(r"Step (\d+)", record.getMessage())
        if found:
            self._progress(int(found[1]) - 1, STEPS)


@contextmanager
def _told(progress: Progress | None) -> Iterator[None]:
    if progress is None:
        yield
        return
    log = logging.getLogger("weasyprint.progress")
    handler, level, propagate = _Steps(progress), log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
        progress(STEPS, STEPS)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate
