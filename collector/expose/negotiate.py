"""Which format and encoding a scraper gets, by its Accept and Accept-Encoding headers (RFC 9110 12.5). Pure."""

from __future__ import annotations

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def wants_openmetrics(accept: str) -> bool:
    """Is OpenMetrics preferred to the text format? What is neither gets text, which every scraper reads."""
    open_q = text_q = 0.0
    for kind, parameters, quality in _items(accept):
        version = parameters.get("version", "")
        if kind == "application/openmetrics-text" and version in ("", "0.0.1", "1.0.0"):
            open_q = max(open_q, quality)
        elif (kind == "text/plain" and version in ("", "0.0.4")) or kind in ("*/*", "text/*"):
            text_q = max(text_q, quality)
    return open_q > 0 and open_q >= text_q


def accepts_gzip(accept_encoding: str) -> bool:
    """May the body be gzip?"""
    qualities = {kind: quality for kind, _, quality in _items(accept_encoding)}
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _items(header: str) -> list[tuple[str, dict[str, str], float]]:
    items = []
    for item in header[:4096].split(","):
        kind, *rest = (part.strip() for part in item.split(";"))
        pairs = (part.partition("=") for part in rest)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        items.append((kind.lower(), parameters, _quality(parameters.get("q", "1"))))
    return items


def _quality(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0.0 <= value <= 1.0 else 0.0
