"""Figures as text (SPEC 3.16): floored, never rounded up, 100 only when nothing was bad. Pure; nothing else rounds (R16.1).

`lang` is `en` or `vi`; Vietnamese writes a decimal comma.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

_NOT_AVAILABLE: Final = {"en": "n/a", "vi": "không có"}
_UNITS: Final = {"en": ("d", "h", "min", "s"), "vi": ("ngày", "giờ", "phút", "giây")}


def floored(x: Fraction | None, digits: int) -> str | None:
    """A number floored to decimals (R16.2); None stays None."""
    if x is None:
        return None
    return _decimal(x.numerator * 10**digits // x.denominator, digits)


def truncated(x: Fraction | None, digits: int) -> str | None:
    """A number cut off after decimals, towards zero; what is negative keeps its sign. None stays None."""
    if x is None:
        return None
    return ("-" if x < 0 else "") + _decimal(abs(x.numerator) * 10**digits // x.denominator, digits)


def seconds(ms: Fraction | int | None, digits: int = 3) -> str | None:
    """Milliseconds as seconds, cut off towards zero: MTTR, MTBF and budgets. None stays None."""
    return None if ms is None else truncated(Fraction(ms) / 1000, digits)


def percent(part: int, whole: int, digits: int = 4, lang: str = "en") -> str | None:
    """`part / whole` in per cent, floored (R16.2); None if `whole` is 0."""
    return localised(_decimal(100 * part * 10**digits // whole, digits), lang) if whole else None


def display(good: int, bad: int, digits: int = 2, lang: str = "en") -> str:
    """Availability as people read it, without the per cent sign: "100" only if nothing was bad, "<0.01" for good time that the
    floor would hide, "n/a" without a denominator (R16.2). `digits` is at least 1."""
    denom = good + bad
    if not denom:
        return _NOT_AVAILABLE[lang]
    if not bad:
        return "100"
    scaled = 100 * good * 10**digits // denom
    return localised(("<" + _decimal(1, digits)) if good and not scaled else _decimal(scaled, digits), lang)


def unavailability(good: int, bad: int, digits: int = 2, lang: str = "en") -> str:
    """100 minus the printed availability (R16.3), so that the two add up; "0" if nothing was bad."""
    denom = good + bad
    if not denom:
        return _NOT_AVAILABLE[lang]
    if not bad:
        return "0"
    whole = 100 * 10**digits
    scaled = whole * good // denom
    hidden = good > 0 and not scaled
    return localised((">" + _decimal(whole - 1, digits)) if hidden else _decimal(whole - scaled, digits), lang)


def ratio(x: Fraction, lang: str = "en") -> str:
    """A ratio in per cent without needless zeros, floored at six decimals: 999/1000 is 99.9. For objectives."""
    text = _decimal(x.numerator * 10**8 // x.denominator, 6).rstrip("0").rstrip(".")
    return localised(text, lang)


def seconds_up(ms: int) -> int:
    """Milliseconds as whole seconds, rounded up: how downtime is printed (R16.3)."""
    return -(-ms // 1000)


def duration(ms: int, lang: str = "en") -> str:
    """A length of time in words, rounded up to the second (R16.3): `1 d 2 h 3 min 4 s`, `1 ngày 2 giờ 3 phút 4 giây`. A day is
    24 hours here: a length, not a calendar day."""
    left = seconds_up(abs(ms))
    parts: list[str] = []
    for size, unit in zip((24 * 3600, 3600, 60, 1), _UNITS[lang], strict=True):
        number, left = divmod(left, size)
        if number:
            parts.append(f"{number} {unit}")
    return ("-" if ms < 0 and parts else "") + (" ".join(parts) or f"0 {_UNITS[lang][3]}")


def localised(number: str, lang: str) -> str:
    """A printed number with the decimal sign of the language."""
    return number.replace(".", ",") if lang == "vi" else number


def _decimal(scaled: int, digits: int) -> str:
    if not digits:
        return str(scaled)
    whole, rest = divmod(abs(scaled), 10**digits)
    return f"{'-' if scaled < 0 else ''}{whole}.{rest:0{digits}d}"
