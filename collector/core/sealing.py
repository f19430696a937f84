"""Closed days as bytes: spans packed by month, canonical bytes of a day's evidence, and the chain that seals both (R17.4).

Pure. What is packed here must be read for years: tables of codes are only ever added to.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from agent.model import Outcome
from collector.core import details as details_
from collector.core.audit import AuditEntry
from collector.core.details import NOTHING, Details
from collector.core.evidence import Grade, Run
from collector.core.monthly import RestatementLine
from collector.core.restate import Restated
from collector.core.state import Span, State, View, Why
from collector.core.waypoints import known_at

_STATES: Final = (State.UP, State.DEGRADED, State.DOWN, State.UNREACHABLE, State.UNKNOWN)
_WHYS: Final = (
    Why.OBSERVED, Why.REPORTING, Why.NEVER, Why.SILENT, Why.STALE, Why.BLIND, Why.PENDING, Why.PATH, Why.PATH_UNCLEAR,
    Why.REBOOT, Why.SHUTDOWN, Why.STALL, Why.BACKFILL, Why.CONTINUITY, Why.BRIDGED, Why.CORRECTED, Why.MEMBERS, Why.STATED,
)  # fmt: skip
_GAP: Final = 255
"""Code of time without a span: out of scope."""
_CODE: Final = {(state, why): 32 * s + w for s, state in enumerate(_STATES) for w, why in enumerate(_WHYS)}
_STATE: Final = [_STATES[min(code >> 5, 4)] for code in range(256)]
_WHY: Final = [_WHYS[min(code & 31, len(_WHYS) - 1)] for code in range(256)]
_VIEWS: Final = (View.DEVICE, View.E2E)
_LONGEST_MS: Final = 2**32 - 1
"""49 days: what one pack can hold."""
_BIG_ENDIAN: Final = sys.byteorder == "big"


def pack(spans: Sequence[Span], base_ms: int) -> bytes:
    """Spans in order, none overlapping, from `base_ms` on for at most 49 days, in 5 bytes each (and 4).

    Bounds as 32-bit little-endian milliseconds since `base_ms`, then a byte of state and why for each piece between two
    bounds. Raises ValueError for spans that do not fit.
    """
    if not spans:
        return b""
    at_ms = spans[0].from_ms
    bounds, codes = [at_ms - base_ms], bytearray()
    for span in spans:
        if not base_ms <= at_ms <= span.from_ms < span.to_ms <= base_ms + _LONGEST_MS:
            raise ValueError(
                f"spans: found {span.from_ms}..{span.to_ms} after {at_ms}, expected order from {base_ms} on, 49 days"
            )
        if span.from_ms > at_ms:
            bounds.append(span.from_ms - base_ms)
            codes.append(_GAP)
        bounds.append(span.to_ms - base_ms)
        codes.append(_CODE[span.state, span.why])
        at_ms = span.to_ms
    packed = array("I", bounds)
    if _BIG_ENDIAN:
        packed.byteswap()
    return packed.tobytes() + bytes(codes)


def unpack(blob: bytes, base_ms: int) -> list[Span]:
    """Inverse of `pack`. Raises ValueError for bytes that `pack` did not make."""
    if not blob:
        return []
    count, rest = divmod(len(blob) - 4, 5)
    if rest or count < 1:
        raise ValueError(f"packed spans: found {len(blob)} bytes, expected 4 and 5 a span")
    bounds = array("I", blob[: 4 * count + 4])
    if _BIG_ENDIAN:
        bounds.byteswap()
    codes = blob[4 * count + 4 :]
    instants = [base_ms + bound for bound in bounds]
    spans = list(map(Span, instants, instants[1:], map(_STATE.__getitem__, codes), map(_WHY.__getitem__, codes)))
    if _GAP in codes:
        return [span for span, code in zip(spans, codes, strict=True) if code != _GAP]
    return spans


class SealedMonth(msgspec.Struct, frozen=True, gc=False):
    """Spans of the closed days of one subject in one local month. `base_ms` is the month's first instant, `upto_ms` where the
    closed days end."""

    subject: str
    month: str
    base_ms: int
    upto_ms: int
    device: bytes
    e2e: bytes
    beside: bytes = b""
    """Both views' `details`; nearly always empty."""

    def spans(self, view: View) -> list[Span]:
        """The spans of a view."""
        return unpack(self.device if view is View.DEVICE else self.e2e, self.base_ms)

    def details(self, view: View) -> Details:
        """Unconfirmed failures and hard instants of a view (R4.1, R4.3)."""
        return details_.unpack(self.beside, view, self.base_ms) if self.beside else NOTHING


