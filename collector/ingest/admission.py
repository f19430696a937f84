"""What an agent may say: only targets that inventory gives it, in numbers and words the store can hold.

Pure. `check_batch` refuses a whole batch that no honest agent sends; `admit` refuses single reports, each with a reason.
What else a single report may not hold is refused where it is numbered (`core.intake`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from agent.model import AGENT, HEARTBEAT, HOST, Kind, Report
from agent.orders_copy import NO_ORDERS, TAG_PATTERN
from agent.wire import Batch, Group, OrdersState, WireError
from collector.core.evidence import TargetInfo
from collector.core.refusal import Refusal, RefusalCode

MAX_GROUPS: Final = 256
"""Groups in one batch: one per lane and boot, so a spool that saw more boots sends several batches."""
_MAX_INT: Final = 2**53
_MAX_VERSION: Final = 64
_MAX_DETAIL: Final = 1_024
_TAG: Final = re.compile(TAG_PATTERN)
_MODULE: Final = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,127}\Z")
_OWN_HOST_ONLY: Final = frozenset({Kind.AGENT_START, Kind.AGENT_STOP, Kind.STALL, Kind.CLOCK_STEP, Kind.BLIND})
SIGHT: Final = "sight"
"""Module of blindness that is stated of a single target (`agent.probes.sight`)."""
_OWN_MODULES: Final = frozenset({HEARTBEAT, HOST, AGENT})
"""Reports of these are the machine's own. Those of other modules may carry the values of a device that the agent polled."""


class Admission(msgspec.Struct, frozen=True):
    """What of a batch is admitted, and what is refused; `offered` counts the reports and losses there were."""

    groups: tuple[Group, ...]
    refused: tuple[Refusal, ...]
    offered: int

    @property
    def is_forbidden(self) -> bool:
        """Whether nothing in the batch was this agent's to report (403)."""
        return bool(self.refused) and len(self.refused) == self.offered


def check_batch(batch: Batch) -> None:
    """Refuse numbers and texts no store can hold (64-bit columns, printable text). Raises `WireError`."""
    if len(batch.groups) > MAX_GROUPS:
        raise WireError("too_many", f"{len(batch.groups)} groups, at most {MAX_GROUPS} a batch")
    if not (-1 < batch.uptime_ms < _MAX_INT and -1 < batch.awake_ms < _MAX_INT and -_MAX_INT < batch.wall_ms < _MAX_INT):
        raise WireError("bad_time", "uptime_ms, awake_ms or wall_ms is outside 0 to 2^53 milliseconds")
    version = batch.agent_version
    if version and (len(version) > _MAX_VERSION or not version.isprintable()):
        raise WireError("bad_text", f"agent_version: expected at most {_MAX_VERSION} printable characters")
    if batch.watermarks:
        _check_watermarks(batch)
    if batch.orders is not None:
        _check_orders(batch.orders)


def _check_orders(state: OrdersState) -> None:
    if not (_TAG.match(state.tag or NO_ORDERS) and _TAG.match(state.refused or NO_ORDERS)):
        raise WireError("bad_orders", "orders: expected tags of at most 64 of [0-9a-z]")
    if len(state.detail) > _MAX_DETAIL or not state.detail.isprintable():
        raise WireError("bad_orders", f"orders: expected a detail of at most {_MAX_DETAIL} printable characters")


def _check_watermarks(batch: Batch) -> None:
    lanes = {mark.lane for mark in batch.watermarks}
    if len(lanes) != len(batch.watermarks):
        raise WireError("bad_watermark", "a lane appears twice in watermarks")
    for mark in batch.watermarks:
        for value in (mark.produced, mark.oldest, mark.reports, mark.bytes):
            if not -1 < value < _MAX_INT:
                raise WireError("bad_watermark", f"lane {mark.lane}: {value}, expected 0 to 2^53")


def admit(batch: Batch, agent: str, targets: Mapping[str, TargetInfo]) -> Admission:
    """Keep what `agent` may report of `targets` (all of the inventory). Losses are always the agent's own to state."""
    refused: list[Refusal] = []
    offered = 0
    for group in batch.groups:
        offered += len(group.reports) + len(group.losses)
        for report in group.reports:
            code = _refusal(report, agent, targets.get(report.target))
            if code is not None:
                refused.append(Refusal(group.lane, report.seq, code, _detail(code, report)))
    groups = _without(batch.groups, refused) if refused else batch.groups
    return Admission(groups=groups, refused=tuple(refused), offered=offered)


def _refusal(report: Report, agent: str, target: TargetInfo | None) -> RefusalCode | None:
    """Why this report is refused; None if it is admitted."""
    if target is None or (target.via != agent and agent not in target.observers):
        return RefusalCode.TARGET_NOT_YOURS
    if report.target != agent and _is_own_host_only(report):
        return RefusalCode.KIND_OWN_HOST_ONLY
    if not _MODULE.match(report.module):
        return RefusalCode.BAD_MODULE
    return None


def _is_own_host_only(report: Report) -> bool:
    if report.kind is Kind.BLIND and report.module == SIGHT:
        return False  # An observer that lost its way out saw nothing of this one target.
    return report.kind in _OWN_HOST_ONLY or (report.kind is Kind.REPORT and report.module in _OWN_MODULES)


def _detail(code: RefusalCode, report: Report) -> str:
    match code:
        case RefusalCode.TARGET_NOT_YOURS:
            return f"target {report.target[:64]!r} is not one that inventory lets this agent report"
        case RefusalCode.KIND_OWN_HOST_ONLY:
            return f"{report.kind} of target {report.target[:64]!r}: an agent says this of its own host only"
        case _:
            return f"module {report.module[:64]!r}: expected 1 to 128 of [a-z0-9_.:-]"


def _without(groups: tuple[Group, ...], refused: list[Refusal]) -> tuple[Group, ...]:
    gone = {(one.lane, one.seq) for one in refused}
    kept: list[Group] = []
    for group in groups:
        reports = tuple(report for report in group.reports if (group.lane, report.seq) not in gone)
        if reports or group.losses:
            kept.append(msgspec.structs.replace(group, reports=reports))
    return tuple(kept)
