"""Gateways of short messages that take a form: one request for each number, fields named by the receiver's settings.

Values may say {to}, {token}, {event_id}, {text} (without diacritics, one message of the GSM alphabet) and {text_unicode} (with
diacritics, one message of 70 characters). Every event is a message; which ones are worth it is said by the receiver's `events`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from collector.notify.body import FORM, Body
from collector.notify.channel import Delivery
from collector.notify.text import short_text

MOST_UNICODE: Final = 70
"""Code units of UTF-16 in one message (3GPP TS 23.038, UCS-2)."""
DEFAULT_FORM: Final[Mapping[str, str]] = {"to": "{to}", "text": "{text}"}
PLACES: Final = ("to", "text", "text_unicode", "token", "event_id")
_PLACE: Final = re.compile(r"\{([a-z_]+)\}")


def sms(delivery: Delivery, form: Mapping[str, str], number: str, token: str) -> Body:
    """The form for one number."""
    fields = dict(form) or dict(DEFAULT_FORM)
    values = {
        "to": number,
        "text": short_text(delivery),
        "text_unicode": short_text(delivery, MOST_UNICODE, accents=True),
        "token": token,
        "event_id": delivery.event_id,
    }
    filled = {name: _filled(text, values) for name, text in fields.items()}
    takes = any("{token}" in text for text in fields.values())
    return Body(urlencode(filled).encode(), FORM, takes_token=takes, to=number)


def form_problem(form: Mapping[str, str]) -> str:
    """What is wrong with a form's settings; empty: nothing. Without the text nobody learns anything."""
    unknown = sorted({place for text in form.values() for place in _PLACE.findall(text)} - set(PLACES))
    if unknown:
        return f"{{{unknown[0]}}} is not one of {', '.join(f'{{{place}}}' for place in PLACES)}"
    if form and not any(place in text for text in form.values() for place in ("{text}", "{text_unicode}")):
        return "no field has {text} or {text_unicode}"
    return ""


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Places filled in one pass: what is put in is never looked at again."""
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), text)
