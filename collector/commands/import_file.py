"""Reads a spreadsheet saved as CSV: which encoding it has, what separates its columns, and its rows as text."""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from typing import Final, NamedTuple

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_ROWS: Final = 100_000
_SEPARATORS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_LOOKED_AT: Final = 30
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16 LE"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16 BE"),
)
_SHARE: Final = 0.3
"""At least so many bytes on one side of the pairs are 0 in UTF-16 without a mark; Vietnamese has many letters above that."""


class SheetText(NamedTuple):
    """The rows of a spreadsheet; `rows[0]` is its row 1. `broken` is the row in which quotes do not end, 0 if there is none."""

    rows: list[list[str]]
    encoding: str
    separator: str
    broken: int


class EncodingError(ValueError):
    """The bytes are no text in this encoding; the text is its name."""


def read_sheet(data: bytes, encoding: str = "") -> SheetText:
    """The rows. `encoding`: as a person says, else found out. Raises `EncodingError`, and `LookupError` for an unknown one."""
    text, told = _decoded(data, encoding)
    text = unicodedata.normalize("NFC", text)
    if text[:4].lower() == "sep=" and text[4:5] in _SEPARATORS:
        separator, text = text[4], text[4:].replace(text[4], "", 1)
    else:
        separator = max(_SEPARATORS, key=lambda each: _columns(text, each))
    rows, broken = _rows(text, separator)
    return SheetText(rows, told, _SEPARATORS[separator], broken)


def _decoded(data: bytes, encoding: str) -> tuple[str, str]:
    """Text, and the name of its encoding. Windows-1258 writes tone marks apart, so everything is composed afterwards."""
    named = encoding.lower().replace("windows-", "cp")
    for mark, codec, name in _BOMS:
        if data.startswith(mark) and not encoding:
            return _decode(data, codec, name), name
    if encoding:
        codec = codecs.lookup(named).name
        if codec in ("utf-8", "utf-16-le", "utf-16-be"):
            data = data.removeprefix(
                codecs.BOM_UTF8 if codec == "utf-8" else b"\xff\xfe" if codec.endswith("le") else b"\xfe\xff"
            )
        return _decode(data, codec, encoding), encoding
    pairs = len(data) // 2
    if pairs and data[1::2].count(0) > _SHARE * pairs:
        return _decode(data, "utf-16-le", "UTF-16 LE"), "UTF-16 LE"
    if pairs and data[0::2].count(0) > _SHARE * pairs:
        return _decode(data, "utf-16-be", "UTF-16 BE"), "UTF-16 BE"
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        return _decode(data, "cp1258", "Windows-1258"), "Windows-1258"


def _decode(data: bytes, codec: str, name: str) -> str:
    try:
        text = data.decode(codec)
    except (UnicodeError, TypeError) as error:
        raise EncodingError(name) from error
    if "\0" in text:
        raise EncodingError(name)
    return text


def _columns(text: str, separator: str) -> tuple[int, int]:
    """How well a character separates: in how many of the first rows it does, and into how many columns."""
    rows, broken = _rows(text, separator, _LOOKED_AT)
    widths = [len(row) for row in rows if len(row) > 1]
    return (0 if broken else len(widths), max(widths, default=0))


def _rows(text: str, separator: str, most: int = MAX_ROWS) -> tuple[list[list[str]], int]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            rows.append([" ".join(cell.split()) for cell in row])
            if len(rows) >= most:
                break
    except csv.Error:
        return rows, len(rows) + 1
    return rows, 0
