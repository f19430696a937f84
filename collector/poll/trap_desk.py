"""What is made of a notice: whose it is, what it says, whether it is news, and what to do about it.

Pure: told the time. It never says that something is up or down; it says what was heard, and that it is time to look.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from agent.model import Kind, Outcome, Report
from collector.poll.trap_limit import Rates, Repeats
from collector.poll.trap_map import MAX_TEXT, Notice, shown, whose
from collector.poll.trap_table import UNLISTED, Act, Notification, Role, Table, Words

TRAP: Final = "trap"
"""Module of the reports that keep what was heard. They are evidence for people and judge nothing."""


class Fate(enum.StrEnum):
    """What became of a datagram: each has exactly one, so that they add up to what was received."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    LIMITED = "limited"
    """Its sender, or all together, sent more than is heard."""
    UNKNOWN_SOURCE = "unknown_source"
    BAD_COMMUNITY = "bad_community"
    BAD_USER = "bad_user"
    """Unknown user, wrong password, or less protection than the user's entry asks for (SNMPv3)."""
    STALE = "stale"
    """Outside the time window of its engine: repeated by somebody, or very late (RFC 3414 section 3.2, 7b)."""
    MALFORMED = "malformed"
    DROPPED = "dropped"
    """There was no room in the queue."""
    EXCHANGE = "exchange"
    """Not a notification but the question for our engine id and time that comes before an inform of SNMPv3."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A notification of a target that is news, as evidence. `words` and `binds` hold no secret."""

    target: str
    notification: str
    oid: str
    source: str
    at_ms: int
    words: Words
    binds: str = ""
    object: str = ""
    role: Role = Role.EVENT
    act: Act = Act.POLL
    repeated: int = 0
    """How often the one before it was repeated without being kept."""

    @property
    def is_poll(self) -> bool:
        """Whether its target is to be polled at once."""
        return self.act in (Act.POLL, Act.POLL_RESET)


def report(heard: Heard, uptime_ms: int, awake_ms: int) -> Report:
    """The report that keeps `heard`: of kind `report`, which no outcome and no state is made of; it does not repeat."""
    repeated = f"; repeated {heard.repeated} times before" if heard.repeated else ""
    detail = f"{heard.notification} from {heard.source}: {heard.words.en} ({heard.oid}{repeated}) {heard.binds}".rstrip()
    return Report(
        seq=0,
        target=heard.target,
        module=TRAP,
        kind=Kind.REPORT,
        at_ms=heard.at_ms,
        uptime_ms=uptime_ms,
        awake_ms=awake_ms,
        outcome=Outcome.OK,
        detail=detail if len(detail) <= MAX_TEXT else f"{detail[: MAX_TEXT - 1]}…",
    )


class Verdict(msgspec.Struct, frozen=True):
    """What became of a notice, and what of it is kept: once for each target at that address."""

    fate: Fate
    heard: tuple[Heard, ...] = ()
    notification: str = ""


class Desk:
    """Judges notices. `secrets` are words that no text may show."""

    def __init__(self, table: Table, same_s: int, secrets: Collection[str] = ()) -> None:
        self.known: Mapping[str, Sequence[str]] = {}
        """Address as `plain_address` spells it -> the targets there."""
        self.proxies: Collection[str] = frozenset()
        self._table = table
        self._secrets = tuple(sorted(secrets, key=len, reverse=True))
        self._repeats = Repeats(same_s)
        self._rates = Rates()

    def is_known(self, source: str) -> bool:
        """Whether anything that comes from this address may be looked at."""
        return source in self.known or source in self.proxies

    def judge(self, notice: Notice, uptime_ms: int, at_ms: int) -> Verdict:
        """What `notice`, heard at `uptime_ms` (`at_ms` by the wall clock), is."""
        targets = whose(notice, self.known, self.proxies)
        if not targets:
            return Verdict(Fate.UNKNOWN_SOURCE)
        entry = self._table.find(notice.oid)
        if entry.act is Act.COUNT:
            words = self._too_many(entry, notice, targets, uptime_ms)
            kept = [self._heard(entry, notice, target, at_ms, words) for target in targets] if words else []
            return Verdict(Fate.ACCEPTED, tuple(kept), entry.name)
        role = entry.role(notice)
        alarm = notice.oid if entry is UNLISTED or entry.under else entry.alarm()
        key = (targets[0], notice.source, alarm, entry.key(notice))
        if self._repeats.is_repeat(key, role, uptime_ms):
            return Verdict(Fate.DUPLICATE, (), entry.name)
        repeated = self._repeats.note(key, role, uptime_ms)
        words = entry.words.about(entry.thing(notice, self._secrets))
        heard = [self._heard(entry, notice, target, at_ms, words, role=role, repeated=repeated) for target in targets]
        return Verdict(Fate.ACCEPTED, tuple(heard), entry.name)

    def _too_many(self, entry: Notification, notice: Notice, targets: Sequence[str], now_ms: int) -> Words | None:
        over = entry.over
        if over is None or not self._rates.is_too_many((targets[0], entry.name), over.count, over.within_s, now_ms):
            return None
        return over.words.about(entry.thing(notice, self._secrets))

    def _heard(
        self,
        entry: Notification,
        notice: Notice,
        target: str,
        at_ms: int,
        words: Words,
        *,
        role: Role = Role.EVENT,
        repeated: int = 0,
    ) -> Heard:
        return Heard(
            target=target,
            notification=entry.name,
            oid=notice.oid,
            source=notice.source,
            at_ms=at_ms,
            words=words,
            binds=shown(notice.binds, self._secrets),
            object=entry.thing(notice, self._secrets),
            role=role,
            act=entry.act,
            repeated=repeated,
        )
