"""The table of notifications: what each is called, what it is about, and what to do when it is heard.

Pure. A notification is a hint. Nothing in the table closes or opens a state: at most it asks for a poll.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from collector.poll.trap_map import Bind, Notice, lasting, other_form, value_text


def _like(pattern: str, expected: str) -> Meta:
    return Meta(pattern=pattern, extra={"expected": expected})


NAME = Annotated[str, _like(r"^[A-Za-z][A-Za-z0-9_.-]{0,63}\Z", "a name: letters, digits and _.- (1 to 64, first a letter)")]
OID = Annotated[str, _like(r"^[0-2](\.(0|[1-9][0-9]{0,9})){1,127}\Z", "an OID as 1.3.6.1.6.3.1.1.5.3")]
WORDS = Annotated[str, Meta(min_length=1, max_length=200)]


class Act(enum.StrEnum):
    """What a notification causes. Every act but `count` also keeps it as evidence."""

    POLL = "poll"
    POLL_RESET = "poll_reset"
    """Poll, and take nothing that was counted before as a base: the device started anew."""
    COUNT = "count"
    """Only count; evidence is kept when there are too many (`over`)."""
    AUDIT = "audit"
    """Keep it for people; nothing to measure has changed."""


class Role(enum.StrEnum):
    """What it says about its alarm."""

    RAISE = "raise"
    CLEAR = "clear"
    EVENT = "event"


class Words(msgspec.Struct, frozen=True):
    """A sentence without full stop; `{object}` is what the notification is about."""

    en: WORDS
    vi: WORDS

    def about(self, thing: str) -> Words:
        """With the object filled in."""
        return Words(*[" ".join(text.replace("{object}", thing).split()) for text in (self.en, self.vi)])


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the variables the object of interest stands: the index of a row, else a value; with neither it is the device."""

    row: Annotated[tuple[OID, ...], Meta(description="Conceptual rows (entries); the index of the first one met.")] = ()
    value: Annotated[tuple[OID, ...], Meta(description="Objects or columns; the value of the first one met.")] = ()
    label: Annotated[tuple[OID, ...], Meta(description="Columns whose value people know the object by.")] = ()


class Severity(msgspec.Struct, frozen=True, kw_only=True):
    """Of devices that raise and clear with one and the same notification (RADVISION's gateways: 0 is cleared)."""

    object: OID
    clear: tuple[int, ...] = (0,)


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one sender are a matter of their own."""

    count: Annotated[int, Meta(ge=2, le=1_000_000)]
    within_s: Annotated[int, Meta(ge=1, le=86_400)]
    words: Words


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the table. Two entries of one alarm, where one raises and the other clears it, belong together."""

    name: NAME
    oids: tuple[OID, ...] = ()
    """Its OIDs; the spelling that version 1 gives to each is meant as well (RFC 3584 section 3.1)."""
    under: tuple[OID, ...] = ()
    """All notifications below these that have no entry of their own."""
    act: Act = Act.POLL
    words: Words
    object: About | None = None
    """Without it, two of the same name are one if all their variables agree, times and counters left out."""
    raises: str = ""
    clears: str = ""
    severity: Severity | None = None
    over: Over | None = None

    def alarm(self) -> str:
        """What raises and what clears have in common."""
        return self.raises or self.clears or self.name

    def role(self, notice: Notice) -> Role:
        """Whether this one raises its alarm, clears it, or is an event."""
        if self.severity is not None:
            at = self.severity.object
            values = [bind.value for bind in notice.binds if _is_at(bind.oid, at)]
            return Role.CLEAR if values and values[0] in self.severity.clear else Role.RAISE
        if self.raises:
            return Role.RAISE
        return Role.CLEAR if self.clears else Role.EVENT

    def key(self, notice: Notice) -> Any:
        """What tells two objects of this notification apart."""
        if self.object is not None:
            return _object(self.object, notice.binds)
        severity = self.severity
        return lasting([bind for bind in notice.binds if severity is None or not _is_at(bind.oid, severity.object)])

    def thing(self, notice: Notice, secrets: Iterable[str] = ()) -> str:
        """The object as people know it; "" for the device itself."""
        if self.object is None:
            return ""
        label = _value(self.object.label, notice.binds, secrets)
        return label or _object(self.object, notice.binds, secrets)


UNLISTED: Final = Notification(
    name="unlisted",
    act=Act.POLL,
    words=Words("a notification that has no entry in the table", "bản tin chưa có trong bảng thông báo"),
)
"""What an OID that the table does not have is: a reason to look, like any other."""


class Table:
    """Notifications by OID. An entry's own spelling goes before the other spelling of another entry."""

    def __init__(self, notifications: Sequence[Notification]) -> None:
        self.notifications = tuple(notifications)
        self._by_oid: dict[str, Notification] = {}
        self._under: dict[str, Notification] = {}
        for each in self.notifications:
            self._by_oid.update(dict.fromkeys(each.oids, each))
            self._under.update(dict.fromkeys(each.under, each))
        for each in self.notifications:
            for oid in each.oids:
                self._by_oid.setdefault(other_form(oid), each)

    def find(self, oid: str) -> Notification:
        """The entry of a notification; `UNLISTED` if there is none."""
        found = self._by_oid.get(oid)
        while found is None and oid:
            found = self._under.get(oid)
            oid = oid.rpartition(".")[0]
        return found or UNLISTED


def _is_at(oid: str, at: str) -> bool:
    return oid == at or oid.startswith(f"{at}.")


def _value(places: Sequence[str], binds: Sequence[Bind], secrets: Iterable[str] = ()) -> str:
    for place in places:
        for bind in binds:
            if _is_at(bind.oid, place):
                return value_text(bind, secrets)
    return ""


def _object(about: About, binds: Sequence[Bind], secrets: Iterable[str] = ()) -> str:
    for row in about.row:
        for bind in binds:
            if bind.oid.startswith(f"{row}."):
                _, _, index = bind.oid[len(row) + 1 :].partition(".")
                return index
    return _value(about.value, binds, secrets)
