"""Values of SNMP objects as texts, numbers and times, by the type that a module gives the column: never by guessing.

Text is decoded as UTF-8, else as windows-1258 (Vietnamese), else as latin-1; NUL and control characters but tab and line ends
are taken out, and it ends after 255 characters. snmp_exporter puts U+FFFD in place of what is not UTF-8 and cuts nothing.
"""

from __future__ import annotations

import datetime
import decimal
import re
import struct
from typing import Final

from agent.packets.ber import BerError, text_of
from agent.sheets.gopattern import parse_float
from agent.snmp.rows import COUNTER64, IP_ADDRESS, OBJECT_IDENTIFIER, Value

TEXT_CHARS: Final = 255
_HEX_OCTETS: Final = 1_023  # with 0x at most the 2,048 characters that a label value may have
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MANTISSA: Final = 1 << 53
"""Counter64 values wrap here, as snmp_exporter makes them by default: a float64 holds every smaller whole number exactly."""
_NTP_EPOCH: Final = 2_208_988_800
_HINT: Final = re.compile(r"(?P<star>\*?)(?P<take>[0-9]{1,9})(?P<form>[dxoat])(?P<sep>[^0-9*]?)", re.DOTALL)
_SHORT: Final = {"D": "%m/%d/%y", "T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "e": "%d", "h": "%b", "n": " ", "t": " "}


def clean(data: bytes) -> str:
    """The text in an octet string."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = data.decode("cp1258")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    if not text.isprintable():
        text = _CONTROLS.sub("", text)
    return text[:TEXT_CHARS]


def hexadecimal(data: bytes) -> str:
    """`0x` and the octets in capitals; nothing for none."""
    return f"0x{data[:_HEX_OCTETS].hex().upper()}" if data else ""


def number(tag: int, value: Value) -> float | int | None:
    """The number of a numeric object; None for a text, an OID or NULL, which are not 0."""
    if isinstance(value, int):
        return value % MANTISSA if tag == COUNTER64 else value
    return value if isinstance(value, float) else None


def plain_text(tag: int, value: Value) -> str | None:
    """The text of what is no octet string, whatever the column's type: numbers, OIDs, addresses; None for octet strings."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if value is None:
        return ""
    if tag == OBJECT_IDENTIFIER:
        try:
            return text_of(value)
        except BerError:
            return hexadecimal(value)
    if tag == IP_ADDRESS and len(value) == 4:
        return ".".join(map(str, value))
    return None


def _float_text(value: float) -> str:
    """The shortest decimal without an exponent that gives this number again in the width it was sent in."""
    try:
        single = struct.unpack(">f", struct.pack(">f", value))[0] == value
    except OverflowError:
        single = False
    text = repr(value)
    if single:
        for digits in range(1, 10):
            text = f"{value:.{digits}g}"
            if struct.unpack(">f", struct.pack(">f", float(text)))[0] == value:
                break
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[repr(value)]
    return f"{decimal.Decimal(text.removesuffix('.0')):f}"


def date_and_time(value: Value) -> float | None:
    """Unix seconds of an RFC 2579 DateAndTime (8 octets: UTC); fields out of range carry over. None for what is none."""
    if not isinstance(value, bytes) or len(value) not in (8, 11):
        return None
    offset = 0
    if len(value) == 11:
        if value[8] not in b"+-" or value[9] > 24 or value[10] > 60:
            return None
        offset = (value[9] * 3600 + value[10] * 60) * (1 if value[8] == 0x2B else -1)
    months = int.from_bytes(value[:2], "big") * 12 + value[2] - 1
    days = _days(months // 12, months % 12 + 1) + value[3] - 1
    return float(days * 86_400 + value[4] * 3600 + value[5] * 60 + value[6] + value[7] // 10 - offset)


def _days(year: int, month: int) -> int:
    """Days from 1970-01-01 to the first of a month, in the proleptic Gregorian calendar; also of years that `date` refuses."""
    cycles, year_of_cycle = divmod(year - 1, 400)
    return datetime.date(year_of_cycle + 1, month, 1).toordinal() - 719_163 + cycles * 146_097


def ntp_timestamp(value: Value) -> float | None:
    """Unix seconds of an NTP time stamp (RFC 5905 section 6), without its fraction; None if it is shorter."""
    if not isinstance(value, bytes) or len(value) < 8:
        return None
    return float(int.from_bytes(value[:4], "big") - _NTP_EPOCH)


def python_pattern(pattern: str) -> str:
    """A `datetime_pattern` (strptime of C) for Python's `strptime`. Raises `ValueError` for directives it does not have."""
    found = re.sub(r"%(.)", lambda match: _SHORT.get(match[1], match[0]), pattern)
    try:
        datetime.datetime.strptime("", found)  # noqa: DTZ007 - only the pattern is looked at
    except ValueError as error:
        if "directive" in str(error) or "stray" in str(error):
            raise
    return found


def parse_date(text: str, pattern: str) -> float | None:
    """Unix seconds of a date by `python_pattern`; UTC if it says nothing else. None if the text does not match."""
    try:
        when = datetime.datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone follows
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return float((when - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(seconds=1))


def float_text(tag: int, value: Value) -> float | None:
    """The number in a text such as `23.5`, with blanks around it; None if it is none."""
    text = plain_text(tag, value)
    if text is None and isinstance(value, bytes):
        text = clean(value)
    return parse_float(text.strip()) if text else None


def display(hint: str, data: bytes) -> str | None:
    """Octets by an RFC 2579 section 3.1 DISPLAY-HINT; None if the hint is broken or there is nothing to show."""
    if not data:
        return None
    parts: list[bytes] = []
    at = place = last = 0
    while at < len(data):
        if place >= len(hint):
            place = last
        spec = _HINT.match(hint, place)
        if spec is None or (not spec["star"] and int(spec["take"]) == 0):
            return None
        last, place = place, spec.end()
        ending = ""
        if spec["star"] and spec["sep"] and place < len(hint) and hint[place] not in "0123456789*":
            ending, place = hint[place], place + 1
        taken = _applied(spec, ending, data, at, parts)
        if taken is None:
            return None
        at = taken
    return clean(b"".join(parts))


def _applied(spec: re.Match[str], ending: str, data: bytes, at: int, parts: list[bytes]) -> int | None:
    """Show the octets that one part of a hint takes, from `at`; where the next part begins."""
    repeats, take, separator = 1, int(spec["take"]), spec["sep"].encode()
    if spec["star"]:
        repeats, at = data[at], at + 1
    while repeats and at < len(data):
        chunk = data[at : at + take]
        shown = _shown(spec["form"], chunk)
        if shown is None:
            return None
        parts.append(shown)
        at, repeats = at + len(chunk), repeats - 1 if chunk else 0
        if separator and at < len(data) and (repeats or not ending):
            parts.append(separator)
    if ending and at < len(data):
        parts.append(ending.encode())
    return at


def _shown(form: str, chunk: bytes) -> bytes | None:
    if form in "at":
        return chunk
    if form == "x":
        return chunk.hex().upper().encode()
    if len(chunk) > 8:
        return None
    value = int.from_bytes(chunk, "big")
    return (str(value) if form == "d" else f"{value:o}").encode()
