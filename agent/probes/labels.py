"""Text of servers as values of labels and in details: whatever they say must never cost a probe its other samples."""

from __future__ import annotations

from typing import Final

MAX_VALUE: Final = 1_024
"""Characters of a label's value; a longer one is cut."""
MAX_WORDS: Final = 80


def label_value(text: str, limit: int = MAX_VALUE) -> str:
    """The text without what the wire refuses (NUL, halves of characters), cut where it is long."""
    clean = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"


def words(text: str, limit: int = MAX_WORDS) -> str:
    """The text for a sentence: on one line, nothing that a terminal would obey, cut where it is long."""
    clean = "".join([char if char.isprintable() else "\ufffd" for char in text[: limit + 1]])
    return clean if len(clean) <= limit else f"{clean[: limit - 1]}…"
