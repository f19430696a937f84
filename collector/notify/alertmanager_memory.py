"""What one receiver's Alertmanagers were told last of each alert, so that no telling that waited for its turn takes a newer one
back, and so that ends are told again. Pure; lost with the process, after which alerts end by not being told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from collector.notify.alertmanager_labels import Identity, Told

KEPT_MS: Final = 15 * 60_000
"""So long an alert's end is told again, and so long what is told no more is remembered."""
MOST_KNOWN: Final = 20_000
"""Alerts that are remembered; those of which was heard first are forgotten first."""


class Memory:
    """The newest of each alert, by what Alertmanager tells them by."""

    def __init__(self) -> None:
        self._known: dict[Identity, Told] = {}
        self._where: dict[str, Identity] = {}
        """Uid of an alert -> under which labels it was told last."""

    def note(self, told: Iterable[Told]) -> set[Identity]:
        """Take over what is newer than what is known. Returns which alerts are concerned: also those under labels that an
        alert no longer has, where it must end."""
        concerned: set[Identity] = set()
        for alert in told:
            concerned.add(alert.identity)
            concerned |= self._leave(alert)
            known = self._known.get(alert.identity)
            if known is None or _is_news(alert, known):
                self._known.pop(alert.identity, None)  # so that it stands last
                self._known[alert.identity] = alert
                self._where[alert.uid] = alert.identity
        return concerned

    def ended(self, now_ms: int) -> set[Identity]:
        """Alerts whose end was told in the last 15 minutes."""
        return {one for one, alert in self._known.items() if alert.ended_ms is not None and now_ms - alert.said_ms <= KEPT_MS}

    def newest(self, identities: Iterable[Identity]) -> list[Told]:
        """What is known of them."""
        return [self._known[one] for one in identities if one in self._known]

    def forget(self, lasting: set[Identity], now_ms: int) -> None:
        """Drop what is neither lasting nor young, and what is too much."""
        old = [one for one, alert in self._known.items() if one not in lasting and now_ms - alert.said_ms > KEPT_MS]
        kept = [one for one in self._known if one not in lasting]
        excess = max(len(self._known) - MOST_KNOWN, 0)
        for one in {*old, *kept[:excess]}:
            alert = self._known.pop(one)
            if self._where.get(alert.uid) == one:
                del self._where[alert.uid]

    def _leave(self, alert: Told) -> set[Identity]:
        """End an alert under the labels it had before: its severity changed."""
        before = self._where.get(alert.uid)
        known = None if before is None else self._known.get(before)
        if before is None or known is None or before == alert.identity or alert.said_ms < known.said_ms:
            return set()
        if known.uid == alert.uid and known.ended_ms is None:
            self._known[before] = msgspec.structs.replace(known, ended_ms=alert.said_ms, said_ms=alert.said_ms)
        return {before}


def _is_news(alert: Told, known: Told) -> bool:
    """Whether it is newer than what is known under the same labels. An end that is known stands for its alert; only facts of a
    later moment take it back (a person closed the incident and it was opened again)."""
    if alert.uid != known.uid:
        return (alert.since_ms, alert.said_ms) > (known.since_ms, known.said_ms)
    if known.ended_ms is not None and alert.ended_ms is not None:
        return False
    if known.ended_ms is None and alert.ended_ms is not None:
        return alert.said_ms >= known.said_ms
    return alert.said_ms > known.said_ms