def seal_month(
    subject: str,
    month: str,
    bounds: tuple[int, int],
    device: Sequence[Span],
    e2e: Sequence[Span],
    *,
    beside: tuple[Details, Details] = (NOTHING, NOTHING),
) -> SealedMonth:
    """Pack both views. `bounds` are the month's first instant and the end of its closed days; `beside` are the details of the
    device view and of the end-to-end view."""
    base_ms, upto_ms = bounds
    return SealedMonth(
        subject, month, base_ms, upto_ms, pack(device, base_ms), pack(e2e, base_ms), details_.pack(*beside, base_ms)
    )


class StandingRow(msgspec.Struct, frozen=True, gc=False):
    """Where one subject's ledger stands at `upto_ms`; `body` is the keeper's."""

    subject: str
    upto_ms: int
    body: bytes


# --- what a link of the chain says


def _hash(*parts: object) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode(parts)).digest()


def evidence_digest(runs: Iterable[Run], until_ms: int, known_ms: int) -> bytes:
    """SHA-256 over `run_bytes` of the runs that touch a day, in order of ids."""
    digest = hashlib.sha256()
    for run in runs:
        digest.update(run_bytes(run, until_ms, known_ms))
    return digest.digest()


def day_digest(months: Iterable[SealedMonth], from_ms: int, until_ms: int) -> bytes:
    """SHA-256 over what is closed of a day: each subject's spans in both views and, where there are any, unconfirmed failures
    and hard instants. In order of subjects, whatever the order of `months`, which are those that the day is in."""
    digest, encode = hashlib.sha256(), msgspec.msgpack.encode
    for month in sorted(months, key=lambda month: month.subject):
        spans = [_clipped(month.spans(view), from_ms, until_ms) for view in _VIEWS]
        digest.update(encode((month.subject, *spans)))
        beside = [month.details(view).within(from_ms, until_ms) for view in _VIEWS] if month.beside else ()
        if any(one != NOTHING for one in beside):
            digest.update(encode([(one.soft, one.confirmed) for one in beside]))
    return digest.digest()


def _clipped(spans: Sequence[Span], from_ms: int, until_ms: int) -> list[tuple[int, int, str, str]]:
    return [
        (max(span.from_ms, from_ms), min(span.to_ms, until_ms), span.state.value, span.why.value)
        for span in spans
        if span.from_ms < until_ms and span.to_ms > from_ms
    ]


COMMITTED_MS: Final = 60_000
"""What was received so long ago is stored."""


def linkable(until_ms: int, now_ms: int, late_after_ms: int) -> int | None:
    """The K as of which a day that ended at `until_ms` may be linked now; None: it is too early.

    Nothing live about the day may come after K (R9.1), for of late evidence each batch is told apart and of live evidence only
    that it went on; and all that was received until K must be stored, or the same digest could not be made again.
    """
    known_ms = now_ms - COMMITTED_MS
    return known_ms if known_ms >= until_ms + late_after_ms else None


