"""Messages as plain text: subject, body, short message. `html_text` stands beside it in `html` and is offered here as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from collector.notify.channel import Delivery
from collector.notify.cutting import cut, cut_septets, cut_utf16, septets, unaccented, utf16_length
from collector.notify.html import html_text
from collector.notify.message import Message, message_of

__all__ = ["html_text", "plain_text", "short_text", "subject_line"]

MOST_SUBJECT: Final = 120
"""Characters of a subject."""
MOST_SHORT: Final = 160
"""Septets of one short message in the GSM alphabet (3GPP TS 23.038); in UCS-2 there is room for 70 code units."""
_LEAST_WHAT: Final = 24
"""What is wrong is never cut below so much for the sake of what stands behind it."""


def subject_line(delivery: Delivery) -> str:
    """One line of at most `MOST_SUBJECT` characters: what happened, to what, and as much around it as has room."""
    return _line(message_of(delivery), MOST_SUBJECT, len, cut)


def plain_text(delivery: Delivery) -> str:
    """The whole message. Lines of others' text are single lines; it ends with a line feed."""
    message = message_of(delivery)
    blocks = [f"{message.head}: {message.what}" if message.what else message.head]
    blocks.append("\n".join(f"{label}: {value}" for label, value in message.facts))
    blocks += ["\n".join([f"{label}:", *(f"- {item}" for item in items)]) for label, items in message.lists]
    blocks.append("\n".join(message.sentences))
    blocks.append("\n".join(f"{label}: {url}" for label, url in message.links))
    blocks.append(message.footer)
    return "\n\n".join(block for block in blocks if block) + "\n"


def short_text(delivery: Delivery, limit: int = MOST_SHORT, *, accents: bool = False) -> str:
    """One line for a short message. Without diacritics, as gateways in Viet Nam want it, and at most `limit` septets; with
    `accents` at most `limit` code units of UTF-16, of which a message takes 70. Links are left out: they have no room."""
    message = message_of(delivery)
    if accents:
        return _line(message, limit, utf16_length, cut_utf16)
    plain = Message(unaccented(message.head), unaccented(message.what), tuple(unaccented(part) for part in message.tail))
    return _line(plain, limit, septets, cut_septets)


def _line(message: Message, limit: int, measure: Callable[[str], int], shorten: Callable[[str, int], str]) -> str:
    """Head, what and as many parts of the tail as have room; only then is `what` cut, and the head last."""
    line = f"{message.head}: {message.what}" if message.what else message.head
    if measure(line) > limit:
        room = limit - measure(f"{message.head}: ")
        return (
            f"{message.head}: {shorten(message.what, room)}" if message.what and room >= _LEAST_WHAT else shorten(line, limit)
        )
    for part in message.tail:
        longer = f"{line}, {part}"
        if measure(longer) <= limit:
            line = longer
    return line
