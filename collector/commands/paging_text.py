"""What the API tells of incidents, silences and the outbox, as tables and lines for people; times in the configured zone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector.commands.explain_text import plain
from collector.commands.paging_details import failure_in
from collector.commands.paging_timeline import entry_parts
from collector.commands.paging_words import word
from collector.core.alert import AlertKind, HoldReason, Severity
from collector.core.incident import IncidentState
from collector.expose.paging_words import INCIDENTS, SEVERITIES, kind_name_text

_LINK = "link:"
_SHOWN = 5
"""Names of a list that are shown in a table."""
_HELD = 20
"""Alerts of which nobody is told that are shown."""
_WIDE = 120
"""Columns of a terminal that a list fits into, if cutting a text allows it."""
_LEAST = 12
"""Characters that are left of what is cut."""


class PagingTeller:
    """Puts answers into words of one language and times of one zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self._language = "vi" if language == "vi" else "en"
        self._zone = zone

    def say(self, key: str, **values: object) -> str:
        """A text of `paging_words`."""
        return word(self._language, key, **values)

    def time(self, text: str | None) -> str:
        """A moment as people read it: in the configured zone, which is named."""
        return datetime.fromisoformat(text).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S %Z") if text else "-"

    def minute(self, text: str | None) -> str:
        """The same to the minute, for tables."""
        return datetime.fromisoformat(text).astimezone(self._zone).strftime("%Y-%m-%d %H:%M %Z") if text else "-"

    def incidents(self, answer: dict[str, Any]) -> str:
        """A list of incidents."""
        rows = [
            [
                f"#{one['number']}", INCIDENTS[IncidentState(one["state"])][self._language], self._severity(one),
                self.minute(one["onset"]), self._subject(one), self._kind(one), one["site"] or "-",
                self._actor(one["acknowledged_by"]) or "-", one["assignee"] or "-",
            ]
            for one in answer["incidents"]
        ]  # fmt: skip
        return self._listed("incident_columns", rows, "no_incidents", answer["next"], (4, 5, 6))

    def held(self, answer: dict[str, Any]) -> str:
        """Alerts that last, belong to no incident and were told to nobody, each with its reason, but those of which an incident
        tells already; empty: there are none."""
        lines = [f"  {self.alert(one)}" for one in answer["alerts"] if _is_untold(one)]
        if not lines:
            return ""
        more = [f"  {self.say('held_more', count=len(lines) - _HELD)}"] if len(lines) > _HELD else []
        return "\n".join([self.say("part_held"), *lines[:_HELD], *more])

    def incident(self, one: dict[str, Any]) -> str:
        """The facts of one incident."""
        facts = [
            ("fact_state", INCIDENTS[IncidentState(one["state"])][self._language]),
            ("fact_severity", self._severity(one)),
            ("fact_target", f"{self._subject(one)}: {self._kind(one)}"),
            ("fact_site", one["site"]),
            ("fact_onset", self.time(one["onset"])),
            ("fact_opened", self.time(one["opened"])),
            ("fact_acknowledged", self._done(one["acknowledged_by"], one["acknowledged"])),
            ("fact_assignee", one["assignee"]),
            ("fact_resolved", self._done(one["resolved_by"], one["resolved"])),
            ("fact_reopened", self.say("times", count=one["reopened"]) if one["reopened"] else ""),
            ("fact_route", " → ".join(part for part in (one["route"], one["escalation"]) if part)),
            ("fact_next", self.time(one["next_step"]) if one["next_step"] else ""),
            ("fact_told", ", ".join(one["told"])),
        ]
        shown = [[self.say(key), value] for key, value in facts if value]
        return f"{self.say('incident', number=one['number'])}\n{table(shown)}"

    def shown(self, answer: dict[str, Any]) -> str:
        """Everything about one incident."""
        parts = [self.incident(answer["incident"])]
        lines = {
            "part_alerts": [f"  {self.alert(one)}" for one in answer["alerts"]],
            "part_timeline": [f"  {self._entry(one)}" for one in answer["timeline"]],
        }
        parts += ["\n".join([self.say(key), *some]) for key, some in lines.items() if some]
        if answer["outbox"]:
            parts.append(f"{self.say('part_outbox')}\n{self.outbox({'outbox': answer['outbox'], 'next': None})}")
        return "\n\n".join(parts)

    def alert(self, one: dict[str, Any]) -> str:
        """An alert and whether anybody was told, in one line."""
        key = "alert_over" if one["ended"] else "alert_line"
        return plain(
            self.say(
                key, subject=self._subject(one), what=one["what"][self._language], since=self.time(one["since"]),
                ended=self.time(one["ended"]), told=self.told(one),
            )
        )  # fmt: skip

    def told(self, one: dict[str, Any]) -> str:
        """When it was paged, or why nobody was told."""
        held, paged = one["held"], one["paged"]
        said = ""
        if paged:
            number = one["incident"]
            said = (
                self.say("paged_as", at=self.time(paged), number=number) if number else self.say("paged", at=self.time(paged))
            )
        if held is None:
            return said or self.say("never_told")
        why = held["text"][self._language]
        if said:
            return self.say("held_again", paged=said, why=why)
        if one["ended"]:
            return self.say("never_told_why", why=why)
        if held["until"]:
            return self.say("held_until", why=why, until=self.time(held["until"]))
        return self.say("held", why=why)

    def silences(self, answer: dict[str, Any]) -> str:
        """A list of silences."""
        rows = [
            [
                one["id"], self.say(f"status_{one['status']}"), self.minute(one["from"]),
                self.minute(one["expired"] or one["to"]), ", ".join(one["matchers"]), one["author"],
                _some(one["mutes"]) or "-", one["comment"],
            ]
            for one in answer["silences"]
        ]  # fmt: skip
        return self._listed("silence_columns", rows, "no_silences", answer["next"], (4, 6, 7))

    def silence_made(self, one: dict[str, Any]) -> str:
        """A new silence and whom it hits: whoever typed too wide a matcher sees it at once."""
        made = self.say("silence_made", id=one["id"], to=self.time(one["to"]))
        if not one["fits"]:
            return f"{made}\n{self.say('silence_fits_none')}"
        hits = self.say("silence_mutes", subjects=_some(one["mutes"])) if one["mutes"] else self.say("silence_mutes_none")
        return f"{made}\n{hits}"

    def outbox(self, answer: dict[str, Any], none: str = "no_outbox") -> str:
        """A list of outbox rows; `none` is what is said of an empty one."""
        rows = [
            [
                str(one["id"]), self.say(f"row_{one['state']}"), one["receiver"], self.say(f"event_{one['event']}"),
                f"#{one['incident']}" if one["incident"] else one["silence"] or "-", self.minute(one["created"]),
                str(one["attempts"]), self.minute(one["next"]), failure_in(self._language, one["error"]) or "-",
            ]
            for one in answer["outbox"]
        ]  # fmt: skip
        return self._listed("outbox_columns", rows, none, answer["next"], (8,))

    def _entry(self, one: dict[str, Any]) -> str:
        parts = [self.time(one["at"]), *entry_parts(one, self._language, self._actor(one["by"]))]
        return plain("  ".join(filter(None, parts)))

    def _subject(self, one: dict[str, Any]) -> str:
        name = one["names"][self._language]
        return one["subject"] if name == one["subject"] else f"{one['subject']} ({name})"

    def _kind(self, one: dict[str, Any]) -> str:
        return kind_name_text(AlertKind(one["kind"]), one["name"], self._language)

    def _severity(self, one: dict[str, Any]) -> str:
        return SEVERITIES[Severity(one["severity"])][self._language]

    def _actor(self, name: str) -> str:
        return self.say("link_actor", receiver=name.removeprefix(_LINK)) if name.startswith(_LINK) else name

    def _done(self, name: str, at: str | None) -> str:
        return ", ".join(part for part in (self._actor(name), self.time(at)) if part) if at else ""

    def _listed(self, columns: str, rows: list[list[str]], none: str, following: int | None, soft: Sequence[int] = ()) -> str:
        if not rows:
            return self.say(none)
        text = table([self.say(columns).split("\t"), *rows], soft)
        return f"{text}\n{self.say('more', before=following)}" if following else text


def _is_untold(alert: dict[str, Any]) -> bool:
    is_said = alert["held"] is not None and alert["held"]["reason"] == HoldReason.GROUPED.value
    return not (alert["paged"] or alert["incident"] or is_said)


def table(rows: Sequence[Sequence[str]], soft: Sequence[int] = ()) -> str:
    """Columns, two blanks apart; nothing in it that a terminal would obey. Texts in the columns `soft` are cut, the longest
    first, so that a line has at most `_WIDE` characters."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells else []
    while soft and sum(widths) + 2 * (len(widths) - 1) > _WIDE:
        widest = max(soft, key=lambda at: widths[at])
        if widths[widest] <= _LEAST:
            break
        widths[widest] -= 1
    return "\n".join("  ".join(_padded(row, widths)).rstrip() for row in cells)


def _padded(row: Iterable[str], widths: Sequence[int]) -> Iterator[str]:
    return (_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _some(names: Sequence[str]) -> str:
    more = f", … (+{len(names) - _SHOWN})" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
