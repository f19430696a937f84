"""What an event says, composed once from its facts: headline, facts, sentences, links. Each channel renders this its own way,
so that an e-mail, a chat and a ticket never say different things.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from collector.core.alert import COLLECTOR_SUBJECT, AlertKind
from collector.core.incident import IncidentState
from collector.core.notice import Affected, AlertFacts, EventKind, IncidentFacts, Named, Notice
from collector.notify.channel import Delivery
from collector.notify.cutting import clean, cut
from collector.notify.moments import say_length, say_moment, say_short
from collector.notify.terms import VERBS, condition_key, term
from collector.notify.words import word

NAMES_SHOWN: Final = 5
"""Names of affected subjects that are spelled out, of each reason."""
ALERTS_SHOWN: Final = 10
LATE_MS: Final = 120_000
"""A message that leaves so much later than it was written says so."""
MOST_NAME: Final = 80
MOST_DETAIL: Final = 300
_UNACKNOWLEDGED: Final = (EventKind.FIRING, EventKind.UPDATE, EventKind.REMINDER)


class Message(msgspec.Struct, frozen=True):
    """One event in words. Texts are clean: one line each, nothing of others is markup yet."""

    head: str
    """What happened: `SỰ CỐ #12`."""
    what: str
    """Which subject and its condition: `Router Q1 MẤT KẾT NỐI`; empty where the head says all."""
    tail: tuple[str, ...] = ()
    """Parts a subject shows while there is room, most important first."""
    facts: tuple[tuple[str, str], ...] = ()
    """Label and value."""
    lists: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Label and items."""
    sentences: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    """Label and address."""
    footer: str = ""


def message_of(delivery: Delivery) -> Message:
    """The event in words of its receiver's language. It never fails for what is in the facts."""
    speech = Speech(delivery)
    if delivery.notice.event is EventKind.TEST:
        return speech.test()
    if delivery.notice.event is EventKind.NOTICE:
        return speech.notice()
    if delivery.notice.event is EventKind.DIGEST:
        return speech.digest()
    if delivery.notice.incident is None:
        return speech.bare()
    return speech.incident(delivery.notice.incident)


def name_of(subject: Named, language: str) -> str:
    """A subject's name in a language: the other's where it has none, its id at last."""
    if subject.id == COLLECTOR_SUBJECT:
        return word(language, "collector_name")
    names = (subject.name_vi, subject.name_en) if language == "vi" else (subject.name_en, subject.name_vi)
    return cut(clean(names[0] or names[1] or subject.id), MOST_NAME)


def site_of(names: tuple[str, str, str], language: str) -> str:
    """A site's name; `names` are its id, Vietnamese and English name."""
    id_, vietnamese, english = names
    found = (vietnamese, english) if language == "vi" else (english, vietnamese)
    return cut(clean(found[0] or found[1] or id_), MOST_NAME)


def cause_of(alerts: Sequence[AlertFacts]) -> AlertFacts | None:
    """The alert that an incident is about: its cause, else the first."""
    return next((alert for alert in alerts if alert.is_cause), alerts[0] if alerts else None)


