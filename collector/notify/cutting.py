"""Texts of others made fit for a message: one line, without control characters, cut between characters as people see them."""

from __future__ import annotations

import unicodedata
from typing import Final

_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic set of 3GPP TS 23.038, 6.2.1: a septet each."""
_GSM_TWICE: Final = frozenset("^{}\\[~]|€")
"""Its extension table: two septets each."""
_PLAIN: Final = {
    "đ": "d",
    "Đ": "D",
    "–": "-",
    "—": "-",
    "…": "...",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "·": "-",
    "×": "x",
    "`": "'",
}


def clean(text: str) -> str:
    """On one line, composed (NFC), without control, format and bidirectional characters: names and details of others never
    change how a message reads. Blanks are single."""
    composed = unicodedata.normalize("NFC", text)
    return " ".join("".join(char if char.isprintable() else " " for char in composed).split())


def cut(text: str, limit: int) -> str:
    """At most `limit` characters; what is cut ends with an ellipsis, never inside a character with its marks."""
    if len(text) <= limit:
        return text
    return text[: _boundary(text, max(limit - 1, 0))].rstrip() + ("…" if limit > 0 else "")


def _boundary(text: str, at: int) -> int:
    while 0 < at < len(text) and (_joins(text[at]) or text[at - 1] == "\u200d"):
        at -= 1
    return at


def _joins(char: str) -> bool:
    """Whether a character belongs to the one before it."""
    return unicodedata.combining(char) != 0 or unicodedata.category(char) in ("Mn", "Me", "Mc") or char in "\u200d\ufe0f"


def utf16_length(text: str) -> int:
    """Code units of UTF-16: what a short message of 70 and Telegram count."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut_utf16(text: str, limit: int) -> str:
    """At most `limit` code units of UTF-16, cut like `cut`."""
    if utf16_length(text) <= limit:
        return text
    kept = text[: max(limit, 0)]
    while kept and utf16_length(kept) > limit - 1:
        kept = kept[:-1]
    return text[: _boundary(text, len(kept))].rstrip() + "…" if limit > 0 else ""


def unaccented(text: str) -> str:
    """Without diacritics, in the ASCII part of the GSM alphabet; what has none is `?`. The few accented letters that the
    alphabet has are plain as well: half accented reads worse than not at all."""
    return "".join(char if _is_plain(char) else _PLAIN.get(char) or _base(char) for char in text)


def _is_plain(char: str) -> bool:
    return char.isascii() and (char in _GSM or char in _GSM_TWICE)


def _base(char: str) -> str:
    base = "".join(part for part in unicodedata.normalize("NFKD", char) if _is_plain(part))
    return base or ("" if _joins(char) else "?")


def septets(text: str) -> int:
    """Length of a text in the GSM alphabet: 160 are one message."""
    return sum(2 if char in _GSM_TWICE else 1 for char in text)


def cut_septets(text: str, limit: int) -> str:
    """At most `limit` septets; what is cut ends with two dots."""
    if septets(text) <= limit:
        return text
    kept, used = 0, 0
    for char in text:
        used += 2 if char in _GSM_TWICE else 1
        if used > limit - 2:
            break
        kept += 1
    return text[:kept].rstrip() + ".." if limit >= 2 else ""
