"""One delivery as an e-mail (RFC 5322): plain text and HTML, threaded by incident; no text of others can add a header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from collector.core.alert import Severity
from collector.core.notice import EventKind, event_id_of
from collector.notify.channel import ChannelError, Delivery, Failure
from collector.notify.text import html_text, plain_text, subject_line

MOST_TEXT: Final = 100_000
"""Characters of the plain text; what is longer is cut."""
MOST_HTML: Final = 400_000
"""Characters of the HTML; what is longer is left out, for half a page is worse than the text."""
_ADDRESS: Final = re.compile(r"(?:(?P<name>[^<>\x00-\x1f\x7f]*)<(?P<spec>[^<>\s]+)>|(?P<bare>[^<>\s]+))")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NO_ATOM: Final = re.compile(r"[^A-Za-z0-9_-]+")


def address_of(text: str, what: str) -> Address:
    """`trucca@example.vn` or `Trực ca <trucca@example.vn>`. Raises `ChannelError` (settings) for anything else; also
    for addresses outside ASCII, which few servers take. `what` names the setting."""
    match = _ADDRESS.fullmatch(text.strip())
    spec = "" if match is None else match["spec"] or match["bare"]
    try:
        if match is None or not spec.isascii():
            raise ValueError
        address = Address((match["name"] or "").strip().strip('"'), addr_spec=spec)
    except (ValueError, IndexError):  # the latter: what the standard library says of an end where something must follow
        raise ChannelError(Failure.SETTINGS, f"{what}: no e-mail address") from None
    if not address.username or not address.domain or address.addr_spec != spec:
        raise ChannelError(Failure.SETTINGS, f"{what}: no e-mail address")
    return address


def mail_of(delivery: Delivery, sender: Address, to: Sequence[Address]) -> bytes:
    """The message as it is sent, seven bits a byte. An event has the same `Message-ID` at every attempt; all messages of one
    incident refer to its first, so that mail programs show them as one conversation."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, tuple(to)
    mail["Subject"] = _CONTROL.sub(" ", subject_line(delivery)).strip()
    mail["Date"] = format_datetime(datetime.fromtimestamp(delivery.sent_ms / 1000, UTC))
    own = _message_id(delivery.event_id, delivery.receiver, sender.domain)
    mail["Message-ID"] = own
    if delivery.notice.incident is not None:
        first = _message_id(event_id_of(delivery.notice.incident.uid, 0), delivery.receiver, sender.domain)
        if first != own:
            mail["In-Reply-To"] = mail["References"] = first
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office note is wanted
    mail["X-Auto-Response-Suppress"] = "All"
    mail["X-Haidang-Event-Id"] = _CONTROL.sub(" ", delivery.event_id)
    mail["X-Haidang-Attempt"] = str(delivery.attempt)
    if _is_urgent(delivery):
        mail["Importance"] = "high"
    mail.set_content(plain_text(delivery)[:MOST_TEXT], cte="base64")
    html = html_text(delivery)
    if len(html) <= MOST_HTML:
        mail.add_alternative(html, subtype="html", cte="base64")
    return mail.as_bytes()


def _message_id(event_id: str, receiver: str, domain: str) -> str:
    """RFC 5322 3.6.4: `<event.receiver@domain of the sender>`; the machine's own name would differ after a move."""
    return f"<{_NO_ATOM.sub('_', event_id)}.{_NO_ATOM.sub('_', receiver)}@{domain}>"


def _is_urgent(delivery: Delivery) -> bool:
    incident = delivery.notice.incident
    is_page = delivery.notice.event in (EventKind.FIRING, EventKind.REMINDER)
    return is_page and incident is not None and incident.severity is Severity.CRITICAL
