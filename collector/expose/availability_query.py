"""What the figures' API may be asked: subjects, a period, a moment K and policies, each checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from collector.core.acts import instant_ms
from collector.core.intervals import Interval
from collector.core.periods import PERIODS, parse
from collector.core.policy import POLICIES, Policy
from collector.core.roll import Roll
from collector.core.state import View
from collector.core.subject import SubjectKind
from collector.expose.requests import RequestError, read_query

MAX_DAYS: Final = 400
DAY_MS: Final = 86_400_000
MAX_LIVE: Final = 1_000
"""Subjects in one answer out of the running ledger."""
MAX_RECOMPUTED: Final = 200
"""Subjects in one answer that is recomputed from evidence."""
MAX_NAMED: Final = 200
Moment = Annotated[datetime, Meta(tz=True)]
_LOST_PLUS: Final = re.compile(r"(T[0-9:.]+) (\d\d:?\d\d)")
"""A `+` in a query string that was not escaped arrives as a blank."""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """A period: a window to date, a named one, or its two ends; and K."""

    window: Literal["", "day", "week", "month", "quarter", "year"] = ""
    period: str = ""
    from_: str = ""
    to: str = ""
    as_of: Moment | None = None


class FiguresQuery(When, frozen=True, rename={"from_": "from", "class_": "class"}):
    """What `/api/v1/availability` may be asked."""

    subject: Annotated[tuple[str, ...], Meta(max_length=MAX_NAMED)] = ()
    site: str = ""
    group: str = ""
    class_: str = ""
    kind: SubjectKind | None = None
    view: View | None = None
    policy: str = ""
    annex: Literal["", "all"] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_LIVE)] | None = None
    after: str = ""


class SubjectsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"class_": "class"}):
    """What `/api/v1/subjects` may be asked."""

    site: str = ""
    group: str = ""
    class_: str = ""
    kind: SubjectKind | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    after: str = ""


class HistoryQuery(When, frozen=True, rename={"from_": "from"}):
    """What `/spans` and `/incidents` of a subject may be asked. `after` is a moment: only what ends later is told."""

    view: View | None = None
    limit: Annotated[int, Meta(ge=1, le=5_000)] = 1_000
    after: Moment | None = None


class Asked(msgspec.Struct, frozen=True):
    """A period and K. `is_live`: the running ledger holds the answer."""

    name: str
    period: Interval
    known_ms: int
    window: str = ""
    is_as_of: bool = False


def read_figures(pairs: Iterable[tuple[str, str]]) -> FiguresQuery:
    """The query string; `subject` may come several times. Raises `RequestError` (400)."""
    found: dict[str, str | list[str]] = {}
    for name, value in pairs:
        if name == "subject":
            known = found.setdefault(name, [])
            assert isinstance(known, list)
            known.append(value)
        else:
            found[name] = _moment(name, value)
    return read_query(found.items(), FiguresQuery)


def read_history(pairs: Iterable[tuple[str, str]]) -> HistoryQuery:
    """The query string. Raises `RequestError` (400)."""
    return read_query([(name, _moment(name, value)) for name, value in pairs], HistoryQuery)


def _moment(name: str, value: str) -> str:
    return _LOST_PLUS.sub(r"\1+\2", value) if name in ("from", "to", "as_of", "after", "period") else value


def asked_for(when: When, zone: ZoneInfo, now_ms: int, *, default: str) -> Asked:
    """The period and K. Raises `RequestError` (422): two periods at once, none, inverted, too long, K in the future."""
    known_ms = now_ms
    if when.as_of is not None:
        known_ms = instant_ms(when.as_of)
        if known_ms > now_ms:
            detail = "expected an as_of that is not in the future"
            raise RequestError(422, "in_future", detail, value=when.as_of.isoformat())
    given = [bool(when.window), bool(when.period), bool(when.from_ or when.to)]
    if sum(given) > 1 or bool(when.from_) is not bool(when.to):
        raise RequestError(422, "bad_period", "expected one of `window`, `period`, or `from` with `to`")
    is_as_of = when.as_of is not None
    if given[1] or given[2]:
        text = when.period or f"{when.from_}/{when.to}"
        return Asked(text, _parsed(text, zone), known_ms, is_as_of=is_as_of)
    name = when.window or default
    try:
        period = PERIODS[name](zone, known_ms)
    except (OverflowError, ValueError):
        raise RequestError(422, "bad_period", "expected an as_of of the years 2 to 9998") from None
    return Asked(name, period, known_ms, name, is_as_of)


def _parsed(text: str, zone: ZoneInfo) -> Interval:
    try:
        period = parse(text, zone)
    except ValueError as error:
        raise RequestError(422, "bad_period", str(error), value=text) from None
    if period[1] - period[0] > MAX_DAYS * DAY_MS:
        raise RequestError(422, "too_long", f"expected a period of at most {MAX_DAYS} days", value=text)
    return period


def policies_of(query: FiguresQuery) -> tuple[Policy | None, ...]:
    """By which policies; None is the subject's own. Raises `RequestError` (422)."""
    if query.annex:
        return tuple(POLICIES.values())
    if not query.policy:
        return (None,)
    if query.policy not in POLICIES:
        raise RequestError(422, "unknown_policy", f"expected one of {', '.join(POLICIES)}", value=query.policy)
    return (POLICIES[query.policy],)


class Choice(msgspec.Struct, frozen=True):
    """Which subjects. Names that nobody knows are refused, not answered with nothing."""

    named: tuple[str, ...] = ()
    site: str = ""
    group: str = ""
    class_: str = ""
    kind: SubjectKind | None = None

    def check(self, roll: Roll) -> None:
        """Raises `RequestError` (404) for a subject, site, group or class that the roll never had."""
        for id_ in self.named:
            if id_ not in roll:
                raise RequestError(404, "unknown_subject", "no subject has this id", value=id_)
        if self.group and (self.group not in roll or roll.subject(self.group).group is None):
            raise RequestError(404, "unknown_group", "expected the id of a group or site, such as group:ID", value=self.group)
        if self.site and not any(roll.subject(id_).site == self.site for id_ in roll):
            raise RequestError(404, "unknown_site", "no subject is of this site", value=self.site)
        if self.class_ and not any(roll.subject(id_).class_ == self.class_ for id_ in roll):
            raise RequestError(404, "unknown_class", "no subject is of this class", value=self.class_)

    def of(self, roll: Roll, *, gone: bool) -> list[str]:
        """The subjects meant, in order of id. A group means itself and its members; `gone`: also those out of service."""
        ids: Iterable[str] = self.named or roll.ids
        members = {self.group, *roll.members(self.group)} if self.group and self.group in roll else set()
        return [
            id_
            for id_ in sorted(set(ids))
            if id_ in roll
            and (gone or self.named or not roll.is_gone(id_))
            and (not self.group or id_ in members)
            and self._fits(roll, id_)
        ]

    def _fits(self, roll: Roll, id_: str) -> bool:
        subject = roll.subject(id_)
        return (
            self.site in ("", subject.site)
            and self.class_ in ("", subject.class_)
            and (self.kind is None or subject.kind is self.kind)
        )
