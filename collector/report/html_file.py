"""The report as one HTML file without anything from outside: for the browser, for printing, and as the source of the PDF."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from collector.core.monthly import Report
from collector.report.layout import Layout
from collector.report.page import build

COLOURS: Final = {
    "host": "#a31515",
    "link": "#1f5fa8",
    "power": "#c98a00",
    "agent": "#7a4fa3",
    "collector": "#5b6470",
    "maintenance": "#3c8a5a",
}
"""By cause; told apart also when printed in grey, where the legend has the same order as the bar."""

FOLDER: Final = Path(__file__).parent


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False
    )
    return environment.get_template("page.html")


@lru_cache(maxsize=1)
def _style() -> Markup:
    return Markup((FOLDER / "page.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file, nothing of anybody's in it


def render(report: Report, language: str, layout: Layout) -> bytes:
    """The page. Texts of people and of configuration are escaped, whatever is in them."""
    page = build(report, language, layout)
    return _template().render(page=page, style=_style(), colours=COLOURS).encode()
