"""What the collector's API tells of people's acts, as tables and lines for people; times in the configured zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from collector.commands.acts_words import word


class Teller:
    """Puts answers into words of one language and times of one zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self._language = language
        self._zone = zone

    def say(self, key: str, **values: object) -> str:
        """A text of `acts_words`."""
        return word(self._language, key, **values)

    def time(self, text: str | None) -> str:
        """A moment as people read it: in the configured zone, which is named."""
        return datetime.fromisoformat(text).astimezone(self._zone).strftime("%Y-%m-%d %H:%M %Z") if text else "-"

    def windows(self, answer: dict[str, Any]) -> str:
        """A list of maintenance windows."""
        rows = [
            [
                one["id"], self._status(one), self.time(one["from"]), self.time(one["to"]), self.scope(one["scope"]),
                _author(one), one["approver"] or "-", self._reason(one),
            ]
            for one in answer["maintenance"]
        ]  # fmt: skip
        return self._listed("window_columns", rows, "no_windows", answer["next"])

    def corrections(self, answer: dict[str, Any]) -> str:
        """A list of corrections."""
        rows = [
            [
                one["id"], self._status(one), one["subject"], self._view(one), self.time(one["from"]), self.time(one["to"]),
                self.say(f"state_{one['state']}"), one["author"], one["approver"] or "-", self._reason(one),
            ]
            for one in answer["corrections"]
        ]  # fmt: skip
        return self._listed("correction_columns", rows, "no_corrections", answer["next"])

    def audit(self, answer: dict[str, Any]) -> str:
        """Rows of the audit trail, newest first."""
        rows = [
            [
                str(one["seq"]), self.time(one["at"]), one["actor"], one["role"], one["source"], one["act"], one["object"],
                msgspec.json.encode(one["details"]).decode(),
            ]
            for one in answer["audit"]
        ]  # fmt: skip
        return self._listed("audit_columns", rows, "no_audit", str(answer["next"] or ""))

    def window(self, one: dict[str, Any]) -> str:
        """Everything about one window, a fact a line."""
        facts = [
            ("fact_status", self._status(one)),
            ("fact_time", f"{self.time(one['from'])} – {self.time(one['to'])}"),
            ("fact_repeat", self._repeat(one["repeat"]) if one["repeat"] else ""),
            ("fact_scope", self.scope(one["scope"])),
            ("fact_propagate", self.say("yes") if one["propagate"] else ""),
            ("fact_retroactive", self.say("yes") if one["retroactive"] else ""),
            *self._common(one),
            ("fact_origin", self._origin(one)),
            *(("fact_end", self._taken(taken)) for taken in one["ends"]),
            *(("fact_cancel", self._taken(taken)) for taken in one["cancels"]),
            *(("fact_next", f"{self.time(each['from'])} – {self.time(each['to'])}") for each in self._next(one)),
        ]
        return self._facts(one["id"], facts)

    def correction(self, one: dict[str, Any]) -> str:
        """Everything about one correction."""
        facts = [
            ("fact_status", self._status(one)),
            ("fact_target", f"{one['subject']} ({self._view(one)})"),
            ("fact_time", f"{self.time(one['from'])} – {self.time(one['to'])}"),
            ("fact_state", self.say(f"state_{one['state']}")),
            *self._common(one),
            *(("fact_cancel", self._taken(taken)) for taken in one["cancels"]),
        ]
        return self._facts(one["id"], facts)

    def scope(self, selectors: list[dict[str, Any]]) -> str:
        """A scope as it is typed."""
        return "; ".join(",".join(_parts(one)) for one in selectors)

    def _common(self, one: dict[str, Any]) -> Iterable[tuple[str, str]]:
        yield "fact_author", f"{one['author']}, {self.time(one['created'])}"
        yield "fact_approver", f"{one['approver']}, {self.time(one['approved'])}" if one["approver"] else ""
        yield "fact_reason", one["reason"]
        yield "fact_change", one["change"]

    def _origin(self, one: dict[str, Any]) -> str:
        origin = one.get("origin")
        return self.say("origin", **origin) if origin else ""

    def _facts(self, id_: str, facts: Iterable[tuple[str, str]]) -> str:
        shown = [[self.say(key), value] for key, value in facts if value]
        return f"{id_}\n{_table(shown)}"

    def _next(self, one: dict[str, Any]) -> list[dict[str, str]]:
        return one["next"] if one["repeat"] else []

    def _repeat(self, repeat: dict[str, Any]) -> str:
        minutes = repeat["duration_s"] // 60
        lasting = f"{minutes // 60}h{minutes % 60:02}m"
        span = f"{repeat['first']} – {repeat['last']}"
        return f"{self._days(repeat)}, {repeat['start']} ({repeat['zone']}), {lasting}, {span}"

    def _days(self, repeat: dict[str, Any]) -> str:
        if repeat["month_day"]:
            is_last = repeat["month_day"] == -1
            return self.say("last_day") if is_last else self.say("month_day", day=repeat["month_day"])
        days = ", ".join(self.say(f"day_{name}") for name in repeat["weekdays"])
        if not repeat["nth"]:
            return days
        nth = self.say("nth_last") if repeat["nth"] == -1 else self.say("nth", nth=repeat["nth"])
        return f"{days} ({nth})"

    def _taken(self, taken: dict[str, Any]) -> str:
        parts = [taken["by"], self.time(taken["known"])]
        if taken["end"]:
            parts.append(self.say("real_end", at=self.time(taken["end"])))
        if taken["occurrence"]:
            parts.append(self.say("of_occurrence", at=self.time(taken["occurrence"])))
        return ", ".join([*parts, *([taken["reason"]] if taken["reason"] else [])])

    def _status(self, one: dict[str, Any]) -> str:
        said = self.say(f"status_{one['status']}")
        return f"{said}, {self.say('retroactive')}" if one.get("retroactive") else said

    def _view(self, one: dict[str, Any]) -> str:
        return self.say(f"view_{one['view']}")

    def _reason(self, one: dict[str, Any]) -> str:
        return " ".join(part for part in (one["change"], one["reason"]) if part) or "-"

    def _listed(self, columns: str, rows: list[list[str]], none: str, following: str) -> str:
        if not rows:
            return self.say(none)
        text = _table([self.say(columns).split("\t"), *rows])
        return f"{text}\n{self.say('more', before=following)}" if following else text


def _author(one: dict[str, Any]) -> str:
    """Who asked for a window; of one that the inventory asked for, its file and entry, too."""
    origin = one.get("origin")
    return f"{one['author']} ({origin['file']}: {origin['entry']})" if origin else str(one["author"])


def _parts(selector: dict[str, Any]) -> Iterable[str]:
    if selector.get("subjects"):
        names = selector["subjects"]
        yield "target=" + "+".join(names[:5]) + (f"+…({len(names)})" if len(names) > 5 else "")
    for name in ("site", "class"):
        if selector.get(name):
            yield f"{name}={selector[name]}"
    yield from (f"label.{name}={value}" for name, value in selector.get("labels", {}).items())


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