class Speech:
    """Puts the facts of one delivery into words."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._notice: Notice = delivery.notice
        self._language = delivery.language
        self._zone = delivery.zone

    def word(self, key: str, **values: object) -> str:
        return word(self._language, key, **values)

    def term(self, table: str, key: str) -> str:
        return term(self._language, table, key)

    def name(self, subject: Named) -> str:
        return name_of(subject, self._language)

    def condition(self, alert: AlertFacts) -> str:
        """`MẤT KẾT NỐI`."""
        return self.term("condition", condition_key(alert.key.kind, alert.state, alert.key.name, alert.value))

    def what(self, alert: AlertFacts | None) -> str:
        """`Router Q1 MẤT KẾT NỐI`; of a probe or a burn alert with its name."""
        if alert is None:
            return ""
        key = condition_key(alert.key.kind, alert.state, alert.key.name, alert.value)
        named = alert.key.name if alert.key.kind in (AlertKind.CERTIFICATE, AlertKind.BURN) else ""
        between = " " if key in VERBS else " – "
        said = f"{self.name(alert.subject)}{between}{self.term('condition', key)}"
        return said + (f" ({cut(clean(named), 40)})" if named else "")

    def incident(self, incident: IncidentFacts) -> Message:
        """Everything that happens to an incident."""
        cause = cause_of(self._notice.alerts)
        facts = [(self.word("severity"), self.term("severity", incident.severity.value))]
        if site := site_of((incident.site, incident.site_vi, incident.site_en), self._language):
            facts.append((self.word("site"), site))
        facts += self._course(incident)
        if cause is not None and (why := self.why(cause)):
            facts.append((self.word("why"), why))
        if self._notice.affected_count and not self._notice.affected:
            facts.append((self.word("affected"), str(self._notice.affected_count)))
        facts += self._people(incident) + self._extra(incident)
        return Message(
            head=self._head(incident),
            what=self._what(cause, incident),
            tail=self._tail(incident, site),
            facts=tuple(facts),
            lists=self._lists(cause),
            sentences=self._sentences(),
            links=self._links(),
            footer=self._footer(),
        )

    def _what(self, cause: AlertFacts | None, incident: IncidentFacts) -> str:
        """Of what is over also how long it was so."""
        what = self.what(cause)
        if self._notice.event is not EventKind.RESOLVED or not what:
            return what
        length = say_length(self._ended_ms(incident) - incident.onset_ms, self._language)
        return f"{what} {self.word('short_after', length=length)}"

    def _head(self, incident: IncidentFacts) -> str:
        event, by = self._notice.event, cut(clean(self._notice.by or incident.acknowledged_by), 40)
        if event is EventKind.FIRING:
            return self.word("reopened" if incident.reopened else "firing", number=incident.number)
        if event is EventKind.REMINDER:
            return self.word("reminder", number=incident.number, step=self._notice.level + 1)
        if event is EventKind.ACKNOWLEDGED:
            return self.word("acknowledged" if by else "acknowledged_unnamed", number=incident.number, by=by)
        if event is EventKind.RESOLVED and self._notice.by:
            return self.word("closed", number=incident.number, by=by)
        if event is EventKind.RESOLVED and self._notice.still_down:
            return self.word("resolved_partly", number=incident.number)
        return self.word("resolved" if event is EventKind.RESOLVED else "update", number=incident.number)

    def _tail(self, incident: IncidentFacts, site: str) -> tuple[str, ...]:
        notice = self._notice
        parts = [site]
        if notice.event is EventKind.RESOLVED:
            if notice.still_down:
                parts.insert(0, self.word("short_still", count=len(notice.still_down)))
        else:
            parts.append(self.word("short_since", since=say_short(incident.onset_ms, self._zone, self._language)))
            if notice.affected_count:
                parts.insert(1, self.word("short_affected", count=notice.affected_count))
            if (more := max(notice.alerts_count, len(notice.alerts)) - 1) > 0:
                parts.append(self.word("short_more", count=more))
        return tuple(part for part in parts if part)

    def _course(self, incident: IncidentFacts) -> list[tuple[str, str]]:
        """Since when, how long, until when."""
        begun = say_moment(incident.onset_ms, self._zone, self._language)
        if self._notice.event is not EventKind.RESOLVED:
            length = say_length(self._notice.made_ms - incident.onset_ms, self._language)
            return [(self.word("since"), self.word("lasting", at=begun, length=length))]
        ended = self._ended_ms(incident)
        return [
            (self.word("since"), begun),
            (self.word("closed_at" if self._notice.by else "ended"), say_moment(ended, self._zone, self._language)),
            (self.word("outage"), say_length(ended - incident.onset_ms, self._language)),
        ]

    def _ended_ms(self, incident: IncidentFacts) -> int:
        """When the last of its alerts was over, which is not when that was noticed; closed by hand: when it was closed."""
        ends = [alert.ended_ms for alert in self._notice.alerts if alert.ended_ms is not None]
        closed = incident.resolved_ms if incident.resolved_ms is not None else self._notice.made_ms
        return closed if self._notice.by or not ends else max(ends)

    def why(self, alert: AlertFacts) -> str:
        """Reason in words, the number behind it, and the evidence as it was said."""
        parts = [self.term("reason", alert.reason)] if alert.reason else []
        if (number := self._number(alert)) != "":
            parts.append(number)
        if alert.detail:
            parts.append(self.word("quoted", text=cut(clean(alert.detail), MOST_DETAIL)))
        return "; ".join(parts)

    def _number(self, alert: AlertFacts) -> str:
        value, kind = alert.value, alert.key.kind
        if value is None:
            return ""
        if kind is AlertKind.CERTIFICATE:
            return self.word("days_left" if value > 0 else "days_over", days=f"{abs(value):.0f}")
        if kind is AlertKind.BURN:
            return self.word("burn_rate", rate=self._decimal(value))
        if kind is AlertKind.COLLECTOR and alert.key.name == "disk":
            return self.word("free_ratio", percent=self._decimal(value * 100))
        return ""

    def _decimal(self, value: float) -> str:
        text = f"{value:.1f}"
        return text.replace(".", ",") if self._language == "vi" else text

    def _people(self, incident: IncidentFacts) -> list[tuple[str, str]]:
        facts = []
        if incident.acknowledged_by:
            facts.append((self.word("acknowledged_by"), cut(clean(incident.acknowledged_by), MOST_NAME)))
        elif incident.state is IncidentState.OPEN and self._notice.event in _UNACKNOWLEDGED:
            facts.append((self.word("acknowledged_by"), self.word("nobody")))
        if incident.assignee:
            facts.append((self.word("assignee"), cut(clean(incident.assignee), MOST_NAME)))
        return facts

    def _extra(self, incident: IncidentFacts) -> list[tuple[str, str]]:
        facts = []
        if incident.reopened:
            facts.append((self.word("reopened_count"), self.word("times", count=incident.reopened)))
        if self._notice.text:
            facts.append((self.word("comment"), cut(clean(self._notice.text), MOST_DETAIL)))
        return facts + self._late()

    def _late(self) -> list[tuple[str, str]]:
        late_ms = self._delivery.sent_ms - self._notice.made_ms
        if late_ms <= LATE_MS:
            return []
        made = say_moment(self._notice.made_ms, self._zone, self._language)
        return [(self.word("late"), self.word("late_text", at=made, length=say_length(late_ms, self._language)))]

    def _lists(self, cause: AlertFacts | None) -> tuple[tuple[str, tuple[str, ...]], ...]:
        others = [alert for alert in self._notice.alerts if alert is not cause]
        rest = max(self._notice.alerts_count, len(self._notice.alerts)) - min(len(others), ALERTS_SHOWN) - (cause is not None)
        found = [
            (self.word("affected_some", count=self._affected_count()), self._affected(self._notice.affected)),
            (self.word("others"), self._alert_lines(others, rest)),
            (self.word("still_down"), self._named(self._notice.still_down)),
        ]
        return tuple((label, items) for label, items in found if items)

    def _affected(self, affected: Sequence[Affected]) -> tuple[str, ...]:
        """A line for each reason: the first names, the rest counted. What the notice itself left out counts to the first."""
        reasons = list(dict.fromkeys(one.reason for one in affected))
        lines = []
        unlisted = self._affected_count() - len(affected)
        for reason in reasons:
            group = [one.subject for one in affected if one.reason is reason]
            more = len(group) - NAMES_SHOWN + (unlisted if reason is reasons[0] else 0)
            names = [self.name(subject) for subject in group[:NAMES_SHOWN]]
            said = ", ".join(names) + (f" {self.word('more', count=more)}" if more > 0 else "")
            lines.append(self.word("affected_group", reason=self.term("hold", reason.value), names=said))
        return tuple(lines)

    def _affected_count(self) -> int:
        return max(self._notice.affected_count, len(self._notice.affected))

    def _alert_lines(self, alerts: Sequence[AlertFacts], rest: int) -> tuple[str, ...]:
        lines = [self._alert_line(alert) for alert in alerts[:ALERTS_SHOWN]]
        return tuple(lines) + ((self.word("more_alerts", count=rest),) if rest > 0 else ())

    def _alert_line(self, alert: AlertFacts) -> str:
        what, condition = self.name(alert.subject), self.condition(alert)
        if alert.ended_ms is not None:
            return self.word("one_over", what=what, condition=condition, ended=self._short(alert.ended_ms))
        since = self.word("short_since", since=self._short(alert.since_ms))
        return self.word("one_alert", what=what, condition=condition, since=since)

    def _short(self, at_ms: int) -> str:
        return say_short(at_ms, self._zone, self._language)

    def _named(self, subjects: Sequence[Named]) -> tuple[str, ...]:
        names = [self.name(subject) for subject in subjects[:ALERTS_SHOWN]]
        more = len(subjects) - len(names)
        return tuple(names) + ((self.word("more", count=more),) if more > 0 else ())

    def _sentences(self) -> tuple[str, ...]:
        if self._notice.event is EventKind.UPDATE:
            return (self.word("update_body"),)
        return (self.word("still_body"),) if self._notice.still_down else ()

    def _links(self) -> tuple[tuple[str, str], ...]:
        found = (("open_link", self._delivery.url or self._notice.url), ("acknowledge_link", self._delivery.acknowledge_url))
        return tuple((self.word(key), url) for key, url in found if url)

    def _footer(self) -> str:
        return self.word("event_id", event_id=self._delivery.event_id, attempt=self._delivery.attempt)

    def bare(self) -> Message:
        """What must be said though no incident could be written: the collector's own trouble."""
        cause = cause_of(self._notice.alerts)
        facts = []
        if cause is not None:
            facts.append((self.word("since"), say_moment(cause.since_ms, self._zone, self._language)))
            facts += [(self.word("why"), why)] if (why := self.why(cause)) else []
        if self._notice.text:
            facts.append((self.word("comment"), cut(clean(self._notice.text), MOST_DETAIL)))
        is_over = self._notice.event is EventKind.RESOLVED
        return Message(
            head=self.word("resolved_bare" if is_over else "firing_bare"),
            what=self.what(cause),
            facts=tuple(facts + self._late()),
            lists=self._lists(cause),
            links=self._links(),
            footer=self._footer(),
        )

    def notice(self) -> Message:
        """Word about a silence."""
        notice = self._notice
        key = notice.text if notice.text in ("hides", "ended_down", "forgotten") else "notice"
        facts = [
            (self.word(label), cut(clean(value), MOST_DETAIL))
            for label, value in (("matchers", notice.matchers), ("author", notice.by))
            if value
        ]
        sentence = {"hides": "hides_body", "ended_down": "ended_body", "forgotten": "forgotten_body"}.get(key)
        rest = max(notice.alerts_count, len(notice.alerts)) - min(len(notice.alerts), ALERTS_SHOWN)
        lists = [
            (self.word("hidden"), self._alert_lines(notice.alerts, rest)),
            (self.word("still_down"), self._named(notice.still_down)),
        ]
        return Message(
            head=self.word(key, silence=clean(notice.silence)),
            what=self.what(cause_of(notice.alerts)),
            facts=tuple(facts + self._late()),
            lists=tuple((label, items) for label, items in lists if items),
            sentences=(self.word(sentence),) if sentence else (),
            links=self._links(),
            footer=self._footer(),
        )

    def digest(self) -> Message:
        """What quiet hours held back."""
        notice = self._notice
        count = max(notice.alerts_count, len(notice.alerts))
        rest = count - min(len(notice.alerts), ALERTS_SHOWN)
        lines = self._alert_lines(notice.alerts, rest)
        return Message(
            head=self.word("digest", count=count),
            what="",
            facts=tuple(self._late()),
            lists=((self.word("alerts"), lines),) if lines else (),
            links=self._links(),
            footer=self._footer(),
        )

    def test(self) -> Message:
        """A test of a receiver."""
        return Message(
            head=self.word("test", receiver=clean(self._delivery.receiver)),
            what="",
            facts=((self.word("sender"), cut(clean(self._notice.by), MOST_NAME)),) if self._notice.by else (),
            sentences=(self.word("test_body"),),
            links=self._links(),
            footer=self._footer(),
        )
