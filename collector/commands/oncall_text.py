"""Times, lengths and tables as `oncall` and `route explain` print them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from collector.commands.oncall_words import word
from collector.core.calendar import WEEKDAYS


def when_text(zone: ZoneInfo, at_ms: int, language: str) -> str:
    """A local time with its day of the week."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    return f"{word(language, WEEKDAYS[moment.weekday()])} {moment:%Y-%m-%d %H:%M}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def length_text(length_ms: int) -> str:
    """`1h30m`; `0m` for none."""
    minutes, seconds = divmod(length_ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0m"
