"""What people do to the ledger, as append-only acts: create, approve, end, cancel; and why one is refused.

Pure. An act is known since `t_ms` (R1.3): as of K, only acts with `t_ms <= K` exist, in whatever order they are given.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from collector.core.people import Actor, Right, may, same_person

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
EARLIEST_MS: Final = 0
LATEST_MS: Final = 4_102_444_800_000
"""Acts speak of the years 1970 to 2099."""
MAX_TEXT: Final = 500


class Family(enum.StrEnum):
    """What an act is about."""

    MAINTENANCE = "maintenance"
    CORRECTION = "correction"


class ActKind(enum.StrEnum):
    """`end`: the work was over at `end_ms`; `cancel`: it does not count (of a series: no more from then on)."""

    CREATE = "create"
    APPROVE = "approve"
    END = "end"
    CANCEL = "cancel"


class ActProblem(enum.StrEnum):
    """Why an act is refused: a closed list, also the `code` of the API."""

    FORBIDDEN = "forbidden"
    """The role does not have the right."""
    NOT_OWN = "not_own"
    """Only its author or an admin may end or cancel it."""
    SELF_APPROVAL = "self_approval"
    """R11.1: approved by its author."""
    UNKNOWN_OBJECT = "unknown_object"
    UNKNOWN_NAME = "unknown_name"
    """The scope names what inventory does not have."""
    EMPTY_SCOPE = "empty_scope"
    EMPTY = "empty"
    """It ends when it begins."""
    INVERTED = "inverted"
    """It ends before it begins."""
    TOO_LONG = "too_long"
    OUT_OF_RANGE = "out_of_range"
    """A time outside the years 1970 to 2099."""
    BAD_REPEAT = "bad_repeat"
    OVERLAPS_ITSELF = "overlaps_itself"
    """An occurrence reaches into the next one of its series."""
    BAD_TEXT = "bad_text"
    DUPLICATE = "duplicate"
    """The same times and scope are pending or approved already."""
    OVERLAPS = "overlaps"
    """A window with the same scope, pending or approved, has some of the same time."""
    SECOND_PERSON = "second_person"
    """R17.2: what counts in a month that is over is not taken back by its author alone."""
    NEEDS_REASON = "needs_reason"
    """R11.3: retroactive, without reason or change number."""
    TOO_LATE = "too_late"
    """R11.3: after `retro_limit`."""
    ALREADY_APPROVED = "already_approved"
    CANCELLED = "cancelled"
    IN_FUTURE = "in_future"
    """An end, or the end of a correction, that is still to come."""
    BEFORE_START = "before_start"
    OVER = "over"
    """It was over before."""
    NO_OCCURRENCE = "no_occurrence"
    """No occurrence of the series starts then."""
    KEY_REUSED = "key_reused"
    """An idempotency key came again with something else."""


class ActRefusedError(Exception):
    """An act is refused and nothing was recorded. `value` is what was wrong, `detail` says what was expected."""

    def __init__(self, problem: ActProblem, value: str, detail: str) -> None:
        super().__init__(f"{value}: {detail}" if value else detail)
        self.problem = problem
        self.value = value
        self.detail = detail


class Names(msgspec.Struct, frozen=True):
    """What a scope may name: ids, sites, classes and labels of inventory at present."""

    subjects: Collection[str] = frozenset()
    sites: Collection[str] = frozenset()
    classes: Collection[str] = frozenset()
    labels: Collection[tuple[str, str]] = frozenset()


class Rulebook(msgspec.Struct, frozen=True):
    """What acts are checked against. `holidays` are local ISO dates that are no working days."""

    names: Names
    zone: str = "Asia/Ho_Chi_Minh"
    retro_days: int = 5
    holidays: frozenset[str] = frozenset()


P = TypeVar("P")


class Body(msgspec.Struct, Generic[P], frozen=True, omit_defaults=True):
    """What an act says besides who, what and when: the plan of a `create`, the end of an `end`, and the texts of a
    retroactive approval."""

    plan: P | None = None
    end_ms: int | None = None
    """Real end; it may lie before the act (R11.1)."""
    occurrence_ms: int | None = None
    """Start of the one occurrence meant; None: a window as a whole, or the rest of a series."""
    reason: str = ""
    change: str = ""


class Act(msgspec.Struct, Generic[P], frozen=True):
    """One act. `seq` is the order of recording; it only breaks ties."""

    seq: int
    object: str
    kind: ActKind
    t_ms: int
    actor: str
    body: Body[P]


class Record(msgspec.Struct, Generic[P], frozen=True):
    """Everything known of one window or correction as of some K. `approved_ms` is None while nobody else approved it."""

    id: str
    plan: P
    author: str
    created_ms: int
    approver: str = ""
    approved_ms: int | None = None
    reason: str = ""
    """The creator's, else the approver's."""
    change: str = ""
    ends: tuple[Act[P], ...] = ()
    cancels: tuple[Act[P], ...] = ()

    @property
    def cancelled(self) -> Act[P] | None:
        """The act that cancelled it as a whole (of a series: the rest)."""
        return next((act for act in self.cancels if act.body.occurrence_ms is None), None)

    @property
    def known_ms(self) -> int | None:
        """Since when it counts, None if it does not."""
        return None if self.approved_ms is None else max(self.created_ms, self.approved_ms)


def fold(acts: Iterable[Act[P]], known_ms: int) -> dict[str, Record[P]]:
    """Records as of `known_ms`, by id. The order of `acts` and doubles among them do not matter.

    The first approval by someone other than the author counts (R11.1); one that came after a cancellation does not.
    """
    grouped: dict[str, dict[tuple[int, int, ActKind, str], Act[P]]] = {}
    for act in acts:
        if act.t_ms <= known_ms:
            grouped.setdefault(act.object, {})[act.t_ms, act.seq, act.kind, act.actor] = act
    records = {}
    for id_ in sorted(grouped):
        record = _record([grouped[id_][key] for key in sorted(grouped[id_])])
        if record is not None:
            records[id_] = record
    return records


def _record(acts: Sequence[Act[P]]) -> Record[P] | None:
    created = next((act for act in acts if act.kind is ActKind.CREATE), None)
    if created is None or created.body.plan is None:
        return None
    cancels = tuple(act for act in acts if act.kind is ActKind.CANCEL)
    whole = min((act.t_ms for act in cancels if act.body.occurrence_ms is None), default=None)
    approved = next(
        (
            act
            for act in acts
            if act.kind is ActKind.APPROVE
            and not same_person(act.actor, created.actor)
            and (whole is None or act.t_ms <= whole)
        ),
        None,
    )
    said = approved.body if approved is not None else created.body
    return Record(
        created.object,
        created.body.plan,
        created.actor,
        created.t_ms,
        approved.actor if approved is not None else "",
        approved.t_ms if approved is not None else None,
        created.body.reason or said.reason,
        created.body.change or said.change,
        tuple(act for act in acts if act.kind is ActKind.END),
        cancels,
    )


def next_month_ms(at_ms: int, zone: str) -> int:
    """End of the local month that an instant lies in (R2.5)."""
    local = datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone))
    return local_midnight_ms(date(local.year + local.month // 12, local.month % 12 + 1, 1), zone)


def local_midnight_ms(day: date, zone: str) -> int:
    """When a local day begins."""
    return instant_ms(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)))


def instant_ms(moment: datetime) -> int:
    """An aware moment in milliseconds, exact."""
    return (moment.astimezone(UTC) - _EPOCH) // _MS


@lru_cache(maxsize=256)
def _deadline(end_ms: int, zone: str, days: int, holidays: frozenset[str]) -> int:
    day = datetime.fromtimestamp(end_ms // 1000, ZoneInfo(zone)).date()
    left = days
    while left > 0:
        if day.weekday() < 5 and day.isoformat() not in holidays:
            left -= 1
        day += timedelta(days=1)
    return local_midnight_ms(day, zone)


def deadline_ms(at_ms: int, rules: Rulebook) -> int:
    """Until when people may still change what an instant counts as (R11.3): the end of the last of `retro_days` working days
    (Monday to Friday without holidays) after the local month that the instant lies in."""
    return _deadline(next_month_ms(at_ms, rules.zone), rules.zone, rules.retro_days, rules.holidays)


def require(actor: Actor, right: Right) -> None:
    """Raises `ActRefusedError` (forbidden)."""
    if not may(actor.role, right):
        raise ActRefusedError(ActProblem.FORBIDDEN, actor.role.value, f"this role may not {right.value.replace('_', ' ')}")


def require_in_time(touched_ms: int, t_ms: int, rules: Rulebook) -> None:
    """Raises `ActRefusedError` (too_late) when `touched_ms` may not be changed any more (R11.3)."""
    if touched_ms < t_ms and t_ms >= deadline_ms(touched_ms, rules):
        limit = f"{rules.retro_days} working days after the end of the month it touches"
        raise ActRefusedError(ActProblem.TOO_LATE, "", f"expected within {limit} (R11.3)")


def require_second_person(record: Record[P], actor: Actor, touched_ms: int, t_ms: int, zone: str) -> None:
    """Raises `ActRefusedError` (second_person) when the author would change alone what an approved act says of a month that is
    over: its figures are issued, and two people restate them (R17.2)."""
    is_over = t_ms >= next_month_ms(touched_ms, zone)
    if record.approved_ms is not None and is_over and same_person(actor.name, record.author):
        raise ActRefusedError(ActProblem.SECOND_PERSON, record.id, "expected someone else than its author (R17.2)")


def require_texts(reason: str, change: str) -> None:
    """A retroactive act says why and under which change number (R11.3). Raises `ActRefusedError` (needs_reason)."""
    for name, text in (("reason", reason), ("change", change)):
        if not text.strip():
            raise ActRefusedError(ActProblem.NEEDS_REASON, name, "needed for what changes the past (R11.3)")


def require_printable(**texts: str) -> None:
    """Raises `ActRefusedError` (bad_text)."""
    for name, text in texts.items():
        if len(text) > MAX_TEXT or any(not char.isprintable() for char in text):
            raise ActRefusedError(ActProblem.BAD_TEXT, name, f"expected one line of at most {MAX_TEXT} printable characters")


def require_interval(from_ms: int, to_ms: int, longest_ms: int) -> None:
    """Raises `ActRefusedError` (out_of_range, inverted, empty, too_long)."""
    if not (EARLIEST_MS <= from_ms <= LATEST_MS and EARLIEST_MS <= to_ms <= LATEST_MS):
        raise ActRefusedError(ActProblem.OUT_OF_RANGE, "", "expected times in the years 1970 to 2099")
    if to_ms < from_ms:
        raise ActRefusedError(ActProblem.INVERTED, "", "expected an end after the beginning")
    if to_ms == from_ms:
        raise ActRefusedError(ActProblem.EMPTY, "", "expected an end after the beginning")
    if to_ms - from_ms > longest_ms:
        raise ActRefusedError(ActProblem.TOO_LONG, "", f"expected at most {longest_ms // 86_400_000} days")


def require_approvable(record: Record[P], actor: Actor) -> None:
    """Raises `ActRefusedError` (self_approval, cancelled, already_approved)."""
    require(actor, Right.APPROVE)
    if same_person(actor.name, record.author):
        raise ActRefusedError(ActProblem.SELF_APPROVAL, record.id, "expected approval by someone else than its author (R11.1)")
    if record.cancelled is not None:
        raise ActRefusedError(ActProblem.CANCELLED, record.id, "it is cancelled")
    if record.approved_ms is not None:
        raise ActRefusedError(ActProblem.ALREADY_APPROVED, record.id, f"{record.approver} approved it")


def require_takeable(record: Record[P], actor: Actor) -> None:
    """Raises `ActRefusedError` (forbidden, not_own, cancelled)."""
    require(actor, Right.TAKE_BACK)
    if not same_person(actor.name, record.author) and not may(actor.role, Right.TAKE_BACK_ANY):
        raise ActRefusedError(ActProblem.NOT_OWN, record.id, f"expected its author {record.author} or an admin")
    if record.cancelled is not None:
        raise ActRefusedError(ActProblem.CANCELLED, record.id, "it is cancelled already")
