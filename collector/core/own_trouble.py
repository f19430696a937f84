"""What is wrong with the collector itself, from what it reads of itself. Pure: each trouble is a function of the facts, with a
margin on the way back and a calm that must last before it is over.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from collector.core.alert import COLLECTOR_SUBJECT, AlertKey, AlertKind, Condition, Severity, Trouble
from collector.core.grading import Scale, Threshold, gravest
from collector.core.poll_view import WayOut

MIB: Final = 1024 * 1024
RATIO_FREE: Final = Scale(Threshold(0.10, 0.12), Threshold(0.03, 0.04))
BYTES_FREE: Final = Scale(Threshold(500 * MIB, 600 * MIB), Threshold(100 * MIB, 150 * MIB))
UNSENT_S: Final = Scale(Threshold(300, 120), Threshold(1_800, 600))
"""Age of the oldest notification that is not delivered."""
UNWRITTEN_MS: Final = 30_000
"""How long commits fail or wait before the database is in trouble."""
DARK_MS: Final = 30_000
"""How long nothing is seen at all before that is told: a store that was busy for some seconds is none of a pager's business."""
UNSEEING_MS: Final = 15_000
"""A way out has so long to answer, also after a start."""
STEPPED_MS: Final = 600_000
"""How long a step of the wall clock is told."""
UNSYNCHRONISED_MS: Final = 600_000
"""How long the kernel may call its clock unsynchronised: after a boot it does so for minutes."""
FAILURES: Final = 3
"""In a row, before judging or paging is in trouble."""
CALM_MS: Final = 30_000
"""How long a trouble must be gone before it is over."""


class OwnReason(enum.StrEnum):
    """What of a trouble it is: a closed list, put into words where it is shown."""

    BYTES_LOW = "bytes_low"
    FILES_LOW = "files_low"
    """The file system has no room for more files (inodes)."""
    UNREADABLE = "unreadable"
    """The data folder itself cannot be looked at."""
    UNWRITTEN = "unwritten"
    UNSENT = "unsent"
    DEAD_LETTERS = "dead_letters"
    NO_WAY_OUT = "no_way_out"
    """No way out sees."""
    WAY_LOST = "way_lost"
    """Some ways out see, some do not."""
    DARK = "dark"
    """What comes cannot be stored, or nobody looked: nothing is seen."""
    CLOCK_STEP = "clock_step"
    UNSYNCHRONISED = "unsynchronised"
    FAILING = "failing"


class Disk(msgspec.Struct, frozen=True):
    """The file system of the data folder. `files` are 0 where it does not count them."""

    free_bytes: int
    bytes: int
    free_files: int = 0
    files: int = 0


class Loop(msgspec.Struct, frozen=True):
    """Work that is done again and again: how often it has failed in a row, and why. `is_grave`: nobody is judged or paged
    without it."""

    name: str
    failures: int
    error: str = ""
    is_grave: bool = True


