"""Lines of an incident's timeline for people: what the pager and the outbox noted in their own words becomes a language's."""

from __future__ import annotations

import re
from typing import Any, Final

from collector.commands.paging_details import failure_in
from collector.commands.paging_words import WORDS, word
from collector.core.alert import AlertKind, Hold, HoldReason, Severity
from collector.expose.paging_words import KINDS, SEVERITIES, hold_text

_SENT: Final = ("delivered", "undeliverable", "fallback")
"""About a receiver and an event."""
_EVENT: Final = re.compile(r"([a-z]+)(?:, attempt (\d+))?(?:, in place of ([^:;]+))?(?:[:;] (.*))?", re.DOTALL)
_STEP: Final = re.compile(r"(\d+): (.*)", re.DOTALL)
_SEVERITY: Final = re.compile(r"([a-z]+) -> ([a-z]+)")


def entry_parts(one: dict[str, Any], language: str, actor: str) -> list[str]:
    """What was noted, about what, in which words, and by whom; some may be empty. `one` is an entry as the API tells it."""
    kind, text = one["kind"], one["text"]
    what = word(language, f"entry_{kind}")
    if kind in _SENT:
        return [what, one["by"], _sent(text, language)]
    about = f"{one['subject']} ({KINDS[AlertKind(one['alert'])][language]})" if one["subject"] else ""
    return [what, about, _said(kind, text, language), f"[{actor}]" if actor else ""]


def _sent(text: str, language: str) -> str:
    """Which event it was, at which attempt, for whom, and what was remarked of it."""
    match = _EVENT.fullmatch(text)
    if match is None or f"event_{match[1]}" not in WORDS:
        return text
    said = word(language, f"event_{match[1]}")
    if match[2]:
        said += ", " + word(language, "attempt", number=match[2])
    if match[3]:
        said += ", " + word(language, "in_place_of", receiver=match[3])
    return f"{said}: {failure_in(language, match[4])}" if match[4] else said


def _said(kind: str, text: str, language: str) -> str:
    if kind in ("held", "joined", "left"):
        reason, _, by = text.partition(" ")
        return hold_text(Hold(HoldReason(reason), by), language) if reason in set(HoldReason) else text
    if kind == "escalated" and (match := _STEP.fullmatch(text)) is not None:
        return word(language, "step", number=int(match[1]) + 1, receivers=match[2])
    if kind == "severity" and (match := _SEVERITY.fullmatch(text)) is not None and set(match.groups()) <= set(Severity):
        return " → ".join(SEVERITIES[Severity(name)][language] for name in match.groups())
    return text
