"""Chats: Slack-compatible and Mattermost incoming webhooks, Microsoft Teams workflows, Telegram's sendMessage.

Every event is a message of its own; nothing is edited later. Written after Slack's "Formatting message text" and "Incoming
webhooks" (docs.slack.dev, 2025), Mattermost's "Incoming webhooks" (10.x), Microsoft's "Create incoming webhooks with Workflows"
with Adaptive Card 1.4, and Telegram's Bot API 9: `sendMessage`, `ResponseParameters`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from collector.core.alert import Severity
from collector.core.notice import EventKind
from collector.notify.body import Body, json_body
from collector.notify.channel import Delivery
from collector.notify.cutting import clean, cut, cut_utf16, utf16_length
from collector.notify.message import Message, message_of

MOST_SLACK: Final = 4_000
"""Characters: what Slack advises; past 40,000 it cuts, wherever that may be."""
MOST_MATTERMOST: Final = 16_000
"""Characters; a post has 16,383."""
MOST_TELEGRAM: Final = 4_096
"""Characters after the markup was read, counted in UTF-16."""
MOST_TEAMS_BYTES: Final = 20_000
"""Documented are 28 KB for the whole message as Teams stores it, which is larger than what is sent."""

_AT: Final = re.compile(r"@(?=\w)")
_ZERO_WIDTH: Final = "\u200b"
_MARKDOWN: Final = re.compile(r"([\\`*_\[\]<>|~#!])")
_GREATER: Final = {Severity.CRITICAL: "attention", Severity.WARNING: "warning", Severity.INFO: "accent"}

Escape = Callable[[str], str]


def slack(delivery: Delivery) -> Body:
    """`{"text": mrkdwn}`; names can neither mention anybody (`@channel`, `<!here>`) nor make links."""
    message = message_of(delivery)
    text = _limited(message, MOST_SLACK, lambda shown: _marked(shown, escape_slack, "*", lambda label, url: f"<{url}|{label}>"))
    return json_body({"text": text, "mrkdwn": True, "link_names": False, "unfurl_links": False, "unfurl_media": False})


def mattermost(delivery: Delivery) -> Body:
    """`{"text": Markdown}` with the same care."""
    message = message_of(delivery)
    text = _limited(
        message, MOST_MATTERMOST, lambda shown: _marked(shown, escape_markdown, "**", lambda label, url: f"[{label}](<{url}>)")
    )
    return json_body({"text": text})


def telegram(delivery: Delivery, chat: str, token: str) -> Body:
    """A message for one chat in Telegram's HTML. The token goes into the path, as the API wants it."""
    message = message_of(delivery)

    def write(shown: Message) -> str:
        return _marked(shown, _escape_html, "", lambda label, url: f'<a href="{html.escape(url)}">{label}</a>')

    text = _limited(message, MOST_TELEGRAM, write, lambda written: utf16_length(_tagless(written)))
    values: dict[str, Any] = {
        "chat_id": int(chat) if chat.lstrip("-").isdigit() and chat.isascii() else chat,
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": delivery.notice.event in (EventKind.UPDATE, EventKind.ACKNOWLEDGED, EventKind.DIGEST),
    }
    return json_body(values, url_suffix=f"/bot{quote(token, safe=':')}/sendMessage", takes_token=True, to=chat)


def teams(delivery: Delivery) -> Body:
    """A message with one Adaptive Card, as the workflow "Post to a channel when a webhook request is received" takes it."""
    message = message_of(delivery)
    body = _card(message, delivery)
    while len(body.data) > MOST_TEAMS_BYTES and (message.lists or message.facts):
        message = _shorter(message)
        body = _card(message, delivery)
    return body