def run_bytes(run: Run, until_ms: int, known_ms: int) -> bytes:
    """Canonical bytes of what a run tells of the time before `until_ms`, as known at K; b"" for nothing.

    They stay the same while the run grows, if K is `linkable`.
    """
    known = known_at(run, known_ms)
    if known is None or run.first_t_ms >= until_ms:
        return b""
    limit_ms = until_ms
    if run.outcome is Outcome.OK and run.grade is Grade.LIVE:
        # Which samples near the end are kept is found only when the run goes on.
        limit_ms -= run.interval_ms * 3 // 2
    marks = [mark for mark in known.marks if mark[1] < limit_ms]
    last = (run.count, run.last_t_ms, run.last_rx_ms)
    if known.whole and known.last_ms < limit_ms and marks[-1] != last:
        marks.append(last)
    identity = (
        run.target, run.observer, run.module, run.kind.value, run.outcome.value, run.reason.value, run.detail, run.interval_ms,
        run.stream, run.boot, run.lane.value, run.grade.value, run.quality.value, run.first_seq, run.first_uptime_ms,
        run.first_asleep_ms, run.first_wall_ms, run.from_ms, run.until_ms, run.delta_ms,
    )  # fmt: skip
    return msgspec.msgpack.encode((run.id, identity, marks, known.last_ms >= limit_ms))


class Link(msgspec.Struct, frozen=True):
    """One link of the chain. `kind` is `day` or `report`, `name` the local day or what the report is called. A day may have
    several: what late evidence changed is linked anew, and the older link stays.

    `spans` is the digest of a day's spans or of a report's body, `evidence` that of the evidence known at `known_ms`.
    """

    number: int
    kind: str
    name: str
    from_ms: int
    until_ms: int
    known_ms: int
    spans: bytes
    evidence: bytes
    previous: bytes
    hash: bytes


FIRST: Final = bytes(32)
"""What the first link follows."""


def link(previous: Link | None, kind: str, name: str, span: tuple[int, int, int], digests: tuple[bytes, bytes]) -> Link:
    """The next link. `span`: from, until and K; `digests`: of spans and of evidence."""
    number, before = (previous.number + 1, previous.hash) if previous else (1, FIRST)
    return Link(number, kind, name, *span, *digests, before, _hash(number, kind, name, *span, *digests, before))


def verify(links: Iterable[Link]) -> int | None:
    """Number of the first link that is altered, missing or out of place; None when the chain is whole.

    That nothing was cut off at its end only a printed head can tell.
    """
    previous: Link | None = None
    for found in links:
        span, digests = (found.from_ms, found.until_ms, found.known_ms), (found.spans, found.evidence)
        expected = link(previous, found.kind, found.name, span, digests)
        if found != expected:
            return expected.number
        previous = found
    return None


def configuration_digest(named: Iterable[tuple[str, bytes]]) -> str:
    """Hexadecimal SHA-256 over names and canonical bytes of the configuration in force, in order of names (R17.4)."""
    return _hash(*sorted(named)).hex()


class IssuedReport(msgspec.Struct, frozen=True):
    """A version of a report as it was handed out (R17.1). `version` is 0 until the store has given one; `head` is the hash of
    the newest link then, `body` what the report said (JSON)."""

    period: str
    scope: str
    version: int
    from_ms: int
    until_ms: int
    known_ms: int
    issued_ms: int
    issued_by: str
    head: bytes
    body: bytes


class Entries(msgspec.Struct):
    """What is written into the books together: whole or not at all, so that a figure never stands beside half of its reasons.

    `links` follow the newest link, in order. `restated` adds to the totals.
    """

    months: list[SealedMonth] = []
    standing: list[StandingRow] = []
    links: list[Link] = []
    restatements: list[RestatementLine] = []
    restated: list[Restated] = []
    forgotten: list[str] = []
    """Subjects that have no standing any more; their closed days stay."""
    issued: list[IssuedReport] = []
    """Versions of reports; each bears the number that follows the newest one."""
    audited: list[AuditEntry] = []
    """What the audit trail says of it."""