class Facts(msgspec.Struct, frozen=True):
    """What was read at one moment. Milliseconds are the collector's timeline."""

    now_ms: int
    disk: Disk | None = None
    """None: it could not be read; `disk_error` says why, or is empty where nobody asked."""
    disk_error: str = ""
    unwritten_ms: int | None = None
    """Since when writes fail or what came waits to be written; None: nothing does."""
    unwritten: str = ""
    oldest_unsent_ms: int | None = None
    dead_letters: int = 0
    ways: tuple[WayOut, ...] = ()
    dark_ms: int | None = None
    """Since when the collector sees nothing at all."""
    stepped_ms: int | None = None
    """When the wall clock last stepped."""
    step_s: float = 0.0
    unsynchronised_ms: int | None = None
    """Since when the kernel says that its clock follows no other; None: it does, or nobody knows."""
    loops: tuple[Loop, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    """A trouble at one moment."""

    severity: Severity
    reason: OwnReason
    detail: str
    since_ms: int
    value: float | None = None


class Known(msgspec.Struct, frozen=True):
    """A trouble as it goes on. `calm_ms`: since when nothing is found of it any more."""

    finding: Finding
    known_ms: int
    calm_ms: int | None = None


Before = Finding | None
_CRITICAL, _WARNING = Severity.CRITICAL, Severity.WARNING


def _was(before: Before, reason: OwnReason) -> Severity | None:
    """How grave the trouble was for this reason: another one does not widen the margin."""
    return before.severity if before is not None and before.reason is reason else None


def disk(facts: Facts, before: Before) -> Finding | None:
    """Little room for bytes or for files."""
    found = facts.disk
    if found is None:
        if not facts.disk_error:
            return None
        return Finding(_CRITICAL, OwnReason.UNREADABLE, facts.disk_error, facts.now_ms)
    if not found.bytes:  # a file system that does not tell its size
        return None
    ratio = found.free_bytes / found.bytes
    files = found.free_files / found.files if found.files else 1.0
    was = _was(before, OwnReason.BYTES_LOW)
    by_bytes = gravest(RATIO_FREE.grade(ratio, was), BYTES_FREE.grade(found.free_bytes, was))
    by_files = RATIO_FREE.grade(files, _was(before, OwnReason.FILES_LOW))
    severity = gravest(by_bytes, by_files)
    if severity is None:
        return None
    if by_bytes is severity:
        text = f"{found.free_bytes // MIB} MiB of {found.bytes // MIB} MiB are free in the data folder's file system"
        return Finding(severity, OwnReason.BYTES_LOW, text, facts.now_ms, ratio)
    text = f"{found.free_files} of {found.files} files are free in the data folder's file system"
    return Finding(severity, OwnReason.FILES_LOW, text, facts.now_ms, files)


def database(facts: Facts, _before: Before) -> Finding | None:
    """Writes fail, or wait for too long."""
    since_ms = facts.unwritten_ms
    if since_ms is None or facts.now_ms - since_ms <= UNWRITTEN_MS:
        return None
    waited_s = (facts.now_ms - since_ms) / 1000
    return Finding(_CRITICAL, OwnReason.UNWRITTEN, facts.unwritten or "nothing can be written", since_ms, waited_s)


def outbox(facts: Facts, before: Before) -> Finding | None:
    """Notifications wait for too long, or were given up."""
    oldest_ms = facts.oldest_unsent_ms
    age_s = 0.0 if oldest_ms is None else (facts.now_ms - oldest_ms) / 1000
    severity = UNSENT_S.grade(age_s, _was(before, OwnReason.UNSENT))
    if severity is not None and oldest_ms is not None:
        text = f"the oldest notification that is not delivered has waited for {age_s:.0f} s"
        return Finding(severity, OwnReason.UNSENT, text, oldest_ms, age_s)
    if facts.dead_letters:
        text = f"notifications that were given up: {facts.dead_letters}"
        return Finding(_WARNING, OwnReason.DEAD_LETTERS, text, facts.now_ms, float(facts.dead_letters))
    return None


def blind(facts: Facts, _before: Before) -> Finding | None:
    """The collector does not see. Where that is because nothing can be stored, the database's trouble says it."""
    is_unwritten = database(facts, None) is not None
    if facts.dark_ms is not None and not is_unwritten and facts.now_ms - facts.dark_ms > DARK_MS:
        return Finding(_CRITICAL, OwnReason.DARK, "what is observed cannot be taken at present", facts.dark_ms)
    lost = [way for way in facts.ways if not way.is_seeing and facts.now_ms - way.since_ms > UNSEEING_MS]
    if not lost:
        return None
    names = ", ".join([way.uplink for way in lost])
    text = f"no reference answers over: {names}"
    if len(lost) == len(facts.ways):
        return Finding(_CRITICAL, OwnReason.NO_WAY_OUT, text, max([way.since_ms for way in lost]), float(len(lost)))
    return Finding(_WARNING, OwnReason.WAY_LOST, text, min([way.since_ms for way in lost]), float(len(lost)))


def clock(facts: Facts, before: Before) -> Finding | None:
    """The wall clock stepped, or follows no other; where that was known before a restart, it is not forgotten by it."""
    if facts.stepped_ms is not None and facts.now_ms - facts.stepped_ms < STEPPED_MS:
        text = f"the wall clock has stepped by {facts.step_s:+.1f} s"
        return Finding(_WARNING, OwnReason.CLOCK_STEP, text, facts.stepped_ms, facts.step_s)
    since_ms = facts.unsynchronised_ms
    is_known = _was(before, OwnReason.UNSYNCHRONISED) is not None
    if since_ms is not None and (is_known or facts.now_ms - since_ms >= UNSYNCHRONISED_MS):
        return Finding(_WARNING, OwnReason.UNSYNCHRONISED, "the kernel calls its clock unsynchronised", since_ms)
    return None


def ledger(facts: Facts, _before: Before) -> Finding | None:
    """Judging or paging fails again and again."""
    failing = [loop for loop in facts.loops if loop.failures >= FAILURES]
    if not failing:
        return None
    worst = min(failing, key=lambda loop: (not loop.is_grave, -loop.failures))
    text = f"{worst.name} failed {worst.failures} times in a row" + (f": {worst.error}" if worst.error else "")
    severity = _CRITICAL if worst.is_grave else _WARNING
    return Finding(severity, OwnReason.FAILING, text, facts.now_ms, float(worst.failures))


TROUBLES: Final[Mapping[Trouble, Callable[[Facts, Before], Finding | None]]] = {
    Trouble.DISK: disk,
    Trouble.DATABASE: database,
    Trouble.OUTBOX: outbox,
    Trouble.BLIND: blind,
    Trouble.CLOCK: clock,
    Trouble.LEDGER: ledger,
}


def follow(facts: Facts, known: Mapping[Trouble, Known]) -> dict[Trouble, Known]:
    """The troubles that go on after one more look. What is found again keeps its beginning; what is not found any more goes on
    until it has been calm for `CALM_MS`."""
    out: dict[Trouble, Known] = {}
    for trouble, find in TROUBLES.items():
        before = known.get(trouble)
        found = find(facts, before.finding if before is not None else None)
        if found is not None:
            since_ms = min(found.since_ms, before.finding.since_ms) if before is not None else found.since_ms
            known_ms = before.known_ms if before is not None else facts.now_ms
            out[trouble] = Known(msgspec.structs.replace(found, since_ms=since_ms), known_ms)
        elif before is not None:
            calm_ms = facts.now_ms if before.calm_ms is None else before.calm_ms
            if facts.now_ms - calm_ms < CALM_MS:
                out[trouble] = msgspec.structs.replace(before, calm_ms=calm_ms)
    return out


def key_of(trouble: Trouble) -> AlertKey:
    """What an alert of this trouble is about."""
    return AlertKey(COLLECTOR_SUBJECT, AlertKind.COLLECTOR, trouble.value)


def condition_of(trouble: Trouble, known: Known) -> Condition:
    """The trouble as a condition."""
    found = known.finding
    return Condition(
        key_of(trouble), found.severity, found.since_ms, known.known_ms, reason=found.reason, detail=found.detail[:300],
        value=found.value,
    )  # fmt: skip


def known_of(condition: Condition) -> tuple[Trouble, Known]:
    """Inverse of `condition_of`, for what was known before a restart. `ValueError` for what is no trouble of ours."""
    finding = Finding(condition.severity, OwnReason(condition.reason), condition.detail, condition.since_ms, condition.value)
    return Trouble(condition.key.name), Known(finding, condition.known_ms)
