"""What is to be said of an incident besides its facts. Pure value."""

from __future__ import annotations

import msgspec

from collector.core.notice import EventKind, Named


class Say(msgspec.Struct, frozen=True):
    """One event on its way into the outbox."""

    event: EventKind
    receivers: tuple[str, ...]
    level: int = 0
    text: str = ""
    by: str = ""
    still_down: tuple[Named, ...] = ()
    first: tuple[str, ...] = ()
    """Receivers of a reminder that hear of the incident for the first time: to them it is the firing, which whoever wants no
    reminders gets all the same."""
