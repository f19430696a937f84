"""Values and findings as sentences for people, in English and Vietnamese. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agent.snmp.rules import Rule
from agent.snmp.vocabulary import Reading

ENGLISH: Final = "en"
VIETNAMESE: Final = "vi"
_UNITS: Final = {
    "_celsius": "°C", "_volts": "V", "_amperes": "A", "_watts": "W", "_hertz": "Hz", "_dbm": "dBm", "_rpm": "rpm",
}  # fmt: skip
_STATES: Final = {
    "ok": "bình thường", "warning": "cảnh báo", "failed": "hỏng", "degraded": "suy giảm", "rebuilding": "đang dựng lại",
    "absent": "không có", "fault": "lỗi", "missing": "mất liên lạc", "suspended": "tạm dừng", "offline": "ngoại tuyến",
    "spare_used": "đang dùng đĩa dự phòng", "critical": "nguy cấp", "unknown": "không rõ", "disabled": "tắt",
    "standby": "dự phòng", "down": "mất",
}  # fmt: skip
_SECONDS: Final = {ENGLISH: ("d", "h", "min", "s"), VIETNAMESE: ("ngày", "giờ", "phút", "giây")}
_MORE: Final = {ENGLISH: "and {} more", VIETNAMESE: "và {} mục khác"}


def value_text(reading: Reading, value: float | str, language: str) -> str:
    """A value with its unit: `87 %`, `31.5 °C`, `4 min 30 s`; a state as a word."""
    if isinstance(value, str):
        found = _STATES.get(value, value) if language == VIETNAMESE else value
        return found.replace("_", " ")
    name = reading.name
    if name.endswith("_ratio"):
        return f"{_plain(value * 100, 1 if value < 0.1 else 0)} %"
    if name.endswith("_seconds"):
        return duration_text(value, language)
    if name.endswith("_bytes"):
        return _bytes_text(value)
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    return f"{_plain(value, 1)} {unit}".rstrip()


def _plain(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def _bytes_text(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{_plain(value, 1)} {unit}"


def duration_text(seconds: float, language: str) -> str:
    """Seconds in the two largest units that they have; below one in milliseconds."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    parts = []
    rest = int(seconds)
    for size, unit in zip((86_400, 3_600, 60, 1), _SECONDS[language], strict=True):
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(parts[:2])


def label_text(labels: tuple[str, ...]) -> str:
    """The labels of a row as one word group."""
    return " ".join(label for label in labels if label)


def sentence(rule: Rule, show: Callable[[str], str], labels: tuple[str, ...], more: int, language: str) -> str:
    """A rule's words about its first row, and how many more there are. `show` gives the value in a language."""
    words = rule.words.en if language == ENGLISH else rule.words.vi
    text = " ".join(words.format(value=show(language), label=label_text(labels)).split()).replace(" :", ":")
    return f"{text} ({_MORE[language].format(more)})" if more else text