def _card(message: Message, delivery: Delivery) -> Body:
    blocks: list[dict[str, Any]] = [
        _block(message.head, weight="Bolder", color=_teams_colour(delivery)),
        *([_block(message.what, size="Large")] if message.what else []),
    ]
    if message.facts:
        facts = [{"title": escape_markdown(label), "value": escape_markdown(value)} for label, value in message.facts]
        blocks.append({"type": "FactSet", "facts": facts})
    for label, items in message.lists:
        blocks.append(_block(f"{label}:", weight="Bolder"))
        blocks += [_block(f"– {item}", spacing="None") for item in items]
    blocks += [_block(sentence) for sentence in message.sentences]
    blocks.append(_block(message.footer, isSubtle=True, size="Small"))
    card = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": blocks,
        "actions": [{"type": "Action.OpenUrl", "title": label, "url": url} for label, url in message.links],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return json_body({"type": "message", "attachments": [attachment]})


def _block(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "TextBlock", "text": escape_markdown(text), "wrap": True, **more}


def _teams_colour(delivery: Delivery) -> str:
    notice = delivery.notice
    if notice.event in (EventKind.RESOLVED, EventKind.TEST):
        return "good"
    return "accent" if notice.incident is None else _GREATER[notice.incident.severity]


def escape_slack(text: str) -> str:
    """Slack's three characters, and no mention: a name with `@` keeps its looks and loses its effect."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _AT.sub(f"@{_ZERO_WIDTH}", escaped)


def escape_markdown(text: str) -> str:
    """Markdown of Mattermost and of Adaptive Cards, and no mention."""
    return _AT.sub(f"@{_ZERO_WIDTH}", _MARKDOWN.sub(r"\\\1", text))


def _escape_html(text: str) -> str:
    return html.escape(text, quote=False)


def _tagless(written: str) -> str:
    """What Telegram counts: the text after its markup was read."""
    return html.unescape(re.sub(r"<[^>]*>", "", written))


def _marked(message: Message, escape: Escape, bold: str, link: Callable[[str, str], str]) -> str:
    """The message with a chat's markup; without `bold` it is HTML."""
    opened, closed = (bold, bold) if bold else ("<b>", "</b>")
    head = f"{opened}{escape(message.head)}{closed}"
    lines = [f"{head}\n{escape(message.what)}" if message.what else head]
    lines += [f"{escape(label)}: {escape(value)}" for label, value in message.facts]
    for label, items in message.lists:
        lines += [f"{escape(label)}:", *(f"• {escape(item)}" for item in items)]
    lines += [escape(sentence) for sentence in message.sentences]
    if message.links:
        lines.append("  ·  ".join(link(escape(label), url) for label, url in message.links))
    return "\n".join([*lines, escape(message.footer)])


def _limited(message: Message, limit: int, write: Callable[[Message], str], measure: Callable[[str], int] = len) -> str:
    """The written message within a limit: items go first, then facts, at last what is wrong is cut. Markup is never cut."""
    while measure(written := write(message)) > limit and (message.lists or message.facts or message.sentences):
        message = _shorter(message)
    room = limit
    while measure(written) > limit and room > 0:
        room //= 2
        short = Message(cut(message.head, room), cut_utf16(message.what, room), links=message.links, footer=message.footer)
        written = write(short)
    return written


def _shorter(message: Message) -> Message:
    """Without its last item, fact or sentence; the rest of a list says that something is missing."""
    if message.lists:
        label, items = message.lists[-1]
        kept = (*items[:-2], "…") if len(items) > 1 else ()
        lists = message.lists[:-1] + (((label, kept),) if kept and kept != ("…",) else ())
        return _with(message, lists, message.facts, message.sentences)
    if message.facts:
        return _with(message, (), message.facts[:-1], message.sentences)
    return _with(message, (), (), message.sentences[:-1])


def _with(
    message: Message,
    lists: tuple[tuple[str, tuple[str, ...]], ...],
    facts: tuple[tuple[str, str], ...],
    sentences: tuple[str, ...],
) -> Message:
    return Message(message.head, message.what, message.tail, facts, lists, sentences, message.links, clean(message.footer))
