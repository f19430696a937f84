"""Messages as HTML for e-mail: no script, no style sheet, nothing loaded from anywhere; texts of others are escaped."""

from __future__ import annotations

import html
from typing import Final

from collector.core.alert import Severity
from collector.core.notice import EventKind
from collector.notify.channel import Delivery
from collector.notify.message import Message, message_of

COLOURS: Final = {
    Severity.CRITICAL: "#a31515",
    Severity.WARNING: "#b36b00",
    Severity.INFO: "#1f5fa8",
}
CALM: Final = "#2e7d4f"
"""Of what is resolved, and of a test."""
_FONT: Final = "font-family:Arial,Helvetica,sans-serif;font-size:15px;line-height:1.45;color:#1c1c1c"
_CELL: Final = "padding:2px 12px 2px 0;vertical-align:top"
_BUTTON: Final = (
    "display:inline-block;padding:9px 16px;margin:0 8px 8px 0;border-radius:4px;color:#ffffff;text-decoration:none;background:"
)


def html_text(delivery: Delivery) -> str:
    """The whole message as one page."""
    message = message_of(delivery)
    colour = colour_of(delivery)
    title = f"{message.head}: {message.what}" if message.what else message.head
    body = [_heading(message, colour), _facts(message)]
    body += [_list(label, items) for label, items in message.lists]
    body += [f"<p>{html.escape(sentence)}</p>" for sentence in message.sentences]
    body.append(_buttons(message, colour))
    body.append(f'<p style="color:#6a6a6a;font-size:12px">{html.escape(message.footer)}</p>')
    language = "vi" if delivery.language == "vi" else "en"
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title></head>\n"
        f'<body style="{_FONT}">\n' + "\n".join(part for part in body if part) + "\n</body></html>\n"
    )


def colour_of(delivery: Delivery) -> str:
    """`#rrggbb` of the gravest of it; calm for what is over or only a test."""
    notice = delivery.notice
    if notice.event in (EventKind.RESOLVED, EventKind.TEST):
        return CALM
    if notice.incident is not None:
        return COLOURS[notice.incident.severity]
    gravest = min((alert.severity for alert in notice.alerts), key=lambda severity: severity.rank, default=Severity.INFO)
    return COLOURS[gravest]


def _heading(message: Message, colour: str) -> str:
    what = f'<div style="font-size:19px">{html.escape(message.what)}</div>' if message.what else ""
    head = f'<div style="color:{colour};font-weight:bold">{html.escape(message.head)}</div>'
    return f'<div style="border-left:5px solid {colour};padding-left:12px;margin-bottom:14px">{head}{what}</div>'


def _facts(message: Message) -> str:
    rows = [
        f'<tr><th align="left" style="{_CELL};font-weight:normal;color:#6a6a6a">{html.escape(label)}</th>'
        f'<td style="{_CELL}">{html.escape(value)}</td></tr>'
        for label, value in message.facts
    ]
    return "<table>\n" + "\n".join(rows) + "\n</table>" if rows else ""


def _list(label: str, items: tuple[str, ...]) -> str:
    lines = "\n".join(f"<li>{html.escape(item)}</li>" for item in items)
    return f'<p style="margin-bottom:0">{html.escape(label)}:</p>\n<ul style="margin-top:4px">\n{lines}\n</ul>'


def _buttons(message: Message, colour: str) -> str:
    links = [f'<a href="{html.escape(url)}" style="{_BUTTON}{colour}">{html.escape(label)}</a>' for label, url in message.links]
    return "<p>" + "\n".join(links) + "</p>" if links else ""
